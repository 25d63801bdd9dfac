#!/usr/bin/env bats
# policy.bats - the list "policy" of the configuration, and which of two GPUs a container gets: a broker of
# simulated GPUs, asked as the doors ask.

# shellcheck disable=SC2016,SC2154

bats_require_minimum_version 1.5.0
load lib/common

setup_file ()
{
	configure '[]'
	start_noted_broker
}
teardown_file ()
{
	noted_broker
	finish_broker
}

# start_noted_broker: for the tests that follow, too, which see no variable of this one's; noted_broker: $BROKER_PID
start_noted_broker ()
{
	start_broker
	echo "$BROKER_PID" >"$BATS_FILE_TMPDIR/pid"
}
noted_broker () { BROKER_PID=$(<"$BATS_FILE_TMPDIR/pid"); }

setup ()
{
	noted_broker
	configure '[]'
	reload
}

# configure POLICY: igpu and arc of the fixture have 4 slots each
configure ()
{
	export DRI_BROKER_CONFIG=$BATS_FILE_TMPDIR/broker.json
	jq -n --argjson policy "$1" '{ slots: 4, $policy }' >"$DRI_BROKER_CONFIG"
}

reload () { varlink Reload >/dev/null; }

policy () { configure "$1" && reload; }

# acquire NAME [KEY=VALUE]...: a lease that stays; $status and $output are the door's
acquire ()
{
	run varlink Acquire "$(jq -nc --arg name "$1" --args '{
		container: { id: ("id-of-" + $name), $name, image: "lscr.io/linuxserver/jellyfin:latest",
			engine: "docker", project: "media" },
		workload: { uid: 1000, gid: 1000 }, detached: true,
		request: ([$ARGS.positional[] | index("=") as $i | { (.[:$i]): .[$i + 1:] }]
			| add | { enable: "true", wait: "0s" } + .) }' "${@:2}")"
}

release () { varlink Release "{ \"container\": \"$1\" }" >/dev/null; }

gpu_of () { leases | jq -r --arg name "$1" '.[] | select(.container.name == $name).gpu'; }

patient_waits () { varlink Status | jq -e '.queue[0].container.name == "patient"' >/dev/null; }

explain () { run "$BUILD/drictl" explain "$@"; }

teardown ()
{
	local name
	for name in $(leases | jq -r '.[].container.name'); do release "$name"; done
}

# --- policy ---

@test "a container that asks for more than its rule allows is refused, and told what to do" {
	policy '[{ "who": { "project": "other" } },
		{ "who": { "project": "media" }, "allow": { "access": "shared" } }]'
	acquire frigate access=exclusive
	assert_failure
	assert_says 'container frigate asks for dri.access=exclusive; rule 2 (project media) of /etc/dri-broker/config.json allows shared only: ask for less, or change the rule, then systemctl reload dri-broker'
	assert_equal "$(leases)" '[]'
	explain frigate
	assert_says 'Decided: refused: container frigate asks for dri.access=exclusive'
	acquire frigate
	assert_success
}

@test "defaults and maxima change what counts, and drictl explain says so" {
	policy '[{ "name": "transcoders", "who": { "image": "lscr.io/*" },
		"default": { "class": "batch" }, "max": { "share": "60%" } }]'
	acquire transcoder share=90%
	assert_success
	assert_equal "$(leases | jq -c '.[] | [.class, .share]')" '["batch",60]'
	explain transcoder
	assert_says 'dri.class = batch (policy)'
	assert_says 'dri.share = 60% (policy)'
	assert_says 'By rule 1 (transcoders) of the policy: dri.class=batch by default; dri.share=60%, the most it may have'
}

@test "a container's role, a label of its own, chooses its rule" {
	policy '[{ "who": { "role": "camera" } }, { "allow": { "access": "shared" } }]'
	acquire frigate role=camera access=exclusive
	assert_success
	explain frigate
	assert_says 'dri.role = camera'
	acquire other role=archive access=exclusive
	assert_failure
	assert_says 'container other asks for dri.access=exclusive; rule 2'
}

@test "the door is told what the rule sets" {
	policy '[{ "default": { "ready": "off", "class": "batch", "owner": "7:8" } }]'
	acquire told
	assert_equal "$(jq -c '.grant.policy' <<<"$output")" '{"dri.ready":"off","dri.owner":"7:8"}'
}

@test "a rule holds after a restart of the broker, as it was when the lease was given" {
	policy '[{ "default": { "access": "exclusive", "gpu": "igpu" } }]'
	acquire keeper
	assert_success
	stop_broker KILL
	configure '[]'
	start_noted_broker
	acquire another gpu=igpu
	assert_failure
	assert_says 'held by keeper'
	explain keeper
	assert_says 'dri.access = exclusive (policy)'
	assert_says 'By rule 1 (everybody else) of the policy'
}

@test "only the GPUs of its rule are given to a container" {
	policy '[{ "who": { "container": "guest-*" }, "allow": { "gpu": "arc" } }]'
	acquire guest-1
	assert_equal "$(gpu_of guest-1)" arc
	explain guest-1
	assert_says 'not igpu: not allowed to it'
	acquire guest-2 access=monitor
	assert_equal "$(gpu_of guest-2)" arc
	acquire guest-3 gpu=igpu
	assert_failure
	assert_says 'dri.gpu is \"igpu\", and rule 1 (container guest-*) of /etc/dri-broker/config.json allows arc only: ask for that, or change the rule'
	acquire host gpu=igpu
	assert_success
}

@test "who waits when the policy changes is judged by the new one" {
	local waiter
	acquire owner gpu=igpu access=exclusive
	varlink Acquire '{ "container": { "id": "patient", "name": "patient" }, "workload": { "uid": 0, "gid": 0 },
		"request": { "enable": "true", "gpu": "igpu", "class": "realtime", "wait": "60s" } }' \
		>"$BATS_TEST_TMPDIR/answer" 2>&1 &
	waiter=$!
	wait_until 30 patient_waits
	policy '[{ "allow": { "class": "interactive" } }]'
	! wait "$waiter" || fail 'it was not refused'
	run cat "$BATS_TEST_TMPDIR/answer"
	assert_says 'container patient asks for dri.class=realtime; rule 1 (everybody else)'
	assert_equal "$(leases | jq -r '.[].container.name')" owner
}

@test "a mistake in the policy is named, and the old policy stays" {
	policy '[{ "allow": false }]'
	configure '[{}, { "who": { "projct": "media" } }]'
	run varlink Reload
	assert_failure
	assert_says "$DRI_BROKER_CONFIG: "
	assert_says 'rule 2: unknown key \"projct\" in \"who\"; did you mean \"project\"?'
	acquire nobody
	assert_failure
	assert_says 'container nobody may have no GPU, says rule 1 (everybody else)'
	run "$BUILD/dri-broker" --simulate "$SIMULATED_GPUS"
	assert_failure 1
	assert_says 'did you mean "project"?'
}

# --- placement ---

@test "a container that starts anew gets the GPU that it had, also after a restart of the broker" {
	acquire first gpu=arc
	acquire mover
	assert_equal "$(gpu_of mover)" igpu
	acquire filler gpu=igpu slots=2
	release mover
	acquire mover
	assert_equal "$(gpu_of mover)" igpu
	explain mover
	assert_says 'igpu fits "any" and had 2 of 4 slots in use; the container had it before'
	assert_says 'not arc: 1 of 4 slots in use'
	release mover
	stop_broker KILL
	start_noted_broker
	acquire newcomer
	assert_equal "$(gpu_of newcomer)" arc
	acquire mover
	assert_equal "$(gpu_of mover)" igpu
}

@test "where its GPU has no room a container gets another" {
	acquire nomad
	assert_equal "$(gpu_of nomad)" igpu
	release nomad
	acquire alone gpu=igpu access=exclusive
	acquire nomad
	assert_equal "$(gpu_of nomad)" arc
	release alone
	release nomad
	acquire nomad
	assert_equal "$(gpu_of nomad)" arc
}
