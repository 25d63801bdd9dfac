#!/usr/bin/env bats
# follow.bats - GPUs that go, come back, and change their numbers under the leases of running containers.
# The GPUs are simulated: a fixture that changes, and a broker that looks again (SIGHUP, restart).
# shellcheck disable=SC2016

load lib/common

setup ()
{
	SIMULATED_GPUS=$(scratch)/gpus.json
	gpus '[["a", "0000:00:02.0", "226:128"], ["b", "0000:03:00.0", "226:129"]]'
	start_broker
	sleep 300 3>&- &
	holder=$!
	lease=$(varlink Acquire '{"container": {"id": "one"}, "workload": {"uid": 1000, "gid": 1000}, "detached": true,
		"request": {"enable": "true", "gpu": "a", "access": "exclusive", "wait": "0s"}}' | jq -r .grant.lease)
	varlink Activate "{\"lease\": \"$lease\", \"pid\": $holder}"
}
teardown ()
{
	kill "$holder" || :
	finish_broker
}

# gpus '[[NAME, PCI, DEVICE]...]': what the machine has from now on
gpus ()
{
	jq '{gpus: [to_entries[] | {name: .value[0], pci: .value[1], vendor: "0x8086", device: "0x46d1", driver: "i915",
		gid: 992, render: {name: "renderD\(.value[2][4:])", device: .value[2]}}]}' <<<"$1" >"$SIMULATED_GPUS"
}

look_again () { varlink Reload; }
state () { leases | jq -r '.[0].state'; }
# numbers of the render nodes in the directory, each once
numbers () { stat -c '%t:%T' "$LEASE_ROOT/$lease"/renderD* 2>/dev/null | sort -u; }

@test "a GPU that goes takes its nodes along, and brings them back" {
	assert_equal "$(numbers)" e2:80
	gpus '[["b", "0000:03:00.0", "226:129"]]'
	look_again
	assert_equal "$(numbers)" ''
	assert_equal "$(state)" lost
	gpus '[["a", "0000:00:02.0", "226:130"], ["b", "0000:03:00.0", "226:129"]]'
	look_again
	assert_equal "$(numbers)" e2:82
	assert_equal "$(state)" active
}

@test "GPUs that swap their numbers between two looks do not swap their users" {
	gpus '[["a", "0000:00:02.0", "226:129"], ["b", "0000:03:00.0", "226:128"]]'
	look_again
	assert_equal "$(numbers)" e2:81
}

@test "the same while the broker is away" {
	stop_broker KILL
	gpus '[["a", "0000:00:02.0", "226:129"], ["b", "0000:03:00.0", "226:128"]]'
	start_broker
	assert_equal "$(numbers)" e2:81
	assert_equal "$(state)" active
}

@test "a broker that starts while a leased GPU is away keeps it for its holder" {
	stop_broker KILL
	gpus '[["b", "0000:03:00.0", "226:128"]]'
	start_broker
	assert_equal "$(numbers)" ''
	assert_equal "$(state)" lost
	gpus '[["a", "0000:00:02.0", "226:130"], ["b", "0000:03:00.0", "226:128"]]'
	look_again
	assert_equal "$(numbers)" e2:82
	run varlink Acquire '{"container": {"id": "two"}, "workload": {"uid": 0, "gid": 0}, "detached": true,
		"request": {"enable": "true", "gpu": "a", "access": "exclusive", "wait": "0s"}}'
	assert_failure
	assert_says 'held by one'
}

@test "of several GPUs in a lease only the one that goes goes" {
	varlink Release "{\"lease\": \"$lease\", \"force\": true}"
	lease=$(varlink Acquire '{"container": {"id": "all"}, "workload": {"uid": 0, "gid": 0}, "detached": true,
		"request": {"enable": "true", "gpu": "all"}}' | jq -r .grant.lease)
	gpus '[["b", "0000:03:00.0", "226:129"]]'
	look_again
	assert_equal "$(numbers)" e2:81
}

@test "a reload that is refused changes nothing" {
	echo '{"activate-timeout": 1, "gpus": [{"match": "pci:nonsense"}]}' >"$DRI_BROKER_CONFIG"
	run look_again
	assert_failure
	varlink Acquire '{"container": {"id": "two"}, "workload": {"uid": 0, "gid": 0}, "detached": true,
		"request": {"enable": "true", "gpu": "b"}}'
	sleep 1.5
	assert_equal "$(leases | jq length)" 2
}
