#!/usr/bin/env bats
# doctor_host.bats - drictl doctor --host and drictl iommu, on trees of hosts: each check
# where all is well, and where it is not.

load lib/common
load lib/trees

GPU=/sys/devices/pci0000:00
IGPU=0000:00:02.0 ARC=0000:03:00.0
VM=/etc/pve/nodes/pve/qemu-server LXC=/etc/pve/nodes/pve/lxc

bats_require_minimum_version 1.5.0

setup_file ()
{
	local tree
	for tree in pve pve-shared-group pve-two-cards pve-legacy-igd pve-iommu-off pve-virqfd; do
		build_tree $tree "$BATS_FILE_TMPDIR/$tree"
	done
}

setup ()
{
	TREE=$BATS_TEST_TMPDIR/tree
	cp -a "$BATS_FILE_TMPDIR/pve" "$TREE"
}

# other NAME: the tree of this manifest, not pve
other () { rm -r "$TREE" && cp -a "$BATS_FILE_TMPDIR/$1" "$TREE"; }

# put PATH [LINE]...: a file of these lines
put ()
{
	mkdir -p "$TREE${1%/*}"
	printf '%s\n' "${@:2}" >"$TREE$1"
}

# kernel RELEASE
kernel () { put /proc/sys/kernel/osrelease "$1"; }

# boot WORDS: systemd-boot's line with these
boot () { put /proc/cmdline "initrd=\\EFI\\proxmox\\x\\initrd.img-x root=ZFS=rpool $*"; }

# vm [LINE]...: VM 100 with the Arc card, and these lines; a hostpci0 of theirs counts
vm ()
{
	local line lines=(name:\ media memory:\ 8192 cores:\ 4)
	[[ $* == *machine:* ]] || lines+=('machine: q35')
	[[ $* == *hostpci0:* ]] || lines+=("hostpci0: $ARC,pcie=1")
	put "$VM/100.conf" "${lines[@]}" "$@"
}

# runs VMID
runs () { put "/run/qemu-server/$1.pid" 4242 && mkdir -p "$TREE/proc/4242"; }

# taken ADDRESS...: by vfio-pci
taken ()
{
	local address
	mkdir -p "$TREE/sys/bus/pci/drivers/vfio-pci"
	for address; do tree_link "$TREE" "$GPU/$address/driver" ../../../bus/pci/drivers/vfio-pci; done
}

look () { run --separate-stderr "$BUILD/drictl" doctor --host --root "$TREE" --json; }

# finds ID OUTCOME [TEXT]...: looks; a finding of this id and outcome has all of the texts
finds ()
{
	look
	[[ $2 != bad ]] || ((status == 1)) || fail "exit status $status" || return
	jq -e --arg id "$1" --arg outcome "$2" --args '
		$ARGS.positional as $texts | any(.findings[];
			.id == $id and .outcome == $outcome and
			(.finding as $finding | $texts | all(. as $text | $finding | contains($text))))' \
		"${@:3}" <<<"$output" >/dev/null ||
		fail "no finding $1 $2 $*" "$(jq -r '.findings[] | [.id, .outcome, .finding] | join(" ")' <<<"$output")"
}

# says LINE: the last look told this next step
says ()
{
	jq -e --arg line "$1" 'any(.findings[].next[]; . == $line)' <<<"$output" >/dev/null ||
		fail "no next step: $1" "$(jq -r '.findings[].next[]' <<<"$output")"
}

# silent ID [OUTCOME]: looks; nothing is said of this
silent ()
{
	look
	jq -e --arg id "$1" --arg outcome "${2:-}" \
		'any(.findings[]; .id == $id and ($outcome == "" or .outcome == $outcome)) | not' <<<"$output" >/dev/null ||
		fail "there is a finding $*" "$(jq -r '.findings[].finding' <<<"$output")"
}

# To a file and its place on the command line.
added () { echo "sed -i '1s/\$/ $1/' /etc/kernel/cmdline && proxmox-boot-tool refresh && reboot"; }
removed () { echo "sed -i 's/ *\\b$1[^ \"]*//' /etc/kernel/cmdline && proxmox-boot-tool refresh && reboot"; }

# --- all of it ---

@test "on a host where all is well everything is found good, and each check was made" {
	local id
	look
	assert_success
	assert_json "$output" '.bad == 0 and .none == 0 and .good == (.findings | length)'
	for id in iommu iommu-mode group acs owner virqfd framebuffer display bar vm-pcie vm-vga hugepages \
		affinity lxc-device; do
		assert_json "$output" 'any(.findings[]; .id == $id)' --arg id "host.$id"
	done
}

@test "each bad finding has a next step, on every tree" {
	local tree
	for tree in pve-shared-group pve-two-cards pve-legacy-igd pve-iommu-off pve-virqfd; do
		other $tree
		look
		assert_failure 1
		assert_json "$output" '.bad > 0'
		assert_json "$output" 'all(.findings[]; .outcome != "bad" or (.next | length) > 0)'
	done
}

@test "a machine that is no host of VMs: nothing is judged that is not there, and nothing crashes" {
	rm -r "$TREE" && mkdir "$TREE"
	finds host.vms none 'no Proxmox VE'
	assert_json "$output" '[.findings[] | select(.outcome == "bad") | .id] == ["host.owner"]'
}

@test "what a tree links to outside of itself is not read" {
	put /outside 'options vfio-pci ids=8086:56a5'
	mv "$TREE/outside" "$BATS_TEST_TMPDIR/outside"
	mkdir -p "$TREE/etc/modprobe.d"
	ln -s "$BATS_TEST_TMPDIR/outside" "$TREE/etc/modprobe.d/vfio.conf"
	silent host.ids
	mkfifo "$TREE/etc/modprobe.d/pipe.conf"
	look
	assert_success
}

# --- IOMMU ---

@test "IOMMU: on, by what sysfs shows" {
	finds host.iommu good '2 of them (dmar0' '7 groups'
}

@test "IOMMU: off in the firmware, where no word on the command line helps" {
	other pve-iommu-off
	finds host.iommu bad 'off in the firmware' 'no DMAR table' 'no word on the kernel command line'
	says 'systemctl reboot --firmware-setup  # turn on "VT-d"'
	rm -r "$TREE/sys/firmware/efi"
	look
	says 'reboot  # turn on "VT-d"'
}

@test "IOMMU: intel_iommu=on is for kernels before Proxmox VE's 6.8" {
	other pve-iommu-off
	put /sys/firmware/acpi/tables/DMAR
	kernel 6.5.13-6-pve
	finds host.iommu bad 'kernel 6.5.13-6-pve wants to be told'
	says "$(added intel_iommu=on)"
	kernel 6.12.48+deb13-amd64
	finds host.iommu bad 'wants to be told'
	kernel 6.8.12-4-pve
	finds host.iommu bad 'turn it on by themselves'
	says 'journalctl -k -g DMAR  # says why'
}

@test "IOMMU: GRUB's file is another, and with proxmox-boot-tool so is the command" {
	other pve-iommu-off
	put /sys/firmware/acpi/tables/DMAR
	kernel 6.5.13-6-pve
	put /proc/cmdline 'BOOT_IMAGE=/boot/vmlinuz-6.5.13-6-pve root=/dev/mapper/pve-root ro quiet'
	look
	says "sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT=\"/&intel_iommu=on /' /etc/default/grub && proxmox-boot-tool refresh && reboot"
	rm "$TREE/etc/kernel/proxmox-boot-uuids"
	look
	says "sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT=\"/&intel_iommu=on /' /etc/default/grub && update-grub && reboot"
}

@test "IOMMU: turned off by a word" {
	other pve-iommu-off
	put /sys/firmware/acpi/tables/DMAR
	boot intel_iommu=off
	finds host.iommu bad 'intel_iommu=off is on the kernel command line'
	says "$(removed intel_iommu=off)"
	boot iommu=off
	finds host.iommu bad ' iommu=off is on'
}

@test "IOMMU: AMD's has a table of another name, and needs no word" {
	other pve-iommu-off
	put /proc/cpuinfo 'vendor_id	: AuthenticAMD'
	finds host.iommu bad 'no IVRS table'
	put /sys/firmware/acpi/tables/IVRS
	finds host.iommu bad 'the firmware has it (IVRS table)'
	boot amd_iommu=on
	finds host.iommu-words none 'amd_iommu=on' 'means nothing'
	boot intel_iommu=on
	finds host.iommu-words none "AMD's: it does nothing"
}

@test "IOMMU: off does not matter to a host that gives VMs nothing" {
	other pve-iommu-off
	rm "$TREE$VM/100.conf"
	finds host.iommu none 'matters to virtual machines only'
}

@test "IOMMU: a word that is the default by now is said to be" {
	boot intel_iommu=on
	finds host.iommu-words none 'since Linux 6.8' 'the default'
	kernel 6.5.13-6-pve
	silent host.iommu-words
}

@test "IOMMU: iommu=pt is told apart from what it is taken for" {
	finds host.iommu-mode good 'not needed to give one to a VM'
	boot iommu=pt
	finds host.iommu-mode good 'the host keeps are not translated'
}

@test "IOMMU: a GPU in no group was left out by a word, or by the kernel's default" {
	rm "$TREE$GPU/$IGPU/iommu_group"
	kernel 6.12.48+deb13-amd64
	finds host.iommu-gpu bad "$IGPU" "Debian's do"
	says "$(added intel_iommu=on)"
	boot intel_iommu=on,igfx_off
	finds host.iommu-gpu bad 'a word of intel_iommu='
	says "$(removed intel_iommu=)"
}

@test "groups: bridges and the card's own sound do not count, a disk does" {
	finds host.group good "$ARC" 'alone'
	tree_pci "$TREE" 0000:01:00.0 '060400 8086:4fa1 pcieport 15'
	tree_pci "$TREE" 0000:03:00.1 '040300 8086:4f90 snd_hda_intel 15'
	finds host.group good "$ARC" 'other functions of the same card only'
	tree_pci "$TREE" 0000:05:00.0 '010802 144d:a80a nvme 15'
	finds host.group bad "$ARC" '0000:05:00.0 [144d:a80a] of nvme'
	assert_json "$output" 'all(.findings[].finding; contains("0000:01:00.0") | not)'
}

@test "groups: sharing one does not matter to a host that gives VMs nothing" {
	other pve-shared-group
	finds host.group bad '0000:05:00.0' 'takes the whole group'
	rm "$TREE$VM/100.conf"
	finds host.group none '0000:05:00.0'
}

@test "groups: an ACS override makes them untrue" {
	finds host.acs good
	boot pcie_acs_override=downstream,multifunction
	finds host.acs bad 'pcie_acs_override=downstream,multifunction' "may still reach each other's memory"
	says "$(removed pcie_acs_override=)"
	kernel 6.12.48+deb13-amd64
	finds host.acs bad 'which this kernel does not know'
}

@test "unsafe interrupts are told of" {
	put /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts N
	silent host.interrupts
	put /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts Y
	finds host.interrupts bad 'any interrupt'
}

# --- who has it ---

@test "owner: Proxmox VE takes a GPU when its VM starts, so i915 may have it before" {
	finds host.owner good "$ARC" 'driver i915 has it until VM 100 starts' 'neither ids= nor a blacklist'
	finds host.owner good "$IGPU" 'for the host and its containers'
	taken $ARC
	finds host.owner good "$ARC" 'vfio-pci has it, for VM 100'
}

@test "owner: a VM that runs without its GPU" {
	runs 100
	finds host.owner bad "$ARC" 'VM 100 runs, and driver i915 has it'
	rm "$TREE/run/qemu-server/100.pid"
	put "$VM/105.conf" "hostpci0: $ARC,pcie=1" 'machine: q35'
	runs 105
	finds host.owner bad 'VM 105 runs'
	taken $ARC
	finds host.owner good "$ARC" 'vfio-pci has it'
}

@test "owner: a pid file without its process is no VM that runs" {
	put /run/qemu-server/100.pid 4242
	silent host.owner bad
}

@test "owner: vfio-pci has a GPU for nobody" {
	taken $IGPU
	finds host.owner bad "$IGPU" 'serves nobody'
	says "cd /sys/bus/pci/devices/$IGPU && echo >driver_override && echo $IGPU >driver/unbind && echo $IGPU >/sys/bus/pci/drivers_probe"
	put /etc/modprobe.d/vfio.conf 'options vfio-pci ids=8086:4692'
	touch "$TREE/boot/initrd.img-6.8.12-4-pve"
	look
	says "sed -i 's/8086:4692[^, ]*,\\?//I' /etc/modprobe.d/vfio.conf && update-initramfs -u -k all && reboot"
}

@test "owner: no driver, no GPU, a share of one, a virtual function" {
	rm "$TREE$GPU/$IGPU/driver"
	finds host.owner bad "$IGPU" 'no driver'
	ln -s "../$ARC" "$TREE$GPU/$IGPU/physfn"
	finds host.owner good "$IGPU" 'virtual function'
	vm "hostpci0: $ARC,mdev=i915-GVTg_V5_4,pcie=1"
	runs 100
	finds host.owner good "$ARC" 'a share of it'
	rm "$TREE/sys/bus/pci/devices/$IGPU" "$TREE/sys/bus/pci/devices/$ARC"
	finds host.owner bad 'no GPU on the PCI bus'
}

@test "ids: two cards of one kind, one of which is meant" {
	other pve-two-cards
	finds host.ids bad 'ids=8086:56a5 of /etc/modprobe.d/vfio.conf' "$ARC, 0000:07:00.0" 'no VM is given 0000:07:00.0'
	says "apt install driverctl && driverctl set-override $ARC vfio-pci  # by its address, and only where it must be taken before the VM starts"
	finds host.owner bad '0000:07:00.0' 'serves nobody'
	put "$VM/103.conf" 'hostpci0: 07:00,pcie=1' 'machine: q35'
	finds host.ids good 'takes 0000:03:00.0, 0000:07:00.0, and nothing else'
}

@test "ids: a subsystem narrows them, and the command line has them as well" {
	other pve-two-cards
	put "$GPU/$ARC/subsystem_vendor" 0x1849
	put "$GPU/$ARC/subsystem_device" 0x6006
	put /etc/modprobe.d/vfio.conf 'options vfio-pci ids=8086:56a5:1849:6006'
	finds host.ids good 'takes 0000:03:00.0, and nothing else'
	rm "$TREE/etc/modprobe.d/vfio.conf"
	boot vfio-pci.ids=8086:56a5
	finds host.ids bad 'of the kernel command line'
	says "$(removed vfio-pci.ids=)"
}

@test "ids: of a device that is gone" {
	boot vfio-pci.ids=10de:1c82
	finds host.ids bad 'ids=10de:1c82' 'no such device'
	rm "$TREE/etc/pve/nodes/pve/qemu-server/100.conf"
	boot
	silent host.ids
}

@test "order: i915 was there before vfio-pci, for want of a softdep or of a new initramfs" {
	put /etc/modprobe.d/vfio.conf 'options vfio-pci ids=8086:56a5'
	finds host.order bad "$ARC" 'i915 was there first'
	says "echo 'softdep i915 pre: vfio-pci' >>/etc/modprobe.d/vfio.conf"
	put /etc/modprobe.d/vfio.conf 'options vfio-pci ids=8086:56a5' 'softdep i915 pre: vfio-pci'
	finds host.order bad 'the initramfs does not know it'
	says 'update-initramfs -u -k all && reboot'
	taken $ARC
	silent host.order
}

@test "initramfs: older than what modprobe.d says" {
	put /etc/modprobe.d/vfio.conf 'options vfio-pci ids=8086:56a5'
	taken $ARC
	touch -d '2026-01-02' "$TREE/etc/modprobe.d/vfio.conf"
	touch -d '2026-01-01' "$TREE/boot/initrd.img-6.8.12-4-pve"
	finds host.initramfs bad '/etc/modprobe.d/vfio.conf was changed after'
	says 'update-initramfs -u -k all && reboot'
	touch -d '2026-01-03' "$TREE/boot/initrd.img-6.8.12-4-pve"
	finds host.initramfs good 'newer than /etc/modprobe.d/vfio.conf'
	rm "$TREE/boot/initrd.img-6.8.12-4-pve"
	finds host.initramfs none 'no /boot/initrd.img-6.8.12-4-pve'
}

@test "blacklist: not needed; wrong where a GPU is left without its driver" {
	put /etc/modprobe.d/blacklist.conf 'blacklist i915'
	touch -d '2026-01-01' "$TREE/etc/modprobe.d/blacklist.conf"
	finds host.blacklist none 'i915 is blacklisted by /etc/modprobe.d/blacklist.conf, which is not needed'
	rm "$TREE$GPU/$IGPU/driver"
	finds host.blacklist bad "GPU $IGPU has no driver"
	says "sed -i '/^blacklist *i915/d' /etc/modprobe.d/blacklist.conf && update-initramfs -u -k all && reboot"
	rm "$TREE/etc/modprobe.d/blacklist.conf"
	boot modprobe.blacklist=i915
	finds host.blacklist bad 'the kernel command line'
	says "$(removed modprobe.blacklist=)"
	boot
	silent host.blacklist
}

@test "virqfd: leftovers, in each place; none before 6.2" {
	other pve-virqfd
	finds host.virqfd bad '/etc/modules names vfio_virqfd' 'part of vfio since Linux 6.2'
	says "sed -i '/^ *vfio.virqfd/d' /etc/modules && update-initramfs -u -k all"
	# modules-load.d has a link to it
	assert_json "$output" '[.findings[] | select(.id == "host.virqfd")] | length == 1'
	kernel 5.15.158-2-pve
	silent host.virqfd
	kernel 6.8.12-4-pve
	put /etc/modules '# vfio_virqfd'
	put /etc/modules-load.d/vfio.conf vfio-virqfd
	finds host.virqfd bad '/etc/modules-load.d/vfio.conf'
	assert_json "$output" '[.findings[] | select(.id == "host.virqfd")] | length == 1'
	rm "$TREE/etc/modules-load.d/vfio.conf"
	finds host.virqfd good
}

# --- screens ---

@test "framebuffer: the boot screen holds a VM's GPU; that of the host's may" {
	local iomem
	iomem=$(<"$TREE/proc/iomem")
	put /proc/iomem "$iomem" '      4200000000-42007fffff : BOOTFB' '        4200000000-42007fffff : simpledrm'
	finds host.framebuffer bad "$ARC" '(BOOTFB)'
	says "$(added initcall_blacklist=sysfb_init)"
	put /proc/iomem '00000000-00000000 : PCI Bus' "  00000000-00000000 : $IGPU" '    00000000-00000000 : BOOTFB' \
		"  00000000-00000000 : $ARC"
	finds host.framebuffer good
	put /proc/iomem "  00000000-00000000 : $ARC" "  00000000-00000000 : $IGPU" '    00000000-00000000 : BOOTFB'
	finds host.framebuffer good
	rm "$TREE/proc/iomem"
	finds host.framebuffer none
}

@test "framebuffer: video=efifb:off does nothing since 5.15" {
	boot video=efifb:off,vesafb:off
	finds host.video bad 'since Linux 5.15'
	says "$(removed video=)"
	kernel 5.13.19-6-pve
	finds host.video good 'works on this kernel'
	boot
	silent host.video
}

@test "display: the last one goes to a VM" {
	finds host.display good 'another display stays'
	vm "hostpci0: $ARC,pcie=1" "hostpci1: $IGPU,pcie=1"
	finds host.display none "$IGPU is the only display" 'VM 100'
	says "$(added 'console=tty0 console=ttyS0,115200')"
	boot console=ttyS0,115200
	finds host.display good 'serial console'
	tree_pci "$TREE" 0000:06:00.0 '030000 1a03:2000 ast 19'
	finds host.display good 'another display stays'
}

@test "BARs: a card that could show more of its memory" {
	finds host.bar good "$ARC" '8192 MiB'
	put "$GPU/$ARC/resource" '0x0 0x0 0x0' '0x0 0x0 0x0' '0x0000004200000000 0x000000420fffffff 0x000000000014220c'
	finds host.bar bad 'shows 256 MiB' 'could show 8192' 'Resizable BAR is off'
	says 'systemctl reboot --firmware-setup  # turn on "Above 4G Decoding" and "Resizable BAR", and CSM off'
	put "$GPU/$ARC/resource" '0x0 0x0 0x0' '0x0 0x0 0x0' '0x00000000a0000000 0x00000000afffffff 0x000000000014220c'
	finds host.bar bad 'Above 4G Decoding is off'
	rm "$TREE$GPU/$ARC/resource2_resize"
	finds host.bar none 'cannot be resized'
}

# --- virtual machines ---

@test "VM: legacy-igd on q35, and what it is not" {
	other pve-legacy-igd
	finds host.vm-legacy-igd bad 'VM 102' 'for i440fx, and this VM is q35' 'needs neither it nor x-vga'
	says "qm set 102 -hostpci0 '$IGPU,pcie=1'"
	finds host.vm-vga none 'VM 102 has no console'
}

@test "VM: a line with quotes is read as well, and gets into no command" {
	vm "hostpci0: $ARC,mdev='\$(reboot)'"
	finds host.vm-pcie bad 'hostpci0 lacks pcie=1'
	says '# no command here: a name that it needs has characters that a shell could act on'
}

@test "VM: legacy-igd has conditions on i440fx, too, and nothing to do with GVT-g" {
	vm 'machine: pc-i440fx-8.1' "hostpci0: $IGPU,legacy-igd=1"
	finds host.vm-legacy-igd bad 'wants "vga: none"'
	says "qm set 100 -hostpci0 '$IGPU'"
	vm 'machine: pc' "hostpci0: $IGPU,legacy-igd=1,rombar=0" 'vga: none'
	finds host.vm-legacy-igd bad 'rombar is off'
	vm 'machine: pc' "hostpci0: $IGPU,legacy-igd=1,x-vga=1" 'vga: none'
	finds host.vm-legacy-igd bad 'exclude each other'
	vm 'machine: pc' "hostpci0: $IGPU,legacy-igd=1" 'vga: none' 'bios: ovmf' 'efidisk0: x'
	finds host.vm-legacy-igd bad 'OVMF does not run'
	vm 'machine: pc' "hostpci0: $IGPU,legacy-igd=1" 'vga: none'
	finds host.vm-legacy-igd none 'nothing to do with GVT-g'
	silent host.vm-pcie
}

@test "VM: x-vga on the processor's GPU without need; a card may be meant so" {
	vm "hostpci0: $IGPU,device-id=0x4692,pcie=1,x-vga=1"
	finds host.vm-x-vga bad 'takes the console of the web interface away'
	says "qm set 100 -hostpci0 '$IGPU,device-id=0x4692,pcie=1'  # unless a monitor on the host's port shall show this VM"
	vm "hostpci0: $ARC,pcie=1,x-vga=1"
	finds host.vm-x-vga none 'a monitor on the card'
	vm
	silent host.vm-x-vga
}

@test "VM: pcie=1 and q35 belong together" {
	finds host.vm-pcie good 'not 00:02.0'
	vm "hostpci0: $ARC"
	finds host.vm-pcie bad 'lacks pcie=1'
	says "qm set 100 -hostpci0 '$ARC,pcie=1'"
	vm "hostpci0: $ARC,pcie=1" 'machine: pc-i440fx-9.0'
	finds host.vm-pcie bad 'does not start' 'it is pc-i440fx-9.0'
	says 'qm set 100 -machine q35'
	vm "hostpci0: $ARC" 'machine: pc'
	finds host.vm-pcie none 'recommends q35'
}

@test "VM: a device or mapping that is not there" {
	vm "hostpci0: 0000:08:00.0,pcie=1"
	finds host.vm-device bad '0000:08:00.0' 'no such device'
	says 'qm set 100 -hostpci0 ADDRESS,pcie=1'
	vm 'hostpci0: mapping=arc,pcie=1'
	finds host.vm-device bad 'mapping "arc"'
	put /etc/pve/mapping/pci.cfg arc "	map id=8086:56a5,node=other,path=$IGPU" "	map id=8086:56a5,node=pve,path=$ARC"
	silent host.vm-device
	finds host.owner good "$ARC" 'VM 100'
	finds host.owner good "$IGPU" 'for the host'
}

@test "VM: its ROM, its console, its firmware's memory" {
	vm "hostpci0: $ARC,pcie=1,romfile=arc.rom"
	finds host.vm-rom bad 'arc.rom' '/usr/share/kvm'
	put /usr/share/kvm/arc.rom
	silent host.vm-rom
	vm "hostpci0: $ARC,pcie=1,x-vga=1,rombar=0"
	finds host.vm-rom bad 'stays dark'
	says "qm set 100 -hostpci0 '$ARC,pcie=1,x-vga=1'"
	vm 'vga: none'
	finds host.vm-vga none 'no console'
	vm 'vga: none' 'serial0: socket'
	finds host.vm-vga good
	vm 'bios: ovmf'
	finds host.vm-bios bad 'forgets its boot entries'
	vm 'bios: ovmf' 'efidisk0: local:1'
	silent host.vm-bios
}

@test "VM: two of them have one GPU" {
	vm
	put "$VM/105.conf" "hostpci3: $ARC,pcie=1" 'machine: q35'
	finds host.vm-rivals none 'VM 100 and VM 105'
	put "$VM/105.conf" "hostpci3: $ARC,pcie=1" 'machine: q35' 'onboot: 1'
	runs 100
	finds host.vm-rivals bad 'the second one fails'
	says 'qm set 105 -onboot 0'
	put "$VM/105.conf" "hostpci3: $ARC,pcie=1" 'machine: q35' 'onboot: 1' 'template: 1'
	silent host.vm-rivals
}

@test "VM: none is given a GPU; one in a snapshot does not count" {
	vm "hostpci0: 0000:05:00.0" '[snapshot]' "hostpci1: $ARC,legacy-igd=1"
	finds host.vms none 'no VM is given a GPU'
	silent host.vm-legacy-igd
}

@test "huge pages: of 1 GiB they are to be reserved; reserved for nobody they are lost" {
	vm 'hugepages: 1024'
	put /sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages 7
	finds host.hugepages bad 'VM 100 wants 8192 MiB' '7 are free'
	says "$(added 'hugepagesz=1G hugepages=8')"
	put /sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages 8
	finds host.hugepages good '8 huge pages'
	put /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages 8
	silent host.hugepages bad
	put /sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages 0
	runs 100
	finds host.hugepages good 'VM 100 runs'
	vm
	rm -r "$TREE/sys/kernel/mm/hugepages/hugepages-1048576kB"
	put /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 1024
	finds host.hugepages bad '2048 MiB are reserved'
	boot hugepages=1024
	look
	says "$(removed hugepages=)"
}

@test "pinning: CPUs that are not there, that are too few, that are idle" {
	vm 'affinity: 0-3'
	finds host.affinity good 'pinned to CPUs 0-3'
	vm 'affinity: 8-12'
	finds host.affinity bad 'CPU 12 is not there'
	says 'qm set 100 -affinity 0-11'
	vm 'affinity: 4,6'
	finds host.affinity bad 'has 4 CPUs, which have to share 2'
	says 'qm set 100 -delete affinity'
	vm 'affinity: three'
	finds host.affinity bad 'no list of CPUs'
	vm
	boot isolcpus=4-7
	finds host.affinity bad 'isolcpus=4-7' 'idle'
	says "$(removed isolcpus=)"
	vm 'affinity: 4-7'
	silent host.affinity bad
}

# --- containers ---

@test "LXC: a device that is there, with and without a gid, and one that is not" {
	finds host.lxc-device good 'container 101: dev0 gives it /dev/dri/renderD128,gid=104'
	put "$LXC/101.conf" 'dev0: /dev/dri/renderD128' 'unprivileged: 1'
	finds host.lxc-gid none 'root there and nobody else'
	put "$LXC/101.conf" 'dev0: /dev/dri/renderD129,gid=104'
	finds host.lxc-device bad '/dev/dri/renderD129, which is not there'
}

@test "LXC: the lines of before 8.1" {
	put "$LXC/101.conf" 'unprivileged: 1' 'lxc.cgroup2.devices.allow: c 226:128 rwm' \
		'lxc.mount.entry: /dev/dri/renderD128 dev/dri/renderD128 none bind,optional,create=file'
	finds host.lxc-mount bad 'unprivileged' 'belongs to nobody'
	says "sed -i '1,/^\[/{/^lxc.cgroup2.devices.allow.*226:/d}' /etc/pve/lxc/101.conf"
	says "sed -i '1,/^\[/{/^lxc.mount.entry.*dev.dri/d}' /etc/pve/lxc/101.conf"
	says 'drictl install lxc 101'
	put "$LXC/101.conf" 'lxc.cgroup2.devices.allow: c 226:128 rwm' \
		'lxc.mount.entry: /dev/dri/renderD128 dev/dri/renderD128 none bind,optional,create=file'
	finds host.lxc-mount good 'the way of before Proxmox VE 8.1'
	put "$LXC/101.conf" 'lxc.cgroup2.devices.allow: c 226:129 rwm' \
		'lxc.mount.entry: /dev/dri/renderD128 dev/dri/renderD128 none bind,optional,create=file'
	finds host.lxc-mount bad 'EPERM'
	put "$LXC/101.conf" 'lxc.cgroup2.devices.allow: c 226:* rwm' \
		'lxc.mount.entry: /dev/dri/renderD129 dev/dri/renderD129 none bind,optional,create=file'
	finds host.lxc-mount bad '/dev/dri/renderD129, which is not there'
}

@test "LXC: lines of control groups v1 do nothing on v2" {
	put "$LXC/101.conf" 'dev0: /dev/dri/renderD128,gid=104' 'lxc.cgroup.devices.allow: c 226:* rwm'
	finds host.lxc-cgroup bad 'lxc.cgroup.devices.allow' 'does nothing'
	says "sed -i '1,/^\[/{/^lxc.cgroup.devices.allow.*226:/d}' /etc/pve/lxc/101.conf"
	rm "$TREE/sys/fs/cgroup/cgroup.controllers"
	silent host.lxc-cgroup
}

@test "LXC: idmap that /etc/subgid does not allow, and idmap that nobody needs" {
	put /etc/subgid root:100000:65536
	put "$LXC/101.conf" 'unprivileged: 1' 'dev0: /dev/dri/renderD128,gid=104' 'lxc.idmap: g 0 100000 104' \
		'lxc.idmap: g 104 104 1'
	finds host.lxc-idmap bad 'gids from 104 on' '/etc/subgid'
	says 'echo root:104:1 >>/etc/subgid'
	put /etc/subgid root:100000:65536 root:104:1
	finds host.lxc-idmap none 'leftovers'
	silent host.lxc-idmap bad
}

@test "LXC: by dri-broker, and by lines of its own besides" {
	put "$LXC/101.conf" 'lxc.include: /etc/dri-broker/lxc/101.conf'
	finds host.lxc-broker bad 'which is not on this node'
	says 'drictl install lxc 101'
	put /etc/dri-broker/lxc/101.conf
	finds host.lxc-broker good
	put "$LXC/101.conf" 'dev2: /dev/dri/renderD128,gid=104' 'lxc.include: /etc/dri-broker/lxc/101.conf' \
		'lxc.idmap: u 0 100000 65536'
	finds host.lxc-broker bad 'by lines of its own as well'
	says 'pct set 101 -delete dev2'
	# which may be there for something else
	assert_json "$output" 'any(.findings[].next[]; contains("idmap")) | not'
}

@test "LXC: a GPU that a VM takes away" {
	vm "hostpci2: $ARC,pcie=1" "hostpci0: 00:02.0,pcie=1"
	finds host.lxc-shared bad 'container 101' 'VM 100 takes it'
	says 'pct set 101 -delete dev0'
	says "qm set 100 -delete hostpci0  # or this instead: keep the GPU with the host, and run the VM's work in a container"
	runs 100
	finds host.lxc-shared bad 'has taken'
	taken $ARC $IGPU
	rm "$TREE/sys/class/drm/renderD128" "$TREE/dev/dri/renderD128"
	finds host.lxc-shared bad 'has taken'
	rm -r "$TREE$GPU" && cp -a "$BATS_FILE_TMPDIR/pve$GPU" "$TREE$GPU"
	vm
	tree_drm "$TREE" renderD128 '128 0000:00:02.0'
	silent host.lxc-shared
	put "$LXC/101.conf" 'lxc.mount.entry: /dev/dri dev/dri none bind,optional,create=dir'
	silent host.lxc-shared
	taken $ARC $IGPU
	finds host.lxc-shared bad '/dev/dri, and VM 100'
	rm "$TREE/run/qemu-server/100.pid"
	silent host.lxc-shared
}

@test "LXC: no container is given a GPU" {
	rm "$TREE$LXC/101.conf"
	finds host.lxc none 'no container is given a GPU'
}

# --- drictl iommu ---

@test "iommu: groups in their order, GPUs marked, drivers" {
	run "$BUILD/drictl" iommu --root "$TREE"
	assert_success
	assert_equal "$(awk '{ print $1 }' <<<"$output" | xargs)" 'GROUP 0 1 2 12 0000:00:1f.3 15 16 17'
	[[ $output =~ 15\ +$ARC\ GPU\ i915 ]]
	[[ $output =~ 0000:00:1f.3\ +snd_hda_intel ]]
}

@test "iommu: as JSON" {
	put /sys/kernel/iommu_groups/15/type DMA-FQ
	rm "$TREE$GPU/$IGPU/iommu_group"
	run "$BUILD/drictl" iommu --root "$TREE" --json
	assert_success
	assert_json "$output" '.groups[] | select(.group == "15") | .type == "DMA-FQ" and .devices == [
		{pci: "0000:03:00.0", name: .devices[0].name, class: "030000", vendor: "8086", device: "56a5", gpu: true, driver: "i915"}]'
	assert_json "$output" '.groups[] | select(.group == "1") | .type == null and .devices[0].driver == null'
	assert_json "$output" '[.ungrouped[].pci] == ["0000:00:02.0"]'
	assert_json "$output" '.groups[] | select(.group == "15") | .devices[0].name | contains("[8086:56a5]")'
}

@test "iommu: without one there are no groups, and the exit status says so" {
	other pve-iommu-off
	run --separate-stderr "$BUILD/drictl" iommu --root "$TREE"
	assert_failure 1
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *'drictl doctor --host'* ]]
	[[ $output =~ none\ +0000:00:00.0 ]]
	run "$BUILD/drictl" iommu --root "$TREE/nowhere"
	assert_failure 1
	run "$BUILD/drictl" iommu one
	assert_failure 2
	run "$BUILD/drictl" iommu --nonsense
	assert_failure 2
}
