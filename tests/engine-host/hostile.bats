#!/usr/bin/env bats
# hostile.bats - containers that want more than they were granted: another GPU, a file of the host's, a program
# of the host's, or to hold it up. Through every door, and each attack is first or last made on something that
# falls for it, so that a test which finds nothing has looked.
# shellcheck disable=SC2016,SC2154

load ../lib/common
load ../lib/docker
load ../lib/podman
load ../lib/images

bats_require_minimum_version 1.11.0

doors=('dri-runtime, runc' 'dri-runtime, crun' precreate 'hooks only')

setup_file ()
{
	# Programs that could be overwritten: the repository is mounted read-only.
	mkdir -p /opt/dri/tests
	cp "$BUILD"/dri* /opt/dri/
	echo secret >/opt/dri/secret
	cp "$BUILD"/tests/{hostile,intruder.so} /opt/dri/tests/
	export BUILD=/opt/dri SIMULATED_GPUS=$BATS_FILE_TMPDIR/gpus.json
	jq '.gpus += [{ name: "slow", pci: "0000:09:00.0", vendor: "0x8086", device: "0x56a5", driver: "xe",
		gid: 992, render: { name: "renderD130", device: "226:130" } }]' "$OPENABLE_GPUS" >"$SIMULATED_GPUS"
	make_app_rootfs
	add_programs "$BATS_FILE_TMPDIR/app" setpriv
	cp "$BUILD/tests/hostile" "$BATS_FILE_TMPDIR/app/bin/"
	mkdir -p "$BATS_FILE_TMPDIR/app/usr/lib"
	cp "$BUILD/tests/intruder.so" "$BATS_FILE_TMPDIR/app/usr/lib/"
	# What Podman's precreate was granted, and its runtime then did not start.
	mkdir -p "${DRI_BROKER_CONFIG%/*}"
	echo '{"activate-timeout": 3}' >"$DRI_BROKER_CONFIG"
	start_bed
	start_podman_store
	"$BUILD/drictl" install podman
	make_hooks
}
setup ()
{
	find_broker
	vol=$BATS_TEST_TMPDIR/vol host=$BATS_TEST_TMPDIR/host
	mkdir "$vol" "$host"
}
teardown ()
{
	docker ps --all --quiet | xargs -r docker rm --force >/dev/null
	podman rm --all --force --time 0 >/dev/null
	assert_nothing_leased
}

# make_hooks: Podman as an engine that knows hooks only; and with the hooks of somebody careless
make_hooks ()
{
	local only=$BATS_FILE_TMPDIR/hooks-only naive=$BATS_FILE_TMPDIR/naive
	mkdir -p "$only" "$naive"
	jq -n '{ version: "1.0.0", hook: { path: ($ENV.BUILD + "/dri-hook"), args: ["dri-hook", "createRuntime"] },
		when: { annotations: { "^dri[.]enable$": ".*" } }, stages: ["createRuntime"] }' >"$only/start.json"
	jq '.hook.args[1] = "poststop" | .stages = ["poststop"]' "$only/start.json" >"$only/stop.json"
	# Makes the node at the container's path, as if that were the container's.
	printf '%s\n' '#!/bin/bash' 'state=$(cat)' 'bundle=$(jq -r .bundle <<<"$state")' \
		'root=$(jq -r .root.path "$bundle/config.json")' \
		'nsenter --mount --target "$(jq .pid <<<"$state")" sh -c '\''cd "$1/dev/dri" || mkdir -p "$1/dev/dri" && cd "$1/dev/dri" &&' \
		'	mknod -m 666 renderD128 c 10 229'\'' - "$root"' 'exit 0' >"$naive/hook"
	chmod 755 "$naive/hook"
	jq -n --arg path "$naive/hook" '{ version: "1.0.0", hook: { path: $path },
		when: { always: true }, stages: ["createRuntime"] }' >"$naive/start.json"
}

# through DOOR [OPTION]... IMAGE [COMMAND]...: "run" of a container that asks for a GPU, with the keys in $keys
through ()
{
	local flag=--annotation key request=() command=(podman run)
	case $1 in
	*runc) flag=--label command=(docker run --runtime dri) ;;
	*crun) flag=--label command=(docker run --runtime dri-crun) ;;
	hooks*) command=(podman --hooks-dir "$BATS_FILE_TMPDIR/hooks-only" run) ;;
	esac
	for key in enable=true gpu=igpu ${keys:-}; do request+=("$flag" "dri.$key"); done
	# Which no start of these may take: an engine that hangs is ended, and fails the test.
	try timeout --signal KILL 60 "${command[@]}" --rm --net none "${request[@]}" "${@:2}"
	((status != 137)) || fail 'no end in 60 s'
}
# try COMMAND...: as run, which has its own thoughts about status 127
try () { output=$("$@" 2>&1) && status=0 || status=$?; }

# naively OPTION... IMAGE COMMAND...: by a hook that trusts the container's paths
naively () { try podman --hooks-dir "$BATS_FILE_TMPDIR/naive" run --rm --net none "$@"; }

# each_door NAME COMMAND...: a test for each
each_door ()
{
	local door
	for door in "${doors[@]}"; do
		bats_test_function --description "$1 ($door)" -- "$2" "$door" "${@:3}"
	done
}

# attacker OPTION... app COMMAND...: a container that has nothing of ours, in the background; $attacker is its id
attacker ()
{
	run docker run --detach --net none --runtime runc "$@"
	assert_success
	attacker=$output
}
attacker_says () { docker logs "$attacker" 2>&1 | grep -q "$1"; }

# host_is_untouched: nothing was made in $host, nothing mounted there
host_is_untouched ()
{
	assert_equal "$(find "$host" -mindepth 1)" ''
	! grep -F "$host" /proc/self/mountinfo
}

# What no container may do, whatever else it did; "other" is a GPU that it was not granted.
take_other='mknod /tmp/other c 10 237 && exec 3<>/tmp/other && echo took another'
took_no_other () { [[ $output != *'took another'* ]] || fail "another GPU, ${1:-}"; }

# --- links ---

links_in_dev ()
{
	local target
	# Absolute, relative, by way of /proc, to what is only there for the hook, to itself.
	for target in "$host" "../../../../../../../../../..$host" "/proc/1/root$host" "/proc/self/cwd/../..$host" dri; do
		rm -rf "$vol"
		mkdir "$vol"
		ln -s "$target" "$vol/dri"
		# By a link that stays in the container it may well get its GPU.
		through "$1" --volume "$vol:/dev" app sh -c "$take_other"
		took_no_other "with $target"
		host_is_untouched || fail "with $target"
	done
	rm -rf "$vol"
	mkdir "$vol"
	ln -s "$host" "$vol/dri"
	naively --volume "$vol:/dev" app true
	[[ -c $host/renderD128 ]] || fail 'not even a naive hook fell for it:' "$output"
}
each_door 'CVE-2024-0132: links at /dev/dri lead to nothing of the host' links_in_dev

# hostile_image COMMAND...: image hostile, of app's files after the command, in both engines
hostile_image ()
{
	local rootfs=$BATS_TEST_TMPDIR/rootfs
	rm -rf "$rootfs"
	cp -a "$BATS_FILE_TMPDIR/app" "$rootfs"
	rm -rf "${rootfs:?}/dev"
	ln -s "$1" "$rootfs/dev"
	import_image hostile "$rootfs"
	tar -C "$rootfs" -c . | podman import - hostile &>/dev/null
}

links_in_root ()
{
	local target
	for target in "$host" "../../../../../../../../../..$host"; do
		hostile_image "$target"
		through "$1" hostile sh -c "$take_other"
		took_no_other "with $target"
		host_is_untouched || fail "with $target"
	done
	hostile_image "$host"
	naively hostile true
	[[ -c $host/dri/renderD128 ]] || fail 'not even a naive hook fell for it:' "$output"
}
each_door 'an image whose /dev is a link leads to nothing of the host' links_in_root

swapped ()
{
	local i
	mkdir "$vol/dri"
	ln -s "/proc/1/root$host" "$vol/other"
	attacker --volume "$vol:/vol" app hostile swap /vol/dri /vol/other
	wait_until 10 attacker_says swapping
	for ((i = 0; i < 8; i++)); do
		keys=ready=node through "$1" --volume "$vol:/dev" app sh -c "$take_other"
		took_no_other
	done
	host_is_untouched
	assert_equal "$(docker inspect --format '{{.State.Running}}' "$attacker")" true
	# The careless one meets the link before long, which leads it to the host.
	for ((i = 0; i < 40; i++)); do
		[[ ! -e $host/renderD128 ]] || break
		naively --volume "$vol:/dev" app true
	done
	[[ -e $host/renderD128 ]] || fail 'the swap never hit even a naive hook:' "$output"
}
each_door 'CVE-2024-0132: /dev/dri swapped for a link all the time by another container' swapped

# --- what the container's environment names ---

# fake_broker SOCKET: tells in SOCKET.log who calls
fake_broker ()
{
	python3 - "$1" >"$1.log" 2>&1 3>&- <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen()
		print('listening', flush=True)
		while True:
		    s.accept()
		    print('called', flush=True)
	END
	background=$!
	disown
	wait_until 20 grep -q listening "$1.log"
}

environment ()
{
	local library=/usr/lib/intruder.so names=() name
	cp "$BUILD/tests/intruder.so" "$library"
	fake_broker "$host/sock"
	for name in LD_PRELOAD LD_AUDIT; do names+=(--env "$name=$library"); done
	for name in GCONV_PATH LD_LIBRARY_PATH LIBVA_DRIVERS_PATH; do names+=(--env "$name=/usr/lib"); done
	names+=(--env LIBVA_DRIVER_NAME=intruder --env "DRI_BROKER_SOCKET=$host/sock" --env "DRI_BROKER_CONFIG=$host/none")
	rm -f /intruder.log
	through "$1" "${names[@]}" app sh -c '/usr/bin/setpriv true; cat /intruder.log; open-gpu && echo opened'
	[[ ! -e /intruder.log ]] || fail 'on the host it was loaded into' "$(</intruder.log)"
	assert_equal "$(<"$host/sock.log")" listening
	# It works, in the container and in a program of the host that has this environment; so does the socket.
	assert_says setpriv
	assert_says opened
	LD_PRELOAD=$library setpriv true
	assert_equal "$(head -n 1 /intruder.log)" setpriv
	DRI_BROKER_SOCKET=$host/sock "$BUILD/drictl" status &>/dev/null 3>&- &
	wait_until 20 grep -qx called "$host/sock.log"
	kill "$background" $!
	rm -f /intruder.log "$library"
}
each_door 'CVE-2025-23266: no library, socket or file that the environment names is used' environment

# --- a root with capabilities ---

capable ()
{
	local drm='mknod /tmp/drm c 226 131 && (exec 3<>/tmp/drm) 2>&1 | grep -q "No such device" && echo "passed to a DRM driver"'
	local script='
		mount -o remount,bind,rw /dev/dri && mknod /dev/dri/renderD200 c 10 237 || exit 9
		mkdir -p /tmp/all && mount -t devtmpfs none /tmp/all 2>/dev/null
		mknod /tmp/other c 10 237
		for i in /dev/dri/renderD200 /tmp/other /tmp/all/loop-control; do
			(exec 3<>$i) 2>/dev/null && echo "opened $i"
		done
		ls /dev/dri/.. | grep -xE "[0-9a-f]{32}"
		open-gpu && echo own'
	start bystander --label dri.gpu=radeon --user 1000:1000 app
	through "$1" --cap-add MKNOD --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
		--device-cgroup-rule 'c 226:* rw' app sh -c "$script; $drm; true"
	assert_success
	assert_output own
	in_container bystander open-gpu
	assert_success
	wait_until 20 eval '[[ $(lease_list) == "[\"bystander\"]" ]]'
	assert_equal "$(lease_directories | wc -l)" 1

	# Where nobody asked for a GPU, the user's rule is the user's word.
	try podman run --rm --net none --cap-add MKNOD --device-cgroup-rule 'c 226:* rw' app sh -c "$drm"
	assert_says 'passed to a DRM driver'

	# With all devices allowed by the user, who was warned, it opens what it made.
	through "$1" --privileged app sh -c "$script"
	assert_says 'opened /tmp/other'
}
each_door 'a root with CAP_MKNOD and CAP_SYS_ADMIN opens no other GPU' capable

# --- descriptors ---

descriptors ()
{
	through "$1" app ls /proc/self/fd
	assert_success
	assert_output $'0\n1\n2\n3' # of which 3 is of ls
	run podman run --rm --net none --preserve-fds 1 app ls /proc/self/fd 3</etc/hostname
	assert_output $'0\n1\n2\n3\n4'
}
each_door 'the workload has no descriptor but 0, 1 and 2' descriptors

@test "the real runtime gets no descriptor of ours, and an exec none either" {
	local seen=$BATS_TEST_TMPDIR/seen
	start who app
	in_container who ls /proc/self/fd
	assert_output $'0\n1\n2\n3'
	printf '%s\n' '#!/bin/bash' "for i in /proc/\$\$/fd/*; do readlink \$i; done >>$seen" 'exec runc "$@"' \
		>"$BATS_TEST_TMPDIR/runtime"
	chmod 755 "$BATS_TEST_TMPDIR/runtime"
	quick_bundle fds true
	opt_in "$bundle"
	run "$BUILD/dri-runtime" --dri-oci-runtime "$BATS_TEST_TMPDIR/runtime" run --bundle "$bundle" fds 9</etc/hostname
	assert_success
	# That of its caller passes, as --preserve-fds of runc needs it; no socket does, which would be the broker's.
	run cat "$seen"
	assert_says /etc/hostname
	[[ $output != *socket* ]]
}

# --- the hooks as the container sees them ---

# prowler NAME OPTION...: looks for what is called so; what it finds stands in $host/log
prowler ()
{
	: >"$host/log"
	chmod 666 "$host/log"
	attacker --volume "$host:/host" --security-opt seccomp=unconfined "${@:2}" app hostile prowl "$1" /host/log
	wait_until 10 attacker_says prowling
}

# naive_process COMMAND...: run by the command, a program of the host as root, and without more capabilities than the
# container has
naive_process ()
{
	cp "$(command -v busybox)" "$BUILD/busybox-naive"
	cp "$(command -v setpriv)" "$BUILD/setpriv-naive" # which may be hit as well, on its way to the other
	"$@" "$BUILD/setpriv-naive" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$BUILD/busybox-naive" sleep 1 3>&-
}

host_pids ()
{
	local user
	for user in 0 1000; do
		prowler dri-hook --pid host --user "$user"
		# The gate waits for the driver, as the workload, and its parent for the gate.
		keys='gpu=slow wait=1s' through "$1" --user "$user:$user" app true
		assert_failure
		run cat "$host/log"
		(($(grep -c ^saw "$host/log") >= 2)) || fail 'the prowler saw too little:' "$output"
		[[ $output != *got* && $output != *traced* ]] || fail 'it reached:' "$output"
		docker rm --force "$attacker" >/dev/null
	done
	prowler busybox-naive --pid host
	wait_until 20 naive_is_got || fail "$(<"$host/log")"
}
naive_is_got ()
{
	naive_process env
	grep -q traced "$host/log" && grep -q 'got root of' "$host/log"
}
each_door "CVE-2019-5736: who shares the host's pids gets hold of no process of ours" host_pids

# saw_none_of_ours: dri-probe is executed by descriptor, which is its name then
saw_none_of_ours ()
{
	[[ $output != *escaped* ]] || fail 'it was on the host:' "$output"
	! grep -E '^saw (dri-|drictl|memfd|[0-9]+,)' <<<"$output" || fail 'there was one of ours:' "$output"
}

shared_pids ()
{
	local before
	before=$(sha256sum /opt/dri/dri*)
	prowler '*'
	keys='gpu=slow wait=1s' through "$1" --pid "container:$attacker" app true
	assert_failure
	keys=ready=vaapi through "$1" --pid "container:$attacker" app sleep 1
	assert_equal "$(sha256sum /opt/dri/dri*)" "$before"
	run cat "$host/log"
	assert_says saw
	saw_none_of_ours
	# A program of the host that comes to run beside the container's.
	wait_until 20 naive_is_overwritten
	run cat "$host/log"
	assert_says escaped
	run head -qc 9 "$BUILD"/*-naive
	assert_says '#!hostile'
}
naive_is_overwritten ()
{
	naive_process nsenter --pid --target "$(docker inspect --format '{{.State.Pid}}' "$attacker")" || :
	grep -q overwrote "$host/log"
}
@test "CVE-2019-5736: a container that may look into all its processes finds none of ours, while drictl attach has it probed" {
	prowler '*' --cap-add SYS_PTRACE --security-opt apparmor=unconfined
	run drictl attach "$attacker" dri.ready=vaapi
	assert_says 'no DRM driver answers' # the probe ran; its node is a stand-in
	run cat "$host/log"
	saw_none_of_ours
	# It does see what comes.
	docker exec --detach "$attacker" busybox sleep 60
	wait_until 20 grep -q ^saw "$host/log"
}

for door in "${doors[@]:0:2}"; do
	bats_test_function --description "CVE-2019-5736: who shares a container's pids overwrites no program of ours ($door)" \
		-- shared_pids "$door"
done

# --- no answer ---

# ends_in SECONDS COMMAND...
ends_in ()
{
	run timeout --signal KILL "$@"
	((status != 137)) || fail "no end in $1 s"
}

@test "a container whose /dev never answers holds attach up no longer than the deadline" {
	attacker --name hangs --cap-add SYS_ADMIN --device /dev/fuse --security-opt seccomp=unconfined app hostile hang /dev
	wait_until 10 attacker_says hanging
	ends_in 60 "$BUILD/drictl" attach hangs
	assert_failure 1
	assert_says 'container hangs: its /dev gave no answer in 5 s'
	wait_until 20 attacker_says kept # the request, which is not killed any more
	# Nor does the child that is left behind, which would hold a lease as long as it holds the connection to the broker.
	run find "/proc/$(pgrep -nx drictl)/fd" -lname 'socket:*'
	assert_success
	assert_output ''
}

@test "a container that is paused holds attach up no longer than the deadline" {
	attacker --name paused app
	run docker pause paused
	assert_success
	ends_in 60 "$BUILD/drictl" attach paused dri.wait=1s
	run docker unpause paused
	assert_success
}

libraries_that_hang ()
{
	mount --bind "$vol" "$vol"
	mount --make-shared "$vol"
	mkdir "$vol/lib"
	attacker --cap-add SYS_ADMIN --device /dev/fuse --security-opt seccomp=unconfined --volume "$vol:/vol:rshared" \
		app hostile hang /vol/lib
	wait_until 10 attacker_says hanging
	keys='wait=1s on-failure=start-without' through "$1" --volume "$vol/lib:/usr/lib/x86_64-linux-gnu" app busybox echo started
	assert_says started
	docker rm --force "$attacker" >/dev/null
	umount -lR "$vol"
}
# Podman looks into such a volume by itself, before any hook, and hangs there for good.
for door in "${doors[@]:0:2}"; do
	bats_test_function --description "libraries that never answer hold a start up no longer than the deadline ($door)" \
		-- libraries_that_hang "$door"
done
