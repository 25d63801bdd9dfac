#!/usr/bin/env bats
# systemd.bats - what the broker and systemd promise each other: the units, socket
# activation, sd_notify. systemd itself does not run here.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export UNITS=$BATS_FILE_TMPDIR/units
	local unit name
	mkdir -p "$UNITS" "${DRI_BROKER_SOCKET%/*}" "${DRI_BROKER_CONFIG%/*}"
	for unit in "$REPO"/packaging/*.{service,socket,mount}; do
		name=${unit##*/}
		[[ $unit != *.mount ]] || name='run-dri\x2dbroker-leases.mount' # as make install names it
		sed "s|@BINDIR@|$BUILD|g" "$unit" >"$UNITS/$name"
	done
	mount_lease_root "$LEASE_ROOT"
}
teardown ()
{
	[[ ! ${BROKER_PID:-} ]] || kill -KILL "$BROKER_PID" || :
	rm -f "$DRI_BROKER_SOCKET" "$JOURNAL"
}

@test "systemd-analyze verify has nothing to say about the units" {
	run systemd-analyze verify --man=no "$UNITS"/*
	assert_success
	assert_output ''
}

@test "the service is confined: systemd's own measure of exposure stays low" {
	run systemd-analyze security --offline=true --no-pager --threshold=40 "$UNITS/dri-broker.service"
	assert_success
}

@test "the service that writes the CDI spec, too; udev understands the rule" {
	run systemd-analyze security --offline=true --no-pager --threshold=20 "$UNITS/dri-broker-cdi.service"
	assert_success
	run systemd-analyze security --offline=true --no-pager --threshold=15 "$UNITS/dri-broker-metrics.service"
	assert_success
	run udevadm verify "$REPO/packaging/dri-broker.rules"
	assert_success
	[[ -x $(grep -o 'RUN+="[^ ]*' "$REPO/packaging/dri-broker.rules" | cut -d '"' -f 2) ]]
}

@test "the mount unit's options make lease directories usable, and bound them" {
	local options
	options=$(sed -n 's/^Options=//p' "$UNITS"/*.mount)
	umount "$LEASE_ROOT"
	mount -t tmpfs -o "$options" leases "$LEASE_ROOT"
	run findmnt --noheadings --output OPTIONS "$LEASE_ROOT"
	assert_says nosuid
	assert_says noexec
	[[ $output != *nodev* ]]
	assert_equal "$(stat -c %a "$LEASE_ROOT")" 700
	start_broker
	run drictl status
	assert_success
}

@test "sysusers makes the group of the socket" {
	run systemd-sysusers "$REPO/packaging/dri-broker.sysusers.conf"
	assert_success
	getent group "$(sed -n 's/^SocketGroup=//p' "$UNITS/dri-broker.socket")"
}

@test "socket activation: the first call starts the broker, on the socket it was given" {
	local inode
	systemd-socket-activate --listen "$DRI_BROKER_SOCKET" "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" \
		</dev/null &>"$BATS_TEST_TMPDIR/log" 3>&- &
	BROKER_PID=$!
	wait_until 20 broker_listens
	inode=$(stat -c %i "$DRI_BROKER_SOCKET")
	[[ $(readlink "/proc/$BROKER_PID/exe") == *systemd-socket-activate ]]
	run drictl status
	assert_success
	assert_says igpu
	[[ $(readlink "/proc/$BROKER_PID/exe") == */dri-broker ]]
	assert_equal "$(stat -c %i "$DRI_BROKER_SOCKET")" "$inode"
	[[ -e $JOURNAL ]]
	# A stopped broker leaves systemd's socket where it is.
	kill "$BROKER_PID"
	wait_until 20 broker_is_gone
	[[ -S $DRI_BROKER_SOCKET ]]
	unset BROKER_PID
}

# activated TYPE OPTION...: the broker activated by a first client; $output is what it says
activated ()
{
	systemd-socket-activate "${@:2}" "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" \
		</dev/null &>"$BATS_TEST_TMPDIR/log" 3>&- &
	wait_until 20 test -S "$DRI_BROKER_SOCKET"
	[[ $1 == SOCK_DGRAM ]] || wait_until 20 broker_listens
	python3 - "$1" <<-'END'
		import os, socket, sys
		client = socket.socket (socket.AF_UNIX, getattr (socket, sys.argv[1]))
		try:
		    client.connect (os.environ['DRI_BROKER_SOCKET'])
		    client.send (b'x')
		except BrokenPipeError:
		    pass  # it was that quick
	END
	status=0
	wait $! || status=$?
	output=$(<"$BATS_TEST_TMPDIR/log")
	rm -f "$DRI_BROKER_SOCKET"
}

@test "a second socket, named so, is the one to which everybody may connect" {
	systemd-socket-activate --listen "$DRI_BROKER_SOCKET" --listen "$BATS_TEST_TMPDIR/second" --fdname root:everybody \
		"$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" </dev/null &>"$BATS_TEST_TMPDIR/log" 3>&- &
	BROKER_PID=$!
	wait_until 20 listens "$BATS_TEST_TMPDIR/second"
	chmod 666 "$BATS_TEST_TMPDIR/second"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_FILE_TMPDIR%/*}" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/second run setpriv --reuid 1234 --clear-groups "$BUILD/drictl" status
	assert_failure
	assert_says 'uid 1234 may not have a GPU'
	DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/second run drictl status
	assert_success
}

@test "sockets that are none of ours are refused" {
	activated SOCK_STREAM --listen "$DRI_BROKER_SOCKET" --listen "$DRI_BROKER_SOCKET.2"
	assert_failure 1
	assert_says '2 sockets, of each kind one is served'
	rm -f "$DRI_BROKER_SOCKET.2"
	activated SOCK_DGRAM --datagram --listen "$DRI_BROKER_SOCKET"
	assert_failure 1
	assert_says 'no listening UNIX stream socket'
}

# notified SCRIPT: the broker under a service manager that is this Python
notified ()
{
	run timeout 60 python3 - "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" "${@:2}" <<-END
		import os, signal, socket, subprocess, sys
		manager = socket.socket (socket.AF_UNIX, socket.SOCK_DGRAM)
		manager.settimeout (20)
		manager.bind ("$BATS_TEST_TMPDIR/notify")
		def told ():
		    return manager.recv (4096).decode ()
		broker = subprocess.Popen (sys.argv[1:], env=dict (os.environ, NOTIFY_SOCKET="$BATS_TEST_TMPDIR/notify"))
		$1
	END
}

@test "sd_notify: ready when it answers, reloading, stopping" {
	notified '
assert told () == "READY=1"
subprocess.check_call ([os.environ["BUILD"] + "/drictl", "status"])
broker.send_signal (signal.SIGHUP)
assert told ().startswith ("RELOADING=1")
assert told () == "READY=1"
subprocess.check_call ([os.environ["BUILD"] + "/drictl", "status"])
broker.terminate ()
assert told () == "STOPPING=1"
assert broker.wait () == 0
'
	assert_success
}

@test "sd_notify: a start that fails says why, and never that it is ready" {
	notified '
status = told ()
assert status.startswith ("STATUS=") and "/no/such/place" in status, status
assert broker.wait () == 1
' --lease-root /no/such/place
	assert_success
	assert_says 'lease root /no/such/place'
}

@test "a lease root that others may enter, or that is nodev, is refused with the next step" {
	mkdir -m 700 /run/dri-broker/bad
	run timeout 30 "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" --lease-root /run/dri-broker/bad
	assert_failure 1
	assert_says nodev
	mount -t tmpfs -o mode=777 bad /run/dri-broker/bad
	run timeout 30 "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" --lease-root /run/dri-broker/bad
	assert_failure 1
	assert_says 'chmod 0700'
	umount /run/dri-broker/bad
}

@test "another broker on the same socket is refused, and the first goes on" {
	start_broker
	run timeout 30 "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS"
	assert_failure 1
	assert_says 'another dri-broker serves there'
	run drictl status
	assert_success
}

# allowed_calls: what the unit's SystemCallFilter= lets through, a name a line
allowed_calls ()
{
	systemd-analyze syscall-filter --no-pager >"$BATS_TEST_TMPDIR/sets"
	python3 - "$BATS_TEST_TMPDIR/sets" "$UNITS/dri-broker.service" <<-'END'
		import sys
		sets, name = {}, None
		for line in open (sys.argv[1]):
		    line = line.rstrip ()
		    if line.startswith ('@'):
		        name = line
		        sets[name] = set ()
		    elif name and line.startswith ('    ') and line.strip ()[:1] not in ('#', ''):
		        sets[name].add (line.strip ())
		def members (word):
		    if not word.startswith ('@'):
		        return {word}
		    return set ().union (*map (members, sets[word]))
		allowed = members ('@default')
		for line in open (sys.argv[2]):
		    if line.startswith ('SystemCallFilter='):
		        words = line.strip ().partition ('=')[2]
		        taken = set ().union (*map (members, words.lstrip ('~').split ()))
		        allowed = allowed - taken if words.startswith ('~') else allowed | taken
		print ('\n'.join (sorted (allowed)))
	END
}

@test "the broker makes no system call that the unit forbids" {
	local order='{"container": {"id": "x"}, "workload": {"uid": 1000, "gid": 1000}, "request": {"enable": "true", "gpu": "igpu"}, "detached": true}'
	(exec strace -f -qq -o "$BATS_TEST_TMPDIR/calls" "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS" </dev/null &>/dev/null 3>&- 4>&-) &
	wait_until 30 broker_listens
	BROKER_PID=$(pgrep -ox dri-broker)
	varlinkctl call "$DRI_BROKER_SOCKET" io.dri.Broker.Acquire "$order" >"$BATS_TEST_TMPDIR/grant"
	sleep 60 3>&- &
	varlinkctl call "$DRI_BROKER_SOCKET" io.dri.Broker.Activate "{\"lease\": $(jq .grant.lease "$BATS_TEST_TMPDIR/grant"), \"pid\": $!}"
	drictl explain x
	kill -HUP "$BROKER_PID"
	kill $!
	wait_until 20 nothing_is_leased
	kill "$BROKER_PID"
	wait_until 20 broker_is_gone
	unset BROKER_PID
	# execve is the manager's, before the filter.
	run comm -23 <(sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$BATS_TEST_TMPDIR/calls" | sort -u | grep -vx execve) \
		<(allowed_calls)
	assert_success
	assert_output ''
	grep -q 'mknodat(' "$BATS_TEST_TMPDIR/calls"
}

@test "the broker and its children share the capabilities of the unit, and none has more than its own" {
	local pid held
	start_broker
	wait_until 20 all_are_confined || fail "$held"
	for pid in "$BROKER_PID" $(pgrep -P "$BROKER_PID"); do
		assert_equal "$(capabilities "$pid" Eff)" "$(capabilities "$pid" Prm)"
		assert_equal "$(awk '/^Cap(Inh|Amb)/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000
		assert_equal "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status")" 1
	done
	assert_equal "$(cut -d ' ' -f 2- <<<"$held" | tr ' ' '\n' | sort -u)" \
		"$(sed -n 's/^CapabilityBoundingSet=//p' "$UNITS/dri-broker.service" | tr 'A-Z ' 'a-z\n' | sort)"
	# Nothing that a client sends gets to their descriptors. What starts programs has the unit's filter only.
	for pid in $(pgrep -P "$BROKER_PID"); do
		assert_equal "$(find "/proc/$pid/fd" -mindepth 1 -lname 'socket:*' | wc -l)" 1
	done
}
# all_are_confined: as children confine themselves, beside a broker that serves; $held are the capabilities of each
all_are_confined ()
{
	local pid name
	held=$(for pid in "$BROKER_PID" $(pgrep -P "$BROKER_PID"); do
		echo "$(<"/proc/$pid/comm"): $(capabilities "$pid" Prm | xargs)"
	done | sort)
	[[ $held == 'dri-broker: cap_chown cap_mknod
dri-observer: cap_dac_read_search cap_sys_ptrace
dri-prober: cap_setgid cap_setuid
dri-warden: cap_sys_admin' ]] || return
	for name in dri-warden dri-observer; do
		[[ $(awk '/^Seccomp:/ { print $2 }' "/proc/$(pgrep -P "$BROKER_PID" -x "$name")/status") == 2 ]] || return
	done
}
capabilities () { systemd-analyze capability --mask "$(awk -v set="Cap$2:" '$1 == set { print $2 }' "/proc/$1/status")" | grep -o '^cap_[a-z_]*' | sort; }
