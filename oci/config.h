/* /etc/dri-broker/config.json: what the administrator says. Shared by the doors and the broker.  */
#ifndef DRI_CONFIG_H
#define DRI_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

enum { CONFIG_RUNTIMES_MAX = 8, CONFIG_GPUS_MAX = 16, CONFIG_IDS_MAX = 64 };

struct config_gpu {
    char match[64]; /* a word of dri.gpu: "pci:0000:00:02.0", "driver:i915", … */
    char name[64];
    unsigned slots; /* 0: the default */
};

struct config_ids {
    uint32_t ids[CONFIG_IDS_MAX];
    unsigned n;
};

/* How engine time is shared, as of governor.h.  */
struct config_throttle {
    bool on;
    bool parking; /* batch containers may stand still for others */
    unsigned period_ms, slice_ms, frozen_ms;
    unsigned threshold, target; /* percent */
    unsigned interactive_weight, batch_weight;
};

struct config {
    char runtimes[CONFIG_RUNTIMES_MAX][128]; /* names or absolute paths, the first found is used */
    unsigned n_runtimes;
    struct config_gpu gpus[CONFIG_GPUS_MAX];
    unsigned n_gpus;
    unsigned slots;                  /* of a GPU that is not listed */
    bool image_requests;             /* labels and env baked into an image count */
    unsigned activate_timeout_ms;    /* a grant that no container takes up expires after this */
    unsigned ageing_ms;              /* so much later, a class comes after the one before it */
    unsigned max_wait_ms;            /* the longest dri.wait that counts */
    struct config_ids users, groups; /* who beside root may lease GPUs, to containers of their own */
    struct config_throttle throttle;
    char docker_socket[100];   /* where Docker is asked to start what was put off */
    char docker_root[128];     /* where Docker's data-root is looked for last */
    char containerd_root[128]; /* the same for the content store of containerd */
};

/* All defaults.  */
void config_init (struct config *config);

/* Reads $DRI_BROKER_CONFIG, else /etc/dri-broker/config.json. No file: the defaults. A file that cannot be
 * read or understood is an error that names the file and the key, and leaves the defaults.  */
int config_load (struct config *config, struct error *err);

/* The same, with what only the broker takes apart: "policy", where there is one.  */
typedef int config_policy_parser (void *userdata, json_t *policy, struct error *err);
int config_load_policy (struct config *config, config_policy_parser *policy, void *userdata,
                        struct error *err);

/* $DRI_BROKER_SOCKET, else /run/dri-broker/broker.sock.  */
const char *config_socket (void);

/* The one beside it to which everybody may connect: "/run/dri-broker/broker-user.sock". Errors: too long.  */
int config_user_socket (char *path, size_t size, struct error *err);

#endif
