#!/usr/bin/env bats
# docker-share.bats - which GPU, and who has to wait for it.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
}
setup () { find_broker; }
teardown ()
{
	wait
	leave_nothing
	configure '{}'
}

# in_background FILE OPTION...: docker run, its output to the file, for a while
in_background ()
{
	docker run --net none --runtime "${RUNTIME:-dri}" --label dri.enable=true "${@:2}" &>"$BATS_TEST_TMPDIR/$1" 3>&- &
}
queue () { drictl status --json | jq -c '[.queue[].container.name]'; }
queue_is () { [[ $(queue) == "$1" ]]; }
is_leased () { [[ $(lease_list) == "$1" ]]; }
# assert_gpu NAME OPTION...
assert_gpu ()
{
	local node=
	leased "${@:2}" app sh -c 'cd /dev/dri/by-path && echo *'
	assert_success
	[[ $1 != *igpu* ]] || node+=' pci-0000:00:02.0-render'
	[[ $1 != *radeon* ]] || node+=' pci-0000:06:00.0-render'
	[[ " $output" == "$node" ]] || fail "with ${*:2}: expected $1, got $output"
}

@test "dri.gpu selects by address, driver, vendor, id, node and name, in order of preference" {
	local gpu selector
	while read -r gpu selector; do
		assert_gpu "$gpu" --label "dri.gpu=$selector"
	done <<-'END'
		radeon pci:0000:06:00.0
		igpu pci:0000:00:02.0
		radeon driver:amdgpu
		igpu driver:i915
		radeon vendor:amd
		igpu vendor:intel
		radeon 1002:1638
		igpu 8086:46d1
		radeon renderD129
		radeon radeon
		radeon radeon,igpu
		igpu igpu,radeon
		radeon driver:nouveau,0000:0000,radeon,igpu
		igpu+radeon all
	END
}

@test "a name of the administrator's selects too, and any takes the one with most room" {
	configure '{"gpus": [{"match": "driver:i915", "name": "media", "slots": 2}, {"match": "driver:amdgpu", "slots": 2}]}'
	assert_gpu igpu --label dri.gpu=media
	start first --label dri.gpu=media app
	assert_gpu radeon
	start second --label dri.gpu=radeon app
	start third --label dri.gpu=radeon app
	assert_gpu igpu
	assert_gpu igpu --label dri.gpu=radeon,media
}

@test "slots: as many as there are, and no more" {
	configure '{"gpus": [{"match": "driver:i915", "slots": 3}]}'
	start one --label dri.gpu=igpu --label dri.slots=2 app
	start two --label dri.gpu=igpu app
	assert_json "$(drictl status --json)" '.gpus[0].slots == {total: 3, used: 3}'
	leased --name three --label dri.gpu=igpu --label dri.wait=0s app true
	assert_failure
	assert_says 'container three: igpu'
	assert_says 'no 1 free slot: held by one, two'
	run docker rm --force two
	leased --label dri.gpu=igpu --label dri.wait=0s app open-gpu
	assert_success
	leased --label dri.gpu=igpu --label dri.slots=4 app true
	assert_failure
	assert_says 'dri.slots is 4, and the GPU has 3'
}

@test "exclusive: the second waits, and is refused after dri.wait, with the holder's name" {
	local runtime begin took
	start holder --label dri.gpu=igpu --label dri.access=exclusive app
	for runtime in dri dri-crun; do
		begin=$(date +%s%N)
		RUNTIME=$runtime leased --label dri.gpu=igpu --label dri.access=exclusive --label dri.wait=1s app true
		took=$((($(date +%s%N) - begin) / 1000000))
		assert_failure
		assert_says 'cannot be had exclusively: held by holder (waited 1 s)'
		((took >= 1000)) || fail "it took $took ms"
	done
	# Shared ones wait for it as well; another GPU is free.
	leased --label dri.gpu=igpu --label dri.wait=0s app true
	assert_failure
	assert_says 'held by holder'
	assert_gpu radeon --label dri.access=exclusive --label dri.gpu=igpu,radeon
	# And a shared one keeps an exclusive one out.
	start shared --label dri.gpu=radeon app
	leased --label dri.gpu=radeon --label dri.access=exclusive --label dri.wait=0s app true
	assert_failure
	assert_says 'held by shared'
}

@test "exclusive: who waits gets it when the first goes" {
	start holder --label dri.gpu=igpu --label dri.access=exclusive app
	in_background second --name second --label dri.gpu=igpu --label dri.access=exclusive --label dri.wait=60s app open-gpu
	wait_until 20 queue_is '["second"]'
	run drictl status
	assert_says second
	assert_says 'held by holder'
	run drictl explain second
	assert_says waiting
	run docker rm --force holder
	assert_success
	wait $!
	assert_equal "$(docker wait second)" 0
	assert_nothing_leased
}

@test "the queue: realtime before interactive before batch, else in order of arrival" {
	local name class
	start holder --label dri.gpu=igpu --label dri.access=exclusive app
	while read -r name class; do
		in_background "$name" --detach --name "$name" --label dri.gpu=igpu --label dri.access=exclusive \
			--label dri.class="$class" --label dri.wait=60s app
		wait_until 20 eval "[[ \$(queue) == *'\"$name\"'* ]]"
	done <<-'END'
		batch batch
		first interactive
		second interactive
		urgent realtime
	END
	assert_equal "$(queue)" '["urgent","first","second","batch"]'
	for name in holder urgent first second; do
		wait_until 20 is_leased "[\"$name\"]"
		docker rm --force "$name"
	done
	wait_until 20 is_leased '["batch"]'
}

@test "who gives up waiting leaves the queue" {
	local pid
	start holder --label dri.gpu=igpu --label dri.access=exclusive app
	in_background second --name second --label dri.gpu=igpu --label dri.wait=60s app
	wait_until 20 queue_is '["second"]'
	pid=$(pgrep -x dri-runtime)
	kill -KILL "$pid"
	wait_until 20 queue_is '[]'
	wait
	run docker rm --force holder
	assert_nothing_leased
}

@test "a monitor sees every GPU, whoever holds it, and takes no slot" {
	configure '{"slots": 1}'
	start holder --label dri.gpu=igpu --label dri.access=exclusive app
	assert_gpu igpu+radeon --label dri.access=monitor --label dri.wait=0s
	start monitor --label dri.access=monitor app
	assert_gpu radeon --label dri.access=exclusive --label dri.gpu=radeon --label dri.wait=0s
	assert_json "$(drictl status --json)" '[.gpus[].slots.used] == [1, 0]'
}

@test "start-without: after dri.wait it starts with an empty /dev/dri" {
	start holder --label dri.gpu=igpu --label dri.access=exclusive app
	start second --label dri.gpu=igpu --label dri.wait=1s --label dri.on-failure=start-without --device /dev/fuse:/dev/dri/card0 app
	in_container second ls -A /dev/dri
	assert_success
	assert_output ''
	assert_equal "$(lease_list '[.container.name, .state]')" '[["holder","active"],["second","without"]]'
	run drictl explain second
	assert_says 'held by holder'
	run docker rm --force holder
	second_is_active () { [[ $(lease_list '[.container.name, .state]') == '[["second","active"]]' ]]; }
	wait_until 20 second_is_active
	in_container second open-gpu
	assert_success
}

@test "compose: two services, one exclusive GPU, both run where there are two" {
	compose_file '
  a: {image: app, runtime: dri, network_mode: none, labels: [dri.enable=true, dri.access=exclusive]}
  b: {image: app, runtime: dri, network_mode: none, labels: [dri.enable=true, dri.access=exclusive]}
  c: {image: app, runtime: dri, network_mode: none, depends_on: [a, b], labels: [dri.enable=true, dri.access=exclusive, dri.wait=0s]}'
	run docker compose up --detach
	assert_failure
	assert_says 'container media-c-1'
	assert_says 'held by'
	assert_says media-a-1
	assert_equal "$(lease_list .container.service)" '["a","b"]'
	assert_equal "$(lease_list '.gpu | split(" ")[0]')" '["igpu","radeon"]'
}
