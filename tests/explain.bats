#!/usr/bin/env bats
# explain.bats - drictl explain: whom a person can ask about, and the containers that
# dri-runtime refused by itself.

# shellcheck disable=SC2016,SC2154

bats_require_minimum_version 1.5.0
load lib/common

setup_file () { start_broker; }
teardown_file () { finish_broker; }

explain () { run "$BUILD/drictl" explain "$@"; }

# create NAME FILTER: a container of this name and definition, whose runtime does nothing
create ()
{
	quick_bundle "$1" true
	edit_config "$bundle" "$2"
	"$BUILD/dri-runtime" --dri-oci-runtime true create --bundle "$bundle" "$1" 2>"$BATS_TEST_TMPDIR/said"
}

# acquire NAME PROJECT SERVICE [DRI.GPU]: as for a container of Docker compose
acquire ()
{
	varlink Acquire "$(jq -nc --arg name "$1" --arg project "$2" --arg service "$3" --arg gpu "${4:-any}" '{
		container: { id: ("id-of-" + $name), $name, $project, $service }, workload: { uid: 0, gid: 0 },
		request: { enable: "true", $gpu, wait: "0s" }, detached: true }')"
}

@test "a slip in a label is explained, with what else was asked" {
	run create slip '.annotations = { "dri.enable": "true", "dri.nodes": "render,card", "dri.acess": "shared" }
		| .process.user.uid = 1234'
	assert_failure 1
	explain slip
	assert_success
	assert_says 'Decided: refused: unknown annotation dri.acess; did you mean dri.access?'
	assert_says 'dri.enable = true (annotation)'
	assert_says 'uid 1234'
	assert_equal "$(leases)" '[]'
}

@test "a value that is none is explained" {
	run create value '.annotations = { "dri.enable": "yes" }'
	assert_failure 1
	explain value
	assert_says 'refused: dri.enable: no value "yes"; valid are "false", "true"'
}

@test "a broken configuration is explained as the reason" {
	local config=$BATS_TEST_TMPDIR/broken.json
	echo '{ "gpu": 1 }' >"$config"
	DRI_BROKER_CONFIG=$config run create unconfigured '.annotations = { "dri.enable": "true" }'
	assert_failure 1
	explain unconfigured
	assert_says 'refused:'
	assert_says 'unknown key "gpu"'
}

@test "without a broker a slip is refused with the same words" {
	local with
	run create slip '.annotations = { "dri.acess": "shared" }'
	assert_failure 1
	with=$(<"$BATS_TEST_TMPDIR/said")
	DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/none run create slip '.annotations = { "dri.acess": "shared" }'
	assert_failure 1
	assert_equal "$(<"$BATS_TEST_TMPDIR/said")" "$with"
	[[ $with == *'did you mean dri.access?'* ]]
}

@test "a compose service is found by its name, alone or with its project" {
	local name
	run acquire shop-till-1 shop till nowhere
	assert_failure
	for name in shop-till-1 id-of-shop-till-1 till shop/till shop-till; do
		explain "$name"
		assert_success
		assert_says 'Container shop-till-1'
		assert_says 'service: till'
	done
	explain other/till
	assert_failure 1
}

@test "a service of several containers names them" {
	acquire media-web-1 media web
	acquire home-web-1 home web
	explain web
	assert_failure 1
	assert_says 'media-web-1'
	assert_says 'home-web-1'
	explain home/web
	assert_success
	assert_says 'Container home-web-1'
}

@test "of a container that never asked the likely causes are told" {
	local cause
	explain nobody
	assert_failure 1
	for cause in 'no container of this name' dri.enable=true HostConfig.Runtime 'since the broker started'; do
		assert_says "$cause"
	done
}
