#!/usr/bin/env bats
# cdi.bats - a GPU by --device dri.dev/gpu=NAME: Docker, Podman and containerd's ctr, which know CDI and
# nothing of us. No runtime of ours, no hook of Podman's.
# shellcheck disable=SC2016,SC2034,SC2154

load ../lib/common
load ../lib/device_filter
load ../lib/engines
load ../lib/docker
load ../lib/podman

export CDI_SPEC=/var/run/cdi/dri.dev-gpu.json
CTR=(ctr --address /run/docker/containerd/containerd.sock)
# As runc 1.3.6 wants it: ctr asks for cpu shares by itself, and the v2 view of a machine with v1 lacks the controller;
# a root file system of no image brings no PATH.
CTR_RUN=("${CTR[@]}" run --cpu-shares 0 --env PATH=/usr/bin:/bin)

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS ENGINES='docker podman podman_runc'
	[[ $(ctr --version) != *' 2.'* ]] || ENGINES+=' ctr'
	# From 28.2 on it is on without a word.
	if older_than 28.2 docker_version; then start_bed '{"features": {"cdi": true}}'; else start_bed; fi
	! docker_older_than 25 || ENGINES=${ENGINES#docker }
	start_podman_store
	drictl cdi generate --output "$CDI_SPEC"
}
setup () { find_broker; device=any; }
teardown ()
{
	local id
	[[ ! ${broker_is_wanted:-} ]] || { start_broker && disown; }
	for id in $("${CTR[@]}" containers list -q); do
		"${CTR[@]}" tasks kill -s KILL "$id" || :
		"${CTR[@]}" containers delete "$id"
	done
	leave_no_podman
	leave_nothing
}

# Not "|| fail", under which a failure inside would not count.
each_engine () { local ENGINE; for ENGINE in $ENGINES; do echo "# $ENGINE" && "$@"; done; }

# docker_version: before it is started
docker_version () { dockerd --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1; }

# those ENGINE...: the ones of them that know CDI
those () { local ENGINE; for ENGINE; do [[ " $ENGINES " != *" $ENGINE "* ]] || echo "$ENGINE"; done; }
# docker_cannot: this Docker knows no CDI, and has been seen to say so
docker_cannot ()
{
	[[ ! $(those docker) ]] || return
	cannot 'Docker with CDI' 'dri.dev/gpu=any is not an absolute path' \
		docker run --rm --net none --device dri.dev/gpu=any app true
}

# One container of each engine with the device $device (any). OPTION... are those that all have: --user, --env,
# and --annotation, which the label of Docker stands for.

# once [OPTION]... -- COMMAND...
once () { "once_$ENGINE" "$@"; }
once_docker () { split "${@//--annotation/--label}"; run docker run --rm --net none --device "dri.dev/gpu=$device" "${options[@]}" app "${command[@]}"; }
once_podman () { split "$@"; run podman --runtime "${RUNTIME:-crun}" run --rm --net none --device "dri.dev/gpu=$device" "${options[@]}" app "${command[@]}"; }
once_podman_runc () { RUNTIME=runc once_podman "$@"; }
once_ctr ()
{
	split "$@"
	run "${CTR_RUN[@]}" --rm "${options[@]}" --device "dri.dev/gpu=$device" --rootfs "$BATS_FILE_TMPDIR/app" \
		"ctr-$BATS_TEST_NUMBER" "${command[@]}"
}
split ()
{
	options=()
	while [[ $1 != -- ]]; do options+=("$1"); shift; done
	command=("${@:2}")
}

# start_one [OPTION]...: one called "one" that sleeps; end_one
start_one () { "start_one_$ENGINE" "$@"; assert_success; }
start_one_docker () { run docker run --detach --name one --net none --device "dri.dev/gpu=$device" "$@" app; }
start_one_podman () { run podman --runtime "${RUNTIME:-crun}" run --detach --name one --net none --device "dri.dev/gpu=$device" "$@" app; }
start_one_podman_runc () { RUNTIME=runc start_one_podman "$@"; }
start_one_ctr () { run "${CTR_RUN[@]}" --detach "$@" --device "dri.dev/gpu=$device" --rootfs "$BATS_FILE_TMPDIR/app" one sleep 600; }
end_one ()
{
	case $ENGINE in
	docker) docker rm --force one ;;
	podman*) podman rm --force --time 0 one ;;
	ctr) "${CTR[@]}" tasks kill -s KILL one && wait_until 10 ctr_forgets_one ;;
	esac
}
ctr_forgets_one () { "${CTR[@]}" tasks delete one; "${CTR[@]}" containers delete one; [[ ! $("${CTR[@]}" containers list -q) ]]; }

opens_it ()
{
	local user
	for user in 0:0 1000:1000 4321:1234; do
		once --user "$user" -- sh -c 'open-gpu && ls /dev/dri && stat -c %u:%g:%a:%t:%T /dev/dri/renderD128'
		assert_success
		assert_says $'by-path\nrenderD128\n'
		[[ $user == 0:0 ]] || assert_says "$user:660:a:e5"
	done
}

@test "--device dri.dev/gpu=any gives a GPU to the workload, whoever it is" {
	each_engine opens_it
}

its_device ()
{
	for device in radeon pci:0000:06:00.0; do
		once -- sh -c 'stat -c %t:%T /dev/dri/renderD129 && open-gpu renderD129'
		assert_success
		assert_output a:ed
	done
	device=all
	once -- sh -c 'open-gpu renderD128 && open-gpu renderD129'
	assert_success
	device=nosuch
	once -- true
	assert_failure
}

@test "by name, by PCI address, and all; no other name is known" {
	each_engine its_device
}

no_other ()
{
	device=igpu
	once --user 0:0 --cap-add CAP_MKNOD -- sh -c 'mknod /tmp/other c 10 237 && echo made && exec 3<>/tmp/other'
	assert_failure
	assert_says made
	# "denied" on a file system without devices, as newer runc mounts a root that ctr was given.
	[[ $output == *'not permitted'* || $output == *'Permission denied'* ]] || fail "it could open another: $output"
	once -- touch /dev/dri/x
	assert_failure
	assert_says 'Read-only'
}

@test "it may open no other GPU, and change nothing" {
	each_engine no_other
}

life ()
{
	start_one
	assert_equal "$(lease_list '[.state, .gpu]')" '[["active","igpu"]]'
	run drictl status
	assert_says igpu
	end_one
	wait_until 20 nothing_is_leased
}

@test "status shows its lease, and its end is the lease's" {
	each_engine life
}

# exec_one COMMAND...; pid_of_one
exec_one ()
{
	case $ENGINE in
	docker) docker exec one "$@" ;;
	podman*) podman exec one "$@" ;;
	ctr) "${CTR[@]}" tasks exec --exec-id "$RANDOM" one "$@" ;;
	esac
}
pid_of_one () { drictl status --json | jq '.leases[0].pid'; }

# Each engine's in a way of its own.
taken_away ()
{
	local pid rule=()
	device=igpu
	[[ $ENGINE == ctr ]] || rule=(--device-cgroup-rule 'c 226:* rw') # ctr has no such option
	start_one "${rule[@]}"
	pid=$(pid_of_one)
	exec_one sh -c 'exec 3<>/dev/dri/renderD128; exec sleep 600' &>/dev/null 3>&- &
	has_it_open () { [[ $(readlink /proc/[0-9]*/fd/3) == */renderD128* ]]; }
	wait_until 20 has_it_open
	assert_equal "$(filter_says "$pid" 226 0)" "$PASSES"
	assert_equal "$(filter_says "$pid" 226 131)" "$REFUSED"
	"$1"
	is_told () { [[ $(drictl status --json | jq -c '[.leases[].open[]?.command]') == '["sleep"]' ]]; }
	wait_until 20 is_told
	assert_json "$(drictl status --json)" '.leases[0] | .state == "revoked" and .gpu == null and (.reason | contains($why))' --arg why "$why"
	assert_equal "$(exec_one ls -A /dev/dri)" ''
	assert_equal "$(filter_says "$pid" 226 0)" "$REFUSED"
	end_one
	wait_until 20 nothing_is_leased
}
by_force ()
{
	why='taken away by root'
	run drictl release --force "$(drictl status --json | jq -r '.leases[0].container | .name // .id')"
	assert_success
	assert_says 'But sleep (pid '
}
by_policy ()
{
	why='does not allow it any more'
	configure '{"policy": [{"who": {"engine": "podman"}, "allow": false}]}'
}
by_accident ()
{
	why='its directory has vanished'
	local directory
	directory=$(drictl status --json | jq -r '.leases[0].id')
	stop_broker KILL
	rm -r "${LEASE_ROOT:?}/$directory"
	start_broker
	disown
}

@test "a GPU that is taken away: no node, no number, and who has it open is named" {
	local ENGINE
	for ENGINE in $ENGINES; do
		echo "# $ENGINE"
		configure '{"policy": [{"default": {"nodes": "render,card", "ready": "off"}}]}'
		case $ENGINE in
		podman) taken_away by_policy ;;
		podman_runc) taken_away by_accident ;;
		*) taken_away by_force ;;
		esac
	done
	configure '{}'
}

@test "explain knows the container by its name, and where it asked" {
	local ENGINE
	for ENGINE in $(those docker podman); do
		start_one
		run drictl explain one
		assert_success
		assert_says 'dri.enable = true (device)'
		assert_says "engine: $ENGINE"
		end_one
	done
}

labels_count ()
{
	local keys=() key
	for key in "$@"; do keys+=(--annotation "dri.$key"); done
	once "${keys[@]}" -- sh -c 'ls /dev/dri; stat -c %u:%g:%a /dev/dri/render*'
}

@test "labels and annotations of the same container count, too" {
	local ENGINE
	for ENGINE in $(those docker podman); do labels_too_on; done
}
labels_too_on ()
{
	labels_count owner=7:8:0666 gpu=radeon
	assert_success
	assert_says renderD129
	assert_says 7:8:666
	if [[ $ENGINE == podman ]] && podman_older_than 5; then
		cannot 'a comma in `podman --annotation`' 'annotations must be formatted KEY=VALUE' \
			podman run --rm --annotation dri.nodes=render,card app true
		return
	fi
	labels_count enable=true nodes=render,card ready=off
	assert_success
	assert_says card0
}

contradictions ()
{
	labels_count enable=false
	assert_failure
	assert_says 'contradict each other'
	device=igpu
	labels_count gpu=radeon
	assert_failure
	assert_says 'dri.dev/gpu=igpu'
	assert_says 'dri.gpu=radeon'
	labels_count gpu=any
	assert_success
	labels_count acess=shared
	assert_failure
	assert_says 'did you mean dri.access'
}

@test "a label that contradicts the device is refused" {
	local ENGINE
	for ENGINE in $(those docker podman podman_runc); do
		device=any
		contradictions
	done
}

@test "what the image says of GPUs does not count" {
	! docker_cannot || return 0
	local rootfs=$BATS_FILE_TMPDIR/app
	tar -C "$rootfs" -c . | docker import --change 'ENV DRI_GPU=radeon' --change 'LABEL dri.enable=false' - talks >/dev/null
	run docker run --rm --net none --device dri.dev/gpu=any talks open-gpu
	assert_success
	run docker run --rm --net none --device dri.dev/gpu=any --env DRI_GPU=radeon app sh -c 'ls /dev/dri'
	assert_success
	assert_says renderD129
	docker rmi talks >/dev/null
}

two_devices ()
{
	case $ENGINE in
	docker) run docker run --rm --net none --device dri.dev/gpu=igpu --device dri.dev/gpu=radeon app true ;;
	podman) run podman run --rm --net none --device dri.dev/gpu=igpu --device dri.dev/gpu=radeon app true ;;
	esac
	assert_failure
	assert_says 'a container gets one GPU, or dri.dev/gpu=all'
}

@test "two devices are refused" {
	local ENGINE
	for ENGINE in $(those docker podman); do two_devices; done
}

gate ()
{
	once --user 1000:1000 --annotation dri.owner=7:8:0600 -- true
	assert_failure
	assert_says 'may not open /dev/dri/renderD128'
}

@test "the gate turns away a workload that could not open it" {
	local ENGINE
	for ENGINE in $(those docker podman podman_runc); do gate; done
}

refused ()
{
	once -- true
	assert_failure
	assert_says 'dri-broker: container'
	assert_says 'cannot be reached'
}

@test "without a broker it does not start, and says why" {
	stop_broker TERM
	broker_is_wanted=1
	each_engine refused
	# Who did not ask is left alone.
	run docker run --rm --net none app true
	assert_success
}

@test "a full house is a refusal with a reason" {
	local ENGINE=${ENGINES%% *} word=--annotation
	[[ $ENGINE != docker ]] || word=--label
	device=igpu
	start_one "$word" dri.access=exclusive
	once --annotation dri.wait=0s -- true
	assert_failure
	assert_says 'held by one'
	end_one
}

@test "with dri-runtime in front there is one lease, and groups as for a label" {
	! docker_cannot || return 0
	run docker run --rm --net none --runtime dri --device dri.dev/gpu=radeon app sh -c 'id -G; open-gpu renderD129'
	assert_success
	assert_output '0 993'
	run docker run --detach --name one --net none --runtime dri --device dri.dev/gpu=radeon app
	assert_success
	assert_equal "$(lease_list '[.container.name, .gpu]')" '[["one","radeon"]]'
	run docker run --rm --net none --runtime dri --device dri.dev/gpu=igpu --label dri.gpu=radeon app true
	assert_failure
	assert_says 'contradict each other'
}

@test "with Podman's hooks in place there is one lease" {
	drictl install podman
	run podman run --detach --name one --net none --device dri.dev/gpu=radeon --annotation dri.slots=2 app
	assert_success
	assert_equal "$(lease_list '[.container.name, .gpu, .slots]')" '[["one","radeon",2]]'
	drictl uninstall podman
}

@test "compose takes the device, too" {
	! docker_cannot || return 0
	compose_file '  media:
    image: app
    network_mode: none
    command: ["open-gpu", "renderD129"]
    deploy:
      resources:
        reservations:
          devices: [{ driver: cdi, device_ids: ["dri.dev/gpu=radeon"], capabilities: [gpu] }]'
	run docker compose up --exit-code-from media
	assert_success
	docker compose down --timeout 0
}

@test "containerd before 2 does not know CDI in ctr, and says so" {
	[[ $ENGINES != *ctr* ]] || return 0
	cannot '`ctr run --device` with CDI' 'dri.dev/gpu=any' \
		"${CTR_RUN[@]}" --rm --device dri.dev/gpu=any --rootfs "$BATS_FILE_TMPDIR/app" "ctr-$BATS_TEST_NUMBER" true
}

@test "the spec is valid, written once, and anew where it changed" {
	run drictl cdi validate
	assert_success
	assert_output "$CDI_SPEC: valid"
	run drictl cdi generate --output "$CDI_SPEC"
	assert_success
	assert_output "$CDI_SPEC: nothing to do."
	run drictl cdi generate
	assert_success
	assert_equal "$output" "$(<"$CDI_SPEC")"
	assert_json "$output" '.kind == "dri.dev/gpu" and .cdiVersion == "0.3.0" and
		[.devices[].name] == ["any", "all", "igpu", "pci:0000:00:02.0", "radeon", "pci:0000:06:00.0"]'

	configure '{"gpus": [{"match": "driver:amdgpu", "name": "4k"}]}'
	run drictl cdi generate --output "$CDI_SPEC"
	assert_output "$CDI_SPEC: written"
	assert_json "$(<"$CDI_SPEC")" '.cdiVersion == "0.5.0" and any(.devices[]; .name == "4k")'
	assert_equal "$(ls "${CDI_SPEC%/*}")" "${CDI_SPEC##*/}"
	device=4k
	each_engine it_starts
	configure '{}'
	drictl cdi generate --output "$CDI_SPEC"
}
it_starts () { once -- open-gpu renderD129; assert_success; }

@test "a spec that engines would refuse is found" {
	local spec=$BATS_TEST_TMPDIR/spec.json
	jq '.devices[0].containerEdits.hooks[0].hookName = "start" | .devices[1].naem = "x"' "$CDI_SPEC" >"$spec"
	run drictl cdi validate "$spec"
	assert_failure 1
	assert_says 'devices[0].containerEdits.hooks[0].hookName: "start" is no hook'
	assert_says 'devices[1].naem: is no field'
	jq '.containerEdits.hooks[0].path = "/nowhere/dri-hook"' "$CDI_SPEC" >"$spec"
	run drictl cdi validate "$spec"
	assert_failure 1
	assert_says '/nowhere/dri-hook: No such file'
	run drictl cdi validate "$BATS_TEST_TMPDIR/none.json"
	assert_failure 1
	run drictl cdi generate --output "$BATS_TEST_TMPDIR/none.txt"
	assert_failure 1
	assert_says 'does not end in .json'
	run drictl cdi frobnicate
	assert_failure 2
}
