/* What a container asks for: the dri.* keys, one grammar for labels, annotations, environment and the wire.
 *
 * The table of keys and values that users write stands in dri-broker(7). A request keeps the text of each key
 * as it was written, so that it can be shown and sent on, and parsed again by whoever does not trust us.  */
#ifndef DRI_REQUEST_H
#define DRI_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

enum request_key {
    KEY_ENABLE,
    KEY_GPU,
    KEY_NODES,
    KEY_ACCESS,
    KEY_CLASS,
    KEY_SLOTS,
    KEY_SHARE,
    KEY_REQUIRE,
    KEY_READY,
    KEY_WAIT,
    KEY_ON_FAILURE,
    KEY_OWNER,
    KEY_ROLE,
    KEY_COUNT
};

enum request_access { ACCESS_SHARED, ACCESS_EXCLUSIVE, ACCESS_MONITOR };
enum request_class { CLASS_INTERACTIVE, CLASS_REALTIME, CLASS_BATCH };
enum request_ready { READY_AUTO, READY_OFF, READY_NODE, READY_DRIVER, READY_VAAPI };
enum request_failure { FAILURE_FAIL, FAILURE_START_WITHOUT, FAILURE_DEFER };

/* In order of rising trust: a later one takes the place of an earlier one.  */
enum request_source {
    SOURCE_DEFAULT,
    SOURCE_RESERVATION, /* what Swarm's scheduler reserved */
    SOURCE_ENV,
    SOURCE_ANNOTATION,
    SOURCE_LABEL,
    SOURCE_DEVICE, /* the name of a CDI device */
    SOURCE_POLICY  /* what the administrator's rule says; broker/policy.h */
};

enum selector_kind {
    SELECT_ANY,
    SELECT_ALL,
    SELECT_PCI,
    SELECT_DRIVER,
    SELECT_VENDOR,
    SELECT_ID,
    SELECT_NODE,
    SELECT_NAME
};

struct selector {
    enum selector_kind kind;
    char text[64];           /* as written */
    unsigned prefix;         /* length of "pci:", "driver:" or "vendor:" in it */
    uint16_t vendor, device; /* SELECT_ID */
};

enum owner_kind { OWNER_AUTO, OWNER_HOST, OWNER_IDS };

struct owner {
    enum owner_kind kind;
    uid_t uid; /* ids of the container; OWNER_IDS only */
    gid_t gid;
    mode_t mode;
};

enum { REQUEST_SELECTORS_MAX = 8, REQUEST_TEXT_MAX = 256, REQUEST_WAIT_MAX_MS = 60000, ROLE_MAX = 64 };

struct request {
    bool enable;
    bool card; /* the primary node too */
    struct selector selectors[REQUEST_SELECTORS_MAX];
    unsigned n_selectors;
    enum request_access access;
    enum request_class class;
    unsigned slots;
    unsigned share; /* percent of GPU engine time; 0: no ceiling */
    enum request_ready ready;
    unsigned wait_ms;
    enum request_failure on_failure;
    struct owner owner;
    char text[KEY_COUNT][REQUEST_TEXT_MAX]; /* as written, "" where it was not; KEY_REQUIRE and KEY_ROLE are
                                             used from here */
    enum request_source source[KEY_COUNT];
    char reserved[REQUEST_TEXT_MAX]; /* by Swarm, also where dri.gpu says another; "": nothing, or no GPU by
                                        name */
};

/* All defaults, not enabled.  */
void request_init (struct request *req);

/* A label or annotation below "dri." is ours to judge. Of the environment only the variables that we know
 * are: DRI_PRIME and others belong to Mesa.  */
bool request_owns_label (const char *name);
bool request_owns_env (const char *name);

/* Sets one key. name is "dri.gpu" for labels and annotations, "DRI_GPU" for the environment (dri.on-failure
 * is DRI_ON_FAILURE). A value from a source below that of an earlier one is checked, but not taken. Errors
 * name the key, the value, and the nearest valid one or, where none is near, all.  */
int request_set (struct request *req, enum request_source source, const char *name, const char *value,
                 struct error *err);

/* The wire form: {"gpu": "pci:0000:00:02.0", …}, only what was written. The reference is the caller's.  */
json_t *request_to_json (const struct request *req);
/* {"gpu": "label", …}: where each was written.  */
json_t *request_sources_to_json (const struct request *req);
int request_from_json (struct request *req, const json_t *json, struct error *err);

const char *request_key_name (enum request_key key); /* "dri.gpu" */
/* Its values in the order of its enum, NULL at the end; NULL: it has a grammar of its own.  */
const char *const *request_words (enum request_key key);
const char *request_source_name (enum request_source source);
const char *access_name (enum request_access access);
const char *class_name (enum request_class class);
const char *ready_name (enum request_ready ready);

#endif
