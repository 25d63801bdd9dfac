#!/usr/bin/env bats
# rootless.bats - Podman's door for users: GPUs for whom the configuration names, and nothing of anybody else's.

load ../lib/common
load ../lib/engines
load ../lib/docker
load ../lib/podman
load ../lib/rootless

bats_require_minimum_version 1.5.0

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_rootless_bed
}
setup ()
{
	find_broker
	configure '{"users": [1000]}'
}
teardown ()
{
	local pid
	for pid in ${background:-}; do kill -s KILL "$pid" 2>/dev/null || :; done
	leave_no_rootless
}

# Not "|| return", under which a failure inside would not count.
each_runtime () { local RUNTIME; for RUNTIME in crun runc; do "$@"; done; }

workload_opens_its_gpu ()
{
	local user
	for user in 0:0 1000:1000 4321:1234; do
		his alice --user "$user" app sh -c 'open-gpu && ls /dev/dri && stat -c %u /dev/dri/renderD128'
		assert_success
		assert_output $'by-path\nrenderD128\n'"${user%:*}"
	done
	his alice --userns keep-id app sh -c 'open-gpu && id -u'
	assert_success
	assert_output 1000
	his alice --user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges app open-gpu
	assert_success
}

@test "a user's container gets a GPU, whoever its workload is" {
	run as alice id --groups
	assert_output 1000
	each_runtime workload_opens_its_gpu
}

by_cdi () { run his_own "$1" podman --runtime "$RUNTIME" run --rm --net none --device dri.dev/gpu=any app "${@:2}"; }
gets_it_by_cdi ()
{
	by_cdi alice sh -c 'open-gpu && ls /dev/dri && stat -c %u /dev/dri/renderD128'
	assert_success
	assert_output $'by-path\nrenderD128\n0'
	wait_until 20 nothing_is_leased
	by_cdi bob open-gpu
	assert_failure
	assert_says 'uid 1001 may not have a GPU'
}

@test "by CDI too a user's container gets a GPU, and nobody's whom the configuration does not name" {
	drictl cdi generate --output /var/run/cdi/dri.dev-gpu.json
	each_runtime gets_it_by_cdi
	rm /var/run/cdi/dri.dev-gpu.json
}

who_has_spoken () { as alice podman logs who 2>&1 | grep -q ^workload; }
# identity OPTIONS BEFORE USER NODE: as in identities.bats, where a user's own Podman starts it; the workload opens the
# node, who comes by exec as that user does, nobody else has to, and explain tells of the node what ls does
# shellcheck disable=SC2016,SC2086
identity ()
{
	local look
	his_start alice who $1 app ${2:-sh} -c 'echo "workload $(id -u):$(id -g) $(open-gpu 2>&1 && echo opens)"; exec sleep 600'
	wait_until 10 who_has_spoken
	assert_equal "$(as alice podman logs who 2>&1)" "workload $3 opens"
	run as alice podman exec --user "$3" who open-gpu
	assert_success
	run as alice podman exec --user 4321:4321 who open-gpu
	assert_failure
	assert_says 'Permission denied'
	look=$(as alice podman exec --user 0 who sh -c 'stat -c "%u:%g %a" /dev/dri/renderD128')
	assert_equal "$look" "$4"
	run as alice "$BUILD/drictl" explain who
	[[ $output =~ renderD128\ +10:229\ +0${4#* }\ +${4% *}\  ]] || fail "no renderD128 $4 in" "$output"
	[[ $output =~ ,\ as\ $3,\ [^:]+:\ may\ open\ all\ of\ them ]] || fail "$3 is not said to open them in" "$output"
	as alice podman rm --force --time 0 who >/dev/null
	wait_until 20 nothing_is_leased
}
identities ()
{
	identity '' '' 0:0 '0:992 660'
	identity '--user 1000:1000' '' 1000:1000 '1000:1000 660'
	identity '--user 1000 --group-add 5' '' 1000:1000 '1000:1000 660'
	identity '--user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges' '' 1000:1000 '1000:1000 660'
	identity '--env PUID=1000 --env PGID=1000' 'su app -s /bin/sh' 1000:1000 '0:1000 660'
	identity '--annotation dri.owner=1000:1000' 'su app -s /bin/sh' 1000:1000 '1000:1000 660'
}

@test "the table of identities, rootless" {
	each_runtime identities
}

its_own_ids ()
{
	his_start alice film --user 1000:1000 app
	# The workload's, as the host knows them, and nobody's whom the host has.
	assert_equal "$(stat -c '%u:%g %a' "$LEASE_ROOT"/*/renderD128)" '100999:100999 660'
	run as alice podman exec film open-gpu
	assert_success
	run as alice podman exec --user 0 film sh -c 'mknod /tmp/other c 10 237'
	assert_failure
	assert_says 'not permitted'
	run as alice podman exec --user 0 film sh -c 'rm /dev/dri/renderD128 || touch /dev/dri/mine'
	assert_failure
	assert_says 'Read-only'
	as alice podman rm --force --time 0 film >/dev/null
	wait_until 20 nothing_is_leased
}

@test "the nodes are its own in the user's ids, and it makes no others" {
	each_runtime its_own_ids
}

@test "PUID and PGID, groups and GPUs are asked for as by root" {
	his alice --env PUID=1000 --env PGID=1000 --annotation dri.gpu=radeon app \
		sh -c 'stat -c "%n %u:%g %t:%T" /dev/dri/render*; setpriv --help >/dev/null 2>&1; su app -c open-gpu'
	assert_success
	assert_output '/dev/dri/renderD128 0:1000 a:ed
/dev/dri/renderD129 0:1000 a:ed'
	his alice --annotation dri.owner=33:33:0600 --user 33:33 app sh -c 'open-gpu; stat -c "%u:%g %a" /dev/dri/renderD128'
	assert_success
	assert_output '33:33 600'
}

unnamed ()
{
	his bob app true
	assert_failure 126
	assert_says 'uid 1001 may not have a GPU: root can add it to "users" in /etc/dri-broker/config.json'
	his bob --annotation dri.on-failure=start-without app ls /dev/dri
	assert_failure
	assert_says 'No such file'
}

@test "a user whom the configuration does not name is refused, and is told what root can do" {
	each_runtime unnamed
	run as bob "$BUILD/drictl" status
	assert_failure
	assert_says 'uid 1001 may not have a GPU'
	run his_call bob Status '{}'
	assert_failure
	assert_says 'io.dri.Broker.Refused'
	configure '{"users": [1000], "groups": [1001]}'
	his bob app open-gpu
	assert_success
	groupadd --gid 3000 media
	usermod --append --groups media bob
	configure '{"groups": [3000]}'
	his bob app open-gpu
	assert_success
	configure '{}'
	his bob app true
	assert_failure
	groupdel media
}

@test "without the broker a container that asks is refused" {
	stop_broker TERM
	his alice --name away app true
	assert_failure 126
	assert_says 'dri-broker: container away: the broker at /run/dri-broker/broker.sock'
	start_broker
	disown
}

@test "why a container does not start is said, and its start leaves nothing" {
	his alice --name busy --annotation dri.gpu=nosuch --annotation dri.wait=0s app true
	assert_failure 126
	assert_says 'dri-broker: container busy:'
	assert_says nosuch
	run as alice "$BUILD/drictl" explain busy
	assert_success
	assert_says nosuch
	his alice --name gate --user 1000:1000 --annotation dri.owner=0:0:0600 --annotation dri.wait=0s app true
	assert_failure 126
	assert_says 'may not open /dev/dri/renderD128'
	wait_until 20 nothing_is_leased
	run -127 his_own alice podman run --rm --net none --annotation dri.enable=true app /no/such/program
	wait_until 20 nothing_is_leased
}

# acquire USER PARAMETER...: a lease by hand, detached, whose id is printed; a later PARAMETER wins
acquire ()
(
	user=$1
	shift
	[[ $user == root ]] && set -- varlink Acquire "$@" || set -- his_call "$user" Acquire "$@"
	set -o pipefail
	"${@:1:$#-1}" "$(jq -nc --argjson more "${!#}" \
		'{container: {id: "by-hand"}, workload: {uid: 1000, gid: 1000}, request: {wait: "0s"}, detached: true} * $more')" |
		jq -r .grant.lease
)

@test "nobody sees or touches what is another's" {
	local roots method
	configure '{"users": [1000, 1001]}'
	roots=$(acquire root '{"container": {"id": "roots-0123456789", "name": "film"}}')
	his_start alice film app
	his_start alice other app
	his_start bob tune app
	assert_equal "$(lease_list '[.owner, .container.name]')" '[[0,"film"],[1000,"film"],[1000,"other"],[1001,"tune"]]'
	assert_equal "$(his_leases alice '[.owner, .container.name]')" '[[1000,"film"],[1000,"other"]]'
	assert_equal "$(his_leases bob)" '["tune"]'
	run as bob "$BUILD/drictl" explain other
	assert_failure
	run as bob "$BUILD/drictl" explain film
	assert_failure
	run as bob "$BUILD/drictl" release --force other
	assert_failure
	for method in OpenDirectory Release "Report {\"ready\":{\"level\":\"node\",\"ok\":false,\"reason\":\"x\"}}" \
		"Activate {\"pid\":$BASHPID}"; do
		[[ $method == *' '* ]] || method+=' {}'
		run his_call bob "${method%% *}" "$(jq -c --arg lease "$roots" '.lease = $lease' <<<"${method#* }")"
		assert_failure
		assert_says NoSuchLease
	done
	run his_call bob Reload '{}'
	assert_failure
	assert_says 'only root may do this'
	# By a name that both have, each means his own.
	run as alice "$BUILD/drictl" release --force film
	assert_success
	assert_says 'user 1000 may have kept'
	not_revoked () { lease_list 'select(.state != "revoked") | [.owner, .container.name]'; }
	assert_equal "$(not_revoked)" '[[0,"film"],[1000,"other"],[1001,"tune"]]'
	run drictl release film
	assert_success
	[[ $output != *kept* ]]
	run drictl release --force tune
	assert_success
	assert_says 'end his processes to be sure (loginctl terminate-user 1001)'
	assert_equal "$(not_revoked)" '[[1000,"other"]]'
}

@test "who waits is not told whose container it waits for" {
	local lease
	lease=$(acquire root '{"container": {"id": "roots-0123456789", "name": "secret"}, "request": {"access": "exclusive", "gpu": "igpu"}}')
	his alice --annotation dri.gpu=igpu --annotation dri.wait=0s app true
	assert_failure
	assert_says 'held by others'
	[[ $output != *secret* ]]
	varlink Release "{\"lease\": \"$lease\"}"
}

@test "a lease is tied to a process of the user's own, and ends with it" {
	local lease pid bobs
	become bob sleep 600 &>/dev/null 3>&- 4>&- &
	bobs=$!
	become alice sleep 600 &>/dev/null 3>&- 4>&- &
	pid=$!
	background="$pid $bobs"
	wait_until 20 eval "[[ \$(ps -o comm= $bobs $pid | sort -u) == sleep ]]"
	lease=$(acquire alice '{}')
	for other in 1 "$BROKER_PID" $bobs; do
		run his_call alice Activate "{\"lease\": \"$lease\", \"pid\": $other}"
		assert_failure
		assert_says "PermissionDenied"
		assert_says "process $other is not one of yours"
	done
	assert_equal "$(lease_list .state)" '["granted"]'
	his_call alice Activate "{\"lease\": \"$lease\", \"pid\": $pid, \"attached\": true, \"key\": \"libva\",
		\"ready\": {\"level\": \"vaapi\", \"ok\": true, \"reason\": \"her word\"}}"
	his_call alice Report "{\"lease\": \"$lease\", \"key\": \"libva\",
		\"ready\": {\"level\": \"vaapi\", \"ok\": true, \"reason\": \"her word\"}}"
	# It counts for her container, and for no other.
	run ! grep libva "${DRI_BROKER_SOCKET%.sock}.verdicts"
	assert_equal "$(lease_list .state)" '["active"]'
	# The control group it is in is no business of the lease's.
	assert_equal "$(jq -rs '[.[] | select(.op == "activate")] | last | .cgroup' "$JOURNAL")" ''
	kill -KILL "$pid" "$bobs"
	wait_until 20 nothing_is_leased
}

@test "ids that are not the user's own cannot be had" {
	local request
	for request in '{"workload": {"uid": 0, "gid": 0}}' \
		'{"workload": {"uid": 1000, "gid": 0}}' \
		'{"workload": {"uid": 0, "gid": 0, "uid_map": [{"container": 0, "host": 0, "size": 65536}], "gid_map": [{"container": 0, "host": 0, "size": 65536}]}}' \
		'{"workload": {"uid": 5, "gid": 5, "uid_map": [{"container": 0, "host": 100000, "size": 65536}], "gid_map": [{"container": 0, "host": 100000, "size": 65536}]}}' \
		'{"request": {"owner": "0:0:0666"}}' '{"request": {"owner": "1001:1000"}}'; do
		run acquire alice "$request"
		assert_failure || fail "with $request"
		assert_says 'is not mapped '
	done
	# Within the user namespace of Podman they are others, and 0 is she herself.
	run as alice podman unshare bash -c '. "$0"; DRI_BROKER_SOCKET=$1 varlink Acquire "$2"' "$REPO/tests/lib/common.bash" \
		"${DRI_BROKER_SOCKET%.sock}-user.sock" '{"container": {"id": "x"}, "workload": {"uid": 0, "gid": 70000}, "request": {}}'
	assert_failure
	assert_says 'gid 70000 of the container is not mapped'
	for request in owner=host nodes=render,card access=monitor; do
		[[ $request != *,* ]] || ! podman_older_than 5 || continue # cdi.bats has its refusal of a comma
		his alice --annotation "dri.$request" app true
		assert_failure
		assert_says "for root's containers"
	done
}

@test "nothing is started for a user, and what is put off for root is not forgotten for him" {
	local lease
	lease=$(acquire root '{"container": {"id": "roots-0123456789", "engine": "docker"}, "request": {"access": "exclusive", "gpu": "igpu"}}')
	run acquire root '{"container": {"id": "later-0123456789", "engine": "docker"}, "request": {"gpu": "igpu", "on-failure": "defer"}}'
	assert_says 'have it started'
	run acquire alice '{"container": {"id": "later-0123456789", "engine": "docker"}, "request": {"gpu": "igpu", "on-failure": "defer"}}'
	assert_failure
	[[ $output != *'have it started'* ]]
	run his_call alice Release '{"container": "later-0123456789"}'
	assert_failure
	assert_equal "$(drictl status --json | jq -c '[.queue[].container.id]')" '["later-0123456789"]'
	assert_equal "$(as alice "$BUILD/drictl" status --json | jq -c .queue)" '[]'
	varlink Release '{"container": "later-0123456789"}'
	varlink Release "{\"lease\": \"$lease\"}"
}

@test "the mount of a lease shows its directory, and nothing can be written there wherever it is taken" {
	local lease
	lease=$(acquire alice '{"request": {"gpu": "igpu"}}')
	run as alice podman unshare python3 - "${DRI_BROKER_SOCKET%.sock}-user.sock" "$lease" <<-'END'
		import array, ctypes, json, os, socket, subprocess, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(json.dumps({'method': 'io.dri.Broker.OpenDirectory', 'parameters': {'lease': sys.argv[2]}}).encode() + b'\0')
		data, fds, _, _ = socket.recv_fds(s, 4096, 4)
		fd, = fds
		os.fchdir(fd)
		print(sorted(os.listdir('.')), sorted(os.listdir('..')), sorted(os.listdir('../..')))
		here = os.path.expanduser('~/here')
		os.makedirs(here, exist_ok=True)
		libc = ctypes.CDLL(None, use_errno=True)
		MOVE_MOUNT_F_EMPTY_PATH, move_mount = 4, 429
		if libc.syscall(move_mount, fd, b'', -100, here.encode(), MOVE_MOUNT_F_EMPTY_PATH):
		    sys.exit(os.strerror(ctypes.get_errno()))
		subprocess.run(['mount', '-o', 'remount,bind,rw,nosuid,noexec', here])
		for attempt in (lambda: open(here + '/mine', 'w'), lambda: os.unlink(here + '/renderD128'),
		                lambda: os.rename(here + '/renderD128', here + '/other'), lambda: os.chmod(here, 0o777)):
		    try:
		        attempt()
		        print('done')
		    except OSError as e:
		        print(type(e).__name__)
	END
	assert_success
	assert_output "['by-path', 'renderD128'] ['by-path', 'renderD128'] ['by-path', 'renderD128']
PermissionError
PermissionError
PermissionError
PermissionError"
	his_call alice Release "{\"lease\": \"$lease\"}"
}

@test "a user has so many leases and no more, and root has room" {
	local i
	for ((i = 0; i < 16; i++)); do acquire alice "{\"container\": {\"id\": \"a$i\"}}" >/dev/null; done
	run acquire alice '{}'
	assert_failure
	assert_says '16 leases are as many'
	acquire root '{}' >/dev/null
	assert_equal "$(lease_list .owner | jq -c length)" 17
	drictl status --json | jq -r '.leases[].id' | while read -r lease; do varlink Release "{\"lease\": \"$lease\"}" >/dev/null; done
}

alices_processes ()
{
	ps -eo pid=,uid= | awk '$2 == 1000 || $2 >= 100000 && $2 < 165536 { print $1 }'
}

life ()
{
	his_start alice film --user 1000:1000 app
	run as alice podman restart --time 0 film
	assert_success
	assert_equal "$(his_leases alice '[.container.name, .container.engine, .container.image, .state]')" \
		'[["film","podman","localhost/app:latest","active"]]'
	run as alice podman exec film open-gpu
	assert_success
	run as alice podman kill film
	assert_success
	wait_until 20 nothing_is_leased
	his_start alice second app
	# All that the user has, and with it whatever could have told the broker.
	alices_processes | xargs kill -KILL
	wait_until 20 nothing_is_leased
	as alice podman system migrate 2>/dev/null || :
	as alice podman rm --all --force --time 0 >/dev/null
}

@test "a lease lives as long as its container, and dies with the user's processes" {
	each_runtime life
}

@test "a broker that crashed knows whose the leases are, and in which ids" {
	configure '{"users": [1000, 1001]}'
	his_start alice film --user 1000:1000 app
	stop_broker KILL
	start_broker
	disown
	assert_equal "$(his_leases alice)" '["film"]'
	assert_equal "$(his_leases bob)" '[]'
	# As when a GPU went and returns.
	rm "$LEASE_ROOT"/*/renderD128
	varlink Reload
	assert_equal "$(stat -c %u:%g "$LEASE_ROOT"/*/renderD128)" 100999:100999
	run as alice podman exec film open-gpu
	assert_success
}

