#include "testing.h"

#include "broker/events.h"
#include "broker/drictl/events_print.h"

static struct events events;
static unsigned added;

static int
empty (void **state)
{
    (void) state;
    events_finish (&events);
    events = (struct events){.next = 0};
    return 0;
}

/* The next event: a lease is granted to container ID of this user.  */
static void
grant (const char *id, uid_t owner)
{
    struct container container = {.id = ""};

    (void) snprintf (container.id, sizeof container.id, "%s", id);
    events_add (&events, &(struct event_facts){.kind = EVENT_GRANTED,
                                               .time_ms = 1700000000042,
                                               .owner = owner,
                                               .container = &container,
                                               .gpu = "igpu",
                                               .lease = "0123",
                                               .reason = "because"});
}

/* What the reader gets next, the caller's; NULL: nothing.  */
static json_t *
read_next (struct event_reader *reader, unsigned max)
{
    struct writer w = {.text = NULL};
    json_t *json = NULL;

    if (events_read (&events, reader, max, &w)) {
        json = json_loadb (w.text, w.len, 0, NULL);
        assert_true (json_is_array (json));
    } else {
        assert_null (w.text);
    }
    free (w.text);
    return json;
}

/* "a b c": the containers of what he gets next, or the name of an event without one.  */
static void
assert_next (struct event_reader *reader, const char *wanted)
{
    json_t *json = read_next (reader, EVENTS_MAX), *event;
    char got[4096] = "";
    size_t i;

    json_array_foreach (json, i, event) {
        const char *id = json_string_value (json_object_get (json_object_get (event, "container"), "id"));

        (void) snprintf (got + strlen (got), sizeof got - strlen (got), "%s%s", i > 0 ? " " : "",
                         id ? id : json_string_value (json_object_get (event, "event")));
    }
    json_decref (json);
    assert_string_equal (got, wanted);
}

static void
every_member_is_there (void **state)
{
    const struct container container = {
        .id = "id", .name = "na\"me", .image = "image", .engine = "docker", .project = "p", .service = "s"};
    struct event_reader reader = {.sees_all = true};
    json_t *json;

    (void) state;
    events_add (&events, &(struct event_facts){.kind = EVENT_QUEUED,
                                               .time_ms = 1700000000042,
                                               .owner = 1000,
                                               .container = &container,
                                               .reason = "no slot",
                                               .position = 3});
    json = read_next (&reader, 1);
    assert_json (json,
                 "[{'time': 1700000000.042, 'event': 'queued', 'container': {'id': 'id', 'name': "
                 "'na\\u0022me', 'image': 'image', 'engine': 'docker', 'project': 'p', 'service': 's'}, "
                 "'owner': 1000, 'gpu': null, 'lease': null, 'position': 3, 'reason': 'no slot'}]");
    json_decref (json);
    grant ("x", 0);
    json = read_next (&reader, 1);
    assert_json (json, "[{'time': 1700000000.042, 'event': 'granted', 'container': {'id': 'x', 'name': null, "
                       "'image': null, 'engine': null, 'project': null, 'service': null}, 'owner': 0, 'gpu': "
                       "'igpu', 'lease': '0123', 'position': null, 'reason': 'because'}]");
    json_decref (json);
}

static void
every_kind_has_a_name_of_its_own (void **state)
{
    (void) state;
    for (unsigned i = 0; i < EVENT_KINDS; i++) {
        assert_non_null (event_kind_name ((enum event_kind) i));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal (event_kind_name ((enum event_kind) i),
                                     event_kind_name ((enum event_kind) j));
    }
}

static void
each_reads_at_his_own_pace (void **state)
{
    struct event_reader one = {.sees_all = true}, two = {.sees_all = true};
    json_t *json;

    (void) state;
    grant ("a", 0);
    assert_next (&one, "a");
    grant ("b", 0);
    grant ("c", 0);
    assert_next (&two, "a b c");
    json = read_next (&one, 1);
    assert_int_equal (json_array_size (json), 1);
    json_decref (json);
    assert_next (&one, "c");
    assert_next (&one, "");
    assert_next (&two, "");
}

static void
who_is_too_slow_is_told_how_much_he_missed (void **state)
{
    struct event_reader reader = {.sees_all = true}, his = {.uid = 1000};
    json_t *json;

    (void) state;
    for (unsigned i = 0; i < EVENTS_MAX + 7; i++)
        grant (i == EVENTS_MAX + 6 ? "last" : "x", i == EVENTS_MAX + 6 ? 1000 : 0);
    json = read_next (&reader, EVENTS_MAX);
    assert_int_equal (json_array_size (json), EVENTS_MAX + 1);
    assert_string_equal (json_string_value (json_object_get (json_array_get (json, 0), "event")), "missed");
    assert_string_equal (json_string_value (json_object_get (json_array_get (json, 0), "reason")),
                         "7 events were not read in time and are gone");
    json_decref (json);
    assert_next (&reader, "");
    /* How many it were is what others do.  */
    json = read_next (&his, EVENTS_MAX);
    assert_int_equal (json_array_size (json), 2);
    assert_string_equal (json_string_value (json_object_get (json_array_get (json, 0), "reason")),
                         "some events were not read in time and are gone");
    json_decref (json);
}

static void
users_see_their_own (void **state)
{
    struct event_reader his = {.uid = 1000}, group = {.uid = 1001, .sees_all = true};
    json_t *json;

    (void) state;
    grant ("roots", 0);
    grant ("his", 1000);
    grant ("others", 1001);
    assert_next (&his, "his");
    assert_int_equal (his.at, 3);
    /* The group sees all, and is told the lease's id of its own alone: it is the name of a directory.  */
    json = read_next (&group, EVENTS_MAX);
    assert_int_equal (json_array_size (json), 3);
    assert_true (json_is_null (json_object_get (json_array_get (json, 0), "lease")));
    assert_true (json_is_null (json_object_get (json_array_get (json, 1), "lease")));
    assert_string_equal (json_string_value (json_object_get (json_array_get (json, 2), "lease")), "0123");
    json_decref (json);
}

static void
the_past_is_counted_in_what_he_sees (void **state)
{
    struct event_reader all = {.sees_all = true}, his = {.uid = 1000};

    (void) state;
    events_begin (&events, &all, 5);
    assert_next (&all, "");
    grant ("a", 1000);
    grant ("b", 0);
    grant ("c", 1000);
    grant ("d", 0);
    events_begin (&events, &all, 2);
    assert_next (&all, "c d");
    events_begin (&events, &his, 2);
    assert_next (&his, "a c");
    events_begin (&events, &all, 0);
    assert_next (&all, "");
    for (unsigned i = 0; i < EVENTS_MAX; i++)
        grant ("x", 0);
    /* No more than is kept, and that is no miss.  */
    events_begin (&events, &all, EVENTS_MAX + 1);
    assert_int_equal (all.at, events.next - EVENTS_MAX);
}

static void
users_cannot_make_roots_events_go (void **state)
{
    struct event_reader all = {.sees_all = true}, his = {.uid = 1000}, late = {.sees_all = true};
    json_t *json;

    (void) state;
    grant ("roots", 0);
    for (unsigned i = 0; i < EVENTS_MAX; i++)
        grant (i == EVENTS_MAX - 1 ? "his" : "x", i == EVENTS_MAX - 1 ? 1000 : 1001);
    grant ("last", 0);
    assert_int_equal (events.n, EVENTS_UNPRIVILEGED_MAX + 2);
    assert_next (&his, "missed his");
    json = read_next (&all, 2);
    assert_string_equal (
        json_string_value (json_object_get (json_object_get (json_array_get (json, 0), "container"), "id")),
        "roots");
    assert_string_equal (json_string_value (json_object_get (json_array_get (json, 1), "reason")),
                         "128 events were not read in time and are gone");
    json_decref (json);
    assert_int_equal (all.at, EVENTS_MAX - EVENTS_UNPRIVILEGED_MAX + 2);
    /* What was gone when he came he has not missed.  */
    events_begin (&events, &late, EVENTS_MAX);
    json = read_next (&late, EVENTS_MAX);
    assert_int_equal (json_array_size (json), EVENTS_UNPRIVILEGED_MAX + 2);
    json_decref (json);
    /* Root's own turn the oldest out, whosever it is.  */
    for (unsigned i = 0; i < EVENTS_MAX; i++)
        grant ("x", 0);
    assert_int_equal (events.n, EVENTS_MAX);
}

static void
what_a_user_writes_is_cleaned_and_cut (void **state)
{
    const struct container container = {.id = "id", .name = "evil\033[31m"};
    struct event_reader reader = {.sees_all = true};
    char reason[2048], *at = reason;
    const char *kept;
    json_t *json;

    (void) state;
    *at++ = '\n';
    while (at < reason + sizeof reason - 4)
        at = stpcpy (at, "\xe2\x82\xac");
    events_add (&events,
                &(struct event_facts){
                    .kind = EVENT_REFUSED, .owner = 1000, .container = &container, .reason = reason});
    json = read_next (&reader, 1);
    assert_string_equal (
        json_string_value (json_object_get (json_object_get (json_array_get (json, 0), "container"), "name")),
        "evil?[31m");
    kept = json_string_value (json_object_get (json_array_get (json, 0), "reason"));
    assert_int_equal (strlen (kept), 640);
    assert_int_equal (kept[0], '?');
    assert_null (strchr (kept + 1, '?'));
    json_decref (json);
}

static void
count (void *userdata)
{
    (void) userdata;
    added++;
}

static void
somebody_is_told_that_there_is_something (void **state)
{
    (void) state;
    grant ("a", 0);
    events.added = count;
    added = 0;
    grant ("b", 0);
    assert_int_equal (added, 1);
}

static void
assert_line (const char *event, const char *wanted)
{
    json_t *json = parse (event);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream (&text, &len);

    event_print (json, out);
    (void) fclose (out);
    assert_string_equal (text, wanted);
    free (text);
    json_decref (json);
}

static void
a_line_for_people (void **state)
{
    (void) state;
    (void) setenv ("TZ", "UTC", 1);
    assert_line (
        "{'time': 1700000000.042, 'event': 'granted', 'container': {'id': '0123456789abcdef', 'name': "
        "'web', 'project': 'media', 'service': 's'}, 'gpu': 'igpu', 'position': null, 'reason': 'a "
        "reason'}",
        "2023-11-14 22:13:20.042  granted     web                   igpu        a reason\n");
    assert_line (
        "{'time': 1700000000.9996, 'event': 'queued', 'container': {'id': '0123456789abcdef', 'name': "
        "null}, 'gpu': null, 'position': 2, 'reason': 'no\\u001b[31m slot'}",
        "2023-11-14 22:13:20.999  queued      0123456789ab          -           place 2: "
        "no\\u001b[31m slot\n");
    assert_line ("{'time': 0, 'event': 'missed', 'container': null, 'gpu': null, 'reason': '7 events'}",
                 "1970-01-01 00:00:00.000  missed      -                     -           7 events\n");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (every_member_is_there, empty),
        cmocka_unit_test (every_kind_has_a_name_of_its_own),
        cmocka_unit_test_setup (each_reads_at_his_own_pace, empty),
        cmocka_unit_test_setup (who_is_too_slow_is_told_how_much_he_missed, empty),
        cmocka_unit_test_setup (users_see_their_own, empty),
        cmocka_unit_test_setup (the_past_is_counted_in_what_he_sees, empty),
        cmocka_unit_test_setup (users_cannot_make_roots_events_go, empty),
        cmocka_unit_test_setup (what_a_user_writes_is_cleaned_and_cut, empty),
        cmocka_unit_test_setup_teardown (somebody_is_told_that_there_is_something, empty, empty),
        cmocka_unit_test (a_line_for_people),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
