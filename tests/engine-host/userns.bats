#!/usr/bin/env bats
# userns.bats - Docker with userns-remap: ids in the container are others on the host,
# and the engine's records stand in a folder of their own.

load ../lib/common
load ../lib/engines
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed '{"userns-remap": "default"}'
	BASE=$(awk -F: '$1 == "dockremap" { print $2; exit }' /etc/subuid)
	export BASE
}
setup () { find_broker; }
teardown ()
{
	configure '{}'
	leave_nothing
}

@test "labels are found, and the mapped user owns the node" {
	local runtime id
	for runtime in dri dri-crun; do
		RUNTIME=$runtime start web --user 1000:1000 app
		id=$(docker inspect --format '{{.Id}}' web)
		[[ -e /var/lib/docker/$BASE.$BASE/containers/$id/config.v2.json && ! -e /var/lib/docker/containers/$id ]] ||
			fail 'this Docker keeps its records elsewhere'
		in_container web sh -c 'stat -c %u:%g /dev/dri/renderD128 && cat /proc/self/uid_map'
		assert_success
		[[ $output =~ ^1000:1000$'\n'\ +0\ +"$BASE"\  ]] || fail "another user namespace: $output"
		assert_equal "$(stat -c %u:%g "$(lease_directory web)/renderD128")" "$((BASE + 1000)):$((BASE + 1000))"
		docker rm --force web
	done
}

@test "an image's words are told apart below the remapped folder too" {
	import_image labelled "$BATS_FILE_TMPDIR/app" --change 'LABEL dri.enable=true' --change 'LABEL dri.gpu=radeon'
	plain labelled ls /dev/dri
	assert_failure
	if docker_older_than 24; then
		cannot 'docker run --annotation' 'unknown flag: --annotation' docker run --annotation dri.enable=true app true
		return
	fi
	plain --annotation dri.enable=true --label dri.gpu=igpu labelled stat -c %t:%T /dev/dri/renderD128
	assert_output a:e5
}

@test "the gate opens the node as the mapped user, in his namespace" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime leased --user 1000:1000 app open-gpu
		assert_success
		# The host's root may open it; the container's user 1000, who is another there, may not.
		RUNTIME=$runtime leased --label dri.owner=1:1:0600 --user 1000:1000 app true
		assert_failure
		assert_says 'user 1000'
		assert_nothing_leased
	done
}

@test "exec works as the user and as the container's root; nobody makes nodes" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime start web --user 1000:1000 app
		in_container --user 1000:1000 web open-gpu
		assert_success
		in_container --user 0 web open-gpu
		assert_success
		in_container --user 0 web mknod /tmp/other c 10 237
		assert_failure
		docker rm --force web
	done
}

@test "who owns the node: PGID, an owner of one's own, and one that is not mapped" {
	local owner expected
	while IFS='|' read -r owner expected; do
		# shellcheck disable=SC2086
		start web $owner app
		assert_equal "$(stat -c %u:%g "$(lease_directory web)/renderD128")" "$expected"
		docker rm --force web
	done <<-END
		--env PUID=1000 --env PGID=1001|$BASE:$((BASE + 1001))
		--label dri.owner=7:8|$((BASE + 7)):$((BASE + 8))
	END
	leased --label dri.owner=70000:70000 app true
	assert_failure
	assert_says 'not mapped'
}

@test "out of the remapping, at the user's word: ids are the host's" {
	leased --userns host --user 1000 app sh -c 'open-gpu && cat /proc/self/uid_map'
	assert_success
	[[ $output =~ ^\ *0\ +0\ +4294967295$ ]] || fail "remapped: $output"
}
