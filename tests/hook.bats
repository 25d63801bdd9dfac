#!/usr/bin/env bats
# hook.bats - dri-hook: what it takes from runtimes, what the readiness gate finds out,
# and that nothing of a container reaches it. Called by hand, and by real runc and crun.

# What jq, sh and python3 are to run stands in single quotes; bats and the helpers set
# variables that shellcheck does not see set or used.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/common

setup_file () { start_runtime_bed; }
teardown_file () { finish_broker; }

setup ()
{
	scratch=$BATS_TEST_TMPDIR
	RUNTIME=runc CGROUP=v1
}

teardown ()
{
	end_test
	# Every test leaves the broker to the next one as it found it.
	wait_until 20 no_lease
}


# hooks: the processes of the dri-hook under test
hooks ()
{
	local pid
	for pid in $(pgrep -x dri-hook); do
		[[ $(readlink "/proc/$pid/exe") != "$BUILD/dri-hook" ]] || echo "$pid"
	done
}
no_hook () { [[ ! $(hooks) ]]; }

# in_background COMMAND...: $! is the job, and teardown ends it
in_background ()
{
	"$@" </dev/null 3>&- &
	background+=" $!"
	disown
}

# a_process: $pid is one that does nothing
a_process ()
{
	sleep 60 3>&- &
	pid=$!
	background+=" $pid"
	disown
}

# grant: $lease is one that no container has taken up, $directory its directory
grant ()
{
	local reply
	reply=$(varlink Acquire '{ "container": { "id": "by-hand" }, "workload": { "uid": 0, "gid": 0 },
		"request": { "enable": "true", "gpu": "igpu" }, "detached": true }')
	lease=$(jq -r .grant.lease <<<"$reply")
	directory=$(jq -r .grant.directory <<<"$reply")
}

# hook VERB [OPTION]...: with the state on standard input
hook () { run timeout 30 "$BUILD/dri-hook" "$1" --lease "$lease" --container by-hand "${@:2}"; }

# --- the state on standard input ---

@test "a state that is none is refused at the start: garbage, empty, no object, no pid, no such pid" {
	local state
	grant
	for state in '' garbage '[]' '7' '{' '{"id": "c"}' '{"pid": 0}' '{"pid": -1}' '{"pid": "1"}' '{"pid": 1.5}' \
		'{"pid": 99999999999}' '{"pid": 4194305}' $'\xff\xfe' '{"pid": 1} x'; do
		hook createRuntime --ready off <<<"$state"
		assert_failure 1 || fail "with: $state" || return
		assert_says 'container by-hand: '
		assert_equal "${#lines[@]}" 1
	done
	assert_json "$(leases)" '.[0].state == "granted" and .[0].pid == null'
	hook poststop <<<''
}

@test "a state of 1 MiB is refused, one of almost that is read" {
	a_process
	grant
	hook createRuntime --ready off < <(printf '{"pid": %d, "x": "' "$pid"; head -c 1048576 /dev/zero | tr '\0' A; echo '"}')
	assert_failure 1
	assert_says 'container by-hand: '
	hook createRuntime --ready off < <(printf '{"pid": %d, "x": "' "$pid"; head -c 1000000 /dev/zero | tr '\0' A; echo '"}')
	assert_success
	hook poststop < <(head -c 3000000 /dev/zero)
	assert_success
}

@test "the states of runc and crun start and end a lease, with and without a pid at the end" {
	local state
	a_process
	for state in '"ociVersion": "1.0.2-dev", "status": "creating"' '"ociVersion": "1.0", "status": "created", "annotations": {"a": "b"}' \
		'"ociVersion": "1.2.0", "status": "running"'; do
		grant
		hook createRuntime --ready off <<<"{ $state, \"id\": \"by-hand\", \"bundle\": \"/b\", \"pid\": $pid }"
		assert_success
		assert_output ''
		assert_json "$(leases)" '.[0].state == "active" and .[0].pid == $pid' --argjson pid "$pid"
		hook poststop <<<"{ $state, \"id\": \"by-hand\", \"bundle\": \"/b\" }"
		assert_success
		assert_equal "$(leases)" '[]'
		grant
		hook prestart --ready off <<<"{ $state, \"id\": \"by-hand\", \"pid\": $pid }"
		assert_success
		hook poststop <<<"{ $state, \"id\": \"by-hand\", \"bundle\": \"/b\", \"pid\": $pid }"
		assert_success
		assert_equal "$(leases)" '[]'
	done
}

@test "poststop succeeds and is silent whatever it reads, and without a broker" {
	local state
	for state in '' garbage '{}' '[]' '{"pid": -7}'; do
		grant
		hook poststop <<<"$state"
		assert_success
		assert_output ''
		assert_equal "$(leases)" '[]'
	done
	hook poststop <<<'{}'
	assert_success
	DRI_BROKER_SOCKET=$scratch/none hook poststop <<<'{}'
	assert_success
	assert_output ''
}

@test "the start without a broker, or with a lease that is gone, fails with the reason" {
	a_process
	grant
	DRI_BROKER_SOCKET=$scratch/none hook createRuntime --ready off <<<"{ \"pid\": $pid }"
	assert_failure 1
	assert_says "container by-hand: "
	assert_says "$scratch/none"
	hook poststop <<<'{}'
	hook createRuntime --ready off <<<"{ \"pid\": $pid }"
	assert_failure 1
	assert_says 'no such lease'
}

@test "arguments that are none are refused with exit code 2" {
	lease=x
	local arguments
	run "$BUILD/dri-hook"
	assert_failure 2
	assert_says usage
	run "$BUILD/dri-hook" createContainer --lease x
	assert_failure 2
	while read -r arguments; do
		# shellcheck disable=SC2086
		hook createRuntime $arguments <<<'{}'
		assert_failure 2 || fail "with: $arguments" || return
	done <<-'END'
		--node renderD128
		--node renderD128=10
		--node renderD128=10:229x
		--node ../x=10:229
		--node renderD128=10:229:stand-in:x
		--user 1000
		--user 1000:x
		--user 1000:1000:
		--user -1:1000
		--ready sometimes
		--no-such-option
		word
	END
	run "$BUILD/dri-hook" --version
	assert_success
}

# --- what reaches the hook ---

@test "dri-hook is static: no interpreter, no libraries" {
	! is_sanitized || return 0
	[[ $(readelf -lW "$BUILD/dri-hook") == *LOAD* ]]
	assert_equal "$(readelf -lW "$BUILD/dri-hook" | grep INTERP)" ''
	assert_equal "$(readelf -dW "$BUILD/dri-hook" | grep NEEDED)" ''
}

# until_the_gate_waits BUNDLE NAME: runs a container whose driver will not come, and
# catches its gate: $hook_pid is the hook, $gate_pid its child
until_the_gate_waits ()
{
	in_background dri_runtime run --bundle "$1" "$2" >"$scratch/out" 2>&1
	wait_until 30 gate_waits "$2"
}

gate_waits ()
{
	local pid
	hook_pid='' gate_pid=''
	for pid in $(hooks); do
		if [[ $(ps -o comm= -p "$(ps -o ppid= -p "$pid" | tr -d ' ')") == dri-hook ]]; then gate_pid=$pid; else hook_pid=$pid; fi
	done
	# As the workload, once it has dropped what it had.
	[[ $hook_pid && $gate_pid && $(awk '$1 == "NoNewPrivs:" { print $2 }' "/proc/$gate_pid/status" 2>/dev/null) == 1 ]]
}

@test "the hook sees its own environment only, not the runtime's and not the container's" {
	for RUNTIME in runc crun; do
		quick_bundle env /bin/true
		edit_config "$bundle" '.process.env += ["LD_PRELOAD=/lib/evil.so", "DRI_BROKER_SOCKET=/evil"]'
		opt_in "$bundle" gpu=arc wait=60s
		LD_LIBRARY_PATH=/evil GCONV_PATH=/evil until_the_gate_waits "$bundle" "$RUNTIME"
		for pid in "$hook_pid" "$gate_pid"; do
			assert_equal "$(tr '\0' '\n' <"/proc/$pid/environ")" "DRI_BROKER_SOCKET=$DRI_BROKER_SOCKET"
			assert_equal "$(readlink "/proc/$pid/exe")" "$BUILD/dri-hook"
			# The kernel and the binary is all that is mapped.
			is_sanitized || assert_equal "$(awk '$6 ~ "^/" { print $6 }' "/proc/$pid/maps" | sort -u)" "$BUILD/dri-hook"
		done
		kill -s KILL "$hook_pid"
		wait_until 20 no_hook
	done
}

@test "the gate is the workload: its ids, groups, namespaces and control group, and no capability" {
	quick_bundle gate /bin/true
	edit_config "$bundle" '.process.user = { uid: 1000, gid: 1001, additionalGids: [7] }'
	opt_in "$bundle" gpu=arc wait=60s
	until_the_gate_waits "$bundle" gate
	local status init
	status=$(<"/proc/$gate_pid/status")
	init=$(grep -lx ".*:devices:/dri-bats-$$-gate" /proc/[0-9]*/cgroup | grep -oE '[0-9]+' | grep -vx "$gate_pid")
	[[ $status == *$'\nUid:\t1000\t1000\t1000\t1000\n'* ]]
	[[ $status == *$'\nGid:\t1001\t1001\t1001\t1001\n'* ]]
	[[ $status == *$'\nGroups:\t7 992'* ]]
	[[ $status == *$'\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n'* ]]
	assert_equal "$(readlink "/proc/$gate_pid/ns/mnt")" "$(readlink "/proc/$init/ns/mnt")"
	assert_equal "$(grep :devices: "/proc/$gate_pid/cgroup")" "$(grep :devices: "/proc/$init/cgroup")"
	[[ $(readlink "/proc/$gate_pid/ns/mnt") != "$(readlink "/proc/$hook_pid/ns/mnt")" ]]
	assert_equal "$(awk '$1 == "Uid:" { print $2 }' "/proc/$hook_pid/status")" 0
	# The hook itself: CAP_KILL, and of the rest what it can still need (hook/phase.c).
	[[ $(<"/proc/$hook_pid/status") == *$'\nCapInh:\t0000000000000000\nCapPrm:\t00000004002c00e2\nCapEff:\t0000000000000020\n'* ]] ||
		fail "$(grep Cap "/proc/$hook_pid/status")"
	# Whoever ends the hook ends its gate.
	kill -s KILL "$hook_pid"
	wait_until 20 no_hook
}

# --- what the gate finds ---

# refused_by_the_gate TEXT: both runtimes end with this reason, and nothing is left
refused_by_the_gate ()
{
	for RUNTIME in runc crun; do
		run --separate-stderr dri_runtime run --bundle "$bundle" "$RUNTIME"
		((status != 0)) || fail "it started: $output" || return
		[[ $stderr == *"container $RUNTIME: "*"$1"* ]] || fail "expected to read: $1" "got: $stderr" || return
		wait_until 20 no_lease && wait_until 20 no_hook || return
	done
}

@test "a node that the workload's user may not open: the user and dri.owner are named" {
	quick_bundle eacces /bin/true
	edit_config "$bundle" '.process.user = { uid: 1000, gid: 1000 }'
	opt_in "$bundle" owner=2000:2000
	refused_by_the_gate "user 1000:1000 may not open /dev/dri/renderD128: set dri.owner to \"1000:1000\""
}

@test "root opens any node by CAP_DAC_OVERRIDE, and not without it" {
	quick_bundle root /bin/true
	opt_in "$bundle" owner=0:2000:0060
	run dri_runtime run --bundle "$bundle" root
	assert_success
	quick_bundle root /bin/true
	edit_config "$bundle" '.process.capabilities = {}'
	opt_in "$bundle" owner=0:2000:0060
	refused_by_the_gate 'user 0:0 may not open'
}

@test "an image that drops to PUID:PGID is judged as that user" {
	quick_bundle puid /bin/sh -c 'stat -c "%u:%g %a" /dev/dri/renderD128'
	edit_config "$bundle" '.process.env += ["PUID=1000", "PGID=1001"]'
	opt_in "$bundle"
	run dri_runtime run --bundle "$bundle" puid
	assert_success
	[[ $output == *:1001\ 660 ]]
	opt_in "$bundle" owner=0:0
	refused_by_the_gate 'user 1000:1001 may not open'
}

# own_hook: registers the script on standard input before our hook; $1 of it is the container's pid
own_hook ()
{
	{ printf '#!/bin/bash\nset -- "$(jq .pid)"\n'; cat; } >"$scratch/own-hook"
	chmod 755 "$scratch/own-hook"
	edit_config "$bundle" '.hooks.createRuntime = [{ path: $path, args: ["own-hook"], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] }]' \
		--arg path "$scratch/own-hook"
}

@test "a device that the control group denies: the device is named" {
	quick_bundle eperm /bin/true
	own_hook <<-'END'
		group=$(sed -n 's/.*:devices://p' "/proc/$1/cgroup")
		echo 'c 10:229 rw' >"/sys/fs/cgroup/devices$group/devices.deny"
	END
	opt_in "$bundle"
	refused_by_the_gate 'device cgroup does not let it open /dev/dri/renderD128 (10:229)'
}

@test "something mounted over the node is not taken for it" {
	quick_bundle over /bin/true
	own_hook <<-END
		nsenter --mount="/proc/\$1/ns/mnt" mount --bind /dev/null "$BATS_FILE_TMPDIR/rootfs/dev/dri/renderD128"
	END
	opt_in "$bundle"
	refused_by_the_gate '/dev/dri/renderD128 in the container is not the device 10:229 that was granted: something is mounted over it'
}

@test "a link of the image in place of dev does not lead the gate out of the container" {
	quick_bundle link /bin/true
	own_hook <<-END
		nsenter --mount="/proc/\$1/ns/mnt" bash -c 'mkdir /tmp/empty.\$\$ && mount --bind /tmp/empty.\$\$ "$BATS_FILE_TMPDIR/rootfs/dev" &&
			ln -s "$LEASE_ROOT"/* /tmp/empty.\$\$/dri; rm -rf "$scratch/trap"; mv /tmp/empty.\$\$ "$scratch/trap"'
	END
	opt_in "$bundle"
	refused_by_the_gate 'open /dev/dri/renderD128: No such file or directory'
	[[ -e $scratch/trap/dri || -L $scratch/trap/dri ]]
}

@test "no driver behind the node: waits dri.wait for it, then says so" {
	quick_bundle enxio /bin/true
	opt_in "$bundle" gpu=arc wait=1s
	local began=${EPOCHREALTIME/./} took
	RUNTIME=crun run dri_runtime run --bundle "$bundle" enxio
	assert_failure
	assert_says 'no driver behind /dev/dri/renderD129 (226:129)'
	took=$((${EPOCHREALTIME/./} - began))
	((took >= 1000000)) || fail "$took us"
	opt_in "$bundle" gpu=arc wait=0s
	refused_by_the_gate 'no driver behind /dev/dri/renderD129 (226:129)'
}

@test "the primary node is verified too where it was asked for" {
	quick_bundle card /bin/true
	opt_in "$bundle" nodes=render,card wait=0s
	refused_by_the_gate 'no driver behind /dev/dri/card0 (226:0)'
}

@test "dri.ready=off asks nothing" {
	quick_bundle off /bin/ls /dev/dri
	opt_in "$bundle" gpu=arc ready=off
	run dri_runtime run --bundle "$bundle" off
	assert_success
	assert_says renderD129
}

@test "dri.on-failure=start-without: the container starts, with an empty /dev/dri, and status says why" {
	quick_bundle without /bin/sh -c 'ls -A /dev/dri; exec sleep 60'
	opt_in "$bundle" gpu=arc wait=0s on-failure=start-without
	dri_runtime run -d --bundle "$bundle" without </dev/null >"$scratch/out" 2>&1
	assert_json "$(leases)" '.[0].state == "without" and .[0].gpu == null and .[0].ready.ok == false
		and (.[0].ready.reason | test("no driver behind"))'
	sleep 0.3
	assert_equal "$(cat "$scratch/out")" ''
	assert_equal "$(find "$LEASE_ROOT" -mindepth 2)" ''
	dri_runtime delete --force without
}

@test "a verdict about a stand-in says that it is one" {
	quick_bundle simulated /bin/sleep 60
	opt_in "$bundle"
	dri_runtime run -d --bundle "$bundle" simulated </dev/null >/dev/null 2>&1
	assert_json "$(leases)" '.[0].ready.ok and .[0].ready.level == "node" and (.[0].ready.reason | test("simulated"))'
	dri_runtime delete --force simulated
}

@test "a gate that hangs is ended at its deadline, and the reason says so" {
	quick_bundle hang /bin/true
	opt_in "$bundle" gpu=arc wait=5s
	SECONDS=0
	until_the_gate_waits "$bundle" hang
	kill -s STOP "$gate_pid"
	wait_until 60 no_hook
	((SECONDS >= 5)) || fail "$SECONDS s"
	wait_until 20 grep -q 'the readiness gate got no answer from the GPU' "$scratch/out"
}

@test "the hook leaves no process to the runtime, whatever the verdict" {
	quick_bundle reap /bin/sleep 60
	opt_in "$bundle"
	dri_runtime run -d --bundle "$bundle" reap </dev/null >/dev/null 2>&1
	local init node
	init=$(leases | jq '.[0].pid')
	lease=$(leases | jq -r '.[0].id')
	for node in renderD128=10:229:stand-in renderD128=10:228 nothing=1:3; do
		for ((i = 0; i < 10; i++)); do
			# As crun does: orphans below it become its own.
			with_cgroup v1 "$(command -pv python3)" - "$BUILD/dri-hook" createRuntime --lease "$lease" --container reap --bundle / --rootfs / \
				--user 0:0 --node "$node" --ready node --wait 0 "$init" <<-'END'
				import ctypes, os, subprocess, sys
				ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
				subprocess.run(sys.argv[1:-1], input=b'{"pid": %s}' % sys.argv[-1].encode(), stderr=subprocess.DEVNULL)
				try:
				    sys.exit('left behind: %s' % (os.waitpid(-1, 0),))
				except ChildProcessError:
				    pass
			END
		done
	done
	dri_runtime delete --force reap
}

# --- as a hook of somebody else's ---

@test "prestart works as a hook in a bundle that was made without dri-runtime" {
	local asked
	for asked in runc:v1 crun:v1 runc:v2; do
		grant
		quick_bundle prestart /bin/sh -c ': <>/dev/dri/renderD128 && echo opened'
		edit_config "$bundle" '
			.mounts += [{ destination: "/dev/dri", type: "bind", source: $directory, options: ["bind", "ro"] }]
			| .linux.resources.devices += [{ allow: true, type: "c", major: 10, minor: 229, access: "rw" }]
			| ["--lease", $lease, "--container", "by-hand", "--bundle", $bundle, "--rootfs", .root.path, "--user", "0:0",
				"--ready", "node", "--wait", "0", "--node", "renderD128=10:229:stand-in"] as $options
			| def hook($verb): { path: ($build + "/dri-hook"), args: (["dri-hook", $verb] + $options), env: ["DRI_BROKER_SOCKET=" + $socket] };
			.hooks = { prestart: [hook("prestart")], poststop: [hook("poststop")] }' \
			--arg lease "$lease" --arg directory "$directory" --arg bundle "$bundle" --arg build "$BUILD" --arg socket "$DRI_BROKER_SOCKET"
		run with_cgroup "${asked#*:}" "${asked%:*}" --root "$scratch/state" run --bundle "$bundle" "${asked%:*}"
		assert_success
		assert_output opened
		wait_until 20 no_lease
	done
}

# alone NAME [SETTING=VALUE]...: a bundle whose only hook is ours, and $state for it, of a process with mounts of its own
alone ()
{
	quick_bundle "$1" /bin/true
	opt_in "$bundle" "${@:2}"
	mkdir "$bundle/root" "$bundle/root/dev"
	edit_config "$bundle" '.root.path = "root"'
	unshare --mount sleep 60 3>&- &
	pid=$!
	background+=" $pid"
	disown
	wait_until 20 has_own_mounts
	state=$(jq -nc '{ id: $name, bundle: $bundle, pid: $pid }' --arg name "$1" --arg bundle "$bundle" --argjson pid "$pid")
}
has_own_mounts () { [[ $(readlink "/proc/$pid/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; }

@test "a hook alone that cannot mount the lease gives it back itself" {
	alone linked
	rmdir "$bundle/root/dev"
	ln -s /dev "$bundle/root/dev"
	run timeout 30 "$BUILD/dri-hook" createRuntime <<<"$state"
	assert_failure 1
	assert_says 'dev in the container is a symbolic link'
	assert_equal "$(leases)" '[]'
	# The broker takes it back where a connection ends, which somebody else may have open.
	run "$BUILD/drictl" events --last all --no-follow --json
	assert_json "$(jq -cs 'map(select(.container.id == "linked"))[-1]' <<<"$output")" \
		'.event == "released" and .reason == "its container has ended"'
}

@test "a hook alone refuses a path that is too long" {
	alone long
	edit_config "$bundle" '.root.path = "a/" * 2045'
	run timeout 30 "$BUILD/dri-hook" createRuntime <<<"$state"
	assert_failure 1
	assert_says 'File name too long'
	assert_equal "$(leases)" '[]'
}

@test "a container's root is not found through a link of /proc, to mount there or to judge" {
	mkdir -p "$scratch/other/dev"
	cd "$scratch/other"
	alone magic ready=off
	edit_config "$bundle" '.root.path = $path' --arg path "/proc/$pid/cwd"
	run timeout 30 "$BUILD/dri-hook" createRuntime <<<"$state"
	assert_failure 1
	assert_says "root file system /proc/$pid/cwd: Too many levels of symbolic links"
	grant
	hook createRuntime --bundle / --rootfs "/proc/$pid/cwd" --user 0:0 --dac-override --node renderD128=10:229:stand-in \
		--ready node --wait 0 <<<"{ \"pid\": $pid }"
	assert_failure 1
	assert_says "root file system /proc/$pid/cwd: Too many levels of symbolic links"
	hook poststop <<<''
}

@test "on cgroup v2 the gate judges under the container's device filter" {
	quick_bundle v2 /bin/sh -c 'exec sleep 60'
	opt_in "$bundle"
	CGROUP=v2 dri_runtime run -d --bundle "$bundle" v2 </dev/null >/dev/null 2>&1
	local init
	init=$(leases | jq '.[0].pid')
	lease=$(leases | jq -r '.[0].id')
	# A node that was not granted, made by a root that may: the filter has the last word.
	mknod -m 666 "$LEASE_ROOT/$lease/other" c 10 228
	run with_cgroup v2 "$BUILD/dri-hook" createRuntime --lease "$lease" --container v2 --bundle / --rootfs / --user 0:0 --dac-override \
		--node other=10:228 --ready node --wait 0 <<<"{ \"pid\": $init }"
	assert_failure 1
	assert_says 'device cgroup does not let it open /dev/dri/other (10:228)'
	rm -f "$LEASE_ROOT/$lease/other"
	CGROUP=v2 dri_runtime delete --force v2
}

@test "in a user namespace the node is the mapped user's, and the gate opens it from inside" {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "${BATS_FILE_TMPDIR%/*}"
	quick_bundle userns /bin/sh -c 'stat -c "%u:%g %a" /dev/dri/renderD128; : <>/dev/dri/renderD128 && echo opened'
	edit_config "$bundle" '.linux.namespaces += [{ type: "user" }] | .process.user = { uid: 1000, gid: 1000 }
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 200000, size: 65536 }]
		| .mounts |= map(select(.destination != "/sys"))'
	opt_in "$bundle"
	run with_cgroup v1 "$BUILD/dri-runtime" --dri-oci-runtime runc --root "$scratch/state" run --bundle "$bundle" userns < <(:)
	assert_success
	assert_equal "${lines[0]%:*}" 1000
	assert_equal "${lines[1]}" opened
}

@test "precreate: Podman's container without its bundle is refused, the step of a build passes untouched" {
	local spec='{"annotations": {"dri.enable": "true", "io.container.manager": "libpod"}, "process": {"user": {}}}'
	cd /
	run "$BUILD/dri-hook" precreate <<<"$spec"
	assert_success
	assert_json "$output" '.hooks.createRuntime[0].args[1] == "refuse"'
	assert_says 'or a newer Podman (5.4 is known to do)'
	spec=$(jq -c 'del(.annotations["io.container.manager"]) | .annotations["io.buildah.version"] = "1.39"' <<<"$spec")
	run "$BUILD/dri-hook" precreate <<<"$spec"
	assert_success
	assert_output "$spec"
}
