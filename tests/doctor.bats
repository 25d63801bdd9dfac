#!/usr/bin/env bats
# doctor.bats - drictl doctor in a guest, on a plain host and in an LXC: what it finds in the trees of
# tests/fixtures/trees, and in a healthy one in which one thing is broken.

# shellcheck disable=SC2016,SC2154 # jq's variables, and bats'

bats_require_minimum_version 1.5.0
load lib/common
load lib/trees

setup_file ()
{
	build_tree n100 "$BATS_FILE_TMPDIR/n100"
}

teardown () { [[ ! ${BROKER_PID:-} ]] || finish_broker; }

setup ()
{
	tree=$BATS_TEST_TMPDIR/tree
	device=$tree/sys/devices/pci0000:00/0000:01:00.0
}

# use NAME: the tree of this test; n100 is there already
use ()
{
	rm -rf "$tree"
	if [[ $1 == n100 ]]; then cp -a "$BATS_FILE_TMPDIR/n100" "$tree"; else build_tree "$1" "$tree"; fi
}
# put PATH [TEXT]: a file of the tree
put () { tree_file "$tree" "$1" "${2:-}"; }

doctor () { run --separate-stderr "$BUILD/drictl" doctor --root "$tree" "$@"; }

# found good|bad|none ID [TEXT [NEXT]]: there is such a finding, and a next command that has that text
found ()
{
	assert_json "$output" 'any(.findings[]; .outcome == $o and .id == $id and (.finding | contains($text))
		and ($next == "" or any(.next[]; contains($next))))' --arg o "$1" --arg id "$2" --arg text "${3:-}" \
		--arg next "${4:-}"
}

# finds WHAT...: the same, of the tree as it is; the exit status fits, and nothing else is bad
finds ()
{
	doctor --json
	if [[ $1 == bad ]]; then
		assert_failure 1 || return
		assert_json "$output" 'all(.findings[] | select(.outcome == "bad"); .id == $id and (.next | length) > 0)' \
			--arg id "$2" || return
	else
		assert_success || return
	fi
	found "$@"
}

# unbound: no driver has the GPU
unbound ()
{
	rm -r "$device"/{driver,drm} "$tree"/sys/class/drm/{card1,renderD128} "$tree"/dev/dri/{card1,renderD128}
}

# The trees.

@test "a healthy N100 guest: nothing is bad, and every check says what it saw" {
	use n100
	doctor --json
	assert_success
	found good gpu.pci 'Alder Lake-N [8086:46d1]'
	found good gpu.driver 'driver i915 of Linux 6.12'
	found good gpu.node renderD128
	found good gpu.group 'group render, gid 992'
	found good firmware.files tgl_huc
	found good firmware.log
	found good docker.config valid
	found good docker.runtime /usr/bin/dri-runtime
	found good containers.devices '1 container'
	found none vaapi.driver 'decodes MPEG-2'
	found none broker.answer 'a copied tree does not tell'
	assert_json "$output" '.bad == 0 and .good == ([.findings[] | select(.outcome == "good")] | length)'
}

@test "a guest without firmware: the package of its Debian, and how apt gets at it" {
	use no-firmware
	doctor --json
	assert_failure 1
	found bad firmware.files 'no i915/adlp_guc* and i915/tgl_huc*' 'apt install firmware-misc-nonfree'
	found bad firmware.files '' non-free-firmware
	found bad firmware.log 'HuC firmware i915/tgl_huc.bin: fetch failed'
	sed -i 's/"12"/"13"/' "$tree/etc/os-release"
	put /etc/apt/sources.list.d/debian.sources 'Components: main non-free-firmware'
	doctor --json
	found bad firmware.files '' 'apt install firmware-intel-graphics'
	assert_json "$output" 'all(.findings[].next[]; contains("sed -i -E") | not)'
}

@test "a guest with i915 missing: this kernel has none" {
	use no-i915
	finds bad gpu.driver 'comes without i915' 'apt install linux-image-amd64'
	sed -i 's/^ID=.*/ID=ubuntu/; s/"13"/"24.04"/' "$tree/etc/os-release"
	put /proc/sys/kernel/osrelease 6.8.0-40-generic
	put /lib/modules/6.8.0-40-generic/modules.dep 'kernel/drivers/gpu/drm/drm.ko:'
	finds bad gpu.driver '' 'apt install linux-modules-extra-6.8.0-40-generic'
}

@test "an unprivileged LXC with a wrong gid: what its host has to do" {
	use lxc-gid
	finds bad lxc.gid 'nobody:nogroup' 'pct set CTID -dev0 /dev/dri/renderD128,gid=992'
	found good lxc.kind 'uid 100000'
	found good lxc.nodes
	chown 0:104 "$tree/dev/dri/renderD128"
	finds bad lxc.gid 'gid 104, which is of no group here' gid=992
	echo 'messagebus:x:104:' >>"$tree/etc/group"
	finds bad lxc.gid 'the group messagebus here' gid=992
	chown 0:0 "$tree/dev/dri/renderD128"
	finds bad lxc.gid 'root alone' gid=992
	chown 0:992 "$tree/dev/dri/renderD128"
	finds good lxc.gid 'group render, gid 992'
	chmod 600 "$tree/dev/dri/renderD128"
	finds bad lxc.gid 'mode 600'
	rm "$tree/dev/dri/renderD128"
	finds bad lxc.nodes 'not in this container' 'pct set CTID -dev0'
}

@test "an LXC is told by its init's environment too; a privileged one is named" {
	use lxc-gid
	rm -r "$tree/run"
	printf 'PATH=/bin\0container=lxc\0' >"$tree/proc/1/environ"
	put /proc/1/uid_map '         0          0 4294967295'
	finds bad lxc.gid
	found none lxc.kind 'it is privileged'
	rm "$tree/proc/1/uid_map"
	finds bad lxc.gid
	found none lxc.kind 'does not tell'
}

@test "a kernel too old for Arc: from which it is supported, and how to get it" {
	use arc-old-kernel
	doctor --json
	assert_failure 1
	found bad gpu.kernel 'too old for Arc (DG2), which i915 supports from 6.2 on' bookworm-backports
	found bad gpu.framebuffer 'simple-framebuffer'
	put /proc/sys/kernel/osrelease 6.12.9-amd64
	doctor --json
	found bad gpu.driver 'i915 is loaded and did not take it' 'grep 0000:00:02.0'
}

# The GPU.

@test "no GPU on the bus: a guest asks its host for one, and a plain host looks into its setup" {
	use n100
	unbound
	rm -r "$device" "$tree/sys/bus/pci/devices/0000:01:00.0"
	finds bad gpu.pci 'but for a screen' 'qm set VMID -hostpci0'
	found none gpu.pci 'only shows pictures'
	put /proc/cpuinfo 'flags : fpu vme'
	rm "$tree/sys/bus/pci/devices/0000:00:01.0"
	finds bad gpu.pci 'setup' lspci
}

@test "what keeps the driver away: the command line, a blacklist, nobody who loads it" {
	use n100
	unbound
	cp "$tree/proc/cmdline" "$BATS_TEST_TMPDIR/cmdline"
	put /proc/cmdline 'BOOT_IMAGE=/vmlinuz nomodeset'
	finds bad gpu.driver '"nomodeset"' /etc/default/grub
	put /proc/cmdline 'BOOT_IMAGE=/vmlinuz i915.modeset=0'
	finds bad gpu.driver '"i915.modeset=0"' i915.modeset
	put /proc/cmdline 'BOOT_IMAGE=/vmlinuz modprobe.blacklist=i915'
	finds bad gpu.driver 'command line' /proc/cmdline
	put /proc/cmdline BOOT_IMAGE=/vmlinuz
	put /etc/modprobe.d/vfio.conf 'blacklist i915'
	finds bad gpu.driver '/etc/modprobe.d/vfio.conf blacklists i915' update-initramfs
	rm "$tree/etc/modprobe.d/vfio.conf"
	finds bad gpu.driver 'did not take it' journalctl
	rmdir "$tree/sys/module/i915"
	finds bad gpu.driver 'i915 is not loaded' 'modprobe i915'
}

@test "a driver that is there by force only, for virtual machines, or of another house" {
	use n100
	put /proc/sys/kernel/osrelease 6.1.0-40-amd64
	finds good gpu.driver 'driver i915'
	put /proc/cmdline 'BOOT_IMAGE=/vmlinuz i915.force_probe=46d1'
	finds bad gpu.kernel 'force_probe'
	put /proc/cmdline BOOT_IMAGE=/vmlinuz
	ln -sfn ../../../bus/pci/drivers/nvidia "$device/driver"
	finds none gpu.driver "NVIDIA's own"
	ln -sfn ../../../bus/pci/drivers/vfio-pci "$device/driver"
	finds none gpu.driver 'virtual machines' 'doctor --host'
}

@test "a driver without a render node, and a firmware's screen beside a GPU" {
	use n100
	ln -sfn ../../../bus/platform/drivers/simple-framebuffer "$tree/sys/devices/pci0000:00/0000:00:01.0/driver"
	finds none gpu.framebuffer card0
	rm -r "$device/drm/renderD128" "$tree/sys/class/drm/renderD128"
	doctor --json
	assert_failure 1
	found bad gpu.node 'made no render node' 'grep 0000:01:00.0'
}

@test "nodes: missing, made by hand, without their group, and open to all" {
	use n100
	chmod 666 "$tree/dev/dri/renderD128"
	finds none gpu.mode 'everybody'
	chmod 600 "$tree/dev/dri/renderD128"
	finds bad gpu.group 'mode 600' udev
	chmod 660 "$tree/dev/dri/renderD128"
	chown 0:107 "$tree/dev/dri/renderD128"
	finds bad gpu.group 'does not have' 'groupadd --system render'
	chown 0:0 "$tree/dev/dri/renderD128"
	finds bad gpu.group 'root alone' 'groupadd --system render'
	rm "$tree/dev/dri/renderD128"
	finds bad gpu.node 'is not there' 'mknod /dev/dri/renderD128 c 226 128'
	found bad gpu.node '' 'udevadm trigger'
	mknod "$tree/dev/dri/renderD128" c 226 129
	finds bad gpu.node '226:129' 'rm /dev/dri/renderD128'
	rm -r "$tree/dev/dri"
	finds none gpu.node 'no /dev/dri'
}

# Firmware.

@test "HuC: turned off by an option, needlessly turned on, and off by default" {
	use n100
	put /etc/modprobe.d/i915.conf 'options i915 enable_guc=0'
	finds bad firmware.option 'turns HuC off' 'sed -i'
	put /etc/modprobe.d/i915.conf 'options i915 enable_guc=3'
	finds none firmware.option 'not needed'
	put /proc/cmdline 'BOOT_IMAGE=/vmlinuz i915.enable_guc=0'
	finds bad firmware.option "the kernel's command line" i915.enable_guc
	put /proc/cmdline BOOT_IMAGE=/vmlinuz
	rm "$tree/etc/modprobe.d/i915.conf"
	put "${device#"$tree"}/device" 0x9a60
	finds none firmware.option 'Tiger Lake' enable_guc=2
	put "${device#"$tree"}/device" 0x4e61
	put /lib/firmware/i915/ehl_huc_9.0.0.bin
	finds bad firmware.option 'Jasper Lake' enable_guc=2
	put /etc/modprobe.d/i915.conf 'options i915 enable_guc=2'
	finds good firmware.files ehl_huc
}

@test "the kernel's log: a GPU that hung, and a tree without a log" {
	use n100
	put /var/log/dmesg '[  812.3] i915 0000:01:00.0: [drm] GPU HANG: ecode 12:1:85dffdfb, in ffmpeg [812]'
	finds bad firmware.log 'says "i915 0000:01:00.0: [drm] GPU HANG' 'grep 0000:01:00.0'
	put /var/log/dmesg '[  812.3] i915 0000:02:00.0: [drm] GPU HANG: ecode 12:1:85dffdfb, in ffmpeg [812]'
	finds good firmware.log
	rm "$tree/var/log/dmesg"
	finds none firmware.log 'the tree has no'
}

# Engines.

@test "Docker: broken configuration, no runtime, one that is gone, the default, a snap" {
	use n100
	put /etc/docker/daemon.json '{"runtimes": {"dri": }}'
	finds bad docker.config 'line 1' 'dockerd --validate'
	put /etc/docker/daemon.json '{}'
	doctor --json
	assert_failure 1
	found bad docker.runtime 'does not know' 'drictl install docker'
	put /etc/docker/daemon.json '{"runtimes": {"dri": {"path": "/opt/gone"}}}'
	finds bad docker.runtime '/opt/gone, which is not there'
	put /opt/gone
	finds bad docker.runtime 'or no program'
	put /etc/docker/daemon.json '{"default-runtime": "dri", "userns-remap": "default",
		"runtimes": {"dri": {"path": "/usr/bin/dri-runtime"}}}'
	finds good docker.default
	found good docker.userns
	mkdir -p "$tree/var/snap/docker"
	finds bad docker.snap '' 'snap remove docker'
	rm -r "$tree/var/snap" "$tree/usr/bin/dockerd"
	finds none docker.config 'not installed'
}

@test "Podman: hooks that are there, and that are not" {
	use n100
	put /usr/bin/podman
	finds bad podman.hooks 'not there' 'drictl install podman'
	put /etc/containers/oci/dri-broker.d/dri-broker-precreate.json '{"hook": {"path": "/usr/bin/dri-hook"}}'
	finds bad podman.hooks 'not whole'
	put /usr/bin/dri-hook
	put /etc/containers/containers.conf.d/dri-broker.conf
	finds good podman.hooks /usr/bin/dri-hook
}

@test "containers that take GPUs by themselves: by name, and with what to write instead" {
	local folder=/var/lib/docker/containers/77fe
	use n100
	put $folder/config.v2.json '{"Name": "/frigate", "Config": {"Labels": {
		"com.docker.compose.service": "nvr", "com.docker.compose.project.config_files": "/srv/cctv/compose.yaml"}}}'
	put $folder/hostconfig.json '{"Runtime": "runc", "Devices": [{"PathOnHost": "/dev/dri/renderD128"}]}'
	finds bad containers.devices 'frigate takes /dev/dri/renderD128 by itself (devices:)' \
		'in /srv/cctv/compose.yaml, service nvr, instead of devices: (and group_add:)'
	found bad containers.devices '' 'dri.enable: "true"'
	put $folder/hostconfig.json '{"Runtime": "runc", "Binds": ["/dev/dri:/dev/dri"]}'
	finds bad containers.devices '(volumes:)'
	put $folder/hostconfig.json '{"Runtime": "runc", "Privileged": true}'
	finds bad containers.privileged 'frigate is privileged' 'instead of privileged:'
	put $folder/hostconfig.json '{"Runtime": "runc", "Devices": [{"PathOnHost": "/dev/dripping"}]}'
	finds good containers.devices '2 containers'
}

# runs_nothing [OPTION]: no next command holds anything of $evil, and none runs it
runs_nothing ()
{
	local lines
	doctor --json "$@"
	lines=$(jq -r '.findings[].next[]?' <<<"$output")
	[[ $lines && $lines != *canary* ]] || fail "$lines"
	(cd "$BATS_TEST_TMPDIR" && PATH=$PWD/bin "$BASH" -c "$lines" &>/dev/null) || :
	[[ ! -e $BATS_TEST_TMPDIR/canary ]] || fail "$lines"
}

@test "a next command holds nothing that a name of the tree, or of an image, could run" {
	local folder=/var/lib/docker/containers/77fe evil
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$(command -v touch)" "$BATS_TEST_TMPDIR/bin"
	for evil in ';touch${IFS}canary;' '$(touch canary)' "'\`touch canary\`'" '"$(touch canary)"' \
		$'\ntouch canary\n' $'\e[2J;touch canary\r'; do
		use no-firmware
		put $folder/config.v2.json "$(jq -nc --arg evil "$evil" '{ Name: "/frigate", Config: { Labels: {
			"com.docker.compose.service": ("x" + $evil), "com.docker.compose.project.config_files": ("/x" + $evil) } } }')"
		put $folder/hostconfig.json '{"Devices": [{"PathOnHost": "/dev/dri"}]}'
		put "/etc/modprobe.d/x$evil.conf" 'options i915 enable_guc=0'
		put /etc/os-release "ID=debian
VERSION_ID=\"12$evil\""
		runs_nothing
		put /proc/sys/kernel/osrelease "6.1.0$evil"
		put "/etc/modprobe.d/x$evil.conf" 'blacklist i915'
		runs_nothing
		use pve-two-cards
		mv "$tree/etc/modprobe.d/vfio.conf" "$tree/etc/modprobe.d/x$evil.conf"
		put /etc/modprobe.d/vfio.conf 'options vfio-pci ids=8086:46d1'
		runs_nothing --host
	done
}

@test "a modprobe.d file with an odd name is read, and one that cannot be read is told" {
	use n100
	put '/etc/modprobe.d/my gpu (old).conf' 'options i915 enable_guc=0'
	finds bad firmware.option 'enable_guc=0 in /etc/modprobe.d/my gpu (old).conf' '# no command here'
	put '/etc/modprobe.d/i915.conf.bak' 'options i915 enable_guc=1'
	finds bad firmware.option 'my gpu'
	rm "$tree/etc/modprobe.d/"*
	truncate -s 5M "$tree/etc/modprobe.d/huge.conf"
	finds none modprobe.unread '/etc/modprobe.d/huge.conf: File too large'
	ln -s /dev/null "$tree/etc/modprobe.d/mask.conf"
	finds none modprobe.unread 'files like that: 1'
}

@test "containers with the label: by the wrong runtime, by the default one, and with devices beside it" {
	local folder=/var/lib/docker/containers/6a1d
	use n100
	put $folder/hostconfig.json '{"Runtime": "runc"}'
	finds bad containers.runtime 'jellyfin has the label dri.enable, but runs by runc' 'runtime: dri'
	put $folder/hostconfig.json '{"Runtime": "dri", "Devices": [{"PathOnHost": "/dev/dri"}]}'
	finds none containers.devices 'not needed beside it'
}

@test "containers of a moved data-root, of remapped users, and of Podman" {
	use n100
	mkdir -p "$tree/srv"
	mv "$tree/var/lib/docker" "$tree/srv/docker"
	rm "$tree/etc/docker/daemon.json"
	put /etc/docker/daemon.json '{"data-root": "/srv/docker", "runtimes": {"dri": {"path": "/usr/bin/dri-runtime"}}}'
	put /srv/docker/100000.100000/containers/77fe/config.v2.json '{"Name": "/remapped"}'
	put /srv/docker/100000.100000/containers/77fe/hostconfig.json '{"Devices": [{"PathOnHost": "/dev/dri"}]}'
	finds bad containers.devices remapped '--label dri.enable=true'
	rm -r "$tree/srv/docker/100000.100000"
	finds good containers.devices '1 container'
	local id
	id=$(printf '%064d' 7)
	put "/var/lib/containers/storage/overlay-containers/$id/userdata/config.json" \
		'{"hostname": "web", "linux": {"devices": [{"path": "/dev/dri/renderD128"}]}}'
	finds bad containers.devices "Podman's web takes /dev/dri/renderD128" '--annotation dri.enable=true'
	put "/var/lib/containers/storage/overlay-containers/$id/userdata/config.json" \
		'{"annotations": {"dri.enable": "true"}, "linux": {"devices": [{"path": "/dev/dri/renderD128"}]}}'
	finds good containers.devices '2 containers'
}

@test "the broker's configuration: none, valid, and not" {
	use n100
	finds good broker.config 'the defaults'
	put /etc/dri-broker/config.json '{"slots": 2}'
	finds good broker.config 'valid JSON'
	put /etc/dri-broker/config.json '{"slots": }'
	finds bad broker.config 'no valid JSON' 'jq . /etc/dri-broker/config.json'
}

# A machine that runs: the tree is "/", with the /proc of this machine, and with a dri-probe that says what it is told.

# live: makes the tree such a machine
live ()
{
	local file
	rm -r "$tree/proc"
	mkdir -p "$tree"/{proc,bin}
	cp "$(command -v busybox)" "$tree/bin/sh"
	install "$BUILD/drictl" "$tree/usr/bin/drictl"
	for file in $(ldd "$BUILD/drictl" | grep -o '/[^ ]*'); do
		install -D "$file" "$tree$file"
	done
	printf '#!/bin/sh\nwhile read -r line; do echo "$line"; done <"/report$2"\n' >"$tree/usr/bin/dri-probe"
	chmod 755 "$tree/usr/bin/dri-probe"
}

# doctor_there [COMMAND]: what drictl doctor finds in there, after this command in its mount namespace; with the
# broker of this test, where there is one
doctor_there ()
{
	mkdir -p "$tree/run/dri-broker"
	run --separate-stderr env -u DRI_BROKER_SOCKET DRI_BROKER_CONFIG=/run/dri-broker/broker.json \
		unshare --mount --propagation private sh -c '
		mount --rbind /proc "$1/proc" && { [ -z "$2" ] || mount --rbind "$2" "$1/run/dri-broker"; } && cd "$1/run/dri-broker" && eval "$3" &&
		exec chroot "$1" drictl doctor --json' sh "$tree" "${DRI_BROKER_SOCKET:+$BATS_TEST_TMPDIR}" "${1:-}"
}

# report JSON: what dri-probe says of renderD128
report () { put /report/dev/dri/renderD128 "$1"; }

@test "VA-API: what comes up, what the driver lacks, and firmware that runs or not" {
	local profiles='{"profile": "H264High", "entrypoint": "VLD"}' found
	use n100
	live
	found='"ok": true, "verified": "vaapi", "vaapi": {"vendor": "Intel iHD driver for Intel(R) Gen Graphics - 25.2.3 ()", "profiles": ['
	report "{$found$profiles]}, \"facts\": {\"firmware\": [{\"name\": \"huc\", \"status\": \"running\", \"version\": \"7.9.3\"}]}}"
	doctor_there
	found good vaapi.driver 'iHD driver'
	found good firmware.runs 'huc 7.9.3'
	found bad vaapi.profiles 'Alder Lake-N decodes MPEG-2' intel-media-va-driver-non-free
	report "{$found$profiles]}, \"facts\": {\"firmware\": [{\"name\": \"huc\", \"status\": \"missing\"}],
		\"notes\": [\"the HuC firmware file is missing\"]}}"
	doctor_there
	found bad firmware.runs 'file is missing' 'apt install firmware-intel-graphics'
	report "{$found$profiles]}, \"facts\": {\"firmware\": [{\"name\": \"huc\", \"status\": \"disabled\"}],
		\"notes\": [\"the HuC firmware is disabled\"]}}"
	doctor_there
	found none firmware.runs disabled
}

@test "VA-API: no libva, no leave, and a driver that does not come up" {
	use n100
	live
	report '{"ok": false, "verified": "driver", "reason": "no-libva", "message": "no libva"}'
	doctor_there
	found none vaapi.driver 'Containers bring their own' libva2
	report '{"ok": false, "verified": null, "reason": "device-cgroup", "message": "not permitted"}'
	doctor_there
	found bad vaapi.driver 'the device cgroup' DeviceAllow
	report '{"ok": false, "verified": "driver", "reason": "init-failed", "message": "iHD_drv_video.so init failed"}'
	doctor_there
	found bad vaapi.driver 'init failed' 'apt install libva2'
	rm "$tree/usr/bin/dri-probe"
	doctor_there
	found none vaapi.driver 'dri-probe does not run'
}

@test "the broker: not there, there, without a GPU that the kernel has, and with a bad configuration" {
	use n100
	live
	doctor_there
	assert_failure 1
	found bad broker.answer 'cannot be reached' 'apt install'
	put /lib/systemd/system/dri-broker.socket
	doctor_there
	found bad broker.answer 'cannot be reached' 'systemctl enable --now dri-broker.socket'
	start_broker
	doctor_there
	found good broker.config
	found good broker.answer 'it answers'
	found good broker.gpus renderD128
	found good broker.leases
	tree_drm "$tree" renderD131 '131 0000:00:01.0'
	echo '{"slots": "many"}' >"$DRI_BROKER_CONFIG"
	doctor_there 'mount -o remount,bind,nodev leases'
	found bad broker.leases nodev
	found bad broker.gpus 'does not know renderD131' 'systemctl reload dri-broker'
	found bad broker.config slots sudoedit
	doctor_there 'umount leases'
	found bad broker.leases 'is not mounted' 'systemctl start dri-broker-leases.mount'
}

# The tree may be anybody's.

@test "nothing outside the tree is read, and nothing but regular files" {
	use n100
	echo '{"runtimes": {"dri": {"path": "/outside"}}}' >"$BATS_TEST_TMPDIR/outside.json"
	ln -sf "$BATS_TEST_TMPDIR/outside.json" "$tree/etc/docker/daemon.json"
	doctor --json
	assert_failure 1
	found bad docker.runtime 'does not know'
	ln -sf ../../../../../../../../../../../../"$BATS_TEST_TMPDIR/outside.json" "$tree/etc/docker/daemon.json"
	doctor --json
	found bad docker.runtime 'does not know'
	rm "$tree/etc/docker/daemon.json"
	mkfifo "$tree/etc/docker/daemon.json"
	finds bad docker.config 'Invalid argument'
	rm "$tree/etc/docker/daemon.json"
	truncate -s 5M "$tree/etc/docker/daemon.json"
	finds bad docker.config 'too large'
}

@test "what a tree says comes out without its escapes, and is never lost" {
	use n100
	printf '{"Name": "/evil\\u001b[2J\\u202e", "Config": {}}' >"$tree/var/lib/docker/containers/6a1d/config.v2.json"
	put /var/lib/docker/containers/6a1d/hostconfig.json '{"Privileged": true}'
	doctor
	assert_failure 1
	assert_says 'evil'
	[[ $output != *$'\e'* && $output != *$'\u202e'* ]]
	put /etc/group $'odd\xff:x:992:'
	doctor --json
	found good gpu.group 'the group odd?'
}

# How it is said.

@test "on paper: marks, the exact command below, no colours; letters where the locale has no marks" {
	use no-i915
	doctor
	assert_failure 1
	assert_equal "$stderr" ''
	assert_says $'GPU\n'
	assert_says '  ✖ 0000:01:00.0: no driver, since'
	grep -q '^  ✔ ' <<<"$output"
	grep -q '^  – ' <<<"$output"
	assert_says $'\n      sudo apt install linux-image-amd64'
	assert_says '1 thing is wrong'
	[[ $output != *$'\e'* ]]
	put /var/lib/docker/containers/77fe/config.v2.json '{"Name": "/plain"}'
	put /var/lib/docker/containers/77fe/hostconfig.json '{"Devices": [{"PathOnHost": "/dev/dri"}]}'
	LC_ALL=C doctor
	assert_says 'docker run --runtime dri'
	assert_says '  x 0000:01:00.0: no driver, since'
	assert_says '  + 0000:01:00.0, Alder Lake-N'
	[[ $output != *[$'\x80'-$'\xff']* ]]
}

@test "on a terminal: colours, unless NO_COLOR says no, and lines of its width" {
	use no-firmware
	screen () { script -qec "stty cols 60; $* $BUILD/drictl doctor --root $tree" /dev/null </dev/null; }
	run screen env TERM=xterm
	assert_says $'\e[1;31m✖\e[0m'
	run screen env TERM=xterm NO_COLOR=1
	[[ $output != *$'\e['* ]]
	assert_says ✖
	# Commands stay whole: they are there to be copied.
	((longest = $(grep -v '^      ' <<<"${output//$'\r'/}" | wc -L), longest <= 60)) ||
		fail "a line of $longest characters"
}

@test "a root that is none, and words that are too many" {
	tree=$BATS_TEST_TMPDIR/none
	doctor
	assert_failure 1
	[[ $stderr == "drictl: open $tree: No such file or directory" ]]
	run "$BUILD/drictl" doctor --rot x
	assert_failure 2
}
