#include "probing.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "interface.h"

static void
fail (struct connection *c, const char *name, const char *reason)
{
    char full[64];

    (void) snprintf (full, sizeof full, INTERFACE_NAME ".%s", name);
    connection_reply (c, full, json_pack ("{s:s}", "reason", reason));
}

/* --- verdicts --- */

/* What kept verdicts of a lease are about, beside their key. "" for a lease that has no GPU, or more than the
 * text can tell.  */
static void
describe (const struct leasing *l, const struct lease *lease, char devices[VERDICT_DEVICE_MAX])
{
    char identity[GPU_IDENTITY_MAX];
    size_t len;

    devices[0] = '\0';
    if (lease->gpus == 0)
        return;
    /* What one user's door claims is nothing to another's.  */
    len = (size_t) snprintf (devices, VERDICT_DEVICE_MAX, "user %u", lease->order.owner);
    for (unsigned i = 0; i < GPUS_MAX && len < VERDICT_DEVICE_MAX; i++) {
        if (!(lease->gpus & (1U << i)))
            continue;
        gpu_identity (&l->gpus->table[i], identity);
        len += (size_t) snprintf (devices + len, VERDICT_DEVICE_MAX - len, ", %s", identity);
    }
    if (len >= VERDICT_DEVICE_MAX)
        devices[0] = '\0';
}

void
probing_keep (struct probing *p, struct lease *lease, const char *key, enum request_ready level, bool ok,
              const char *reason)
{
    struct kept_verdict verdict = {.level = level, .ok = ok};
    struct error err;

    (void) snprintf (verdict.key, sizeof verdict.key, "%s", key);
    (void) snprintf (verdict.reason, sizeof verdict.reason, "%s", reason);
    text_clean (verdict.reason); /* it may be cut in the middle of a character */
    describe (p->leasing, lease, verdict.device);
    memcpy (lease->key, verdict.key, sizeof lease->key);
    if (verdicts_keep (p->verdicts, &verdict, &err) < 0)
        (void) fprintf (stderr, "%s\n", err.message);
}

const struct kept_verdict *
probing_find (struct probing *p, struct lease *lease, const char *key)
{
    char devices[VERDICT_DEVICE_MAX];

    (void) snprintf (lease->key, sizeof lease->key, "%s", key);
    describe (p->leasing, lease, devices);
    return devices[0] ? verdicts_find (p->verdicts, key, devices) : NULL;
}

/* --- the reply --- */

static json_t *
gpu_report (const struct probing *p, unsigned i)
{
    const struct gpu *gpu = &p->leasing->gpus->table[i];
    json_t *json = gpu_to_json (gpu), *report = (json_t *) prober_report (p->prober, i);

    (void) json_object_set (json, "report", report);
    return json;
}

static void
reply (const struct probing *p, struct connection *c, uint32_t gpus)
{
    json_t *list = json_array ();

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus & (1U << i))
            (void) json_array_append_new (list, gpu_report (p, i));
    connection_reply (c, NULL, json_pack ("{s:o}", "gpus", list));
}

void
probing_done (struct probing *p, unsigned gpu)
{
    for (unsigned i = 0; i < PROBINGS_MAX; i++) {
        struct connection *c = p->waiters[i].client;

        if (!c || !(p->waiters[i].left & (1U << gpu)))
            continue;
        p->waiters[i].left &= ~(1U << gpu);
        if (p->waiters[i].left != 0)
            continue;
        p->waiters[i].client = NULL;
        reply (p, c, p->waiters[i].gpus);
    }
}

void
probing_client_gone (struct probing *p, const struct connection *c)
{
    for (unsigned i = 0; i < PROBINGS_MAX; i++)
        if (p->waiters[i].client == c)
            p->waiters[i].client = NULL;
}

/* --- the call --- */

static void
ask (struct probing *p, struct connection *c, uint32_t gpus)
{
    unsigned free_one = 0;

    while (free_one < PROBINGS_MAX && p->waiters[free_one].client)
        free_one++;
    if (free_one == PROBINGS_MAX) {
        fail (c, "Refused", "others probe GPUs already: try again in some seconds");
        return;
    }
    /* The answer may come before prober_ask returns, and even so it is later than connection_wait.  */
    p->waiters[free_one].client = c;
    p->waiters[free_one].gpus = p->waiters[free_one].left = gpus;
    connection_wait (c);
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus & (1U << i))
            prober_ask (p->prober, i);
}

static void
probe_gpus (struct probing *p, struct connection *c, const char *word)
{
    struct selector selector;
    struct error err;
    uint32_t gpus = gpus_present (p->leasing->gpus);

    if (word && gpu_selector (&selector, word, &err) < 0) {
        fail (c, "Refused", err.message);
        return;
    }
    if (word)
        gpus = gpus_matching (p->leasing->gpus, gpus, &selector);
    if (gpus)
        ask (p, c, gpus);
    else
        fail (c, "Refused", "there is no such GPU (drictl devices)");
}

/* Whatever was kept of its GPUs, where the key is not known any more: the broker was started anew meanwhile.
 */
static void
forget_verdicts (struct probing *p, struct connection *c, const char *container)
{
    struct lease *lease = lease_find_container (&p->leasing->leases, container, c->uid);
    char devices[VERDICT_DEVICE_MAX];
    struct error err;

    if (!lease) {
        fail (c, "NoSuchContainer", "no container of this name or id has a lease (drictl status)");
        return;
    }
    describe (p->leasing, lease, devices);
    if (verdicts_forget (p->verdicts, lease->key[0] ? lease->key : NULL, devices, &err) < 0)
        (void) fprintf (stderr, "%s\n", err.message);
    reply (p, c, lease->gpus);
}

void
probing_call (struct probing *p, struct connection *c, const json_t *parameters)
{
    const char *container = json_string_value (json_object_get (parameters, "container"));

    if (container)
        forget_verdicts (p, c, container);
    else
        probe_gpus (p, c, json_string_value (json_object_get (parameters, "gpu")));
}
