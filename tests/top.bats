#!/usr/bin/env bats
# top.bats - drictl status --all, and drictl top in a real terminal (tmux): GPUs are simulated, and files that tests
# write stand in for those of a driver.
# shellcheck disable=SC2016,SC2154 # jq's variables; those of lib/gpu_top

bats_require_minimum_version 1.5.0
load lib/common
load lib/gpu_top

setup_file ()
{
	export DOCKER_ROOT=$BATS_FILE_TMPDIR/docker DRI_BROKER_CONFIG=$BATS_FILE_TMPDIR/broker.json
	jq -n --arg root "$DOCKER_ROOT" '{"docker-root": $root}' >"$DRI_BROKER_CONFIG"
	start_broker
	groups=/sys/fs/cgroup/devices
	[[ -d $groups ]] || groups=/sys/fs/cgroup
	export GROUP=$groups/dri-top-$$
	mkdir "$GROUP"
}
setup ()
{
	files=$BATS_TEST_TMPDIR/files
	tmux=(tmux -L "dri-top-$$-$BATS_TEST_NUMBER" -f /dev/null)
	mkdir "$files"
}
teardown ()
{
	"${tmux[@]}" kill-server 2>/dev/null || :
	for pid in ${background:-}; do kill -s KILL "$pid" 2>/dev/null || :; done
	wait
	wait_until 10 no_lease
	find "$GROUP" -mindepth 1 -depth -type d -exec rmdir {} +
}
teardown_file ()
{
	rmdir "$GROUP"
	finish_broker
}

id_of () { sha256sum <<<"$1" | cut -c -64; }

# client FILE ID RENDER-NS RESIDENT-KIB: written over in place, as a driver's figures change under an open file
client ()
{
	printf 'drm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\ndrm-client-id:\t%s\ndrm-engine-render:\t%020d ns\ndrm-engine-video:\t0 ns\ndrm-resident-system0:\t%s KiB\n' \
		"${@:2}" >"$files/$1.fdinfo"
}
# hold GROUP FILE...: a process in that group (none: this one's) which has these open; $holder is it
hold ()
{
	local group=$1 opened='' fd=4 file # bash keeps those from 10 on for itself
	shift
	for file; do opened+=" $((fd++))<'$files/$file.fdinfo'"; done
	[[ ! $group ]] || mkdir -p "$GROUP/$group"
	bash -c "${group:+echo \$\$ >'$GROUP/$group/cgroup.procs';} exec $opened; : >'$files/ready'; exec sleep 300" \
		3>&- </dev/null >/dev/null &
	holder=$!
	background+=" $holder"
	wait_until 10 test -e "$files/ready"
	rm "$files/ready"
}
# lease NAME FILE...: a container with a lease
lease ()
{
	hold "$(id_of "$1")" "${@:2}"
	lease_to "$1"
}
# lease_to NAME: of the process $holder
lease_to ()
{
	local id lease
	id=$(id_of "$1")
	lease=$(varlink Acquire "{\"container\": {\"id\": \"$id\", \"name\": \"$1\"}, \"workload\": {\"uid\": 1000, \"gid\": 1000},
		\"request\": {\"enable\": \"true\", \"gpu\": \"igpu\"}, \"detached\": true}" | jq -r .grant.lease)
	varlink Activate "{\"lease\": \"$lease\", \"pid\": $holder}" >/dev/null
}
status () { "$BUILD/drictl" status "$@"; }

# start_top COLUMNS ROWS [ARGUMENT]... [-- VARIABLE=VALUE...]: drictl top in a shell in a terminal, whose modes were
# $before
start_top ()
{
	local columns=$1 rows=$2 arguments=()
	shift 2
	while (($#)) && [[ $1 != -- ]]; do
		arguments+=("$1")
		shift
	done
	"${tmux[@]}" new-session -d -x "$columns" -y "$rows" "env LC_ALL=C.UTF-8 PS1='\$ ' ${*:2} sh"
	wait_until 10 screen_has_line '^[$]$'
	before=$(modes)
	type_keys "'$BUILD/drictl' top ${arguments[*]}; echo ended with \$?" Enter
	wait_until 20 screen_says 'q quit'
}
type_keys () { "${tmux[@]}" send-keys "$@"; }
screen () { "${tmux[@]}" capture-pane -p "$@"; }
screen_says () { [[ $(screen) == *"$1"* ]]; }
screen_has_line () { screen | grep -qE "$1"; }
# busy_screen_has LINE...: the client a goes on working, and one screen has them all
busy_screen_has ()
{
	local line now
	client a 1 "$((work += 9000000000000))" 1024
	now=$(screen)
	for line; do grep -qE "$line" <<<"$now" || return; done
}
modes () { stty -g -F "$("${tmux[@]}" display-message -p '#{pane_tty}')"; }
in_order () { [[ $(screen) == *"$1"*"$2"* ]]; }
# back_in_shell STATUS: the shell's screen is there again, with its cursor and its modes
back_in_shell ()
{
	wait_until 10 screen_says "ended with $1"
	! screen_says 'q quit' || fail "the screen stayed: $(screen)"
	assert_equal "$("${tmux[@]}" display-message -p '#{cursor_flag}#{alternate_on}')" 10
	assert_equal "$(modes)" "$before"
}

@test "status --all tells what uses a GPU without a lease: containers by name, else processes" {
	client leased 1 0 1024
	client plain 2 0 2048
	client bare 3 0 4096
	lease web leased
	local id
	id=$(id_of plex)
	mkdir -p "$DOCKER_ROOT/containers/$id"
	jq -n --arg id "$id" '{ID: $id, Name: "/plex", Config: {Image: "plex:1", Labels: {}}}' \
		>"$DOCKER_ROOT/containers/$id/config.v2.json"
	hold "docker/$id" plain plain
	hold "docker/$id/nested" plain
	hold '' bare
	run status --all --json
	assert_success
	assert_json "$output" '(.unmanaged | map(select(.container.name == "plex"))[0] | .container.engine == "docker" and .processes == 2
			and .gpu == "igpu" and .memory.resident == 2097152 and .engines.render == 0)
		and (.unmanaged | map(select(.process.pid == $bare))[0] | .container == null and .process.name == "sleep"
			and .memory.resident == 4194304)
		and (.unmanaged | all(.container.id != $web)) and .leases[0].memory.resident == 1048576' \
		--argjson bare "$holder" --arg web "$(id_of web)"
	run status --all
	assert_says plex
	assert_says "sleep ($holder)"
	assert_json "$(status --json)" 'has("unmanaged") | not'
}

@test "status --all: what a user calls his control group is not a container of root's" {
	client plain 1 0 2048
	client roots 2 0 4096
	local id own=user.slice/user-1000.slice/user@1000.service
	id=$(id_of plex)
	mkdir -p "$DOCKER_ROOT/containers/$id"
	jq -n --arg id "$id" '{ID: $id, Name: "/plex", Config: {Image: "plex:1", Labels: {}}}' \
		>"$DOCKER_ROOT/containers/$id/config.v2.json"
	hold "$own/docker-$id.scope" plain
	run status --all
	assert_success
	assert_says "${id::12} (user 1000)"
	[[ $output != *plex* ]] || fail "root's: $output"
	hold "docker/$id" roots
	assert_json "$(status --all --json)" '[.unmanaged[] | select(.container.id == $id) | [.owner, .container.name, .processes]] | sort
		== [[0, "plex", 1], [1000, null, 1]]' --arg id "$id"
}

@test "status --all: a process of a leased container that has another GPU open has that without a lease" {
	client leased 1 0 1024
	printf 'drm-driver:\txe\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t1\n' >"$files/other.fdinfo"
	lease web leased other
	assert_json "$(status --all --json)" '[.unmanaged[] | select(.container.id == $id) | .gpu] == ["arc"]' \
		--arg id "$(id_of web)"
}

@test "status --all is root's; others are told so" {
	((EUID == 0)) || fail 'needs root'
	cp "$BUILD/drictl" "$BATS_TEST_TMPDIR/drictl"
	chmod 755 "$BATS_TEST_TMPDIR"
	run --separate-stderr bash -c 'exec 9<"$0"; exec setpriv --reuid 65534 --regid 65534 --clear-groups /proc/self/fd/9 status --all' \
		"$BATS_TEST_TMPDIR/drictl"
	assert_failure 1
	# shellcheck disable=SC2154
	assert_equal "$stderr" 'drictl: --all looks into the processes of all users, which only root may: run it as root, with sudo'
}

@test "top shows bars and a minute, sorts, follows the terminal's size, and q gives the terminal back" {
	client a 1 0 1024
	client b 2 0 9216
	lease jellyfin a
	lease ollama b
	start_top 100 24
	wait_until 20 busy_screen_has '^  render +\[█+\] 100% .*█' '^  video +\[ +\]   0%' \
		'^jellyfin .* 100% +0% .* 1\.0 MiB .*active'
	in_order jellyfin ollama
	type_keys m
	wait_until 10 screen_says 'by memory'
	in_order ollama jellyfin
	"${tmux[@]}" resize-window -x 44 -y 12
	wait_until 10 screen_has_line '^CONTAINER +RENDER +VIDEO +MEMORY$'
	wait_until 10 screen_says 'q quit'
	"${tmux[@]}" resize-window -x 160 -y 40
	wait_until 10 screen_has_line '^CONTAINER .*COMPUTE.*AGE'
	type_keys q
	back_in_shell 0
}

@test "top gives the terminal back when a signal ends it, and comes back when it is continued" {
	start_top 80 24
	type_keys C-z
	wait_until 10 screen_says topped
	assert_equal "$(modes)" "$before"
	type_keys fg Enter
	wait_until 10 screen_says 'q quit'
	type_keys C-c
	wait_until 10 eval '! screen_says "q quit"'
	wait_until 10 eval '[[ $(modes) == "$before" ]]'
	type_keys "'$BUILD/drictl' top; echo ended with \$?" Enter
	wait_until 10 screen_says 'q quit'
	pkill -TERM -t "$("${tmux[@]}" display-message -p '#{s|/dev/||:pane_tty}')" -x drictl
	back_in_shell 143
}

@test "top without colours, and in ASCII" {
	client a 1 0 1024
	lease jellyfin a
	start_top 80 24
	[[ $(screen -e) == *$'\e['*m* ]] || fail 'no colour at all'
	"${tmux[@]}" kill-server
	tmux[2]+=-ascii # the old one may be there still
	start_top 80 24 -- NO_COLOR=1 LC_ALL=C
	wait_until 20 busy_screen_has '^  render +\[#+\] 100%'
	[[ $(screen -e) != *$'\e['* ]] || fail "colours: $(screen -e)"
	run ! grep -P '[^\x00-\x7f]' <(screen)
}

@test "top where there is no terminal: a line each, or an object each" {
	client a 1 0 1024
	lease jellyfin a
	run bash -c '"$0" status --watch | head -n 4' "$BUILD/drictl"
	[[ ${lines[0]} =~ ^[0-9-]+T[0-9:+]+\ gpu\ igpu:\ engines\ .*\;\ memory\ 1\.0\ MiB\;\ present$ ]] || fail "got: $output"
	[[ ${lines[2]} == *' container jellyfin on igpu: '* ]] || fail "got: $output"
	[[ $output != *$'\e'* ]]
	run bash -c '"$0" top --json | head -n 2' "$BUILD/drictl"
	assert_equal "${#lines[@]}" 2
	assert_json "${lines[1]}" '.gpus and .leases[0].container.name == "jellyfin"'
	run bash -c 'TERM=dumb script -qec "\"$0\" top | head -n 1" /dev/null' "$BUILD/drictl"
	assert_says 'gpu igpu: '
}

@test "top goes on when the broker is gone and comes back" {
	start_top 200 24
	mv "$DRI_BROKER_SOCKET" "$DRI_BROKER_SOCKET.away"
	wait_until 20 screen_says 'No such file'
	mv "$DRI_BROKER_SOCKET.away" "$DRI_BROKER_SOCKET"
	wait_until 20 eval '! screen_says "No such file"'
	wait_until 10 screen_says igpu
}

@test "top without a broker says so, and leaves the terminal alone" {
	DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/none run --separate-stderr "$BUILD/drictl" top
	assert_failure 3
	assert_equal "$output" ''
}

# is_in_state STATE PID: as /proc tells it
is_in_state () { grep -q "^State:[[:space:]]*$1" "/proc/$2/status"; }
# busy ENGINE: in nanoseconds, of the one lease
busy () { varlink Status | jq --arg engine "$1" '.leases[0].busy[$engine] * 1e9 | round'; }

kept () { find "/proc/$1/fd" -lname '/proc/*/fd' | grep -q .; }
@test "a client that comes to a process that was just looked at is told at once; and soon nothing of it is kept" {
	local observer
	client a 1 0 1024
	client b 2 0 1024
	mkfifo "$files/more"
	mkdir "$GROUP/$(id_of web)"
	bash -c 'echo $$ >"$1/cgroup.procs"; exec 4<"$2/a.fdinfo"; : >"$2/ready"; read -r <"$2/more"; exec 5<"$2/b.fdinfo"
		: >"$2/ready"; exec sleep 300' bash "$GROUP/$(id_of web)" "$files" 3>&- </dev/null >/dev/null &
	holder=$!
	background+=" $holder"
	wait_until 10 test -e "$files/ready"
	rm "$files/ready"
	lease_to web
	assert_json "$(status --json)" '.leases[0].memory.resident == 1048576'
	echo >"$files/more"
	wait_until 10 test -e "$files/ready"
	assert_json "$(status --json)" '.leases[0].memory.resident == 2097152'
	observer=$(pgrep -x -P "$BROKER_PID" dri-observer)
	wait_until 10 eval "! kept $observer"
}

@test "intel_gpu_top, which is none of ours, has the same figures of the same fdinfo, at the same two instants" {
	local fixture=$BATS_TEST_DIRNAME/fixtures/fdinfo/i915 engine reader ours
	declare -A before
	sed '/^===/,$d' "$fixture" >"$files/ffmpeg.fdinfo"
	lease ffmpeg ffmpeg
	make_machine "$BATS_TEST_TMPDIR/machine" "$files/ffmpeg.fdinfo"
	start_gpu_top "$BATS_TEST_TMPDIR/machine"
	background+=" $gpu_top"
	wait_until 30 grep -q '"engine-classes"' "$gpu_top_says" ||
		fail "$(tail -n 20 "$BATS_TEST_TMPDIR/machine/errors" "$gpu_top_says")"
	for engine in render copy video video-enhance; do before[$engine]=$(busy "$engine"); done
	# Neither looks while it is written.
	kill -s STOP "$BROKER_PID" "$gpu_top"
	wait_until 10 is_in_state T "$BROKER_PID"
	wait_until 10 is_in_state T "$gpu_top"
	sed '1,/^===/d' "$fixture" >"$files/ffmpeg.fdinfo"
	kill -s CONT "$BROKER_PID" "$gpu_top"
	wait_until 30 grep -q '"busy": "[0-9.]*[1-9]' "$gpu_top_says"
	stop_gpu_top
	for reader in render=Render/3D copy=Blitter video=Video video-enhance=VideoEnhance; do
		engine=${reader%=*}
		ours=$(($(busy "$engine") - before[$engine]))
		# There are two for video: ours is over their number, theirs is added up.
		[[ $engine != video ]] || ((ours *= 2))
		assert_equal "$engine $(gpu_top_busy "${reader#*=}")" "$engine $ours"
	done
	assert_equal "$ours $(($(busy render) - before[render]))" '0 500000000'
}
