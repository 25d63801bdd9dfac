/* What engines really call. A command line that is misread is a container that silently starts without its
 * GPU, or an option of somebody's command that we eat.  */
#include "tests/unit/testing.h"

#include "oci/cmdline.h"

enum { ARGS_MAX = 64 };

/* A command line, split at spaces, as main would get it.  */
struct call {
    struct cmdline cmd;
    char text[1024];
    char *argv[ARGS_MAX];
    int argc;
};

static void
call (struct call *c, const char *text)
{
    char *save = NULL;

    *c = (struct call){.argc = 0};
    (void) snprintf (c->text, sizeof c->text, "%s", text);
    for (char *word = strtok_r (c->text, " ", &save); word; word = strtok_r (NULL, " ", &save))
        c->argv[c->argc++] = word;
    cmdline_parse (&c->cmd, &c->argc, c->argv);
    assert_null (c->argv[c->argc]);
}

static void
assert_same (const char *got, const char *wanted)
{
    if (!wanted)
        assert_null (got);
    else if (!got)
        fail_msg ("wanted %s, got nothing", wanted);
    else
        assert_string_equal (got, wanted);
}

static void
assert_args (const struct call *c, const char *wanted)
{
    char text[1024] = "";

    for (int i = 0; i < c->argc; i++) {
        strcat (text, i ? " " : "");
        strcat (text, c->argv[i]);
    }
    assert_string_equal (text, wanted);
}

static const struct {
    const char *text;
    enum verb verb;
    const char *root, *log;
    bool json;
    const char *bundle, *process, *id;
} calls[] = {
    /* containerd 1.7 and 2.1, for Docker */
    {"runc --root /var/run/docker/runtime-runc/moby --log /run/b/log.json --log-format json create --bundle "
     "/run/b"
     " --pid-file /run/b/init.pid --console-socket /tmp/pty.sock 0a1b",
     VERB_CREATE, "/var/run/docker/runtime-runc/moby", "/run/b/log.json", true, "/run/b", NULL, "0a1b"},
    {"runc --root /r --log /l --log-format json --systemd-cgroup create --bundle /run/b --pid-file /p "
     "--no-pivot id",
     VERB_CREATE, "/r", "/l", true, "/run/b", NULL, "id"},
    {"runc --root /r --log /l --log-format json start id", VERB_OTHER, "/r", "/l", true, NULL, NULL, NULL},
    {"runc --root /r --log /l --log-format json exec --process /tmp/runc-process123 --console-socket "
     "/tmp/pty.sock"
     " --detach --pid-file /p id",
     VERB_EXEC, "/r", "/l", true, NULL, "/tmp/runc-process123", "id"},
    {"runc --root /r --log /l --log-format json kill id 9", VERB_OTHER, "/r", "/l", true, NULL, NULL, NULL},
    {"runc --root /r --log /l --log-format json delete --force id", VERB_OTHER, "/r", "/l", true, NULL, NULL,
     NULL},
    /* dockerd */
    {"runc --version", VERB_OTHER, NULL, NULL, false, NULL, NULL, NULL},
    {"runc features", VERB_OTHER, NULL, NULL, false, NULL, NULL, NULL},
    {"runc", VERB_OTHER, NULL, NULL, false, NULL, NULL, NULL},
    /* conmon for Podman: crun, options of its own */
    {"crun --cgroup-manager systemd --log-format=json --log file:/x/oci-log create --bundle /b --pid-file /p "
     "id",
     VERB_CREATE, NULL, "file:/x/oci-log", true, "/b", NULL, "id"},
    {"crun --root=/r --log=/l --debug run --keep --preserve-fds 3 -b /b -f /c.json id", VERB_RUN, "/r", "/l",
     false, "/b", NULL, "id"},
    {"crun --log-format text --log-level debug create -b=/b id", VERB_CREATE, NULL, NULL, false, "/b", NULL,
     "id"},
    /* runc by hand */
    {"runc --rootless true --criu /criu run -d id", VERB_RUN, NULL, NULL, false, NULL, NULL, "id"},
    {"runc create id --bundle /b", VERB_CREATE, NULL, NULL, false, "/b", NULL, "id"},
    {"runc create --bundle /b -- id", VERB_CREATE, NULL, NULL, false, "/b", NULL, "id"},
    {"runc exec -t --cwd / -e A=B -u 1000 id ls --process /x --bundle /y", VERB_EXEC, NULL, NULL, false, NULL,
     NULL, "id"},
    {"runc exec -p /x id", VERB_EXEC, NULL, NULL, false, NULL, "/x", "id"},
    {"runc exec --process=/x --cap CAP_X -g 5 --apparmor a id", VERB_EXEC, NULL, NULL, false, NULL, "/x",
     "id"},
    {"runc create --bundle /b id other", VERB_CREATE, NULL, NULL, false, "/b", NULL, "id"},
    /* a value that looks like a verb, a verb that is a container's name */
    {"runc --root create --log run delete x", VERB_OTHER, "create", "run", false, NULL, NULL, NULL},
    {"runc create --bundle exec run", VERB_CREATE, NULL, NULL, false, "exec", NULL, "run"},
    {"runc delete create", VERB_OTHER, NULL, NULL, false, NULL, NULL, NULL},
    {"runc create --rooted --bundled x", VERB_CREATE, NULL, NULL, false, NULL, NULL, "x"},
    /* cut off */
    {"runc --root", VERB_OTHER, NULL, NULL, false, NULL, NULL, NULL},
    {"runc create", VERB_CREATE, NULL, NULL, false, NULL, NULL, NULL},
    {"runc create --bundle", VERB_CREATE, NULL, NULL, false, NULL, NULL, NULL},
};

static void
engines_are_understood (void **state)
{
    struct call c;

    (void) state;
    for (size_t i = 0; i < countof (calls); i++) {
        call (&c, calls[i].text);
        assert_int_equal (c.cmd.verb, calls[i].verb);
        assert_same (c.cmd.root, calls[i].root);
        assert_same (c.cmd.log, calls[i].log);
        assert_int_equal (c.cmd.log_json, calls[i].json);
        assert_same (c.cmd.bundle, calls[i].bundle);
        assert_same (c.cmd.process, calls[i].process);
        assert_same (c.cmd.id, calls[i].id);
        assert_null (c.cmd.runtime);
    }
}

static void
nothing_of_theirs_is_taken_out (void **state)
{
    struct call c;

    (void) state;
    for (size_t i = 0; i < countof (calls); i++) {
        call (&c, calls[i].text);
        assert_args (&c, calls[i].text);
    }
}

static void
crun_names_a_config_of_its_own (void **state)
{
    struct call c;

    (void) state;
    call (&c, "crun run -f /c.json id");
    assert_same (c.cmd.config, "/c.json");
    call (&c, "crun create --config=/c.json -b /b id");
    assert_same (c.cmd.config, "/c.json");
    assert_same (c.cmd.bundle, "/b");
}

/* The real runtime must not see ours; everything else in its place.  */
static void
our_option_is_taken_out_wherever_it_stands_before_the_verb (void **state)
{
    static const char *const texts[] = {
        "dri --dri-oci-runtime /usr/bin/crun --root /r create --bundle /b id",
        "dri --root /r --dri-oci-runtime /usr/bin/crun create --bundle /b id",
        "dri --dri-oci-runtime=/usr/bin/crun --root /r create --bundle /b id",
        "dri --root /r --dri-oci-runtime=/usr/bin/crun create --bundle /b id",
    };
    struct call c;

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        call (&c, texts[i]);
        assert_same (c.cmd.runtime, "/usr/bin/crun");
        assert_args (&c, "dri --root /r create --bundle /b id");
        assert_same (c.cmd.root, "/r");
        assert_same (c.cmd.id, "id");
        assert_int_equal (c.cmd.verb, VERB_CREATE);
    }
    call (&c, "dri --dri-oci-runtime /usr/bin/crun");
    assert_args (&c, "dri");
    call (&c, "dri --dri-oci-runtime a --dri-oci-runtime b features");
    assert_same (c.cmd.runtime, "b");
    assert_args (&c, "dri features");
}

/* There it may be part of a container's command.  */
static void
our_option_after_the_verb_is_not_ours (void **state)
{
    static const char *const texts[] = {
        "dri exec id sh --dri-oci-runtime /bin/evil",
        "dri exec id sh --dri-oci-runtime=/bin/evil",
        "dri create --dri-oci-runtime=/bin/evil --bundle /b id",
        "dri kill id --dri-oci-runtime x",
        "dri --root --dri-oci-runtime create id",
    };
    struct call c;

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        call (&c, texts[i]);
        assert_null (c.cmd.runtime);
        assert_args (&c, texts[i]);
    }
}

static void
our_option_without_a_value_is_left_for_the_runtime_to_refuse (void **state)
{
    struct call c;

    (void) state;
    call (&c, "dri --dri-oci-runtime");
    assert_null (c.cmd.runtime);
    assert_args (&c, "dri --dri-oci-runtime");
}

/* runc's flag package (urfave/cli) takes "-root" for "--root", as every Go program does.  */
static void
one_dash_is_as_good_as_two (void **state)
{
    struct call c;

    (void) state;
    call (&c, "runc -root /r -log /l -log-format json create -bundle /b -pid-file /p id");
    assert_int_equal (c.cmd.verb, VERB_CREATE);
    assert_same (c.cmd.root, "/r");
    assert_same (c.cmd.log, "/l");
    assert_true (c.cmd.log_json);
    assert_same (c.cmd.bundle, "/b");
    assert_same (c.cmd.id, "id");
    call (&c, "runc -root=/r exec -process=/p id");
    assert_same (c.cmd.root, "/r");
    assert_same (c.cmd.process, "/p");
    assert_same (c.cmd.id, "id");
}

/* Cut anywhere, also in the middle of our option: ASan watches the ends.  */
static void
a_command_line_may_end_anywhere (void **state)
{
    static const char *const words[] = {
        "dri",    "--root",   "/r", "--dri-oci-runtime", "crun", "--log", "/l", "--dri-oci-runtime=x",
        "create", "--bundle", "/b", "--console-socket",  "/s",   "id",
    };

    (void) state;
    for (int n = 1; n <= (int) countof (words); n++) {
        char **argv = malloc (((size_t) n + 1) * sizeof *argv);
        struct cmdline cmd;
        int argc = n;

        for (int i = 0; i < n; i++)
            argv[i] = (char *) words[i];
        argv[n] = NULL;
        cmdline_parse (&cmd, &argc, argv);
        assert_in_range (argc, 1, n);
        assert_null (argv[argc]);
        free (argv);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (engines_are_understood),
        cmocka_unit_test (nothing_of_theirs_is_taken_out),
        cmocka_unit_test (crun_names_a_config_of_its_own),
        cmocka_unit_test (our_option_is_taken_out_wherever_it_stands_before_the_verb),
        cmocka_unit_test (our_option_after_the_verb_is_not_ours),
        cmocka_unit_test (our_option_without_a_value_is_left_for_the_runtime_to_refuse),
        cmocka_unit_test (one_dash_is_as_good_as_two),
        cmocka_unit_test (a_command_line_may_end_anywhere),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
