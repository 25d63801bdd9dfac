#!/usr/bin/env bats
# inject.bats - the hook alone: an engine that knows OCI hooks and nothing else, here plain runc and crun.
# What asks for a GPU stands in annotations; nobody edits config.json.
# shellcheck disable=SC2016,SC2154

load ../lib/common
load ../lib/device_filter
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_system_broker
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
}
setup () { find_broker; }
teardown ()
{
	local runtime id
	for runtime in runc crun; do
		for id in $($runtime list -q); do $runtime delete --force "$id"; done
	done
	for id in ${mounted:-}; do umount -l "$id"; done
	[[ ! ${hanging:-} ]] || kill "$hanging"
	wait_until 20 nothing_is_leased
}

# Not "|| return", under which a failure inside would not count.
each_runtime () { local RUNTIME; for RUNTIME in runc crun; do "$@"; done; }

# hooked_bundle NAME COMMAND...: $bundle, with our hooks; opt_in asks
hooked_bundle ()
{
	quick_bundle "$@"
	edit_config "$bundle" '.linux.cgroupsPath = "/" + $name | .hooks = (
			def hook(verb): [{ path: ($ENV.BUILD + "/dri-hook"), args: ["dri-hook", verb], env: [] }];
			{ createRuntime: hook("createRuntime"), poststop: hook("poststop") })' --arg name "$1"
}

run_bundle () { run "$RUNTIME" run --bundle "$bundle" "${bundle##*/}"; }

# asking NAME COMMAND...: runs as the user $user (0:0) with a GPU
asking ()
{
	hooked_bundle "$RUNTIME-$1" "${@:2}"
	opt_in "$bundle" ${keys:-}
	edit_config "$bundle" '.process.user = { uid: ($user / ":" | .[0] | tonumber), gid: ($user / ":" | .[1] | tonumber) }' \
		--arg user "${user:-0:0}"
}

workload_opens_its_gpu ()
{
	local user stage
	for user in 0:0 1000:1000 1000:0 4321:1234; do
		for stage in createRuntime prestart; do
			asking opens sh -c 'exec 3<>/dev/dri/renderD128 && ls /dev/dri'
			edit_config "$bundle" '.hooks |= (.[$stage] = .createRuntime | if $stage == "prestart" then del(.createRuntime) else . end)' \
				--arg stage "$stage"
			run_bundle
			assert_success
			assert_output $'by-path\nrenderD128'
		done
	done
}

@test "the workload opens its GPU, whoever it is, at either stage" {
	each_runtime workload_opens_its_gpu
}

its_lease_only ()
{
	local keys='gpu=radeon' user=1000:1000
	asking only sh -c 'stat -c "%n %u:%g %a %t:%T" /dev/dri/render*; touch /dev/dri/x'
	run_bundle
	assert_failure
	assert_says '/dev/dri/renderD128 1000:1000 660 a:ed
/dev/dri/renderD129 1000:1000 660 a:ed'
	assert_says 'Read-only'
	user=0:0
	asking other sh -c 'mknod /dev/other c 10 229 && exec 3<>/dev/other'
	run_bundle
	assert_failure
	assert_says 'not permitted'
}

@test "it sees its lease only, read-only, and may open no other GPU" {
	each_runtime its_lease_only
}

stranger ()
{
	hooked_bundle "$RUNTIME-stranger" ls /dev/dri
	run_bundle
	assert_failure
	assert_says 'No such file'
	[[ $output != *dri-broker* ]]
}

@test "a container that did not ask is left alone, also without a broker" {
	each_runtime stranger
	stop_broker TERM
	each_runtime stranger
	start_broker
	disown
}

user_namespace ()
{
	local user=1000:1000
	asking userns sh -c 'exec 3<>/dev/dri/renderD128; stat -c %u:%g /dev/dri/renderD128'
	edit_config "$bundle" 'def map: [{ containerID: 0, hostID: 100000, size: 65536 }];
		.linux |= (.namespaces += [{ type: "user" }] | .uidMappings = map | .gidMappings = map)'
	# It owns its stdio, which must not be the machine's /dev/null.
	run bash -c '"$1" run --bundle "$2" "$3" < <(:) 2>&1 | cat' - "$RUNTIME" "$bundle" "${bundle##*/}"
	assert_success
	assert_output 1000:1000
}

@test "in a user namespace too" {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_FILE_TMPDIR%/*}" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	each_runtime user_namespace
}

# in_background: with rules of the user's own for more than its GPU
in_background ()
{
	edit_config "$bundle" '.linux.resources.devices += [
		{ allow: true, type: "c", major: 226, access: "rw" }, { allow: true, type: "c", major: 226, minor: 131, access: "rw" }]'
	"$RUNTIME" run --detach --bundle "$bundle" "${bundle##*/}" </dev/null &>/dev/null 3>&-
	pid=$("$RUNTIME" state "${bundle##*/}" | jq .pid)
}

life ()
{
	local pid
	asking life sleep 600
	in_background
	assert_equal "$(lease_list '[.container.id, .state]')" "[[\"$RUNTIME-life\",\"active\"]]"
	assert_equal "$(filter_says "$pid" 226 131)" "$REFUSED"
	assert_equal "$(filter_says "$pid" 226 0)" "$REFUSED"
	"$RUNTIME" kill "$RUNTIME-life" KILL
	wait_until 20 nothing_is_leased
	# Who did not ask keeps what the user gave it.
	hooked_bundle "$RUNTIME-free" sleep 600
	in_background
	assert_equal "$(filter_says "$pid" 226 131)" "$PASSES"
}

@test "its lease ends with it, and beside it the rules of the user open no GPU" {
	each_runtime life
}

refusals ()
{
	local keys='gpu=nosuch wait=0s'
	asking refused true
	run_bundle
	assert_failure
	[[ $RUNTIME == crun ]] || assert_says "dri-broker: container $RUNTIME-refused: "
	run drictl explain "$RUNTIME-refused"
	assert_says nosuch

	keys='gpu=nosuch wait=0s on-failure=start-without'
	asking without sh -c 'echo started; ls -A /dev/dri'
	run_bundle
	assert_success
	assert_says started
	[[ $output != *renderD* ]]

	keys='owner=0:0:0600' user=1000:1000
	asking gate true
	run_bundle
	assert_failure
	wait_until 20 nothing_is_leased
	run drictl explain "$RUNTIME-gate"
	assert_says 'may not open /dev/dri/renderD128'
}

@test "refused, started without, and turned away by the gate" {
	each_runtime refusals
}

# --- hostile images ---

# hostile_dev NAME: $dev is a /dev that the image brings along, and $host a folder of the host
hostile_dev ()
{
	local user=0:0
	asking "$1" ls /dev/dri
	dev=$BATS_TEST_TMPDIR/$RUNTIME-$1-dev host=$BATS_TEST_TMPDIR/$RUNTIME-$1-host
	mkdir -p "$dev"/{pts,shm} "$host"
	[[ -e $dev/null ]] || mknod "$dev/null" c 1 3 # runc looks for it
	edit_config "$bundle" '.mounts |= map(if .destination == "/dev"
		then { destination: "/dev", type: "bind", source: $dev, options: ["rbind", "rprivate"] } else . end)' --arg dev "$dev"
}

# host_is_untouched: nothing was made there, nothing mounted
host_is_untouched ()
{
	assert_equal "$(find "$host" -mindepth 1)" ''
	! grep -F "$host" /proc/self/mountinfo
}

links ()
{
	local target
	# Absolute, relative, by way of /proc, to nowhere, to itself.
	for target in HOST ../../../../../../../../../../HOST /proc/1/root/HOST /proc/self/cwd/HOST /proc/self/root /nowhere dri; do
		hostile_dev link
		ln -sfn "${target/HOST/${host#/}}" "$dev/dri"
		[[ $target != HOST ]] || ln -sfn "$host" "$dev/dri"
		run_bundle
		assert_failure || fail "with $target"
		[[ $RUNTIME == crun ]] || assert_says 'dri in the container is a symbolic link'
		host_is_untouched || fail "with $target"
	done
}

@test "CVE-2024-0132: /dev/dri as a link leads nowhere" {
	each_runtime links
}

dev_links ()
{
	local target rootfs
	for target in HOST ../../../../../../../../../../HOST /proc/1/root/HOST /proc/self/root; do
		hostile_dev dev
		rootfs=$BATS_TEST_TMPDIR/$RUNTIME-rootfs
		rm -rf "$rootfs"
		cp -a "$BATS_FILE_TMPDIR/rootfs" "$rootfs"
		rm -rf "${rootfs:?}/dev"
		ln -s "${target/HOST/${host#/}}" "$rootfs/dev"
		[[ $target != HOST ]] || ln -sfn "$host" "$rootfs/dev"
		edit_config "$bundle" '.root.path = $rootfs | .mounts |= map(select(.destination | startswith("/dev") | not))' \
			--arg rootfs "$rootfs"
		run_bundle
		assert_failure || fail "with $target"
		host_is_untouched || fail "with $target"
	done
}

@test "/dev as a link leads nowhere" {
	each_runtime dev_links
}

a_file ()
{
	hostile_dev file
	echo >"$dev/dri"
	run_bundle
	assert_failure
	[[ $RUNTIME == crun ]] || assert_says 'Not a directory'
}

@test "/dev/dri as a file is refused" {
	each_runtime a_file
}

there_already ()
{
	hostile_dev there
	mkdir "$dev/dri"
	echo >"$dev/dri/renderD128"
	run_bundle
	assert_success
	assert_output $'by-path\nrenderD128'
	assert_equal "$(<"$dev/dri/renderD128")" ''
}

@test "what the image has in /dev/dri is covered" {
	each_runtime there_already
}

# swap: turns /dev/dri into a link to the host and back, as fast as it can
swap ()
{
	exec python3 - "$dev" "$host" <<-'END'
		import ctypes, os, sys
		dev, host = sys.argv[1:]
		libc = ctypes.CDLL(None)
		here, there = (os.path.join(dev, n).encode() for n in ('dri', 'other'))
		while True:
		    libc.renameat2(-100, here, -100, there, 2)
	END
}

swapped ()
{
	local i swapper started=0 refused=0 keys='ready=off'
	hostile_dev swapped
	edit_config "$bundle" '.process.args = ["true"]'
	mkdir "$dev/dri"
	ln -s "$host" "$dev/other"
	swap 3>&- &
	swapper=$!
	disown
	for ((i = 0; i < 40; i++)); do
		run_bundle
		((status == 0 ? ++started : ++refused))
	done
	kill -s KILL "$swapper"
	wait_until 20 eval "! kill -0 $swapper 2>/dev/null"
	host_is_untouched
	# Both have been met, or this has shown nothing.
	((started > 0 && refused > 0)) || fail "of the two only one was met: $started, $refused"
}

@test "CVE-2024-0132: /dev/dri swapped for a link while it is looked at leads nowhere" {
	each_runtime swapped
}

shared_dev ()
{
	hostile_dev shared
	mount -t tmpfs tmpfs "$dev"
	mounted+=" $dev"
	mount --make-shared "$dev"
	mkdir "$dev"/{pts,shm,dri}
	mknod "$dev/null" c 1 3
	edit_config "$bundle" '.linux.rootfsPropagation = "shared" |
		.mounts |= map(if .destination == "/dev" then .options = ["rbind", "rshared"] else . end)'
	run_bundle
	assert_failure
	[[ $RUNTIME == crun ]] || assert_says 'shared with the host'
	! mountpoint -q "$dev/dri"
}

@test "a /dev that is shared with the host gets nothing" {
	each_runtime shared_dev
}

@test "a /dev that never answers holds no lease, though nobody can end the child that asked it" {
	local said=$BATS_TEST_TMPDIR/said
	quick_bundle hangs true
	opt_in "$bundle"
	mkdir -p "$bundle/own/dev"
	edit_config "$bundle" '.root.path = "own"'
	unshare --mount "$BUILD/tests/hostile" hang "$bundle/own/dev" >"$said" 3>&- &
	hanging=$!
	disown
	wait_until 20 grep -q hanging "$said"
	run timeout --signal KILL 60 "$BUILD/dri-hook" createRuntime <<<"{ \"id\": \"hangs\", \"bundle\": \"$bundle\", \"pid\": $hanging }"
	assert_failure 1
	assert_says 'its /dev gave no answer in 5 s'
	assert_equal "$(leases)" '[]'
	wait_until 20 grep -q kept "$said"
	run find "/proc/$(pgrep -nx dri-hook)/fd" -lname 'socket:*'
	assert_success
	assert_output ''
}
