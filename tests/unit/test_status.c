/* What drictl prints for people: nothing that a terminal obeys, nothing made up.  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "broker/drictl/explain.h"
#include "broker/drictl/print.h"
#include "broker/drictl/status.h"
#include "oci/cleanup.h"

static void
assert_safe (const char *text, const char *wanted)
{
    _cleanup_free_ char *safe = text_safe (text);

    assert_string_equal (safe, wanted);
}

static void
test_text_safe (void **state)
{
    (void) state;
    assert_safe ("demo-web-1 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                 "demo-web-1 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_safe ("\x1b[2J\r\n\t\x7f", "\\u001b[2J\\u000d\\u000a\\u0009\\u007f");
    assert_safe ("\xc2\x9b"
                 "2J",
                 "\\u009b2J");
    assert_safe ("a\xe2\x80\xae"
                 "b\xe2\x81\xa6",
                 "a\\u202eb\\u2066");
    /* A lone byte of the upper half is a control character in Latin-1; overlong forms hide others.  */
    assert_safe ("\x9b"
                 "2J",
                 "\\u009b2J");
    assert_safe ("\xc0\x9b", "\\u00c0\\u009b");
    assert_safe ("\xe2\x82", "\\u00e2\\u0082");
}

enum printer { STATUS, DEVICES, EXPLAIN };

/* What the printer makes of the JSON; the caller's to free. The clock says 100000.  */
static char *
print (enum printer printer, const char *json)
{
    _cleanup_json_ json_t *reply = json_loads (json, 0, NULL);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream (&text, &len);

    assert_non_null (reply);
    assert_non_null (out);
    if (printer == STATUS)
        status_print (reply, 100000, out);
    else if (printer == DEVICES)
        devices_print (reply, out);
    else
        explain_print (reply, out);
    (void) fclose (out);
    return text;
}

static void
assert_prints (enum printer printer, const char *json, const char *wanted)
{
    _cleanup_free_ char *text = print (printer, json);

    if (!strstr (text, wanted))
        fail_msg ("expected \"%s\" in:\n%s", wanted, text);
}

static void
assert_prints_not (enum printer printer, const char *json, const char *unwanted)
{
    _cleanup_free_ char *text = print (printer, json);

    if (strstr (text, unwanted))
        fail_msg ("expected no \"%s\" in:\n%s", unwanted, text);
}

static void
test_nothing_there (void **state)
{
    static const char *const json = "{\"gpus\":[],\"leases\":[],\"queue\":[]}";
    _cleanup_free_ char *status = print (STATUS, json);
    _cleanup_free_ char *devices = print (DEVICES, json);

    (void) state;
    assert_string_equal (status, "No GPU.\n\nNo lease.\n");
    assert_string_equal (devices, "No GPU.\n");
}

/* Null is not 0, and 0 is not null.  */
static void
test_figures (void **state)
{
    (void) state;
    assert_prints (STATUS,
                   "{\"gpus\":[{\"slots\":{\"total\":4,\"used\":0},\"engines\":null,\"memory\":null}]}",
                   "0 of 4 n/a     n/a");
    assert_prints (
        STATUS,
        "{\"gpus\":[{\"slots\":{\"total\":4,\"used\":null},\"engines\":{\"render\":0,\"video\":null},"
        "\"memory\":{\"resident\":0}}]}",
        "n/a   video n/a 0 B");
    assert_prints (STATUS, "{\"gpus\":[{\"engines\":{\"render\":0,\"copy\":0.004}}]}", "idle");
    assert_prints (STATUS, "{\"gpus\":[{\"engines\":{\"render\":0.41},\"memory\":{\"resident\":1572864}}]}",
                   "render 41% 1.5 MiB");
}

static void
test_simulated_is_told (void **state)
{
    static const char *const json =
        "{\"gpus\":[{\"name\":\"a\",\"model\":\"UHD\",\"simulated\":true},{\"name\":\"ab\",\"model\":null}],"
        "\"leases\":[{\"container\":{\"name\":\"x\"},\"gpu\":\"a\"},{\"container\":{\"name\":\"y\"},\"gpu\":"
        "\"ab\"},"
        "{\"container\":{\"name\":\"z\"},\"gpu\":\"ab,a\"}]}";

    (void) state;
    assert_prints (STATUS, json, "simulated UHD");
    assert_prints (DEVICES, json, "simulated UHD");
    assert_prints (STATUS, json, "x         a (simulated)");
    assert_prints (STATUS, json, "z         ab,a (simulated)");
    assert_prints_not (STATUS, json, "ab (simulated)");
}

static void
test_lease_rows (void **state)
{
    static const char *const json =
        "{\"leases\":[{\"container\":{\"id\":\"0123456789abcdef\",\"project\":\"demo\",\"service\":\"web\"},"
        "\"since\":6400,\"state\":\"active\",\"ready\":{\"level\":\"vaapi\",\"ok\":false,\"reason\":\"no "
        "\\u001bdriver\"}},"
        "{\"container\":{\"id\":\"0123456789abcdef\"},\"since\":99999,\"ready\":null}],"
        "\"queue\":[{\"container\":{\"name\":\"q\"},\"position\":1,\"since\":99000,\"reason\":\"all "
        "taken\"}]}";

    (void) state;
    assert_prints (STATUS, json, "1d 2h");
    assert_prints (STATUS, json, "active not vaapi");
    assert_prints (STATUS, json, "demo/web: no \\u001bdriver\n");
    assert_prints (STATUS, json, "0123456789ab ");
    assert_prints_not (STATUS, json, "0123456789abc");
    assert_prints (STATUS, json, "16m   all taken");
}

static void
test_each_member_has_its_column (void **state)
{
    static const char *const json =
        "{\"leases\":[{\"container\":{\"name\":\"web\"},\"gpu\":\"igpu\",\"gpus\":[\"igpu\"],\"access\":"
        "\"exclusive\","
        "\"class\":\"batch\",\"slots\":3,\"share\":40,\"pid\":4711,\"since\":99990,\"state\":\"active\","
        "\"ready\":{\"level\":\"vaapi\",\"ok\":true},\"engines\":{\"render\":0.5},"
        "\"memory\":{\"resident\":2097152}}],"
        "\"queue\":[{\"container\":{\"name\":\"job\"},\"state\":\"queued\",\"gpu\":\"arc\",\"class\":"
        "\"realtime\","
        "\"position\":2,\"since\":99995,\"reason\":\"all taken\"}]}";

    (void) state;
    assert_prints (STATUS, json,
                   "CONTAINER GPU  ACCESS    CLASS SLOTS SHARE PID  AGE STATE  READY ENGINES    MEMORY\n"
                   "web       igpu exclusive batch 3     40%   4711 10s active vaapi render 50% 2.0 MiB\n");
    assert_prints (STATUS, json,
                   "WAITING STATE  GPU CLASS    POSITION SINCE REASON\n"
                   "job     queued arc realtime 2        5s    all taken\n");
}

static void
test_explain (void **state)
{
    static const char *const json =
        "{\"container\":{\"id\":\"1\",\"name\":\"web\"},\"state\":\"active\",\"decision\":\"the first that "
        "fits\","
        "\"workload\":{\"uid\":0,\"gid\":0,\"gids\":[44,105],\"puid\":1000,\"pgid\":1001,"
        "\"uid_map\":[{\"container\": 0, \"host\": 100000, \"size\": 65536}],\"gid_map\":[{\"container\": 0, "
        "\"host\": 200000, \"size\": 65536}]},"
        "\"request\":{\"gpu\":\"driver:i915\"},\"gpus\":[\"igpu\"],\"directory\":\"/run/"
        "x\",\"notes\":[\"a\\u0007note\"],"
        "\"nodes\":[{\"name\":\"renderD128\",\"major\":226,\"minor\":128,\"uid\":101000,\"gid\":201001,"
        "\"mode\":\"0660\"}]}";

    (void) state;
    assert_prints (EXPLAIN, json, "Container web\n");
    assert_prints (EXPLAIN, json, "  dri.gpu = driver:i915\n");
    assert_prints (EXPLAIN, json, "  dri.wait = 10s (default)\n");
    assert_prints (EXPLAIN, json, "Decided: active: the first that fits\n");
    assert_prints (EXPLAIN, json, "additional groups: 44, 105\n");
    assert_prints (EXPLAIN, json, "becomes uid 1000, gid 1001\n");
    assert_prints (EXPLAIN, json, "on the host uid 101000, gid 201001\n");
    assert_prints (EXPLAIN, json, "renderD128 226:128 0660 1000:1001 101000:201001");
    assert_prints (EXPLAIN, json, "a\\u0007note\n");
}

static void
test_explain_refused (void **state)
{
    static const char *const json =
        "{\"container\":{\"id\":\"1\"},\"state\":\"refused\",\"decision\":\"no GPU\","
        "\"workload\":null,\"request\":{},\"nodes\":[],\"notes\":[]}";

    (void) state;
    assert_prints (EXPLAIN, json, "Container 1\n");
    assert_prints (EXPLAIN, json, "Runs as: not known");
    assert_prints (EXPLAIN, json, "Sees no GPU in /dev/dri.\n");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_text_safe),       cmocka_unit_test (test_nothing_there),
        cmocka_unit_test (test_figures),         cmocka_unit_test (test_simulated_is_told),
        cmocka_unit_test (test_lease_rows),      cmocka_unit_test (test_explain),
        cmocka_unit_test (test_explain_refused), cmocka_unit_test (test_each_member_has_its_column),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
