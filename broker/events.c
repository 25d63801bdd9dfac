#include "events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/error.h"

enum {
    TEXT_ID,
    TEXT_NAME,
    TEXT_IMAGE,
    TEXT_ENGINE,
    TEXT_PROJECT,
    TEXT_SERVICE,
    TEXT_GPU,
    TEXT_LEASE,
    TEXT_REASON,
    TEXTS
};

static const char *const members[TEXTS] = {"id",      "name", "image", "engine", "project",
                                           "service", "gpu",  "lease", "reason"};

/* As long as a verdict: a user may have written it.  */
enum { TEXT_MAX = 640 };

/* One allocation, as long as its texts.  */
struct event {
    uint64_t number;
    enum event_kind kind;
    uid_t owner;
    unsigned position;
    int64_t time_ms;
    uint16_t text[TEXTS]; /* where it begins in texts */
    char texts[];
};

const char *
event_kind_name (enum event_kind kind)
{
    static const char *const names[EVENT_KINDS] = {
        [EVENT_QUEUED] = "queued",       [EVENT_CANCELLED] = "cancelled",   [EVENT_REFUSED] = "refused",
        [EVENT_PUT_OFF] = "put-off",     [EVENT_STARTING] = "starting",     [EVENT_GRANTED] = "granted",
        [EVENT_ACTIVATED] = "activated", [EVENT_READY] = "ready",           [EVENT_NOT_READY] = "not-ready",
        [EVENT_THROTTLED] = "throttled", [EVENT_PARKED] = "parked",         [EVENT_RESUMED] = "resumed",
        [EVENT_LOST] = "lost",           [EVENT_RETURNED] = "returned",     [EVENT_REVOKED] = "revoked",
        [EVENT_RELEASED] = "released",   [EVENT_STILL_OPEN] = "still-open",
    };

    return names[kind];
}

/* No more than there is room for, and no part of a character.  */
static size_t
text_length (const char *text)
{
    size_t len = text ? strnlen (text, TEXT_MAX) : 0;

    if (len == TEXT_MAX)
        while (len > 0 && ((unsigned char) text[len] & 0xc0) == 0x80)
            len--;
    return len;
}

static struct event *
event_create (const struct event_facts *facts, uint64_t number)
{
    const struct container *c = facts->container;
    const char *const texts[TEXTS] = {c->id,      c->name,    c->image,     c->engine,    c->project,
                                      c->service, facts->gpu, facts->lease, facts->reason};
    size_t len[TEXTS], size = 0;
    struct event *event;

    for (unsigned i = 0; i < TEXTS; i++) {
        len[i] = text_length (texts[i]);
        size += len[i] + 1;
    }
    event = malloc (sizeof *event + size);
    if (!event)
        return NULL;
    event->number = number;
    event->kind = facts->kind;
    event->owner = facts->owner;
    event->position = facts->position;
    event->time_ms = facts->time_ms;
    size = 0;
    for (unsigned i = 0; i < TEXTS; i++) {
        event->text[i] = (uint16_t) size;
        if (len[i] > 0)
            memcpy (event->texts + size, texts[i], len[i]);
        event->texts[size + len[i]] = '\0';
        text_clean (event->texts + size);
        size += len[i] + 1;
    }
    return event;
}

/* The place of the one that goes for one more of this owner; EVENTS_MAX: there is room.  */
static unsigned
to_spare (const struct events *events, uid_t owner)
{
    unsigned oldest = EVENTS_MAX, n = 0;

    for (unsigned i = owner != 0 ? events->n : 0; i-- > 0;) {
        if (events->kept[i]->owner != 0) {
            oldest = i;
            n++;
        }
    }
    if (n >= EVENTS_UNPRIVILEGED_MAX)
        return oldest;
    return events->n == EVENTS_MAX ? 0 : EVENTS_MAX;
}

static void
drop (struct events *events, unsigned place)
{
    struct event **gone = &events->kept[place];

    free (*gone);
    events->n--;
    memmove (gone, gone + 1, (events->n - place) * sizeof (struct event *));
}

void
events_add (struct events *events, const struct event_facts *facts)
{
    struct event *event = event_create (facts, events->next++);
    unsigned spare = to_spare (events, facts->owner);

    if (event) {
        if (spare < EVENTS_MAX)
            drop (events, spare);
        events->kept[events->n++] = event;
    }
    if (events->added)
        events->added (events->userdata);
}

void
events_finish (struct events *events)
{
    while (events->n > 0)
        free (events->kept[--events->n]);
}

static bool
may_see (const struct event_reader *reader, const struct event *event)
{
    return reader->sees_all || event->owner == reader->uid;
}

void
events_begin (const struct events *events, struct event_reader *reader, unsigned last)
{
    reader->at = reader->came = events->next;
    for (unsigned i = events->n; last > 0 && i-- > 0;) {
        reader->at = events->kept[i]->number;
        if (may_see (reader, events->kept[i]))
            last--;
    }
}

/* "" is what nobody told.  */
static void
write_text (struct writer *w, const struct event *event, unsigned i)
{
    const char *text = event->texts + event->text[i];

    writer_words (w, "\"");
    writer_raw (w, members[i], strlen (members[i]));
    writer_words (w, "\":");
    if (*text || i == TEXT_ID || i == TEXT_REASON)
        writer_string (w, text);
    else
        writer_words (w, "null");
}

static void
write_time (struct writer *w, int64_t ms)
{
    char text[48];
    int len = snprintf (text, sizeof text, "\"time\":%" PRId64 ".%03d", ms / 1000, (int) (ms % 1000));

    writer_raw (w, text, (size_t) len);
}

static void
write_event (struct writer *w, const struct event *event, const struct event_reader *reader)
{
    const char *kind = event_kind_name (event->kind);

    writer_words (w, "{");
    write_time (w, event->time_ms);
    writer_words (w, ",\"event\":");
    writer_string (w, kind);
    writer_words (w, ",\"container\":{");
    for (unsigned i = TEXT_ID; i <= TEXT_SERVICE; i++) {
        if (i > TEXT_ID)
            writer_words (w, ",");
        write_text (w, event, i);
    }
    writer_words (w, "},\"owner\":");
    writer_number (w, event->owner);
    writer_words (w, ",");
    write_text (w, event, TEXT_GPU);
    writer_words (w, ",");
    if (reader->uid == 0 || event->owner == reader->uid)
        write_text (w, event, TEXT_LEASE);
    else
        writer_words (w, "\"lease\":null");
    writer_words (w, ",\"position\":");
    if (event->position > 0)
        writer_number (w, event->position);
    else
        writer_words (w, "null");
    writer_words (w, ",");
    write_text (w, event, TEXT_REASON);
    writer_words (w, "}");
}

/* How many is what others do, too: told to those who see it all.  */
static void
write_missed (struct writer *w, const struct event_reader *reader, uint64_t n, int64_t time_ms)
{
    char reason[96] = "some events were not read in time and are gone";

    if (reader->sees_all)
        (void) snprintf (reason, sizeof reason, "%" PRIu64 " events were not read in time and are gone", n);
    writer_words (w, "{");
    write_time (w, time_ms);
    writer_words (w, ",\"event\":\"missed\",\"container\":null,\"owner\":0,\"gpu\":null,\"lease\":null,"
                     "\"position\":null,\"reason\":");
    writer_string (w, reason);
    writer_words (w, "}");
}

/* The place of the first of this number or a later one.  */
static unsigned
place_of (const struct events *events, uint64_t number)
{
    unsigned i = events->n;

    while (i > 0 && events->kept[i - 1]->number >= number)
        i--;
    return i;
}

/* Those that are gone between where he is and this one; what was gone when he came he has not missed.  */
static uint64_t
missed_before (const struct event_reader *reader, const struct event *event)
{
    uint64_t from = reader->at > reader->came ? reader->at : reader->came;

    return event->number > from ? event->number - from : 0;
}

bool
events_read (const struct events *events, struct event_reader *reader, unsigned max, struct writer *w)
{
    uint64_t missed = 0;
    unsigned n = 0;

    for (unsigned i = place_of (events, reader->at); i < events->n && n < max; i++) {
        const struct event *event = events->kept[i];

        missed += missed_before (reader, event);
        reader->at = event->number + 1;
        if (!may_see (reader, event))
            continue;
        writer_raw (w, n > 0 ? "," : "[", 1);
        if (missed > 0) {
            write_missed (w, reader, missed, event->time_ms);
            writer_words (w, ",");
            missed = 0;
        }
        write_event (w, event, reader);
        n++;
    }
    if (n > 0)
        writer_words (w, "]");
    return n > 0;
}
