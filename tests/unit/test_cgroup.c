/* The part of a control group's path that an engine made for a container. A mistake lets a user pass for
 * root's container, or changes the devices of strangers.  */
#include "tests/unit/testing.h"

#include "hook/cgroup.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* Its path is made, and then below.  */
static void
assert_made (const char *made, const char *below)
{
    char path[400];
    size_t len;

    (void) snprintf (path, sizeof path, "%s%s", made, below);
    len = cgroup_engines_part (path, ID);
    if (len != strlen (made))
        fail_msg ("of %s the engine made %.*s", path, (int) len, path);
}

static void
engines_make_a_group_for_each_container (void **state)
{
    static const char *const groups[] = {
        "/docker/" ID,
        "/system.slice/docker-" ID ".scope",
        "/machine.slice/libpod-" ID ".scope",
        "/libpod_parent/libpod-" ID,
        "/system.slice/media.service/libpod-payload-" ID,
        "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope",
        "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope",
        "/system.slice/nerdctl-" ID ".scope",
        "/docker/" OTHER "/docker/" ID,
    };

    (void) state;
    for (size_t i = 0; i < countof (groups); i++) {
        assert_made (groups[i], "");
        assert_made (groups[i], "/container");
        assert_made (groups[i], "/a/b");
    }
}

static void
what_is_below_it_says_nothing (void **state)
{
    (void) state;
    assert_made ("/docker/" ID, "/docker/" ID);
    assert_made ("/docker/" ID, "/a/docker-" ID ".scope");
}

static void
a_group_that_only_has_the_id_in_it_is_another_s (void **state)
{
    static const char *const groups[] = {
        "",
        "/",
        "/user.slice/user-1000.slice/session-1.scope",
        "/machine.slice/libpod-conmon-" ID ".scope",
        "/system.slice/docker-" ID ".service",
        "/system.slice/docker-" ID ".scopes",
        "/system.slice/docker-" ID ".scop",
        "/docker/" ID "0",
        "/docker/0" ID,
        "/docker/" ID ".scope.d",
        "/system.slice/xdocker-" ID ".scope",
        "/docker-/" OTHER,
    };

    (void) state;
    for (size_t i = 0; i < countof (groups); i++)
        if (cgroup_engines_part (groups[i], ID) != 0)
            fail_msg ("%s", groups[i]);
}

/* ctr(1) and LXC let people choose: then it may be the name of any group.  */
static void
an_id_that_may_be_any_word_tells_nothing (void **state)
{
    (void) state;
    assert_int_equal (cgroup_engines_part ("/default/default", "default"), 0);
    assert_int_equal (cgroup_engines_part ("/docker/" ID, ""), 0);
    assert_int_equal (cgroup_engines_part ("/docker/" ID, "0123456789ab"), 0);
    assert_int_equal (cgroup_engines_part ("/docker/" ID "0", ID "0"), 0);
    assert_int_equal (
        cgroup_engines_part ("/docker/ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                             "ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (engines_make_a_group_for_each_container),
        cmocka_unit_test (what_is_below_it_says_nothing),
        cmocka_unit_test (a_group_that_only_has_the_id_in_it_is_another_s),
        cmocka_unit_test (an_id_that_may_be_any_word_tells_nothing),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
