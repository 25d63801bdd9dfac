#!/usr/bin/env bats
# usage.bats - what drictl status tells of the GPU's engines and memory. No GPU here has any: files stand in for
# those of a driver (dri-broker --simulate), and the tests write into them what a driver would tell.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
}
setup ()
{
	find_broker
	clients=$BATS_TEST_TMPDIR/clients
	mkdir "$clients"
}
teardown ()
{
	leave_nothing
	configure '{}'
}

# client NAME PCI ID VIDEO-NS [RESIDENT-KIB]
client ()
{
	printf 'drm-driver:\ti915\ndrm-pdev:\t%s\ndrm-client-id:\t%s\ndrm-engine-video:\t%s ns\n' "${@:2:3}" \
		>"$clients/$1.fdinfo"
	[[ ! ${5:-} ]] || printf 'drm-resident-system0:\t%s KiB\n' "$5" >>"$clients/$1.fdinfo"
}
# start_with NAME CLIENT... [-- OPTION...]: a container that has these clients' files open
start_with ()
{
	local name=$1 opened='' fd=3
	shift
	while (($#)) && [[ $1 != -- ]]; do
		opened+=" $((fd++))</clients/$1.fdinfo"
		shift
	done
	start "$name" --volume "$clients:/clients" "${@:2}" app sh -c "exec $opened; sleep 600 & sleep 600"
	wait_until 20 docker exec "$name" test -e "/proc/1/fd/$((fd - 1))"
}
# figure CONTAINER FILTER: of its lease
figure () { drictl status --json | jq -c --arg name "$1" ".leases[] | select (.container.name == \$name) | $2"; }
gpu_figure () { drictl status --json | jq -c ".gpus[0] | $1"; }

@test "a container's engines and memory, from the files of all of its processes, each client once" {
	client a 0000:00:02.0 1 0 1024
	client b 0000:00:02.0 2 0 512
	start_with web a a b
	assert_equal "$(figure web .memory)" '{"total":1572864,"resident":1572864}'
	assert_equal "$(figure web .engines)" '{"video":0.0}'
	client a 0000:00:02.0 1 9000000000000 1024
	assert_equal "$(figure web .engines)" '{"video":1.0}'
	assert_json "$(figure web .over)" '. > 0'
	assert_equal "$(gpu_figure .engines)" '{"video":1.0}'
	assert_equal "$(gpu_figure .memory.resident)" 1572864
	run drictl status
	assert_says 'video 100%'
	assert_says '1.5 MiB'
}

@test "an engine that works is busy, one whose client has nothing to do is not, one that nobody has open is n/a" {
	local player
	mkdir -m 777 "$clients/engine"
	"$BUILD/tests/gpu_player" serve "$clients/engine" 3>&- &
	player=$!
	wait_until 20 listens "$clients/engine/engine"
	start worker --label dri.gpu=igpu --volume "$clients/engine:/engine" --volume "$BUILD/tests/gpu_player:/gpu_player:ro" \
		app /gpu_player work /engine worker 0000:00:02.0 2000 0
	client a 0000:06:00.0 1 5000000000
	start_with idle a -- --label dri.gpu=radeon
	start none --label dri.gpu=radeon app
	tells () { [[ $(drictl status --json | jq -c --arg name "$1" '[.leases[] | select(.container.name == $name).engines | '"$2]") == '[true]' ]]; }
	wait_until 60 tells worker '.video | numbers | . > 0 and . <= 1'
	wait_until 60 tells idle '. == {"video": 0}'
	tells none '. == null'
	gpus_tell () { [[ $(drictl status --json | jq -c '.gpus | map(.engines.video) | (.[0] > 0) and .[1] == 0') == true ]]; }
	wait_until 60 gpus_tell
	docker rm --force worker >/dev/null
	kill "$player"
}

@test "what the kernel does not tell is n/a, not 0" {
	start web app
	assert_equal "$(figure web '[.engines, .memory, .over]')" '[null,null,null]'
	run drictl status
	assert_says 'n/a'
	assert_equal "$(gpu_figure '[.engines, .memory]')" '[null,null]'
}

@test "clients of another container, of none, or of a GPU that was not leased, are not counted" {
	client a 0000:00:02.0 1 0 1024
	client other 0000:06:00.0 2 0 1024
	client stranger 0000:00:02.0 3 0 1024
	docker run --detach --net none --volume "$clients:/clients" app sh -c 'exec 3</clients/stranger.fdinfo; sleep 600'
	start_with web a -- --label dri.gpu=igpu
	start_with job other -- --label dri.gpu=igpu
	assert_equal "$(figure web .memory.resident)" 1048576
	assert_equal "$(figure job .memory)" null
	assert_equal "$(gpu_figure .memory.resident)" 1048576
}

@test "processes in groups below the container's are its own" {
	local group pid
	client a 0000:00:02.0 1 0 1024
	start_with web a
	pid=$(docker inspect --format '{{.State.Pid}}' web)
	if [[ -e /sys/fs/cgroup/cgroup.procs ]]; then
		group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
	else
		group=/sys/fs/cgroup/devices$(sed -n 's/^[0-9]*:devices://p' "/proc/$pid/cgroup")
	fi
	mkdir "$group/nested"
	for pid in $(<"$group/cgroup.procs"); do echo "$pid" >"$group/nested/cgroup.procs"; done
	assert_equal "$(figure web .memory.resident)" 1048576
}

@test "a member of the group dri-broker is told the same; the files of others he may not read himself" {
	client a 0000:00:02.0 1 0 1024
	start_with web a
	chgrp 4242 "$DRI_BROKER_SOCKET"
	run setpriv --reuid 1000 --regid 4242 --clear-groups "$BUILD/drictl" status --json
	chgrp 0 "$DRI_BROKER_SOCKET"
	assert_success
	assert_json "$output" '.leases[0].memory.resident == 1048576'
}

@test "figures begin anew with a broker that starts anew, and go on from there" {
	client a 0000:00:02.0 1 5000000000 1024
	start_with web a
	kill -KILL "$BROKER_PID"
	wait_until 20 eval "! kill -0 $BROKER_PID 2>/dev/null"
	start_broker
	disown
	assert_equal "$(figure web .engines)" null
	client a 0000:00:02.0 1 9000000000000 1024
	assert_equal "$(figure web .engines)" '{"video":1.0}'
}
