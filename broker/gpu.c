#include "gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../oci/cleanup.h"

int
gpu_selector (struct selector *selector, const char *word, struct error *err)
{
    struct request req;

    request_init (&req);
    if (request_set (&req, SOURCE_LABEL, request_key_name (KEY_GPU), word, err) < 0)
        return -1;
    if (req.n_selectors != 1)
        return error_set (err, 0, "\"%.60s\" is a list; one word is wanted", word);
    *selector = req.selectors[0];
    return 0;
}

bool
gpu_name_valid (const char *name)
{
    struct selector selector;
    struct error err;

    /* The text differs where the grammar let a space pass.  */
    return gpu_selector (&selector, name, &err) == 0 && selector.kind == SELECT_NAME
           && strcmp (selector.text, name) == 0;
}

static bool
vendor_matches (uint16_t vendor, const char *text)
{
    static const struct {
        const char *name;
        uint16_t id;
    } vendors[] = {{"intel", 0x8086}, {"amd", 0x1002}, {"nvidia", 0x10de}};
    for (size_t i = 0; i < countof (vendors); i++)
        if (strcasecmp (text, vendors[i].name) == 0)
            return vendor == vendors[i].id;
    return vendor != 0 && strspn (text, "0123456789abcdefABCDEFx") == strlen (text)
           && strtoul (text, NULL, 16) == vendor;
}

bool
gpu_matches (const struct gpu *gpu, const struct selector *selector)
{
    if (gpu->state == GPU_ABSENT)
        return false;
    switch (selector->kind) {
    case SELECT_ANY:
    case SELECT_ALL:
        return true;
    case SELECT_PCI:
        return strcasecmp (gpu->pci, selector->text + selector->prefix) == 0;
    case SELECT_DRIVER:
        return strcmp (gpu->driver, selector->text + selector->prefix) == 0;
    case SELECT_VENDOR:
        return vendor_matches (gpu->vendor, selector->text + selector->prefix);
    case SELECT_ID:
        return gpu->vendor != 0 && gpu->vendor == selector->vendor && gpu->device == selector->device;
    case SELECT_NODE:
        return strcmp (gpu->render.name, selector->text) == 0;
    case SELECT_NAME:
        return strcmp (gpu->name, selector->text) == 0;
    }
    return false;
}

/* A GPU cannot be matched by a name, which would have to be known before it is given.  */
static int
parse_config (const struct config *config, struct selector *selectors, struct error *err)
{
    for (unsigned i = 0; i < config->n_gpus; i++) {
        const struct config_gpu *entry = &config->gpus[i];

        if (gpu_selector (&selectors[i], entry->match, err) < 0)
            return error_wrap (err, "configuration, gpus[%u].match", i);
        if (selectors[i].kind == SELECT_NAME)
            return error_set (err, 0,
                              "configuration, gpus[%u].match: \"%s\" is a name; wants what the GPU is, as in "
                              "\"pci:0000:00:02.0\" or \"driver:i915\"",
                              i, entry->match);
        if (entry->name[0] && !gpu_name_valid (entry->name))
            return error_set (err, 0,
                              "configuration, gpus[%u].name: dri.gpu cannot ask for \"%s\"; take letters, "
                              "digits, \".\", \"_\" and \"-\", but not \"any\", \"all\", or what a node, "
                              "a vendor or a driver is called",
                              i, entry->name);
    }
    return 0;
}

static bool
same_device (const struct gpu *a, const struct gpu *b)
{
    /* Not by bus alone: until udev has seen a device, its bus is only our guess at what udev will say.  */
    if (a->pci[0] || b->pci[0])
        return strcmp (a->pci, b->pci) == 0;
    return strcmp (a->bus, b->bus) == 0;
}

/* Places fill from the front and are never freed: the first empty one ends the search.  */
static struct gpu *
find_place (struct gpus *gpus, const struct gpu *found)
{
    for (size_t i = 0; i < GPUS_MAX; i++) {
        struct gpu *gpu = &gpus->table[i];

        if (gpu->state == GPU_ABSENT || same_device (gpu, found))
            return gpu;
    }
    return NULL;
}

static void
take_over (struct gpu *place, const struct gpu *found)
{
    char before[GPU_IDENTITY_MAX], now[GPU_IDENTITY_MAX];
    const struct gpu_ready ready = place->ready;

    gpu_identity (place, before);
    gpu_identity (found, now);
    *place = *found;
    place->state = GPU_PRESENT;
    if (strcmp (before, now) == 0)
        place->ready = ready;
}

static void
lose_node (struct gpu_node *node)
{
    /* The kernel gives a free minor to the next GPU: a stale number would be a grant of the wrong device.  */
    node->major = node->minor = 0;
}

static void
lose_missing (struct gpus *gpus)
{
    for (size_t i = 0; i < GPUS_MAX; i++) {
        struct gpu *lost = &gpus->table[i];

        if (lost->state != GPU_LOST)
            continue;
        lose_node (&lost->render);
        lose_node (&lost->card);
        for (size_t j = 0; j < GPUS_MAX; j++) {
            const struct gpu *other = &gpus->table[j];

            if (other->state != GPU_PRESENT)
                continue;
            if (strcmp (lost->render.name, other->render.name) == 0)
                lost->render.name[0] = '\0';
            if (strcmp (lost->card.name, other->card.name) == 0)
                lost->card.name[0] = '\0';
        }
    }
}

static bool
name_is_free (const struct gpus *gpus, const char *name)
{
    for (size_t i = 0; i < GPUS_MAX; i++)
        if (strcmp (gpus->table[i].name, name) == 0)
            return false;
    return true;
}

static void
apply_config (struct gpus *gpus, const struct config *config, const struct selector *selectors)
{
    for (size_t i = 0; i < GPUS_MAX; i++)
        gpus->table[i].name[0] = '\0';
    for (size_t i = 0; i < GPUS_MAX; i++) {
        struct gpu *gpu = &gpus->table[i];
        const struct config_gpu *entry = NULL;

        for (unsigned e = 0; e < config->n_gpus && !entry; e++)
            if (gpu_matches (gpu, &selectors[e]))
                entry = &config->gpus[e];
        gpu->slots = entry && entry->slots ? entry->slots : config->slots;
        if (entry && entry->name[0] && name_is_free (gpus, entry->name))
            (void) snprintf (gpu->name, sizeof gpu->name, "%s", entry->name);
    }
}

static void
name_the_rest (struct gpus *gpus)
{
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        struct gpu *gpu = &gpus->table[i];
        char name[sizeof gpu->name];

        if (gpu->state == GPU_ABSENT || gpu->name[0])
            continue;
        (void) snprintf (name, sizeof name, "%s", gpu->given);
        /* The administrator may have called another one "gpu0": then this one is gpu16.  */
        for (unsigned n = i; !name[0] || !name_is_free (gpus, name); n += GPUS_MAX)
            (void) snprintf (name, sizeof name, "gpu%u", n);
        memcpy (gpu->name, name, sizeof name);
    }
}

int
gpus_expect (struct gpus *gpus, const char *bus)
{
    struct gpu expected = {.state = GPU_LOST};
    struct gpu *place;

    (void) snprintf (expected.bus, sizeof expected.bus, "%s", bus);
    if (strncmp (bus, "pci-", 4) == 0)
        (void) snprintf (expected.pci, sizeof expected.pci, "%.15s", bus + 4);
    place = find_place (gpus, &expected);
    if (!place)
        return -1;
    if (place->state == GPU_ABSENT) {
        *place = expected;
        name_the_rest (gpus);
    }
    return (int) (place - gpus->table);
}

uint32_t
gpus_present (const struct gpus *gpus)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus->table[i].state == GPU_PRESENT)
            set |= 1U << i;
    return set;
}

uint32_t
gpus_matching (const struct gpus *gpus, uint32_t among, const struct selector *selector)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((among & (1U << i)) && gpu_matches (&gpus->table[i], selector))
            set |= 1U << i;
    return set;
}

int
gpus_update (struct gpus *gpus, const struct config *config, const struct gpu *found, size_t n,
             struct error *err)
{
    struct selector selectors[CONFIG_GPUS_MAX];

    if (parse_config (config, selectors, err) < 0)
        return -1;
    gpus->ignored = 0;
    for (size_t i = 0; i < GPUS_MAX; i++)
        if (gpus->table[i].state == GPU_PRESENT)
            gpus->table[i].state = GPU_LOST;
    for (size_t i = 0; i < n; i++) {
        struct gpu *place = find_place (gpus, &found[i]);

        if (place)
            take_over (place, &found[i]);
        else
            gpus->ignored++;
    }
    lose_missing (gpus);
    apply_config (gpus, config, selectors);
    name_the_rest (gpus);
    return 0;
}

void
gpu_identity (const struct gpu *gpu, char identity[GPU_IDENTITY_MAX])
{
    (void) snprintf (identity, GPU_IDENTITY_MAX, "%04x:%04x %s %u:%u %ju %s %s", gpu->vendor, gpu->device,
                     gpu->bus, gpu->render.major, gpu->render.minor, (uintmax_t) gpu->render.inode,
                     gpu->driver, gpu->version);
}

/* Null too for what is not UTF-8: the kernel and the hardware database promise nothing.  */
static json_t *
text_or_null (const char *text)
{
    json_t *json = text[0] ? json_string (text) : NULL;

    return json ? json : json_null ();
}

static json_t *
hex_or_null (bool known, uint16_t id)
{
    return known ? json_sprintf ("0x%04x", id) : json_null ();
}

static json_t *
ready_to_json (const struct gpu_ready *ready)
{
    return json_pack ("{s:o s:o s:o s:o s:o}", "level", text_or_null (ready->level), "profiles",
                      abilities_to_json (&ready->abilities), "driver", text_or_null (ready->driver), "reason",
                      text_or_null (ready->reason), "expectation", text_or_null (ready->expectation));
}

json_t *
gpu_to_json (const struct gpu *gpu)
{
    bool present = gpu->state == GPU_PRESENT;
    const char *gone = "the device is gone: unplugged, or its driver was unbound (for a VM?)";
    json_t *json = json_object ();

    (void) json_object_set_new (json, "name", text_or_null (gpu->name));
    (void) json_object_set_new (json, "pci", text_or_null (gpu->pci));
    (void) json_object_set_new (json, "driver", text_or_null (gpu->driver));
    (void) json_object_set_new (json, "vendor", hex_or_null (gpu->vendor != 0, gpu->vendor));
    (void) json_object_set_new (json, "device", hex_or_null (gpu->vendor != 0, gpu->device));
    (void) json_object_set_new (json, "model", text_or_null (gpu->model));
    (void) json_object_set_new (json, "render", text_or_null (present ? gpu->render.name : ""));
    (void) json_object_set_new (json, "card", text_or_null (present ? gpu->card.name : ""));
    (void) json_object_set_new (json, "state", json_string (present ? "present" : "lost"));
    (void) json_object_set_new (json, "reason", text_or_null (present ? "" : gone));
    (void) json_object_set_new (json, "ready", ready_to_json (&gpu->ready));
    (void) json_object_set_new (json, "slots", json_pack ("{s:I}", "total", (json_int_t) gpu->slots));
    (void) json_object_set_new (json, "simulated", json_boolean (gpu->simulated));
    return json;
}
