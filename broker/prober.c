#include "prober.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "child.h"
#include "codecs.h"
#include "prober_child.h"

/* dri-probe ends by itself a second after its time-out. A GPU whose firmware is still on its way is asked
 * again, after twice the time at each try.  */
enum { REPORT_MAX = 512 << 10, PATIENCE_S = 7, TRIES_MAX = 5, NEWCOMER_TRIES_MAX = 3, RETRY_S = 2 };

int
prober_start (struct prober *prober, struct error *err)
{
    for (unsigned i = 0; i < GPUS_MAX; i++)
        prober->probes[i] = (struct probe_of_gpu){.prober = prober, .fd = -1};
    prober->child = prober_child_start (err);
    return prober->child < 0 ? -1 : 0;
}

/* --- the broker: what a report means --- */

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

static void
copy_clean (char *out, size_t size, const char *text)
{
    (void) snprintf (out, size, "%s", text);
    text_clean (out); /* it may be cut in the middle of a character */
}

/* What the report does not tell with certainty is not known: a driver that is not installed here may well be
 * in an image.  */
static void
learn (struct gpu *gpu, const json_t *report)
{
    const json_t *vaapi = json_object_get (report, "vaapi");
    const char *reason = text_of (report, "reason");
    struct gpu_ready ready = {.knowledge = GPU_UNKNOWN};
    struct generation generation;

    copy_clean (ready.level, sizeof ready.level, text_of (report, "verified"));
    copy_clean (ready.driver, sizeof ready.driver, text_of (vaapi, "vendor"));
    copy_clean (ready.reason, sizeof ready.reason, text_of (report, "message"));
    if (strcmp (reason, "ok") == 0 || strcmp (reason, "no-profiles") == 0) {
        ready.knowledge = GPU_KNOWN;
        abilities_read (&ready.abilities, json_object_get (vaapi, "profiles"));
        if (codecs_find (gpu->vendor, gpu->device, &generation))
            codecs_explain (&generation, &ready.abilities, ready.driver, "this machine", NULL,
                            ready.expectation, sizeof ready.expectation);
    }
    gpu->ready = ready;
}

/* Firmware that is not running yet takes encoders away (the HuC of i915, rate control); a node may be there
 * before its driver is, and a machine that boots may be too busy for an answer in time.  */
static bool
may_pass (const json_t *report)
{
    static const char *const reasons[] = {"no-node", "no-driver", "driver-silent", "hung"};
    const json_t *firmware = json_object_get (json_object_get (report, "facts"), "firmware"), *one;
    size_t i;

    json_array_foreach ((json_t *) firmware, i, one) {
        if (strcmp (text_of (one, "status"), "not-running") == 0)
            return true;
    }
    for (i = 0; i < countof (reasons); i++)
        if (strcmp (text_of (report, "reason"), reasons[i]) == 0)
            return true;
    return false;
}

/* --- the broker: a probe under way --- */

static unsigned
index_of (const struct probe_of_gpu *probe)
{
    return (unsigned) (probe - probe->prober->probes);
}

static void
end_probe (struct probe_of_gpu *probe)
{
    probe->source = sd_event_source_disable_unref (probe->source);
    probe->timer = sd_event_source_disable_unref (probe->timer);
    if (probe->fd >= 0)
        (void) close (steal_fd (&probe->fd));
    free (probe->text);
    probe->text = NULL;
    probe->len = 0;
}

static void begin_probe (struct probe_of_gpu *probe);

static int
on_retry (sd_event_source *source, uint64_t usec, void *userdata)
{
    struct probe_of_gpu *probe = userdata;

    (void) source;
    (void) usec;
    begin_probe (probe);
    return 0;
}

static void
set_timer (struct probe_of_gpu *probe, unsigned seconds, sd_event_time_handler_t handler)
{
    probe->timer = sd_event_source_disable_unref (probe->timer);
    (void) sd_event_add_time_relative (probe->prober->event, &probe->timer, CLOCK_MONOTONIC,
                                       seconds * UINT64_C (1000000), 0, handler, probe);
}

static bool
wants_retry (const struct probe_of_gpu *probe, const json_t *report)
{
    if (probe->came && probe->tries < NEWCOMER_TRIES_MAX && !json_is_true (json_object_get (report, "ok")))
        return true;
    return may_pass (report) && probe->tries < TRIES_MAX;
}

/* Takes the report over.  */
static void
take_report (struct probe_of_gpu *probe, json_t *report)
{
    struct prober *prober = probe->prober;
    struct gpu *gpu = &prober->gpus->table[index_of (probe)];
    char identity[GPU_IDENTITY_MAX];

    end_probe (probe);
    json_decref (probe->report);
    probe->report = report;
    gpu_identity (gpu, identity);
    /* Of a GPU that has gone meanwhile, or has another driver by now, it tells nothing.  */
    if (gpu->state == GPU_PRESENT && strcmp (identity, probe->identity) == 0) {
        learn (gpu, report);
        if (wants_retry (probe, report))
            set_timer (probe, (unsigned) RETRY_S << probe->tries++, on_retry);
    }
    prober->done (prober->userdata, index_of (probe));
}

static void
take_failure (struct probe_of_gpu *probe, const char *reason, const char *message)
{
    take_report (probe, json_pack ("{s:b s:s s:s}", "ok", 0, "reason", reason, "message", message));
}

static int
on_deadline (sd_event_source *source, uint64_t usec, void *userdata)
{
    (void) source;
    (void) usec;
    take_failure (userdata, "hung", "dri-probe did not come to an end: the GPU or its driver hangs (dmesg)");
    return 0;
}

static void
read_report (struct probe_of_gpu *probe)
{
    json_t *report = json_loadb (probe->text, probe->len, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object (report) && json_is_string (json_object_get (report, "reason"))) {
        take_report (probe, report);
        return;
    }
    json_decref (report);
    take_failure (probe, "not-started", "dri-probe gave no report (journalctl -u dri-broker)");
}

static int
on_text (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct probe_of_gpu *probe = userdata;
    ssize_t n = read (fd, probe->text + probe->len, REPORT_MAX - probe->len);

    (void) source;
    (void) revents;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0) {
        probe->len += (size_t) n;
        if (probe->len == REPORT_MAX)
            take_failure (probe, "not-started", "the report is longer than a report can be");
        return 0;
    }
    read_report (probe);
    return 0;
}

static int
start_probe (struct probe_of_gpu *probe, const char *path)
{
    _cleanup_close_ int out = -1;
    int ends[2];

    if (pipe2 (ends, O_CLOEXEC) < 0)
        return -1;
    probe->fd = ends[0];
    out = ends[1];
    probe->text = malloc (REPORT_MAX);
    if (!probe->text || fcntl (probe->fd, F_SETFL, O_NONBLOCK) < 0
        || prober_child_ask (probe->prober->child, path, out) < 0)
        return -1;
    set_timer (probe, PATIENCE_S, on_deadline);
    return sd_event_add_io (probe->prober->event, &probe->source, probe->fd, EPOLLIN, on_text, probe);
}

static void
begin_probe (struct probe_of_gpu *probe)
{
    struct gpu *gpu = &probe->prober->gpus->table[index_of (probe)];

    end_probe (probe);
    gpu_identity (gpu, probe->identity);
    if (gpu->render.path[0] == '\0') {
        take_failure (probe, "not-started", "a simulated GPU: there is no driver to ask");
        return;
    }
    if (gpu->ready.knowledge == GPU_UNKNOWN)
        gpu->ready.knowledge = GPU_ASKED;
    if (start_probe (probe, gpu->render.path) < 0)
        take_failure (probe, "not-started", strerror (errno));
}

/* --- the broker: which ones --- */

void
prober_follow (struct prober *prober, bool came)
{
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        struct probe_of_gpu *probe = &prober->probes[i];
        const struct gpu *gpu = &prober->gpus->table[i];
        char identity[GPU_IDENTITY_MAX];

        /* Whatever comes in its place is new, even if it looks the same.  */
        if (gpu->state != GPU_PRESENT) {
            probe->identity[0] = '\0';
            continue;
        }
        gpu_identity (gpu, identity);
        if (strcmp (identity, probe->identity) == 0)
            continue;
        probe->tries = 0;
        probe->came = came;
        begin_probe (probe);
    }
}

void
prober_ask (struct prober *prober, unsigned gpu)
{
    struct probe_of_gpu *probe = &prober->probes[gpu];

    if (prober_asks (prober, gpu))
        return;
    probe->tries = 0;
    begin_probe (probe);
}

bool
prober_asks (const struct prober *prober, unsigned gpu)
{
    return prober->probes[gpu].fd >= 0;
}

const json_t *
prober_report (const struct prober *prober, unsigned gpu)
{
    return prober->probes[gpu].report;
}

static int
on_hangup (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void) fd;
    (void) revents;
    (void) userdata;
    return child_died (source, PROBER_NAME);
}

int
prober_watch (struct prober *prober, sd_event *event, struct error *err)
{
    int r = sd_event_add_io (event, NULL, prober->child, EPOLLHUP, on_hangup, NULL);

    prober->event = event;
    return r < 0 ? error_set (err, -r, "watch %s", PROBER_NAME) : 0;
}

void
prober_finish (struct prober *prober)
{
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        end_probe (&prober->probes[i]);
        json_decref (prober->probes[i].report);
    }
    (void) close (prober->child);
}
