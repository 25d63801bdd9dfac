#!/usr/bin/env bats
# docker-life.bats - a lease lives as long as its container, whoever dies first.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed '{"live-restore": true}'
}
setup () { find_broker; }
teardown ()
{
	pkill -CONT containerd-shim || :
	[[ -e /run/docker.pid && -e /proc/$(</run/docker.pid) ]] || start_docker '{"live-restore": true}'
	leave_nothing
}

is_exited () { [[ $(docker inspect --format '{{.State.Status}}' "$1") == exited ]]; }
dockerd_is_gone () { [[ ! -e /proc/$1 ]]; }
is_leased () { [[ $(lease_list) == "$1" ]]; }
states_are () { [[ $(lease_list '[.container.name, .state]') == "$1" ]]; }
assert_leased () { assert_equal "$(lease_list '[.container.name, .state]')" "$1"; }
restart_broker ()
{
	stop_broker "$1"
	start_broker
	disown
}

@test "however a container ends, its lease ends with it" {
	local runtime end
	for runtime in dri dri-crun; do
		for end in 'stop --time 0' kill 'rm --force' 'kill --signal TERM'; do
			RUNTIME=$runtime start web --init app
			assert_leased '[["web","active"]]'
			# shellcheck disable=SC2086
			run docker $end web
			assert_success
			[[ $end != kill* ]] || docker wait web 2>/dev/null || :
			wait_until 20 nothing_is_leased
			docker rm --force web &>/dev/null || :
		done
		RUNTIME=$runtime leased app sh -c 'exit 5'
		assert_failure 5
		assert_nothing_leased
	done
}

@test "the container's process dies of itself" {
	local pid
	start web app
	pid=$(docker inspect --format '{{.State.Pid}}' web)
	kill -KILL "$pid"
	wait_until 20 nothing_is_leased
}

@test "a start that fails leaves nothing" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime leased --name web app /etc/passwd
		assert_failure
		assert_says /etc/passwd
		assert_nothing_leased
		docker rm --force web &>/dev/null || :
		# After the lease and its mount: a mount of the user's that cannot be made.
		RUNTIME=$runtime leased --mount type=tmpfs,destination=/proc/x app true
		assert_failure
		assert_nothing_leased
		RUNTIME=$runtime leased --workdir /etc/passwd app true
		assert_failure
		assert_nothing_leased
		RUNTIME=$runtime leased --label dri.owner=0:0:0600 --user 1000 app true
		assert_failure
		assert_nothing_leased
	done
}

@test "restart: a lease of its own for each life" {
	local first
	start web app
	first=$(lease_list .id)
	run docker restart --time 0 web
	assert_success
	assert_leased '[["web","active"]]'
	[[ $(lease_list .id) != "$first" ]]
	[[ $(lease_directories | wc -l) == 1 ]]
}

@test "restart policy: each time with a lease, and none in between" {
	start web --restart on-failure:3 app sh -c 'open-gpu || exit 0; exit 1'
	wait_until 60 is_exited web
	assert_equal "$(docker inspect --format '{{.RestartCount}} {{.State.ExitCode}}' web)" '3 1'
	assert_nothing_leased
}

@test "pause keeps the lease" {
	start web app
	run docker pause web
	assert_success
	assert_leased '[["web","active"]]'
	run docker unpause web
	assert_success
	in_container web open-gpu
	assert_success
}

@test "kill -9 of the broker loses no lease of the living, and keeps none of the dead" {
	local ids
	start web app
	start db --label dri.gpu=radeon --user 1000:1000 app
	start gone app
	ids=$(lease_list '[.container.name, .id, .gpu, .since]')
	restart_broker KILL
	assert_equal "$(lease_list '[.container.name, .id, .gpu, .since]')" "$ids"
	assert_leased '[["db","active"],["gone","active"],["web","active"]]'
	in_container db sh -c 'open-gpu renderD129'
	assert_success

	# One ends while nobody looks; a pid alone would not tell.
	stop_broker KILL
	run docker rm --force gone
	assert_success
	start_broker
	disown
	assert_leased '[["db","active"],["web","active"]]'
	assert_equal "$(lease_directories | wc -l)" 2

	# The restarted broker notices ends as the first did.
	run docker rm --force web
	assert_success
	kill -KILL "$(docker inspect --format '{{.State.Pid}}' db)"
	wait_until 20 nothing_is_leased
}

@test "a broker that is stopped and started in order keeps the leases too" {
	start web app
	restart_broker TERM
	assert_leased '[["web","active"]]'
	in_container web open-gpu
	assert_success
	run drictl explain web
	assert_says 'Decided: active'
}

@test "containers that start while the broker is being killed have a lease, or have not started" {
	local i name jobs=()
	configure '{"activate-timeout": 2}'
	for i in 1 2 3 4 5 6; do
		docker run --detach --name "web$i" --net none --runtime dri --label dri.enable=true --label dri.wait=1s \
			app &>/dev/null 3>&- &
		jobs+=($!)
		if ((i % 2 == 0)); then
			sleep 0.0$((i * 3))
			restart_broker KILL
		fi
	done
	wait "${jobs[@]}" || :
	# What runs has a lease, and a GPU that opens; what has a lease runs. A grant of which nobody
	# was told expires.
	wait_until 20 is_leased "$(docker ps --format '{{.Names}}' | sort | jq -Rnc '[inputs]')"
	for name in $(docker ps --format '{{.Names}}'); do
		in_container "$name" open-gpu
		assert_success
	done
	assert_equal "$(lease_directories | wc -l)" "$(lease_list | jq length)"
	configure '{}'
}

@test "kill -9 of dockerd: with live-restore containers and leases go on" {
	local dockerd
	start web app
	dockerd=$(</run/docker.pid)
	kill -KILL "$dockerd"
	wait_until 20 dockerd_is_gone "$dockerd"
	assert_leased '[["web","active"]]'
	start_docker '{"live-restore": true}'
	assert_equal "$(docker ps --format '{{.Names}}')" web
	assert_leased '[["web","active"]]'
	in_container --user 1000 web open-gpu
	assert_success
	run docker stop --time 0 web
	assert_success
	assert_nothing_leased
}

@test "containerd's shim hangs or is killed: the lease ends with the container's process" {
	local shim signal
	for signal in STOP KILL; do
		start web app
		shim=$(pgrep -f "containerd-shim.*$(docker inspect --format '{{.Id}}' web)")
		kill -"$signal" "$shim"
		kill -KILL "$(docker inspect --format '{{.State.Pid}}' web)" 2>/dev/null || :
		# Nobody runs the poststop hook while the shim hangs.
		wait_until 20 nothing_is_leased
		[[ $signal == KILL ]] || kill -CONT "$shim"
		docker rm --force web
	done
}

# From here on dockerd takes its containers with it.

@test "dockerd restarts: it starts its containers again, each with a lease of its own" {
	start_docker
	local ids
	start web --stop-timeout 1 --restart always app
	start db --stop-timeout 1 --restart unless-stopped --label dri.gpu=radeon app
	ids=$(lease_list .id)
	start_docker
	wait_until 60 states_are '[["db","active"],["web","active"]]'
	[[ $(lease_list .id) != "$ids" ]]
	assert_equal "$(lease_directories | wc -l)" 2
}
