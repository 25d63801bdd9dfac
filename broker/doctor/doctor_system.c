#include "doctor_system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "next_line.h"

static bool
ends_with (const char *text, const char *end)
{
    size_t len = strlen (text), wanted = strlen (end);

    return len >= wanted && strcmp (text + len - wanted, end) == 0;
}

/* What is no file is nothing to modprobe either: a link to /dev/null hides a name of another folder.  */
static void
note_unread (struct doctor_system *system, const char *path)
{
    if (errno == ENOENT || errno == EINVAL)
        return;
    if (system->n_unread++ == 0)
        (void) snprintf (system->unread, sizeof system->unread, "%s: %s", path, strerror (errno));
}

/* modprobe.d(5): files that end in .conf; one of /etc hides those of the same name in /run and /usr/lib.  */
static void
read_modprobe (struct doctor_system *system)
{
    static const char *const folders[] = {"/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d"};

    for (size_t f = 0; f < countof (folders); f++) {
        _cleanup_names_ struct doctor_names names = {0};

        (void) doctor_list_dir (system->doctor, &names, "%s", folders[f]);
        for (size_t i = 0; i < names.n; i++) {
            _cleanup_free_ char *text = NULL;
            char path[MODPROBE_SOURCE_MAX];

            if (!ends_with (names.list[i], ".conf")
                || (f > 0 && doctor_exists (system->doctor, "%s/%s", folders[0], names.list[i])))
                continue;
            (void) snprintf (path, sizeof path, "%s/%s", folders[f], names.list[i]);
            text = doctor_read_file (system->doctor, NULL, "%s", path);
            if (text)
                modprobe_add_file (&system->modprobe, path, text);
            else
                note_unread (system, path);
        }
    }
    modprobe_add_boot_line (&system->modprobe, system->boot_line);
}

static void
read_kernel (struct doctor_system *system)
{
    _cleanup_free_ char *release = doctor_read_file (system->doctor, NULL, "/proc/sys/kernel/osrelease");
    unsigned major, minor;

    if (!release || sscanf (release, "%4u.%3u", &major, &minor) != 2)
        return;
    release[strcspn (release, "\n")] = '\0';
    if (!next_line_is_plain (release))
        return;
    (void) snprintf (system->release, sizeof system->release, "%s", release);
    system->kernel = KERNEL (major, minor);
}

/* KEY=VALUE with quotes or without.  */
static void
take_value (const char *text, const char *key, char *out, size_t size)
{
    const char *line = text;

    while (line && strncmp (line, key, strlen (key)) != 0) {
        line = strchr (line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return;
    line += strlen (key);
    line += strspn (line, "\"'");
    (void) snprintf (out, size, "%.*s", (int) strcspn (line, "\"'\n"), line);
    if (!next_line_is_plain (out))
        *out = '\0';
}

static void
read_distribution (struct doctor_system *system)
{
    _cleanup_free_ char *text = doctor_read_file (system->doctor, NULL, "/etc/os-release");

    if (!text)
        text = doctor_read_file (system->doctor, NULL, "/usr/lib/os-release");
    if (!text)
        return;
    take_value (text, "ID=", system->distribution, sizeof system->distribution);
    take_value (text, "VERSION_ID=", system->version, sizeof system->version);
}

int
doctor_system_read (struct doctor_system *system, struct doctor *doctor, struct error *err)
{
    *system = (struct doctor_system){.doctor = doctor};
    system->boot_line = doctor_read_file (doctor, NULL, "/proc/cmdline");
    if (!system->boot_line)
        system->boot_line = strdup ("");
    if (!system->boot_line)
        return error_set (err, ENOMEM, "the kernel's command line");
    system->loader =
        boot_loader_of (system->boot_line, doctor_exists (doctor, "/etc/kernel/proxmox-boot-uuids"));
    read_kernel (system);
    read_distribution (system);
    read_modprobe (system);
    return 0;
}

void
doctor_system_finish (struct doctor_system *system)
{
    free (system->boot_line);
    system->boot_line = NULL;
}

void
doctor_system_say_unread (const struct doctor_system *system)
{
    if (system->n_unread > 0)
        doctor_none (system->doctor, "modprobe.unread",
                     "%s; what it says of modules is not known here (files like that: %u)", system->unread,
                     system->n_unread);
    if (system->modprobe.ignored > 0)
        doctor_none (system->doctor, "modprobe.left-out",
                     "modprobe.d and the kernel's command line have %u more entries than are looked at",
                     system->modprobe.ignored);
}

#define CMDLINE "/etc/kernel/cmdline"
#define GRUB    "/etc/default/grub"
#define DEFAULT "^GRUB_CMDLINE_LINUX_DEFAULT"
#define BY_TOOL "proxmox-boot-tool refresh && reboot"
#define BY_GRUB "update-grub && reboot"

void
doctor_next_boot_add (const struct doctor_system *system, const char *word)
{
    switch (system->loader) {
    case BOOT_SYSTEMD:
        doctor_next (system->doctor, "sed -i '1s/$/ %s/' " CMDLINE " && " BY_TOOL, word);
        break;
    case BOOT_GRUB_PROXMOX:
        doctor_next (system->doctor, "sed -i 's/" DEFAULT "=\"/&%s /' " GRUB " && " BY_TOOL, word);
        break;
    case BOOT_GRUB:
        doctor_next (system->doctor, "sed -i 's/" DEFAULT "=\"/&%s /' " GRUB " && " BY_GRUB, word);
        break;
    }
}

void
doctor_next_boot_remove (const struct doctor_system *system, const char *word)
{
    switch (system->loader) {
    case BOOT_SYSTEMD:
        doctor_next (system->doctor, "sed -i 's/ *\\b%s[^ \"]*//' " CMDLINE " && " BY_TOOL, word);
        break;
    case BOOT_GRUB_PROXMOX:
        doctor_next (system->doctor, "sed -i 's/ *\\b%s[^ \"]*//' " GRUB " && " BY_TOOL, word);
        break;
    case BOOT_GRUB:
        doctor_next (system->doctor, "sed -i 's/ *\\b%s[^ \"]*//' " GRUB " && " BY_GRUB, word);
        break;
    }
}

/* Is there a line with "/NAME.ko" before what follows a file's name in either list? Modules may be
 * compressed. "-" and "_" are the same (modprobe(8)); drivers of GPUs have neither but virtio-gpu.ko.  */
static bool
lists_module (const char *text, const char *module)
{
    char wanted[80];
    size_t len = strlen (module);

    if (len + 6 > sizeof wanted)
        return false;
    (void) snprintf (wanted, sizeof wanted, "/%s.ko", module);
    for (char *p = wanted; *p; p++)
        if (*p == '_')
            *p = '-';
    for (const char *p = strchr (text, '/'); p; p = strchr (p + 1, '/')) {
        size_t i = 0;

        while (wanted[i] && (p[i] == wanted[i] || (p[i] == '_' && wanted[i] == '-')))
            i++;
        if (!wanted[i])
            return true;
    }
    return false;
}

bool
doctor_has_module (const struct doctor_system *system, const char *module, bool *known)
{
    static const char *const lists[] = {"modules.dep", "modules.builtin"};

    *known = false;
    for (size_t i = 0; i < countof (lists); i++) {
        _cleanup_free_ char *text =
            doctor_read_file (system->doctor, NULL, "/lib/modules/%s/%s", system->release, lists[i]);

        *known |= text != NULL;
        if (text && lists_module (text, module))
            return true;
    }
    return false;
}

/* --- packages --- */

static const struct {
    const char *package, *distribution, *name;
} packages[] = {
    /* Debian 13 took Intel's graphics out of firmware-misc-nonfree (firmware-nonfree's changelog, 20241210).
     */
    {"firmware-intel-graphics", "debian 12", "firmware-misc-nonfree"},
    {"firmware-intel-graphics", "debian 11", "firmware-misc-nonfree"},
    {"firmware-intel-graphics", "ubuntu", "linux-firmware"},
    {"firmware-amd-graphics", "ubuntu", "linux-firmware"},
    {"firmware-intel-graphics", "fedora", "intel-gpu-firmware"},
    {"firmware-amd-graphics", "fedora", "amd-gpu-firmware"},
    {"firmware-intel-graphics", "arch", "linux-firmware-intel"},
    {"firmware-amd-graphics", "arch", "linux-firmware-amdgpu"},
    {"linux-image-amd64", "ubuntu", "linux-image-generic"},
};

static const char *
package_name (const struct doctor_system *system, const char *package)
{
    char full[48];

    if (strncmp (package, "firmware-", 9) == 0 && strstr (system->release, "-pve"))
        return "pve-firmware";
    (void) snprintf (full, sizeof full, "%s %s", system->distribution, system->version);
    for (size_t i = 0; i < countof (packages); i++)
        if (strcmp (packages[i].package, package) == 0
            && strncmp (packages[i].distribution, full, strlen (packages[i].distribution)) == 0)
            return packages[i].name;
    return package;
}

void
doctor_next_install (const struct doctor_system *system, const char *package)
{
    const char *name = package_name (system, package);

    if (strcmp (system->distribution, "fedora") == 0)
        doctor_next (system->doctor, "sudo dnf install %s", name);
    else if (strcmp (system->distribution, "arch") == 0)
        doctor_next (system->doctor, "sudo pacman -S %s", name);
    else
        doctor_next (system->doctor, "sudo apt install %s", name);
}
