/* A machine full of processes, for the figures of drictl status.
 *
 * crowd FOLDER CONTAINERS PROCESSES FOREIGN WAITING FILES: so many leased containers of so many processes
 * each, beside so many processes of no container, and so many containers that wait. Prints "ready", and takes
 * all of it back at the end of standard input. Every process has so many open files, the standard three among
 * them; those in containers one more, a stand-in for a DRM device with a client of its own (dri-broker
 * --simulate). The broker is the one at DRI_BROKER_SOCKET; it has slots for all.  */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../hook/cgroup.h"
#include "exchange.h"

enum { CONTAINERS_MAX = 256 };

static char groups[96]; /* a control group for those of the containers */
static const char *folder;
static unsigned files; /* of a process */

static void
container_id (char id[72], unsigned container)
{
    (void) snprintf (id, 72, "%08x%056x", container, 0xbe4c);
}

static void
write_text (const char *path, const char *text, int flags)
{
    int fd = open (path, O_WRONLY | O_CLOEXEC | flags, 0644);

    if (fd < 0 || write (fd, text, strlen (text)) < 0)
        die (path);
    (void) close (fd);
}

static void
open_stand_in (unsigned client)
{
    char path[PATH_MAX], text[400];

    (void) snprintf (path, sizeof path, "%s/%u.fdinfo", folder, client);
    (void) snprintf (
        text, sizeof text,
        "pos:\t0\nflags:\t02100002\nmnt_id:\t27\nino:\t1234\ndrm-driver:\ti915\ndrm-client-id:\t%u\n"
        "drm-pdev:\t0000:00:02.0\ndrm-total-system0:\t30 MiB\ndrm-resident-system0:\t20 MiB\n"
        "drm-engine-render:\t%u ns\ndrm-engine-copy:\t0 ns\ndrm-engine-video:\t7 ns\n"
        "drm-engine-capacity-video:\t2\ndrm-engine-video-enhance:\t3 ns\n",
        client, client);
    write_text (path, text, O_CREAT | O_TRUNC);
    if (open (path, O_RDONLY) < 0)
        die (path);
}

/* What the bench has open is nothing that a container's processes would have.  */
static void
drop_inherited (int keep)
{
    if (keep > STDERR_FILENO + 1)
        (void) close_range (STDERR_FILENO + 1, (unsigned) keep - 1, 0);
    (void) close_range ((unsigned) keep + 1, ~0U, 0);
}

/* Ready is told by the end of the pipe.  */
static pid_t
start_process (const char *group, unsigned client, int ready)
{
    char path[160];
    pid_t pid = fork ();

    if (pid < 0)
        die ("fork");
    if (pid > 0)
        return pid;
    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    drop_inherited (ready);
    if (group) {
        (void) snprintf (path, sizeof path, "%s/cgroup.procs", group);
        write_text (path, "0", 0);
        open_stand_in (client);
    }
    for (unsigned i = STDERR_FILENO + 1; i < files; i++)
        if (open ("/dev/null", O_RDONLY) < 0)
            die ("/dev/null");
    (void) close (ready);
    for (;;)
        (void) pause ();
}

static pid_t
start_container (unsigned container, unsigned processes, int ready)
{
    char id[72], group[sizeof groups + sizeof id];
    pid_t first = 0;

    container_id (id, container);
    (void) snprintf (group, sizeof group, "%s/%s", groups, id);
    if (mkdir (group, 0755) < 0 && errno != EEXIST)
        die (group);
    for (unsigned i = 0; i < processes; i++) {
        pid_t pid = start_process (group, container * processes + i + 1, ready);

        first = first ? first : pid;
    }
    return first;
}

static void
lease (int fd, unsigned container, pid_t pid)
{
    struct message m, reply;
    char id[LEASE_LEN + 1];

    format_acquire (&m, container, true);
    round_trip (fd, &m, &reply);
    (void) snprintf (id, sizeof id, "%.*s", LEASE_LEN, lease_of (&reply));
    format_call (&m, "Activate", json_pack ("{s:s s:i}", "lease", id, "pid", (int) pid));
    round_trip (fd, &m, &reply);
}

static void
put_off (int fd, unsigned container)
{
    struct message m, reply;
    char id[72];

    container_id (id, container);
    format_call (&m, "Acquire",
                 json_pack ("{s:{s:s s:s} s:{s:i s:i} s:{s:s s:s s:s s:s} s:b}", "container", "id", id,
                            "engine", "docker", "workload", "uid", 1000, "gid", 1000, "request", "enable",
                            "true", "access", "exclusive", "on-failure", "defer", "wait", "0s", "detached",
                            1));
    send_message (fd, &m);
    if (!receive_message (fd, &reply))
        die ("the broker hung up");
}

static void
call_by_container (int fd, unsigned container)
{
    struct message m, reply;
    char id[72];

    container_id (id, container);
    format_call (&m, "Release", json_pack ("{s:s s:b}", "container", id, "force", 1));
    send_message (fd, &m);
    (void) receive_message (fd, &reply);
}

static void
remove_groups (unsigned containers)
{
    char id[72], group[sizeof groups + sizeof id];

    for (unsigned i = 0; i < containers; i++) {
        container_id (id, i);
        (void) snprintf (group, sizeof group, "%s/%s", groups, id);
        (void) rmdir (group);
    }
    (void) rmdir (groups);
}

static void
fill (int fd, const unsigned numbers[4])
{
    static pid_t first[CONTAINERS_MAX];
    int ready[2];
    char byte;

    if (pipe (ready) < 0)
        die ("pipe");
    for (unsigned i = 0; i < numbers[2]; i++)
        (void) start_process (NULL, 0, ready[1]);
    for (unsigned i = 0; i < numbers[0]; i++)
        first[i] = start_container (i, numbers[1], ready[1]);
    (void) close (ready[1]);
    while (read (ready[0], &byte, 1) > 0)
        continue;
    (void) close (ready[0]);
    for (unsigned i = 0; i < numbers[0]; i++)
        lease (fd, i, first[i]);
    for (unsigned i = 0; i < numbers[3]; i++)
        put_off (fd, numbers[0] + i);
}

static void
empty (const unsigned numbers[4])
{
    int fd = connect_broker ();

    for (unsigned i = numbers[0] + numbers[3]; i-- > 0;)
        call_by_container (fd, i);
    (void) close (fd);
    (void) signal (SIGTERM, SIG_IGN);
    (void) kill (0, SIGTERM);
    while (wait (NULL) > 0)
        continue;
    remove_groups (numbers[0]);
}

int
main (int argc, char **argv)
{
    unsigned numbers[4];
    char text[64];
    int fd;

    if (argc != 7) {
        (void) fputs ("usage: crowd FOLDER CONTAINERS PROCESSES FOREIGN WAITING FILES\n", stderr);
        return 2;
    }
    for (unsigned i = 0; i < 4; i++)
        numbers[i] = (unsigned) strtoul (argv[i + 2], NULL, 10);
    files = (unsigned) strtoul (argv[6], NULL, 10);
    if (numbers[0] > CONTAINERS_MAX || setpgid (0, 0) < 0)
        die ("crowd");
    folder = argv[1];
    (void) snprintf (groups, sizeof groups, "/sys/fs/cgroup%s/dri-bench", cgroup_is_v2 () ? "" : "/devices");
    if (mkdir (groups, 0755) < 0 && errno != EEXIST)
        die (groups);
    fd = connect_broker ();
    fill (fd, numbers);
    (void) close (fd);
    (void) puts ("ready");
    (void) fflush (stdout);
    while (read (STDIN_FILENO, text, sizeof text) > 0)
        continue;
    empty (numbers);
    return 0;
}
