#include "compose_gpu.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

/* compose-spec, 05-services.md: "SOURCE:TARGET[:PERMISSIONS]", or a mapping with source.  */
const char *
compose_source (struct compose_file *file, const yaml_node_t *entry, char *buffer, size_t size)
{
    const char *text = entry->type == YAML_SCALAR_NODE
                           ? compose_scalar (entry)
                           : compose_scalar (compose_get (file, entry, "source", NULL));
    size_t len = entry->type == YAML_SCALAR_NODE ? strcspn (text, ":") : strlen (text);

    /* The name of a link by PCI address has colons itself; Docker takes such a path in the long form only. */
    (void) snprintf (buffer, size, "%.*s", (int) len, text);
    return buffer;
}

enum compose_reason
compose_judge_path (const char *source)
{
    static const char folder[] = "/dev/dri";
    size_t len = strlen (folder);

    return strncmp (source, folder, len) == 0 && (source[len] == '\0' || source[len] == '/') ? REASON_GPU
                                                                                             : REASON_OTHER;
}

/* 44 is Debian's video (base-passwd); render is made by systemd, with a number of the range for system
 * groups.
 */
enum compose_reason
compose_judge_group (const char *group, bool has_video)
{
    char *end;
    unsigned long number = strtoul (group, &end, 10);

    if (strcmp (group, "render") == 0 || strcasestr (group, "${render"))
        return REASON_GPU;
    if (strcmp (group, "video") == 0 || strcmp (group, "44") == 0 || strcasestr (group, "${video"))
        return has_video ? REASON_OTHER : REASON_GPU;
    return isdigit ((unsigned char) *group) && !*end && number >= 100 && number < 1000 ? REASON_MAYBE_GPU
                                                                                       : REASON_OTHER;
}

/* 226 is DRM's (Documentation/admin-guide/devices.txt).  */
enum compose_reason
compose_judge_cgroup_rule (const char *rule)
{
    return strncmp (rule, "c 226:", 6) == 0 ? REASON_GPU : REASON_OTHER;
}

void
compose_gpu_of (const char *source, char *gpu, size_t size)
{
    const char *render = strstr (source, "/renderD"), *pci = strstr (source, "/by-path/pci-");

    *gpu = '\0';
    if (pci)
        (void) snprintf (gpu, size, "pci:%.12s", pci + strlen ("/by-path/pci-"));
    else if (render && strcmp (render, "/renderD128") != 0)
        (void) snprintf (gpu, size, "%s", render + 1);
    /* It goes into a label, and comes from somebody's file.  */
    if (strspn (gpu, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:.") != strlen (gpu))
        *gpu = '\0';
}

const struct compose_image *
compose_image_find (const char *image)
{
    static const struct compose_image images[] = {
        {"frigate", "realtime", "a camera does not wait", NULL},
        {"viseron", "realtime", "a camera does not wait", NULL},
        {"shinobi", "realtime", "a camera does not wait", NULL},
        {"go2rtc", "realtime", "a camera does not wait", NULL},
        {"sunshine", "realtime", "a game does not wait", NULL},
        {"games-on-whales/wolf", "realtime", "a game does not wait", NULL},
        {"handbrake", "batch", "gives way to who watches a film", NULL},
        {"tdarr", "batch", "gives way to who watches a film", NULL},
        {"unmanic", "batch", "gives way to who watches a film", NULL},
        {"fileflows", "batch", "gives way to who watches a film", NULL},
        {"immich-machine-learning", "batch", "faces can wait", NULL},
        {"ollama", "batch", "a film goes before an answer", NULL},
        {"jellyfin", "interactive", NULL, NULL},
        {"plex", "interactive", NULL, NULL},
        {"pms-docker", "interactive", NULL, NULL},
        {"emby", "interactive", NULL, NULL},
        {"immich-server", "interactive", NULL, NULL},
        {"kodi", "interactive", NULL, "render,card"},
    };

    for (size_t i = 0; i < countof (images); i++)
        if (strcasestr (image, images[i].name))
            return &images[i];
    return NULL;
}
