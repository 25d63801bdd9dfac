/* What a service has of a GPU by itself, taken out, and what dri-broker wants, put in.  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose_gpu.h"
#include "doctor_compose_service.h"

/* --- entries of lists --- */

static enum compose_reason
judge (struct service *service, const char *list, const yaml_node_t *entry)
{
    char source[256];

    if (strcmp (list, "group_add") == 0)
        return compose_judge_group (compose_scalar (entry), service->has_video);
    if (strcmp (list, "device_cgroup_rules") == 0)
        return compose_judge_cgroup_rule (compose_scalar (entry));
    return compose_judge_path (compose_source (service->file, entry, source, sizeof source));
}

static void
note_node (struct service *service, const char *source)
{
    char gpu[sizeof service->gpu];

    if (strncmp (source, "/dev/video", 10) == 0)
        service->has_video = true;
    if (compose_judge_path (source) != REASON_GPU) {
        service->has_other = service->has_other || strncmp (source, "/dev", 4) == 0
                             || strncmp (source, "/lib/modules", 12) == 0
                             || strncmp (source, "/run/udev", 9) == 0;
        return;
    }
    service->has_gpu = true;
    service->card = service->card || strstr (source, "/card");
    if (!strstr (source, "/renderD") && !strstr (source, "-render"))
        return;
    compose_gpu_of (source, gpu, sizeof gpu);
    if (service->n_nodes++ == 0)
        (void) snprintf (service->gpu, sizeof service->gpu, "%s", gpu);
}

/* Own, or merged in.  */
static yaml_node_t *
find_list (struct service *service, const char *name)
{
    yaml_node_t *list = compose_get (service->file, service->node, name, NULL);

    if (!list)
        list = compose_get_merged (service->file, service->node, name);
    return list && list->type == YAML_SEQUENCE_NODE ? list : NULL;
}

void
service_look_at_paths (struct service *service, const char *name)
{
    yaml_node_t *list = find_list (service, name);
    char source[256];

    for (yaml_node_item_t *item = list ? list->data.sequence.items.start : NULL;
         list && item < list->data.sequence.items.top; item++)
        note_node (service, compose_source (service->file, compose_node (service->file, *item), source,
                                            sizeof source));
}

struct counts {
    unsigned all, gpu, maybe;
    bool own; /* all of them written here */
};

static struct counts
count (struct service *service, const char *name, const yaml_node_t *list)
{
    struct counts counts = {.own = true};

    for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top;
         item++) {
        const yaml_node_t *entry = compose_node (service->file, *item);
        enum compose_reason reason = judge (service, name, entry);

        counts.all++;
        counts.gpu += reason != REASON_OTHER;
        counts.maybe += reason == REASON_MAYBE_GPU;
        counts.own = counts.own && compose_is_own (service->file, entry);
    }
    return counts;
}

static void
note_taken (struct service *service, const char *what, unsigned line)
{
    size_t used = strlen (service->taken);

    (void) snprintf (service->taken + used, sizeof service->taken - used, "%s%s (line %u)",
                     used > 0 ? ", " : "", what, line);
}

/* "[a, b]" without what is for the GPU.  */
static void
shorten_flow (struct service *service, const char *name, const yaml_node_t *list)
{
    struct compose_file *file = service->file;
    char rest[1024] = "[";
    size_t used = 1;

    for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top;
         item++) {
        const yaml_node_t *entry = compose_node (file, *item);
        size_t begin = compose_begin (file, entry), end = compose_end (file, entry);

        if (judge (service, name, entry) != REASON_OTHER)
            continue;
        used += (size_t) snprintf (rest + used, sizeof rest - used, "%s%.*s", used > 1 ? ", " : "",
                                   (int) (end - begin), file->text + begin);
        if (used >= sizeof rest - 1)
            service->edits->failed = true;
        if (service->edits->failed)
            return;
    }
    rest[used] = ']';
    rest[used + 1] = '\0';
    compose_replace (service->edits, compose_begin (file, list), compose_end (file, list), rest);
}

static void
remove_some (struct service *service, const char *name, const yaml_node_t *list)
{
    if (compose_is_flow (list)) {
        shorten_flow (service, name, list);
        return;
    }
    for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top;
         item++) {
        const yaml_node_t *entry = compose_node (service->file, *item);

        if (judge (service, name, entry) != REASON_OTHER)
            compose_remove_lines (service->file, service->edits, compose_begin (service->file, entry),
                                  compose_end (service->file, entry));
    }
}

/* What dri-broker makes superfluous stays without harm where it cannot be taken out: at /dev/dri the lease
 * takes its place.  */
static void
say_stays (struct service *service, const char *name, unsigned line)
{
    doctor_none (service->doctor, "compose.shared",
                 "%s: %s (line %u) is shared by an anchor or <<, and stays; with runtime: dri it does no "
                 "harm, and can be taken out by hand",
                 service->name, name, line);
}

static void
take_out_of (struct service *service, const char *name)
{
    yaml_node_t *key = NULL, *own = compose_get (service->file, service->node, name, &key),
                *list = find_list (service, name);
    struct counts counts;

    if (!list)
        return;
    counts = count (service, name, list);
    if (counts.gpu == 0)
        return;
    if (list != own || !compose_is_own (service->file, list) || !counts.own) {
        say_stays (service, name, compose_line (list));
        return;
    }
    if (counts.gpu == counts.all)
        compose_remove_lines (service->file, service->edits, compose_begin (service->file, key),
                              compose_end (service->file, list));
    else
        remove_some (service, name, list);
    note_taken (service, name, compose_line (key));
    if (counts.maybe > 0)
        doctor_none (service->doctor, "compose.group",
                     "%s: a number in group_add (line %u) is taken for the group render; keep it where it is "
                     "another's: getent group NUMBER",
                     service->name, compose_line (key));
}

/* --- privileged --- */

bool
service_is_true (const yaml_node_t *node)
{
    const char *text = compose_scalar (node);

    return strcasecmp (text, "true") == 0 || strcasecmp (text, "yes") == 0 || strcasecmp (text, "on") == 0;
}

/* Taken out only where nothing else speaks for it.  */
static void
take_privileged_out (struct service *service)
{
    yaml_node_t *key = NULL, *own = compose_get (service->file, service->node, "privileged", &key);

    if (!own) {
        own = compose_get_merged (service->file, service->node, "privileged");
        if (service_is_true (own))
            say_stays (service, "privileged", compose_line (own));
        return;
    }
    if (!service_is_true (own))
        return;
    if (service->has_other || compose_get (service->file, service->node, "cap_add", NULL)) {
        doctor_none (service->doctor, "compose.privileged",
                     "%s: privileged: true (line %u) gives it every device of the machine, and stays: other "
                     "devices or cap_add say that it may be for more than the GPU",
                     service->name, compose_line (key));
        return;
    }
    doctor_none (service->doctor, "compose.privileged",
                 "%s: privileged: true (line %u) gives it every device of the machine; it seems to be there "
                 "for the GPU only, and the patch takes it out; leave it in where it is for something else",
                 service->name, compose_line (key));
    compose_remove_lines (service->file, service->edits, compose_begin (service->file, key),
                          compose_end (service->file, own));
    note_taken (service, "privileged", compose_line (key));
}

/* --- what goes in --- */

static void
want_labels (struct service *service)
{
    const char *name = compose_scalar (compose_get (service->file, service->node, "image", NULL));
    const struct compose_image *image = compose_image_find (name);

    compose_labels_want (&service->labels, "dri.enable", "true", NULL);
    if (service->n_nodes == 1 && *service->gpu)
        compose_labels_want (&service->labels, "dri.gpu", service->gpu, NULL);
    if (service->card || (image && image->nodes))
        compose_labels_want (&service->labels, "dri.nodes", "render,card", NULL);
    if (image && strcmp (image->class, "interactive") != 0)
        compose_labels_want (&service->labels, "dri.class", image->class, image->why);
}

/* After the line of the image, else before the first key.  */
void
service_add_lines (struct service *service, bool runtime, bool labels)
{
    yaml_node_t *key = NULL, *image = compose_get (service->file, service->node, "image", &key);
    bool after = image && compose_is_own (service->file, key)
                 && (!compose_is_own (service->file, image) || image->end_mark.line == key->start_mark.line);
    const yaml_node_t *first = compose_node (service->file, service->node->data.mapping.pairs.start->key);
    size_t at = compose_begin (service->file, after ? key : first);

    if (runtime)
        compose_add_line (service->file, service->edits, at, after, "runtime: dri");
    if (labels)
        compose_labels_add_block (&service->labels, service->file, service->edits, at, after,
                                  service->node->start_mark.column);
}

/* --- one service --- */

bool
service_is_shared (struct service *service)
{
    return !compose_is_own (service->file, service->node) || compose_is_flow (service->node)
           || service->node->data.mapping.pairs.start == service->node->data.mapping.pairs.top;
}

static void
next_by_hand (struct service *service)
{
    doctor_next (service->doctor, "runtime: dri  # in the service %s", service->name);
    doctor_next (service->doctor, "labels:");
    for (unsigned i = 0; i < service->labels.wanted_n; i++)
        doctor_next (service->doctor, "  %s: \"%s\"", service->labels.wanted[i].name,
                     service->labels.wanted[i].value);
}

/* Drops what was edited for this service.  */
void
service_drop_edits (struct service *service, size_t before)
{
    struct compose_edits *edits = service->edits;

    while (edits->n > before)
        free (edits->list[--edits->n].text);
    edits->failed = false;
}

static void
put_in (struct service *service, bool runtime)
{
    bool labels = service->labels.wanted_n > 0;

    if (labels && service->labels.node) {
        compose_labels_add (&service->labels, service->file, service->edits);
        labels = false;
    }
    if (runtime || labels)
        service_add_lines (service, runtime, labels);
}

/* Labels that are merged in would be lost beside labels of its own.  */
static bool
has_foreign_labels (struct service *service)
{
    return (service->labels.node && !service->labels.own)
           || (!service->labels.node && compose_get_merged (service->file, service->node, "labels"));
}

void
service_propose (struct service *service, bool runtime)
{
    size_t before = service->edits->n;
    bool patched = !service_is_shared (service) && !has_foreign_labels (service);

    want_labels (service);
    if (patched) {
        take_out_of (service, "devices");
        take_out_of (service, "volumes");
        take_out_of (service, "group_add");
        take_out_of (service, "device_cgroup_rules");
        take_privileged_out (service);
        put_in (service, runtime);
        patched = !service->edits->failed;
        if (!patched)
            service_drop_edits (service, before);
    }
    doctor_bad (service->doctor, "compose.devices",
                "%s takes the GPU past dri-broker%s%s: it is neither shared out nor seen there",
                service->name, patched && *service->taken ? ", by " : "", patched ? service->taken : "");
    if (patched)
        doctor_next (service->doctor, "apply the patch below");
    else
        next_by_hand (service);
    if (service->n_nodes > 1)
        doctor_none (service->doctor, "compose.gpu",
                     "%s has several render nodes; a lease is of one GPU: say which with dri.gpu",
                     service->name);
}
