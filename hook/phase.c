#include "phase.h"

#include <errno.h>
#include <sys/capability.h>

#include "../oci/cleanup.h"

static const struct {
    enum phase phase;
    cap_value_t capability;
    const char *why;
} table[] = {
    {PHASE_HOOK, CAP_KILL, "to end a child that has become another user"},

    {PHASE_START, CAP_SYS_ADMIN, "the pid namespace of a child is set by its parent"},
    {PHASE_START, CAP_SYS_PTRACE, "the namespaces of a process that is not ours, by its pidfd"},
    {PHASE_START, CAP_DAC_OVERRIDE, "a control group that was delegated to another user"},
    {PHASE_START, CAP_KILL, "as before: the child may hang at once"},

    {PHASE_LOG, CAP_SYSLOG, "/dev/kmsg, where kernel.dmesg_restrict is set"},

    {PHASE_JOIN, CAP_SYS_ADMIN, "to join namespaces; for an image's vainfo, to make all mounts read-only"},
    {PHASE_JOIN, CAP_SYS_PTRACE, "the namespaces of a process that is not ours, by its pidfd"},
    {PHASE_JOIN, CAP_SYS_CHROOT,
     "to join a mount namespace, and to have the container's root before pivot_root"},
    {PHASE_JOIN, CAP_DAC_OVERRIDE, "the way to the container's root and to its control group"},
    {PHASE_JOIN, CAP_SETUID, "to become the workload's user"},
    {PHASE_JOIN, CAP_SETGID, "to have the workload's groups"},

    {PHASE_OVERRIDE, CAP_DAC_OVERRIDE, "the workload has it, and opens its GPU with it"},
};

/* What can come after each.  */
static const unsigned after[PHASES] = {
    [PHASE_HOOK] = ~0U,
    [PHASE_START] = ~0U,
    [PHASE_LOG] = ~0U,
    [PHASE_JOIN] = 1U << PHASE_JOIN | 1U << PHASE_OVERRIDE,
    [PHASE_OVERRIDE] = 1U << PHASE_OVERRIDE,
    [PHASE_NOTHING] = 0,
};

unsigned long long
phase_mask (enum phase phase)
{
    unsigned long long mask = 0;

    for (size_t i = 0; i < countof (table); i++)
        if (table[i].phase == phase)
            mask |= 1ULL << table[i].capability;
    return mask;
}

static bool
is_permitted (cap_t caps, cap_value_t capability)
{
    cap_flag_value_t value = CAP_CLEAR;

    return cap_get_flag (caps, capability, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

static int
fill (cap_t wanted, cap_t present, enum phase phase)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < countof (table); i++) {
        const cap_value_t one = table[i].capability;

        if (!is_permitted (present, one))
            continue;
        if (table[i].phase == phase)
            r = cap_set_flag (wanted, CAP_EFFECTIVE, 1, &one, CAP_SET);
        if (r == 0 && (table[i].phase == phase || (after[phase] & 1U << table[i].phase)))
            r = cap_set_flag (wanted, CAP_PERMITTED, 1, &one, CAP_SET);
    }
    return r;
}

int
phase_enter (enum phase phase, struct error *err)
{
    cap_t present = cap_get_proc (), wanted = cap_init ();
    int r = present && wanted ? fill (wanted, present, phase) : -1;

    if (r == 0)
        r = cap_set_proc (wanted);
    if (r < 0)
        (void) error_set (err, errno, "change capabilities");
    if (present)
        (void) cap_free (present);
    if (wanted)
        (void) cap_free (wanted);
    return r;
}
