#include "door.h"

#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "engine.h"
#include "program.h"
#include "spec.h"

int
door_read (struct door *d, const char *id, const struct config *config, struct error *err)
{
    request_init (&d->req);
    if (engine_request (d->spec, d->bundle, id, config, &d->container, &d->req, err) < 0)
        return -1;
    if (d->req.wait_ms > config->max_wait_ms)
        d->req.wait_ms = config->max_wait_ms;
    return 0;
}

static json_t *
acquire_parameters (const struct door *d, json_t *notes)
{
    return json_pack ("{s:o s:o s:o s:o s:o s:b}", "container", container_to_json (&d->container), "workload",
                      workload_to_json (&d->workload), "request", request_to_json (&d->req), "sources",
                      request_sources_to_json (&d->req), "notes", notes, "detached", (int) d->detached);
}

/* Swarm goes on counting the GPU as taken that it reserved.  */
static void
note_reservation (const struct request *req, json_t *notes)
{
    if (req->reserved[0] && req->source[KEY_GPU] > SOURCE_RESERVATION
        && strcmp (req->reserved, req->text[KEY_GPU]) != 0)
        (void) json_array_append_new (
            notes,
            json_sprintf ("Swarm reserved dri=%s for it, and its %s dri.gpu=%s counts: take one of the "
                          "two out of the service",
                          req->reserved, request_source_name (req->source[KEY_GPU]), req->text[KEY_GPU]));
}

/* What the administrator says of the container has to hold in the door too.  */
static int
take_policy (struct door *d, struct error *err)
{
    for (unsigned i = 0; i < d->grant.n_policy; i++)
        if (request_set (&d->req, SOURCE_POLICY, d->grant.policy[i].name, d->grant.policy[i].value, err) < 0)
            return -1;
    return 0;
}

static int
ask_for_lease (struct door *d, struct error *err)
{
    json_t *notes = apply_notes (d->spec);
    _cleanup_json_ json_t *reply = NULL;
    int64_t began = clock_ms (), took;
    size_t i;
    json_t *note;

    note_reservation (&d->req, notes);
    json_array_foreach (notes, i, note)
        d->warn (d->userdata, json_string_value (note));
    if (d->ask (d->userdata, "Acquire", acquire_parameters (d, notes), d->req.wait_ms + DOOR_BROKER_MS,
                &reply, err)
            < 0
        || grant_from_json (&d->grant, json_object_get (reply, "grant"), err) < 0 || take_policy (d, err) < 0)
        return -1;
    /* dri.wait is for all waiting: what the queue took, the gate does not have.  */
    took = clock_ms () - began;
    d->req.wait_ms -= took < d->req.wait_ms ? (unsigned) took : d->req.wait_ms;
    return 0;
}

int
door_acquire (struct door *d, struct error *err)
{
    if (spec_workload (d->spec, &d->workload, err) < 0)
        return -1;
    if (ask_for_lease (d, err) == 0)
        return 0;
    if (d->req.on_failure != FAILURE_START_WITHOUT)
        return -1;
    d->warn (d->userdata, err->message);
    return 0;
}

/* path: storage for the hook's.  */
static int
find_hook (const struct door *d, char path[PATH_MAX], struct apply_hook *hook, struct error *err)
{
    *hook = (struct apply_hook){
        .path = path,
        .socket = config_socket (),
        .bundle = d->bundle,
        .label = container_label (&d->container),
    };
    return program_beside ("dri-hook", path, PATH_MAX, err);
}

int
door_edit (struct door *d, struct error *err)
{
    struct apply_hook hook;
    char path[PATH_MAX];

    if (d->grant.lease[0] == '\0') {
        apply_nothing (d->spec);
        return 0;
    }
    if (find_hook (d, path, &hook, err) < 0)
        return -1;
    return apply_grant (d->spec, &d->grant, &d->req, &d->workload, &hook, err);
}

int
door_edit_refused (struct door *d, const char *reason, struct error *err)
{
    struct apply_hook hook;
    char path[PATH_MAX];

    if (find_hook (d, path, &hook, err) < 0)
        return -1;
    return apply_refusal (d->spec, reason, &hook, err);
}

void
door_tell (struct door *d, const struct error *reason)
{
    enum { TELL_MS = 1000 };
    struct error ignored;
    json_t *parameters;

    if (spec_workload (d->spec, &d->workload, &ignored) < 0)
        return;
    parameters = acquire_parameters (d, json_array ());
    (void) json_object_set_new (parameters, "refused", json_string (reason->message));
    (void) d->ask (d->userdata, "Acquire", parameters, TELL_MS, NULL, &ignored);
}
