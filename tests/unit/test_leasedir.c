/* On a tmpfs of its own in a mount namespace of its own: needs root, and leaves nothing on the machine.  */
#include "tests/unit/testing.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "broker/leasedir.h"

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static struct leasedir dir;
static struct error err;

static void
mount_root (unsigned long flags, const char *options)
{
    char data[64];

    (void) snprintf (data, sizeof data, "mode=0700%s", options);
    assert_return_code (mount ("leases", folder, "tmpfs", flags, data), errno);
}

static int
start (void **state)
{
    err = (struct error){0};
    if (folder_make (state) < 0)
        return -1;
    mount_root (MS_NOSUID | MS_NOEXEC, "");
    return leasedir_open (&dir, folder, &err);
}

static int
finish (void **state)
{
    (void) state;
    (void) close (dir.root);
    while (umount2 (folder, MNT_DETACH) == 0)
        continue;
    return rmdir (folder);
}

#define leasedir_test(test) cmocka_unit_test_setup_teardown (test, start, finish)
#define open_test(test)     cmocka_unit_test_setup_teardown (test, folder_make, finish)

static const struct layout layout = {
    .nodes =
        {
            {{"renderD129", 226, 129, true}, 1000, 1001, 0660},
            {{"card1", 226, 1, true}, 0, 44, 0604},
            {{"renderD128", 226, 129, true}, 0, 0, 0600},
        },
    .n_nodes = 3,
    .links = {{"pci-0000:00:02.0-render", "../renderD129"}, {"pci-0000:00:02.0-card", "../card1"}},
    .n_links = 2,
};

/* --- the root --- */

static void
a_root_is_opened_where_nodes_can_be (void **state)
{
    (void) state;
    mount_root (MS_NOSUID, "");
    assert_ok (leasedir_open (&dir, folder, &err));
    assert_string_equal (dir.path, folder);
    assert_true (fcntl (dir.root, F_GETFD) & FD_CLOEXEC);
}

static void
a_nodev_root_is_refused (void **state)
{
    (void) state;
    dir.root = -1;
    mount_root (MS_NODEV, "");
    assert_refused (leasedir_open (&dir, folder, &err), "nodev");
    assert_contains (err.message, folder);
    assert_int_equal (dir.root, -1);
}

static void
a_root_that_others_may_write_is_refused (void **state)
{
    static const mode_t modes[] = {0731, 0713, 0777, 01777};

    (void) state;
    dir.root = -1;
    mount_root (0, "");
    for (size_t i = 0; i < countof (modes); i++) {
        assert_int_equal (chmod (folder, modes[i]), 0);
        assert_refused (leasedir_open (&dir, folder, &err), "root's alone");
    }
    assert_int_equal (chmod (folder, 0700), 0);
    assert_int_equal (chown (folder, 1, 0), 0);
    assert_refused (leasedir_open (&dir, folder, &err), "root's alone");
}

static void
a_root_is_an_absolute_folder (void **state)
{
    char path[200];

    (void) state;
    dir.root = -1;
    assert_refused (leasedir_open (&dir, "leases", &err), "not an absolute path");
    assert_refused (leasedir_open (&dir, "", &err), "not an absolute path");
    memset (path, '/', sizeof path);
    path[160] = '\0';
    assert_refused (leasedir_open (&dir, path, &err), "less than 160");
    assert_refused (leasedir_open (&dir, in_folder ("none"), &err), "No such file");
    assert_contains (err.message, "systemctl");
    assert_refused (leasedir_open (&dir, "/proc/self/stat", &err), "Not a directory");
    mount_root (0, "");
    assert_int_equal (mkdir (in_folder ("real"), 0700), 0);
    assert_int_equal (symlink ("real", in_folder ("link")), 0);
    assert_int_equal (leasedir_open (&dir, in_folder ("link"), &err), -1);
    assert_ok (leasedir_open (&dir, in_folder ("real"), &err));
}

/* --- a lease --- */

static void
assert_node (const char *path, unsigned minor_, uid_t uid, gid_t gid, mode_t mode)
{
    struct stat st;

    assert_return_code (lstat (path, &st), errno);
    assert_int_equal (st.st_mode, S_IFCHR | mode);
    assert_int_equal (st.st_uid, uid);
    assert_int_equal (st.st_gid, gid);
    assert_int_equal (major (st.st_rdev), 226);
    assert_int_equal (minor (st.st_rdev), minor_);
}

static void
assert_link (const char *path, const char *target)
{
    char text[64];
    ssize_t n = readlink (path, text, sizeof text - 1);

    assert_true (n > 0);
    text[n] = '\0';
    assert_string_equal (text, target);
}

static void
assert_complete (void)
{
    struct stat st;

    assert_node (in_folder (ID "/renderD129"), 129, 1000, 1001, 0660);
    assert_node (in_folder (ID "/card1"), 1, 0, 44, 0604);
    assert_node (in_folder (ID "/renderD128"), 129, 0, 0, 0600);
    assert_link (in_folder (ID "/by-path/pci-0000:00:02.0-render"), "../renderD129");
    assert_link (in_folder (ID "/by-path/pci-0000:00:02.0-card"), "../card1");
    assert_int_equal (count_entries (in_folder (ID)), 4);
    assert_int_equal (count_entries (in_folder (ID "/by-path")), 2);
    assert_return_code (stat (in_folder (ID), &st), errno);
    assert_int_equal (st.st_mode, S_IFDIR | 0755);
    assert_int_equal (st.st_uid, 0);
    assert_return_code (stat (in_folder (ID "/by-path"), &st), errno);
    assert_int_equal (st.st_mode, S_IFDIR | 0755);
}

static void
a_lease_is_made_with_modes_and_owners_as_laid_out (void **state)
{
    (void) state;
    assert_false (leasedir_exists (&dir, ID));
    assert_ok (leasedir_make (&dir, ID, &layout, &err));
    assert_complete ();
    assert_true (leasedir_exists (&dir, ID));
    assert_false (leasedir_exists (&dir, OTHER));
}

static void
a_lease_without_a_gpu_is_empty (void **state)
{
    static const struct layout nothing;

    (void) state;
    assert_ok (leasedir_make (&dir, ID, &nothing, &err));
    assert_int_equal (count_entries (in_folder (ID)), 0);
    leasedir_remove (&dir, ID, &nothing);
    assert_int_equal (count_entries (folder), 0);
}

/* Somebody's lease has this name: it is not ours to take away.  */
static void
a_second_lease_of_a_name_is_refused_and_the_first_stays (void **state)
{
    (void) state;
    assert_ok (leasedir_make (&dir, ID, &layout, &err));
    assert_refused (leasedir_make (&dir, ID, &layout, &err), "File exists");
    assert_complete ();
}

/* The root takes one inode, a lease of this layout seven: with any less, nothing is left.  */
static void
a_lease_that_fails_in_the_middle_leaves_nothing (void **state)
{
    char options[32];

    (void) state;
    for (unsigned inodes = 1; inodes < 8; inodes++) {
        assert_int_equal (close (dir.root), 0);
        assert_int_equal (umount2 (folder, MNT_DETACH), 0);
        (void) snprintf (options, sizeof options, ",nr_inodes=%u", inodes + 1);
        mount_root (0, options);
        assert_ok (leasedir_open (&dir, folder, &err));
        if (leasedir_make (&dir, ID, &layout, &err) == 0) {
            /* Newer kernels count names and inodes apart; all of them fit here at last.  */
            assert_true (inodes >= 6);
            assert_complete ();
            return;
        }
        assert_int_equal (err.status, ENOSPC);
        assert_contains (err.message, folder);
        assert_int_equal (count_entries (folder), 0);
        assert_false (leasedir_exists (&dir, ID));
    }
    fail_msg ("no lease fitted");
}

static void
a_bad_node_in_the_middle_leaves_nothing (void **state)
{
    struct layout bad = layout;

    (void) state;
    (void) strcpy (bad.nodes[2].node.name, "renderD129");
    assert_refused (leasedir_make (&dir, ID, &bad, &err), "mknod renderD129: File exists");
    assert_int_equal (count_entries (folder), 0);
    bad = layout;
    (void) strcpy (bad.links[1].name, bad.links[0].name);
    assert_refused (leasedir_make (&dir, ID, &bad, &err), "symlink by-path/pci-0000:00:02.0-render");
    assert_int_equal (count_entries (folder), 0);
}

/* A container may have it mounted: the inode has to stay the same.  */
static void
a_lease_is_emptied_and_filled_in_place (void **state)
{
    struct stat before, after;

    (void) state;
    assert_ok (leasedir_make (&dir, ID, &layout, &err));
    assert_return_code (stat (in_folder (ID), &before), errno);
    leasedir_empty (&dir, ID);
    assert_int_equal (count_entries (in_folder (ID)), 0);
    assert_ok (leasedir_fill (&dir, ID, &layout, &err));
    assert_complete ();
    assert_return_code (stat (in_folder (ID), &after), errno);
    assert_int_equal (before.st_ino, after.st_ino);
    leasedir_empty (&dir, OTHER);
}

static void
a_fill_that_fails_leaves_an_empty_directory (void **state)
{
    (void) state;
    assert_ok (leasedir_make (&dir, ID, &layout, &err));
    leasedir_empty (&dir, ID);
    put (in_folder (ID "/card1"), "in the way");
    assert_refused (leasedir_fill (&dir, ID, &layout, &err), "mknod card1");
    assert_int_equal (count_entries (in_folder (ID)), 0);
}

static void
a_lease_is_removed_whatever_is_expected_there (void **state)
{
    static const struct layout nothing;
    struct layout other = layout;
    const struct layout *const expected[] = {&layout, NULL, &nothing, &other};

    (void) state;
    (void) strcpy (other.nodes[0].node.name, "renderD200");
    other.n_links = 0;
    for (size_t i = 0; i < countof (expected); i++) {
        assert_ok (leasedir_make (&dir, ID, &layout, &err));
        assert_ok (leasedir_make (&dir, OTHER, &layout, &err));
        leasedir_remove (&dir, ID, expected[i]);
        assert_false (leasedir_exists (&dir, ID));
        assert_int_equal (count_entries (in_folder (OTHER)), 4);
        leasedir_remove (&dir, ID, expected[i]);
        leasedir_remove (&dir, OTHER, NULL);
        assert_int_equal (count_entries (folder), 0);
    }
}

/* What a half-made or half-removed lease looks like.  */
static void
the_rest_of_a_lease_is_removed_too (void **state)
{
    (void) state;
    assert_ok (leasedir_make (&dir, ID, &layout, &err));
    assert_int_equal (unlink (in_folder (ID "/card1")), 0);
    put (in_folder (ID "/foreign"), "x");
    put (in_folder (ID "/by-path/foreign"), "x");
    leasedir_remove (&dir, ID, &layout);
    assert_int_equal (count_entries (folder), 0);
}

/* A link leads somewhere else, and nothing there is ours.  */
static void
links_are_not_followed (void **state)
{
    (void) state;
    put (in_folder ("elsewhere/keep"), "x");
    assert_int_equal (mkdir (in_folder (ID), 0755), 0);
    assert_int_equal (symlink ("../elsewhere", in_folder (ID "/by-path")), 0);
    leasedir_remove (&dir, ID, NULL);
    assert_false (leasedir_exists (&dir, ID));
    assert_int_equal (count_entries (in_folder ("elsewhere")), 1);
}

static bool
keep_other (void *userdata, const char *id)
{
    (*(unsigned *) userdata)++;
    return strcmp (id, OTHER) == 0;
}

static void
a_sweep_takes_what_nobody_holds_and_only_leases (void **state)
{
    static const char *const strangers[] = {
        "README",  "0123456789abcdef0123456789abcde",  ID "0",
        ID "-old", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdeg",
    };
    unsigned asked = 0;

    (void) state;
    assert_ok (leasedir_make (&dir, ID, &layout, &err));
    assert_ok (leasedir_make (&dir, OTHER, &layout, &err));
    assert_ok (leasedir_make (&dir, "00000000000000000000000000000000", &layout, &err));
    for (size_t i = 0; i < countof (strangers); i++)
        put (in_folder ("%s/file", strangers[i]), "x");
    leasedir_sweep (&dir, keep_other, &asked);
    assert_int_equal (asked, 3);
    assert_false (leasedir_exists (&dir, ID));
    assert_int_equal (count_entries (in_folder (OTHER)), 4);
    assert_int_equal (count_entries (folder), 1 + countof (strangers));
    for (size_t i = 0; i < countof (strangers); i++)
        assert_int_equal (count_entries (in_folder ("%s", strangers[i])), 1);
}

static bool
keep_none (void *userdata, const char *id)
{
    (void) userdata;
    (void) id;
    return false;
}

/* Unlinking while reading the directory must not pass any over.  */
static void
a_sweep_takes_all_of_many (void **state)
{
    static const struct layout nothing;
    char id[33];

    (void) state;
    for (unsigned i = 0; i < 600; i++) {
        (void) snprintf (id, sizeof id, "%032x", i);
        assert_ok (leasedir_make (&dir, id, &nothing, &err));
    }
    leasedir_sweep (&dir, keep_none, NULL);
    assert_int_equal (count_entries (folder), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        open_test (a_root_is_opened_where_nodes_can_be),
        open_test (a_nodev_root_is_refused),
        open_test (a_root_that_others_may_write_is_refused),
        open_test (a_root_is_an_absolute_folder),
        leasedir_test (a_lease_is_made_with_modes_and_owners_as_laid_out),
        leasedir_test (a_lease_without_a_gpu_is_empty),
        leasedir_test (a_second_lease_of_a_name_is_refused_and_the_first_stays),
        leasedir_test (a_lease_that_fails_in_the_middle_leaves_nothing),
        leasedir_test (a_bad_node_in_the_middle_leaves_nothing),
        leasedir_test (a_lease_is_emptied_and_filled_in_place),
        leasedir_test (a_fill_that_fails_leaves_an_empty_directory),
        leasedir_test (a_lease_is_removed_whatever_is_expected_there),
        leasedir_test (the_rest_of_a_lease_is_removed_too),
        leasedir_test (links_are_not_followed),
        leasedir_test (a_sweep_takes_what_nobody_holds_and_only_leases),
        leasedir_test (a_sweep_takes_all_of_many),
    };

    if (unshare (CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        perror ("test_leasedir: a mount namespace of its own (needs root)");
        return EXIT_FAILURE;
    }
    (void) umask (0);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
