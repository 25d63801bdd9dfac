/* The IOMMU groups of a machine, with what is in them.
 *
 * Sources: Documentation/ABI/testing/sysfs-kernel-iommu_groups; hwdb(7) for the names, of this machine also
 * where the tree is another's.  */
#include <getopt.h> /* optind */
#include <libudev.h>
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../doctor/doctor_host.h"
#include "drictl.h"
#include "print.h"
#include "tree_options.h"

/* "Intel Corporation Alder Lake-N [UHD Graphics]"; where the model is not known "Intel Corporation VGA
 * compatible controller", and without a database what pci_title() has.  */
static void
name_device (struct udev_hwdb *hwdb, const struct doctor_pci *pci, char *name, size_t size)
{
    struct udev_list_entry *known, *vendor, *model;
    char modalias[80];

    (void) snprintf (modalias, sizeof modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", pci->vendor,
                     pci->device, pci->subsystem_vendor, pci->subsystem_device, pci->class >> 16,
                     pci->class >> 8 & 0xff, pci->class & 0xff);
    known = hwdb ? udev_hwdb_get_properties_list_entry (hwdb, modalias, 0) : NULL;
    vendor = udev_list_entry_get_by_name (known, "ID_VENDOR_FROM_DATABASE");
    model = udev_list_entry_get_by_name (known, "ID_MODEL_FROM_DATABASE");
    if (!model)
        model = udev_list_entry_get_by_name (known, "ID_PCI_SUBCLASS_FROM_DATABASE");
    if (vendor && model)
        (void) snprintf (name, size, "%s %s [%04x:%04x]", udev_list_entry_get_value (vendor),
                         udev_list_entry_get_value (model), pci->vendor, pci->device);
    else
        pci_title (pci, name, size);
}

static json_t *
device_json (struct udev_hwdb *hwdb, const struct doctor_pci *pci)
{
    char name[256], class[8], vendor[8], device[8];
    json_t *json;

    name_device (hwdb, pci, name, sizeof name);
    (void) snprintf (class, sizeof class, "%06x", pci->class & 0xffffff);
    (void) snprintf (vendor, sizeof vendor, "%04x", pci->vendor);
    (void) snprintf (device, sizeof device, "%04x", pci->device);
    json = json_pack ("{s:s s:s s:s s:s s:s s:b}", "pci", pci->address, "name", name, "class", class,
                      "vendor", vendor, "device", device, "gpu", pci_is_display (pci));
    (void) json_object_set_new (json, "driver", pci->driver[0] ? json_string (pci->driver) : json_null ());
    return json;
}

/* Of one group, or with "" of those that are in none.  */
static json_t *
devices_json (struct udev_hwdb *hwdb, const struct doctor_pci *list, size_t n, const char *group)
{
    json_t *devices = json_array ();

    for (size_t i = 0; i < n; i++)
        if (strcmp (list[i].group, group) == 0)
            (void) json_array_append_new (devices, device_json (hwdb, &list[i]));
    return devices;
}

/* {"groups": [{"group": "0", "type": "DMA-FQ"|null, "devices": […]}, …], "ungrouped": […]}  */
static json_t *
list_json (const struct doctor *doctor, const struct doctor_pci *list, size_t n)
{
    /* Without a database there are numbers for names, no more. It is libudev's: libsystemd brings five
     * libraries more along, which would take a millisecond of every drictl.  */
    struct udev_hwdb *hwdb = udev_hwdb_new (NULL);
    _cleanup_names_ struct doctor_names names = {0};
    json_t *groups = json_array (), *ungrouped;

    (void) doctor_list_dir (doctor, &names, "/sys/kernel/iommu_groups");
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *type =
            doctor_read_file (doctor, NULL, "/sys/kernel/iommu_groups/%s/type", names.list[i]);
        json_t *devices = devices_json (hwdb, list, n, names.list[i]);

        /* Of something else than PCI devices.  */
        if (json_array_size (devices) == 0)
            json_decref (devices);
        else
            (void) json_array_append_new (groups, json_pack ("{s:s s:s? s:o}", "group", names.list[i], "type",
                                                             type, "devices", devices));
    }
    ungrouped = devices_json (hwdb, list, n, "");
    (void) udev_hwdb_unref (hwdb);
    return json_pack ("{s:o s:o}", "groups", groups, "ungrouped", ungrouped);
}

static void
add_rows (struct libscols_table *table, const char *group, const json_t *devices)
{
    const json_t *device;
    size_t i;

    json_array_foreach (devices, i, device) {
        struct libscols_line *row = table_row (table);
        const char *driver = json_string_value (json_object_get (device, "driver"));

        table_cell (row, 0, "%s", i == 0 ? group : "");
        table_cell (row, 1, "%s", json_string_value (json_object_get (device, "pci")));
        table_cell (row, 2, "%s", json_is_true (json_object_get (device, "gpu")) ? "GPU" : "");
        table_cell (row, 3, "%s", driver ? driver : "-");
        table_cell (row, 4, "%s", json_string_value (json_object_get (device, "name")));
    }
}

static void
print_table (const json_t *list)
{
    static const char *const titles[] = {"GROUP", "DEVICE", "", "DRIVER", "NAME", NULL};
    struct libscols_table *table = table_create (stdout, titles);
    const json_t *group;
    size_t i;

    json_array_foreach (json_object_get (list, "groups"), i, group)
        add_rows (table, json_string_value (json_object_get (group, "group")),
                  json_object_get (group, "devices"));
    add_rows (table, "none", json_object_get (list, "ungrouped"));
    table_print (table);
}

int
run_iommu (const struct verb *verb, int argc, char **argv)
{
    static struct doctor_pci devices[DOCTOR_PCI_MAX]; /* large */
    _cleanup_json_ json_t *list = NULL;
    struct tree_options options;
    struct error err = {0};
    struct doctor doctor;
    bool any;
    int code = tree_options_read (verb, argc, argv, false, &options);

    if (code == EXIT_GOOD)
        code = check_arguments (verb, argc - optind, 0);
    if (code != EXIT_GOOD)
        return code;
    if (doctor_init (&doctor, options.root, &err) < 0)
        return fail (EXIT_BAD, &err);
    list = list_json (&doctor, devices, doctor_pci_list (&doctor, devices));
    doctor_finish (&doctor);
    any = json_array_size (json_object_get (list, "groups")) > 0;
    if (options.json)
        print_json (list);
    else
        print_table (list);
    if (!any)
        print_line (stderr,
                    "drictl: no PCI device is in an IOMMU group: there is no IOMMU, or it is off. `drictl "
                    "doctor --host` tells why.");
    return any ? EXIT_GOOD : EXIT_BAD;
}
