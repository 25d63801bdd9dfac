#include "recovery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

json_t *
recovery_grant_record (const struct lease *lease, const struct gpus *gpus)
{
    json_t *buses = json_array ();

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (lease->gpus & (1U << i))
            (void) json_array_append_new (buses, json_string (gpus->table[i].bus));
    return json_pack ("{s:s s:s s:I s:o s:s s:O}", "op", "grant", "lease", lease->id, "since",
                      (json_int_t) lease->since, "gpus", buses, "decision", lease->decision, "order",
                      lease->order.parameters);
}

json_t *
recovery_activate_record (const struct lease *lease)
{
    return json_pack ("{s:s s:s s:i s:I}", "op", "activate", "lease", lease->id, "pid", (int) lease->pid,
                      "start", (json_int_t) lease->start);
}

json_t *
recovery_report_record (const struct lease *lease)
{
    return json_pack ("{s:s s:s s:i s:b s:s}", "op", "report", "lease", lease->id, "level",
                      (int) lease->level, "ok", lease->ready, "reason", lease->verdict);
}

json_t *
recovery_release_record (const struct lease *lease)
{
    return json_pack ("{s:s s:s}", "op", "release", "lease", lease->id);
}

/* A GPU that was leased and is not here now keeps its place for its return.  */
static uint32_t
find_gpus (struct gpus *gpus, const json_t *buses)
{
    uint32_t set = 0;
    size_t i;
    json_t *bus;

    json_array_foreach ((json_t *) buses, i, bus) {
        int index = json_is_string (bus) ? gpus_expect (gpus, json_string_value (bus)) : -1;

        if (index >= 0)
            set |= 1U << index;
    }
    return set;
}

static bool
is_lease_id (const char *id)
{
    return id && strlen (id) == 32 && strspn (id, "0123456789abcdef") == 32;
}

static void
replay_grant (struct leasing *l, const char *id, const json_t *record)
{
    const char *decision = json_string_value (json_object_get (record, "decision"));
    struct lease *lease;
    struct order order;
    struct error err;

    if (lease_find (&l->leases, id) || order_parse (&order, json_object_get (record, "order"), &err) < 0)
        return;
    lease = lease_take (&l->leases);
    if (!lease) {
        order_finish (&order);
        return;
    }
    lease->state = LEASE_GRANTED;
    lease->order = order;
    lease->gpus = find_gpus (l->gpus, json_object_get (record, "gpus"));
    lease->since = json_integer_value (json_object_get (record, "since"));
    (void) snprintf (lease->id, sizeof lease->id, "%s", id);
    (void) snprintf (lease->decision, sizeof lease->decision, "%s", decision ? decision : "");
}

static void
replay_report (struct lease *lease, const json_t *record)
{
    const char *reason = json_string_value (json_object_get (record, "reason"));
    json_int_t level = json_integer_value (json_object_get (record, "level"));

    lease->level = level > READY_AUTO && level <= READY_VAAPI ? (enum request_ready) level : READY_AUTO;
    lease->ready = json_is_true (json_object_get (record, "ok"));
    (void) snprintf (lease->verdict, sizeof lease->verdict, "%s", reason ? reason : "");
    if (!lease->ready && lease->order.request.on_failure == FAILURE_START_WITHOUT)
        lease->gpus = 0;
}

static void
replay (void *userdata, json_t *record)
{
    struct leasing *l = userdata;
    const char *op = json_string_value (json_object_get (record, "op"));
    const char *id = json_string_value (json_object_get (record, "lease"));
    struct lease *lease;

    if (!op || !is_lease_id (id))
        return;
    if (strcmp (op, "grant") == 0) {
        replay_grant (l, id, record);
        return;
    }
    lease = lease_find (&l->leases, id);
    if (!lease)
        return;
    if (strcmp (op, "activate") == 0) {
        lease->pid = (pid_t) json_integer_value (json_object_get (record, "pid"));
        lease->start = (uint64_t) json_integer_value (json_object_get (record, "start"));
    } else if (strcmp (op, "report") == 0) {
        replay_report (lease, record);
    } else if (strcmp (op, "release") == 0) {
        lease_drop (&l->leases, lease);
    }
}

static void
read_boot_id (char *out, size_t size)
{
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    size_t len;

    out[0] = '\0';
    if (file_read ("/proc/sys/kernel/random/boot_id", 4096, &text, &len, &ignored) == 0)
        (void) snprintf (out, size, "%.36s", text);
}

/* Nothing of another boot lives. The lease directory is part of a lease: it is made right after the record.
 */
static bool
is_alive (struct leasing *l, struct lease *lease, struct error *err)
{
    if (!leasedir_exists (&l->dir, lease->id))
        return false;
    if (lease->pid == 0) {
        lease->expires = alarm_now () + (uint64_t) l->config->activate_timeout_ms * 1000;
        alarm_need (&l->alarm, lease->expires);
        return true;
    }
    if (leasing_watch (l, lease, lease->pid, lease->start, err) < 0)
        return false;
    lease->state = lease->gpus ? LEASE_ACTIVE : LEASE_WITHOUT;
    return true;
}

static void
drop_dead (struct leasing *l)
{
    unsigned i = 0;

    while (i < l->leases.n) {
        struct lease *lease = &l->leases.table[l->leases.order[i]];
        struct error err;

        if (is_alive (l, lease, &err))
            i++;
        else
            lease_drop (&l->leases, lease);
    }
}

static bool
is_known (void *userdata, const char *id)
{
    struct leasing *l = userdata;

    return lease_find (&l->leases, id) != NULL;
}

static int
write_all_leases (void *userdata, struct journal *journal, struct error *err)
{
    struct leasing *l = userdata;
    const struct lease *lease;
    char boot[40];

    read_boot_id (boot, sizeof boot);
    if (journal_append (journal, json_pack ("{s:s s:s}", "op", "boot", "boot", boot), err) < 0)
        return -1;
    leases_foreach (&l->leases, lease) {
        if (journal_append (journal, recovery_grant_record (lease, l->gpus), err) < 0
            || (lease->pid && journal_append (journal, recovery_activate_record (lease), err) < 0)
            || (lease->level != READY_AUTO
                && journal_append (journal, recovery_report_record (lease), err) < 0))
            return -1;
    }
    return 0;
}

int
recovery_rewrite_journal (struct leasing *l, struct error *err)
{
    char path[sizeof l->journal.path];

    (void) snprintf (path, sizeof path, "%s", l->journal.path);
    return journal_start (&l->journal, path, write_all_leases, l, err);
}

struct boot {
    char now[40];
    bool other;
};

static void
check_boot (void *userdata, json_t *record)
{
    struct boot *boot = userdata;
    const char *op = json_string_value (json_object_get (record, "op"));
    const char *id = json_string_value (json_object_get (record, "boot"));

    if (op && id && strcmp (op, "boot") == 0)
        boot->other = strcmp (id, boot->now) != 0;
}

int
recovery_run (struct leasing *l, const char *journal, struct error *err)
{
    struct boot boot = {.other = false};
    unsigned skipped;

    read_boot_id (boot.now, sizeof boot.now);
    if (journal_read (journal, check_boot, &boot, &skipped, err) < 0
        || (!boot.other && journal_read (journal, replay, l, &skipped, err) < 0))
        return -1;
    if (skipped > 0)
        (void) fprintf (stderr,
                        "journal %s: %u damaged records passed over: a running container that drictl "
                        "status does not show has to be started anew\n",
                        journal, skipped);
    drop_dead (l);
    leasedir_sweep (&l->dir, is_known, l);
    if (journal_start (&l->journal, journal, write_all_leases, l, err) < 0)
        return -1;
    leasing_gpus_changed (l);
    return 0;
}
