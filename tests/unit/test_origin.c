/* Control groups as engines name them.  */
#include "testing.h"

#include "broker/drictl/origin.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define IN "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void
assert_origin (const char *cgroup, const char *engine, const char *id)
{
    struct origin origin;

    if (!origin_of (cgroup, &origin))
        fail_msg ("no container: %s", cgroup);
    assert_string_equal (origin.engine, engine);
    assert_string_equal (origin.id, id);
}

static void
assert_none (const char *cgroup)
{
    struct origin origin;

    if (origin_of (cgroup, &origin))
        fail_msg ("%s is of %s %s", cgroup, origin.engine, origin.id);
}

static void
engines_name_their_groups (void **state)
{
    (void) state;
    assert_origin ("/docker/" ID, "docker", ID);
    assert_origin ("/system.slice/docker-" ID ".scope", "docker", ID);
    assert_origin ("/system.slice/docker-" ID ".scope/nested/deeper", "docker", ID);
    assert_origin ("/machine.slice/libpod-" ID ".scope/container", "podman", ID);
    assert_origin ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", "podman",
                   ID);
    assert_origin (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-" ID
        ".scope",
        "containerd", ID);
    assert_origin ("/kubepods/besteffort/pod12345678-1234/" ID, "containerd", ID);
    assert_origin ("/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", "cri-o", ID);
    assert_origin ("/default/" ID, "", ID);
    assert_origin ("/system.slice/nerdctl-" ID ".scope", "containerd", ID);
    assert_origin ("/lxc/101/ns/system.slice/x.service", "lxc", "101");
    assert_origin ("/lxc.payload.media/init.scope", "lxc", "media");
    assert_origin ("/lxc.payload/media", "lxc", "media");
}

static void
of_containers_in_containers_it_is_the_outermost (void **state)
{
    (void) state;
    assert_origin ("/lxc/101/ns/docker/" ID, "lxc", "101");
    assert_origin ("/docker/" ID "/docker/" IN, "docker", ID);
}

static void
a_user_s_group_is_the_user_s_whatever_it_is_called (void **state)
{
    static const struct {
        const char *cgroup;
        uid_t owner;
    } cases[] = {
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/docker-" ID ".scope", 1000},
        {"/user.slice/user-1000.slice/user@1000.service/docker/" ID, 1000},
        {"/user.slice/user-1000.slice/user@1000.service/lxc.payload.media", 1000},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/user-0.slice/docker-" ID ".scope", 1000},
        {"/user.slice/user-0.slice/user@0.service/docker-" ID ".scope", 0},
        {"/system.slice/docker-" ID ".scope/user.slice/user-1000.slice", 0},
        {"/system.slice/docker-" ID ".scope", 0},
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin origin;

        assert_true (origin_of (cases[i].cgroup, &origin));
        if (origin.owner != cases[i].owner)
            fail_msg ("%s is of %u", cases[i].cgroup, origin.owner);
    }
}

static void
what_is_no_container_is_none (void **state)
{
    (void) state;
    assert_none ("");
    assert_none ("/");
    assert_none ("/user.slice/user-1000.slice/session-2.scope");
    assert_none ("/system.slice/docker.service");
    assert_none ("/system.slice/docker-" ID "x.scope");
    assert_none ("/system.slice/docker-0123.scope");
    assert_none ("/machine.slice/libpod-conmon-" ID ".scope");
    assert_none ("/lxc.monitor.media");
    assert_none ("/lxc");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (engines_name_their_groups),
        cmocka_unit_test (of_containers_in_containers_it_is_the_outermost),
        cmocka_unit_test (a_user_s_group_is_the_user_s_whatever_it_is_called),
        cmocka_unit_test (what_is_no_container_is_none),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
