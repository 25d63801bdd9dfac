#include "readiness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "gate_vaapi.h"
#include "kernel_log.h"
#include "phase.h"

enum { BROKER_TIMEOUT_MS = 5000, ADDRESS_MAX = 16 };

json_t *
readiness_to_json (const struct verdict *verdict)
{
    return json_pack ("{s:s s:b s:s}", "level", ready_name (verdict->level), "ok", verdict->ok, "reason",
                      verdict->reason);
}

bool
readiness_from_json (struct verdict *verdict, const json_t *json)
{
    const char *level = json_string_value (json_object_get (json, "level"));
    const char *reason = json_string_value (json_object_get (json, "reason"));
    const json_t *ok = json_object_get (json, "ok");

    if (!level || !reason || !json_is_boolean (ok))
        return false;
    for (int i = READY_NODE; i <= READY_VAAPI; i++)
        if (strcmp (level, ready_name ((enum request_ready) i)) == 0) {
            *verdict = (struct verdict){.level = (enum request_ready) i, .ok = json_is_true (ok)};
            (void) snprintf (verdict->reason, sizeof verdict->reason, "%s", reason);
            text_clean (verdict->reason);
            return true;
        }
    return false;
}

/* All that a verdict depends on, but for the GPU and its kernel driver, which the broker knows.  */
static void
make_key (const struct gate *gate, const struct gate_found *found, char key[SIGHT_KEY_MAX])
{
    char facts[8192];
    size_t len = (size_t) snprintf (facts, sizeof facts, "%s %s %s %u:%u", VERSION, ready_name (gate->ready),
                                    gate->require, gate->user.uid, gate->user.gid);

    for (unsigned i = 0; i < gate->variables.n && len < sizeof facts; i++)
        len += (size_t) snprintf (facts + len, sizeof facts - len, " %s", gate->variables.list[i]);
    sight_key (&found->sight, facts, key);
}

/* --- what to say --- */

static bool
is_pci_address (const char *text)
{
    unsigned domain, bus, device, function;
    int used = 0;

    return sscanf (text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &used) == 4
           && text[used] == '\0' && strlen (text) < ADDRESS_MAX;
}

/* "" for what is no PCI device. In the host's /sys.  */
static void
pci_address (const struct grant_node *node, char address[ADDRESS_MAX])
{
    char path[64], target[256];
    ssize_t n;
    const char *slash;

    address[0] = '\0';
    (void) snprintf (path, sizeof path, "/sys/dev/char/%u:%u/device", node->major, node->minor);
    n = readlink (path, target, sizeof target - 1);
    if (n <= 0)
        return;
    target[n] = '\0';
    slash = strrchr (target, '/');
    if (slash && is_pci_address (slash + 1))
        (void) snprintf (address, ADDRESS_MAX, "%s", slash + 1);
}

static bool
find_line (const struct gate *gate, const char *address, char line[KERNEL_LINE_MAX])
{
    struct error ignored;
    bool found = false;

    if (address[0] && gate_phase (gate, PHASE_LOG, &ignored) == 0) {
        found = kernel_log_find (address, line);
        (void) gate_phase (gate, PHASE_HOOK, &ignored);
    }
    return found;
}

/* What fails is told in full: to the user, and to the broker, from whom the engine may have to learn it.  */
static void
explain (const struct readiness *way, const struct gate *gate, struct verdict *verdict)
{
    char address[ADDRESS_MAX], line[KERNEL_LINE_MAX] = "", found[sizeof verdict->reason];
    const bool known = way->gpus && way->gpus[0];
    struct error text;
    bool quoted;

    pci_address (&gate->nodes[0], address);
    quoted = find_line (gate, address, line);
    memcpy (found, verdict->reason, sizeof found);
    (void) error_set (&text, 0, "GPU %s%s%s is not ready for this container (%s level): %s%s%s%s",
                      known ? way->gpus : "", known && address[0] ? ", " : "", address,
                      ready_name (verdict->level), found, quoted ? ". The kernel said: \"" : "", line,
                      quoted ? "\"" : "");
    (void) snprintf (verdict->reason, sizeof verdict->reason, "%.*s", (int) sizeof verdict->reason - 1,
                     text.message);
    text_clean (verdict->reason);
}

/* --- the way --- */

static int
activate (const struct readiness *way, const struct gate *gate, const struct verdict *verdict,
          const char *key, json_t **reply, struct error *err)
{
    json_t *parameters = json_pack ("{s:s s:i}", "lease", way->lease, "pid", (int) gate->pid);

    /* The verdict, or a question for one.  */
    if (key)
        (void) json_object_set_new (parameters, "key", json_string (key));
    else if (verdict)
        (void) json_object_set_new (parameters, "ready", readiness_to_json (verdict));
    return way->ask (way->userdata, "Activate", parameters, BROKER_TIMEOUT_MS, reply, err);
}

static int
report (const struct readiness *way, const struct verdict *verdict, const char *key, struct error *err)
{
    json_t *parameters = json_pack ("{s:s s:o}", "lease", way->lease, "ready", readiness_to_json (verdict));

    if (key && verdict->final)
        (void) json_object_set_new (parameters, "key", json_string (key));
    return way->ask (way->userdata, "Report", parameters, BROKER_TIMEOUT_MS, NULL, err);
}

static int
verify_vaapi (const struct readiness *way, const struct gate *gate, const struct gate_found *found,
              int64_t deadline, struct verdict *verdict, struct error *err)
{
    _cleanup_json_ json_t *reply = NULL;
    char key[SIGHT_KEY_MAX];

    make_key (gate, found, key);
    if (!way->active) {
        if (activate (way, gate, NULL, key, &reply, err) < 0)
            return -1;
        if (readiness_from_json (verdict, json_object_get (reply, "readiness")))
            return 0;
    }
    gate_vaapi_judge (gate, found, deadline, verdict, NULL);
    if (!verdict->ok)
        explain (way, gate, verdict);
    return report (way, verdict, key, err);
}

static int
verify (const struct readiness *way, const struct gate *gate, struct verdict *verdict, struct error *err)
{
    const int64_t deadline = clock_ms () + gate->wait_ms;
    struct gate_found found;
    int r;

    gate_judge (gate, deadline, verdict, &found);
    if (!verdict->ok)
        explain (way, gate, verdict);
    if (verdict->ok && gate_wants_vaapi (gate, &found))
        r = verify_vaapi (way, gate, &found, deadline, verdict, err);
    else
        r = way->active ? report (way, verdict, NULL, err) : activate (way, gate, verdict, NULL, NULL, err);
    gate_found_finish (&found);
    return r;
}

int
readiness_verify (const struct readiness *way, const struct gate *gate, struct error *err)
{
    static struct verdict verdict;

    if (gate->ready == READY_OFF || gate->n_nodes == 0)
        return way->active ? 0 : activate (way, gate, NULL, NULL, NULL, err);
    if (verify (way, gate, &verdict, err) < 0)
        return -1;
    return verdict.ok || way->starts_without ? 0 : error_set (err, 0, "%s", verdict.reason);
}
