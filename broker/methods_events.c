/* Watch: events to whoever stays connected for them. Each watcher reads from the ring at his own pace.  */
#include <stdio.h>

#include "methods_parts.h"

/* A watcher stays as long as he likes: others than root leave room for those who have something to do.  */
enum { WATCHERS_UNPRIVILEGED_MAX = 8, WATCHERS_UID_MAX = 2 };

static unsigned
place_of (const struct methods *m, const struct connection *c)
{
    return (unsigned) (c - m->server->connections);
}

static void
reply_with (struct connection *c, struct writer *events, bool more)
{
    struct writer reply = {.text = NULL};

    writer_words (&reply, "{\"parameters\":{\"events\":");
    if (events->text)
        writer_raw (&reply, events->text, events->len);
    else
        writer_words (&reply, "[]");
    free (events->text);
    *events = (struct writer){.text = NULL};
    if (more) {
        writer_words (&reply, "},\"continues\":true}");
        connection_reply_more (c, reply);
    } else {
        writer_words (&reply, "}}");
        connection_reply_text (c, reply);
    }
}

/* As much as he takes without our waiting for him; the rest when he has read that.  */
static void
tell (struct methods *m, unsigned place)
{
    struct connection *c = &m->server->connections[place];
    struct writer events = {.text = NULL};

    while (m->watchers[place].on && connection_takes_more (c)
           && events_read (&m->leasing->events, &m->watchers[place].reader, EVENTS_REPLY_MAX, &events))
        reply_with (c, &events, true);
}

static int
on_telling (sd_event_source *source, void *userdata)
{
    struct methods *m = userdata;

    (void) source;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (m->watchers[i].on)
            tell (m, i);
    return 0;
}

/* What happens now is told later: whoever makes it happen does not wait for it.  */
static void
on_added (void *userdata)
{
    struct methods *m = userdata;

    (void) sd_event_source_set_enabled (m->telling, SD_EVENT_ONESHOT);
}

/* NULL: there is room for him.  */
static const char *
why_not (const struct methods *m, const struct connection *c)
{
    unsigned his = 0, unprivileged = 0;

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        if (!m->watchers[i].on || m->watchers[i].reader.uid == 0)
            continue;
        his += m->watchers[i].reader.uid == c->uid;
        unprivileged++;
    }
    if (c->uid == 0)
        return NULL;
    if (his >= WATCHERS_UID_MAX)
        return "a user other than root watches events twice at a time at most; end one of the others";
    return unprivileged >= WATCHERS_UNPRIVILEGED_MAX ? "too many users watch events already; try again later"
                                                     : NULL;
}

static void
begin (struct methods *m, struct connection *c, const struct event_reader *reader)
{
    struct events *ring = &m->leasing->events;
    const char *why = why_not (m, c);
    struct writer events = {.text = NULL};

    if (!why && !m->telling && sd_event_add_defer (m->server->event, &m->telling, on_telling, m) < 0)
        why = "out of memory";
    if (why) {
        methods_fail (c, "Refused", why);
        return;
    }
    m->watchers[place_of (m, c)] = (struct watcher){.on = true, .reader = *reader};
    m->n_watchers++;
    ring->added = on_added;
    ring->userdata = m;
    /* At once, though it may be empty: from here on nothing is missed.  */
    (void) events_read (ring, &m->watchers[place_of (m, c)].reader, EVENTS_REPLY_MAX, &events);
    reply_with (c, &events, true);
    tell (m, place_of (m, c));
}

void
method_watch (struct methods *m, struct connection *c, json_t *parameters)
{
    const json_t *last = json_object_get (parameters, "last");
    json_int_t n = m->call->more ? 0 : EVENTS_MAX;
    struct event_reader reader = {.uid = c->uid, .sees_all = methods_viewer (c).sees_all};
    struct writer events = {.text = NULL};

    if (json_is_integer (last))
        n = json_integer_value (last);
    if (n < 0 || (last && !json_is_integer (last) && !json_is_null (last))) {
        methods_invalid (c, "last");
        return;
    }
    events_begin (&m->leasing->events, &reader, n < EVENTS_MAX ? (unsigned) n : EVENTS_MAX);
    if (m->call->more && !m->call->oneway) {
        begin (m, c, &reader);
        return;
    }
    (void) events_read (&m->leasing->events, &reader, EVENTS_MAX, &events);
    reply_with (c, &events, false);
}

void
methods_on_drained (void *userdata, struct connection *c)
{
    tell (userdata, place_of (userdata, c));
}

void
methods_end_watch (struct methods *m, const struct connection *c)
{
    struct watcher *watcher = &m->watchers[place_of (m, c)];

    if (!watcher->on)
        return;
    watcher->on = false;
    if (--m->n_watchers > 0)
        return;
    m->leasing->events.added = NULL;
    m->telling = sd_event_source_disable_unref (m->telling);
}
