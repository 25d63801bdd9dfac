#include "doctor_compose.h"

#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/request.h"
#include "compose_file.h"
#include "compose_gpu.h"
#include "doctor_compose_service.h"

/* --- services that know dri-broker --- */

static const yaml_node_t *
get_path (struct service *service, const char *const *names)
{
    const yaml_node_t *node = service->node;

    for (; node && *names; names++)
        node = compose_get (service->file, node, *names, NULL);
    return node;
}

static bool
is_for_swarm (struct service *service)
{
    static const char *const keys[] = {"mode", "replicas", "placement", "update_config"};
    const yaml_node_t *deploy = get_path (service, (const char *const[]){"deploy", NULL});

    for (size_t i = 0; i < countof (keys); i++)
        if (compose_get (service->file, deploy, keys[i], NULL))
            return true;
    return get_path (service,
                     (const char *const[]){"deploy", "resources", "reservations", "generic_resources", NULL});
}

static void
check_runtime (struct service *service, const char *runtime)
{
    size_t before = service->edits->n;

    if (strcmp (runtime, "dri") == 0 || service->by_default) {
        if (!service->has_slip)
            doctor_good (service->doctor, "compose.runtime", "%s asks dri-broker for its GPU", service->name);
        return;
    }
    if (!*runtime && is_for_swarm (service)) {
        doctor_none (
            service->doctor, "compose.runtime",
            "%s has no runtime: dri, which Swarm does not know; each node needs drictl install docker "
            "--swarm",
            service->name);
        return;
    }
    if (*runtime) {
        doctor_bad (service->doctor, "compose.runtime",
                    "%s has labels dri.*, and runtime %s, which does not "
                    "read them",
                    service->name, runtime);
        doctor_next (service->doctor, "runtime: dri  # in the service %s, instead", service->name);
        return;
    }
    doctor_bad (service->doctor, "compose.runtime", "%s has labels dri.*, and no runtime: dri to read them",
                service->name);
    if (!service_is_shared (service))
        service_add_lines (service, true, false);
    if (service_is_shared (service) || service->edits->failed) {
        service_drop_edits (service, before);
        doctor_next (service->doctor, "runtime: dri  # in the service %s", service->name);
    } else {
        doctor_next (service->doctor, "apply the patch below");
    }
}

static void
check_deploy_labels (struct service *service)
{
    struct compose_labels deploy;

    compose_labels_read (&deploy, service->file, get_path (service, (const char *const[]){"deploy", NULL}),
                         "labels");
    for (unsigned i = 0; i < deploy.n; i++) {
        doctor_bad (service->doctor, "compose.deploy",
                    "%s: %s below deploy: (line %u) is a label of the Swarm service, and no container has it",
                    service->name, deploy.list[i].name, deploy.list[i].line);
        doctor_next (service->doctor, "labels: { %s: \"%s\" }  # beside deploy:, not below it",
                     deploy.list[i].name, deploy.list[i].value);
    }
}

static void
check_labels (struct service *service)
{
    struct request request;

    request_init (&request);
    for (unsigned i = 0; i < service->labels.n; i++) {
        const struct compose_label *label = &service->labels.list[i];
        struct error err;

        /* What compose puts in is not known here.  */
        if (strchr (label->value, '$')
            || request_set (&request, SOURCE_LABEL, label->name, label->value, &err) == 0)
            continue;
        service->has_slip = true;
        doctor_bad (service->doctor, "compose.label", "%s, line %u: %s", service->name, label->line,
                    err.message);
        doctor_next (service->doctor, "man dri-broker  # has the keys and their values");
    }
}

static void
check_reservations (struct service *service)
{
    const yaml_node_t *devices =
        get_path (service, (const char *const[]){"deploy", "resources", "reservations", "devices", NULL});

    for (yaml_node_item_t *item =
             devices && devices->type == YAML_SEQUENCE_NODE ? devices->data.sequence.items.start : NULL;
         item && item < devices->data.sequence.items.top; item++) {
        yaml_node_t *entry = compose_node (service->file, *item);
        const char *driver = compose_scalar (compose_get (service->file, entry, "driver", NULL));

        if (strcmp (driver, "cdi") != 0)
            doctor_none (service->doctor, "compose.reservation",
                         "%s: the device reserved below deploy: (line %u, driver %s) is not dri-broker's to "
                         "give, and stays",
                         service->name, compose_line (entry), *driver ? driver : "not named");
    }
}

static void
check_extends (struct service *service)
{
    if (compose_get (service->file, service->node, "extends", NULL))
        doctor_none (service->doctor, "compose.extends",
                     "%s extends another service: what comes from there is not looked at here, and "
                     "docker compose config shows it",
                     service->name);
}

/* A privileged container of an image that is known for it has the GPU by that.  */
static bool
has_gpu_by_privilege (struct service *service)
{
    return service_is_true (compose_get (service->file, service->node, "privileged", NULL))
           && compose_image_find (compose_scalar (compose_get (service->file, service->node, "image", NULL)));
}

static void
look_at_service (struct service *service)
{
    yaml_node_t *runtime = compose_get (service->file, service->node, "runtime", NULL);

    if (!runtime)
        runtime = compose_get_merged (service->file, service->node, "runtime");
    compose_labels_read (&service->labels, service->file, service->node, "labels");
    service_look_at_paths (service, "devices");
    service_look_at_paths (service, "volumes");
    check_deploy_labels (service);
    check_reservations (service);
    check_labels (service);
    if (compose_labels_has (&service->labels, "dri.enable", "true")) {
        check_runtime (service, compose_scalar (runtime));
    } else if (strcmp (compose_scalar (runtime), "nvidia") == 0) {
        doctor_none (service->doctor, "compose.runtime",
                     "%s: runtime nvidia gives it its GPU, not dri-broker", service->name);
    } else if (service->has_gpu || has_gpu_by_privilege (service)) {
        check_extends (service);
        service_propose (service, !*compose_scalar (runtime));
    } else if (strcmp (compose_scalar (runtime), "dri") == 0 && service->labels.n == 0) {
        doctor_none (service->doctor, "compose.runtime",
                     "%s has runtime: dri and no label dri.enable: \"true\" here, and so no GPU",
                     service->name);
    }
}

/* --- the file --- */

static bool
is_dri_default (struct doctor *doctor)
{
    _cleanup_json_ json_t *config = doctor_read_json (doctor, "/etc/docker/daemon.json");
    const char *standard = json_string_value (json_object_get (config, "default-runtime"));

    return standard && strcmp (standard, "dri") == 0;
}

static void
look_at_services (struct doctor *doctor, struct compose_file *file, struct compose_edits *edits)
{
    yaml_node_t *services = compose_get (file, compose_root (file), "services", NULL);
    bool by_default = is_dri_default (doctor);

    if (!services || services->type != YAML_MAPPING_NODE) {
        doctor_none (doctor, "compose.services", "no services: in it");
        return;
    }
    for (yaml_node_pair_t *pair = services->data.mapping.pairs.start; pair < services->data.mapping.pairs.top;
         pair++) {
        struct service service = {.doctor = doctor,
                                  .file = file,
                                  .edits = edits,
                                  .node = compose_node (file, pair->value),
                                  .name = compose_scalar (compose_node (file, pair->key)),
                                  .by_default = by_default};

        if (service.node->type == YAML_MAPPING_NODE)
            look_at_service (&service);
    }
}

static int
finish_patch (const struct compose_file *file, struct compose_edits *edits, struct text *after,
              struct error *err)
{
    struct compose_file patched;

    if (compose_apply (file, edits, after, err) < 0)
        return -1;
    if (compose_load (&patched, after, err) < 0) {
        text_finish (after);
        return error_wrap (err, "no patch, since it would break the file");
    }
    compose_finish (&patched);
    return 0;
}

int
doctor_compose (struct doctor *doctor, const char *path, const struct text *before, struct text *after,
                struct error *err)
{
    _cleanup_compose_ struct compose_file file = {0};
    static struct compose_edits edits; /* large */
    int r;

    if (compose_load (&file, before, err) < 0)
        return error_wrap (err, "%s", path);
    doctor_area (doctor, "Compose file");
    look_at_services (doctor, &file, &edits);
    if (file.more)
        doctor_none (doctor, "compose.documents", "more documents follow in %s, which are not looked at",
                     path);
    if (compose_get (&file, compose_root (&file), "include", NULL))
        doctor_none (doctor, "compose.include", "files that %s includes are not looked at", path);
    if (json_array_size (doctor->findings) == 0)
        doctor_good (doctor, "compose.none", "nothing in %s has to do with a GPU", path);
    r = finish_patch (&file, &edits, after, err);
    compose_edits_finish (&edits);
    return r < 0 ? error_wrap (err, "%s", path) : 0;
}
