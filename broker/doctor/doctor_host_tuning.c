/* Huge pages and pinned CPUs of a host's virtual machines, as far as files tell.
 *
 * Sources: the kernel's admin-guide/mm/hugetlbpage and admin-guide/cputopology; qm.conf(5): hugepages is any,
 * 2 or 1024 (MiB), affinity a list of the host's CPUs.  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

enum { CPUS_MAX = 1024 };

/* --- huge pages --- */

static unsigned long long
pages (const struct host *host, unsigned kib, const char *which)
{
    unsigned long long n = 0;

    (void) doctor_read_number (host->doctor, &n, "/sys/kernel/mm/hugepages/hugepages-%ukB/%s_hugepages", kib,
                               which);
    return n;
}

static void
check_gigantic (const struct host *host, const struct pve_vm *vm)
{
    unsigned long long free_pages = pages (host, 1048576, "free");
    char word[48];

    if (vm->running) {
        doctor_good (host->doctor, "host.hugepages", "VM %u runs in huge pages of 1 GiB", vm->id);
    } else if (free_pages * 1024 >= vm->memory) {
        doctor_good (host->doctor, "host.hugepages",
                     "VM %u: %llu huge pages of 1 GiB are free for its %u MiB", vm->id, free_pages,
                     vm->memory);
    } else {
        doctor_bad (
            host->doctor, "host.hugepages",
            "VM %u wants %u MiB in huge pages of 1 GiB, of which %llu are free: once memory is in pieces, "
            "Proxmox VE finds no more, and the VM does not start",
            vm->id, vm->memory, free_pages);
        (void) snprintf (word, sizeof word, "hugepagesz=1G hugepages=%u", (vm->memory + 1023) / 1024);
        doctor_next_boot_add (&host->system, word);
        doctor_next (host->doctor,
                     "qm set %u -delete hugepages  # or: transparent huge pages do nearly as well", vm->id);
    }
}

static void
check_hugepages (const struct host *host)
{
    unsigned long long reserved = pages (host, 2048, "nr") * 2 + pages (host, 1048576, "nr") * 1024;
    unsigned users = 0;
    size_t len;

    for (size_t i = 0; i < host->n_vms; i++) {
        if (host->vms[i].hugepages[0] == '\0')
            continue;
        users++;
        if (strcmp (host->vms[i].hugepages, "1024") == 0)
            check_gigantic (host, &host->vms[i]);
    }
    if (users > 0)
        return;
    if (reserved == 0) {
        doctor_good (host->doctor, "host.hugepages",
                     "no memory is reserved as huge pages, and no VM asks for it; a GPU's VM needs none");
        return;
    }
    doctor_bad (host->doctor, "host.hugepages",
                "%llu MiB are reserved as huge pages, and no VM has a line \"hugepages:\": nobody can use "
                "that memory",
                reserved);
    if (boot_line_value (host->system.boot_line, "hugepages", &len))
        doctor_next_boot_remove (&host->system, "hugepages=");
    else
        doctor_next (host->doctor,
                     "sysctl -w vm.nr_hugepages=0  # and out of: grep -rn nr_hugepages /etc/sysctl.conf "
                     "/etc/sysctl.d");
}

/* --- CPUs --- */

struct cpus {
    bool set[CPUS_MAX];
    unsigned n;
};

/* "0-3,8,10-11". False: it is no such list.  */
static bool
parse_cpus (const char *text, struct cpus *cpus)
{
    *cpus = (struct cpus){0};
    while (*text && *text != '\n') {
        char *end;
        unsigned long first = strtoul (text, &end, 10), last = first;

        if (end == text)
            return false;
        if (*end == '-') {
            text = end + 1;
            last = strtoul (text, &end, 10);
            if (end == text)
                return false;
        }
        if (first > last || last >= CPUS_MAX)
            return false;
        for (; first <= last; first++) {
            cpus->n += !cpus->set[first];
            cpus->set[first] = true;
        }
        text = end + (*end == ',');
        if (*end && *end != ',' && *end != '\n')
            return false;
    }
    return true;
}

/* The first that b lacks; -1: none.  */
static int
first_missing (const struct cpus *a, const struct cpus *b)
{
    for (int i = 0; i < CPUS_MAX; i++)
        if (a->set[i] && !b->set[i])
            return i;
    return -1;
}

static void
check_affinity (const struct host *host, const struct pve_vm *vm, const struct cpus *online, const char *all)
{
    struct cpus cpus;
    int missing;

    if (!parse_cpus (vm->affinity, &cpus) || cpus.n == 0) {
        doctor_bad (host->doctor, "host.affinity", "VM %u does not start: affinity \"%s\" is no list of CPUs",
                    vm->id, vm->affinity);
        doctor_next (host->doctor, "qm set %u -affinity %s", vm->id, all);
        return;
    }
    missing = first_missing (&cpus, online);
    if (missing >= 0) {
        doctor_bad (host->doctor, "host.affinity",
                    "VM %u is pinned to CPUs %s, and CPU %d is not there (online: %s)", vm->id, vm->affinity,
                    missing, all);
        doctor_next (host->doctor, "qm set %u -affinity %s", vm->id, all);
    } else if (cpus.n < vm->cores) {
        doctor_bad (host->doctor, "host.affinity",
                    "VM %u has %u CPUs, which have to share %u of the host's (%s)", vm->id, vm->cores, cpus.n,
                    vm->affinity);
        doctor_next (host->doctor, "qm set %u -delete affinity", vm->id);
    } else {
        doctor_good (host->doctor, "host.affinity", "VM %u is pinned to CPUs %s, which are there", vm->id,
                     vm->affinity);
    }
}

/* CPUs kept free of the host's processes, for nobody.  */
static void
check_isolated (const struct host *host, unsigned pinned)
{
    size_t len;
    const char *isolated = boot_line_value (host->system.boot_line, "isolcpus", &len);

    if (!isolated || pinned > 0)
        return;
    doctor_bad (
        host->doctor, "host.affinity",
        "isolcpus=%.*s keeps CPUs free of the host's processes, and no VM is pinned to any: they are idle",
        (int) len, isolated);
    doctor_next_boot_remove (&host->system, "isolcpus=");
}

static void
check_cpus (const struct host *host)
{
    _cleanup_free_ char *all = doctor_read_file (host->doctor, NULL, "/sys/devices/system/cpu/online");
    struct cpus online;
    unsigned pinned = 0;

    for (size_t i = 0; i < host->n_vms; i++)
        pinned += host->vms[i].affinity[0] != '\0';
    check_isolated (host, pinned);
    if (pinned == 0) {
        doctor_good (host->doctor, "host.affinity",
                     "no VM is pinned to CPUs; what a GPU does is not sped up by that");
        return;
    }
    if (!all || !parse_cpus (all, &online)) {
        doctor_none (host->doctor, "host.affinity", "which CPUs are online cannot be read here");
        return;
    }
    for (size_t i = 0; i < host->n_vms; i++)
        if (host->vms[i].affinity[0])
            check_affinity (host, &host->vms[i], &online, all);
}

void
doctor_host_tuning (const struct host *host)
{
    if (host->n_vms == 0)
        return;
    check_hugepages (host);
    check_cpus (host);
}
