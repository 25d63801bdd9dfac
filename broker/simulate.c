#include "gpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

enum { FIXTURE_MAX = 64 * 1024 };

/* As the kernel has them: 12 and 20 bits.  */
enum { MAJOR_MAX = (1 << 12) - 1, MINOR_MAX = (1 << 20) - 1 };

static const char *const gpu_keys[] = {"name",  "pci", "vendor", "device", "driver",
                                       "model", "gid", "render", "card",   NULL};
static const char *const node_keys[] = {"name", "device", "gid", "path", NULL};

static int
check_keys (json_t *object, const char *const *keys, struct error *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object (object))
        return error_set (err, 0, "not an object");
    json_object_foreach (object, key, value) {
        size_t i = 0;

        while (keys[i] && strcmp (key, keys[i]) != 0)
            i++;
        if (!keys[i])
            return error_set (err, 0, "unknown key \"%.60s\"", key);
    }
    return 0;
}

/* "" where the key is missing.  */
static int
take_text (const json_t *object, const char *key, char *out, size_t size, struct error *err)
{
    const json_t *value = json_object_get (object, key);

    out[0] = '\0';
    if (!value)
        return 0;
    if (!json_is_string (value) || json_string_length (value) == 0)
        return error_set (err, 0, "%s: wants a text", key);
    if (json_string_length (value) >= size)
        return error_set (err, 0, "%s: more than %zu bytes", key, size - 1);
    (void) snprintf (out, size, "%s", json_string_value (value));
    return 0;
}

static int
take_id (const json_t *object, const char *key, uint16_t *id, struct error *err)
{
    char text[8];

    if (!json_object_get (object, key))
        return 0;
    if (take_text (object, key, text, sizeof text, err) < 0 || strncmp (text, "0x", 2) != 0
        || strlen (text) != 6 || strspn (text + 2, "0123456789abcdefABCDEF") != 4)
        return error_set (err, 0, "%s: wants an id such as \"0x8086\"", key);
    *id = (uint16_t) strtoul (text, NULL, 16);
    return 0;
}

static int
take_gid (const json_t *object, gid_t *gid, struct error *err)
{
    const json_t *value = json_object_get (object, "gid");
    json_int_t n = json_integer_value (value);

    if (!value)
        return 0;
    /* (gid_t) -1 means "leave it" to chown.  */
    if (!json_is_integer (value) || n < 0 || n >= UINT32_MAX)
        return error_set (err, 0, "gid: wants a group's number");
    *gid = (gid_t) n;
    return 0;
}

/* Digits, then the character that ends them; *text goes past it.  */
static bool
take_number (const char **text, char last, unsigned max, unsigned *number)
{
    char *end;
    unsigned long n;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    n = strtoul (*text, &end, 10);
    if (errno != 0 || n > max || *end != last)
        return false;
    *text = end + 1;
    *number = (unsigned) n;
    return true;
}

static int
parse_node (json_t *json, const char *prefix, struct gpu_node *node, struct error *err)
{
    char device[24];
    const char *name = node->name, *numbers = device;
    unsigned ignored;

    if (check_keys (json, node_keys, err) < 0
        || take_text (json, "name", node->name, sizeof node->name, err) < 0
        || take_text (json, "device", device, sizeof device, err) < 0
        || take_text (json, "path", node->path, sizeof node->path, err) < 0
        || take_gid (json, &node->gid, err) < 0)
        return -1;
    /* The name becomes a file's name in lease directories.  */
    if (strncmp (name, prefix, strlen (prefix)) == 0)
        name += strlen (prefix);
    else
        name = "";
    if (!take_number (&name, '\0', MINOR_MAX, &ignored))
        return error_set (err, 0, "name: wants \"%s\" and a number", prefix);
    if (!take_number (&numbers, ':', MAJOR_MAX, &node->major)
        || !take_number (&numbers, '\0', MINOR_MAX, &node->minor))
        return error_set (err, 0, "device: wants MAJOR:MINOR of a character device, as in \"10:229\"");
    return 0;
}

static int
check_pci (const struct gpu *gpu, struct error *err)
{
    struct selector selector;
    struct error ignored;
    char word[32];

    if (!gpu->pci[0])
        return 0;
    (void) snprintf (word, sizeof word, "pci:%s", gpu->pci);
    if (gpu_selector (&selector, word, &ignored) < 0
        || strcmp (selector.text + selector.prefix, gpu->pci) != 0)
        return error_set (err, 0, "pci: \"%s\" is no address such as \"0000:00:02.0\"", gpu->pci);
    if (gpu->vendor == 0 || gpu->device == 0)
        return error_set (err, 0, "vendor and device are missing, which all on the PCI bus have");
    return 0;
}

static int
parse_gpu (json_t *json, struct gpu *out, struct error *err)
{
    struct gpu gpu = {.state = GPU_PRESENT, .simulated = true};
    json_t *render = json_object_get (json, "render"), *card = json_object_get (json, "card");

    if (check_keys (json, gpu_keys, err) < 0 || take_text (json, "name", gpu.given, sizeof gpu.given, err) < 0
        || take_text (json, "pci", gpu.pci, sizeof gpu.pci, err) < 0
        || take_id (json, "vendor", &gpu.vendor, err) < 0 || take_id (json, "device", &gpu.device, err) < 0
        || take_text (json, "driver", gpu.driver, sizeof gpu.driver, err) < 0
        || take_text (json, "model", gpu.model, sizeof gpu.model, err) < 0
        || take_gid (json, &gpu.render.gid, err) < 0 || check_pci (&gpu, err) < 0)
        return -1;
    if (!gpu_name_valid (gpu.given))
        return error_set (err, 0, "name: \"%s\" is none that dri.gpu could ask for", gpu.given);
    if (!gpu.driver[0])
        return error_set (err, 0, "driver is missing");
    gpu.card.gid = gpu.render.gid;
    if (!render)
        return error_set (err, 0, "render is missing");
    if (parse_node (render, "renderD", &gpu.render, err) < 0)
        return error_wrap (err, "render");
    if (card && parse_node (card, "card", &gpu.card, err) < 0)
        return error_wrap (err, "card");
    if (gpu.pci[0])
        (void) snprintf (gpu.bus, sizeof gpu.bus, "pci-%s", gpu.pci);
    else
        (void) snprintf (gpu.bus, sizeof gpu.bus, "platform-%.50s", gpu.given);
    *out = gpu;
    return 0;
}

static int
check_unique (const struct gpu *gpus, size_t i, struct error *err)
{
    const struct gpu *gpu = &gpus[i];
    const char *const mine[] = {gpu->given, gpu->bus, gpu->render.name, gpu->card.name};

    for (size_t j = 0; j < i; j++) {
        const struct gpu *other = &gpus[j];
        const char *const theirs[] = {other->given, other->bus, other->render.name, other->card.name};

        for (size_t k = 0; k < countof (mine); k++)
            if (mine[k][0] && strcmp (mine[k], theirs[k]) == 0)
                return error_set (err, 0, "\"%s\" is that of gpus[%zu] already", mine[k], j);
    }
    return 0;
}

static int
parse_fixture (const char *text, size_t len, struct gpu *found, size_t *n, struct error *err)
{
    static const char *const keys[] = {"gpus", NULL};
    _cleanup_json_ json_t *root = NULL;
    json_error_t where;
    json_t *list, *gpu;
    size_t i;

    root = json_loadb (text, len, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return error_set (err, 0, "line %d, column %d: %s", where.line, where.column, where.text);
    if (check_keys (root, keys, err) < 0)
        return -1;
    list = json_object_get (root, "gpus");
    if (!json_is_array (list) || json_array_size (list) > GPUS_MAX)
        return error_set (err, 0, "gpus: wants a list of at most %d", GPUS_MAX);
    json_array_foreach (list, i, gpu) {
        if (parse_gpu (gpu, &found[i], err) < 0 || check_unique (found, i, err) < 0)
            return error_wrap (err, "gpus[%zu]", i);
    }
    *n = json_array_size (list);
    return 0;
}

int
gpus_simulate (struct gpus *gpus, const struct config *config, const char *path, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    struct gpu found[GPUS_MAX];
    size_t len, n = 0;

    if (file_read (path, FIXTURE_MAX, &text, &len, err) < 0)
        return -1;
    if (parse_fixture (text, len, found, &n, err) < 0)
        return error_wrap (err, "%s", path);
    return gpus_update (gpus, config, found, n, err);
}
