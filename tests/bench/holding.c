#include "holding.h"

#include <stdio.h>
#include <unistd.h>

#include "exchange.h"

enum { LEASES = 256 };

static void
print_memory (pid_t broker, const char *when)
{
    char path[48], line[128];
    unsigned long kib, private = 0;
    FILE *f;

    (void) snprintf (path, sizeof path, "/proc/%d/smaps_rollup", (int) broker);
    f = fopen (path, "re");
    if (!f)
        die (path);
    while (fgets (line, sizeof line, f))
        if (sscanf (line, "Private_Clean: %lu", &kib) == 1 || sscanf (line, "Private_Dirty: %lu", &kib) == 1)
    private += kib;
    (void) fclose (f);
    (void) printf ("%-38s %9lu KiB\n", when, private);
}

/* As living containers hold them: each with a pidfd.  */
static void
take_leases (int fd, char leases[LEASES][LEASE_LEN + 1])
{
    struct message m, reply;

    for (unsigned i = 0; i < LEASES; i++) {
        format_acquire (&m, i, true);
        round_trip (fd, &m, &reply);
        (void) snprintf (leases[i], sizeof leases[i], "%.*s", LEASE_LEN, lease_of (&reply));
        format_call (&m, "Activate", json_pack ("{s:s s:i}", "lease", leases[i], "pid", (int) getpid ()));
        round_trip (fd, &m, &reply);
    }
}

static void
give_back (int fd, char leases[LEASES][LEASE_LEN + 1])
{
    struct message m, reply;

    for (unsigned i = 0; i < LEASES; i++) {
        format_release (&m, leases[i]);
        round_trip (fd, &m, &reply);
    }
}

int
hold_leases (pid_t broker, bool print)
{
    char leases[LEASES][LEASE_LEN + 1], text[64];
    int fd = connect_broker ();

    if (print)
        print_memory (broker, "broker, private memory");
    take_leases (fd, leases);
    if (print) {
        print_memory (broker, "broker, private memory, 256 leases");
    } else {
        /* Holding no connection either.  */
        (void) close (fd);
        (void) puts ("held");
        (void) fflush (stdout);
        while (read (STDIN_FILENO, text, sizeof text) > 0)
            continue;
        fd = connect_broker ();
    }
    give_back (fd, leases);
    (void) close (fd);
    return 0;
}
