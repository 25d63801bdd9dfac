/* Firmware of GPUs: its files, the options that turn it off, what the kernel's log says. Whether it runs only
 * the driver tells, see doctor_vaapi.c.
 *
 * Sources: Linux, drivers/gpu/drm/i915/gt/uc/intel_uc_fw.c and drivers/gpu/drm/xe/xe_uc_fw.c for the files'
 * names, intel_uc.c (uc_expand_default_options) for the defaults of enable_guc: HuC is off up to Tiger and
 * Rocket Lake.  */
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../hook/kernel_log.h"
#include "../../oci/cleanup.h"
#include "doctor_guest.h"
#include "doctor_kernels.h"

enum { GUC_LOADS_HUC = 2 };

static const struct uc {
    const char *generation, *folder, *guc,
        *huc;            /* how the files' names begin; guc NULL: not used by default */
    bool huc_off;        /* by default */
    bool low_power_only; /* there is no other way to encode */
} ucs[] = {
    {"Skylake", "i915", NULL, "skl_huc", true, false},
    {"Apollo Lake", "i915", NULL, "bxt_huc", true, false},
    {"Gemini Lake", "i915", NULL, "glk_huc", true, false},
    {"Kaby Lake", "i915", NULL, "kbl_huc", true, false},
    {"Amber Lake", "i915", NULL, "kbl_huc", true, false},
    {"Whiskey Lake", "i915", NULL, "kbl_huc", true, false},
    {"Coffee Lake", "i915", NULL, "kbl_huc", true, false},
    {"Comet Lake", "i915", NULL, "cml_huc", true, false},
    {"Ice Lake", "i915", NULL, "icl_huc", true, false},
    {"Elkhart Lake", "i915", NULL, "ehl_huc", true, true},
    {"Jasper Lake", "i915", NULL, "ehl_huc", true, true},
    {"Tiger Lake", "i915", NULL, "tgl_huc", true, false},
    {"Rocket Lake", "i915", NULL, "tgl_huc", true, false},
    {"DG1", "i915", NULL, "dg1_huc", false, false},
    {"Alder Lake-S", "i915", NULL, "tgl_huc", false, false},
    {"Alder Lake-P", "i915", "adlp_guc", "tgl_huc", false, false},
    {"Alder Lake-N", "i915", "adlp_guc", "tgl_huc", false, false},
    {"Raptor Lake-P", "i915", "adlp_guc", "tgl_huc", false, false},
    {"Raptor Lake-S", "i915", NULL, "tgl_huc", false, false},
    {"Arc (DG2)", "i915", "dg2_guc", "dg2_huc", false, false},
    {"Flex (DG2)", "i915", "dg2_guc", "dg2_huc", false, false},
    {"Meteor Lake", "i915", "mtl_guc", "mtl_huc", false, false},
    {"Arrow Lake", "i915", "mtl_guc", "mtl_huc", false, false},
    {"Lunar Lake", "xe", "lnl_guc", "lnl_huc", false, false},
    {"Battlemage", "xe", "bmg_guc", "bmg_huc", false, false},
    {"Panther Lake", "xe", "ptl_guc", "ptl_huc", false, false},
};

static const struct uc *
uc_of (const struct doctor_pci *pci)
{
    struct kernel_support support;

    kernel_support_find (pci->vendor, pci->device, &support);
    for (size_t i = 0; i < countof (ucs) && support.generation; i++)
        if (strcmp (ucs[i].generation, support.generation) == 0)
            return &ucs[i];
    return NULL;
}

/* --- files --- */

/* They may be compressed, and carry versions in their names.  */
static bool
has_file (const struct guest *guest, const char *folder, const char *start)
{
    static const char *const roots[] = {"/lib/firmware/updates", "/lib/firmware", "/usr/lib/firmware"};

    for (size_t r = 0; r < countof (roots); r++) {
        _cleanup_names_ struct doctor_names names = {0};

        (void) doctor_list_dir (guest->doctor, &names, "%s/%s", roots[r], folder);
        for (size_t i = 0; i < names.n; i++)
            if (strncmp (names.list[i], start, strlen (start)) == 0)
                return true;
    }
    return false;
}

/* Debian keeps it in a component that has to be asked for since Debian 12.  */
static bool
has_nonfree (const struct guest *guest)
{
    _cleanup_free_ char *list = doctor_read_file (guest->doctor, NULL, "/etc/apt/sources.list");
    _cleanup_names_ struct doctor_names names = {0};

    if (strcmp (guest->system.distribution, "debian") != 0 || strstr (guest->system.release, "-pve")
        || (list && strstr (list, "non-free-firmware")))
        return true;
    (void) doctor_list_dir (guest->doctor, &names, "/etc/apt/sources.list.d");
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *text =
            doctor_read_file (guest->doctor, NULL, "/etc/apt/sources.list.d/%s", names.list[i]);

        if (text && strstr (text, "non-free-firmware"))
            return true;
    }
    return false;
}

static void
next_firmware (const struct guest *guest, const struct doctor_pci *pci)
{
    if (!has_nonfree (guest))
        doctor_next (guest->doctor,
                     "sudo sed -i -E '/^(deb|Components:)/s/\\bmain\\b/main non-free-firmware/' "
                     "/etc/apt/sources.list /etc/apt/sources.list.d/*.sources; sudo apt update");
    doctor_next_install (&guest->system,
                         pci->vendor == 0x1002 ? "firmware-amd-graphics" : "firmware-intel-graphics");
    doctor_next (guest->doctor, "sudo reboot");
}

static void
check_files (const struct guest *guest, const struct doctor_pci *pci)
{
    const struct uc *uc = uc_of (pci);
    const char *folder = uc ? uc->folder : "amdgpu";
    const char *const wanted[] = {uc && uc->guc ? uc->guc : "", uc ? uc->huc : ""};
    char there[80] = "", lacks[80] = "";

    for (size_t i = 0; i < countof (wanted); i++) {
        bool has = has_file (guest, folder, wanted[i]);
        char *list = has ? there : lacks;
        size_t len = strlen (list);

        /* Of amdgpu's, which are many, any is a sign of the package.  */
        if (wanted[i][0] || (!uc && i == 0))
            (void) snprintf (list + len, sizeof there - len, "%s%s/%s*", len > 0 ? " and " : "", folder,
                             wanted[i]);
    }
    if (lacks[0]) {
        doctor_bad (guest->doctor, "firmware.files", "%s: /lib/firmware has no %s%s", pci->address, lacks,
                    uc && strstr (lacks, uc->huc) ? "; without HuC, low-power encode has only CQP" : "");
        next_firmware (guest, pci);
    } else {
        doctor_good (guest->doctor, "firmware.files", "%s: its firmware is installed, %s", pci->address,
                     there);
    }
}

/* --- options --- */

/* The last "options i915 … enable_guc=N" of modprobe.d, and the command line, which comes after it. -1: none.
 */
static long
option_in (const char *text)
{
    static const char key[] = "enable_guc=";
    long value = -1;

    for (const char *line = text; line; line = strchr (line, '\n')) {
        const char *found, *end;

        line += *line == '\n';
        end = line + strcspn (line, "\n");
        if (strncmp (line + strspn (line, " \t"), "options i915", 12) != 0)
            continue;
        found = strstr (line, key);
        if (found && found < end)
            value = strtol (found + strlen (key), NULL, 10);
    }
    return value;
}

static long
read_option (const struct guest *guest, char *source, size_t size)
{
    _cleanup_names_ struct doctor_names names = {0};
    const char *word;
    long value = -1;
    size_t len;

    (void) doctor_list_dir (guest->doctor, &names, "/etc/modprobe.d");
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *text =
            fnmatch ("*.conf", names.list[i], 0) == 0
                ? doctor_read_file (guest->doctor, NULL, "/etc/modprobe.d/%s", names.list[i])
                : NULL;
        long one = text ? option_in (text) : -1;

        if (one >= 0) {
            value = one;
            (void) snprintf (source, size, "/etc/modprobe.d/%s", names.list[i]);
        }
    }
    word = boot_line_value (guest->system.boot_line, "i915.enable_guc", &len);
    if (word && len > 0) {
        value = strtol (word, NULL, 10);
        (void) snprintf (source, size, "the kernel's command line");
    }
    return value;
}

static void
next_without_option (const struct guest *guest, const char *source)
{
    if (source[0] == '/')
        doctor_next (guest->doctor,
                     "sudo sed -i 's/ *enable_guc=[0-9-]*//' %s && sudo update-initramfs -u && sudo reboot",
                     source);
    else
        doctor_next_boot_remove (&guest->system, "i915.enable_guc");
}

static void
check_option (const struct guest *guest, const struct doctor_pci *pci)
{
    const struct uc *uc = uc_of (pci);
    char source[300] = "";
    long value;

    if (!uc || strcmp (pci->driver, "i915") != 0 || guest->kind == GUEST_LXC)
        return;
    value = read_option (guest, source, sizeof source);
    if (value >= 0 && !(value & GUC_LOADS_HUC)) {
        doctor_bad (guest->doctor, "firmware.option",
                    "%s: enable_guc=%ld in %s turns HuC off: low-power encode has only CQP", pci->address,
                    value, source);
        next_without_option (guest, source);
    } else if (value >= 0 && !uc->huc_off) {
        doctor_none (guest->doctor, "firmware.option",
                     "%s: enable_guc=%ld in %s is not needed: HuC is on by default on %s", pci->address,
                     value, source, uc->generation);
    } else if (value < 0 && uc->huc_off) {
        if (uc->low_power_only)
            doctor_bad (guest->doctor, "firmware.option",
                        "%s: HuC is off by default on %s, which has low-power encode only, and without HuC "
                        "no rate control but CQP",
                        pci->address, uc->generation);
        else
            doctor_none (guest->doctor, "firmware.option",
                         "%s: HuC is off by default on %s; only low-power encode with a bit rate needs it",
                         pci->address, uc->generation);
        doctor_next (guest->doctor, "echo 'options i915 enable_guc=2' | sudo tee /etc/modprobe.d/i915.conf "
                                    "&& sudo update-initramfs -u && sudo reboot");
    }
}

/* --- the kernel's log --- */

/* Of a copied tree: the last line of these that kernel_log_take() has something to say about.  */
static bool
find_in_files (const struct guest *guest, const char *address, bool *readable, char line[KERNEL_LINE_MAX])
{
    static const char *const files[] = {"/var/log/dmesg", "/var/log/kern.log"};
    bool found = false;

    *readable = false;
    for (size_t i = 0; i < countof (files); i++) {
        _cleanup_free_ char *text = doctor_read_file (guest->doctor, NULL, "%s", files[i]);
        char *save = NULL, record[1024];

        *readable |= text != NULL;
        for (const char *p = text ? strtok_r (text, "\n", &save) : NULL; p;
             p = strtok_r (NULL, "\n", &save)) {
            const char *stamp = *p == '[' ? strstr (p, "] ") : NULL;
            int n = snprintf (record, sizeof record, "6,0,0,-;%s", stamp ? stamp + 2 : p);

            if (n > 0 && n < (int) sizeof record)
                found |= kernel_log_take (record, (size_t) n, address, line);
        }
    }
    return found;
}

static bool
find_in_log (const struct guest *guest, const char *address, bool *readable, char line[KERNEL_LINE_MAX])
{
    _cleanup_close_ int fd = -1;

    if (!guest->doctor->live)
        return find_in_files (guest, address, readable, line);
    fd = open ("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    *readable = fd >= 0;
    return fd >= 0 && kernel_log_last (fd, address, line);
}

static void
check_log (const struct guest *guest, const struct doctor_pci *pci)
{
    char line[KERNEL_LINE_MAX];
    bool readable;

    if (find_in_log (guest, pci->address, &readable, line)) {
        doctor_bad (guest->doctor, "firmware.log", "%s: the kernel's log says \"%s\"", pci->address, line);
        if (strcasestr (line, "firmware") && strstr (line, "-2"))
            next_firmware (guest, pci);
        else
            doctor_next (guest->doctor, "sudo journalctl -k -b | grep %s", pci->address);
    } else if (readable) {
        doctor_good (guest->doctor, "firmware.log", "%s: the kernel's log has no complaint about it",
                     pci->address);
    } else if (guest->doctor->live) {
        doctor_none (guest->doctor, "firmware.log", "%s: the kernel's log cannot be read%s", pci->address,
                     guest->kind == GUEST_LXC ? " in here: it is the host's" : "");
        doctor_next (guest->doctor,
                     guest->kind == GUEST_LXC ? "dmesg | grep %s  # on the host" : "sudo dmesg | grep %s",
                     pci->address);
    } else {
        doctor_none (guest->doctor, "firmware.log",
                     "%s: the tree has no /var/log/dmesg (dmesg >DIR/var/log/dmesg)", pci->address);
    }
}

static bool
needs_firmware (const char *driver)
{
    return strcmp (driver, "i915") == 0 || strcmp (driver, "xe") == 0 || strcmp (driver, "amdgpu") == 0;
}

void
doctor_firmware (const struct guest *guest)
{
    doctor_area (guest->doctor, "Firmware");
    for (size_t i = 0; i < guest->n_gpus; i++) {
        const struct doctor_pci *pci = &guest->gpus[i];

        if (!needs_firmware (pci->driver))
            continue;
        if (guest->kind == GUEST_LXC)
            doctor_none (guest->doctor, "firmware.files",
                         "%s: its firmware is the host's to load (drictl doctor there)", pci->address);
        else if (uc_of (pci) || strcmp (pci->driver, "amdgpu") == 0)
            check_files (guest, pci);
        check_option (guest, pci);
        check_log (guest, pci);
    }
}
