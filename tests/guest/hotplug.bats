#!/usr/bin/env bats
# hotplug.bats - GPUs that go and come back under running containers: drivers unbound and bound, devices taken out of
# their slots, modules unloaded.

load ../lib/common
load ../lib/docker
load guest

setup_file () { start_bed; }
teardown ()
{
	plug
	bind $GPU1
	bind $GPU2
	wait_until 30 all_are_there
	leave_nothing
}

all_are_there () { [[ $(drictl devices --json | jq '[.[] | select(.state == "present")] | length') == 3 ]]; }
virtio_of () { basename "/sys/bus/pci/devices/$1"/virtio*; }
unbind () { virtio_of "$1" >/sys/bus/virtio/drivers/virtio_gpu/unbind; }
is_bound () { [[ -e /sys/bus/virtio/drivers/virtio_gpu/$(virtio_of "$1") ]]; }
bind () { is_bound "$1" || virtio_of "$1" >/sys/bus/virtio/drivers/virtio_gpu/bind; }

lease_of () { drictl status --json | jq --arg name "$1" '.leases[] | select(.container.name == $name)'; }
is_in_state () { [[ $(lease_of "$1" | jq -r .state) == "$2" ]]; }
# opens CONTAINER [NODE]: which GPU does its user find there?
opens () { docker exec "$1" guest-gpu "/dev/dri/${2:-renderD128}" 2>/dev/null | jq -r .pci; }
numbers_of () { stat -c '%Hr %Lr' "/dev/dri/$(node_of "$1")"; }
# own_node CONTAINER NUMBERS: what root there hears of a node that it makes itself
own_node () { docker exec --user 0 "$1" sh -c "rm -f /tmp/own; mknod /tmp/own c $2; guest-gpu /tmp/own" 2>&1; }
is_running () { [[ $(docker inspect --format '{{.State.Running}}' "$1") == true ]]; }

@test "a driver that is unbound and bound: lost, with a reason, and active again without a restart" {
	local started
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	started=$(docker inspect --format '{{.State.StartedAt}}' media)
	assert_equal "$(opens media)" $GPU2
	unbind $GPU2
	wait_until 20 is_in_state media lost
	assert_json "$(lease_of media)" '.reason | contains("its GPU is gone")'
	assert_json "$(drictl devices --json)" '.[] | select(.pci == $ENV.GPU2) | .state == "lost" and .reason != null'
	in_container media ls /dev/dri
	assert_output ''
	bind $GPU2
	wait_until 20 is_in_state media active
	assert_equal "$(opens media)" $GPU2
	assert_equal "$(docker inspect --format '{{.State.StartedAt}}' media)" "$started"
}

@test "a policy that changed while a GPU was away counts when it is back: taken away from one, the other has it again" {
	local number
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	start other --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	unbind $GPU2
	wait_until 20 is_in_state media lost
	wait_until 20 is_in_state other lost
	configure '{"policy": [{"who": {"container": "media"}, "allow": {"gpu": "driver:vgem"}}]}'
	bind $GPU2
	wait_until 20 is_in_state media revoked
	wait_until 20 is_in_state other active
	assert_json "$(lease_of media)" '.reason | contains("does not allow it any more")'
	assert_equal "$(opens other)" $GPU2
	in_container media ls -A /dev/dri
	assert_output ''
	number=$(numbers_of $GPU2)
	[[ $(own_node media "$number") == *'Operation not permitted'* ]]
	# Whatever comes and goes later, and whatever is allowed again.
	configure '{}'
	unbind $GPU2
	wait_until 20 is_in_state other lost
	bind $GPU2
	wait_until 20 is_in_state other active
	is_in_state media revoked
	[[ $(own_node media "$(numbers_of $GPU2)") == *'Operation not permitted'* ]]
}

@test "a device that leaves its slot and returns" {
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU1" app
	unplug $GPU1
	wait_until 20 is_in_state media lost
	plug
	wait_until 20 is_in_state media active
	assert_equal "$(opens media)" $GPU1
}

@test "GPUs that come back with each other's numbers come back to their own containers" {
	local first second
	first=$(numbers_of $GPU1) second=$(numbers_of $GPU2)
	start one --user 1000:1000 --label "dri.gpu=pci:$GPU1" app
	start two --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	unbind $GPU1
	unbind $GPU2
	wait_until 20 is_in_state one lost
	wait_until 20 is_in_state two lost
	bind $GPU2
	wait_until 20 is_in_state two active
	bind $GPU1
	wait_until 20 is_in_state one active
	assert_equal "$(numbers_of $GPU1) $(numbers_of $GPU2)" "$second $first"
	assert_equal "$(opens one) $(opens two)" "$GPU1 $GPU2"
	assert_equal "$(opens one "$(node_of $GPU1)")" $GPU1
	# The device filters came along, those of systemd too.
	[[ $(own_node one "$second") == *"$GPU1"* ]]
	[[ $(own_node one "$first") == *'Operation not permitted'* ]]
	systemctl daemon-reload
	assert_equal "$(opens one) $(opens two)" "$GPU1 $GPU2"
	[[ $(own_node two "$second") == *'Operation not permitted'* ]]
}

@test "a module that is unloaded and loaded" {
	start media --user 1000:1000 --label dri.gpu=driver:vgem app
	modprobe --remove vgem
	wait_until 20 is_in_state media lost
	modprobe vgem
	wait_until 20 is_in_state media active
	run docker exec media guest-gpu /dev/dri/renderD128
	assert_success
	assert_says vgem
}

@test "start-without: the GPU that comes later appears in the running container, openable" {
	unbind $GPU2
	wait_until 20 gpu_is_lost
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU2" --label dri.on-failure=start-without --label dri.wait=0s app
	is_in_state media without
	in_container media ls /dev/dri
	assert_output ''
	bind $GPU2
	wait_until 20 is_in_state media active
	assert_equal "$(opens media)" $GPU2
}
gpu_is_lost () { drictl devices --json | jq -e '.[] | select(.pci == $ENV.GPU2) | .state == "lost"' >/dev/null; }

@test "defer: the broker has the container started when its GPU comes" {
	unbind $GPU2
	wait_until 20 gpu_is_lost
	run docker run --detach --name media --net none --runtime dri --user 1000:1000 --label dri.enable=true \
		--label "dri.gpu=pci:$GPU2" --label dri.on-failure=defer --label dri.wait=1s app
	assert_failure
	assert_says 'dri-broker will have it started'
	bind $GPU2
	wait_until 60 is_running media
	assert_equal "$(opens media)" $GPU2
}

spec_names () { jq -e --arg name "$1" 'any(.devices[]; .name == $name)' /run/cdi/dri.dev-gpu.json >/dev/null; }
spec_lacks () { ! spec_names "$1"; }

@test "the CDI spec follows a GPU that goes and comes" {
	spec_names "pci:$GPU1"
	spec_names "pci:$GPU2"
	unplug $GPU1
	wait_until 60 spec_lacks "pci:$GPU1"
	spec_names "pci:$GPU2"
	plug
	wait_until 60 spec_names "pci:$GPU1"
	run drictl cdi validate
	assert_success
}

@test "by CDI alone a container gets a real GPU, and no other" {
	local config=/etc/docker/daemon.json
	cp $config "$BATS_TEST_TMPDIR/daemon.json"
	jq '.features.cdi = true' "$BATS_TEST_TMPDIR/daemon.json" >$config
	restart_docker
	run docker run --rm --net none --user 1000:1000 --device "dri.dev/gpu=pci:$GPU2" app guest-gpu "/dev/dri/$(node_of $GPU2)"
	assert_success
	assert_json "$output" '.pci == $ENV.GPU2'
	run docker run --rm --net none --device "dri.dev/gpu=pci:$GPU2" app sh -c \
		"mknod /tmp/own c $(numbers_of $GPU1) && guest-gpu /tmp/own"
	assert_failure
	assert_says 'not permitted'
	cp "$BATS_TEST_TMPDIR/daemon.json" $config
	restart_docker
}
