#include "sources.h"

#include <stdio.h>
#include <string.h>

#include "cdi.h"

bool
sources_has_key (const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) object, name, value) {
        if (request_owns_label (name))
            return true;
    }
    return false;
}

static bool
is_env_key (const char *entry, char *name, size_t size)
{
    const char *equals = strchr (entry, '=');

    if (!equals || (size_t) (equals - entry) >= size)
        return false;
    (void) snprintf (name, size, "%.*s", (int) (equals - entry), entry);
    return request_owns_env (name);
}

/* Other variables mean nothing without DRI_ENABLE, a label, an annotation or a device.  */
static bool
has_env (const json_t *env, bool any)
{
    char name[48];
    size_t i;
    json_t *entry;

    json_array_foreach ((json_t *) env, i, entry) {
        const char *text = json_string_value (entry);

        if (text && is_env_key (text, name, sizeof name) && (any || strcmp (name, "DRI_ENABLE") == 0))
            return true;
    }
    return false;
}

bool
sources_want_image (const struct sources *from)
{
    const char *device = NULL;
    struct error ignored;
    bool asked;

    (void) cdi_asked (from->hooks, &device, &ignored);
    asked = device || sources_has_key (from->annotations);
    return sources_has_key (from->labels) || has_env (from->env, asked) || (asked && from->reserved);
}

static int
take_labels (struct request *req, const struct sources *from, struct error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) from->labels, name, value) {
        const char *text = json_string_value (value);

        if (!request_owns_label (name) || !text || (from->image && image_has_label (from->image, name, text)))
            continue;
        if (request_set (req, SOURCE_LABEL, name, text, err) < 0)
            return -1;
    }
    return 0;
}

static int
take_annotations (struct request *req, const struct sources *from, struct error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) from->annotations, name, value) {
        const char *text = json_string_value (value);

        if (!request_owns_label (name) || !text
            || json_equal (json_object_get (from->image_annotations, name), value))
            continue;
        if (request_set (req, SOURCE_ANNOTATION, name, text, err) < 0)
            return -1;
    }
    return 0;
}

/* Variables of other names that begin with DRI_ are Mesa's (DRI_PRIME) or the workload's own.  */
static int
take_env (struct request *req, const struct sources *from, bool enable_only, struct error *err)
{
    char name[48];
    size_t i;
    json_t *value;

    json_array_foreach ((json_t *) from->env, i, value) {
        const char *entry = json_string_value (value);

        if (!entry || !is_env_key (entry, name, sizeof name)
            || enable_only != (strcmp (name, "DRI_ENABLE") == 0)
            || (from->image && image_has_env (from->image, entry)))
            continue;
        if (request_set (req, SOURCE_ENV, name, entry + strlen (name) + 1, err) < 0)
            return -1;
    }
    return 0;
}

/* Swarm writes named resources with commas between, and of a resource that is only counted how many
 * (swarmkit, api/genericresource). A number says nothing about which GPU.  */
static int
take_reservation (struct request *req, const struct sources *from, struct error *err)
{
    const char *value = from->reserved;

    if (!value || value[strspn (value, "0123456789")] == '\0')
        return 0;
    if (strlen (value) >= sizeof req->reserved)
        return error_set (err, 0, "Swarm's reservation has %zu characters", strlen (value));
    (void) snprintf (req->reserved, sizeof req->reserved, "%s", value);
    if (req->source[KEY_GPU] != SOURCE_DEFAULT)
        return 0;
    if (strchr (value, ','))
        return error_set (err, 0,
                          "Swarm reserved several GPUs for it (%.100s) and a container gets one, or all: "
                          "reserve dri=1, or say dri.gpu=all",
                          value);
    if (request_set (req, SOURCE_RESERVATION, "dri.gpu", value, err) < 0)
        return error_wrap (err, "Swarm's reservation of the generic resource dri");
    return 0;
}

static int
contradiction (const struct request *req, enum request_key key, const char *device, struct error *err)
{
    return error_set (err, 0,
                      "the device " CDI_KIND "=%.60s and the %s %s=%.60s contradict each other: take one of "
                      "the two away",
                      device, request_source_name (req->source[key]), request_key_name (key), req->text[key]);
}

static int
enable_by_device (struct request *req, const char *device, struct error *err)
{
    if (req->source[KEY_ENABLE] != SOURCE_DEFAULT && !req->enable)
        return contradiction (req, KEY_ENABLE, device, err);
    return request_set (req, SOURCE_DEVICE, request_key_name (KEY_ENABLE), "true", err);
}

/* "any" leaves the choice to the other keys, and the other way round.  */
static int
choose_by_device (struct request *req, const char *device, struct error *err)
{
    const char *text = req->text[KEY_GPU];

    if (strcmp (device, "any") == 0)
        return 0;
    if (req->source[KEY_GPU] != SOURCE_DEFAULT && strcmp (text, "any") != 0 && strcmp (text, device) != 0)
        return contradiction (req, KEY_GPU, device, err);
    return request_set (req, SOURCE_DEVICE, request_key_name (KEY_GPU), device, err);
}

/* A variable may be the workload's own business; it is judged only in a container that opted in. A dri.*
 * label is said to nobody but us.  */
int
sources_take (struct request *req, const struct sources *from, struct error *err)
{
    const char *device = NULL;

    request_init (req);
    if (cdi_asked (from->hooks, &device, err) < 0 || take_labels (req, from, err) < 0
        || take_annotations (req, from, err) < 0 || (from->env_counts && take_env (req, from, true, err) < 0)
        || (device && enable_by_device (req, device, err) < 0))
        return -1;
    if (!req->enable)
        return 0;
    if ((from->env_counts && take_env (req, from, false, err) < 0)
        || (device && choose_by_device (req, device, err) < 0))
        return -1;
    return take_reservation (req, from, err);
}
