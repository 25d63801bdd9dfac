#!/usr/bin/env bats
# attach.bats - drictl attach and detach: a GPU for a container that runs, without a restart.

load ../lib/common
load ../lib/docker
load ../lib/podman

bats_require_minimum_version 1.5.0

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
	start_podman_bed
}
setup () { find_broker; }
teardown ()
{
	podman rm --all --force --time 0 >/dev/null
	leave_nothing
}

# sleeper NAME [OPTION]...: a container that never asked for a GPU
sleeper ()
{
	run docker run --detach --name "$1" --net none --runtime "${RUNTIME:-runc}" "${@:2}" app
	assert_success
}

attach_and_detach ()
{
	local before
	sleeper late --user 1000:1000
	before=$(docker inspect --format '{{.State.StartedAt}} {{.State.Pid}}' late)
	in_container late ls /dev/dri
	assert_failure

	run drictl attach late dri.gpu=radeon
	assert_success
	assert_output 'Attached radeon to container late, until it ends or drictl detach late.'
	in_container late sh -c 'open-gpu && stat -c "%u:%g %a %t:%T" /dev/dri/renderD129'
	assert_success
	assert_output '1000:1000 660 a:ed'
	in_container late touch /dev/dri/x
	assert_failure
	assert_says 'Read-only'
	assert_equal "$(lease_list '[.container.name, .container.engine, .gpu, .state]')" '[["late","docker","radeon","active"]]'

	run drictl attach late
	assert_failure 1
	assert_says 'container late: it has a lease already'

	run drictl detach late
	assert_success
	in_container late ls -A /dev/dri
	assert_success
	assert_output ''
	assert_nothing_leased
	# It was never restarted, and may have it again.
	run drictl attach "$(docker inspect --format '{{.Id}}' late)"
	assert_success
	in_container late open-gpu
	assert_success
	assert_equal "$(docker inspect --format '{{.State.StartedAt}} {{.State.Pid}}' late)" "$before"
	docker rm --force late >/dev/null
	wait_until 20 nothing_is_leased
}

@test "a container that runs gets a GPU, and gives it back" {
	local RUNTIME
	for RUNTIME in runc crun dri; do attach_and_detach; done
}

@test "Podman's containers too" {
	podman run --detach --name late --net none --user 1000:1000 app >/dev/null
	run drictl attach late
	assert_success
	run podman exec late open-gpu
	assert_success
	assert_equal "$(lease_list '[.container.name, .container.engine]')" '[["late","podman"]]'
	run drictl detach late
	assert_success
	assert_nothing_leased
}

@test "what cannot be attached is said in words, and leaves nothing" {
	run drictl attach nobody
	assert_failure 1
	assert_says 'no container nobody of Docker (/var/lib/docker) or Podman'

	docker create --name idle --net none app >/dev/null
	run drictl attach idle
	assert_failure 1
	assert_says 'container idle does not run: start it first'

	sleeper some --user 1000:1000
	run drictl attach some dri.gpu=nosuch dri.wait=0s
	assert_failure 1
	assert_says 'container some: '
	assert_says nosuch
	run drictl attach some dri.acess=shared
	assert_failure 1
	assert_says dri.access
	run drictl attach some gpu
	assert_failure 1
	assert_says 'gpu is no request, as dri.gpu=any is'
	# The gate's reason, and nothing stays mounted.
	run drictl attach some dri.owner=0:0:0600
	assert_failure 1
	assert_says 'may not open /dev/dri/renderD128'
	in_container some ls -A /dev/dri
	assert_output ''
	run drictl detach some
	assert_failure 1
	assert_says 'container some: it has no lease'
	assert_nothing_leased

	stop_broker TERM
	run drictl attach some
	assert_failure 3
	assert_says 'the broker at /run/dri-broker/broker.sock'
	start_broker
	disown
}

group_is_removed ()
{
	find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
	[[ ! -e $group ]]
}

# A record stays behind, and its pid may be anybody's by then.
@test "a process in a group that a user named after a container is not taken for it" {
	local id group=/sys/fs/cgroup pid
	id=$(printf '%064d' 7)
	[[ -e $group/cgroup.procs ]] || group=/sys/fs/cgroup/devices
	group+=/dri-user
	mkdir -p "$group/$id" "$BATS_TEST_TMPDIR/containers/$id"
	sleep 600 3>&- &
	pid=$!
	echo "$pid" >"$group/$id/cgroup.procs"
	jq --null-input --argjson pid "$pid" '{Name: "/gone", State: {Pid: $pid}}' >"$BATS_TEST_TMPDIR/containers/$id/config.v2.json"
	export DRI_BROKER_CONFIG=$BATS_TEST_TMPDIR/config.json
	echo "{\"docker-root\": \"$BATS_TEST_TMPDIR\"}" >"$DRI_BROKER_CONFIG"
	chown 1001 "$group"
	run drictl attach gone
	assert_failure 1
	assert_says 'container gone does not run'
	# In root's it would be, and only lacks its config.json.
	chown 0 "$group"
	run drictl attach gone
	assert_failure
	assert_says config.json
	mkdir "$group/other"
	echo "$pid" >"$group/other/cgroup.procs"
	run drictl attach gone
	assert_failure 1
	assert_says 'container gone does not run'
	kill "$pid"
	wait "$pid" || true
	wait_until 10 group_is_removed
}

@test "a root who attached in one group of his own opens nothing of a revoked GPU in another" {
	local groups=/sys/fs/cgroup
	[[ -e $groups/cgroup.procs ]] || groups=/sys/fs/cgroup/devices
	sleeper late --privileged
	in_container late sh -c "mkdir $groups/a $groups/b && echo 1 >$groups/a/cgroup.procs"
	assert_success
	run drictl attach late
	assert_success
	drictl release --force late
	in_container late sh -c "echo \$\$ >$groups/b/cgroup.procs && mknod /tmp/node c 226 128 && exec 3<>/tmp/node"
	assert_failure
	assert_says 'Operation not permitted'
	docker rm --force late >/dev/null
	wait_until 20 nothing_is_leased
}

@test "a container whose root makes /dev/dri a link into /proc gets nothing" {
	sleeper hostile
	in_container hostile ln -s /proc/1/root/tmp /dev/dri
	assert_success
	run drictl attach hostile
	assert_failure 1
	assert_says 'dri in the container is a symbolic link'
	in_container hostile ls -A /tmp
	assert_output ''
	assert_nothing_leased
}

@test "a container whose root swaps /dev/dri for a link all the time gets it there, or not at all" {
	local i given=0
	mkdir -p "$BATS_TEST_TMPDIR/canary"
	sleeper hostile
	docker exec --detach hostile sh -c "mkdir -p /dev/dri /dev/a; ln -s $BATS_TEST_TMPDIR/canary /dev/b
		while :; do mv -T /dev/dri /dev/c; mv /dev/b /dev/dri; mv /dev/dri /dev/b; mv -T /dev/c /dev/dri; : >/dev/swapping; done"
	wait_until 10 docker exec hostile test -e /dev/swapping
	for ((i = 0; i < 30 || i < 300 && given == i; i++)); do
		run drictl attach hostile
		((status == 0)) || continue
		given=$((given + 1))
		drictl detach hostile || drictl release --force hostile
	done
	((given < i)) || fail "never refused in $i tries"
	assert_equal "$(find "$BATS_TEST_TMPDIR/canary" -mindepth 1)" ''
	run grep -F "$BATS_TEST_TMPDIR/canary" /proc/self/mountinfo
	assert_failure 1
	run grep -F ' /dev/dri ' /proc/self/mountinfo
	assert_failure 1
}
