#!/usr/bin/env bats
# host-iommu.bats - the machine with an IOMMU is what checks of a host take it for.
# bats file_tags=iommu

load ../lib/common
load ../lib/docker
load guest

setup_file () { install_package; }

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

# finding ID ADDRESS: the outcome of the finding that names this device, in $output
finding ()
{
	jq -r --arg id "$1" --arg address "$2" \
		'.findings[] | select(.id == $id and (.finding | contains($address))) | .outcome' <<<"$output"
}

@test "drictl iommu tells of each PCI device what sysfs has" {
	local path device
	run drictl iommu --json
	assert_success
	for path in /sys/bus/pci/devices/*; do
		device=${path##*/}
		assert_json "$output" '.groups[] | select(.group == $group) | .devices[] | select(.pci == $pci)
				| .class == $class and (.driver // "") == $driver' \
			--arg group "$(group_of "$device")" --arg pci "$device" \
			--arg class "$(sed 's/^0x//' "$path/class")" --arg driver "$(driver_of "$device")" ||
			fail "of $device"
	done
	assert_json "$output" '.ungrouped == []'
	assert_json "$output" '[.groups[].devices[] | select(.gpu) | .pci] | sort == [$one, $two]' \
		--arg one $GPU1 --arg two $GPU2
	run drictl iommu
	assert_success
	[[ $output =~ $GPU1\ +GPU\ +virtio-pci ]]
}

@test "drictl doctor --host finds nothing wrong with this machine" {
	run drictl doctor --host --json
	assert_success
	assert_json "$output" '.bad == 0'
	assert_json "$output" 'any(.findings[]; .id == "host.iommu" and .outcome == "good" and (.finding | contains("dmar0")))'
	assert_json "$output" 'any(.findings[]; .id == "host.acs" and .outcome == "good")'
	assert_equal "$(finding host.group $GPU1) $(finding host.group $GPU2)" 'good good'
	assert_equal "$(finding host.owner $GPU1) $(finding host.owner $GPU2)" 'good good'
	run drictl doctor --host
	assert_success
	assert_says 'the IOMMU is on'
}

# Nobody is given the GPU, so the advice is to take it back; that is done to the letter.
@test "drictl doctor --host sees that vfio-pci has a GPU, and how the host gets it back" {
	local next
	modprobe vfio-pci
	bind vfio-pci $GPU2
	run drictl doctor --host --json
	assert_failure 1
	assert_equal "$(finding host.owner $GPU1) $(finding host.owner $GPU2)" 'good bad'
	next=$(jq -r --arg address $GPU2 \
		'.findings[] | select(.id == "host.owner" and (.finding | contains($address))) | .next[0]' <<<"$output")
	bash -c "$next"
	[[ $(driver_of $GPU2) == virtio-pci ]]
	wait_until 30 test -e "/dev/dri/by-path/pci-$GPU2-render"
	run drictl doctor --host --json
	assert_success
}
