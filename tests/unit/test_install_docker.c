/* The edit of daemon.json, and the files around it. What must never happen: a key of the administrator's
 * lost, a number changed, a file changed twice, or Docker left with half of it.  */
#include "testing.h"

#include "broker/install/install_docker.h"
#include "oci/file.h"

#define RUNTIME "/bin/true"

static struct text
text (const char *s)
{
    return (struct text){.data = (char *) s, .len = s ? strlen (s) : 0};
}

static void
assert_text (const struct text *got, const char *wanted)
{
    if (!wanted) {
        assert_null (got->data);
        return;
    }
    assert_non_null (got->data);
    assert_string_equal (got->data, wanted);
    assert_int_equal (got->len, strlen (wanted));
}

static void
assert_add (const char *before, bool default_runtime, const char *wanted)
{
    _cleanup_text_ struct text after = {0};
    struct text now = text (before);
    struct error err = {0};

    if (daemon_json_add (&now, NULL, &(struct daemon_json_edit){RUNTIME, default_runtime, NULL}, &after, &err)
        < 0)
        fail_msg ("%s", err.message);
    assert_text (&after, wanted);
}

static void
assert_remove (const char *before, const struct text *original, const char *wanted)
{
    _cleanup_text_ struct text after = {0};
    struct text now = text (before);
    struct error err = {0};

    if (daemon_json_remove (&now, original, &after, &err) < 0)
        fail_msg ("%s", err.message);
    assert_text (&after, wanted);
}

static void
test_add_to_nothing (void **state)
{
    static const char *const wanted =
        "{\n  \"runtimes\": {\n    \"dri\": {\n      \"path\": \"/bin/true\"\n    }\n  }\n}\n";

    (void) state;
    assert_add (NULL, false, wanted);
    assert_add ("", false, wanted);
    assert_add (" \n", false, wanted);
    assert_add ("{}\n", false, wanted);
}

static void
test_add_keeps_what_is_there (void **state)
{
    (void) state;
    assert_add ("{\n    \"z\": 18446744073709551615,\n    \"a\": 1.10,\n    \"runtimes\": {\n"
                "        \"nvidia\": {\n            \"path\": \"n\"\n        }\n    },\n    "
                "\"default-runtime\": \"nvidia\"\n}",
                false,
                "{\n    \"z\": 18446744073709551615,\n    \"a\": 1.10,\n    \"runtimes\": {\n"
                "        \"nvidia\": {\n            \"path\": \"n\"\n        },\n"
                "        \"dri\": {\n            \"path\": \"/bin/true\"\n        }\n    },\n"
                "    \"default-runtime\": \"nvidia\"\n}");
}

static void
test_add_follows_the_layout (void **state)
{
    (void) state;
    assert_add ("{\n\t\"a\": 1e400\n}\n", false,
                "{\n\t\"a\": 1e400,\n\t\"runtimes\": {\n\t\t\"dri\": {\n\t\t\t\"path\": "
                "\"/bin/true\"\n\t\t}\n\t}\n}\n");
    assert_add ("{\"a\":1}", true,
                "{\"a\":1,\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}},\"default-runtime\":\"dri\"}");
    assert_add ("{\"a\": 1}\n", false, "{\"a\": 1, \"runtimes\": {\"dri\": {\"path\": \"/bin/true\"}}}\n");
    assert_add ("{\n\"a\": 1\n}\n", false,
                "{\n\"a\": 1,\n\"runtimes\": {\n\"dri\": {\n\"path\": \"/bin/true\"\n}\n}\n}\n");
}

/* What is done already is not written anew in our layout.  */
static void
test_add_twice_is_once (void **state)
{
    static const char *const odd =
        "{ \"runtimes\":\n{\"dri\" : {\"path\":\"/bin/true\", \"runtimeArgs\":[\"-x\"]}} , "
        "\"default-runtime\":\"dri\"}\n\n";

    (void) state;
    assert_add (odd, false, odd);
    assert_add (odd, true, odd);
}

static void
test_add_takes_a_new_path (void **state)
{
    (void) state;
    assert_add ("{\"runtimes\":{\"dri\":{\"path\":\"/old\"},\"x\":{}}}", false,
                "{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"},\"x\":{}}}");
    assert_add ("{\"runtimes\":{\"dri\":{\"runtimeType\":\"t\",\"path\":\"/bin/true\"}}}", false,
                "{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}}}");
    assert_add ("{\"runtimes\":null}", false, "{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}}}");
}

static void
assert_edit_refused (const char *before, const char *why)
{
    const struct daemon_json_edit edit = {RUNTIME, true, NULL};
    struct text now = text (before), after = {0};
    struct error err = {0};

    assert_int_equal (daemon_json_add (&now, NULL, &edit, &after, &err), -1);
    assert_null (after.data);
    if (!strstr (err.message, why))
        fail_msg ("expected \"%s\" in \"%s\"", why, err.message);
}

static void
test_add_refuses (void **state)
{
    (void) state;
    assert_edit_refused ("{\n  \"a\": 1,\n}\n", "line 3, column 1");
    assert_edit_refused ("[]", "not an object");
    assert_edit_refused ("{\"runtimes\":[]}", "\"runtimes\" is not an object");
    assert_edit_refused ("{\"a\":{\"x\":1},\n\"a\":{\"y\":2}}", "line 2");
}

/* Each pair of texts comes back to the byte, odd spaces included.  */
static void
test_remove_gives_the_original_back (void **state)
{
    static const char *const originals[] = {
        NULL,
        "",
        "{}",
        "{}\n\n",
        "{ \"a\" : [1,\n2] }",
        "{\"runtimes\": {}}",
        "{\"runtimes\": null, \"x\": 1.0}\n",
        "{\"default-runtime\" : \"nvidia\"}",
        "{\"default-runtime\": \"dri\"}",
        "{ \"runtimes\": {\"dri\": {\"path\": \"/mine\", \"runtimeArgs\": [1e999]}}}",
        "{\n\t\"s\": \"\\u00e9\\/\", \"n\": -0\n}\n",
    };

    (void) state;
    for (size_t i = 0; i < countof (originals); i++) {
        for (int default_runtime = 0; default_runtime < 2; default_runtime++) {
            _cleanup_text_ struct text after = {0};
            const struct daemon_json_edit edit = {RUNTIME, default_runtime != 0, NULL};
            struct text original = text (originals[i]);
            struct error err;

            assert_int_equal (daemon_json_add (&original, NULL, &edit, &after, &err), 0);
            assert_remove (after.data, &original, originals[i]);
        }
    }
}

static void
test_remove_keeps_what_came_later (void **state)
{
    static const char *const now =
        "{\"default-runtime\":\"dri\",\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}},\"new\":1}";
    struct text original = text ("{\"default-runtime\":\"nvidia\"}"), none = {0};

    (void) state;
    assert_remove (now, &original, "{\"default-runtime\":\"nvidia\",\"new\":1}");
    assert_remove (now, &none, "{\"new\":1}");
    assert_remove (now, NULL, "{\"new\":1}");
    assert_remove ("{\"runtimes\" : {\"dri\":{\"path\":\"/bin/true\"}}}", &none, NULL);
    assert_remove ("{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"},\"x\":{}}}", &none,
                   "{\"runtimes\":{\"x\":{}}}");
}

/* Someone chose another default since: that is his.  */
static void
test_remove_keeps_a_foreign_default (void **state)
{
    struct text original = text ("{\"default-runtime\":\"nvidia\"}");

    (void) state;
    assert_remove ("{\"default-runtime\":\"crun\",\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}}}",
                   &original, "{\"default-runtime\":\"crun\"}");
    assert_remove ("{ \"default-runtime\" : \"crun\" }", &original, "{ \"default-runtime\" : \"crun\" }");
}

/* With no record of what was there, an empty file is left rather than a foreign one removed.  */
static void
test_remove_without_original (void **state)
{
    (void) state;
    assert_remove ("{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}}}\n", NULL, "{}\n");
    assert_remove ("{\"a\" :1}\n", NULL, "{\"a\" :1}\n");
}

struct files {
    char config[PATH_MAX], backup[PATH_MAX];
};

static int
setup (void **state)
{
    static struct files f;

    if (folder_make (state) < 0)
        return -1;
    (void) snprintf (f.config, sizeof f.config, "%s", in_folder ("daemon.json"));
    (void) snprintf (f.backup, sizeof f.backup, "%s", in_folder ("daemon.json.dri-broker-backup"));
    /* No dockerd of the machine has a say in these tests.  */
    (void) setenv ("PATH", "/nonexistent", 1);
    *state = &f;
    return 0;
}

/* Fails where a test left a temporary file behind.  */
static int
teardown (void **state)
{
    const struct files *f = *state;
    unsigned left;

    (void) unlink (f->config);
    (void) unlink (f->backup);
    left = count_entries (folder);
    return folder_remove (state) < 0 || left > 0 ? -1 : 0;
}

static void
put_with_mode (const char *path, const char *content, mode_t mode)
{
    put (path, content);
    assert_int_equal (chmod (path, mode), 0);
}

static void
assert_file (const char *path, const char *wanted)
{
    _cleanup_free_ char *content = NULL;
    struct error err;
    size_t len;

    if (!wanted) {
        assert_int_equal (access (path, F_OK), -1);
        return;
    }
    assert_int_equal (file_read (path, 1 << 20, &content, &len, &err), 0);
    assert_string_equal (content, wanted);
}

/* True where the file was changed.  */
static bool
install (const struct files *f, bool default_runtime, bool dry_run)
{
    struct docker_install how = {f->config, RUNTIME, default_runtime, dry_run, NULL};
    struct docker_outcome done;
    struct error err;
    bool changed;

    if (docker_install (&how, &done, &err) < 0)
        fail_msg ("%s", err.message);
    changed = !text_same (&done.before, &done.after);
    docker_outcome_finish (&done);
    return changed;
}

static bool
uninstall (const struct files *f)
{
    struct docker_install how = {.config = f->config};
    struct docker_outcome done;
    struct error err;
    bool changed;

    if (docker_uninstall (&how, &done, &err) < 0)
        fail_msg ("%s", err.message);
    changed = !text_same (&done.before, &done.after);
    docker_outcome_finish (&done);
    return changed;
}

static void
test_files_round_trip (void **state)
{
    static const char *const original = "{ \"log-level\":\"warn\" }\n";
    struct files *f = *state;
    struct stat st;

    put_with_mode (f->config, original, 0640);
    assert_true (install (f, false, false));
    assert_file (f->backup, original);
    assert_true (install (f, true, false));
    assert_file (f->backup, original);
    assert_false (install (f, true, false));
    assert_int_equal (stat (f->config, &st), 0);
    assert_int_equal (st.st_mode & 07777, 0640);
    assert_int_equal (stat (f->backup, &st), 0);
    assert_int_equal (st.st_mode & 07777, 0640);
    assert_true (uninstall (f));
    assert_file (f->config, original);
    assert_file (f->backup, NULL);
    assert_false (uninstall (f));
}

static void
test_files_absent (void **state)
{
    struct files *f = *state;
    struct stat st;

    assert_true (install (f, true, false));
    assert_int_equal (stat (f->config, &st), 0);
    assert_int_equal (st.st_mode & 07777, 0644);
    assert_true (uninstall (f));
    assert_file (f->config, NULL);
    assert_file (f->backup, NULL);
    assert_false (uninstall (f));
}

static void
test_files_dry_run (void **state)
{
    struct files *f = *state;

    assert_true (install (f, true, true));
    assert_file (f->config, NULL);
    assert_file (f->backup, NULL);
}

/* The default that stood there last is the one to come back, not that of an install long ago.  */
static void
test_files_stale_backup (void **state)
{
    struct files *f = *state;

    put_with_mode (f->config, "{\"default-runtime\":\"nvidia\"}", 0644);
    assert_true (install (f, false, false));
    put_with_mode (f->config,
                   "{\"default-runtime\":\"crun\",\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}}}", 0644);
    assert_true (install (f, true, false));
    assert_true (uninstall (f));
    assert_file (f->config, "{\"default-runtime\":\"crun\"}");
}

/* A file with keys of someone else stays, though there was none at first.  */
static void
test_files_absent_then_edited (void **state)
{
    struct files *f = *state;

    assert_true (install (f, false, false));
    put_with_mode (f->config, "{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}},\"debug\":true}", 0644);
    assert_true (uninstall (f));
    assert_file (f->config, "{\"debug\":true}");
    assert_file (f->backup, NULL);
}

/* A broken backup stops nobody, is not overwritten by nothing, and is left for a person.  */
static void
test_files_broken_backup (void **state)
{
    struct files *f = *state;

    put_with_mode (f->config, "{\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}},\"debug\":true}", 0644);
    put_with_mode (f->backup, "{", 0600);
    assert_true (uninstall (f));
    assert_file (f->config, "{\"debug\":true}");
    assert_file (f->backup, "{");
}

static void
test_files_refuse_no_runtime (void **state)
{
    struct files *f = *state;
    struct docker_install how = {.config = f->config, .runtime = "/nonexistent/dri-runtime"};
    struct docker_outcome done;
    struct error err;

    assert_int_equal (docker_install (&how, &done, &err), -1);
    assert_int_equal (err.status, ENOENT);
    how.runtime = "dri-runtime";
    assert_int_equal (docker_install (&how, &done, &err), -1);
    how.runtime = "/etc/passwd";
    assert_int_equal (docker_install (&how, &done, &err), -1);
    assert_file (f->config, NULL);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_add_to_nothing),
        cmocka_unit_test (test_add_keeps_what_is_there),
        cmocka_unit_test (test_add_follows_the_layout),
        cmocka_unit_test (test_add_twice_is_once),
        cmocka_unit_test (test_add_takes_a_new_path),
        cmocka_unit_test (test_add_refuses),
        cmocka_unit_test (test_remove_gives_the_original_back),
        cmocka_unit_test (test_remove_keeps_what_came_later),
        cmocka_unit_test (test_remove_keeps_a_foreign_default),
        cmocka_unit_test (test_remove_without_original),
        cmocka_unit_test_setup_teardown (test_files_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown (test_files_absent, setup, teardown),
        cmocka_unit_test_setup_teardown (test_files_dry_run, setup, teardown),
        cmocka_unit_test_setup_teardown (test_files_stale_backup, setup, teardown),
        cmocka_unit_test_setup_teardown (test_files_absent_then_edited, setup, teardown),
        cmocka_unit_test_setup_teardown (test_files_broken_backup, setup, teardown),
        cmocka_unit_test_setup_teardown (test_files_refuse_no_runtime, setup, teardown),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
