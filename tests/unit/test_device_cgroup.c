#include "tests/unit/testing.h"

#include <linux/bpf.h>

#include "hook/device_cgroup.h"

/* A group of cgroup v1, as files that remember what was written last.  */
static int
open_group (const char *list)
{
    int fd;

    put (in_folder ("devices.list"), list);
    put (in_folder ("devices.deny"), "");
    put (in_folder ("devices.allow"), "");
    fd = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true (fd >= 0);
    return fd;
}

static void
assert_written (const char *file, const char *text)
{
    char found[64] = "";
    int fd = open (in_folder ("%s", file), O_RDONLY | O_CLOEXEC);

    assert_true (fd >= 0);
    assert_true (read (fd, found, sizeof found - 1) >= 0);
    (void) close (fd);
    assert_string_equal (found, text);
}

static const struct device_number granted = {226, 128};

static void
other_drm_rules_are_denied (void **state)
{
    int group = open_group ("c 1:3 rwm\nc 226:128 rw\nc 226:129 rw\nb 226:7 rw\n");
    struct error err;

    (void) state;
    assert_int_equal (device_cgroup_set_drm (group, &granted, 1, &err), 0);
    assert_written ("devices.deny", "c 226:129 rwm");
    assert_written ("devices.allow", "c 226:128 rw");
    (void) close (group);
}

/* size: of a list whose last rule is that of another GPU.  */
static char *
make_list (size_t size)
{
    static const char filler[] = "c 1:3 rwm\n", last[] = "c 226:129 rw\n";
    char *list = calloc (1, size + 1);
    size_t len = 0;

    assert_non_null (list);
    for (; len + sizeof filler - 1 <= size - (sizeof last - 1); len += sizeof filler - 1)
        memcpy (list + len, filler, sizeof filler);
    memset (list + len, '\n', size - (sizeof last - 1) - len);
    memcpy (list + size - (sizeof last - 1), last, sizeof last);
    return list;
}

static void
a_list_is_read_to_its_end_or_an_error (void **state)
{
    static const size_t sizes[] = {8000, 16382, 16383, 16384, 16390, 40000};

    (void) state;
    for (size_t i = 0; i < countof (sizes); i++) {
        _cleanup_free_ char *list = make_list (sizes[i]);
        int group = open_group (list), r;
        struct error err;

        r = device_cgroup_set_drm (group, &granted, 1, &err);
        assert_int_equal (r, sizes[i] < 16383 ? 0 : -1);
        if (r < 0)
            assert_int_equal (err.status, E2BIG);
        assert_written ("devices.deny", r < 0 ? "" : "c 226:129 rwm");
        assert_int_equal (device_cgroup_shut_drm (group, &err), r);
        (void) close (group);
    }
}

/* The kernel would run stacked ones to no other end, until the program is too long for it.  */
static void
a_prologue_takes_the_place_of_the_one_before (void **state)
{
    static const struct bpf_insn runtimes[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
                                               {.code = BPF_JMP | BPF_EXIT}};
    struct bpf_insn once[DEVICE_CGROUP_PROLOGUE_MAX + 2] = {0}, none[countof (once)] = {0};
    struct bpf_insn twice[countof (once) + DEVICE_CGROUP_PROLOGUE_MAX] = {0};
    unsigned len, shut;

    (void) state;
    len = device_cgroup_program (once, runtimes, countof (runtimes), &granted, 1);
    assert_true (len > countof (runtimes) && len <= countof (once));
    assert_memory_equal (once + len - countof (runtimes), runtimes, sizeof runtimes);
    assert_int_equal (device_cgroup_program (twice, once, len, &granted, 1), len);
    assert_memory_equal (twice, once, len * sizeof *once);
    /* Also a shorter one, as of a GPU that is taken away.  */
    shut = device_cgroup_program (none, runtimes, countof (runtimes), NULL, 0);
    assert_true (shut < len);
    assert_int_equal (device_cgroup_program (twice, once, len, NULL, 0), shut);
    assert_memory_equal (twice, none, shut * sizeof *none);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder (other_drm_rules_are_denied),
        unit_test_in_folder (a_list_is_read_to_its_end_or_an_error),
        cmocka_unit_test (a_prologue_takes_the_place_of_the_one_before),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
