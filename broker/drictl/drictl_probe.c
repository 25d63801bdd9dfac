#include "drictl_probe.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../../hook/expect.h"
#include "../../hook/gate_vaapi.h"
#include "../../oci/apply.h"
#include "../../oci/cleanup.h"
#include "../../oci/clock.h"
#include "../../oci/file.h"
#include "../client.h"
#include "../process.h"
#include "engines.h"
#include "insiders.h"
#include "json_text.h"

/* The broker answers after the slowest of its probes.  */
enum { CALL_MS = 20000, PATIENCE_MS = 2000, ENVIRON_MAX = 1 << 20, DRM_MAJOR = 226 };

/* Errors: err->status is 0 where the broker has refused.  */
static int
call (struct client *client, const char *method, json_t *parameters, json_t **reply, struct error *err)
{
    if (client->fd < 0 && client_connect (client, err) != CLIENT_OK) {
        json_decref (parameters);
        return -1;
    }
    return client_call (client, method, parameters, CALL_MS, reply, err) == CLIENT_OK ? 0 : -1;
}

/* --- a container --- */

/* Who is to be asked, as the gate knows it at the start of the container; from its lease and its process.  */
struct subject {
    json_t *explained; /* owned; the broker's of Explain */
    char *environment; /* owned */
    size_t environment_len;
    struct request req;
    struct gate gate;
};

/* It is asked by the container's own id where the broker does not know the name.  */
static int
explain (struct client *client, const char *name, json_t **reply, struct error *err)
{
    struct running_container found;
    struct config config;
    struct error ignored;

    if (call (client, "Explain", json_pack ("{s:s}", "container", name), reply, err) == 0)
        return 0;
    if (err->status != 0 || config_load (&config, &ignored) < 0
        || engines_find (name, &config, &found, &ignored) < 0)
        return -1;
    return call (client, "Explain", json_pack ("{s:s}", "container", found.id), reply, err);
}

/* The alias of a node is not asked twice.  */
static void
take_nodes (struct gate *gate, const json_t *nodes)
{
    const json_t *node;
    size_t i;

    json_array_foreach ((json_t *) nodes, i, node) {
        struct grant_node one = {.major = (unsigned) json_integer_value (json_object_get (node, "major")),
                                 .minor = (unsigned) json_integer_value (json_object_get (node, "minor"))};
        unsigned same = 0;

        while (same < gate->n_nodes
               && (gate->nodes[same].major != one.major || gate->nodes[same].minor != one.minor))
            same++;
        if (same < gate->n_nodes || gate->n_nodes == GRANT_NODES_MAX)
            continue;
        (void) snprintf (one.name, sizeof one.name, "%s", json_text (node, "name"));
        one.drm = one.major == DRM_MAJOR;
        gate->nodes[gate->n_nodes++] = one;
    }
}

static int
take_user (struct subject *s, struct error *err)
{
    struct workload w, final;
    const json_t *gid;
    size_t i;

    if (request_from_json (&s->req, json_object_get (s->explained, "request"), err) < 0
        || workload_from_json (&w, json_object_get (s->explained, "workload"), err) < 0)
        return -1;
    apply_final_user (&w, &s->req, &final);
    s->gate.user = (struct workload_user){
        .uid = final.uid, .gid = final.gid, .n_gids = final.n_gids, .own_namespace = final.userns};
    memcpy (s->gate.user.gids, final.gids, sizeof final.gids);
    /* What the grant added, unless the workload drops it.  */
    json_array_foreach (json_object_get (s->explained, "groups"), i, gid) {
        if (!final.drops && s->gate.user.n_gids < countof (s->gate.user.gids))
            s->gate.user.gids[s->gate.user.n_gids++] = (gid_t) json_integer_value (gid);
    }
    return 0;
}

/* May root there open whatever it likes?  */
static bool
has_dac_override (pid_t pid)
{
    struct error ignored;
    _cleanup_free_ char *status = process_status (pid, &ignored);
    struct insider insider;

    return status && insider_parse (&insider, status) && insider.dac_override;
}

/* What the container's first process was started with.  */
static void
take_variables (struct subject *s)
{
    static const char *const names[] = {"LIBVA_DRIVER_NAME=", "LIBVA_DRIVERS_PATH=", "LD_LIBRARY_PATH="};
    struct sight_variables *variables = &s->gate.variables;
    struct error ignored;
    char path[40];

    (void) snprintf (path, sizeof path, "/proc/%d/environ", (int) s->gate.pid);
    if (file_read (path, ENVIRON_MAX, &s->environment, &s->environment_len, &ignored) < 0)
        return;
    for (const char *p = s->environment; p < s->environment + s->environment_len; p += strlen (p) + 1)
        for (size_t i = 0; i < countof (names); i++)
            if (strncmp (p, names[i], strlen (names[i])) == 0 && variables->n < SIGHT_VARIABLES_MAX)
                variables->list[variables->n++] = p;
}

/* What a user's lease says of its workload is his word: root becomes nobody by it.  */
static int
check_owner (const json_t *explained, struct error *err)
{
    const json_t *owner = json_object_get (explained, "owner");

    if (!json_is_integer (owner))
        return error_set (err, 0, "the broker does not tell whose it is: systemctl restart dri-broker");
    if (json_integer_value (owner) != 0)
        return error_set (err, 0, "it is uid %lld's: only root's containers are probed from here",
                          (long long) json_integer_value (owner));
    return 0;
}

static int
take_subject (struct subject *s, struct error *err)
{
    if (check_owner (s->explained, err) < 0)
        return -1;
    s->gate.pid = (pid_t) json_integer_value (json_object_get (s->explained, "pid"));
    if (s->gate.pid <= 0)
        return error_set (err, 0, "it has no lease that is in use (drictl status): %s",
                          json_text (s->explained, "decision"));
    take_nodes (&s->gate, json_object_get (s->explained, "nodes"));
    if (s->gate.n_nodes == 0)
        return error_set (err, 0, "it sees no GPU (drictl explain): %s",
                          json_text (s->explained, "decision"));
    if (take_user (s, err) < 0)
        return -1;
    s->gate.user.dac_override = s->gate.user.uid == 0 && has_dac_override (s->gate.pid);
    take_variables (s);
    s->gate.rootfs = "/";
    s->gate.require = s->req.text[KEY_REQUIRE];
    s->gate.ready = READY_VAAPI;
    s->gate.wait_ms = PATIENCE_MS;
    return 0;
}

static json_t *
judge (const struct gate *gate)
{
    const int64_t deadline = clock_ms () + gate->wait_ms;
    _cleanup_json_ json_t *report = NULL;
    static struct verdict verdict;
    char expectation[400] = "";
    struct gate_found found;
    json_t *json;

    gate_judge (gate, deadline, &verdict, &found);
    if (verdict.ok && gate_wants_vaapi (gate, &found)) {
        gate_vaapi_judge (gate, &found, deadline, &verdict, &report);
        expect_explain (&gate->nodes[found.renders[0].node], report, "", "the image", expectation,
                        sizeof expectation);
    }
    gate_found_finish (&found);
    json = json_pack ("{s:{s:s s:b s:s}}", "ready", "level", ready_name (verdict.level), "ok", verdict.ok,
                      "reason", verdict.reason);
    (void) json_object_set (json, "report", report ? report : json_null ());
    (void) json_object_set_new (json, "expectation",
                                expectation[0] ? json_string (expectation) : json_null ());
    return json;
}

/* A bad verdict is not reported: it would take the GPU away from a container that runs and may start without.
 */
static void
report_good (struct client *client, const json_t *probed)
{
    const json_t *ready = json_object_get (probed, "ready");
    const char *id = json_text (json_object_get (probed, "container"), "id");
    _cleanup_json_ json_t *status = NULL;
    const json_t *lease;
    struct error ignored;
    size_t i;

    if (!json_is_true (json_object_get (ready, "ok")) || call (client, "Status", NULL, &status, &ignored) < 0)
        return;
    json_array_foreach (json_object_get (status, "leases"), i, lease) {
        if (strcmp (json_text (json_object_get (lease, "container"), "id"), id) == 0)
            (void) call (client, "Report",
                         json_pack ("{s:s s:O}", "lease", json_text (lease, "id"), "ready", ready), NULL,
                         &ignored);
    }
}

static int
probe_subject (struct client *client, struct subject *s, json_t **reply, struct error *err)
{
    const json_t *container = json_object_get (s->explained, "container");

    if (take_subject (s, err) < 0
        || call (client, "Probe", json_pack ("{s:s}", "container", json_text (container, "id")), NULL, err)
               < 0)
        return -1;
    *reply = judge (&s->gate);
    (void) json_object_set (*reply, "container", (json_t *) container);
    (void) json_object_set (*reply, "gpus", json_object_get (s->explained, "gpus"));
    report_good (client, *reply);
    return 0;
}

static int
probe_container (struct client *client, const char *name, json_t **reply, struct error *err)
{
    static struct subject s; /* large */
    int r = explain (client, name, &s.explained, err);

    if (r == 0)
        r = probe_subject (client, &s, reply, err);
    json_decref (s.explained);
    free (s.environment);
    return r < 0 && err->status == 0 ? error_wrap (err, "container %s", name) : r;
}

/* --- the subject --- */

/* Is there a GPU of this name, or that is otherwise called so?  */
static int
is_gpu (struct client *client, const char *name, bool *found, struct error *err)
{
    static const char *const keys[] = {"name", "render", "card", "pci"};
    _cleanup_json_ json_t *status = NULL;
    const json_t *gpu;
    size_t i;

    *found = strchr (name, ':') != NULL;
    if (call (client, "Status", NULL, &status, err) < 0)
        return -1;
    json_array_foreach (json_object_get (status, "gpus"), i, gpu) {
        for (size_t k = 0; k < countof (keys); k++)
            *found |= strcmp (json_text (gpu, keys[k]), name) == 0;
    }
    return 0;
}

int
probe_ask (const char *name, json_t **reply, struct error *err)
{
    struct client client = {.fd = -1};
    bool gpu = true;
    int r = name ? is_gpu (&client, name, &gpu, err) : 0;

    if (r == 0 && gpu)
        r = call (&client, "Probe", json_pack ("{s:s?}", "gpu", name), reply, err);
    else if (r == 0)
        r = probe_container (&client, name, reply, err);
    client_close (&client);
    return r;
}

bool
probe_is_good (const json_t *reply)
{
    const json_t *ready = json_object_get (reply, "ready"), *gpu;
    size_t i;

    if (ready)
        return json_is_true (json_object_get (ready, "ok"));
    json_array_foreach (json_object_get (reply, "gpus"), i, gpu)
        if (!json_is_true (json_object_get (json_object_get (gpu, "report"), "ok")))
            return false;
    return true;
}
