#!/usr/bin/env bats
# host-iommu.bats - the machine with an IOMMU is what checks of a host take it for.
# bats file_tags=iommu

load ../lib/common
load ../lib/docker
load guest

group_of () { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }
driver_of () { basename "$(readlink "/sys/bus/pci/devices/$1/driver")"; }

# bind DRIVER PCI-ADDRESS: takes the device from its driver and gives it to this one
bind ()
{
	local device=/sys/bus/pci/devices/$2
	echo "$1" >"$device/driver_override"
	[[ ! -e $device/driver ]] || echo "$2" >"$device/driver/unbind"
	echo "$2" >/sys/bus/pci/drivers_probe
	[[ $(driver_of "$2") == "$1" ]]
}

@test "the kernel's command line and log have the IOMMU" {
	[[ " $(</proc/cmdline) " == *' intel_iommu=on '* ]]
	[[ -e /sys/class/iommu/dmar0 ]]
	run dmesg
	assert_says 'DMAR: IOMMU enabled'
}

@test "every PCI device is in an IOMMU group, and each GPU in one of its own" {
	local device
	for device in /sys/bus/pci/devices/*; do
		[[ -e $device/iommu_group ]] || fail "$device is in no group"
	done
	[[ $(group_of $GPU1) != "$(group_of $GPU2)" ]]
}

@test "a GPU goes to vfio-pci by driver_override, and comes back" {
	local node
	node=$(node_of $GPU2)
	modprobe vfio-pci
	bind vfio-pci $GPU2
	wait_until 10 test ! -e "/dev/dri/$node"
	[[ -c /dev/vfio/$(group_of $GPU2) ]]
	[[ $(driver_of $GPU1) == virtio-pci ]]
	bind virtio-pci $GPU2
	wait_until 30 test -e "/dev/dri/by-path/pci-$GPU2-render"
}
