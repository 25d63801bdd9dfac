/* Status as text for Prometheus. That the text is well-formed is promtool's to say: metrics.bats.  */
#include "testing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "broker/drictl/metrics.h"
#include "oci/cleanup.h"

static char *
text_of (const char *json, enum metrics_format format)
{
    _cleanup_json_ json_t *status = json_loads (json, 0, NULL);
    char *text;

    assert_non_null (status);
    text = metrics_text (status, format);
    assert_non_null (text);
    return text;
}

/* These lines, in whatever order; without a line where wanted begins with "!".  */
static void
assert_lines (const char *json, enum metrics_format format, const char *const *wanted)
{
    _cleanup_free_ char *text = text_of (json, format);

    for (; *wanted; wanted++) {
        bool absent = **wanted == '!';
        char line[512];

        (void) snprintf (line, sizeof line, "\n%s%s", *wanted + absent, absent ? "" : "\n");
        if (!strstr (text, line) != absent)
            fail_msg ("expected %s\"%s\" in:\n%s", absent ? "no " : "", line, text);
    }
}

#define assert_has(json, format, ...) assert_lines (json, format, (const char *const[]){__VA_ARGS__, NULL})

static const char one_of_each[] =
    "{\"gpus\": [{\"name\": \"igpu\", \"pci\": \"0000:00:02.0\", \"driver\": \"i915\", \"vendor\": "
    "\"0x8086\","
    " \"device\": \"0x46d1\", \"model\": \"UHD\", \"render\": \"renderD128\", \"card\": \"card0\","
    " \"state\": \"present\", \"ready\": {\"level\": \"vaapi\"}, \"slots\": {\"total\": 16, \"used\": 3},"
    " \"busy\": {\"render\": 12.5, \"video-enhance\": 0.0},"
    " \"memory\": {\"total\": 4096, \"resident\": 1024}}],"
    " \"leases\": [{\"container\": {\"id\": \"0123456789abcdef\", \"name\": \"web\", \"image\": \"jellyfin\","
    " \"engine\": \"docker\", \"project\": \"media\", \"service\": \"tv\"}, \"gpu\": \"igpu\","
    " \"access\": \"shared\", \"class\": \"batch\", \"state\": \"throttled\", \"slots\": 2, \"share\": 40,"
    " \"since\": 1700000000, \"ready\": {\"ok\": true}, \"busy\": {\"video\": 1234567.890625},"
    " \"memory\": {\"total\": 1125899906842624, \"resident\": 7}}],"
    " \"queue\": [{\"class\": \"batch\", \"state\": \"waiting\"}, {\"class\": \"batch\", \"state\": "
    "\"waiting\"},"
    " {\"class\": \"realtime\", \"state\": \"put off\"}]}";

static void
test_figures (void **state)
{
    (void) state;
    assert_has (one_of_each, METRICS_TEXT, "dri_broker_up 1",
                "dri_gpu_info{gpu=\"igpu\",pci=\"0000:00:02.0\",driver=\"i915\",vendor=\"0x8086\","
                "device=\"0x46d1\",model=\"UHD\",render=\"renderD128\",ready=\"vaapi\"} 1",
                "dri_gpu_present{gpu=\"igpu\"} 1", "dri_gpu_slots{gpu=\"igpu\"} 16",
                "dri_gpu_slots_used{gpu=\"igpu\"} 3",
                "dri_gpu_engine_busy_seconds_total{gpu=\"igpu\",engine=\"render\"} 12.5",
                "dri_gpu_engine_busy_seconds_total{gpu=\"igpu\",engine=\"video-enhance\"} 0",
                "dri_gpu_memory_bytes{gpu=\"igpu\"} 4096",
                "dri_gpu_memory_resident_bytes{gpu=\"igpu\"} 1024");
    assert_has (one_of_each, METRICS_TEXT,
                "dri_lease_info{container=\"web\",gpu=\"igpu\",access=\"shared\",class=\"batch\","
                "image=\"jellyfin\",project=\"media\",service=\"tv\",container_engine=\"docker\"} 1",
                "dri_lease_state{container=\"web\",state=\"throttled\"} 1",
                "dri_lease_state{container=\"web\",state=\"active\"} 0",
                "dri_lease_ready{container=\"web\"} 1", "dri_lease_slots{container=\"web\"} 2",
                "dri_lease_share_ratio{container=\"web\"} 0.4",
                "dri_lease_start_time_seconds{container=\"web\"} 1700000000",
                "dri_lease_engine_busy_seconds_total{container=\"web\",engine=\"video\"} 1234567.890625",
                "dri_lease_memory_bytes{container=\"web\"} 1125899906842624",
                "dri_lease_memory_resident_bytes{container=\"web\"} 7",
                "dri_queue_containers{class=\"batch\",state=\"waiting\"} 2",
                "dri_queue_containers{class=\"realtime\",state=\"put off\"} 1",
                "dri_queue_containers{class=\"interactive\",state=\"waiting\"} 0");
}

/* What is not known has no series: 0 would be a lie.  */
static void
test_unknown (void **state)
{
    (void) state;
    assert_has (
        "{\"gpus\": [{\"name\": \"a\", \"pci\": null, \"state\": \"lost\", \"ready\": {\"level\": null},"
        " \"slots\": {\"total\": 16}, \"busy\": null, \"memory\": null}],"
        " \"leases\": [{\"container\": {\"id\": \"0123456789abcdef\", \"name\": null}, \"gpu\": null,"
        " \"state\": \"without\", \"share\": null, \"ready\": null, \"busy\": {\"render\": null},"
        " \"memory\": null}], \"queue\": []}",
        METRICS_TEXT, "dri_gpu_present{gpu=\"a\"} 0", "!dri_gpu_engine_busy", "!dri_gpu_memory",
        "!dri_gpu_slots_used{", "dri_lease_state{container=\"0123456789ab\",state=\"without\"} 1",
        "!dri_lease_ready{", "!dri_lease_share_ratio{", "!dri_lease_engine_busy", "!dri_lease_memory",
        "!dri_lease_start_time_seconds{");
}

/* A name can neither end its line or its value, nor reach a terminal, nor take another's series.  */
static void
test_hostile_names (void **state)
{
    (void) state;
    assert_has ("{\"gpus\": [], \"queue\": [], \"leases\": ["
                "{\"container\": {\"name\": \"a\\\"} 1\\ndri_broker_up 0\"}, \"slots\": 1},"
                "{\"container\": {\"name\": \"b\\\\\"}, \"slots\": 1},"
                "{\"container\": {\"name\": \"\\u001b[2J\\u009b\"}, \"slots\": 1},"
                "{\"container\": {\"name\": \"\\u00e9\"}, \"slots\": 1}]}",
                METRICS_TEXT, "dri_lease_slots{container=\"a\\\"} 1\\\\u000adri_broker_up 0\"} 1",
                "dri_lease_slots{container=\"b\\\\\"} 1",
                "dri_lease_slots{container=\"\\\\u001b[2J\\\\u009b\"} 1",
                "dri_lease_slots{container=\"\xc3\xa9\"} 1", "!dri_broker_up 0");
}

static void
test_same_names (void **state)
{
    (void) state;
    assert_has ("{\"gpus\": [], \"queue\": [], \"leases\": ["
                "{\"container\": {\"name\": \"web\"}, \"slots\": 1},"
                "{\"container\": {\"name\": \"web#2\"}, \"slots\": 2},"
                "{\"container\": {\"name\": \"web\"}, \"slots\": 3},"
                "{\"container\": {\"project\": \"p\", \"service\": \"s\"}, \"slots\": 4}]}",
                METRICS_TEXT, "dri_lease_slots{container=\"web\"} 1",
                "dri_lease_slots{container=\"web#2\"} 2", "dri_lease_slots{container=\"web#3\"} 3",
                "dri_lease_slots{container=\"p/s\"} 4");
}

/* No user's lease has a name that is root's, or would be, whichever is first in the list.  */
static void
test_names_of_users (void **state)
{
    (void) state;
    assert_has ("{\"gpus\": [], \"queue\": [], \"leases\": ["
                "{\"container\": {\"name\": \"jellyfin\"}, \"owner\": 1000, \"slots\": 1},"
                "{\"container\": {\"name\": \"jellyfin\"}, \"owner\": 0, \"slots\": 2},"
                "{\"container\": {\"name\": \"jellyfin\"}, \"owner\": 1000, \"slots\": 3},"
                "{\"container\": {\"name\": \"web\"}, \"owner\": 1001, \"slots\": 4},"
                "{\"container\": {\"name\": \"db\"}, \"owner\": 1000, \"slots\": 5},"
                "{\"container\": {\"name\": \"db@1000\"}, \"owner\": 0, \"slots\": 6}]}",
                METRICS_TEXT, "dri_lease_slots{container=\"jellyfin@1000\"} 1",
                "dri_lease_slots{container=\"jellyfin\"} 2",
                "dri_lease_slots{container=\"jellyfin#2@1000\"} 3",
                "dri_lease_slots{container=\"web@1001\"} 4", "dri_lease_slots{container=\"db#2@1000\"} 5",
                "dri_lease_slots{container=\"db@1000\"} 6");
}

static void
test_no_broker (void **state)
{
    _cleanup_free_ char *text = metrics_text (NULL, METRICS_TEXT);

    (void) state;
    assert_non_null (strstr (text, "\ndri_broker_up 0\n"));
    assert_null (strstr (text, "\ndri_queue_containers{"));
    assert_null (strstr (text, "# EOF"));
}

/* There a family has the name without "_total" and "_info", and the end is marked.  */
static void
test_openmetrics (void **state)
{
    _cleanup_free_ char *text = text_of (one_of_each, METRICS_OPENMETRICS);

    (void) state;
    assert_has (one_of_each, METRICS_OPENMETRICS, "# TYPE dri_gpu_engine_busy_seconds counter",
                "# UNIT dri_gpu_engine_busy_seconds seconds",
                "dri_gpu_engine_busy_seconds_total{gpu=\"igpu\",engine=\"render\"} 12.5",
                "# TYPE dri_lease info", "# EOF");
    assert_string_equal (text + strlen (text) - strlen ("\n# EOF\n"), "\n# EOF\n");
    assert_has (one_of_each, METRICS_TEXT, "# TYPE dri_gpu_engine_busy_seconds_total counter",
                "# TYPE dri_lease_info gauge", "!# UNIT", "!# EOF");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_figures),        cmocka_unit_test (test_unknown),
        cmocka_unit_test (test_hostile_names),  cmocka_unit_test (test_same_names),
        cmocka_unit_test (test_names_of_users), cmocka_unit_test (test_no_broker),
        cmocka_unit_test (test_openmetrics),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
