#!/usr/bin/env bats
# swarm.bats - a swarm of two nodes, each with a GPU that it advertises. The second is a
# dockerd of its own in a network namespace of its own; both have the same broker.

load ../lib/common
load ../lib/engines
load ../lib/docker

STACK=$REPO/compose-examples/swarm/stack.yaml

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
	install_on_manager
	start_worker
	docker save app | on_worker load >/dev/null
	docker swarm init --advertise-addr 10.99.0.1 --listen-addr 10.99.0.1 >/dev/null
	on_worker swarm join --advertise-addr 10.99.0.2 --listen-addr 10.99.0.2 \
		--token "$(docker swarm join-token --quiet worker)" 10.99.0.1:2377 >/dev/null
	wait_until 60 nodes_are_ready
}
setup () { find_broker; }
teardown ()
{
	local services
	services=$(docker service ls --quiet)
	# shellcheck disable=SC2086
	[[ ! $services ]] || docker service rm $services >/dev/null
	wait_until 60 no_containers || { docker ps; on_worker ps; return 1; } >&2
	wait_until 20 nothing_is_leased
}
teardown_file () { kill "$(</run/worker/pid)"; }

on_worker () { docker --host unix:///run/worker/sock "$@"; }
nodes_are_ready () { [[ $(docker node ls --format '{{.Status}}' | xargs) == 'Ready Ready' ]]; }
no_containers () { [[ ! $(docker ps --all --quiet)$(on_worker ps --all --quiet) ]]; }

# install_on_manager: by drictl, and then the GPUs that the broker has are divided among the nodes
install_on_manager ()
{
	drictl install docker --swarm >"$BATS_FILE_TMPDIR/install"
	jq '.["node-generic-resources"]' /etc/docker/daemon.json >"$BATS_FILE_TMPDIR/advertised"
	start_docker '{"default-runtime": "dri", "node-generic-resources": ["fpga=2", "dri=pci:0000:00:02.0"]}'
}

# start_worker: a second dockerd, with radeon, behind a pair of network devices
start_worker ()
{
	local pid
	mkdir -p /run/worker /var/lib/worker
	mount -t tmpfs tmpfs /var/lib/worker
	jq '.["node-generic-resources"] = ["dri=radeon"]' /etc/docker/daemon.json >/run/worker/daemon.json
	# shellcheck disable=SC2016
	unshare --net setsid bash -c 'echo $$ >/run/worker/net; until busybox ip link show worker; do sleep 0.05; done
		busybox ip link set lo up; busybox ip address add 10.99.0.2/24 dev worker; busybox ip link set worker up
		exec dockerd --config-file /run/worker/daemon.json --data-root /var/lib/worker --exec-root /run/worker/exec \
			--pidfile /run/worker/pid --host unix:///run/worker/sock' </dev/null &>/var/log/worker.log 3>&- 4>&- &
	disown
	wait_until 20 test -s /run/worker/net
	pid=$(</run/worker/net)
	# This ip makes the other end by itself, and calls it veth0.
	busybox ip link add manager type veth
	busybox ip link set veth0 name worker
	busybox ip link set worker netns "$pid"
	busybox ip address add 10.99.0.1/24 dev manager
	busybox ip link set manager up
	wait_until 60 on_worker version >/dev/null
}

# create NAME [OPTION]...: a service, which need not come up
create ()
{
	docker service create --quiet --detach --no-resolve-image --restart-condition none --stop-grace-period 0s \
		--name "$1" "${@:2}" app >/dev/null
}
# runs SERVICE N
runs () { [[ $(docker service ps --filter desired-state=running --format '{{.CurrentState}}' "$1" | grep -c ^Running) == "$2" ]]; }
# lease_of SERVICE: the GPUs of its tasks
lease_of ()
{
	drictl status --json | jq -r --arg service "$1" '[.leases[] | select(.container.service == $service).gpu
		| rtrimstr(" (simulated)")] | sort | join(" ")'
}
# error_of SERVICE: of its task that failed
error_of () { docker service ps --no-trunc --format '{{.Error}}' "$1"; }
has_failed () { [[ $(error_of "$1") ]]; }
# task SERVICE: its container, wherever it is
task ()
{
	local id
	id=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=$1")
	if [[ $id ]]; then docker "${@:2:1}" "$id" "${@:3}"; else
		on_worker "${@:2:1}" "$(on_worker ps --quiet --filter "label=com.docker.swarm.service.name=$1")" "${@:3}"
	fi
}

@test "drictl install docker --swarm: dri is the default, Swarm knows the GPUs, and uninstall leaves none of it" {
	local config=$BATS_TEST_TMPDIR/daemon.json
	assert_json "$(<"$BATS_FILE_TMPDIR/advertised")" '. == ["dri=pci:0000:00:02.0", "dri=pci:0000:06:00.0"]'
	run cat "$BATS_FILE_TMPDIR/install"
	assert_says 'systemctl restart docker'
	if docker_older_than 23; then
		assert_says 'Not checked: this dockerd has no --validate'
	else
		assert_says 'Checked with dockerd --validate'
	fi

	echo '{"node-generic-resources": ["fpga=2"], "debug": true}' >"$config"
	cp "$config" "$config.before"
	configure '{"gpus": [{"match": "renderD129", "name": "arc"}]}'
	run drictl install docker --swarm --dry-run --config "$config"
	assert_success
	assert_says 'node-generic-resources: ["fpga=2"] -> ["fpga=2", "dri=pci:0000:00:02.0", "dri=arc"]'
	cmp "$config" "$config.before"
	drictl install docker --swarm --config "$config" >/dev/null
	assert_json "$(<"$config")" '.["default-runtime"] == "dri" and .["node-generic-resources"][2] == "dri=arc"'
	run drictl install docker --swarm --config "$config"
	assert_says 'nothing to do'
	run drictl uninstall docker --config "$config"
	assert_success
	cmp "$config" "$config.before"
	configure '{}'
	echo '{"node-generic-resources": ["dri=2"]}' >"$config"
	run drictl install docker --swarm --config "$config"
	assert_failure 1
	assert_says '"dri=2"'
	run env DRI_BROKER_SOCKET=/nonexistent "$BUILD/drictl" install docker --swarm --config "$config"
	assert_failure 3
}

@test "a service that reserves a GPU gets the one that Swarm picked, on its node" {
	create web --container-label dri.enable=true --generic-resource dri=1 --replicas 2 --user 1000
	wait_until 60 runs web 2
	assert_equal "$(lease_of web)" 'igpu radeon'
	assert_equal "$(docker ps --quiet | wc -l)" 1
	# shellcheck disable=SC2016
	local look='open-gpu && echo $DOCKER_RESOURCE_DRI && stat -c %u:%t:%T /dev/dri/renderD128'
	run docker exec "$(docker ps --quiet)" sh -c "$look"
	assert_output $'pci:0000:00:02.0\n1000:a:e5'
	run on_worker exec "$(on_worker ps --quiet)" sh -c "$look"
	assert_output $'radeon\n1000:a:ed'
	run drictl explain "$(docker ps --format '{{.Names}}')"
	assert_says 'dri.gpu = pci:0000:00:02.0 (reservation)'
	# There is no third one, which is for Swarm to say.
	create more --container-label dri.enable=true --generic-resource dri=1
	wait_until 30 has_failed more
	[[ $(error_of more) == *'insufficient resources'* ]] || fail "$(error_of more)"
}

@test "labels alone share; what the user says goes before the reservation, and is explained" {
	create shared --container-label dri.enable=true --container-label dri.gpu=igpu --replicas 3
	wait_until 60 runs shared 3
	assert_equal "$(lease_of shared)" 'igpu igpu igpu'
	create other --container-label dri.enable=true --container-label dri.gpu=igpu --generic-resource dri=1 \
		--constraint node.role==worker
	wait_until 60 runs other 1
	assert_equal "$(lease_of other)" igpu
	run drictl explain other
	assert_says 'Swarm reserved dri=radeon for it, and its label dri.gpu=igpu counts'
}

@test "not asked is not given, though reserved; labels of the service are none of the container's" {
	create plain --generic-resource dri=1
	create labelled --label dri.enable=true
	wait_until 60 runs plain 1
	wait_until 60 runs labelled 1
	run task plain exec ls /dev/dri
	assert_failure
	run task labelled exec ls /dev/dri
	assert_failure
	assert_nothing_leased
}

@test "what cannot be given is said where one looks: docker service ps" {
	create typo --container-label dri.enabel=true --mode global
	wait_until 60 has_failed typo
	[[ $(error_of typo) == *'did you mean dri.enable?'* ]] || fail "$(error_of typo)"
	create none --container-label dri.enable=true --container-label dri.gpu=nothing --container-label dri.wait=0s
	wait_until 60 has_failed none
	[[ $(error_of none) == *nothing* ]] || fail "$(error_of none)"
}

@test "the example: a stack of labels and a reservation" {
	printf 'services: {jellyfin: {image: "app", command: ["sleep", "600"], stop_grace_period: 0s}}\n' >"$BATS_TEST_TMPDIR/override.yaml"
	local detach=--detach=true
	! docker_older_than 26 || detach= # which always does
	if docker_older_than 23; then
		cannot 'a stack file without `version:`' 'unsupported Compose file version' \
			docker stack deploy --compose-file "$STACK" media
		sed '1i version: "3.8"' "$STACK" >"$BATS_TEST_TMPDIR/stack.yaml"
		sed -i '1i version: "3.8"' "$BATS_TEST_TMPDIR/override.yaml"
		STACK=$BATS_TEST_TMPDIR/stack.yaml
	fi
	# shellcheck disable=SC2086
	run docker stack deploy $detach --resolve-image never --compose-file "$STACK" \
		--compose-file "$BATS_TEST_TMPDIR/override.yaml" media
	assert_success
	wait_until 60 runs media_jellyfin 1
	run lease_of media_jellyfin
	[[ $output == igpu || $output == radeon ]] || fail "got: $output"
	run task media_jellyfin exec sh -c 'id -u; open-gpu'
	assert_success
	assert_output 1000
	assert_equal "$(lease_list '.container.project')" '["media"]'
}
