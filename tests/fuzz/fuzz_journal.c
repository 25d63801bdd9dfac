/* The journal of a broker that died, in a file. What can be read of it is written to a new one, and comes
 * back from there the same.  */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/lease.h"
#include "oci/cleanup.h"
#include "oci/file.h"

/* A file that is gone with the process. path has room for 40.  */
static int
memory_file (char *path)
{
    int fd = memfd_create ("journal", MFD_CLOEXEC);

    must (fd >= 0);
    (void) snprintf (path, 40, "/proc/self/fd/%d", fd);
    return fd;
}

static void
parse_grant (void *userdata, json_t *record)
{
    json_t *records = userdata;
    struct order order;
    struct error err;

    (void) json_array_append (records, record);
    if (order_parse (&order, json_object_get (record, "order"), &err) == 0)
        order_finish (&order);
}

static unsigned
read_records (const char *path, json_t *records)
{
    struct error err;
    unsigned skipped;

    must (journal_read (path, parse_grant, records, &skipped, &err) == 0);
    return skipped;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *records = json_array ();
    _cleanup_json_ json_t *again = json_array ();
    struct journal journal = {.path = "fuzz"};
    char path[40];
    int fd = memory_file (path);
    struct error err;
    size_t i;
    json_t *record;

    must (write_all (fd, (const char *) data, size) == 0);
    (void) read_records (path, records);
    (void) close (fd);
    journal.fd = memory_file (path);
    json_array_foreach (records, i, record)
        must (journal_append (&journal, json_incref (record), &err) == 0);
    must (journal.bytes == (size_t) lseek (journal.fd, 0, SEEK_END));
    must (read_records (path, again) == 0);
    must (json_equal (records, again));
    journal_close (&journal);
    return 0;
}
