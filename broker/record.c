#include "record.h"

#include <string.h>

/* What is recorded of whom, in an object that is still open.  */
static struct writer
begin (const char *op, const char *subject, const char *id)
{
    struct writer w = {.text = NULL};

    writer_words (&w, "{\"op\":");
    writer_string (&w, op);
    writer_words (&w, ",");
    writer_string (&w, subject);
    writer_words (&w, ":");
    writer_string (&w, id);
    return w;
}

static struct writer
begin_lease (const char *op, const struct lease *lease)
{
    return begin (op, "lease", lease->id);
}

static struct writer
begin_container (const char *op, const struct waiter *waiter)
{
    return begin (op, "container", waiter->order.container.id);
}

/* The GPUs of a lease, and why these.  */
static void
write_decision (struct writer *w, const struct lease *lease, const struct gpus *gpus)
{
    bool more = false;

    writer_words (w, ",\"gpus\":[");
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        if (!(lease->gpus & (1U << i)))
            continue;
        writer_raw (w, ",", more);
        writer_string (w, gpus->table[i].bus);
        more = true;
    }
    writer_words (w, "],\"decision\":");
    writer_string (w, lease->decision);
    if (lease->others[0]) {
        writer_words (w, ",\"others\":");
        writer_string (w, lease->others);
    }
}

static void
write_order (struct writer *w, const struct order *order)
{
    if (order->owner != 0) {
        writer_words (w, ",\"owner\":");
        writer_number (w, order->owner);
    }
    writer_words (w, ",\"order\":");
    writer_raw (w, order->parameters, strlen (order->parameters));
    if (order->policy.rule[0]) {
        writer_words (w, ",\"policy\":");
        policy_write (w, order);
    }
}

struct writer
record_grant (const struct lease *lease, const struct gpus *gpus)
{
    struct writer w = begin_lease ("grant", lease);

    writer_words (&w, ",\"since\":");
    writer_number (&w, lease->since);
    write_decision (&w, lease, gpus);
    write_order (&w, &lease->order);
    writer_words (&w, "}");
    return w;
}

struct writer
record_move (const struct lease *lease, const struct gpus *gpus)
{
    struct writer w = begin_lease ("move", lease);

    write_decision (&w, lease, gpus);
    writer_words (&w, "}");
    return w;
}

struct writer
record_activate (const struct lease *lease)
{
    struct writer w = begin_lease ("activate", lease);

    writer_words (&w, ",\"pid\":");
    writer_number (&w, lease->pid);
    writer_words (&w, ",\"start\":");
    writer_number (&w, (int64_t) lease->start);
    writer_words (&w, ",\"cgroup\":");
    writer_string (&w, lease->cgroup);
    writer_words (&w, ",\"shared\":");
    writer_bool (&w, lease->shared);
    writer_words (&w, ",\"freezer\":");
    writer_string (&w, lease->freezer);
    writer_words (&w, "}");
    return w;
}

struct writer
record_freeze (const struct lease *lease)
{
    struct writer w = begin_lease ("freeze", lease);

    writer_words (&w, ",\"parked\":");
    writer_bool (&w, lease->parked);
    writer_words (&w, ",\"governed\":");
    writer_bool (&w, lease->governed);
    writer_words (&w, "}");
    return w;
}

struct writer
record_report (const struct lease *lease)
{
    struct writer w = begin_lease ("report", lease);

    writer_words (&w, ",\"level\":");
    writer_number (&w, lease->level);
    writer_words (&w, ",\"ok\":");
    writer_bool (&w, lease->ready);
    writer_words (&w, ",\"reason\":");
    writer_string (&w, lease->verdict);
    writer_words (&w, "}");
    return w;
}

struct writer
record_revoke (const struct lease *lease)
{
    struct writer w = begin_lease ("revoke", lease);

    writer_words (&w, ",\"reason\":");
    writer_string (&w, lease->decision);
    writer_words (&w, "}");
    return w;
}

struct writer
record_release (const struct lease *lease)
{
    struct writer w = begin_lease ("release", lease);

    writer_words (&w, "}");
    return w;
}

struct writer
record_put_off (const struct waiter *waiter)
{
    struct writer w = begin_container ("put-off", waiter);

    writer_words (&w, ",\"since\":");
    writer_number (&w, waiter->since);
    writer_words (&w, ",\"reason\":");
    writer_string (&w, waiter->reason);
    write_order (&w, &waiter->order);
    writer_words (&w, "}");
    return w;
}

struct writer
record_forget (const struct waiter *waiter)
{
    struct writer w = begin_container ("forget", waiter);

    writer_words (&w, "}");
    return w;
}

json_t *
record_home (const struct home *home, const struct gpus *gpus)
{
    return json_pack ("{s:s s:s s:I s:s}", "op", "home", "key", home->key, "owner", (json_int_t) home->owner,
                      "gpu", gpus->table[home->gpu].bus);
}
