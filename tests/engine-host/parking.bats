#!/usr/bin/env bats
# parking.bats - batch containers stand still while another one needs their place on the GPU, and go on afterwards,
# whatever happens to the broker in between.

load ../lib/common
load ../lib/docker
load ../lib/freezer

ONE_SLOT='{"gpus": [{"match": "pci:0000:00:02.0", "name": "igpu", "slots": 1}]}'

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
}
setup ()
{
	find_broker
	configure "$ONE_SLOT"
}
teardown ()
{
	leave_nothing
	configure '{}'
}

# on_igpu NAME [OPTION]...: a container that counts, and has begun to
on_igpu ()
{
	start "$1" --label dri.gpu=igpu --label dri.wait=1s "${@:2}" app sh -c 'trap "exit 143" TERM; i=0; while :; do echo $((i += 1)) >/dev/shm/n; sleep 0.05; done'
	wait_until 20 docker exec "$1" test -s /dev/shm/n
}
lease_of () { drictl status --json | jq -r --arg name "$1" ".leases[] | select (.container.name == \$name) | $2"; }
state_is () { [[ $(lease_of "$1" .state) == "$2" ]]; }
restart_broker ()
{
	kill "-$1" "$BROKER_PID"
	wait_until 20 eval "! kill -0 $BROKER_PID 2>/dev/null"
	start_broker
	disown
}

@test "realtime parks batch, which goes on when it has gone" {
	on_igpu job --label dri.class=batch
	on_igpu eye --label dri.class=realtime
	state_is job parked
	state_is eye active
	is_frozen job
	run drictl status
	assert_says parked
	docker rm --force eye >/dev/null
	wait_until 20 state_is job active
	wait_until 20 is_thawed job
	assert_equal "$(drictl events --json --last all --no-follow |
		jq -r 'select(.container.name == "job").event | select(IN("parked", "resumed", "throttled"))')" $'parked\nresumed'
}

@test "exclusive parks batch; interactive waits, and is refused" {
	on_igpu job --label dri.class=batch
	run docker run --rm --net none --runtime dri --label dri.enable=true --label dri.gpu=igpu --label dri.wait=1s app true
	assert_failure
	assert_says 'held by job'
	on_igpu alone --label dri.access=exclusive
	is_frozen job
	docker rm --force alone >/dev/null
	wait_until 20 is_thawed job
}

@test "who is parked can be stopped, and ends at once" {
	on_igpu job --label dri.class=batch
	on_igpu eye --label dri.class=realtime
	is_frozen job
	run docker stop --time 30 job
	assert_success
	assert_equal "$(docker inspect --format '{{.State.ExitCode}}' job)" 143
}

@test "a broker that dies keeps those parked who have to be, and wakes those whose time has come" {
	on_igpu job --label dri.class=batch
	on_igpu eye --label dri.class=realtime
	restart_broker KILL
	state_is job parked
	is_frozen job
	kill -KILL "$BROKER_PID"
	docker rm --force eye >/dev/null
	is_frozen job
	start_broker
	disown
	wait_until 20 state_is job active
	is_thawed job
}

@test "a clean stop thaws those who are parked; the next broker parks them again" {
	on_igpu job --label dri.class=batch
	on_igpu eye --label dri.class=realtime
	kill "$BROKER_PID"
	wait_until 20 eval "! kill -0 $BROKER_PID 2>/dev/null"
	is_thawed job
	start_broker
	disown
	wait_until 20 is_frozen job
	state_is job parked
}

@test "the configuration forbids it" {
	configure '{"gpus": [{"match": "pci:0000:00:02.0", "name": "igpu", "slots": 1}], "throttle": {"parking": false}}'
	on_igpu job --label dri.class=batch
	run docker run --rm --net none --runtime dri --label dri.enable=true --label dri.gpu=igpu --label dri.class=realtime \
		--label dri.wait=1s app true
	assert_failure
	assert_says 'held by job'
	is_thawed job
}
