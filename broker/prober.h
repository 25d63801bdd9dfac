/* What each GPU can do, found out by dri-probe with this machine's own libva: once for each binding of a
 * driver, and whenever somebody asks for it.
 *
 * A VA driver is foreign code. dri-probe puts it into its box, for which it has to become nobody: so it is
 * started by a child of the broker's; see prober_child.h. The broker waits
 * for no probe: a report comes through a pipe, in as many pieces as it likes, and is taken apart as hostile.
 *
 * gpus.table[].ready is the prober's to write, for others to read.  */
#ifndef DRI_PROBER_H
#define DRI_PROBER_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "../oci/error.h"
#include "gpu.h"

struct probe_of_gpu {
    struct prober *prober;
    char identity[GPU_IDENTITY_MAX]; /* of the GPU when it was asked; "" where it was not yet */
    int fd;                          /* of the probe under way; -1: none is */
    sd_event_source *source, *timer; /* owned: the pipe; its deadline, or the time of the next try */
    char *text;                      /* owned */
    size_t len;
    unsigned tries;
    bool came;      /* the GPU has come while the broker was running */
    json_t *report; /* owned; the last, NULL before */
};

struct prober {
    int child; /* owned */
    sd_event *event;
    struct gpus *gpus;
    struct probe_of_gpu probes[GPUS_MAX];
    void (*done) (void *userdata, unsigned gpu); /* there is something new to know */
    void *userdata;
};

/* Forks; see prober_child.h.  */
int prober_start (struct prober *prober, struct error *err);
/* The caller has set gpus, done and userdata.  */
int prober_watch (struct prober *prober, sd_event *event, struct error *err);
void prober_finish (struct prober *prober);

/* Asks for the GPUs that are new or have a new driver. came: they have just come, and what failed is asked
 * again some seconds later, when udev and the driver have done their part.  */
void prober_follow (struct prober *prober, bool came);

/* Asks anew, unless that is under way. done is called in any case, later or before this returns.  */
void prober_ask (struct prober *prober, unsigned gpu);
bool prober_asks (const struct prober *prober, unsigned gpu);

/* As in dri-probe(8), borrowed; NULL before the first.  */
const json_t *prober_report (const struct prober *prober, unsigned gpu);

#endif
