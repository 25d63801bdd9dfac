#!/usr/bin/env bats
# docker-follow.bats - running containers and GPUs that come, go and change their numbers; containers that start
# without their GPU, or are put off until it is there. The GPUs are simulated. A node that the device filter lets
# through has no driver here and says ENXIO; one that it does not says EPERM.
# shellcheck disable=SC2016

load ../lib/common
load ../lib/docker
load ../lib/device_filter

setup_file ()
{
	export SIMULATED_GPUS=$BATS_FILE_TMPDIR/gpus.json
	gpus
	start_bed
}
setup ()
{
	find_broker
	gpus
	look_again
}
teardown () { leave_nothing; }

# gpus [NAME PCI DEVICE]...: what the machine has from now on
gpus ()
{
	jq -n '[$ARGS.positional as $a | range(0; $a | length; 3) | $a[.:. + 3]]
		| {gpus: map({name: .[0], pci: .[1], vendor: "0x8086", device: "0x46d1", driver: "i915", gid: 992,
			render: {name: "renderD\(.[2] | sub(".*:"; ""))", device: .[2]}})}' --args "$@" >"$SIMULATED_GPUS"
}
look_again () { varlinkctl call "$DRI_BROKER_SOCKET" io.dri.Broker.Reload '{}' >/dev/null; }

# opens CONTAINER NODE: what the workload hears
opens () { docker exec "$1" sh -c 'exec 3<>"$1"' sh "$2" 2>&1 | sed 's/.*: //'; }
# opens_number CONTAINER MINOR: what a root of the container hears that makes a node of its own
opens_number ()
{
	docker exec --user 0 "$1" sh -c 'rm -f /tmp/node; mknod /tmp/node c 226 "$1" && exec 3<>/tmp/node' sh "$2" 2>&1 \
		| sed 's/.*: //'
}
state_of () { lease_list 'select(.container.name == "'"$1"'").state' | jq -r '.[0]'; }
is_running () { [[ $(docker inspect --format '{{.State.Running}}' "$1") == true ]]; }
put_off () { drictl status --json | jq -r '.queue[] | select(.state == "put off").container.name'; }
is_leased () { [[ $(lease_list) == "$1" ]]; }
runtimes () { echo dri dri-crun; }

@test "the device filter follows a GPU to its new number" {
	local runtime
	for runtime in $(runtimes); do
		gpus a 0000:00:02.0 226:200 b 0000:03:00.0 226:201
		look_again
		RUNTIME=$runtime start web --label dri.gpu=a --label dri.ready=off --user 1000:1000 app
		assert_equal "$(opens web /dev/dri/renderD128)" "$PASSES"
		assert_equal "$(opens_number web 201)" "$REFUSED"
		gpus b 0000:03:00.0 226:200 a 0000:00:02.0 226:202
		look_again
		assert_equal "$(opens web /dev/dri/renderD202)" "$PASSES"
		assert_equal "$(opens web /dev/dri/renderD128)" "$PASSES"
		assert_equal "$(opens_number web 202)" "$PASSES"
		# Its old number is another GPU's now.
		assert_equal "$(opens_number web 200)" "$REFUSED"
		# All else is as it was.
		assert_equal "$(docker exec web sh -c 'echo x >/dev/null && echo good')" good
		assert_equal "$(docker exec --user 0 web sh -c 'mknod /tmp/disk b 7 0; exec 3</tmp/disk' 2>&1 | sed 's/.*: //')" \
			"$REFUSED"
		docker rm --force web
	done
}

@test "a GPU that goes is closed to its containers, and comes back, as often as it likes" {
	local round
	gpus a 0000:00:02.0 226:200
	look_again
	start web --label dri.ready=off app
	for round in 1 2 3; do
		gpus
		look_again
		assert_equal "$(state_of web)" lost
		assert_equal "$(docker exec web ls /dev/dri)" ''
		assert_equal "$(opens_number web 200)" "$REFUSED"
		run drictl explain web
		assert_says 'is gone'
		gpus a 0000:00:02.0 226:200
		look_again
		assert_equal "$(state_of web)" active
		assert_equal "$(opens web /dev/dri/renderD128)" "$PASSES"
		assert_equal "$(opens_number web 201)" "$REFUSED"
	done
}

@test "a GPU that comes back is so below the group of a privileged container too; one taken away is nowhere" {
	local group
	gpus a 0000:00:02.0 226:200
	look_again
	start web --privileged --label dri.gpu=a --label dri.ready=off app
	group=$(device_group "$(docker inspect --format '{{.State.Pid}}' web)")
	mkdir "$group/below"
	gpus
	look_again
	assert_equal "$(state_of web)" lost
	gpus a 0000:00:02.0 226:200
	look_again
	assert_equal "$(state_of web)" active
	assert_equal "$(opens_number web 200)" "$PASSES"
	assert_equal "$(group_says "$group/below" 226 200)" "$PASSES"
	drictl release --force web
	assert_equal "$(opens_number web 200)" "$REFUSED"
	assert_equal "$(group_says "$group/below" 226 200)" "$REFUSED"
	rmdir "$group/below"
	docker rm --force web
}

@test "what a broker was killed in the middle of, the next one finishes" {
	gpus a 0000:00:02.0 226:200
	look_again
	start web --label dri.ready=off app
	stop_broker KILL
	gpus a 0000:00:02.0 226:203 b 0000:03:00.0 226:200
	start_broker
	disown
	assert_equal "$(opens web /dev/dri/renderD203)" "$PASSES"
	assert_equal "$(opens_number web 200)" "$REFUSED"
}

@test "release --force: it opens no more, whoever has it open is named, and only a new start brings it back" {
	local runtime
	gpus a 0000:00:02.0 226:200
	# The one that opens has no device filter of DRM's, the one that the filter is about has no driver.
	jq '.gpus[0].card = {name: "card0", device: "10:229"}' "$SIMULATED_GPUS" >"$BATS_TEST_TMPDIR/gpus"
	cp "$BATS_TEST_TMPDIR/gpus" "$SIMULATED_GPUS"
	look_again
	for runtime in $(runtimes); do
		RUNTIME=$runtime start web --label dri.nodes=render,card --label dri.ready=off app
		docker exec --detach web sh -c 'exec 3<>/dev/dri/card0; exec sleep 1000'
		sleep_has_it_open ()
		{
			docker exec web sh -c 'for p in /proc/[0-9]*; do [ "$(readlink "$p/fd/3")" != /dev/dri/card0 ] || cat "$p/comm"; done' |
				grep -qx sleep
		}
		wait_until 20 sleep_has_it_open
		assert_equal "$(opens_number web 200)" "$PASSES"
		run drictl release --force web
		assert_success
		assert_says 'Revoked the GPU of container web'
		[[ $output =~ 'But sleep (pid '([0-9]+)') has it open still' ]] || fail "$output"
		assert_equal "$(<"/proc/${BASH_REMATCH[1]}/comm")" sleep
		revoked ()
		{
			assert_equal "$(state_of web)" revoked
			assert_equal "$(docker exec web ls -A /dev/dri)" ''
			assert_equal "$(opens_number web 200)" "$REFUSED"
			run drictl status --json
			assert_json "$output" '.leases[0] | .open[0].command == "sleep" and (.reason | contains("taken away by root"))'
			assert_json "$output" '.gpus[0].slots.used == 0'
		}
		revoked
		run drictl events --last 2 --no-follow --json
		assert_json "$(jq -s . <<<"$output")" 'map(.event) == ["revoked", "still-open"] and (.[1].reason | contains("sleep (pid "))'
		stop_broker KILL
		start_broker
		disown
		revoked
		docker restart --time 0 web
		assert_equal "$(state_of web)" active
		assert_equal "$(opens_number web 200)" "$PASSES"
		docker rm --force web
	done
}

@test "start-without: the node appears when the GPU does, and the workload may open it" {
	local runtime
	for runtime in $(runtimes); do
		gpus
		look_again
		RUNTIME=$runtime start web --label dri.on-failure=start-without --label dri.wait=0s --user 1000:1000 app
		assert_equal "$(state_of web)" without
		assert_equal "$(docker exec web ls /dev/dri)" ''
		assert_equal "$(opens_number web 200)" "$REFUSED"
		gpus a 0000:00:02.0 226:200
		look_again
		assert_equal "$(state_of web)" active
		assert_equal "$(opens web /dev/dri/renderD128)" "$PASSES"
		assert_equal "$(opens_number web 201)" "$REFUSED"
		docker rm --force web
	done
}

@test "start-without: a GPU that comes free goes to who runs without" {
	gpus a 0000:00:02.0 10:229
	look_again
	start first --label dri.access=exclusive app
	start second --label dri.on-failure=start-without --label dri.wait=0s --user 1000:1000 app
	assert_equal "$(state_of second)" without
	docker rm --force first
	second_is_active () { [[ $(state_of second) == active ]]; }
	wait_until 20 second_is_active
	assert_equal "$(lease_list)" '["second"]'
	docker exec second open-gpu
	stop_broker KILL
	start_broker
	disown
	assert_equal "$(state_of second)" active
}

@test "defer: the start fails for now, and Docker is asked when the GPU is there" {
	local runtime
	for runtime in $(runtimes); do
		gpus
		look_again
		RUNTIME=$runtime plain --rm=false --detach --name web --label dri.enable=true --label dri.on-failure=defer \
			--label dri.wait=0s app
		assert_failure
		assert_says 'no GPU on this machine'
		assert_says 'dri-broker will have it started'
		assert_equal "$(put_off)" web
		run drictl explain web
		assert_says 'put off'
		gpus a 0000:00:02.0 10:229
		look_again
		wait_until 20 is_running web
		assert_equal "$(state_of web)" active
		docker exec web open-gpu
		assert_equal "$(put_off)" ''
		docker rm --force web
	done
}

@test "defer: whoever was put off first is first, and nobody is forgotten when the broker is killed" {
	local name
	gpus a 0000:00:02.0 10:229
	look_again
	start holder --label dri.access=exclusive app
	for name in one two; do
		plain --rm=false --detach --name "$name" --label dri.enable=true --label dri.access=exclusive \
			--label dri.on-failure=defer --label dri.wait=0s app
		assert_failure
		assert_says 'held by holder'
	done
	stop_broker KILL
	start_broker
	disown
	assert_equal "$(put_off)" $'one\ntwo'
	docker rm --force holder
	wait_until 20 is_running one
	wait_until 10 is_leased '["one"]'
	assert_equal "$(put_off)" two
	docker rm --force one
	wait_until 20 is_running two
}

@test "defer: who waits when the broker ends is refused with the cause, and started when its turn comes" {
	local signal job code
	waits () { [[ $(drictl status --json | jq -r '.queue[] | select(.state == "waiting").container.name') == web ]]; }
	gpus a 0000:00:02.0 10:229
	look_again
	for signal in KILL TERM; do
		start holder --label dri.access=exclusive app
		docker run --detach --name web --net none --runtime dri --label dri.enable=true --label dri.on-failure=defer \
			--label dri.wait=60s app >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
		job=$!
		wait_until 10 waits
		stop_broker "$signal"
		code=0
		wait "$job" || code=$?
		run cat "$BATS_TEST_TMPDIR/said"
		((code != 0)) || fail "$output"
		assert_says 'dri-broker: container web: the broker at /run/dri-broker/broker.sock was stopped, or has ended'
		assert_says 'try again, journalctl -u dri-broker tells why'
		start_broker
		disown
		assert_equal "$(put_off)" web
		docker rm --force holder
		wait_until 20 is_running web
		assert_equal "$(put_off)" ''
		docker rm --force web
	done
}

@test "defer: forgotten by drictl release, by removal, and by a start by hand" {
	gpus
	look_again
	plain --rm=false --detach --name web --label dri.enable=true --label dri.on-failure=defer --label dri.wait=0s app
	assert_failure
	run drictl release web
	assert_success
	assert_equal "$(put_off)" ''
	run docker start web
	assert_failure
	assert_equal "$(put_off)" web
	docker rm --force web
	gpus a 0000:00:02.0 10:229
	look_again
	nothing_put_off () { [[ ! $(put_off) && ! $(drictl status --json | jq -r '.queue[].state') ]]; }
	wait_until 20 nothing_put_off
	assert_nothing_leased
}

@test "defer: what the driver's check turned away is tried again" {
	# This one opens, but to nobody: no driver behind it.
	gpus a 0000:00:02.0 226:200
	look_again
	plain --rm=false --detach --name web --label dri.enable=true --label dri.on-failure=defer --label dri.wait=0s app
	assert_failure
	assert_says 'no driver behind'
	assert_equal "$(put_off)" web
	gpus a 0000:00:02.0 10:229
	look_again
	wait_until 20 is_running web
}

@test "defer: a Docker that is away is asked again" {
	gpus
	look_again
	plain --rm=false --detach --name web --label dri.enable=true --label dri.on-failure=defer --label dri.wait=0s app
	assert_failure
	local docker
	docker=$(</run/docker.pid)
	kill "$docker"
	docker_is_gone () { [[ ! -e /proc/$docker ]]; }
	wait_until 30 docker_is_gone
	gpus a 0000:00:02.0 10:229
	look_again
	assert_equal "$(put_off)" web
	start_docker
	# The next look comes at a change of the GPUs, or after a minute.
	look_again
	wait_until 20 is_running web
}

@test "max-wait: no container waits longer, whatever its label says" {
	gpus
	configure '{"max-wait": 1}'
	plain --label dri.enable=true --label dri.wait=60s app true
	assert_failure
	assert_says '(waited 1 s)'
	configure '{}'
}
