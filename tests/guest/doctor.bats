#!/usr/bin/env bats
# doctor.bats - drictl doctor on a machine that runs, with real nodes, udev, Docker and dri-broker.

load ../lib/common
load ../lib/docker
load guest

setup_file () { start_bed; }
teardown () { leave_nothing; }

doctor () { run drictl doctor --json "$@"; }

# found good|bad|none ID [TEXT]
found ()
{
	assert_json "$output" 'any(.findings[]; .outcome == $o and .id == $id and (.finding | contains($text)))' \
		--arg o "$1" --arg id "$2" --arg text "${3:-}"
}

# ids OUTCOME: of all such findings, each once; VA-API aside, whose drivers do not come up in here
ids () { jq -c --arg o "$1" '[.findings[] | select(.outcome == $o and .area != "VA-API").id] | unique' <<<"$output"; }

@test "the two GPUs, their driver, nodes and group; a broker that knows them; Docker that knows the runtime" {
	local address node
	doctor
	for address in $GPU1 $GPU2; do
		node=$(node_of "$address")
		found good gpu.pci "$address"
		found good gpu.driver "$address: driver virtio-pci of Linux $(uname -r)"
		found good gpu.node "/dev/dri/$node is the render node of $address"
		found good gpu.group "/dev/dri/$node belongs to the group render, gid $(getent group render | cut -d: -f3)"
		found good broker.gpus "$node"
	done
	found good gpu.node "/dev/dri/$(vgem_node) is the render node of a virtual GPU"
	found good broker.answer
	found good broker.config
	found good broker.leases
	found good docker.config
	found good docker.runtime "$(command -v dri-runtime)"
	assert_equal "$(ids bad)" '[]'
}

@test "VA-API: the driver's own words, since without 3D none comes up" {
	doctor
	assert_failure 1
	found bad vaapi.driver "$(node_of $GPU1)"
	found bad vaapi.driver 'init failed'
	run drictl doctor
	assert_says "✖ $(node_of $GPU1): "
}

is_known () { drictl devices --json | jq -e --arg node "$1" 'any(.[]; .render == $node and .state == "present")' >/dev/null; }

@test "a node that is gone comes back by the command that stands there" {
	local node
	node=$(node_of $GPU1)
	rm "/dev/dri/$node"
	doctor
	assert_failure 1
	found bad gpu.node "/dev/dri/$node is not there"
	jq -r '.findings[] | select(.id == "gpu.node" and .outcome == "bad").next[]' <<<"$output" |
		sed 's/sudo //g' >"$BATS_TEST_TMPDIR/next"
	bash -e "$BATS_TEST_TMPDIR/next"
	udevadm settle
	assert_equal "$(stat -c %t:%T:%G "/dev/dri/$node")" "e2:$(printf %x "${node#renderD}"):render"
	wait_until 30 is_known "$node"
	doctor
	assert_equal "$(ids bad)" '[]'
}

@test "containers past the broker, by name; one with a lease is none of them" {
	docker run --detach --name plain --net none --device /dev/dri app >/dev/null
	docker run --detach --name mighty --net none --privileged app >/dev/null
	docker run --detach --name leased --net none --runtime dri --label dri.enable=true --label "dri.gpu=pci:$GPU1" \
		--label dri.ready=driver app >/dev/null
	docker create --name mute --net none --label dri.enable=true app >/dev/null
	doctor
	found bad containers.devices 'plain takes /dev/dri'
	found bad containers.privileged 'mighty is privileged'
	found bad containers.runtime 'mute has the label dri.enable'
	assert_json "$output" 'all(.findings[].finding; startswith("leased ") | not)'
	docker rm --force plain mighty leased mute >/dev/null
	doctor
	assert_equal "$(ids bad)" '[]'
}

@test "a broker that is stopped is found so" {
	systemctl stop dri-broker.socket dri-broker.service
	doctor
	systemctl start dri-broker.socket dri-broker.service
	found bad broker.answer 'cannot be reached'
	doctor
	found good broker.answer
}

@test "a user without rights is told so, and is no reason to call anything bad" {
	run setpriv --reuid 1234 --regid 1234 --clear-groups drictl doctor --json
	found none containers.devices "root's to read"
	found none vaapi.driver 'may not open it'
	assert_equal "$(ids bad)" '[]'
}

@test "the copy that the manual shows how to make has the same findings" {
	local live copy=$BATS_TEST_TMPDIR/copy
	doctor
	live=$(ids good)
	mkdir "$copy"
	cd /
	dmesg >/var/log/dmesg
	cp -a --parents -t "$copy" etc/os-release etc/group etc/modprobe.d etc/docker proc/cmdline proc/cpuinfo \
		proc/sys/kernel/osrelease dev/dri "lib/modules/$(uname -r)/modules.dep" var/log/dmesg
	find sys/devices/pci* sys/bus/pci/devices sys/class/drm '(' -type l -o -name class -o -name vendor \
		-o -name device -o -name dev ')' -exec cp -d --parents -t "$copy" {} +
	rm /var/log/dmesg
	doctor --root "$copy"
	assert_success
	assert_json "$(ids good)" '. == ($live | map(select(startswith("gpu."))) + ["broker.config"] | sort)' --argjson live "$live"
}
