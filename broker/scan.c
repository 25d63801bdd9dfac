#include "gpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <systemd/sd-device.h>
#include <systemd/sd-hwdb.h>
#include <xf86drm.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

/* More than the table has, so that those beyond it can be counted.  */
enum { DEVICES_MAX = 64 };

static void
copy_text (char *out, size_t size, const char *text)
{
    (void) snprintf (out, size, "%s", text);
}

/* False where the node is not there (any more).  */
static bool
scan_node (struct gpu_node *node, const drmDevice *device, int type)
{
    const char *path = device->nodes[type];
    struct stat st;

    if (!(device->available_nodes & 1 << type) || stat (path, &st) < 0 || !S_ISCHR (st.st_mode))
        return false;
    copy_text (node->name, sizeof node->name, strrchr (path, '/') + 1);
    copy_text (node->path, sizeof node->path, path);
    node->major = major (st.st_rdev);
    node->minor = minor (st.st_rdev);
    node->gid = st.st_gid;
    return true;
}

/* ID_PATH is udev's word. Without it (no udev, or it has not come to this device yet) we say the same for
 * all plain cases, only not for a PCI bus below another bus.  */
static void
scan_bus (struct gpu *gpu, sd_device *device, const char *subsystem, const char *sysname)
{
    char bus[sizeof gpu->bus];
    const char *path;

    if (sd_device_get_property_value (device, "ID_PATH", &path) >= 0 && *path && strlen (path) < sizeof bus
        && !strchr (path, '/'))
        copy_text (bus, sizeof bus, path);
    else if (gpu->pci[0])
        (void) snprintf (bus, sizeof bus, "pci-%s", gpu->pci);
    else
        (void) snprintf (bus, sizeof bus, "%s-%s", subsystem, sysname);
    copy_text (gpu->bus, sizeof gpu->bus, bus);
}

/* vgem and its like have no driver bound: the module made the device and gave it its own name. The node of a
 * virtio GPU is a child of virtio0 or, with newer kernels, of the PCI device above that, whose driver is the
 * transport's.  */
static const char *
driver_of (sd_device *parent, const char *sysname)
{
    const char *subsystem, *driver, *suffix;
    sd_device *child;

    for (child = sd_device_get_child_first (parent, &suffix); child;
         child = sd_device_get_child_next (parent, &suffix))
        if (sd_device_get_subsystem (child, &subsystem) >= 0 && strcmp (subsystem, "virtio") == 0
            && sd_device_get_driver (child, &driver) >= 0)
            return driver;
    return sd_device_get_driver (parent, &driver) >= 0 ? driver : sysname;
}

/* Not that of the node: one that somebody made by mknod, in place of the kernel's, stays when the device goes
 * (drivers/base/devtmpfs.c, dev_mynode).  */
static void
scan_inode (struct gpu_node *node, sd_device *device)
{
    const char *path;
    struct stat st;

    if (sd_device_get_syspath (device, &path) >= 0 && stat (path, &st) == 0)
        node->inode = st.st_ino;
}

/* Modules tell a sum over their source, which is another for every build of another source; those that are
 * part of the kernel change with it.  */
static void
scan_version (struct gpu *gpu)
{
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    char path[80];
    size_t len;

    (void) snprintf (path, sizeof path, "/sys/module/%s/srcversion", gpu->driver);
    if (file_read (path, 4096, &text, &len, &ignored) == 0)
        (void) snprintf (gpu->version, sizeof gpu->version, "%.*s", (int) strcspn (text, "\n"), text);
}

static bool
scan_sysfs (struct gpu *gpu)
{
    __attribute__ ((cleanup (sd_device_unrefp))) sd_device *device = NULL;
    sd_device *parent, *pci;
    const char *subsystem, *sysname, *text;

    if (sd_device_new_from_devnum (&device, 'c', makedev (gpu->render.major, gpu->render.minor)) < 0
        || sd_device_get_parent (device, &parent) < 0 || sd_device_get_subsystem (parent, &subsystem) < 0
        || sd_device_get_sysname (parent, &sysname) < 0)
        return false;
    /* Not libdrm's address, which has 16 bits for a domain that may need more (0x10000 behind Intel's VMD).
     */
    if (gpu->vendor != 0 && sd_device_get_parent_with_subsystem_devtype (device, "pci", NULL, &pci) >= 0
        && sd_device_get_sysname (pci, &text) >= 0)
        copy_text (gpu->pci, sizeof gpu->pci, text);
    copy_text (gpu->driver, sizeof gpu->driver, driver_of (parent, sysname));
    scan_version (gpu);
    scan_inode (&gpu->render, device);
    scan_bus (gpu, device, subsystem, sysname);
    return true;
}

static bool
scan_device (struct gpu *gpu, const drmDevice *device)
{
    *gpu = (struct gpu){.state = GPU_PRESENT};
    if (!scan_node (&gpu->render, device, DRM_NODE_RENDER))
        return false;
    (void) scan_node (&gpu->card, device, DRM_NODE_PRIMARY);
    if (device->bustype == DRM_BUS_PCI) {
        gpu->vendor = device->deviceinfo.pci->vendor_id;
        gpu->device = device->deviceinfo.pci->device_id;
    }
    return scan_sysfs (gpu);
}

static void
name_hardware (struct gpu *gpu, sd_hwdb *hwdb)
{
    char modalias[40];
    const char *text;

    if (gpu->vendor == 0)
        return;
    (void) snprintf (modalias, sizeof modalias, "pci:v%08Xd%08X", gpu->vendor, gpu->device);
    if (sd_hwdb_get (hwdb, modalias, "ID_VENDOR_FROM_DATABASE", &text) >= 0)
        copy_text (gpu->vendor_name, sizeof gpu->vendor_name, text);
    if (sd_hwdb_get (hwdb, modalias, "ID_MODEL_FROM_DATABASE", &text) >= 0)
        copy_text (gpu->model, sizeof gpu->model, text);
}

static int
compare_bus (const void *a, const void *b)
{
    return strcmp (((const struct gpu *) a)->bus, ((const struct gpu *) b)->bus);
}

int
gpus_scan (struct gpus *gpus, const struct config *config, struct error *err)
{
    __attribute__ ((cleanup (sd_hwdb_unrefp))) sd_hwdb *hwdb = NULL;
    drmDevicePtr devices[DEVICES_MAX];
    struct gpu found[DEVICES_MAX];
    size_t n_found = 0;
    /* No flag: the PCI revision is not wanted, and reading it can wake a sleeping GPU.  */
    int n = drmGetDevices2 (0, devices, DEVICES_MAX);

    if (n < 0 && n != -ENOENT)
        return error_set (err, -n, "list the GPUs in /dev/dri");
    for (int i = 0; i < n; i++)
        if (scan_device (&found[n_found], devices[i]))
            n_found++;
    if (n > 0)
        drmFreeDevices (devices, n);
    /* Without a hardware database the GPUs have no model names, no more.  */
    if (n_found > 0 && sd_hwdb_new (&hwdb) >= 0)
        for (size_t i = 0; i < n_found; i++)
            name_hardware (&found[i], hwdb);
    /* libdrm's order is that of the directory; minors change from boot to boot. The bus does not.  */
    qsort (found, n_found, sizeof *found, compare_bus);
    return gpus_update (gpus, config, found, n_found, err);
}
