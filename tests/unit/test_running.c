/* Whose a container is, by the files that its runtime keeps. A mistake hands crun's container to runc, whose
 * delete takes its files away and leaves it running.  */
#include "tests/unit/testing.h"

#include "oci/running.h"

/* Of a command line with --root, split at spaces.  */
static enum runtime_kind
kind_for (const char *text)
{
    char copy[256], *argv[16], *save = NULL;
    struct cmdline cmd;
    int argc = 0;

    (void) snprintf (copy, sizeof copy, "%s", text);
    for (char *word = strtok_r (copy, " ", &save); word; word = strtok_r (NULL, " ", &save))
        argv[argc++] = word;
    argv[argc] = NULL;
    cmdline_parse (&cmd, &argc, argv);
    if (!cmd.root)
        cmd.root = folder;
    return running_kind (&cmd);
}

static void
make_containers (void)
{
    put (in_folder ("of-runc/state.json"), "{}");
    put (in_folder ("of-crun/status"), "{}");
    put (in_folder ("of-crun/config.json"), "{}");
    put (in_folder ("of-none/other"), "");
}

static void
every_verb_finds_whose_the_container_is (void **state)
{
    static const struct {
        const char *text;
        enum runtime_kind kind;
    } cases[] = {
        {"r state of-runc", RUNTIME_RUNC},
        {"r state of-crun", RUNTIME_CRUN},
        {"r start of-crun", RUNTIME_CRUN},
        {"r kill of-crun 9", RUNTIME_CRUN},
        {"r --systemd-cgroup kill --all of-crun 9", RUNTIME_CRUN},
        {"r delete --force of-runc", RUNTIME_RUNC},
        {"r delete -f of-crun", RUNTIME_CRUN},
        {"r update --pids-limit 50 of-crun", RUNTIME_CRUN},
        {"r ps --format json of-crun", RUNTIME_CRUN},
        {"r exec --process /p of-crun", RUNTIME_CRUN},
        {"r exec of-runc cat of-crun", RUNTIME_RUNC},
        {"r exec of-none cat of-crun", RUNTIME_ANY},
        {"r state of-none", RUNTIME_ANY},
        {"r state nobody", RUNTIME_ANY},
        {"r state", RUNTIME_ANY},
        {"r list", RUNTIME_ANY},
        {"r", RUNTIME_ANY},
        {"r --version", RUNTIME_ANY},
        {"r create --bundle /b of-crun", RUNTIME_ANY},
        {"r run of-crun", RUNTIME_ANY},
        {"r --dri-oci-runtime runc state of-crun", RUNTIME_ANY},
        {"r --root /no/such/root state of-crun", RUNTIME_ANY},
    };

    (void) state;
    make_containers ();
    for (size_t i = 0; i < countof (cases); i++)
        if (kind_for (cases[i].text) != cases[i].kind)
            fail_msg ("%s: %d", cases[i].text, (int) kind_for (cases[i].text));
}

static void
files_of_both_decide_nothing (void **state)
{
    (void) state;
    put (in_folder ("c/state.json"), "{}");
    put (in_folder ("c/status"), "{}");
    assert_int_equal (kind_for ("r state c"), RUNTIME_ANY);
}

static void
a_path_is_no_container (void **state)
{
    char text[160];

    (void) state;
    make_containers ();
    (void) snprintf (text, sizeof text, "r --root / state %s/of-crun", folder + 1);
    assert_int_equal (kind_for (text), RUNTIME_ANY);
}

static void
without_root_the_users_runtime_folder_is_searched (void **state)
{
    char state_verb[] = "state", of_crun[] = "dri-test-of-crun", of_runc[] = "dri-test-of-runc";
    char *words[] = {of_crun, NULL}, *exec[] = {state_verb, of_runc, NULL};
    struct cmdline cmd = {.words = words};

    (void) state;
    put (in_folder ("crun/dri-test-of-crun/status"), "{}");
    put (in_folder ("runc/dri-test-of-runc/state.json"), "{}");
    assert_int_equal (setenv ("XDG_RUNTIME_DIR", folder, 1), 0);
    assert_int_equal (running_kind (&cmd), RUNTIME_CRUN);
    cmd.words = exec;
    assert_int_equal (running_kind (&cmd), RUNTIME_RUNC);
    assert_int_equal (setenv ("XDG_RUNTIME_DIR", "", 1), 0);
    assert_int_equal (running_kind (&cmd), RUNTIME_ANY);
    assert_int_equal (unsetenv ("XDG_RUNTIME_DIR"), 0);
    assert_int_equal (running_kind (&cmd), RUNTIME_ANY);
}

/* --- the runtime that fits --- */

static struct config config;

static void
add_runtime (const char *path)
{
    (void) snprintf (config.runtimes[config.n_runtimes++], sizeof config.runtimes[0], "%s", path);
}

static void
assert_found (enum runtime_kind kind, const char *wanted)
{
    char path[PATH_MAX];
    struct error err;

    assert_ok (program_find_runtime (&config, NULL, kind, path, sizeof path, &err));
    assert_string_equal (path, wanted);
}

static char *
program (const char *name)
{
    char *path = in_folder ("%s", name);

    put (path, "");
    assert_int_equal (chmod (path, 0755), 0);
    return path;
}

static void
the_first_of_the_configuration_that_fits_is_taken (void **state)
{
    char path[PATH_MAX];
    struct error err;

    (void) state;
    config = (struct config){0};
    add_runtime (in_folder ("crun-that-is-not-there"));
    add_runtime (program ("runc.old"));
    add_runtime (program ("my-crun-1.27"));
    assert_found (RUNTIME_ANY, in_folder ("runc.old"));
    assert_found (RUNTIME_RUNC, in_folder ("runc.old"));
    assert_found (RUNTIME_CRUN, in_folder ("my-crun-1.27"));
    assert_ok (program_find_runtime (&config, in_folder ("runc.old"), RUNTIME_CRUN, path, sizeof path, &err));
    assert_string_equal (path, in_folder ("runc.old"));
}

/* nvidia-container-runtime is runc below, and may be crun.  */
static void
a_runtime_of_another_name_fits_both (void **state)
{
    (void) state;
    config = (struct config){0};
    add_runtime (program ("crun-folder/../vendor-container-runtime"));
    assert_found (RUNTIME_RUNC, in_folder ("crun-folder/../vendor-container-runtime"));
    assert_found (RUNTIME_CRUN, in_folder ("crun-folder/../vendor-container-runtime"));
}

static void
what_the_configuration_does_not_have_is_found_by_name (void **state)
{
    char path[PATH_MAX];
    struct error err;

    (void) state;
    config = (struct config){0};
    add_runtime (program ("runc"));
    assert_ok (program_find_runtime (&config, NULL, RUNTIME_CRUN, path, sizeof path, &err));
    assert_string_equal (strrchr (path, '/'), "/crun");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder (every_verb_finds_whose_the_container_is),
        unit_test_in_folder (files_of_both_decide_nothing),
        unit_test_in_folder (a_path_is_no_container),
        unit_test_in_folder (without_root_the_users_runtime_folder_is_searched),
        unit_test_in_folder (the_first_of_the_configuration_that_fits_is_taken),
        unit_test_in_folder (a_runtime_of_another_name_fits_both),
        unit_test_in_folder (what_the_configuration_does_not_have_is_found_by_name),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
