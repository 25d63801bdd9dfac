#include "cdi_spec.h"

#include <stdio.h>
#include <string.h>

#include "cdi.h"
#include "cdi_schema.h"
#include "request.h"

/* Waiting is a matter of the hook, which has to outlive it.  */
enum { START_S = REQUEST_WAIT_MAX_MS / 1000 + 15, STOP_S = 15 };

/* An environment of its own: a hook without one inherits the runtime's.  */
static json_t *
hook_entry (const char *name, json_t *args, const char *hook, const char *socket, int timeout_s)
{
    return json_pack ("{s:s s:s s:o s:[o] s:i}", "hookName", name, "path", hook, "args", args, "env",
                      json_sprintf ("DRI_BROKER_SOCKET=%s", socket), "timeout", timeout_s);
}

static void
add_device (json_t *devices, const char *name, const char *hook, const char *socket)
{
    json_t *args;

    if (!cdi_device_name_valid (name))
        return;
    args = json_pack ("[s s s s]", "dri-hook", "createRuntime", CDI_OPTION, name);
    (void) json_array_append_new (devices,
                                  json_pack ("{s:s s:{s:[o]}}", "name", name, "containerEdits", "hooks",
                                             hook_entry ("createRuntime", args, hook, socket, START_S)));
}

static void
add_gpu (json_t *devices, const json_t *gpu, const char *hook, const char *socket)
{
    const char *name = json_string_value (json_object_get (gpu, "name"));
    const char *pci = json_string_value (json_object_get (gpu, "pci"));
    const char *state = json_string_value (json_object_get (gpu, "state"));
    char selector[64];

    if (!state || strcmp (state, "present") != 0)
        return;
    if (name)
        add_device (devices, name, hook, socket);
    if (pci && snprintf (selector, sizeof selector, "pci:%s", pci) < (int) sizeof selector)
        add_device (devices, selector, hook, socket);
}

/* The end is the same for all devices.  */
json_t *
cdi_spec (const json_t *gpus, const char *hook, const char *socket)
{
    json_t *devices = json_array ();
    json_t *stop = hook_entry ("poststop", json_pack ("[s s]", "dri-hook", "poststop"), hook, socket, STOP_S);
    json_t *spec = json_pack ("{s:s s:s s:o s:{s:[o]}}", "cdiVersion", "", "kind", CDI_KIND, "devices",
                              devices, "containerEdits", "hooks", stop);
    json_t *gpu;
    size_t i;

    add_device (devices, "any", hook, socket);
    add_device (devices, "all", hook, socket);
    json_array_foreach ((json_t *) gpus, i, gpu)
        add_gpu (devices, gpu, hook, socket);
    (void) json_object_set_new (spec, "cdiVersion", json_string (cdi_least_version (spec)));
    return spec;
}
