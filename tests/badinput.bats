#!/usr/bin/env bats
# badinput.bats - documents, files, brokers and machines that are not as they should be.
# A container that asked for a GPU does not start then, and its user reads which
# container, why, and what to do. Any other container starts as if we were not there.

# What jq, sh and python3 are to run stands in single quotes; bats and the helpers set
# variables that shellcheck does not see set or used.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/common

setup_file () { make_rootfs "$BATS_FILE_TMPDIR/rootfs"; }

setup ()
{
	scratch=$BATS_TEST_TMPDIR
	log=$scratch/log
	RUNTIME=runc CGROUP=v1
	export DRI_BROKER_SOCKET=$scratch/broker.sock
}

teardown ()
{
	local pid
	for pid in ${background:-}; do kill -s KILL "$pid" 2>/dev/null || :; done
	remove_containers
	finish_broker
}

# create NAME [BUNDLE]: as containerd does; the message in the log is left in $log
create ()
{
	rm -f "$log"
	status=0
	# A container that is made after all keeps its output open.
	dri_runtime --log "$log" --log-format json create --bundle "${2:-$bundle}" --pid-file "$scratch/pid" "$1" \
		</dev/null >"$scratch/output" 2>&1 || status=$?
	output=$(<"$scratch/output")
}

# assert_refused NAME TEXT...: create failed, and both stderr and the last error in the
# log say so, as people and containerd read it; nothing of the container is left
assert_refused ()
{
	local text last
	assert_failure || return
	last=$(jq -c 'select(.level == "error")' "$log" | tail -1)
	assert_json "$last" '(.time | fromdate) > 0' || return
	for text in "container $1: " "${@:2}"; do
		assert_json "$last" '.msg | contains($text)' --arg text "$text" || return
		assert_says "$text" || return
	done
	[[ ! -e $scratch/state/$1 ]] || fail "there is a container: $(ls "$scratch/state")"
}

# assert_starts NAME: the container of $bundle starts, and is not touched by us
assert_starts ()
{
	local before after
	before=$(sha256sum <"$bundle/config.json")
	run dri_runtime run --bundle "$bundle" "$1"
	assert_success || return
	after=$(sha256sum <"$bundle/config.json")
	assert_equal "$after" "$before"
}

# a_stranger: a container that did not opt in; a_user: one that did
a_stranger () { quick_bundle stranger /bin/echo started; }
a_user () { quick_bundle user /bin/ls /dev/dri; opt_in "$bundle" "$@"; }

# strangers_start: whatever has happened to the rest
strangers_start ()
{
	a_stranger
	for RUNTIME in runc crun; do assert_starts "stranger-$RUNTIME" && assert_output started || return; done
}

# --- config.json ---

# as_the_real_one NAME: what runc and crun say of the bundle is what they say through us
as_the_real_one ()
{
	local verb real path
	shopt -s extglob
	export DRI_BROKER_CONFIG=$scratch/broker.json
	for RUNTIME in runc crun; do
		[[ $RUNTIME == runc ]] && verb=create || verb=run
		path=$(command -v "$RUNTIME")
		echo "{ \"runtimes\": [\"$path\"] }" >"$DRI_BROKER_CONFIG"
		for path in "$path" "$BUILD/dri-runtime"; do
			run with_cgroup v1 timeout 20 "$path" --root "$scratch/state" "$verb" --bundle "$bundle" "$1" </dev/null
			assert_failure || return
			output="$status ${output//time=\"+([^\"])\"/}"
			[[ $path == "$BUILD"/* ]] || real=$output
		done
		assert_equal "$output" "$real" || return
	done
}

@test "a stranger's config.json that nobody can read is left to the real runtime's judgement" {
	local size
	quick_bundle b true
	size=$(stat -c %s "$bundle/config.json")
	cp "$bundle/config.json" "$scratch/whole"
	for at in 0 1 $((size / 2)) $((size - 3)); do
		head -c "$at" "$scratch/whole" >"$bundle/config.json"
		as_the_real_one truncated || fail "cut at $at" || return
	done
	for text in '[]' '"text"' '{} {}' '{"ociVersion": 1}' $'\xff\xfe{'; do
		printf '%s' "$text" >"$bundle/config.json"
		as_the_real_one broken || fail "with: $text" || return
	done
}

@test "a config.json that is a directory, dangling, or missing with its bundle is left to the real runtime" {
	quick_bundle b true
	rm "$bundle/config.json"
	as_the_real_one missing
	mkdir "$bundle/config.json"
	as_the_real_one directory
	rmdir "$bundle/config.json"
	ln -s no-such-file "$bundle/config.json"
	as_the_real_one dangling
	bundle=$scratch/no-such-bundle
	as_the_real_one no-bundle
	bundle=/dev/null
	as_the_real_one no-bundle
}

@test "a config.json that is a FIFO does not hang dri-runtime" {
	quick_bundle b true
	rm "$bundle/config.json"
	mkfifo "$bundle/config.json"
	run timeout 60 "$BUILD/dri-runtime" --dri-oci-runtime /bin/echo create --bundle "$bundle" fifo
	assert_success
	assert_output "create --bundle $bundle fifo"
}

@test "who writes into a FIFO in place of config.json is read by the real runtime, not by us" {
	quick_bundle b true
	rm "$bundle/config.json"
	mkfifo "$bundle/config.json"
	bash -c 'echo whole >"$0" && touch "$1"' "$bundle/config.json" "$scratch/written" 3>&- &
	background=$!
	printf '#!/bin/sh\nsleep 0.3; exec timeout 30 cat "$3/config.json"\n' >"$scratch/reader"
	chmod 755 "$scratch/reader"
	sleep 0.2
	run "$BUILD/dri-runtime" --dri-oci-runtime "$scratch/reader" create --bundle "$bundle" fifo
	assert_success
	assert_output whole
	wait_until 20 test -e "$scratch/written"
}

# insert TEXT: before the hostname of $bundle's config.json
insert ()
{
	command -p python3 - "$bundle/config.json" "$1" <<-'END'
		import sys
		path, expression = sys.argv[1:]
		data = open(path, 'rb').read()
		open(path, 'wb').write(data.replace(b'"hostname"', eval(expression) + b', "hostname"', 1))
	END
}

@test "a stranger's config.json that the real runtime can read starts, whatever we make of it" {
	start_broker
	for text in 'b"\"x\": \"\xff\xfe\xc3\""' 'b"\"x\": " + b"[" * 5000 + b"]" * 5000' 'b"\"x\": \"\\ud800\""' \
		'b"\"x\": \"" + b"A" * 100000000 + b"\""' 'b"\"annotations\": {\"dri\": \"" + b"A" * 1000000 + b"\"}"'; do
		a_stranger
		insert "$text"
		assert_starts stranger || fail "with: $text" || return
		assert_equal "$output" started
	done
}

@test "an opted-in container whose config.json we cannot read does not start without its GPU, though the real runtime can" {
	start_broker
	for text in 'b"\"x\": \"\xff\xfe\xc3\""' 'b"\"x\": " + b"[" * 5000 + b"]" * 5000' 'b"\"x\": \"\\ud800\""' \
		'b"\"x\": \"" + b"A" * 100000000 + b"\""'; do
		a_user
		insert "$text"
		create user
		assert_refused user config.json || fail "with: $text" || return
		assert_equal "$(lease_directories)" ''
	done
}

@test "an opted-in container whose config.json ends early is refused with the place" {
	a_user
	truncate -s -10 "$bundle/config.json"
	create user
	assert_refused user config.json 'invalid JSON at line'
}

@test "100000 levels of nesting are refused by us or the real runtime, and crash neither" {
	for RUNTIME in runc crun; do
		quick_bundle b true
		insert 'b"\"x\": " + b"[" * 100000 + b"]" * 100000'
		run timeout 30 "$BUILD/dri-runtime" --dri-oci-runtime /bin/echo create --bundle "$bundle" deep
		assert_success
		insert 'b"\"annotations\": {\"dri.enable\": \"true\"}"'
		run timeout 30 "$BUILD/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$bundle" deep
		((status < 128)) || fail "died: $status"
	done
}

@test "members of a type that the specification does not know are refused, not edited" {
	local filter
	start_broker
	a_user
	cp "$bundle/config.json" "$scratch/good"
	for filter in '.mounts = "x"' '.linux = []' '.linux.resources = 1' '.linux.resources.devices = {}' '.hooks = []' \
		'.hooks = { createRuntime: {} }' '.hooks = { poststop: "x" }' '.process = []' '.process.user = "root"' \
		'.process.user.additionalGids = [-1]' '.process.user.uid = 4294967296' '.process.user.gid = "x"'; do
		jq "$filter" "$scratch/good" >"$scratch/before"
		cp "$scratch/before" "$bundle/config.json"
		run "$BUILD/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$bundle" user
		assert_failure 1
		assert_says 'container user: ' && assert_says config.json || fail "with: $filter" || return
		cmp "$bundle/config.json" "$scratch/before"
		assert_equal "$(lease_directories)" ''
	done
}

@test "an entry of a list that is none does not hurt" {
	start_broker
	a_user
	edit_config "$bundle" '.mounts += [1, null, {}] | .linux.devices = [null, "x"] | .linux.resources.devices += [7]
		| .process.env += [null, 3, "", "=", "DRI_"] | .annotations.x = 1 | .annotations["dri.x"] = null'
	run "$BUILD/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$bundle" user
	((status == 0 || status == 1)) || fail "died: $status"
}

# --- labels ---

@test "a foreign annotation of 1 MB is carried, one of ours is refused in one short line" {
	start_broker
	a_user
	insert 'b"\"x\": 1"'
	command -p python3 - "$bundle/config.json" <<-'END'
		import json, sys
		c = json.load(open(sys.argv[1]))
		c['annotations']['big'] = 'A' * 1000000
		json.dump(c, open(sys.argv[1], 'w'))
	END
	run dri_runtime run --bundle "$bundle" user
	assert_success
	assert_says renderD128
	command -p python3 - "$bundle/config.json" <<-'END'
		import json, sys
		c = json.load(open(sys.argv[1]))
		c['annotations']['dri.gpu'] = 'A' * 1000000
		json.dump(c, open(sys.argv[1], 'w'))
	END
	create user
	assert_refused user dri.gpu
	((${#output} < 2000)) || fail "${#output} characters"
	assert_equal "$(lease_directories)" ''
}

# docker_container LABELS: Docker's record of the container $id, whose name is "web"
docker_container ()
{
	id=$(printf 'c%.0s' {1..64})
	mkdir -p "$scratch/docker/containers/$id"
	jq -n --arg id "$id" --slurpfile labels "$1" \
		'{ ID: $id, Name: "/web", Config: { Image: "app", Labels: $labels[0] } }' >"$scratch/docker/containers/$id/config.v2.json"
	export DRI_BROKER_CONFIG=$scratch/broker.json
	jq -n --arg root "$scratch/docker" '{ "docker-root": $root, "image-requests": true }' >"$DRI_BROKER_CONFIG"
}

@test "with Docker's labels a broken config.json is refused, with the container's name" {
	start_broker
	echo '{ "dri.enable": "true" }' >"$scratch/labels"
	docker_container "$scratch/labels"
	quick_bundle b true
	truncate -s 500 "$bundle/config.json"
	create "$id"
	assert_refused web config.json
	mkdir "$scratch/empty"
	create "$id" "$scratch/empty"
	assert_refused web config.json
	# Without the label it is the real runtime's affair.
	echo '{ "x": "true" }' >"$scratch/labels"
	docker_container "$scratch/labels"
	create "$id"
	assert_failure
	[[ $output != *web* ]]
}

@test "Docker's labels of 1 MB, of other types or in no UTF-8 neither hurt nor count" {
	start_broker
	jq -n --arg big "$(printf 'A%.0s' {1..100000})" '($big * 10) as $b | { "dri.enable": "true", "dri.gpu": "igpu", x: $b,
		"com.docker.compose.project": $b, "com.docker.compose.service": $b, ($b): "y" }' >"$scratch/labels"
	docker_container "$scratch/labels"
	quick_bundle b /bin/ls /dev/dri
	run dri_runtime run --bundle "$bundle" "$id"
	assert_success
	assert_says renderD128
	echo '{ "dri.enable": true, "x": [] }' >"$scratch/labels"
	docker_container "$scratch/labels"
	quick_bundle b /bin/echo started
	assert_starts "$id"
	sed -i 's/app/\xff\xfe/' "$scratch/docker/containers/$id/config.v2.json"
	quick_bundle b /bin/echo started
	assert_starts "$id"
}

# --- the broker ---

# the_broker_is TEXT...: refused for the opted-in one, with these words; nothing for others
the_broker_is ()
{
	a_user wait=0s
	create user
	assert_refused user "$DRI_BROKER_SOCKET" "$@" || return
	RUNTIME=crun create user
	assert_refused user "$DRI_BROKER_SOCKET" "$@" || return
	strangers_start
}

@test "no broker" { the_broker_is 'No such file'; }

@test "a broker that died" {
	start_broker
	stop_broker KILL
	[[ -S $DRI_BROKER_SOCKET ]]
	the_broker_is 'Connection refused'
}

@test "a message about the broker says what to do" {
	a_user
	create user
	assert_refused user systemctl
}

@test "a socket that is a regular file, a directory, or of a name too long" {
	echo >"$DRI_BROKER_SOCKET"
	the_broker_is 'Connection refused'
	rm "$DRI_BROKER_SOCKET"
	mkdir "$DRI_BROKER_SOCKET"
	the_broker_is 'Connection refused'
	DRI_BROKER_SOCKET=$scratch/$(printf 'A%.0s' {1..150})
	the_broker_is 'name too long'
}

@test "a socket that we may not use" {
	start_broker
	a_user
	chmod 755 "$scratch" "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	chown -R 1234:1234 "$bundle"
	run setpriv --reuid 1234 --regid 1234 --clear-groups "$BUILD/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$bundle" user
	assert_failure 1
	assert_says 'container user: '
	assert_says 'uid 1234 may not have a GPU: root can add it'
}

# fake_broker SOCKET MODE: speaks no varlink that a broker should; SOCKET.calls has a line for each that calls
fake_broker ()
{
	command -p python3 - "$1" "$2" 3>&- <<-'END' &
		import json, socket, sys, time
		grant = {'lease': 'a' * 32, 'directory': '/tmp', 'nodes': [], 'gids': [], 'gpus': '', 'reason': ''}
		def reply(**changes):
		    return json.dumps({'parameters': {'grant': {**grant, **changes}}}).encode() + b'\0'
		answers = {
		    'nothing': b'', 'silence': None,
		    'garbage': b'\xff\xfe\x01garbage\0', 'list': b'[]\0', 'empty': b'{}\0', 'text': b'HTTP/1.1 400 Bad Request\r\n\r\n\0',
		    'half': reply()[:-20], 'lease': reply(lease='../../../../etc/x/yyyyyyyyyyyyyyy'), 'directory': reply(directory='etc'),
		    'node': reply(nodes=[{'name': '../../x', 'major': 1, 'minor': 1, 'drm': True}]),
		    'nodes': reply(nodes=[{'name': 'renderD128', 'major': 'x', 'minor': 1, 'drm': True}]),
		    'many': reply(nodes=[{'name': 'renderD128', 'major': 1, 'minor': 1, 'drm': True}] * 10000), 'gids': reply(gids=[4294967295]),
		    'error': b'{"error": "x.y.Z"}\0', 'numbers': b'{"error": 7, "parameters": 8}\0',
		}
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(5)
		while True:
		    c = s.accept()[0]
		    open(sys.argv[1] + '.calls', 'a').write('called\n')
		    c.recv(65536)
		    answer = answers[sys.argv[2]]
		    if answer:
		        c.sendall(answer)
		    if answer is None or sys.argv[2] == 'half':
		        time.sleep(60)
		    c.close()
	END
	background+=" $!"
	disown
	wait_until 20 listens "$1"
}

@test "a broker that hangs up, or answers what is no answer" {
	local mode
	for mode in nothing garbage list empty text lease directory node nodes many gids error numbers; do
		DRI_BROKER_SOCKET=$scratch/$mode
		fake_broker "$DRI_BROKER_SOCKET" "$mode"
		a_user wait=0s
		cp "$bundle/config.json" "$scratch/before"
		create user
		assert_refused user || fail "with: $mode" || return
		cmp "$bundle/config.json" "$scratch/before"
	done
}

@test "a broker that hangs, is silent, or stops in the middle of its answer is given up in time" {
	local job jobs=()
	start_broker
	kill -s STOP "$BROKER_PID"
	fake_broker "$scratch/silence" silence
	fake_broker "$scratch/half" half
	a_user wait=1s
	SECONDS=0
	for socket in "$DRI_BROKER_SOCKET" "$scratch/silence" "$scratch/half"; do
		cp -r "$bundle" "$scratch/${socket##*/}.bundle"
		DRI_BROKER_SOCKET=$socket "$BUILD/dri-runtime" --dri-oci-runtime /bin/echo create --bundle "$scratch/${socket##*/}.bundle" user \
			>"$scratch/${socket##*/}.out" 2>&1 3>&- &
		jobs+=($!)
	done
	# A stranger's start does not ask it.
	DRI_BROKER_SOCKET=$scratch/silence strangers_start
	for job in "${jobs[@]}"; do
		status=0
		wait "$job" || status=$?
		assert_equal "$status" 1
	done
	((SECONDS >= 5 && SECONDS <= 50)) || fail "$SECONDS s"
	assert_equal "$(<"$scratch/silence.calls")" called
	for output in "$scratch"/*.out; do
		assert_equal "$(grep -c 'container user: .*does not answer' "$output")" 1
	done
	kill -s CONT "$BROKER_PID"
	wait_until 20 eval '[[ $(leases) == "[]" && ! $(lease_directories) ]]'
}

@test "with dri.on-failure=start-without the container starts without a GPU where the broker is away" {
	quick_bundle b /bin/sh -c 'ls /dev/dri || echo none'
	edit_config "$bundle" '.mounts += [{ destination: "/dev/dri", type: "bind", source: "/tmp", options: ["bind"] }]'
	opt_in "$bundle" on-failure=start-without
	run dri_runtime --log "$log" --log-format json run --bundle "$bundle" b
	assert_success
	assert_says none
	assert_json "$(jq -s . "$log")" '.[:2] | all(.level == "warning") and any(.msg | contains("cannot be reached"))'
}

# --- the lease root ---

# broker_refuses TEXT [OPTION]...: to start, in one line
broker_refuses ()
{
	run timeout 60 "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" "${@:2}"
	assert_failure 1
	assert_says "$1"
	assert_equal "${#lines[@]}" 1
}

@test "a lease root that is missing, a file, a link, relative, nodev or others may write to is refused by the broker" {
	export DRI_BROKER_CONFIG=$scratch/none
	local root=$scratch/root
	broker_refuses "$root" --lease-root "$root"
	touch "$root"
	broker_refuses "$root" --lease-root "$root"
	rm "$root"
	mkdir "$root"
	broker_refuses absolute --lease-root root
	ln -s "$root" "$scratch/link"
	broker_refuses "$scratch/link" --lease-root "$scratch/link"
	chmod 777 "$root"
	broker_refuses "root's alone" --lease-root "$root"
	chmod 700 "$root"
	chown 1000 "$root"
	broker_refuses "$root" --lease-root "$root"
	chown 0 "$root"
	mount -t tmpfs -o nodev,mode=700 tmpfs "$root"
	broker_refuses nodev --lease-root "$root"
	umount "$root"
	# The socket of a broker that did not start is no trap for the next one.
	start_broker
}

@test "a full lease root refuses the next container, leaves nothing half made, and works again" {
	export LEASE_ROOT=$scratch/full
	mkdir "$LEASE_ROOT"
	mount -t tmpfs -o mode=700,nosuid,noexec,nr_inodes=4 tmpfs "$LEASE_ROOT"
	start_broker
	a_user
	create user
	assert_refused user "$LEASE_ROOT" 'No space left'
	assert_equal "$(lease_directories)$(leases)" '[]'
	strangers_start
	mount -o remount,nr_inodes=100 "$LEASE_ROOT"
	a_user
	run dri_runtime run --bundle "$bundle" user
	assert_success
}

@test "a full file system of the journal refuses the next container, and what stands in it stays whole" {
	mkdir "$scratch/run"
	mount -t tmpfs -o size=4k tmpfs "$scratch/run"
	DRI_BROKER_SOCKET=$scratch/run/broker.sock
	start_broker
	local error=
	for ((i = 0; i < 30; i++)); do
		error=$(varlink Acquire '{"container": {"id": "c"}, "workload": {"uid": 0, "gid": 0}, "request": {"enable": "true"}, "detached": true}' 2>&1 >/dev/null) || break
	done
	assert_equal "$(grep -c 'No space left' <<<"$error")" 1
	assert_json "$(jq -sc . "$scratch/run/broker.journal")" 'length > 3'
	assert_equal "$(lease_directories | wc -l)" "$(leases | jq length)"
	a_user
	create user
	assert_refused user journal
	stop_broker
	umount -l "$scratch/run"
}

@test "a lease root that was unmounted under the broker refuses opted-in containers only" {
	start_broker
	umount -l "$LEASE_ROOT"
	a_user
	create user
	assert_failure
	assert_says "$LEASE_ROOT"
	strangers_start
}

# --- no GPU ---

# start_broker_without_gpu: as on a machine that has none
start_broker_without_gpu ()
{
	export LEASE_ROOT=$scratch/leases DRI_BROKER_CONFIG=$scratch/none BROKER_LOG=$scratch/broker.log
	mount_lease_root "$LEASE_ROOT"
	unshare --mount --propagation unchanged bash -c '[[ ! -d /sys/class/drm ]] || mount -t tmpfs tmpfs /sys/class/drm
		exec "$@"' - "$BUILD/dri-broker" --lease-root "$LEASE_ROOT" </dev/null >>"$BROKER_LOG" 2>&1 3>&- &
	BROKER_PID=$!
	wait_until 30 broker_listens
}

@test "without /dev/dri an opted-in container waits dri.wait, and is refused with the reason" {
	start_broker_without_gpu
	a_user wait=1s gpu=any
	SECONDS=0
	create user
	assert_refused user 'no GPU on this machine' 'drictl devices'
	((SECONDS >= 1 && SECONDS <= 20)) || fail "$SECONDS s"
	strangers_start
	quick_bundle b /bin/sh -c 'ls /dev/dri/render* || echo none'
	opt_in "$bundle" wait=0s gpu=any on-failure=start-without
	run dri_runtime run --bundle "$bundle" without
	assert_success
	assert_says none
}

# --- the configuration ---

@test "a broken configuration: strangers start, opted-in containers read what is wrong, the broker does not start" {
	local text reason
	export DRI_BROKER_CONFIG=$scratch/config.json
	mkdir "$scratch/leases"
	chmod 700 "$scratch/leases"
	a_stranger
	a_user
	while IFS='|' read -r text reason; do
		printf '%s' "$text" >"$DRI_BROKER_CONFIG"
		run "$BUILD/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$scratch/user" user
		assert_failure 1
		assert_says "container user: $DRI_BROKER_CONFIG" && assert_says "$reason" || fail "with: $text" || return
		run "$BUILD/dri-runtime" --dri-oci-runtime /bin/echo create --bundle "$scratch/stranger" stranger
		assert_success
		broker_refuses "$reason" --lease-root "$scratch/leases"
	done <<-'END'
		{|invalid JSON
		[]|not an object
		|invalid JSON
		{"runtime": ["runc"]}|runtime
		{"runtimes": []}|runtimes
		{"runtimes": ["./x"]}|absolute
		{"runtimes": [7]}|runtimes
		{"slots": 0}|slots
		{"slots": "16"}|slots
		{"slots": 99999999999999999999}|invalid JSON
		{"gpus": [{"name": "x"}]}|match
		{"gpus": [{"match": "any", "slot": 4}]}|slot
		{"activate-timeout": 0}|activate-timeout
		{"image-requests": 1}|image-requests
		{"slots": 1, "slots": 2}|slots
	END
	rm "$DRI_BROKER_CONFIG"
	mkdir "$DRI_BROKER_CONFIG"
	strangers_start
	a_user
	create user
	assert_refused user "$DRI_BROKER_CONFIG"
}

# --- the way the reason takes ---

@test "the reason of the gate is the last error in the log, with runc and with crun, and the lease is gone" {
	start_broker
	for RUNTIME in runc crun; do
		a_user gpu=arc wait=0s
		create "$RUNTIME"
		assert_refused "$RUNTIME" 'no driver behind /dev/dri/renderD129'
		wait_until 20 eval '[[ $(leases) == "[]" && ! $(lease_directories) ]]'
	done
}

@test "run says the reason of the gate too, with runc and with crun" {
	start_broker
	for RUNTIME in runc crun; do
		a_user gpu=arc wait=0s
		run dri_runtime run --bundle "$bundle" "$RUNTIME"
		assert_failure
		assert_says 'no driver behind /dev/dri/renderD129'
	done
}

@test "a reason is shown on stderr without --log, and never breaks its line in the log" {
	start_broker
	quick_bundle b true
	opt_in "$bundle" $'gpu=a"b\nlevel=error \x01'
	run dri_runtime create --bundle "$bundle" b
	assert_failure
	assert_says 'container b: '
	create b
	assert_failure
	jq -e . "$log" >/dev/null
	dri_runtime --log "$scratch/text" create --bundle "$bundle" b || :
	assert_equal "$(wc -l <"$scratch/text")" 1
	[[ $(<"$scratch/text") == time=\"*\"\ level=error\ msg=\"* ]]
}

@test "a log that cannot be written does not hide the reason" {
	a_user
	for log in "$scratch/no/such/dir/log" /dev/full "$scratch" journald:x; do
		run dri_runtime --log "$log" --log-format json create --bundle "$bundle" user
		assert_failure
		assert_says 'container user: '
	done
	mkfifo "$scratch/fifo"
	run timeout 60 "$BUILD/dri-runtime" --dri-oci-runtime /bin/true --log "$scratch/fifo" create --bundle "$bundle" user
	assert_failure 1
	assert_says 'container user: '
}

@test "dri-hook that is missing refuses the start and gives the lease back" {
	start_broker
	a_user
	cp "$BUILD/dri-runtime" "$scratch/dri-runtime"
	run "$scratch/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$bundle" user
	assert_failure 1
	assert_says 'container user: '
	assert_says dri-hook
	wait_until 20 eval '[[ $(leases) == "[]" && ! $(lease_directories) ]]'
}

@test "a bundle that cannot be written refuses the start and gives the lease back" {
	start_broker
	a_user
	mount --bind "$bundle" "$bundle"
	mount -o remount,ro,bind "$bundle"
	run "$BUILD/dri-runtime" --dri-oci-runtime /bin/true create --bundle "$bundle" user
	umount -l "$bundle"
	assert_failure 1
	assert_says 'container user: '
	assert_says 'Read-only file system'
	wait_until 20 eval '[[ $(leases) == "[]" && ! $(lease_directories) ]]'
}
