/* Configurations of Proxmox VE's guests.  */
#include "testing.h"

#include <string.h>

#include "broker/doctor/pve.h"

static struct pve_vm vm;
static struct pve_container container;

static void
a_vm_is_read_and_its_snapshots_are_not (void **state)
{
    (void) state;
    pve_vm_parse (&vm, 100,
                  "# a note: hostpci7: 00:1f.0\n"
                  "name: media\nmachine: q35,viommu=intel\nbios: ovmf\nmemory: 8192\ncores: 4\nsockets: 2\r\n"
                  "vga: type=serial0,memory=16\nserial0: socket\nonboot: 1\naffinity: 0-3\nhugepages: 1024\n"
                  "efidisk0: local-lvm:vm-100-disk-0,size=4M\n"
                  "hostpci0: 0000:00:02.0,pcie=1,x-vga=on,rombar=0,romfile=igd.rom\n"
                  "hostpci1: mapping=arc,legacy-igd=1,mdev=i915-GVTg_V5_4\n"
                  "\n[before-upgrade]\nhostpci0: 0000:01:00.0\nmachine: pc\n");
    assert_string_equal (vm.machine, "q35");
    assert_true (pve_vm_is_q35 (&vm));
    assert_string_equal (vm.bios, "ovmf");
    assert_string_equal (vm.vga, "serial0");
    assert_int_equal (vm.memory, 8192);
    assert_int_equal (vm.cores, 8);
    assert_true (vm.onboot && vm.serial && vm.efidisk && !vm.template);
    assert_int_equal (vm.n_hostpci, 2);
    assert_string_equal (vm.hostpci[0].host, "0000:00:02.0");
    assert_true (vm.hostpci[0].pcie && vm.hostpci[0].x_vga && !vm.hostpci[0].rombar
                 && !vm.hostpci[0].legacy_igd);
    assert_string_equal (vm.hostpci[0].romfile, "igd.rom");
    assert_string_equal (vm.hostpci[1].mapping, "arc");
    assert_string_equal (vm.hostpci[1].mdev, "i915-GVTg_V5_4");
    assert_true (vm.hostpci[1].legacy_igd && vm.hostpci[1].rombar && !vm.hostpci[1].pcie);
    assert_int_equal (vm.hostpci[1].index, 1);
}

static void
a_vm_without_a_word_has_the_defaults (void **state)
{
    (void) state;
    pve_vm_parse (&vm, 7, "");
    assert_int_equal (vm.memory, 512);
    assert_int_equal (vm.cores, 1);
    assert_false (pve_vm_is_q35 (&vm));
    pve_vm_parse (&vm, 7, "machine: pc-q35-8.1\nmemory: current=2048");
    assert_true (pve_vm_is_q35 (&vm));
    assert_int_equal (vm.memory, 2048);
}

static void
assert_names (const char *host, const char *address, bool wanted)
{
    struct pve_hostpci line = {.host = ""};

    (void) snprintf (line.host, sizeof line.host, "%s", host);
    if (pve_hostpci_names (&line, address) != wanted)
        fail_msg ("%s %s", host, address);
}

static void
a_device_is_named_with_or_without_domain_and_function (void **state)
{
    (void) state;
    assert_names ("0000:01:00.0", "0000:01:00.0", true);
    assert_names ("0000:01:00.0", "0000:01:00.1", false);
    assert_names ("01:00.1", "0000:01:00.1", true);
    assert_names ("01:00", "0000:01:00.1", true);
    assert_names ("0000:01:00", "0000:01:00.0", true);
    assert_names ("0000:01:00", "0000:01:0", false);
    assert_names ("01:00", "0001:01:00.0", false);
    assert_names ("10000:01:00", "10000:01:00.0", true);
    assert_names ("0000:0A:00.0", "0000:0a:00.0", true);
    assert_names ("0000:01:00.0;0000:02:00.0", "0000:02:00.0", true);
    assert_names ("0000:01:00.0;0000:02:00.0", "0000:03:00.0", false);
    assert_names ("", "0000:03:00.0", false);
}

static void
a_mapping_leads_where_its_node_says (void **state)
{
    static const char text[] = "igpu\n\tdescription the one in the processor\n"
                               "\tmap id=8086:46d1,iommugroup=0,node=pve1,path=0000:00:02.0\n"
                               "\tmap id=8086:46d1,iommugroup=1,node=pve2,path=0000:00:02.7\n\n"
                               "arc\n\tmap id=8086:56a5,node=pve1,path=0000:03:00.0\n"
                               "\tmap id=8086:56a5,node=pve1,path=0000:04:00\n";
    struct pve_hostpci line = {.mapping = "igpu"};

    (void) state;
    assert_true (pve_mapping_find (&line, text, "pve2"));
    assert_string_equal (line.host, "0000:00:02.7");
    line = (struct pve_hostpci){.mapping = "arc"};
    assert_true (pve_mapping_find (&line, text, "pve1"));
    assert_string_equal (line.host, "0000:03:00.0;0000:04:00");
    line = (struct pve_hostpci){.mapping = "arc"};
    assert_false (pve_mapping_find (&line, text, "pve2"));
    line = (struct pve_hostpci){.mapping = "ig"};
    assert_false (pve_mapping_find (&line, text, "pve1"));
}

static void
an_edited_line_keeps_what_it_is_not_asked_about (void **state)
{
    char text[256];

    (void) state;
    pve_vm_parse (&vm, 1, "hostpci0: 0000:00:02.0,device-id=0x46d1,legacy-igd=1,pcie=0");
    pve_hostpci_edit (&vm.hostpci[0], "legacy-igd,pcie", "pcie=1", text, sizeof text);
    assert_string_equal (text, "0000:00:02.0,device-id=0x46d1,pcie=1");
    pve_hostpci_edit (&vm.hostpci[0], "x-vga", "", text, sizeof text);
    assert_string_equal (text, "0000:00:02.0,device-id=0x46d1,legacy-igd=1,pcie=0");
}

static void
a_container_shows_its_lines_about_gpus (void **state)
{
    (void) state;
    pve_container_parse (
        &container, 101,
        "arch: amd64\nhostname: jellyfin\nunprivileged: 1\n"
        "dev0: /dev/dri/renderD128,gid=104,mode=0660\ndev1: /dev/ttyUSB0\ndev2: path=/dev/dri/card0\n"
        "lxc.cgroup2.devices.allow: c 226:128 rwm\nlxc.cgroup2.devices.allow: c 188:* rwm\n"
        "lxc.cgroup.devices.allow = c 226:* rwm\n"
        "lxc.mount.entry: /dev/dri dev/dri none bind,optional,create=dir\n"
        "lxc.mount.entry: /mnt mnt none bind 0 0\n"
        "lxc.idmap: g 104 104 1\n"
        "lxc.include: /etc/dri-broker/lxc/101.conf\nlxc.include: /usr/share/lxc/config/nesting.conf\n"
        "[snap]\ndev3: /dev/dri/card1\n");
    assert_true (container.unprivileged);
    assert_int_equal (container.n_lines, 7);
    assert_string_equal (container.lines[0].path, "/dev/dri/renderD128");
    assert_true (container.lines[0].has_gid);
    assert_string_equal (container.lines[1].key, "dev2");
    assert_string_equal (container.lines[1].path, "/dev/dri/card0");
    assert_false (container.lines[1].has_gid);
    assert_int_equal (container.lines[2].kind, PVE_ALLOW);
    assert_int_equal (container.lines[2].minor, 128);
    assert_int_equal (container.lines[3].kind, PVE_ALLOW_OLD);
    assert_int_equal (container.lines[3].minor, PVE_ANY_MINOR);
    assert_string_equal (container.lines[4].path, "/dev/dri");
    assert_int_equal (container.lines[5].kind, PVE_IDMAP);
    assert_int_equal (container.lines[6].kind, PVE_BROKER);
    assert_true (pve_container_has_gpu (&container));
    pve_container_parse (&container, 102, "lxc.idmap: u 0 100000 65536");
    assert_false (pve_container_has_gpu (&container));
    assert_false (container.unprivileged);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_vm_is_read_and_its_snapshots_are_not),
        cmocka_unit_test (a_vm_without_a_word_has_the_defaults),
        cmocka_unit_test (a_device_is_named_with_or_without_domain_and_function),
        cmocka_unit_test (a_mapping_leads_where_its_node_says),
        cmocka_unit_test (an_edited_line_keeps_what_it_is_not_asked_about),
        cmocka_unit_test (a_container_shows_its_lines_about_gpus),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
