#include "tests/unit/testing.h"

#include "broker/peer.h"

static struct idmap
map (const char *text)
{
    struct idmap m = {.n = 0};
    struct error err;

    assert_int_equal (idmap_parse (&m, text, &err), 0);
    return m;
}

static void
assert_lines (const struct idmap *m, const char *expected)
{
    char text[1024] = "";
    size_t len = 0;

    for (unsigned i = 0; i < m->n; i++)
        len += (size_t) snprintf (text + len, sizeof text - len, "%u %u %u\n", m->lines[i].container,
                                  m->lines[i].host, m->lines[i].size);
    assert_string_equal (text, expected);
}

/* --- maps --- */

static void
a_map_is_read_as_the_kernel_writes_it (void **state)
{
    struct idmap m;
    struct error err;

    (void) state;
    m = map ("         0       1000          1\n         1     100000      65536\n");
    assert_lines (&m, "0 1000 1\n1 100000 65536\n");
    m = map ("");
    assert_int_equal (m.n, 0);
    assert_int_equal (idmap_parse (&m, "0 1000\n", &err), -1);
    assert_int_equal (idmap_parse (&m, "nonsense", &err), -1);
}

static void
a_map_of_more_lines_than_we_hold_is_an_error (void **state)
{
    char text[(ID_MAPS_MAX + 1) * 16] = "";
    struct idmap m;
    struct error err;

    (void) state;
    for (unsigned i = 0; i < ID_MAPS_MAX; i++)
        (void) sprintf (text + strlen (text), "%u %u 1\n", 2 * i, 1000 + 2 * i);
    assert_int_equal (map (text).n, ID_MAPS_MAX);
    (void) strcat (text, "99 9999 1\n");
    assert_int_equal (idmap_parse (&m, text, &err), -1);
}

static void
a_map_reaches_its_ids_and_no_others (void **state)
{
    const struct idmap m = map ("0 1000 1\n1 100000 65536\n"), all = map ("0 0 4294967295\n");

    (void) state;
    assert_true (idmap_reaches (&m, 1000));
    assert_true (idmap_reaches (&m, 100000));
    assert_true (idmap_reaches (&m, 165535));
    assert_false (idmap_reaches (&m, 0));
    assert_false (idmap_reaches (&m, 999));
    assert_false (idmap_reaches (&m, 1001));
    assert_false (idmap_reaches (&m, 99999));
    assert_false (idmap_reaches (&m, 165536));
    assert_true (idmap_reaches (&all, 0));
    assert_true (idmap_reaches (&all, 4294967294U));
}

static void
a_namespace_in_a_namespace_is_followed_to_the_host (void **state)
{
    const struct idmap outer = map ("0 1000 1\n1 100000 65536\n");
    struct idmap inner = map ("0 1 1000\n1000 0 1\n1001 1001 64536\n"); /* --userns=keep-id */
    struct error err;

    (void) state;
    assert_int_equal (idmap_compose (&inner, &outer, &err), 0);
    assert_lines (&inner, "0 100000 1000\n1000 1000 1\n1001 101000 64536\n");
}

static void
what_the_outer_namespace_does_not_map_is_not_mapped (void **state)
{
    const struct idmap outer = map ("0 1000 1\n1 100000 100\n");
    struct idmap inner = map ("0 0 4294967295\n"), beyond = map ("0 101 1\n"), across = map ("5 50 1000\n"),
                 nothing = map ("");
    struct error err;

    (void) state;
    assert_int_equal (idmap_compose (&inner, &outer, &err), 0);
    assert_lines (&inner, "0 1000 1\n1 100000 100\n");
    assert_int_equal (idmap_compose (&beyond, &outer, &err), 0);
    assert_lines (&beyond, "");
    assert_int_equal (idmap_compose (&across, &outer, &err), 0);
    assert_lines (&across, "5 100049 51\n");
    inner = map ("0 0 1\n");
    assert_int_equal (idmap_compose (&inner, &nothing, &err), 0);
    assert_lines (&inner, "");
}

static void
ids_beyond_the_last_are_refused (void **state)
{
    const struct idmap outer = map ("0 1000 65536\n");
    struct idmap inner = map ("4294967290 0 100\n");
    struct error err;

    (void) state;
    assert_int_equal (idmap_compose (&inner, &outer, &err), -1);
    inner = map ("0 4294967290 100\n");
    assert_int_equal (idmap_compose (&inner, &outer, &err), -1);
}

/* Whatever inner says, no id comes out that outer does not reach, and each as two steps have it.  */
static void
composed_is_one_after_the_other (void **state)
{
    static const uint32_t ids[] = {0, 1, 2, 3, 9, 10, 11, 19, 20, 21, 29, 30, 99, 100, 65535, 4294967294U};

    struct rng rng = rng_start ("composed_is_one_after_the_other");

    (void) state;
    for (unsigned round = 0; round < 2000; round++) {
        struct idmap outer = {.n = 0}, inner = {.n = 0}, both;
        struct error err;

        for (unsigned i = 0; i < 3; i++) {
            outer.lines[outer.n++] =
                (struct id_map){10 * i + rng_below (&rng, 5), 1000 * (i + 1), 1 + rng_below (&rng, 5)};
            inner.lines[inner.n++] =
                (struct id_map){10 * i + rng_below (&rng, 5), rng_below (&rng, 30), 1 + rng_below (&rng, 5)};
        }
        both = inner;
        assert_int_equal (idmap_compose (&both, &outer, &err), 0);
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
            int64_t between = id_to_host (inner.lines, inner.n, ids[i]),
                    host = between < 0 ? -1 : id_to_host (outer.lines, outer.n, (uint32_t) between),
                    direct = id_to_host (both.lines, both.n, ids[i]);

            assert_true (direct == host);
            assert_true (direct < 0 || idmap_reaches (&outer, (uint32_t) direct));
        }
    }
}

/* --- workloads --- */

static void
a_workload_without_a_namespace_has_its_clients (void **state)
{
    const struct peer_ids ids = {.uids = map ("0 1000 1\n1 100000 65536\n"), .gids = map ("0 2000 1\n")};
    struct workload w = {.uid = 5};
    struct error err;

    (void) state;
    assert_int_equal (peer_translate (&w, &ids, &err), 0);
    assert_true (w.userns);
    assert_int_equal (id_to_host (w.uid_map, w.n_uid_map, 0), 1000);
    assert_int_equal (id_to_host (w.uid_map, w.n_uid_map, 5), 100004);
    assert_int_equal (id_to_host (w.gid_map, w.n_gid_map, 0), 2000);
    assert_int_equal (id_to_host (w.gid_map, w.n_gid_map, 5), -1);
}

static void
a_workload_that_claims_the_hosts_ids_gets_none_of_them (void **state)
{
    const struct peer_ids ids = {.uids = map ("1000 1000 1\n"), .gids = map ("1000 1000 1\n")};
    struct workload w = {.uid = 1000,
                         .gid = 1000,
                         .userns = true,
                         .uid_map = {{0, 0, 65536}},
                         .gid_map = {{0, 0, 65536}},
                         .n_uid_map = 1,
                         .n_gid_map = 1};
    struct error err;

    (void) state;
    assert_int_equal (peer_translate (&w, &ids, &err), 0);
    assert_int_equal (id_to_host (w.uid_map, w.n_uid_map, 0), -1);
    assert_int_equal (id_to_host (w.gid_map, w.n_gid_map, 0), -1);
    assert_int_equal (id_to_host (w.uid_map, w.n_uid_map, 1000), 1000);
    assert_int_equal (id_to_host (w.uid_map, w.n_uid_map, 1001), -1);
}

static void
ids_that_are_not_his_are_refused (void **state)
{
    const struct peer_ids ids = {.uids = map ("0 1000 1\n"), .gids = map ("0 1000 1\n")};
    const struct workload refused[] = {{.uid = 1},
                                       {.gid = 1},
                                       {.gids = {0, 1}, .n_gids = 2},
                                       {.drops = true, .puid = 1},
                                       {.drops = true, .pgid = 1}};
    struct workload his = {.gids = {0}, .n_gids = 1, .drops = true}, unused = {.puid = 1, .pgid = 1};
    struct error err;

    (void) state;
    assert_int_equal (peer_translate (&his, &ids, &err), 0);
    assert_int_equal (peer_translate (&unused, &ids, &err), 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct workload w = refused[i];

        assert_int_equal (peer_translate (&w, &ids, &err), -1);
        assert_non_null (strstr (err.message, "1 of the container is not mapped"));
    }
}

/* --- policy --- */

static void
only_who_is_named_may_lease (void **state)
{
    const struct config nobody = {.users = {.n = 0}},
                        some = {.users = {{1000, 1001}, 2}, .groups = {{50}, 1}};
    const gid_t none[] = {1000}, member[] = {7, 50, 9};

    (void) state;
    assert_false (peer_is_named (&nobody, 1000, member, 3));
    assert_false (peer_is_named (&nobody, 0, none, 1));
    assert_true (peer_is_named (&some, 1000, none, 1));
    assert_true (peer_is_named (&some, 1001, none, 0));
    assert_false (peer_is_named (&some, 1002, none, 1)); /* whose group has a user's number */
    assert_true (peer_is_named (&some, 1002, member, 3));
    assert_false (peer_is_named (&some, 50, none, 1));
}

static void
what_is_roots_alone_is_refused (void **state)
{
    struct request req = {.owner = {.kind = OWNER_AUTO}};
    struct error err = {0};

    (void) state;
    assert_int_equal (peer_check_request (&req, &err), 0);
    req.owner.kind = OWNER_HOST;
    assert_int_equal (peer_check_request (&req, &err), -1);
    assert_non_null (strstr (err.message, "dri.owner=host"));
    req = (struct request){.card = true};
    assert_int_equal (peer_check_request (&req, &err), -1);
    assert_non_null (strstr (err.message, "dri.nodes"));
    req = (struct request){.access = ACCESS_MONITOR};
    assert_int_equal (peer_check_request (&req, &err), -1);
    assert_non_null (strstr (err.message, "dri.access"));
    req = (struct request){.access = ACCESS_EXCLUSIVE, .owner = {.kind = OWNER_IDS}};
    assert_int_equal (peer_check_request (&req, &err), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_map_is_read_as_the_kernel_writes_it),
        cmocka_unit_test (a_map_of_more_lines_than_we_hold_is_an_error),
        cmocka_unit_test (a_map_reaches_its_ids_and_no_others),
        cmocka_unit_test (a_namespace_in_a_namespace_is_followed_to_the_host),
        cmocka_unit_test (what_the_outer_namespace_does_not_map_is_not_mapped),
        cmocka_unit_test (ids_beyond_the_last_are_refused),
        cmocka_unit_test (composed_is_one_after_the_other),
        cmocka_unit_test (a_workload_without_a_namespace_has_its_clients),
        cmocka_unit_test (a_workload_that_claims_the_hosts_ids_gets_none_of_them),
        cmocka_unit_test (ids_that_are_not_his_are_refused),
        cmocka_unit_test (only_who_is_named_may_lease),
        cmocka_unit_test (what_is_roots_alone_is_refused),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
