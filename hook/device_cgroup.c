#include "device_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "cgroup.h"

/* Kernel, admin-guide/devices.txt.  */
enum { DRM_MAJOR = 226 };

static bool
is_other_drm (const char *numbers, const struct device_number *devices, unsigned n)
{
    unsigned major, minor;

    if (sscanf (numbers, "%u:", &major) != 1 || major != DRM_MAJOR)
        return false;
    if (sscanf (numbers, "%u:%u", &major, &minor) != 2)
        return true;
    for (unsigned i = 0; i < n; i++)
        if (devices[i].major == major && devices[i].minor == minor)
            return false;
    return true;
}

/* --- v1 --- */

static int
write_rule (int group, const char *file, const char *numbers, const char *access, struct error *err)
{
    _cleanup_close_ int fd = openat (group, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    char rule[48];
    int len = snprintf (rule, sizeof rule, "c %s %s", numbers, access);

    if (fd < 0 || write (fd, rule, (size_t) len) != len)
        return error_set (err, errno, "write \"%s\" to %s", rule, file);
    return 0;
}

static int
read_list (int group, char *text, size_t size, struct error *err)
{
    _cleanup_close_ int fd = openat (group, "devices.list", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;

    while (n > 0 && len < size - 1) {
        n = read (fd, text + len, size - 1 - len);
        len += n > 0 ? (size_t) n : 0;
    }
    if (n < 0)
        return error_set (err, errno, "devices.list");
    /* A rule that is not seen would not be taken away.  */
    if (n > 0)
        return error_set (err, E2BIG, "devices.list");
    text[len] = '\0';
    return 0;
}

/* A group that may open everything (privileged, or LXC's with ids of its own) has no rules but exceptions,
 * which devices.list does not show, and which the groups below it get for good (devcgroup_update_access and
 * propagate_exception of security/device_cgroup.c).  */
static bool
is_unbounded (const char *list)
{
    return strncmp (list, "a *:*", 5) == 0;
}

/* A rule is taken away only by one for the same numbers, so each that is there is looked at.  */
static int
set_v1 (int group, const struct device_number *devices, unsigned n, struct error *err)
{
    char text[16384], *save = NULL;

    if (read_list (group, text, sizeof text, err) < 0)
        return -1;
    if (is_unbounded (text))
        return 0;
    for (char *line = strtok_r (text, "\n", &save); line; line = strtok_r (NULL, "\n", &save)) {
        char numbers[24];

        /* "226:*" too.  */
        if (sscanf (line, "c %23s ", numbers) == 1 && is_other_drm (numbers, devices, n)
            && write_rule (group, "devices.deny", numbers, "rwm", err) < 0)
            return -1;
    }
    for (unsigned i = 0; i < n; i++) {
        char numbers[24];

        (void) snprintf (numbers, sizeof numbers, "%u:%u", devices[i].major, devices[i].minor);
        if (write_rule (group, "devices.allow", numbers, "rw", err) < 0)
            return -1;
    }
    return 0;
}

/* --- v2 --- */

/* The first instruction of our prologue, so that it is found and replaced the next time; the second tells how
 * many instructions it has. Both load a constant that nobody reads.  */
enum { MAGIC = 0x64726962, MARK_INSNS = 2 };

#define INSN(op, dst, src, offset, value)                                                                    \
    ((struct bpf_insn){                                                                                      \
        .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (int16_t) (offset), .imm = (value)})
#define SET(dst, value)         INSN (BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define COPY(dst, src)          INSN (BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define AND(dst, value)         INSN (BPF_ALU64 | BPF_AND | BPF_K, dst, 0, 0, value)
#define SHIFT_RIGHT(dst, value) INSN (BPF_ALU64 | BPF_RSH | BPF_K, dst, 0, 0, value)
#define LOAD(dst, member)                                                                                    \
    INSN (BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, offsetof (struct bpf_cgroup_dev_ctx, member), 0)
#define UNLESS_EQUAL(dst, value, skip) INSN (BPF_JMP | BPF_JNE | BPF_K, dst, 0, skip, value)
#define IF_EQUAL(dst, value, skip)     INSN (BPF_JMP | BPF_JEQ | BPF_K, dst, 0, skip, value)
#define RETURN                         INSN (BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Writes the prologue, returns its length. Register 1 holds the context, for the program behind it too.  */
static unsigned
make_prologue (struct bpf_insn *insns, const struct device_number *devices, unsigned n)
{
    unsigned at = MARK_INSNS;
    unsigned to_program[2];

    insns[at++] = LOAD (BPF_REG_2, access_type);
    insns[at++] = LOAD (BPF_REG_3, major);
    insns[at++] = LOAD (BPF_REG_4, minor);
    insns[at++] = COPY (BPF_REG_5, BPF_REG_2);
    insns[at++] = AND (BPF_REG_2, 0xffff);
    to_program[0] = at++;
    /* To make a node is not to open it: runtimes allow it for all devices.  */
    insns[at++] = SHIFT_RIGHT (BPF_REG_5, 16);
    insns[at++] = AND (BPF_REG_5, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE);
    to_program[1] = at++;
    for (unsigned i = 0; i < n; i++) {
        insns[at++] = UNLESS_EQUAL (BPF_REG_3, (int) devices[i].major, 3);
        insns[at++] = UNLESS_EQUAL (BPF_REG_4, (int) devices[i].minor, 2);
        insns[at++] = SET (BPF_REG_0, 1);
        insns[at++] = RETURN;
    }
    insns[at++] = UNLESS_EQUAL (BPF_REG_3, DRM_MAJOR, 2);
    insns[at++] = SET (BPF_REG_0, 0);
    insns[at++] = RETURN;
    insns[to_program[0]] = UNLESS_EQUAL (BPF_REG_2, BPF_DEVCG_DEV_CHAR, at - to_program[0] - 1);
    insns[to_program[1]] = IF_EQUAL (BPF_REG_5, 0, at - to_program[1] - 1);
    insns[0] = SET (BPF_REG_0, MAGIC);
    insns[1] = SET (BPF_REG_0, (int) at);
    return at;
}

static unsigned
length_of_prologue (const struct bpf_insn *insns, unsigned n)
{
    const uint8_t set = BPF_ALU64 | BPF_MOV | BPF_K;

    return n > MARK_INSNS && insns[0].code == set && insns[0].imm == MAGIC && insns[1].code == set
                   && insns[1].imm > MARK_INSNS && (unsigned) insns[1].imm < n
               ? (unsigned) insns[1].imm
               : 0;
}

unsigned
device_cgroup_program (struct bpf_insn *whole, const struct bpf_insn *insns, unsigned len,
                       const struct device_number *devices, unsigned n)
{
    unsigned before = length_of_prologue (insns, len), prologue = make_prologue (whole, devices, n);

    memcpy (whole + prologue, insns + before, (len - before) * sizeof *whole);
    return prologue + len - before;
}

static int
bpf (enum bpf_cmd command, union bpf_attr *attr)
{
    return (int) syscall (SYS_bpf, command, attr, sizeof *attr);
}

/* The instructions as the kernel runs them, which for programs without calls and maps are those that were
 * loaded. The caller's to free.  */
static struct bpf_insn *
read_program (int program, unsigned *n, struct error *err)
{
    struct bpf_prog_info info = {0};
    union bpf_attr attr = {.info = {.bpf_fd = (uint32_t) program, .info_len = sizeof info}};
    _cleanup_free_ struct bpf_insn *insns = NULL;
    uint32_t size;

    attr.info.info = (uintptr_t) &info;
    if (bpf (BPF_OBJ_GET_INFO_BY_FD, &attr) < 0) {
        (void) error_set (err, errno, "read the control group's device program");
        return NULL;
    }
    size = info.xlated_prog_len;
    insns = calloc (1, size + 1);
    info = (struct bpf_prog_info){.xlated_prog_len = size, .xlated_prog_insns = (uintptr_t) insns};
    if (!insns || bpf (BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 || info.xlated_prog_insns == 0 || size == 0) {
        (void) error_set (err, insns ? EPERM : ENOMEM, "read the control group's device program");
        return NULL;
    }
    *n = size / (uint32_t) sizeof *insns;
    return steal_ptr (&insns);
}

static int
load_program (const struct bpf_insn *insns, unsigned n, struct error *err)
{
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = n};
    int fd;

    attr.insns = (uintptr_t) insns;
    attr.license = (uintptr_t) "Apache-2.0";
    (void) snprintf (attr.prog_name, sizeof attr.prog_name, "dri_broker");
    fd = bpf (BPF_PROG_LOAD, &attr);
    return fd < 0 ? error_set (err, errno, "load a device program of %u instructions", n) : fd;
}

/* old -1: nothing is attached there.  */
static int
attach_program (int group, int program, int old, uint32_t flags, struct error *err)
{
    union bpf_attr attr = {.target_fd = (uint32_t) group,
                           .attach_bpf_fd = (uint32_t) program,
                           .attach_type = BPF_CGROUP_DEVICE,
                           .attach_flags = flags};

    /* Without BPF_F_ALLOW_MULTI a group has one program, which the next replaces.  */
    if (old >= 0 && (flags & BPF_F_ALLOW_MULTI)) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t) old;
    }
    return bpf (BPF_PROG_ATTACH, &attr) < 0 ? error_set (err, errno, "attach a device program") : 0;
}

static int
attach_first (int group, const struct device_number *devices, unsigned n, struct error *err)
{
    const struct bpf_insn all[] = {SET (BPF_REG_0, 1), RETURN};
    struct bpf_insn insns[DEVICE_CGROUP_PROLOGUE_MAX + countof (all)];
    unsigned len = device_cgroup_program (insns, all, countof (all), devices, n);
    _cleanup_close_ int program = load_program (insns, len, err);

    return program < 0 ? -1 : attach_program (group, program, -1, BPF_F_ALLOW_MULTI, err);
}

static int
renew (int group, uint32_t id, uint32_t flags, const struct device_number *devices, unsigned n,
       struct error *err)
{
    union bpf_attr attr = {.prog_id = id};
    _cleanup_close_ int old = bpf (BPF_PROG_GET_FD_BY_ID, &attr);
    _cleanup_free_ struct bpf_insn *insns = NULL;
    _cleanup_free_ struct bpf_insn *whole = NULL;
    _cleanup_close_ int program = -1;
    unsigned len;

    if (old < 0)
        return error_set (err, errno, "open the control group's device program");
    insns = read_program (old, &len, err);
    if (!insns)
        return -1;
    whole = calloc (DEVICE_CGROUP_PROLOGUE_MAX + len, sizeof *whole);
    if (!whole)
        return error_set (err, ENOMEM, "device program");
    program = load_program (whole, device_cgroup_program (whole, insns, len, devices, n), err);
    return program < 0 ? -1 : attach_program (group, program, old, flags, err);
}

static int
set_v2 (int group, const struct device_number *devices, unsigned n, struct error *err)
{
    uint32_t ids[64];
    union bpf_attr attr = {.query = {.target_fd = (uint32_t) group,
                                     .attach_type = BPF_CGROUP_DEVICE,
                                     .prog_cnt = countof (ids)}};

    attr.query.prog_ids = (uintptr_t) ids;
    if (bpf (BPF_PROG_QUERY, &attr) < 0)
        return error_set (err, errno, "list the control group's device programs");
    if (attr.query.prog_cnt == 0)
        return attach_first (group, devices, n, err);
    for (uint32_t i = 0; i < attr.query.prog_cnt; i++)
        if (renew (group, ids[i], attr.query.attach_flags, devices, n, err) < 0)
            return -1;
    return 0;
}

int
device_cgroup_set_drm (int group, const struct device_number *devices, unsigned n, struct error *err)
{
    struct statfs fs;

    if (n > DEVICE_CGROUP_DEVICES_MAX)
        return error_set (err, E2BIG, "%u devices", n);
    if (fstatfs (group, &fs) < 0)
        return error_set (err, errno, "control group");
    return fs.f_type == CGROUP2_SUPER_MAGIC ? set_v2 (group, devices, n, err)
                                            : set_v1 (group, devices, n, err);
}

static int
shut_v1 (int group, struct error *err)
{
    char text[16384];

    if (read_list (group, text, sizeof text, err) < 0)
        return -1;
    return is_unbounded (text) ? write_rule (group, "devices.deny", "226:*", "rwm", err)
                               : set_v1 (group, NULL, 0, err);
}

int
device_cgroup_shut_drm (int group, struct error *err)
{
    struct statfs fs;

    if (fstatfs (group, &fs) < 0)
        return error_set (err, errno, "control group");
    return fs.f_type == CGROUP2_SUPER_MAGIC ? set_v2 (group, NULL, 0, err) : shut_v1 (group, err);
}
