#!/usr/bin/env bats
# podman.bats - Podman's own door: hooks.d, with runc and crun underneath.

load ../lib/common
load ../lib/engines
load ../lib/docker
load ../lib/podman

bats_require_minimum_version 1.5.0

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_podman_bed
}
setup () { find_broker; }
teardown ()
{
	configure '{}'
	leave_no_podman
}

# Not "|| return", under which a failure inside would not count.
each_runtime () { local RUNTIME; for RUNTIME in crun runc; do "$@"; done; }

workload_opens_its_gpu ()
{
	local user
	for user in 0:0 1000:1000 1000:0 4321:1234; do
		podman_leased --user "$user" app sh -c 'open-gpu && ls /dev/dri'
		assert_success
		assert_output $'by-path\nrenderD128'
	done
	podman_leased --user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges app open-gpu
	assert_success
}

@test "an annotation gives the workload a GPU, whoever it is" {
	each_runtime workload_opens_its_gpu
}

lease_and_no_more ()
{
	podman_leased --user 1000:1000 --annotation dri.gpu=radeon app \
		stat -c '%n %u:%g %a %t:%T' /dev/dri/renderD128 /dev/dri/renderD129
	assert_success
	assert_output '/dev/dri/renderD128 1000:1000 660 a:ed
/dev/dri/renderD129 1000:1000 660 a:ed'
	podman_leased --cap-add MKNOD app sh -c 'mknod /tmp/other c 10 237; exec 3<>/tmp/other'
	assert_failure
	assert_says 'not permitted'
	podman_leased app touch /dev/dri/mine
	assert_failure
	assert_says 'Read-only'
}

@test "the container sees its lease, and no other GPU" {
	each_runtime lease_and_no_more
}

@test "a container that did not ask never meets the hook" {
	local trace=$BATS_TEST_TMPDIR/trace
	strace -f -qq -e trace=execve -o "$trace" podman run --rm --net none --annotation other=1 \
		--label dri.enable=true -e DRI_ENABLE=true app true
	[[ -s $trace ]]
	run grep dri-hook "$trace"
	assert_failure 1
	# And with the hook gone away it starts as well.
	stop_broker KILL
	podman_run app ls /dev/dri
	assert_failure
	assert_says 'No such file'
	start_broker
	disown
}

@test "dri.enable=false is no request" {
	podman_run --annotation dri.enable=false app ls /dev/dri
	assert_failure
	assert_says 'No such file'
}

words_reach_the_user ()
{
	podman_leased --name busy --annotation dri.gpu=nosuch --annotation dri.wait=0s app true
	assert_failure 126
	assert_says 'dri-broker: container busy:'
	assert_says nosuch

	podman_run --name slip --annotation dri.enable=true --annotation dri.acess=shared app true
	assert_failure 126
	assert_says 'dri-broker: container slip:'
	assert_says dri.access

	# The gate's words, of a GPU without a driver.
	podman_leased --name gate --user 1000:1000 --annotation dri.owner=0:0:0600 --annotation dri.wait=0s app true
	assert_failure 126
	assert_says 'dri-broker: container gate:'
	assert_says 'may not open /dev/dri/renderD128'
	wait_until 20 nothing_is_leased

	run drictl explain slip
	assert_success
	assert_says dri.access
}

@test "podman run prints why a container does not start" {
	each_runtime words_reach_the_user
}

away_says_so ()
{
	podman_leased --name away app true
	assert_failure 126
	assert_says 'dri-broker: container away: the broker at /run/dri-broker/broker.sock'
	podman_leased --annotation dri.on-failure=start-without app ls /dev/dri
	assert_failure
	assert_says 'No such file'
}

@test "without the broker a container that asks is refused, or starts without" {
	stop_broker TERM
	each_runtime away_says_so
	start_broker
	disown
}

life ()
{
	podman_start film --user 1000:1000 app
	assert_equal "$(lease_list '[.container.name, .container.engine, .container.image, .state]')" \
		'[["film","podman","localhost/app:latest","active"]]'
	run podman exec film open-gpu
	assert_success
	run podman restart --time 0 film
	assert_success
	assert_equal "$(lease_list .state)" '["active"]'
	run podman exec film open-gpu
	assert_success
	run podman kill film
	assert_success
	wait_until 20 nothing_is_leased
	run podman start film
	assert_success
	assert_equal "$(lease_list)" '["film"]'
	run podman rm --force --time 0 film
	assert_success
	wait_until 20 nothing_is_leased
}

@test "a lease lives as long as its container, over restarts" {
	each_runtime life
}

failed_start_leaves_nothing ()
{
	# shellcheck disable=SC2031
	run -127 podman --runtime "$RUNTIME" run --rm --net none --annotation dri.enable=true \
		--annotation dri.access=exclusive app /no/such/program
	wait_until 20 nothing_is_leased
}

@test "a start that fails in the runtime leaves no lease" {
	each_runtime failed_start_leaves_nothing
}

@test "a start that fails before any hook of the runtime leaves no lease for longer than activate-timeout" {
	local RUNTIME=$BATS_TEST_TMPDIR/crun
	printf '%s\n' '#!/bin/sh' 'case " $* " in *" create "*) exit 1 ;; esac' 'exec /usr/bin/crun "$@"' >"$RUNTIME"
	chmod 755 "$RUNTIME"
	configure '{"activate-timeout": 1}'
	podman_leased --annotation dri.access=exclusive app true
	assert_failure
	wait_until 20 nothing_is_leased
}

@test "devices and privileges of the user's own give way" {
	mkdir -p /dev/dri
	mknod -m 666 /dev/dri/renderD128 c 10 229
	mknod -m 666 /dev/dri/renderD129 c 10 237
	podman_leased --device /dev/dri --user 1000:1000 app sh -c 'open-gpu; ls /dev/dri'
	rm -rf /dev/dri
	assert_success
	assert_output $'by-path\nrenderD128'
	podman_leased --privileged app sh -c 'open-gpu; ls /dev/dri'
	assert_success
	assert_output $'by-path\nrenderD128'
}

in_user_namespace ()
{
	podman_leased --uidmap 0:100000:65536 --gidmap 0:100000:65536 --user 1000:1000 app \
		sh -c 'open-gpu && stat -c %u:%g /dev/dri/renderD128'
	assert_success
	assert_output 1000:1000
}

@test "in a user namespace the nodes are the workload's" {
	each_runtime in_user_namespace
}

@test "an image's own annotations do not count" {
	local image=/var/lib/containers/image manifest hex digest config
	tar -C "$BATS_FILE_TMPDIR/app" -c . | podman import --message other - other
	podman save --format oci-dir --output "$image" other
	hex=$(jq -r '.manifests[0].digest' "$image/index.json")
	manifest=$image/blobs/sha256/${hex#*:}
	config=$(jq -r .config.digest "$manifest")
	jq -c '.annotations = {"dri.enable": "true", "dri.gpu": "radeon"}' "$manifest" >"$image/new"
	digest=$(sha256sum "$image/new" | cut -d ' ' -f 1)
	mv "$image/new" "$image/blobs/sha256/$digest"
	jq -c --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$image/blobs/sha256/$digest")" \
		'.manifests[0] |= (.digest = $digest | .size = $size)' "$image/index.json" >"$image/index.new"
	mv "$image/index.new" "$image/index.json"
	podman rmi --force other >/dev/null
	run podman pull "oci:$image"
	assert_success
	podman tag "${config#*:}" other

	# What a person did not write, or wrote as the image has it, is no request.
	podman_run other ls /dev/dri
	assert_failure
	podman_run --annotation dri.enable=true other ls /dev/dri
	assert_failure
	assert_says 'No such file'
	podman_run --annotation dri.enable=yes --annotation dri.gpu=radeon other true
	assert_failure
	assert_says dri.enable
}

@test "a build is left alone, whatever it annotates" {
	cd "$BATS_TEST_TMPDIR"
	printf 'FROM app\nRUN test ! -e /dev/dri\n' >Containerfile
	run podman build --network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --annotation dri.enable=true .
	assert_success
}

@test "quadlet's Annotation= is podman run's --annotation" {
	if podman_older_than 4.4; then
		cannot quadlet 'No such file' ls /usr/libexec/podman/quadlet
		return
	fi
	mkdir -p /etc/containers/systemd "$BATS_TEST_TMPDIR/units"
	printf '%s\n' '[Container]' Image=app Annotation=dri.enable=true Annotation=dri.gpu=radeon Network=none \
		>/etc/containers/systemd/film.container
	run /usr/libexec/podman/quadlet -dryrun
	rm /etc/containers/systemd/film.container
	assert_success
	local command
	command=$(sed -n 's/^ExecStart=//p' <<<"$output")
	[[ $command == *' --annotation dri.enable=true '*' app'* ]]
	# As systemd runs it, but in the foreground.
	command=${command//%N/film}
	command=${command//%t/$BATS_TEST_TMPDIR}
	command=${command//--cgroups=split/}
	command=${command//--sdnotify=conmon/}
	command=${command/ -d / --detach }
	run bash -c "$command"
	assert_success
	assert_equal "$(lease_list '[.container.name, .gpu]')" '[["systemd-film","radeon"]]'
}

@test "compose over Podman's socket takes annotations" {
	local socket=$BATS_TEST_TMPDIR/podman.sock service
	podman system service --time 0 "unix://$socket" &>"$BATS_TEST_TMPDIR/service.log" 3>&- 4>&- &
	service=$!
	wait_until 20 listens "$socket"
	compose_file '
  web: {image: localhost/app, network_mode: none, user: "1000:1000", annotations: {dri.enable: "true"}}
  plain: {image: localhost/app, network_mode: none}'
	if compose_is_v1; then
		DOCKER_HOST=unix://$socket cannot 'compose annotations' "'annotations'" compose up --detach
		kill "$service"
		return
	fi
	DOCKER_HOST=unix://$socket run compose up --detach
	kill "$service"
	assert_success
	assert_equal "$(lease_list)" '["media-web-1"]'
	run podman exec media-web-1 open-gpu
	assert_success
	run podman exec media-plain-1 ls /dev/dri
	assert_failure
}

@test "drictl install podman: twice is once, and uninstall leaves nothing" {
	local here=$BATS_TEST_TMPDIR/containers
	mkdir -p "$here"
	run drictl install podman --config "$here" --dry-run
	assert_success
	assert_equal "$(find "$here" -type f)" ''
	run drictl install podman --config "$here"
	assert_success
	assert_equal "$(find "$here" -type f | wc -l)" 3
	run drictl install podman --config "$here"
	assert_success
	assert_says 'nothing to do'
	run drictl uninstall podman --config "$here"
	assert_success
	assert_equal "$(find "$here" -type f)" ''
	run drictl uninstall podman --config "$here"
	assert_success
	assert_says 'nothing to do'
}

@test "drictl install podman leaves a hooks_dir of the administrator's alone" {
	local here=$BATS_TEST_TMPDIR/containers
	mkdir -p "$here"
	printf '[engine]\n#hooks_dir = ["/commented"]\nhooks_dir = [\n "/own/hooks.d",\n]\n' >"$here/containers.conf"
	run drictl install podman --config "$here"
	assert_failure 1
	assert_says "$here/containers.conf has hooks_dir without $here/oci/dri-broker.d: add it there"
	assert_equal "$(find "$here" -type f)" "$here/containers.conf"

	printf '[engine]\nhooks_dir = [\n "/own/hooks.d",\n "%s/oci/dri-broker.d"\n]\n' "$here" >"$here/containers.conf"
	run drictl install podman --config "$here"
	assert_success
	[[ ! -e $here/containers.conf.d ]]
	run podman --hooks-dir "$here/oci/dri-broker.d" run --rm --net none --annotation dri.enable=true app open-gpu
	assert_success
}
