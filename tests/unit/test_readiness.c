/* The parts of the readiness gate that need no container: when VA-API is asked, what a verdict is kept under,
 * what the broker answers, and what each phase may do.  */
#include "tests/unit/testing.h"

#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "hook/gate_vaapi.h"
#include "hook/phase.h"
#include "hook/readiness.h"

static bool
wants (enum request_ready ready, bool libva, bool drm, unsigned n_renders)
{
    const struct gate gate = {.ready = ready, .nodes = {{.name = "renderD128", .drm = drm}}, .n_nodes = 1};
    const struct gate_found found = {.sight.libva = libva, .n_renders = n_renders};

    return gate_wants_vaapi (&gate, &found);
}

static void
auto_goes_by_the_image (void **state)
{
    (void) state;
    assert_true (wants (READY_AUTO, true, true, 1));
    assert_false (wants (READY_AUTO, false, true, 1));
    assert_false (wants (READY_AUTO, true, false, 1)); /* a simulated GPU */
    assert_false (wants (READY_AUTO, true, true, 0));  /* no render node */
    assert_true (wants (READY_VAAPI, false, false, 1));
    assert_false (wants (READY_VAAPI, true, true, 0));
    assert_false (wants (READY_DRIVER, true, true, 1) || wants (READY_NODE, true, true, 1));
}

/* --- what the image has --- */

static void
write_file (const char *path, const char *text)
{
    char full[200], *slash;
    int fd;

    (void) snprintf (full, sizeof full, "%s/%s", folder, path);
    for (slash = strchr (full + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
        *slash = '\0';
        (void) mkdir (full, 0755);
        *slash = '/';
    }
    fd = open (full, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    assert_return_code (fd, errno);
    assert_int_equal (write (fd, text, strlen (text)), strlen (text));
    (void) close (fd);
}

static struct sight
look (const char *variable)
{
    const struct sight_variables variables = {.list = {variable}, .n = variable ? 1 : 0};
    int fd = open (folder, O_PATH | O_DIRECTORY);
    struct sight sight;

    sight_look (&sight, fd, &variables);
    (void) close (fd);
    return sight;
}

static bool
differs (struct sight a, struct sight b)
{
    return a.fingerprint[0] != b.fingerprint[0] || a.fingerprint[1] != b.fingerprint[1];
}

static void
the_image_is_known_by_its_libva_and_drivers (void **state)
{
    struct sight bare, one, two;

    (void) state;
    bare = look (NULL);
    assert_false (bare.libva || bare.vainfo);
    write_file ("usr/lib/libva.so.2", "x");
    assert_false (look (NULL).libva); /* half of it */
    write_file ("usr/lib/libva-drm.so.2", "x");
    write_file ("usr/bin/vainfo", "x");
    one = look (NULL);
    assert_true (one.libva && one.vainfo && differs (one, bare));
    assert_false (differs (one, look (NULL)));
    write_file ("usr/lib/dri/iHD_drv_video.so", "x");
    two = look (NULL);
    assert_true (differs (one, two));
    write_file ("usr/lib/dri/iHD_drv_video.so", "xy");
    assert_true (differs (two, look (NULL)));
    two = look (NULL);
    write_file ("usr/lib/dri/README", "of no interest");
    write_file ("opt/mine_drv_video.so", "x");
    assert_false (differs (two, look ("LIBVA_DRIVERS_PATH=relative:/nowhere")));
    assert_true (differs (two, look ("LIBVA_DRIVERS_PATH=/nowhere:/opt")));
}

/* What would lead out of the image leads to nothing.  */
static void
links_of_the_image_stay_in_it (void **state)
{
    char path[200];

    (void) state;
    write_file ("usr/lib/x", "x");
    for (unsigned i = 0; i < 2; i++) {
        (void) snprintf (path, sizeof path, "%s/usr/lib/%s", folder, i ? "libva.so.2" : "libva-drm.so.2");
        assert_return_code (symlink (i ? "../../../../../../etc/passwd" : "/proc/self/exe", path), errno);
    }
    assert_false (look (NULL).libva);
}

static void
a_key_is_of_all_that_counts (void **state)
{
    const struct sight one = {.fingerprint = {1, 2}}, two = {.fingerprint = {1, 3}};
    char a[SIGHT_KEY_MAX], b[SIGHT_KEY_MAX];

    (void) state;
    sight_key (&one, "vaapi vpp", a);
    assert_int_equal (strlen (a), 49);
    assert_int_equal (strspn (a, "0123456789abcdef-"), 49);
    sight_key (&one, "vaapi vpp", b);
    assert_string_equal (a, b);
    sight_key (&one, "vaapi h264-decode", b);
    assert_string_not_equal (a, b);
    sight_key (&two, "vaapi vpp", b);
    assert_string_not_equal (a, b);
}

/* --- the broker's answer --- */

static void
what_the_broker_keeps_is_read_or_refused (void **state)
{
    static const char *const not_good[] = {
        "{}",
        "{'level': 'vaapi', 'ok': true}",
        "{'level': 'high', 'ok': true, 'reason': ''}",
        "{'level': 'vaapi', 'ok': 1, 'reason': ''}",
        "{'level': 'auto', 'ok': true, 'reason': ''}",
        "[]",
    };
    struct verdict verdict = {.level = READY_NODE};
    json_t *json = parse ("{'level': 'vaapi', 'ok': true, 'reason': 'it \\u001b works'}");

    (void) state;
    assert_true (readiness_from_json (&verdict, json));
    assert_true (verdict.ok && verdict.level == READY_VAAPI);
    assert_string_equal (verdict.reason, "it ? works");
    json_decref (json);
    for (size_t i = 0; i < countof (not_good); i++) {
        json = parse (not_good[i]);
        assert_false (readiness_from_json (&verdict, json));
        json_decref (json);
    }
    assert_false (readiness_from_json (&verdict, NULL));
    assert_string_equal (verdict.reason, "it ? works");
}

/* --- phases --- */

static unsigned long long
held (const char *which)
{
    char text[4096] = "";
    int fd = open ("/proc/self/status", O_RDONLY);

    (void) !read (fd, text, sizeof text - 1);
    (void) close (fd);
    return strtoull (strstr (text, which) + strlen (which), NULL, 16);
}

static bool
can (unsigned long long caps, int one)
{
    return caps >> one & 1;
}

/* In a child, since what is gone is gone.  */
static void
each_phase_holds_what_its_table_says (void **state)
{
    pid_t child = fork ();
    int status;

    (void) state;
    if (child == 0) {
        unsigned long long had = held ("CapPrm:");
        struct error err;
        bool good = true;

        for (int phase = PHASE_HOOK; phase < PHASES; phase++) {
            good = good && phase_enter ((enum phase) phase, &err) == 0
                   && held ("CapEff:") == (phase_mask ((enum phase) phase) & had) && held ("CapInh:") == 0;
            if (phase < PHASE_JOIN)
                good = good
                       && (held ("CapPrm:") & ~phase_mask (PHASE_JOIN) & ~phase_mask (PHASE_HOOK)
                           & ~phase_mask (PHASE_LOG))
                              == 0;
            else if (phase > PHASE_JOIN)
                good = good && held ("CapPrm:") == held ("CapEff:");
        }
        /* There is no way back.  */
        good = good && phase_enter (PHASE_HOOK, &err) == 0 && held ("CapPrm:") == 0;
        _exit (good ? 0 : 1);
    }
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    assert_int_equal (phase_mask (PHASE_NOTHING), 0);
    assert_int_equal (phase_mask (PHASE_OVERRIDE), 1ULL << CAP_DAC_OVERRIDE);
    assert_false (can (phase_mask (PHASE_HOOK), CAP_SYS_ADMIN)
                  || can (phase_mask (PHASE_LOG), CAP_SYS_ADMIN));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (auto_goes_by_the_image),
        unit_test_in_folder (the_image_is_known_by_its_libva_and_drivers),
        unit_test_in_folder (links_of_the_image_stay_in_it),
        cmocka_unit_test (a_key_is_of_all_that_counts),
        cmocka_unit_test (what_the_broker_keeps_is_read_or_refused),
        cmocka_unit_test (each_phase_holds_what_its_table_says),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
