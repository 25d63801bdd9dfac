/* Who may ask for what: the list "policy" of the configuration. Pure: a request and its container in, the
 * request as it counts out, or the reason why it is refused.
 *
 * The first rule that fits decides, as in pg_hba.conf(5); where none fits, all is allowed. What a container
 * did not write is taken from the rule's "default"; what it wrote has to be in "allow"; "max" lowers
 * dri.share and dri.wait, and refuses dri.slots. The words are those of dri-broker(7).  */
#ifndef DRI_POLICY_H
#define DRI_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/container.h"
#include "../oci/error.h"
#include "../oci/request.h"
#include "../oci/writer.h"
#include "gpu.h"

enum { POLICY_RULES_MAX = 64, POLICY_WORDS_MAX = 8, POLICY_PATTERN_MAX = 128, POLICY_TITLE_MAX = 96 };

/* What tells containers apart: members of struct container, and dri.role.  */
enum policy_trait {
    TRAIT_CONTAINER,
    TRAIT_IMAGE,
    TRAIT_PROJECT,
    TRAIT_SERVICE,
    TRAIT_ENGINE,
    TRAIT_ROLE,
    TRAIT_COUNT
};

/* "*" stands for any text, "?" for any character. None: it does not matter.  */
struct policy_patterns {
    char text[POLICY_WORDS_MAX][POLICY_PATTERN_MAX];
    unsigned n;
};

struct policy_rule {
    char title[POLICY_TITLE_MAX]; /* "rule 2 (project media)" */
    struct policy_patterns who[TRAIT_COUNT];
    uid_t users[POLICY_WORDS_MAX]; /* who asks; 0: root, for all whose engine is root's */
    unsigned n_users;
    bool nothing;                           /* "allow": false */
    unsigned allowed[KEY_COUNT];            /* bit set of the key's enum; 0: all */
    struct selector gpus[POLICY_WORDS_MAX]; /* those that may be given */
    unsigned n_gpus;                        /* 0: all */
    struct request defaults;                /* SOURCE_POLICY where there is one */
    unsigned max_slots, max_share;          /* 0: none */
    unsigned max_wait_ms;                   /* REQUEST_WAIT_MAX_MS: none */
};

struct policy {
    struct policy_rule rules[POLICY_RULES_MAX];
    unsigned n;
};

/* What became of an order by the policy. All zero: no rule fitted.  */
struct policy_mark {
    char rule[POLICY_TITLE_MAX];
    struct selector gpus[POLICY_WORDS_MAX]; /* the only ones that it may be given */
    unsigned n_gpus;                        /* 0: any */
    char changes[256];                      /* "dri.class=batch, its default; …"; "" where there are none */
};

/* What the rule sets is set as of SOURCE_POLICY. Errors: refused, in words for the owner of the container;
 * both are then as they were.  */
int policy_apply (const struct policy *policy, uid_t asker, const struct container *container,
                  struct request *req, struct policy_mark *mark, struct error *err);

/* The GPUs that the policy lets an order have, present or not.  */
uint32_t policy_gpus (const struct policy_mark *mark, const struct gpus *gpus);

struct lease;
struct order;
/* After a change: would the lease be given once more, for what was once asked? False: why says why not. New
 * defaults, and lower maxima of share and wait, are for those who come. Of a GPU that is lost it is not known
 * what rules name it by (its driver, its node): whether it may be had is asked when it is back.  */
bool policy_still_allows (const struct policy *policy, const struct gpus *gpus, const struct lease *lease,
                          struct error *why);

/* What a rule made of an order, for the journal: {"rule","changes","gpus","request"}. The way back is for one
 * that order_parse() has made.  */
void policy_write (struct writer *w, const struct order *order);
void policy_read (struct order *order, const json_t *json);

/* The list "policy" of the configuration taken apart, for config_load_policy(); userdata is the struct
 * policy. Errors name the rule and the key; it has no rules then.  */
int policy_parse (void *userdata, json_t *list, struct error *err);

/* The place of its value in the enum of its key: a bit of policy_rule.allowed. KEY_NODES: is there a card? */
unsigned policy_value (const struct request *req, enum request_key key);

/* Is it allowed by this rule? For the rule itself, where nothing is asked for.  */
int policy_check (const struct policy_rule *rule, const struct request *req, struct error *err);

#endif
