#include "verdicts.h"

#include <stdio.h>
#include <string.h>

#include "process.h"

/* --- the table --- */

bool
verdict_key_valid (const char *key)
{
    size_t len = strlen (key);

    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return len > 0 && len < VERDICT_KEY_MAX;
}

static struct kept_verdict *
lookup (struct verdicts *verdicts, const char *key, const char *device)
{
    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        struct kept_verdict *entry = &verdicts->table[i];

        if (entry->key[0] && strcmp (entry->key, key) == 0 && strcmp (entry->device, device) == 0)
            return entry;
    }
    return NULL;
}

const struct kept_verdict *
verdicts_find (struct verdicts *verdicts, const char *key, const char *device)
{
    struct kept_verdict *entry = lookup (verdicts, key, device);

    if (entry)
        entry->used = ++verdicts->clock;
    return entry;
}

static struct kept_verdict *
oldest (struct verdicts *verdicts)
{
    struct kept_verdict *oldest = &verdicts->table[0];

    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        struct kept_verdict *entry = &verdicts->table[i];

        if (!entry->key[0])
            return entry;
        if (entry->used < oldest->used)
            oldest = entry;
    }
    return oldest;
}

static bool
is_complete (const struct kept_verdict *verdict)
{
    return verdict_key_valid (verdict->key) && verdict->device[0]
           && strlen (verdict->device) < VERDICT_DEVICE_MAX - 1 && verdict->level != READY_AUTO;
}

void
verdicts_put (struct verdicts *verdicts, const struct kept_verdict *verdict)
{
    struct kept_verdict *entry;

    if (!is_complete (verdict))
        return;
    entry = lookup (verdicts, verdict->key, verdict->device);
    if (!entry)
        entry = oldest (verdicts);
    *entry = *verdict;
    entry->used = ++verdicts->clock;
}

unsigned
verdicts_drop (struct verdicts *verdicts, const char *key, const char *device)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        struct kept_verdict *entry = &verdicts->table[i];

        if (!entry->key[0] || strcmp (entry->device, device) != 0 || (key && strcmp (entry->key, key) != 0))
            continue;
        entry->key[0] = '\0';
        n++;
    }
    return n;
}

/* --- the file: the records of a journal, {"boot":…}, {"keep":…} and {"forget":…} --- */

static json_t *
keep_record (const struct kept_verdict *v)
{
    return json_pack ("{s:{s:s s:s s:s s:b s:s}}", "keep", "key", v->key, "device", v->device, "level",
                      ready_name (v->level), "ok", v->ok, "reason", v->reason);
}

static bool
take_text (char *out, size_t size, const json_t *object, const char *member)
{
    const char *text = json_string_value (json_object_get (object, member));

    return text && (size_t) snprintf (out, size, "%s", text) < size;
}

static void
replay_keep (struct verdicts *verdicts, const json_t *record)
{
    struct kept_verdict verdict = {.ok = json_is_true (json_object_get (record, "ok"))};
    const char *level = json_string_value (json_object_get (record, "level"));

    if (!level || !take_text (verdict.key, sizeof verdict.key, record, "key")
        || !take_text (verdict.device, sizeof verdict.device, record, "device")
        || !take_text (verdict.reason, sizeof verdict.reason, record, "reason"))
        return;
    for (int i = READY_NODE; i <= READY_VAAPI; i++)
        if (strcmp (level, ready_name ((enum request_ready) i)) == 0)
            verdict.level = (enum request_ready) i;
    verdicts_put (verdicts, &verdict);
}

struct replay {
    struct verdicts *verdicts;
    char boot[BOOT_ID_MAX];
    bool ours;
};

static void
replay (void *userdata, json_t *record)
{
    struct replay *r = userdata;
    const char *boot = json_string_value (json_object_get (record, "boot"));
    const json_t *keep = json_object_get (record, "keep"), *forget = json_object_get (record, "forget");
    const char *device = json_string_value (json_object_get (forget, "device"));

    if (boot)
        r->ours = strcmp (boot, r->boot) == 0;
    if (keep && r->ours)
        replay_keep (r->verdicts, keep);
    if (device && r->ours)
        (void) verdicts_drop (r->verdicts, json_string_value (json_object_get (forget, "key")), device);
}

/* The one that was used next after this.  */
static const struct kept_verdict *
next_used (const struct verdicts *verdicts, uint64_t after)
{
    const struct kept_verdict *next = NULL;

    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        const struct kept_verdict *entry = &verdicts->table[i];

        if (entry->key[0] && entry->used > after && (!next || entry->used < next->used))
            next = entry;
    }
    return next;
}

/* In order of use, which the next reader takes them for.  */
static int
write_everything (void *userdata, struct journal *journal, struct error *err)
{
    const struct verdicts *verdicts = userdata;
    char boot[BOOT_ID_MAX];

    process_boot_id (boot);
    if (journal_append (journal, json_pack ("{s:s}", "boot", boot), err) < 0)
        return -1;
    for (const struct kept_verdict *v = next_used (verdicts, 0); v; v = next_used (verdicts, v->used))
        if (journal_append (journal, keep_record (v), err) < 0)
            return -1;
    return 0;
}

int
verdicts_open (struct verdicts *verdicts, const char *path, struct error *err)
{
    struct replay r = {.verdicts = verdicts};
    unsigned skipped;

    verdicts->journal.fd = -1;
    process_boot_id (r.boot);
    if (journal_read (path, replay, &r, &skipped, err) < 0)
        return -1;
    return journal_start (&verdicts->journal, path, write_everything, verdicts, err);
}

void
verdicts_close (struct verdicts *verdicts)
{
    journal_close (&verdicts->journal);
}

static int
append (struct verdicts *verdicts, json_t *record, struct error *err)
{
    char path[sizeof verdicts->journal.path];

    if (verdicts->journal.fd < 0) {
        json_decref (record);
        return 0;
    }
    if (journal_append (&verdicts->journal, record, err) < 0)
        return -1;
    if (!journal_is_long (&verdicts->journal))
        return 0;
    (void) snprintf (path, sizeof path, "%s", verdicts->journal.path);
    return journal_start (&verdicts->journal, path, write_everything, verdicts, err);
}

int
verdicts_keep (struct verdicts *verdicts, const struct kept_verdict *verdict, struct error *err)
{
    verdicts_put (verdicts, verdict);
    return is_complete (verdict) ? append (verdicts, keep_record (verdict), err) : 0;
}

int
verdicts_forget (struct verdicts *verdicts, const char *key, const char *device, struct error *err)
{
    if (verdicts_drop (verdicts, key, device) == 0)
        return 0;
    return append (verdicts, json_pack ("{s:{s:s? s:s}}", "forget", "key", key, "device", device), err);
}
