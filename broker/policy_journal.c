#include <stdio.h>

#include "journal.h"
#include "lease.h"
#include "policy.h"

static void
write_gpus (struct writer *w, const struct policy_mark *mark)
{
    writer_words (w, ",\"gpus\":[");
    for (unsigned i = 0; i < mark->n_gpus; i++) {
        writer_raw (w, ",", i > 0);
        writer_string (w, mark->gpus[i].text);
    }
    writer_words (w, "]");
}

/* What the rule sets, as a request has it.  */
static void
write_keys (struct writer *w, const struct request *req)
{
    bool more = false;

    writer_words (w, ",\"request\":{");
    for (int i = 0; i < KEY_COUNT; i++) {
        if (req->source[i] != SOURCE_POLICY)
            continue;
        writer_raw (w, ",", more);
        writer_string (w, request_key_name ((enum request_key) i));
        writer_words (w, ":");
        writer_string (w, req->text[i]);
        more = true;
    }
    writer_words (w, "}");
}

void
policy_write (struct writer *w, const struct order *order)
{
    const struct policy_mark *mark = &order->policy;

    writer_words (w, "{\"rule\":");
    writer_string (w, mark->rule);
    writer_words (w, ",\"changes\":");
    writer_string (w, mark->changes);
    write_gpus (w, mark);
    write_keys (w, &order->request);
    writer_words (w, "}");
}

/* One that is not understood any more is one that there is not.  */
static void
read_gpus (struct policy_mark *mark, const json_t *list)
{
    struct error ignored;
    const json_t *word;
    size_t i;

    json_array_foreach (list, i, word) {
        const char *text = json_string_value (word);

        if (mark->n_gpus == POLICY_WORDS_MAX)
            return;
        if (!text || gpu_selector (&mark->gpus[mark->n_gpus], text, &ignored) < 0)
            mark->gpus[mark->n_gpus] = (struct selector){.kind = SELECT_NAME};
        mark->n_gpus++;
    }
}

void
policy_read (struct order *order, const json_t *json)
{
    struct error ignored;
    const char *name;
    json_t *value;

    journal_text (order->policy.rule, sizeof order->policy.rule, json, "rule");
    journal_text (order->policy.changes, sizeof order->policy.changes, json, "changes");
    read_gpus (&order->policy, json_object_get (json, "gpus"));
    json_object_foreach (json_object_get (json, "request"), name, value) {
        if (json_is_string (value))
            (void) request_set (&order->request, SOURCE_POLICY, name, json_string_value (value), &ignored);
    }
}
