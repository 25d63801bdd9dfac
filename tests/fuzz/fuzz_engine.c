/* The bytes of a config.json, as any engine may have made it: who the container is, and what it asks for. A
 * pod's sandbox asks for nothing, whatever else is said, and who asks has a request that the wire takes.  */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "oci/cleanup.h"
#include "oci/document.h"
#include "oci/engine.h"
#include "oci/spec.h"

static bool
is (const json_t *annotations, const char *name, const char *value)
{
    const char *text = json_string_value (json_object_get (annotations, name));

    return text && strcmp (text, value) == 0;
}

static bool
is_sandbox (const json_t *spec)
{
    const json_t *annotations = json_object_get (spec, "annotations");

    if (is (annotations, "io.container.manager", "libpod"))
        return false;
    /* Of two engines the first is believed.  */
    if (json_object_get (annotations, "io.kubernetes.cri.container-type"))
        return is (annotations, "io.kubernetes.cri.container-type", "sandbox");
    return is (annotations, "io.kubernetes.cri-o.ContainerType", "sandbox");
}

static void
must_travel (const struct container *container, const struct request *req)
{
    _cleanup_json_ json_t *who = container_to_json (container);
    _cleanup_json_ json_t *what = request_to_json (req);
    struct container container_back;
    struct request req_back;
    struct error err = {0};

    must (container_from_json (&container_back, who, &err) == 0);
    must (request_from_json (&req_back, what, &err) == 0);
    must (req_back.n_selectors == req->n_selectors && req_back.slots == req->slots);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const char bundle[] = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/web";
    struct container container;
    struct document doc;
    struct request req;
    struct config config;
    struct error err = {0};

    if (document_load_members (&doc, (const char *) data, size, spec_members, &err) < 0)
        return 0;
    config_init (&config);
    config.image_requests = size % 2;
    if (engine_request (doc.root, bundle, "web", &config, &container, &req, &err) < 0) {
        _cleanup_json_ json_t *message = json_string (err.message);

        must (message && err.message[0]);
    } else if (req.enable) {
        must (!is_sandbox (doc.root));
        must_travel (&container, &req);
    }
    document_finish (&doc);
    return 0;
}
