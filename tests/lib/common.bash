# shellcheck shell=bash
# common.bash - what every bats suite shares. Load it with "load ../lib/common".
#
# Scratch files go to the bats directory of the moment: the test's own in setup
# and @test, the file's in setup_file. What a helper exports in setup_file (the
# broker's pid and socket) holds for the tests of that file.

REPO=$(realpath "${BASH_SOURCE[0]%/*}/../..")
export REPO BUILD=${BUILD:-$REPO/build}
export LC_ALL=C.UTF-8 # a stranger's shell may have none, and characters would be bytes
export SIMULATED_GPUS=${SIMULATED_GPUS:-$REPO/tests/fixtures/simulated-gpus.json}
# shellcheck source=tests/lib/cgroup.bash source-path=SCRIPTDIR/../..
. "$REPO/tests/lib/cgroup.bash"

scratch () { echo "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}"; }

# Asserts. The first four look at $status and $output of the last "run".

fail () { printf '%s\n' "$@" >&2; return 1; }

# shellcheck disable=SC2154
assert_success () { ((status == 0)) || fail "expected success, got exit status $status:" "$output"; }

# assert_failure [STATUS]
assert_failure ()
{
	((status != 0)) || fail 'expected failure, got success:' "$output" || return
	[[ ! ${1:-} ]] || ((status == $1)) || fail "expected exit status $1, got $status:" "$output"
}

# assert_output TEXT: the output is exactly this
assert_output () { assert_equal "$output" "$1"; }

# assert_says TEXT: the output contains this
assert_says () { [[ $output == *"$1"* ]] || fail "expected to read: $1" "got: $output"; }

# assert_equal ACTUAL EXPECTED
assert_equal () { [[ $1 == "$2" ]] || fail "expected: $2" "     got: $1"; }

# assert_json JSON FILTER [JQ-ARGUMENT]...: the filter yields true
assert_json ()
{
	jq -e "${@:3}" "$2" <<<"$1" >/dev/null || fail "expected to hold: $2" "on: $1"
}

# wait_until SECONDS COMMAND...
wait_until ()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || fail "still waiting for: $*" || return
		sleep 0.05
	done
}

# is_sanitized: such a build cannot be static
is_sanitized () { grep -qF __asan_init "$BUILD/dri-hook"; }

# Containers.

# make_rootfs DIRECTORY: busybox with all its applets, an unprivileged user 1000
make_rootfs ()
{
	mkdir -p "$1"/{bin,dev,etc,proc,sys,run,root,tmp}
	chmod 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	"$1/bin/busybox" --install "$1/bin"
	printf '%s\n' root:x:0:0::/root:/bin/sh app:x:1000:1000::/:/bin/sh >"$1/etc/passwd"
	printf '%s\n' root:x:0: app:x:1000: >"$1/etc/group"
}

# import_image NAME [ROOTFS] [DOCKER-IMPORT-OPTION]...
import_image ()
{
	local rootfs=${2:-}
	[[ $rootfs ]] || { rootfs=$(scratch)/image-rootfs; make_rootfs "$rootfs"; }
	tar -C "$rootfs" -c . | docker import "${@:3}" - "$1" >/dev/null
}

# make_bundle DIRECTORY COMMAND...: an OCI bundle that runs the command as root,
# with Docker's capabilities, namespaces and device rules; see edit_config.
# The root file system is made in DIRECTORY/rootfs unless it is there.
make_bundle ()
{
	[[ -d $1/rootfs ]] || make_rootfs "$1/rootfs"
	jq -n --args '
		def caps: "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP
			SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
			| [splits("\\s+")] | map("CAP_" + .);
		def mount(at; type; options):
			{ destination: at, type: type, source: type, options: (options / ",") };
		def allow(major; minor):
			{ allow: true, type: "c", major: major, minor: minor, access: "rwm" };
		{
			ociVersion: "1.0.2",
			hostname: "bundle",
			root: { path: "rootfs" },
			process: {
				args: $ARGS.positional, cwd: "/", user: { uid: 0, gid: 0 },
				env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
				capabilities: { bounding: caps, effective: caps, permitted: caps },
				noNewPrivileges: false
			},
			mounts: [
				mount("/proc"; "proc"; "nosuid,noexec,nodev"),
				mount("/dev"; "tmpfs"; "nosuid,strictatime,mode=755,size=65536k"),
				mount("/dev/pts"; "devpts"; "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
				mount("/sys"; "sysfs"; "nosuid,noexec,nodev,ro"),
				mount("/dev/shm"; "tmpfs"; "nosuid,noexec,nodev,mode=1777,size=65536k")
			],
			linux: {
				namespaces: ("pid ipc uts mount network" / " " | map({ type: . })),
				resources: { devices: [
					{ allow: false, access: "rwm" },
					allow(1; 3), allow(1; 5), allow(1; 7), allow(1; 8), allow(1; 9), allow(5; 0)
				] }
			}
		}' -- "${@:2}" >"$1/config.json"
}

# edit_config BUNDLE FILTER [JQ-ARGUMENT]...
edit_config ()
{
	jq "${@:3}" "$2" "$1/config.json" >"$1/config.json.new"
	mv "$1/config.json.new" "$1/config.json"
}

# with_cgroup v1|v2 COMMAND...: runs the command in a mount namespace where
# /sys/fs/cgroup is a pure view, as runc and crun want it, on any machine
with_cgroup ()
{
	# shellcheck disable=SC2016
	unshare --mount bash -c '
		. "$1/tests/lib/cgroup.bash"
		umount -lR /sys/fs/cgroup
		mount -t tmpfs tmpfs /sys/fs/cgroup
		own_null /sys/fs/cgroup
		mount_cgroups "$2" /sys/fs/cgroup
		exec "${@:3}"' with_cgroup "$REPO" "$@"
}

# The broker.

# mount_lease_root DIRECTORY: as the systemd unit does; never nodev
mount_lease_root ()
{
	mkdir -p "$1"
	mountpoint -q "$1" || mount -t tmpfs -o mode=0700,nosuid,noexec,size=1m dri-leases "$1"
}

# start_broker [OPTION]...: a broker of simulated GPUs, with a socket, a log and a
# lease root of its own (see the variables), that listens when this returns. Not
# under "run", which would lose the variables.
start_broker ()
{
	local here
	here=$(scratch)
	export DRI_BROKER_SOCKET=${DRI_BROKER_SOCKET:-$here/broker.sock}
	export DRI_BROKER_CONFIG=${DRI_BROKER_CONFIG:-$here/broker.json}
	export LEASE_ROOT=${LEASE_ROOT:-$here/leases}
	export BROKER_LOG=${BROKER_LOG:-$here/broker.log} BROKER_PID
	! broker_listens || fail "another dri-broker serves at $DRI_BROKER_SOCKET" || return
	[[ -e $DRI_BROKER_CONFIG ]] || echo '{}' >"$DRI_BROKER_CONFIG"
	mount_lease_root "$LEASE_ROOT"
	"$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" --lease-root "$LEASE_ROOT" "$@" \
		</dev/null >>"$BROKER_LOG" 2>&1 3>&- 4>&- &
	BROKER_PID=$!
	wait_until 30 broker_listens_or_died || :
	broker_listens || fail 'dri-broker did not start:' "$(<"$BROKER_LOG")"
}

# listens SOCKET: which is there a moment before it does. /proc/net/unix: the fourth column has __SO_ACCEPTCON then.
listens () { awk -v s="$1" '$4 == "00010000" && $8 == s { f = 1 } END { exit !f }' /proc/net/unix; }
broker_listens () { listens "$DRI_BROKER_SOCKET"; }
broker_is_gone () { [[ ! -e /proc/$BROKER_PID ]]; }
broker_listens_or_died () { broker_listens || broker_is_gone; }

# stop_broker [SIGNAL]: TERM by default, and the lease root stays mounted: with
# KILL and start_broker again this is a crash and a restart
stop_broker ()
{
	[[ ${BROKER_PID:-} ]] || return 0
	kill -s "${1:-TERM}" "$BROKER_PID" 2>/dev/null || :
	wait_until 30 broker_is_gone || { kill -s KILL "$BROKER_PID"; return 1; }
	unset BROKER_PID
}

# finish_broker: for teardown; also unmounts, so that bats can remove its directory
finish_broker ()
{
	stop_broker TERM || fail "dri-broker did not stop within 30 s:" "$(<"$BROKER_LOG")"
	local leases=${LEASE_ROOT:-$(scratch)/leases}
	! mountpoint -q "$leases" || umount -l "$leases"
}

# start_runtime_bed: for setup_file, a broker and a root file system for the containers of all tests
start_runtime_bed ()
{
	start_broker
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
}

# Containers of one test: a bundle each, their state below the test's scratch directory.

# quick_bundle NAME COMMAND...: as make_bundle, but on a root file system that all tests
# of the file share, and in a control group of its own; $bundle is the bundle
quick_bundle ()
{
	local rootfs=$BATS_FILE_TMPDIR/rootfs
	[[ -d $rootfs ]] || make_rootfs "$rootfs"
	bundle=$BATS_TEST_TMPDIR/$1
	mkdir -p "$bundle"
	ln -sfn "$rootfs" "$bundle/rootfs"
	make_bundle "$bundle" "${@:2}"
	# shellcheck disable=SC2016
	edit_config "$bundle" '.root.path = $path | .linux.cgroupsPath = $group' --arg path "$rootfs" \
		--arg group "/dri-bats-$$-$1"
}

# opt_in BUNDLE [KEY=VALUE]...: asks for a GPU in annotations, "igpu" of the fixture unless
# it is said otherwise; a KEY is without its "dri."
opt_in ()
{
	# shellcheck disable=SC2016
	edit_config "$1" '.annotations += $ours' --argjson ours "$(jq -n --args \
		'[$ARGS.positional[] | index("=") as $i | { ("dri." + .[:$i]): .[$i + 1:] }] | add' \
		enable=true gpu=igpu "${@:2}")"
}

# dri_runtime ARGUMENT...: on the control groups of $CGROUP (v1), with the runtime $RUNTIME (runc)
dri_runtime ()
{
	with_cgroup "${CGROUP:-v1}" "$BUILD/dri-runtime" --dri-oci-runtime "${RUNTIME:-runc}" \
		--root "$(scratch)/state" "$@"
}

# end_test: for teardown; ends the processes of $background and removes the containers
end_test ()
{
	local pid
	for pid in ${background:-}; do kill -s KILL "$pid" 2>/dev/null || :; done
	remove_containers
}

# remove_containers: those of one test
remove_containers ()
{
	local state runtime
	for state in "$(scratch)"/state/*; do
		[[ -d $state ]] || continue
		runtime=runc
		[[ -e $state/state.json ]] || runtime=crun
		with_cgroup "${CGROUP:-v1}" "$runtime" --root "$(scratch)/state" delete -f "${state##*/}" || :
	done
}

# varlink METHOD [PARAMETERS [SECONDS]]: one call of io.dri.Broker on a connection of its
# own, which is held open so long; prints the reply's parameters, or fails with the error
varlink ()
{
	command -p python3 - "$DRI_BROKER_SOCKET" "$@" <<-'END'
		import json, socket, sys, time
		path, method, parameters, seconds = (sys.argv[1:] + ['{}', '0'][len(sys.argv) - 3:])[:4]
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(70)
		s.connect(path)
		call = {'method': 'io.dri.Broker.' + method, 'parameters': json.loads(parameters)}
		try:
		    s.sendall(json.dumps(call).encode() + b'\0')
		except BrokenPipeError:
		    pass  # turned away, and told why
		data = b''
		while not data.endswith(b'\0'):
		    more = s.recv(65536)
		    if not more:
		        sys.exit('the broker hung up')
		    data += more
		reply = json.loads(data[:-1])
		if 'error' in reply:
		    sys.exit('%s %s' % (reply['error'], json.dumps(reply['parameters'])))
		print(json.dumps(reply['parameters']), flush=True)
		time.sleep(float(seconds))
	END
}

# leases: what the broker says it has leased, as JSON; lease_directories: what there is
leases () { varlink Status | jq -c .leases; }
lease_directories () { ls -A "$LEASE_ROOT"; }
no_lease () { [[ ! $(lease_directories) && $(leases) == '[]' ]]; }
