#include "tests/unit/testing.h"

#include "broker/layout.h"

static struct gpus gpus;
static struct order order;
static struct layout layout; /* large */
static struct error err;

static void
put_gpu (unsigned i, unsigned number, const char *bus)
{
    struct gpu *gpu = &gpus.table[i];

    *gpu = (struct gpu){.state = GPU_PRESENT};
    (void) snprintf (gpu->bus, sizeof gpu->bus, "%s", bus);
    (void) snprintf (gpu->render.name, sizeof gpu->render.name, "renderD%u", 128 + number);
    (void) snprintf (gpu->card.name, sizeof gpu->card.name, "card%u", number);
    gpu->render.major = gpu->card.major = 226;
    gpu->render.minor = 128 + number;
    gpu->card.minor = number;
    gpu->render.gid = 992;
    gpu->card.gid = 44;
}

static int
start (void **state)
{
    (void) state;
    memset (&gpus, 0, sizeof gpus);
    put_gpu (0, 1, "pci-0000:00:02.0");
    put_gpu (2, 0, "pci-0000:03:00.0");
    order = (struct order){.workload = {.uid = 1000, .gid = 1001}};
    request_init (&order.request);
    err = (struct error){0};
    return 0;
}

#define layout_test(test) cmocka_unit_test_setup (test, start)

static void
own (const char *owner)
{
    assert_ok (request_set (&order.request, SOURCE_LABEL, "dri.owner", owner, &err));
}

static void
make (uint32_t set)
{
    assert_ok (layout_make (&layout, &gpus, set, &order, &err));
}

static void
assert_node (unsigned i, const char *name, unsigned minor_, uid_t uid, gid_t gid, mode_t mode)
{
    const struct layout_node *node = &layout.nodes[i];

    assert_true (i < layout.n_nodes);
    assert_string_equal (node->node.name, name);
    assert_int_equal (node->node.major, 226);
    assert_int_equal (node->node.minor, minor_);
    assert_int_equal (node->uid, uid);
    assert_int_equal (node->gid, gid);
    assert_int_equal (node->mode, mode);
    assert_true (node->node.drm);
}

static void
assert_owner (uid_t uid, gid_t gid, mode_t mode)
{
    make (1);
    for (unsigned i = 0; i < layout.n_nodes; i++) {
        assert_int_equal (layout.nodes[i].uid, uid);
        assert_int_equal (layout.nodes[i].gid, gid);
        assert_int_equal (layout.nodes[i].mode, mode);
    }
}

/* --- what is there --- */

static void
the_render_node_stands_under_its_name_and_as_renderD128 (void **state)
{
    (void) state;
    make (1);
    assert_int_equal (layout.n_nodes, 2);
    assert_node (0, "renderD129", 129, 1000, 1001, 0660);
    assert_node (1, "renderD128", 129, 1000, 1001, 0660);
    assert_int_equal (layout.n_links, 1);
    assert_string_equal (layout.links[0].name, "pci-0000:00:02.0-render");
    assert_string_equal (layout.links[0].target, "../renderD129");
}

static void
who_is_renderD128_needs_no_alias (void **state)
{
    (void) state;
    make (1U << 2);
    assert_int_equal (layout.n_nodes, 1);
    assert_node (0, "renderD128", 128, 1000, 1001, 0660);
}

static void
of_several_the_real_renderD128_keeps_its_name (void **state)
{
    (void) state;
    make (1U | 1U << 2);
    assert_int_equal (layout.n_nodes, 2);
    assert_node (0, "renderD129", 129, 1000, 1001, 0660);
    assert_node (1, "renderD128", 128, 1000, 1001, 0660);
    assert_int_equal (layout.n_links, 2);
}

static void
without_it_the_first_gets_the_alias (void **state)
{
    (void) state;
    put_gpu (2, 2, "pci-0000:03:00.0");
    make (1U | 1U << 2);
    assert_int_equal (layout.n_nodes, 3);
    assert_node (2, "renderD128", 129, 1000, 1001, 0660);
}

static void
the_card_is_there_only_where_asked_for (void **state)
{
    (void) state;
    order.request.card = true;
    make (1);
    assert_int_equal (layout.n_nodes, 3);
    assert_node (1, "card1", 1, 1000, 1001, 0660);
    assert_node (2, "renderD128", 129, 1000, 1001, 0660);
    assert_int_equal (layout.n_links, 2);
    assert_string_equal (layout.links[1].name, "pci-0000:00:02.0-card");
    assert_string_equal (layout.links[1].target, "../card1");
    gpus.table[0].card.name[0] = '\0';
    make (1);
    assert_int_equal (layout.n_nodes, 2);
}

static void
no_gpu_is_an_empty_directory (void **state)
{
    (void) state;
    make (0);
    assert_int_equal (layout.n_nodes, 0);
    assert_int_equal (layout.n_links, 0);
    assert_int_equal (layout.n_gids, 0);
}

/* As many as a grant can name.  */
static void
a_full_house_fits (void **state)
{
    (void) state;
    order.request.card = true;
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        put_gpu (i, i + 1, "pci-0000:00:02.0");
        gpus.table[i].render.gid = 100 + 2 * i;
        gpus.table[i].card.gid = 101 + 2 * i;
    }
    make (0xffff);
    assert_int_equal (layout.n_nodes, GRANT_NODES_MAX);
    assert_int_equal (layout.n_links, 2 * GPUS_MAX);
    assert_int_equal (layout.n_gids, GRANT_GIDS_MAX);
}

static void
stand_ins_are_marked (void **state)
{
    (void) state;
    gpus.table[0].simulated = true;
    make (1);
    assert_false (layout.nodes[0].node.drm);
    assert_false (layout.nodes[1].node.drm);
}

/* --- groups --- */

static void
the_hosts_groups_are_told_once_and_never_roots (void **state)
{
    (void) state;
    order.request.card = true;
    make (1U | 1U << 2);
    assert_int_equal (layout.n_gids, 2);
    assert_int_equal (layout.gids[0], 992);
    assert_int_equal (layout.gids[1], 44);
    gpus.table[0].render.gid = 0;
    order.request.card = false;
    make (1);
    assert_int_equal (layout.n_gids, 0);
}

/* --- whose --- */

static void
auto_is_the_workloads_own_ids (void **state)
{
    (void) state;
    assert_owner (1000, 1001, 0660);
    order.workload.gid = 0;
    assert_owner (1000, 0, 0660);
    order.workload = (struct workload){.uid = 0, .gid = 7};
    assert_owner (0, 7, 0660);
}

/* Root opens the node by its uid; group 0 is not given to whoever has it.  */
static void
auto_for_root_is_the_hosts_group_of_each_node (void **state)
{
    (void) state;
    order.workload = (struct workload){.uid = 0, .gid = 0};
    order.request.card = true;
    make (1);
    assert_node (0, "renderD129", 129, 0, 992, 0660);
    assert_node (1, "card1", 1, 0, 44, 0660);
    assert_node (2, "renderD128", 129, 0, 992, 0660);
}

static void
auto_for_who_drops_is_its_group (void **state)
{
    (void) state;
    order.workload = (struct workload){.drops = true, .puid = 911, .pgid = 912};
    assert_owner (0, 912, 0660);
    order.workload.pgid = 0;
    assert_owner (0, 0, 0660);
}

static void
host_is_root_and_the_hosts_group (void **state)
{
    (void) state;
    own ("host");
    assert_owner (0, 992, 0660);
    /* Also in a user namespace that does not map it.  */
    order.workload.userns = true;
    assert_owner (0, 992, 0660);
}

static void
ids_are_as_written (void **state)
{
    (void) state;
    own ("5:6");
    assert_owner (5, 6, 0660);
    own ("5:6:0604");
    assert_owner (5, 6, 0604);
}

/* --- user namespaces --- */

static void
map_ids (void)
{
    order.workload.userns = true;
    order.workload.uid_map[0] = (struct id_map){0, 100000, 1001};
    order.workload.n_uid_map = 1;
    order.workload.gid_map[0] = (struct id_map){0, 200000, 1002};
    order.workload.n_gid_map = 1;
}

static void
in_a_user_namespace_owners_are_mapped (void **state)
{
    (void) state;
    map_ids ();
    assert_owner (101000, 201001, 0660);
    own ("5:6:600");
    assert_owner (100005, 200006, 0600);
    own ("auto");
    order.workload.uid = order.workload.gid = 0;
    assert_owner (100000, 200992, 0660);
    order.workload.drops = true;
    order.workload.pgid = 12;
    assert_owner (100000, 200012, 0660);
    /* The groups to add stay ids of the container.  */
    assert_int_equal (layout.gids[0], 992);
}

/* Rootless: the host's group is nobody's there. The node is root's then, and no group is added.  */
static void
a_host_group_that_is_not_mapped_is_not_used (void **state)
{
    (void) state;
    map_ids ();
    order.workload.uid = order.workload.gid = 0;
    order.workload.gid_map[0].size = 992;
    assert_owner (100000, 200000, 0660);
    assert_int_equal (layout.n_gids, 0);
    order.workload.gid_map[0].size = 993;
    assert_owner (100000, 200992, 0660);
    assert_int_equal (layout.n_gids, 1);
}

static void
without_a_user_namespace_maps_mean_nothing (void **state)
{
    (void) state;
    map_ids ();
    order.workload.userns = false;
    assert_owner (1000, 1001, 0660);
}

static void
an_owner_that_is_not_mapped_is_refused (void **state)
{
    (void) state;
    map_ids ();
    order.workload.uid = 1001;
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err),
                    "uid 1001, to own the GPU's nodes, is not mapped");
    order.workload.uid = 0;
    order.workload.gid = 1002;
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err),
                    "gid 1002, to own the GPU's nodes, is not mapped");
    own ("2000:0");
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err), "uid 2000");
    own ("0:2000");
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err), "gid 2000");
    order.workload.n_gid_map = 0;
    own ("0:0");
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err), "gid 0");
}

/* chown takes (uid_t) -1 for "leave it": a map that ends there must not make the node root's.  */
static void
a_map_beyond_the_last_id_is_refused (void **state)
{
    (void) state;
    map_ids ();
    order.workload.uid = 1000;
    order.workload.uid_map[0] = (struct id_map){1000, 4294967294U, 10};
    assert_owner (4294967294U, 201001, 0660);
    order.workload.uid = 1001;
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err), "not mapped");
    order.workload.uid = 1002;
    assert_refused (layout_make (&layout, &gpus, 1, &order, &err), "not mapped");
}

static void
the_grant_says_what_the_layout_does (void **state)
{
    static struct grant grant;

    (void) state;
    order.request.card = true;
    make (1);
    layout_to_grant (&layout, &grant);
    assert_int_equal (grant.n_nodes, 3);
    assert_string_equal (grant.nodes[1].name, "card1");
    assert_int_equal (grant.nodes[2].minor, 129);
    assert_int_equal (grant.n_gids, 2);
    assert_int_equal (grant.gids[1], 44);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        layout_test (the_render_node_stands_under_its_name_and_as_renderD128),
        layout_test (who_is_renderD128_needs_no_alias),
        layout_test (of_several_the_real_renderD128_keeps_its_name),
        layout_test (without_it_the_first_gets_the_alias),
        layout_test (the_card_is_there_only_where_asked_for),
        layout_test (no_gpu_is_an_empty_directory),
        layout_test (a_full_house_fits),
        layout_test (stand_ins_are_marked),
        layout_test (the_hosts_groups_are_told_once_and_never_roots),
        layout_test (auto_is_the_workloads_own_ids),
        layout_test (auto_for_root_is_the_hosts_group_of_each_node),
        layout_test (auto_for_who_drops_is_its_group),
        layout_test (host_is_root_and_the_hosts_group),
        layout_test (ids_are_as_written),
        layout_test (in_a_user_namespace_owners_are_mapped),
        layout_test (a_host_group_that_is_not_mapped_is_not_used),
        layout_test (without_a_user_namespace_maps_mean_nothing),
        layout_test (an_owner_that_is_not_mapped_is_refused),
        layout_test (a_map_beyond_the_last_id_is_refused),
        layout_test (the_grant_says_what_the_layout_does),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
