/* dri-broker: is it there, does it answer, does it see what the kernel has?  */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../../oci/config.h"
#include "../client.h"
#include "doctor_guest.h"
#include "../drictl/json_text.h"

enum { CALL_MS = 5000 };

#define LEASES "/run/dri-broker/leases"

/* --- configuration --- */

static void
check_copied_config (const struct guest *guest)
{
    static const char path[] = "/etc/dri-broker/config.json";
    _cleanup_json_ json_t *json = doctor_read_json (guest->doctor, "%s", path);

    if (json)
        doctor_good (guest->doctor, "broker.config", "%s is valid JSON; what it says is judged where it runs",
                     path);
    else if (errno == ENOENT)
        doctor_good (guest->doctor, "broker.config", "there is no %s: the defaults are in force", path);
    else
        doctor_bad (guest->doctor, "broker.config", "%s: %s", path,
                    errno == EILSEQ ? "it is no valid JSON" : strerror (errno));
    if (!json && errno != ENOENT)
        doctor_next (guest->doctor, "jq . %s", path);
}

static void
check_config (const struct guest *guest)
{
    struct config config;
    struct error err = {0};

    if (!guest->doctor->live) {
        check_copied_config (guest);
    } else if (config_load (&config, &err) == 0) {
        doctor_good (guest->doctor, "broker.config", "the configuration is valid");
    } else if (err.status == EACCES) {
        doctor_none (guest->doctor, "broker.config", "%s", err.message);
        doctor_next (guest->doctor, "sudo drictl doctor");
    } else {
        doctor_bad (guest->doctor, "broker.config", "%s", err.message);
        doctor_next (guest->doctor,
                     "sudoedit /etc/dri-broker/config.json && sudo systemctl reload dri-broker");
    }
}

/* --- the lease directories --- */

/* A line of proc_pid_mountinfo(5), whose fifth field is the mount point.  */
static void
check_mount (const struct guest *guest)
{
    _cleanup_free_ char *text = doctor_read_file (guest->doctor, NULL, "/proc/self/mountinfo");
    char *save = NULL;

    for (char *line = text ? strtok_r (text, "\n", &save) : NULL; line; line = strtok_r (NULL, "\n", &save)) {
        char *place = strstr (line, " " LEASES " ");

        if (!place)
            continue;
        place += strlen (" " LEASES " ");
        place[strcspn (place, " ")] = '\0';
        if (!strstr (place, "nodev")) {
            doctor_good (guest->doctor, "broker.leases",
                         LEASES " is a file system of its own, where device nodes can be opened");
            return;
        }
        doctor_bad (guest->doctor, "broker.leases",
                    LEASES " is mounted nodev: no container can open a node there");
        doctor_next (guest->doctor, "sudo systemctl restart dri-broker-leases.mount dri-broker");
        return;
    }
    doctor_bad (guest->doctor, "broker.leases",
                LEASES " is not mounted; below /run itself no device node can be opened (nodev)");
    doctor_next (guest->doctor,
                 "sudo systemctl start dri-broker-leases.mount && sudo systemctl restart dri-broker");
}

/* --- the one that runs --- */

static void
report_unreachable (const struct guest *guest, const struct error *err)
{
    bool unit = doctor_exists (guest->doctor, "/lib/systemd/system/dri-broker.socket")
                || doctor_exists (guest->doctor, "/usr/local/lib/systemd/system/dri-broker.socket");

    if (err->status == EACCES || err->status == EPERM) {
        doctor_none (guest->doctor, "broker.answer", "%s", err->message);
        doctor_next (guest->doctor, "sudo drictl doctor");
        return;
    }
    doctor_bad (guest->doctor, "broker.answer", "%s", err->message);
    if (unit)
        doctor_next (guest->doctor, "sudo systemctl enable --now dri-broker.socket dri-broker.service && "
                                    "journalctl -u dri-broker -b");
    else
        doctor_next (guest->doctor, "sudo apt install ./dri-broker_" VERSION
                                    "_amd64.deb  # or make install, see the README");
}

static void
check_version (const struct guest *guest, struct client *client)
{
    _cleanup_json_ json_t *info = NULL;
    struct error err = {0};
    enum client_result result =
        client_call (client, "org.varlink.service.GetInfo", NULL, CALL_MS, &info, &err);

    if (result == CLIENT_UNREACHABLE) {
        report_unreachable (guest, &err);
    } else if (result == CLIENT_REFUSED) {
        doctor_none (guest->doctor, "broker.answer", "%s", err.message);
        doctor_next (guest->doctor, "sudo drictl doctor");
    } else if (strcmp (json_text (info, "version"), VERSION) == 0) {
        doctor_good (guest->doctor, "broker.answer",
                     "it answers, and is of version " VERSION " as this program is");
    } else {
        doctor_bad (guest->doctor, "broker.answer", "it is of version %s, this program of " VERSION,
                    json_text (info, "version"));
        doctor_next (guest->doctor, "sudo systemctl restart dri-broker");
    }
}

static bool
knows (const json_t *gpus, const struct guest_node *node)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach ((json_t *) gpus, i, gpu) {
        if (strcmp (json_text (gpu, "render"), node->name) == 0)
            return true;
    }
    return false;
}

static void
check_gpus (const struct guest *guest, struct client *client)
{
    _cleanup_json_ json_t *status = NULL;
    const json_t *gpus;
    struct error err;

    if (client_call (client, "Status", NULL, CALL_MS, &status, &err) != CLIENT_OK) {
        doctor_none (guest->doctor, "broker.gpus", "%s", err.message);
        doctor_next (guest->doctor, "sudo drictl doctor");
        return;
    }
    gpus = json_object_get (status, "gpus");
    for (size_t i = 0; i < guest->n_nodes; i++) {
        const struct guest_node *node = &guest->nodes[i];

        if (!node->render)
            continue;
        if (knows (gpus, node)) {
            doctor_good (guest->doctor, "broker.gpus", "it knows %s", node->name);
        } else {
            doctor_bad (guest->doctor, "broker.gpus", "it does not know %s", node->name);
            doctor_next (guest->doctor, "sudo systemctl reload dri-broker && drictl devices");
        }
    }
}

void
doctor_broker (const struct guest *guest)
{
    struct client client = {.fd = -1};
    struct error err;

    doctor_area (guest->doctor, "dri-broker");
    check_config (guest);
    if (!guest->doctor->live) {
        doctor_none (guest->doctor, "broker.answer", "whether it runs, " DOCTOR_COPY);
        return;
    }
    if (client_connect (&client, &err) != CLIENT_OK) {
        report_unreachable (guest, &err);
        return;
    }
    check_version (guest, &client);
    check_gpus (guest, &client);
    client_close (&client);
    /* The broker of another socket has its lease root elsewhere.  */
    if (strcmp (config_socket (), "/run/dri-broker/broker.sock") == 0)
        check_mount (guest);
}
