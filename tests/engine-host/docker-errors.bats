#!/usr/bin/env bats
# docker-errors.bats - who opted in and cannot be served fails with the reason, where
# the user reads it; everybody else starts.

load ../lib/common
load ../lib/engines
load ../lib/docker

# The GPU arc of simulated-gpus.json has no driver behind its node.
setup_file ()
{
	# The runtime underneath stops the broker: the grant is given, and the hook finds nobody.
	cat >/run/runc-that-stops-the-broker <<-'END'
		#!/bin/sh
		case " $* " in *' create '*) pkill -STOP -x dri-broker ;; esac
		exec runc "$@"
	END
	chmod 755 /run/runc-that-stops-the-broker
	start_bed "{\"runtimes\": {\"dri-stop\": {\"path\": \"$BUILD/dri-runtime\",
		\"runtimeArgs\": [\"--dri-oci-runtime\", \"/run/runc-that-stops-the-broker\"]}}}"
}
setup ()
{
	find_broker
	compose=
}
teardown ()
{
	find_broker
	kill -CONT "$BROKER_PID"
	configure '{}'
	[[ ! $compose ]] || compose down --timeout 0
	leave_nothing
}

# refused_by COMMAND... -- TEXT...: the command fails and says all that
refused_by ()
{
	local command=()
	while [[ $1 != -- ]]; do command+=("$1"); shift; done
	shift
	run "${command[@]}"
	assert_failure
	for text; do assert_says "$text" || return; done
}

# assert_refused "LABEL..." OPTIONS TEXT...: by docker run and compose up, with
# runc and with crun underneath; the message names the container
assert_refused ()
{
	local labels=$1 options=$2 label runtime list=
	shift 2
	for label in $labels; do list+="$label, "; done
	for runtime in dri dri-crun; do
		# shellcheck disable=SC2086
		refused_by docker run --rm --net none --name web --runtime "$runtime" ${labels:+--label ${labels// / --label }} \
			$options app true -- 'container web: ' "$@"
		docker rm --force web &>/dev/null || :
		compose_file "
  web: {image: app, runtime: $runtime, network_mode: none, labels: [$list]${options:+, user: \"${options#--user }\"}}"
		compose=1
		refused_by compose up --detach -- "container $(composed web): " "$@"
		compose down --timeout 0 2>/dev/null
		assert_nothing_leased
	done
}

@test "an unknown key is refused, and the nearest is named" {
	assert_refused 'dri.gpuu=any' '' 'unknown label dri.gpuu; did you mean dri.gpu?'
}

@test "a wrong value is refused, and the nearest is named" {
	assert_refused 'dri.enable=true dri.access=exculsive' '' \
		'dri.access: no value "exculsive"; did you mean "exclusive"?'
}

@test "more wrong words, of labels, annotations and the environment" {
	local label
	while IFS='|' read -r label text; do
		[[ $label != *--annotation* ]] || ! docker_older_than 24 || continue # docker-optin.bats
		# shellcheck disable=SC2086
		refused_by docker run --rm --net none --name web --runtime dri $label app true -- 'container web: ' "$text"
	done <<-'END'
		--label dri.Enable=true|did you mean dri.enable?
		--label dri.=true|unknown label dri.
		--label dri.enabled=true|did you mean dri.enable?
		--label dri.enable=yes|no value "yes"
		--label dri.enable=|no value ""
		--label dri.enable=True|did you mean "true"?
		--annotation dri.enable=true --annotation dri.onfailure=fail|unknown annotation dri.onfailure; did you mean dri.on-failure?
		--annotation dri.enable=tru|did you mean "true"?
		--label dri.enable=true --env DRI_WAIT=10m|DRI_WAIT: wants a time of at most 60s
		--label dri.enable=true --env DRI_NODES=card|DRI_NODES: no value "card"; valid are "render", "render,card"
		--label dri.enable=true --label dri.wait=61s|at most 60s
		--label dri.enable=true --label dri.owner=1000|UID:GID
		--label dri.enable=true --label dri.owner=0:0:4755|UID:GID[:MODE]
		--label dri.enable=true --label dri.gpu=pci:00:02.0|did you mean "pci:0000:00:02.0"?
		--label dri.enable=true --label dri.slots=0|dri.slots
		--label dri.enable=true --label dri.slots=17|the GPU has 16
		--label dri.enable=true --label dri.gpu=nowhere --label dri.wait=0s|no GPU fits dri.gpu "nowhere"; there is igpu
	END
}

@test "what only takes effect later is accepted" {
	run docker run --rm --net none --runtime dri --label dri.enable=true --label dri.gpu=igpu --label dri.class=batch \
		--label dri.share=40% --label dri.require=h264-decode app open-gpu
	assert_success
}

@test "the gate: the workload's user may not open the node" {
	assert_refused 'dri.enable=true dri.gpu=igpu dri.owner=0:0:0600' '--user 1000:1000' \
		'1000:1000 may not open /dev/dri/renderD128: set dri.owner'
}

@test "the gate: no driver behind the node" {
	assert_refused 'dri.enable=true dri.gpu=arc dri.wait=1s' '' 'no driver behind /dev/dri/renderD129 (226:129) after 1 s'
	docker run --rm --net none --runtime dri --label dri.enable=true --label dri.gpu=arc --label dri.ready=off app true
}

@test "the gate: asks as the user that PUID and PGID name" {
	refused_by docker run --rm --net none --runtime dri --label dri.enable=true --label dri.gpu=igpu \
		--env PUID=1000 --env PGID=1001 --label dri.owner=0:44 app true -- '1000:1001 may not open'
}

@test "start-without: what cannot be had is no reason not to start" {
	local runtime
	for runtime in dri dri-crun; do
		# What the gate finds, and what the broker has not.
		for label in dri.gpu=arc dri.gpu=nowhere; do
			run docker run --detach --name web --net none --runtime "$runtime" --label dri.enable=true \
				--label "$label" --label dri.wait=0s --label dri.on-failure=start-without app
			assert_success
			in_container web ls -A /dev/dri
			assert_success
			assert_output ''
			assert_equal "$(lease_list '[.container.name, .state, .gpu]')" '[["web","without",null]]'
			run drictl explain web
			assert_says 'Sees no GPU'
			docker rm --force web
		done
	done
}

# assert_broker_missed TEXT...: who opted in fails, and says so within bounds; the rest starts
assert_broker_missed ()
{
	local runtime text begin=$SECONDS files=$BATS_TEST_TMPDIR jobs=()
	for runtime in dri dri-crun; do
		(docker run --rm --net none --runtime "$runtime" --name "web-$runtime" --label dri.enable=true \
			--label dri.wait=1s app true &>"$files/$runtime") 3>&- &
		jobs+=($!)
	done
	# Asked for a GPU, and may start without.
	(docker run --rm --net none --runtime dri --label dri.enable=true --label dri.on-failure=start-without \
		--label dri.wait=1s --device /dev/fuse:/dev/dri/renderD128 app ls /dev/dri &>"$files/without") 3>&- &
	jobs+=($!)
	for runtime in dri dri-crun; do
		run docker run --rm --net none --runtime "$runtime" app echo here
		assert_success
		assert_output here
	done
	((SECONDS - begin < 4)) || fail "the container that did not ask waited $((SECONDS - begin)) s"
	wait "${jobs[@]}" || :
	((SECONDS - begin < 12)) || fail "it took $((SECONDS - begin)) s"
	for runtime in dri dri-crun; do
		output=$(<"$files/$runtime")
		for text in "container web-$runtime: the broker at $DRI_BROKER_SOCKET" "$@"; do assert_says "$text"; done
	done
	assert_equal "$(<"$files/without")" 'ls: /dev/dri: No such file or directory'
}

@test "the broker is dead: its socket is there and nobody listens" {
	stop_broker KILL
	[[ -S $DRI_BROKER_SOCKET ]]
	assert_broker_missed 'Connection refused' 'systemctl start dri-broker.socket'
}

@test "the broker's socket is absent" {
	stop_broker TERM
	rm -f "$DRI_BROKER_SOCKET"
	assert_broker_missed 'No such file or directory' 'systemctl start dri-broker.socket'
}

@test "what stands in place of the socket cannot be connected to" {
	stop_broker TERM
	rm -f "$DRI_BROKER_SOCKET"
	mkdir "$DRI_BROKER_SOCKET"
	assert_broker_missed 'cannot be reached'
	rmdir "$DRI_BROKER_SOCKET"
}

broker_is_stopped () { [[ $(ps -o stat= -p "$BROKER_PID") == T* ]]; }

@test "the broker hangs, before a container asks and when its hook calls" {
	local begin=$SECONDS hooked
	(docker run --rm --net none --runtime dri-stop --name hooked --label dri.enable=true --label dri.gpu=igpu app true \
		&>"$BATS_TEST_TMPDIR/hooked") 3>&- &
	hooked=$!
	wait_until 20 broker_is_stopped
	assert_broker_missed 'does not answer'

	wait "$hooked" || :
	output=$(<"$BATS_TEST_TMPDIR/hooked")
	assert_says 'container hooked: the broker at'
	assert_says 'does not answer'
	((SECONDS - begin < 120)) || fail "it took $((SECONDS - begin)) s"
	kill -CONT "$BROKER_PID"
	wait_until 20 nothing_is_leased
}

@test "a configuration that is none stops who opted in, and names itself" {
	echo '{"runtimes": ["runc"], "slotz": 3}' >"$DRI_BROKER_CONFIG"
	refused_by docker run --rm --net none --runtime dri --name web --label dri.enable=true app true -- \
		'container web: ' "$DRI_BROKER_CONFIG" slotz
	run docker run --rm --net none --runtime dri app true
	assert_success
}

@test "the configuration names the runtime underneath" {
	configure '{"runtimes": ["/no/such/runtime", "crun"]}'
	local runtime said=
	# Each runtime says that in words of its own, to which older clients add some at times.
	for runtime in crun dri; do
		run docker run --rm --net none --runtime $runtime --label dri.enable=true --label dri.gpu=igpu app no-such
		assert_failure
		assert_says 'no-such'
		[[ ! $said ]] || assert_equal "${lines[0]}" "$said"
		said=${lines[0]}
	done
	configure '{"runtimes": ["/no/such/runtime"]}'
	refused_by docker run --rm --net none --runtime dri app true -- 'no OCI runtime found'
}

@test "long labels: 1 MB of ours is refused, 1 MB of another's is none of our business" {
	local long
	long=$(head -c 1000000 /dev/zero | tr '\0' x)
	compose_file "
  web: {image: app, runtime: dri, network_mode: none, labels: {dri.enable: 'true', dri.gpu: '$long'}}"
	compose=1
	refused_by compose up --detach -- "container $(composed web): dri.gpu has a value of 1000000 characters"
	compose_file "
  web: {image: app, runtime: dri, network_mode: none, labels: {dri.enable: 'true', dri.gpu: igpu, other: '$long'}}
  plain: {image: app, runtime: dri, network_mode: none, labels: {other: '$long'}}"
	run compose up --detach
	assert_success
	assert_equal "$(lease_list)" "[\"$(composed web)\"]"
}

@test "the lease root is full, or gone" {
	mount -t tmpfs -o nr_inodes=2,mode=0700 full "$LEASE_ROOT"
	stop_broker TERM
	start_broker
	refused_by docker run --rm --net none --runtime dri --name web --label dri.enable=true app true -- \
		'container web: ' "$LEASE_ROOT" 'No space left on device'
	umount -l "$LEASE_ROOT"
	stop_broker TERM
	start_broker
	docker run --rm --net none --runtime dri --label dri.enable=true --label dri.gpu=igpu app open-gpu
}
