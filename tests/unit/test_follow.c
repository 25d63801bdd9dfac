/* Whose control group a container is in, which is decided once.  */
#include "tests/unit/testing.h"

#include <signal.h>
#include <sys/wait.h>

#include "broker/follow.h"
#include "hook/cgroup.h"

static pid_t
start_child (void)
{
    pid_t child = fork ();

    if (child == 0)
        for (;;)
            (void) pause ();
    assert_true (child > 0);
    return child;
}

static void
end (pid_t child)
{
    assert_int_equal (kill (child, SIGKILL), 0);
    assert_int_equal (waitpid (child, NULL, 0), child);
}

/* podman run --cgroups=disabled: it is in ours, as we are.  */
static void
a_group_that_is_shared_stays_so_without_the_one_who_started_it (void **state)
{
    static struct lease lease;
    struct error err;

    (void) state;
    lease.pid = start_child ();
    assert_int_equal (cgroup_of (0, "devices", lease.cgroup, sizeof lease.cgroup, &err), 0);
    lease.shared = follow_shares_group (&lease);
    /* On a machine where all of us are in "/" there would be nothing to see.  */
    (void) strcpy (lease.cgroup, "/session");
    end (lease.pid);
    assert_true (lease.shared);
    assert_false (follow_has_filter (&lease));
    follow_own_group (&lease);
    assert_string_equal (lease.cgroup, "");
}

static void
a_group_of_its_own_stays_so_too (void **state)
{
    static struct lease lease;

    (void) state;
    (void) strcpy (lease.cgroup, "/of-the-container");
    lease.pid = start_child ();
    lease.shared = follow_shares_group (&lease);
    end (lease.pid);
    assert_false (lease.shared);
    assert_true (follow_has_filter (&lease));
    follow_own_group (&lease);
    assert_string_equal (lease.cgroup, "/of-the-container");
}

static void
the_root_of_all_groups_is_nobody_s_own (void **state)
{
    static struct lease lease = {.cgroup = "/"};

    (void) state;
    assert_false (follow_has_filter (&lease));
    lease.cgroup[0] = '\0';
    assert_false (follow_has_filter (&lease));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_group_that_is_shared_stays_so_without_the_one_who_started_it),
        cmocka_unit_test (a_group_of_its_own_stays_so_too),
        cmocka_unit_test (the_root_of_all_groups_is_nobody_s_own),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
