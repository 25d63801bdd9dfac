/* Reads what the DRM clients in control groups tell of themselves, in a child that may read /proc of all
 * processes (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH), and do nothing else. The broker asks and goes on;
 * processes outside of these groups are never looked at.  */
#ifndef DRI_OBSERVER_H
#define DRI_OBSERVER_H

#include <systemd/sd-event.h>

#include "../hook/cgroup.h"
#include "../hook/device_cgroup.h"
#include "../oci/error.h"
#include "fdinfo.h"

enum {
    OBSERVED_GROUPS_MAX = 256,
    OBSERVED_CLIENTS_MAX = 4096,
    OBSERVED_DEVICES_MAX = 64,
    OBSERVED_HOLDERS_MAX = 64,
    OBSERVED_COMM_MAX = 16, /* TASK_COMM_LEN */
};

struct observed_group {
    unsigned tag; /* the asker's own */
    bool who;     /* tell who has a GPU open */
    char cgroup[CGROUP_PATH_MAX];
};

struct observed_client {
    unsigned tag;
    struct fdinfo info;
};

/* A process that has a GPU open: a DRM device, or one of the observation's devices.  */
struct observed_holder {
    unsigned tag;
    int pid;                      /* as the host knows it */
    char comm[OBSERVED_COMM_MAX]; /* the process's own words */
};

struct observation {
    unsigned n_devices;
    struct device_number devices[OBSERVED_DEVICES_MAX];
    unsigned n_groups;
    struct observed_group groups[OBSERVED_GROUPS_MAX];
    unsigned n_clients;
    bool more; /* than there is room for, or than one look may take */
    struct observed_client clients[OBSERVED_CLIENTS_MAX];
    unsigned n_holders;
    struct observed_holder holders[OBSERVED_HOLDERS_MAX];
};

/* clients: as many as n_clients, of groups that were asked for, the same one as often as it was seen. Its
 * texts are as the kernel printed them.  */
typedef void observer_done (void *userdata, const struct observed_client *clients, unsigned n, bool more);

struct observer {
    int fd;                     /* owned */
    struct observation *shared; /* with the child, mapped; its word is checked */
    bool asked;
    observer_done *done;
    void *userdata;
};

/* simulated: an open file NAME.fdinfo stands in for one of a DRM device: what it holds is its fdinfo. Forks;
 * see child.h.  */
int observer_start (struct observer *observer, bool simulated, struct error *err);
int observer_watch (struct observer *observer, sd_event *event, struct error *err);

/* Fill in observer->shared's groups, then ask: done is called once, later. Only while no answer is due
 * (observer->asked).  */
int observer_ask (struct observer *observer, struct error *err);

#endif
