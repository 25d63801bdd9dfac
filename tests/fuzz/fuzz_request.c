/* Lines of "name=value", as labels where they begin with a small letter, else as environment. A request that
 * is taken survives the wire; one that is refused changes nothing and says why in words that JSON can carry.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "oci/cleanup.h"
#include "oci/request.h"

static void
must_be_same (const struct request *a, const struct request *b)
{
    must (a->enable == b->enable && a->card == b->card && a->access == b->access && a->class == b->class);
    must (a->slots == b->slots && a->share == b->share && a->ready == b->ready && a->wait_ms == b->wait_ms);
    must (a->on_failure == b->on_failure && a->n_selectors == b->n_selectors);
    must (a->owner.kind == b->owner.kind && a->owner.uid == b->owner.uid && a->owner.gid == b->owner.gid);
    must (a->owner.mode == b->owner.mode);
    for (unsigned i = 0; i < a->n_selectors; i++)
        must (a->selectors[i].kind == b->selectors[i].kind
              && strcmp (a->selectors[i].text, b->selectors[i].text) == 0);
    for (int i = 0; i < KEY_COUNT; i++)
        must (strcmp (a->text[i], b->text[i]) == 0);
}

static void
must_be_in_range (const struct request *req)
{
    must (req->n_selectors >= 1 && req->n_selectors <= REQUEST_SELECTORS_MAX);
    must (req->slots >= 1 && req->slots <= 1000 && req->share <= 100 && req->wait_ms <= REQUEST_WAIT_MAX_MS);
    must (req->owner.mode <= 0777 && req->owner.uid != (uid_t) -1 && req->owner.gid != (gid_t) -1);
}

static void
set (struct request *req, const char *name, const char *value)
{
    static struct request before;
    struct error err = {0};
    _cleanup_json_ json_t *message = NULL;
    enum request_source source = SOURCE_LABEL;

    if (!request_owns_label (name)) {
        if (!request_owns_env (name))
            return;
        source = SOURCE_ENV;
    }
    before = *req;
    if (request_set (req, source, name, value, &err) == 0)
        return;
    must (memcmp (req, &before, sizeof before) == 0);
    message = json_string (err.message);
    must (message && err.message[0]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup ((const char *) data, size);
    _cleanup_json_ json_t *json = NULL;
    struct request req, back;
    struct error err;
    char *save = NULL;
    bool wired = true;

    request_init (&req);
    for (char *line = strtok_r (text, "\n", &save); line; line = strtok_r (NULL, "\n", &save)) {
        char *equals = strchr (line, '=');

        if (!equals)
            continue;
        *equals = '\0';
        set (&req, line, equals + 1);
    }
    must_be_in_range (&req);
    json = request_to_json (&req);
    /* A text that is no UTF-8 is left out: labels and environment come out of JSON.  */
    for (int i = 0; i < KEY_COUNT; i++) {
        const char *name = strchr (request_key_name ((enum request_key) i), '.') + 1;

        wired = wired && (req.source[i] == SOURCE_DEFAULT || json_object_get (json, name));
    }
    must (request_from_json (&back, json, &err) == 0);
    if (wired)
        must_be_same (&req, &back);
    return 0;
}
