/* grant + spec -> edited spec: the one pure function behind every door.
 *
 * Applying a grant twice is applying it once. What the user put below /dev/dri gives way (runc fails on a
 * device below our read-only mount), and with it the rules of the device cgroup that went with it.  */
#ifndef DRI_APPLY_H
#define DRI_APPLY_H

#include <jansson.h>

#include "container.h"
#include "error.h"
#include "grant.h"
#include "request.h"

struct apply_hook {
    const char *path;   /* dri-hook; NULL: no hooks, as where the engine's own run it */
    const char *socket; /* for its DRI_BROKER_SOCKET */
    const char *bundle; /* absolute */
    const char *label;  /* what to call the container in messages */
};

/* Edits spec in place. On failure spec is of no use any more.  */
int apply_grant (json_t *spec, const struct grant *grant, const struct request *req, const struct workload *w,
                 const struct apply_hook *hook, struct error *err);

/* The workload as it is when it opens its GPU, which the gate has to become. What drops from root loses its
 * groups (final->drops), and does so where PUID and PGID say so, or dri.owner names the user. */
void apply_final_user (const struct workload *w, const struct request *req, struct workload *final);

/* What is verified for what was asked. A monitor sees all GPUs and lets none work for it: auto is no more
 * than the driver's level for it.  */
enum request_ready apply_ready (const struct request *req);

/* ["LIBVA_DRIVER_NAME=…", …]: of the container's environment, what chooses its libva and its driver. The
 * reference is the caller's.  */
json_t *apply_variables (const json_t *spec);

/* Takes out what the user put below /dev/dri, and what says that a grant was applied, and adds nothing: the
 * container starts without a GPU.  */
void apply_nothing (json_t *spec);

/* Makes the container's start fail, by a hook that tells the reason. For doors whose own words nobody hears.
 */
int apply_refusal (json_t *spec, const char *reason, const struct apply_hook *hook, struct error *err);

/* What in the spec gives way to a grant, one sentence each, for people; empty where nothing does. The
 * reference is the caller's.  */
json_t *apply_notes (const json_t *spec);

/* Did apply_grant edit this spec? Annotations alone do not tell: an image and a pod bring their own, but no
 * hooks. So the lease they name has to be that of our hook.  */
bool apply_is_ours (const json_t *spec);

/* Adds the groups that apply_grant once gave the container to a process of an exec. spec is the container's,
 * or its annotations and hooks. Returns true where the process changed.  */
bool apply_gids (json_t *process, const json_t *spec);

/* The annotation that marks an edited spec, and that holds the added groups as "44,992". They count where
 * apply_is_ours only.  */
#define APPLY_LEASE_ANNOTATION "io.dri.lease"
#define APPLY_GIDS_ANNOTATION  "io.dri.gids"

#endif
