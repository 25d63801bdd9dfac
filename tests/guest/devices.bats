#!/usr/bin/env bats
# devices.bats - the guest machine is what the other suites take it for.

load ../lib/common
load ../lib/docker
load guest

# A virtio GPU is a PCI device, with a virtio device below it.
drivers_of () { (cd "/sys/class/drm/$1/device" && basename -a "$(readlink driver)" "$(readlink virtio*/driver)" | xargs); }

@test "the machine has booted, and no unit failed" {
	run timeout 100 systemctl is-system-running --wait
	assert_equal "$output$(systemctl --failed --legend=false)" running
	assert_equal "$(stat -fc %T /sys/fs/cgroup)" cgroup2fs
	assert_equal "$(docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}')" 'systemd 2'
}

@test "three render nodes: two virtio GPUs, and vgem" {
	assert_equal "$(cd /dev/dri && echo renderD*)" 'renderD128 renderD129 renderD130'
	assert_equal "$(drivers_of "$(node_of $GPU1)")" 'virtio-pci virtio_gpu'
	assert_equal "$(drivers_of "$(node_of $GPU2)")" 'virtio-pci virtio_gpu'
	assert_equal "$(basename "$(realpath "/sys/class/drm/$(vgem_node)/device")")" vgem
	assert_equal "$(stat -c '%G %a' /dev/dri/renderD* | sort -u)" 'render 660'
}

@test "each answers its driver's ioctls" {
	local gpu
	for gpu in $GPU1 $GPU2; do
		run "$BUILD/guest-gpu" "/dev/dri/$(node_of $gpu)"
		assert_success
		assert_json "$output" '.driver == "virtio_gpu" and .pci == $pci' --arg pci $gpu
	done
	run "$BUILD/guest-gpu" "/dev/dri/$(vgem_node)"
	assert_success
	assert_json "$output" '.driver == "vgem" and .pci == ""'
}

@test "a GPU can be unplugged, and plugged in again" {
	local link=/dev/dri/by-path/pci-$GPU2-render node
	node=/dev/dri/$(node_of $GPU2)
	unplug $GPU2
	wait_until 30 test ! -e "$link" -a ! -e "$node"
	[[ -e /dev/dri/by-path/pci-$GPU1-render ]]
	plug
	wait_until 30 test -e "$link"
	udevadm settle --timeout 30 # it makes the link anew while the card comes
	run "$BUILD/guest-gpu" "/dev/dri/$(node_of $GPU2)"
	assert_success
}

@test "qemu's monitor answers" {
	assert_json "$(qmp query-status)" '.status == "running"'
	run qmp device_del '{"id": "nothing"}'
	assert_failure
	assert_says "'nothing' not found"
	# It cannot take a virtio GPU out of a running machine: that is why the kernel is told to.
	run qmp device_del '{"id": "gpu2"}'
	assert_failure
	assert_says 'hot'
}
