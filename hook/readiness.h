/* The way of a start through the readiness gate: what the workload can do is found out, the broker is told,
 * and asked what it knows already.  */
#ifndef DRI_READINESS_H
#define DRI_READINESS_H

#include <jansson.h>

#include "gate.h"

struct readiness {
    const char *lease;
    const char *gpus;    /* their names, for messages; "" or NULL where they are not known */
    bool active;         /* the broker knows the container's process already */
    bool starts_without; /* a container that is not ready may start all the same */
    /* As ask_broker().  */
    int (*ask) (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
                struct error *err);
    void *userdata;
};

/* 0: the container may start. Else err has the reason, with the GPU, the level, and what the kernel has said
 * about it.  */
int readiness_verify (const struct readiness *way, const struct gate *gate, struct error *err);

/* The broker's Readiness. The reference is the caller's.  */
json_t *readiness_to_json (const struct verdict *verdict);
/* False, and verdict is as it was, where it is none.  */
bool readiness_from_json (struct verdict *verdict, const json_t *json);

#endif
