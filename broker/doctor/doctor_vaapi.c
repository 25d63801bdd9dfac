/* What the kernel's driver and libva say of a GPU, asked by dri-probe(8).  */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../hook/expect.h"
#include "../../oci/cleanup.h"
#include "../../oci/program.h"
#include "../codecs.h"
#include "doctor_guest.h"
#include "doctor_kernels.h"
#include "../drictl/json_text.h"

enum { REPORT_MAX = 1 << 20, DRM_MAJOR = 226 };

/* --- dri-probe --- */

/* It ends by itself, at its --timeout.  */
static json_t *
read_report (int fd)
{
    _cleanup_free_ char *text = malloc (REPORT_MAX);
    size_t len = 0;

    while (text && len < REPORT_MAX) {
        ssize_t n = read (fd, text + len, REPORT_MAX - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t) n;
    }
    return text ? json_loadb (text, len, 0, NULL) : NULL;
}

static pid_t
start_probe (const char *program, const char *node, int out)
{
    char *const arguments[] = {"dri-probe", "--device", (char *) node, "--timeout", "5", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int r;

    if (posix_spawn_file_actions_init (&actions) != 0)
        return -1;
    r = posix_spawn_file_actions_adddup2 (&actions, out, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn (&pid, program, &actions, NULL, arguments, environ);
    (void) posix_spawn_file_actions_destroy (&actions);
    return r == 0 ? pid : -1;
}

static json_t *
probe (const char *name)
{
    char program[PATH_MAX], node[64];
    struct error ignored;
    json_t *report = NULL;
    int ends[2];
    pid_t pid;

    (void) snprintf (node, sizeof node, "/dev/dri/%s", name);
    if (program_beside ("dri-probe", program, sizeof program, &ignored) < 0 || pipe2 (ends, O_CLOEXEC) < 0)
        return NULL;
    pid = start_probe (program, node, ends[1]);
    (void) close (ends[1]);
    if (pid > 0)
        report = read_report (ends[0]);
    (void) close (ends[0]);
    while (pid > 0 && waitpid (pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return report;
}

/* --- what it says --- */

static bool
is_on_purpose (const char *status)
{
    return strcmp (status, "disabled") == 0 || strcmp (status, "none") == 0
           || strcmp (status, "unknown") == 0;
}

/* "huc 7.9.3, guc 70.5.1": those that run.  */
static void
judge_firmware (const struct guest *guest, const struct guest_node *node, const json_t *facts)
{
    const json_t *list = json_object_get (facts, "firmware"), *one, *note;
    char running[120] = "";
    bool missing = false, failed = false;
    size_t i, len = 0;

    json_array_foreach ((json_t *) list, i, one) {
        const char *status = json_text (one, "status");

        missing |= strcmp (status, "missing") == 0;
        if (strcmp (status, "running") != 0 && strcmp (status, "clear-media") != 0) {
            failed |= !is_on_purpose (status);
            continue;
        }
        len += (size_t) snprintf (running + len, sizeof running - len, "%s%s%s%s", len > 0 ? ", " : "",
                                  json_text (one, "name"), *json_text (one, "version") ? " " : "",
                                  json_text (one, "version"));
        if (len >= sizeof running)
            break;
    }
    if (running[0])
        doctor_good (guest->doctor, "firmware.runs", "%s: firmware runs: %s", node->name, running);
    json_array_foreach (json_object_get (facts, "notes"), i, note) {
        if (!failed) {
            doctor_none (guest->doctor, "firmware.runs", "%s: %s", node->name, json_string_value (note));
            continue;
        }
        doctor_bad (guest->doctor, "firmware.runs", "%s: %s", node->name, json_string_value (note));
        if (missing && guest->kind != GUEST_LXC)
            doctor_next_install (&guest->system, strcmp (node->driver, "amdgpu") == 0
                                                     ? "firmware-amd-graphics"
                                                     : "firmware-intel-graphics");
        doctor_next (guest->doctor, "sudo journalctl -k -b | grep -iE 'guc|huc|firmware'");
        guest_next_where (guest);
    }
}

static void
next_driver (const struct guest *guest, const struct guest_node *node)
{
    if (strcmp (node->driver, "i915") == 0 || strcmp (node->driver, "xe") == 0)
        doctor_next (guest->doctor, "sudo apt install libva2 libva-drm2 intel-media-va-driver-non-free && "
                                    "sudo systemctl restart dri-broker");
    else
        doctor_next (
            guest->doctor,
            "sudo apt install libva2 libva-drm2 mesa-va-drivers && sudo systemctl restart dri-broker");
}

static void
judge_profiles (const struct guest *guest, const struct guest_node *node, const json_t *report)
{
    const json_t *vaapi = json_object_get (report, "vaapi");
    const struct grant_node grant = {.major = DRM_MAJOR, .minor = node->minor, .drm = true};
    char expectation[400];

    doctor_good (guest->doctor, "vaapi.driver", "%s: \"%s\" comes up, with %zu profiles and entry points",
                 node->name, json_text (vaapi, "vendor"),
                 json_array_size (json_object_get (vaapi, "profiles")));
    expect_explain (&grant, report, "", "this machine", expectation, sizeof expectation);
    if (!expectation[0])
        return;
    doctor_bad (guest->doctor, "vaapi.profiles",
                "%s: %s. dri.require goes by this machine's driver; a container uses its own", node->name,
                expectation);
    next_driver (guest, node);
}

static void
judge_failure (const struct guest *guest, const struct guest_node *node, const json_t *report)
{
    const char *reason = json_text (report, "reason"), *message = json_text (report, "message");

    if (strcmp (reason, "no-libva") == 0) {
        doctor_none (guest->doctor, "vaapi.driver",
                     "%s: this machine has no libva. Containers bring their own; without one here, "
                     "dri.require cannot choose a GPU",
                     node->name);
        next_driver (guest, node);
    } else if (strcmp (reason, "not-permitted") == 0 && geteuid () != 0) {
        doctor_none (guest->doctor, "vaapi.driver", "%s: this user may not open it, as it should be",
                     node->name);
        doctor_next (guest->doctor, "sudo drictl doctor");
    } else if (strcmp (reason, "device-cgroup") == 0) {
        doctor_bad (guest->doctor, "vaapi.driver", "%s: the device cgroup does not let it be opened",
                    node->name);
        if (guest->kind == GUEST_LXC)
            doctor_next (guest->doctor,
                         "pct set CTID -dev0 /dev/dri/%s  # on the host: that makes the rule as well",
                         node->name);
        else
            doctor_next (guest->doctor, "systemctl show dri-broker -p DeviceAllow");
    } else if (!kernel_driver_is_fit (node->driver)) {
        doctor_none (guest->doctor, "vaapi.driver", "%s: %s", node->name, message);
    } else {
        doctor_bad (guest->doctor, "vaapi.driver", "%s: %s", node->name,
                    message[0] ? message : "dri-probe says nothing");
        if (strcmp (json_text (report, "verified"), "driver") == 0)
            next_driver (guest, node);
        else
            doctor_next (guest->doctor, "sudo dri-probe --device /dev/dri/%s", node->name);
    }
}

static void
check_live (const struct guest *guest, const struct guest_node *node)
{
    _cleanup_json_ json_t *report = probe (node->name);

    if (!report) {
        doctor_none (guest->doctor, "vaapi.driver",
                     "%s: not asked, since dri-probe does not run from beside drictl", node->name);
        return;
    }
    judge_firmware (guest, node, json_object_get (report, "facts"));
    if (strcmp (json_text (report, "verified"), "vaapi") == 0)
        judge_profiles (guest, node, report);
    else
        judge_failure (guest, node, report);
}

/* --- of a copied tree: what could be --- */

static void
check_copy (const struct guest *guest, const struct guest_node *node)
{
    for (size_t i = 0; i < guest->n_gpus; i++) {
        struct generation generation;
        char able[300];

        if (strcmp (guest->gpus[i].address, node->pci) != 0
            || !codecs_find (guest->gpus[i].vendor, guest->gpus[i].device, &generation))
            continue;
        codecs_describe (&generation, able, sizeof able);
        doctor_none (guest->doctor, "vaapi.driver", "%s: %s; whether libva gets that out of it, " DOCTOR_COPY,
                     node->name, able);
        return;
    }
    doctor_none (guest->doctor, "vaapi.driver", "%s: what libva gets out of it, " DOCTOR_COPY, node->name);
}

void
doctor_vaapi (const struct guest *guest)
{
    doctor_area (guest->doctor, "VA-API");
    for (size_t i = 0; i < guest->n_nodes; i++) {
        const struct guest_node *node = &guest->nodes[i];

        if (!node->render)
            continue;
        if (!guest->doctor->live)
            check_copy (guest, node);
        else if (doctor_exists (guest->doctor, "/dev/dri/%s", node->name))
            check_live (guest, node);
    }
}
