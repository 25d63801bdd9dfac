#!/usr/bin/env bats
# throttle.bats - who gets how much of a GPU's time: ceilings, and classes under contention. Containers, control
# groups and the freezer are real; the engine is played (tests/fixtures/gpu_player.c).

load ../lib/common
load ../lib/docker
load ../lib/freezer

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
}
setup ()
{
	find_broker
	engine=$BATS_TEST_TMPDIR/engine
	mkdir "$engine"
	chmod 777 "$engine"
	"$BUILD/tests/gpu_player" serve "$engine" 3>&- &
	player=$!
	wait_until 20 listens "$engine/engine"
}
teardown ()
{
	leave_nothing
	kill "$player"
	configure '{}'
}

# work NAME JOB-US REST-US [OPTION]...: a container whose workload has the engine do that
work ()
{
	start "$1" --volume "$engine:/engine" --volume "$BUILD/tests/gpu_player:/gpu_player:ro" --label dri.gpu=igpu "${@:4}" \
		app /gpu_player work /engine "$1" 0000:00:02.0 "$2" "$3"
	wait_until 10 test -s "$engine/$1.fdinfo"
}
lease_of () { drictl status --json | jq -c --arg name "$1" ".leases[] | select (.container.name == \$name) | $2"; }
state_is () { [[ $(lease_of "$1" .state) == "\"$2\"" ]]; }
# uses NAME FILTER: the engine's busy part, as a jq condition
uses () { [[ $(lease_of "$1" ".engines.video | numbers | $2") == true ]]; }
had () { sed -n 's/drm-engine-video:\t0*\([0-9]*\) ns/\1/p' "$engine/$1.fdinfo"; }
goes_on () { (($(had "$1") > $2)); }
restart_broker ()
{
	kill "-$1" "$BROKER_PID"
	wait_until 20 eval "! kill -0 $BROKER_PID 2>/dev/null"
}

@test "dri.share is a ceiling, also for a container that is alone; without it nobody is held" {
	work free 2000 0
	wait_until 20 uses free '. > 0.5'
	state_is free active
	docker rm --force free >/dev/null
	work held 2000 0 --label dri.share=30%
	wait_until 20 state_is held throttled
	wait_until 30 uses held '. > 0.2 and . < 0.36'
	# While it has saved up some time it is not.
	wait_until 20 eval 'drictl status | grep -q throttled'
}

@test "batch gives way to realtime on a busy engine, goes on in what is left, and is let go when alone" {
	local before
	configure '{"throttle": {"threshold": 50, "target": 60}}' # an engine that is played is less busy when the machine is
	work hog 4000 0 --label dri.class=batch
	wait_until 20 uses hog '. > 0.5'
	state_is hog active
	work eye 4000 8000 --label dri.class=realtime
	wait_until 30 state_is hog throttled
	before=$(had hog)
	wait_until 20 goes_on hog "$before"
	state_is eye active
	is_thawed eye
	docker rm --force eye >/dev/null
	wait_until 20 state_is hog active
	wait_until 20 is_thawed hog
	# Told once, however often it was stopped.
	told () { drictl events --json --last all --no-follow | jq -r 'select(.container.name == "hog").event' | grep -xE 'throttled|resumed'; }
	is_told () { [[ $(told) == "$1" ]]; }
	wait_until 20 is_told $'throttled\nresumed'
}

@test "a broker that dies while a container is frozen: the next one goes on, and the container is not left frozen" {
	local before
	work held 2000 0 --label dri.share=5%
	wait_until 20 is_frozen held
	restart_broker KILL
	# It may have been thawed at that very moment: the test wants one that was not.
	until is_frozen held; do
		start_broker
		disown
		wait_until 20 is_frozen held
		restart_broker KILL
	done
	before=$(had held)
	start_broker
	disown
	wait_until 20 goes_on held "$before"
	wait_until 20 state_is held throttled
}

@test "a broker that stops thaws everybody" {
	work held 2000 0 --label dri.share=5%
	wait_until 20 is_frozen held
	restart_broker TERM
	is_thawed held
	start_broker
	disown
}

@test "the end of a frozen container is its end" {
	work held 2000 0 --label dri.share=5%
	wait_until 20 is_frozen held
	run docker stop --time 20 held
	assert_success
	assert_equal "$(docker inspect --format '{{.State.Running}}' held)" false
}

@test "a container that its engine has paused stays paused" {
	local before
	work held 2000 0 --label dri.share=50%
	docker pause held >/dev/null
	is_frozen held
	work other 2000 0 --label dri.share=50%
	wait_until 20 state_is other throttled
	is_frozen held
	docker unpause held >/dev/null
	before=$(had held)
	wait_until 20 goes_on held "$before"
}

@test "the configuration can turn it off" {
	configure '{"throttle": false}'
	work held 2000 0 --label dri.share=5%
	wait_until 20 uses held '. > 0.5'
	wait_until 20 state_is held unheld
	is_thawed held
	# On again, for a container that runs.
	configure '{}'
	wait_until 20 state_is held throttled
	configure '{"throttle": false}'
	wait_until 20 state_is held unheld
	wait_until 20 is_thawed held
}
