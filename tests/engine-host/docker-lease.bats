#!/usr/bin/env bats
# docker-lease.bats - what a container with a lease sees of the GPUs, and what not.

load ../lib/common
load ../lib/engines
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
}
setup () { find_broker; }
teardown ()
{
	rm -rf /dev/dri
	leave_nothing
}

# look: what is in /dev/dri, a line each, from a container run with these options
# shellcheck disable=SC2016
look ()
{
	leased "$@" app sh -c 'cd /dev/dri; for i in $(find . | sort); do
		case $i in .) ;; *) echo "${i#./} $(readlink $i || stat -c "%u:%g %a %F %t:%T" $i)" ;; esac; done'
	assert_success
}

@test "compose and labels alone: web, s6 and plain of the issue" {
	compose_file '
  web:   {image: app, runtime: dri, user: "1000:1000", labels: {dri.enable: "true"}}
  s6:    {image: app, runtime: dri, environment: {PUID: 1000, PGID: 1001}, labels: {dri.enable: "true", dri.gpu: "pci:0000:00:02.0"}}
  plain: {image: app, runtime: dri}'
	run compose up --detach
	assert_success

	run compose exec -T web sh -c 'id -u && open-gpu'
	assert_success
	assert_output 1000
	# As s6-setuidgid does it: no group but PGID.
	run compose exec -T s6 su abc -c 'id -u; id -G; open-gpu'
	assert_success
	assert_output $'1000\n1001'
	run compose exec -T s6 su app -c open-gpu
	assert_failure
	assert_says 'Permission denied'
	run compose exec -T plain ls /dev/dri
	assert_failure
	assert_says 'No such file or directory'

	assert_equal "$(lease_list '[.container.name, .container.project, .container.service, .container.engine, .state]')" \
		"[[\"$(composed s6)\",\"media\",\"s6\",\"docker\",\"active\"],[\"$(composed web)\",\"media\",\"web\",\"docker\",\"active\"]]"
	run drictl status
	assert_success
	assert_says "$(composed web)"
	assert_says "$(composed s6)"
	[[ $output != *plain* ]]

	run compose down --timeout 0
	assert_success
	assert_nothing_leased
	run drictl status
	assert_says 'No lease.'
}

@test "the first process of a container opens the GPU, whoever it is" {
	local runtime user
	for runtime in dri dri-crun; do
		for user in 0:0 1000:1000 1000:0 4321:1234; do
			RUNTIME=$runtime leased --user "$user" app open-gpu
			assert_success
		done
		RUNTIME=$runtime leased --user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges \
			app open-gpu
		assert_success
		RUNTIME=$runtime leased --cap-drop ALL app open-gpu
		assert_success
	done
}

@test "owner and mode of the node follow the workload, or dri.owner" {
	local options expected
	while IFS='|' read -r options expected; do
		# shellcheck disable=SC2086
		leased $options app stat -c '%u:%g %a' /dev/dri/renderD128
		assert_success
		[[ $output == "$expected" ]] || fail "with $options: $output, not $expected"
	done <<-'END'
		--user 1000:1000|1000:1000 660
		--user 1000|1000:1000 660
		--user 4321|4321:0 660
		--user 0:0|0:992 660
		--user 1000:1000 -e PUID=7 -e PGID=8|1000:1000 660
		-e PUID=1000 -e PGID=1001|0:1001 660
		-e PUID=1000|0:992 660
		--user 1000:1000 --label dri.owner=host|0:992 660
		--label dri.owner=7:8|7:8 660
		--user 1000:1000 --label dri.owner=1000:7:0600|1000:7 600
		--user 1000:1000 --label dri.owner=0:1000:0640 --label dri.ready=off|0:1000 640
	END
}

@test "the directory holds the granted GPU, an alias and links, and no card unless asked for" {
	look
	assert_output 'by-path 0:0 755 directory 0:0
by-path/pci-0000:00:02.0-render ../renderD128
renderD128 0:992 660 character special file a:e5'

	look --user 1000:1000 --label dri.gpu=radeon
	assert_output 'by-path 0:0 755 directory 0:0
by-path/pci-0000:06:00.0-render ../renderD129
renderD128 1000:1000 660 character special file a:ed
renderD129 1000:1000 660 character special file a:ed'

	look --label dri.nodes=render,card --label dri.ready=off
	assert_output 'by-path 0:0 755 directory 0:0
by-path/pci-0000:00:02.0-card ../card0
by-path/pci-0000:00:02.0-render ../renderD128
card0 0:992 660 character special file e2:0
renderD128 0:992 660 character special file a:e5'

	look --label dri.gpu=all
	assert_output 'by-path 0:0 755 directory 0:0
by-path/pci-0000:00:02.0-render ../renderD128
by-path/pci-0000:06:00.0-render ../renderD129
renderD128 0:992 660 character special file a:e5
renderD129 0:993 660 character special file a:ed'
}

@test "root of the container cannot change the directory" {
	local runtime command
	for runtime in dri dri-crun; do
		for command in 'mknod /dev/dri/card7 c 226 7' 'touch /dev/dri/file' 'rm /dev/dri/renderD128' \
			'chmod 666 /dev/dri/renderD128' 'chown 1000 /dev/dri/renderD128'; do
			RUNTIME=$runtime leased --cap-add ALL app sh -c "$command"
			assert_failure
			assert_says 'Read-only file system'
		done
	done
}

@test "the device cgroup lets a container open its own GPU and no other" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime leased --label dri.gpu=igpu app sh -c '
			open-gpu && mknod /dev/other c 10 237 && exec 3<>/dev/other'
		assert_failure
		assert_says '/dev/other: Operation not permitted'
		RUNTIME=$runtime leased --label dri.gpu=radeon app sh -c '
			open-gpu && open-gpu renderD129 && mknod /dev/other c 10 229 && exec 3<>/dev/other'
		assert_failure
		assert_says '/dev/other: Operation not permitted'
	done
}

@test "the grant is rules without m for its minors, a mount, and hooks with an environment of their own" {
	start web --label dri.gpu=radeon --label dri.nodes=render,card --label dri.ready=off app
	local config directory
	config=$(cat "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/$(docker inspect -f '{{.Id}}' web)/config.json")
	directory=$(lease_directory web)
	assert_json "$config" '[.linux.resources.devices[] | select(.major == 10 and .minor == 237 or .major == 226)]
		== [{allow: true, type: "c", major: 226, minor: 1, access: "rw"},
		    {allow: true, type: "c", major: 10, minor: 237, access: "rw"}]'
	# shellcheck disable=SC2016
	assert_json "$config" '[.mounts[] | select(.destination | startswith("/dev/dri"))]
		| length == 1 and .[0].source == $d and (.[0].options | contains(["bind", "ro"]))' --arg d "$directory"
	assert_json "$config" '.process.user.additionalGids | contains([993])'
	assert_json "$config" '(.hooks.createRuntime + .hooks.poststop) | length == 2 and all(.env | type == "array")'
	assert_json "$config" '.hooks | has("createContainer") or has("startContainer") | not'
	assert_equal "$(stat -c %a "$LEASE_ROOT")" 700
}

@test "the host's render group is among the groups of the workload" {
	leased --user 1000:1000 app id -G
	assert_output '1000 992'
	leased --user 1000:1000 --group-add 5 --label dri.gpu=all app id -G
	assert_output '1000 5 992 993'
	leased app id -G
	assert_output '0 992'
}

@test "the user's own entries below /dev/dri give way, and a warning says so" {
	local runtime options
	mkdir -p /dev/dri "$BATS_TEST_TMPDIR/own"
	mknod -m 666 /dev/dri/renderD200 c 226 200
	touch "$BATS_TEST_TMPDIR/own/renderD128"
	while read -r runtime options; do
		: >"$BROKER_LOG"
		# shellcheck disable=SC2086
		RUNTIME=$runtime start web --label dri.gpu=igpu --user 1000:1000 $options app
		in_container web sh -c 'open-gpu && ls /dev/dri'
		[[ $status == 0 && $output == $'by-path\nrenderD128' ]] || fail "with $options: $output"
		in_container web grep -c ' /dev/dri' /proc/mounts
		assert_output 1
		run drictl explain web
		assert_says 'gives way to the lease'
		grep -q 'container web: .*gives way to the lease' "$BROKER_LOG" || fail "with $options: no line in the log"
		in_container --user 0 web sh -c 'mknod /dev/own c 226 200 && exec 3<>/dev/own'
		assert_says 'Operation not permitted'
		docker rm --force web
	done <<-END
		dri --device /dev/fuse:/dev/dri/renderD128
		dri-crun --device /dev/dri
		dri --device /dev/dri/renderD200
		dri-crun --device /dev/dri/renderD200:/dev/dri/renderD128:rw
		dri --volume $BATS_TEST_TMPDIR/own:/dev/dri
		dri-crun --volume $BATS_TEST_TMPDIR/own/renderD128:/dev/dri/renderD128
		dri --tmpfs /dev/dri
		dri-crun --mount type=tmpfs,destination=/dev//dri/
	END
}

@test "privileged: /dev/dri is the lease alone, and a warning says so" {
	local runtime
	mkdir -p /dev/dri
	mknod -m 666 /dev/dri/renderD200 c 226 200
	for runtime in dri dri-crun; do
		: >"$BROKER_LOG"
		RUNTIME=$runtime start web --label dri.gpu=radeon --privileged --user 1000:1000 app
		in_container web sh -c 'open-gpu && ls /dev/dri'
		assert_success
		assert_output $'by-path\nrenderD128\nrenderD129'
		run drictl explain web
		assert_says 'privileged: /dev/dri holds the lease only'
		grep -q 'container web: privileged: ' "$BROKER_LOG"
		docker rm --force web
	done
}

@test "compose: devices and privileged give way too" {
	mkdir -p /dev/dri
	mknod -m 666 /dev/dri/renderD200 c 226 200
	compose_file '
  a: {image: app, runtime: dri, network_mode: none, user: "1000", devices: ["/dev/dri:/dev/dri"], labels: [dri.enable=true]}
  b: {image: app, runtime: dri, network_mode: none, user: "1000", privileged: true, labels: [dri.enable=true, dri.gpu=igpu]}'
	run compose up --detach
	assert_success
	run compose exec -T a sh -c 'open-gpu && ls /dev/dri | grep 200'
	assert_output ''
	run compose exec -T b sh -c 'open-gpu && ls /dev/dri'
	assert_output $'by-path\nrenderD128'
	run compose down --timeout 0
	assert_success
}

@test "explain tells what was asked, decided, why, and what the container sees" {
	start web --user 1000:1000 --label dri.gpu=driver:nouveau,radeon --env DRI_WAIT=3s app
	local directory
	directory=$(lease_directory web)
	[[ -d $directory ]]
	run drictl explain web
	assert_success
	assert_says 'dri.gpu = driver:nouveau,radeon'
	assert_says 'dri.wait = 3s'
	assert_says 'dri.access = shared (default)'
	assert_says 'Decided: active: radeon fits "radeon"'
	assert_says 'uid 1000, gid 1000'
	assert_says "$directory"
	[[ $output =~ renderD129\ +10:237\ +0660\ +1000:1000 ]]
	assert_json "$(drictl explain "$(docker inspect -f '{{.Id}}' web)" --json)" '.container.name == "web" and
		(.gpus[0] | startswith("radeon")) and (.nodes | map(.name) | sort == ["renderD128", "renderD129"])'

	run drictl explain nobody
	assert_failure 1
	assert_says 'no container of this name'
}

@test "release takes the GPU away from a running container only with --force" {
	start web app
	run drictl release web
	assert_failure 1
	assert_says 'is running'
	run drictl release web --force
	assert_success
	in_container web ls /dev/dri
	assert_output ''
	assert_equal "$(lease_list .state)" '["revoked"]'
}
