#!/usr/bin/env bats
# varlink.bats - the broker's socket, to clients that are not ours: systemd's varlinkctl
# and python3-varlink.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_system_broker
}
setup () { find_broker; }
teardown () { assert_nothing_leased; }

ctl () { run varlinkctl "$1" "$DRI_BROKER_SOCKET" "${@:2}"; }
call () { ctl call "io.dri.Broker.$1" "${2:-"{}"}"; }
# python: a script, after what every one of them needs
python ()
{
	run python3 -c '
import json, os, sys, varlink
client = varlink.Client.new_with_address ("unix:" + os.environ["DRI_BROKER_SOCKET"])
'"$1"
}

@test "varlinkctl: info" {
	ctl info
	assert_success
	assert_says 'Product: dri-broker'
	assert_says io.dri.Broker
	assert_says org.varlink.service
}

@test "varlinkctl: both interfaces parse, and name every method" {
	local interface method
	for interface in io.dri.Broker org.varlink.service; do
		# A description that it cannot parse it shows raw, with a complaint.
		ctl introspect "$interface"
		assert_success
		[[ $output != *'Failed to parse'* ]] || fail "$output"
		assert_says "interface $interface"
		varlinkctl --json=short call "$DRI_BROKER_SOCKET" org.varlink.service.GetInterfaceDescription \
			"{\"interface\": \"$interface\"}" | jq -r .description >"$BATS_TEST_TMPDIR/$interface.varlink"
		run varlinkctl validate-idl "$BATS_TEST_TMPDIR/$interface.varlink"
		assert_success
	done
	ctl list-methods io.dri.Broker
	assert_success
	for method in Acquire Activate Report Release Status Watch Explain Reload; do
		assert_says "io.dri.Broker.$method"
	done
}

@test "varlinkctl: Status, and errors with a reason" {
	call Status
	assert_success
	assert_json "$output" '(.gpus | map(.name) == ["igpu", "radeon"]) and .leases == [] and .queue == []'
	call Release '{"lease": "0123456789abcdef0123456789abcdef"}'
	assert_failure
	assert_says io.dri.Broker.NoSuchLease
	assert_says 'start the container again'
	call Activate '{"lease": "x", "pid": -1}'
	assert_failure
	assert_says org.varlink.service.InvalidParameter
	assert_says '"pid"'
	call NoSuchMethod
	assert_failure
	assert_says org.varlink.service.MethodNotFound
	ctl call org.example.Other.Method '{}'
	assert_failure
	assert_says org.varlink.service.InterfaceNotFound
	ctl call org.varlink.service.GetInterfaceDescription '{"interface": "org.example.Other"}'
	assert_failure
	assert_says org.varlink.service.InterfaceNotFound
	call Reload
	assert_success
}

@test "varlinkctl: a lease from Acquire to Release" {
	local lease order='{"container": {"id": "0123", "name": "web"}, "workload": {"uid": 1000, "gid": 1000},
		"request": {"enable": "true", "gpu": "radeon"}, "detached": true}'
	call Acquire "$order"
	assert_success
	lease=$(jq -r .grant.lease <<<"$output")
	assert_json "$output" '.grant.nodes | map([.name, .major, .minor]) | sort == [["renderD128", 10, 237], ["renderD129", 10, 237]]'
	assert_equal "$(stat -c '%u:%g %a' "$(jq -r .grant.directory <<<"$output")/renderD128")" '1000:1000 660'
	sleep 60 3>&- &
	call Activate "{\"lease\": \"$lease\", \"pid\": $!}"
	assert_success
	call Report "{\"lease\": \"$lease\", \"ready\": {\"level\": \"driver\", \"ok\": true, \"reason\": \"fine\"}}"
	assert_success
	call Explain '{"container": "web"}'
	assert_json "$output" '.state == "active" and .container.id == "0123"'
	call Release '{"container": "web"}'
	assert_failure
	assert_says io.dri.Broker.LeaseInUse
	kill $!
	wait_until 20 nothing_is_leased
}

@test "python3-varlink: info and help of its command line" {
	run python3 -m varlink.cli info "unix:$DRI_BROKER_SOCKET"
	assert_success
	assert_says 'Product: dri-broker'
	assert_says io.dri.Broker
	run python3 -m varlink.cli help "unix:$DRI_BROKER_SOCKET/io.dri.Broker"
	assert_success
	assert_says 'method Acquire'
	run python3 -m varlink.cli call "unix:$DRI_BROKER_SOCKET/io.dri.Broker.Status"
	assert_success
	assert_json "$output" '.gpus | length == 2'
}

@test "python3-varlink: types hold for a lease from Acquire to Release, with a user namespace" {
	python '
with client.open ("io.dri.Broker") as broker:
    maps = [{"container": 0, "host": 100000, "size": 65536}]
    workload = {"uid": 1000, "gid": 1001, "gids": [7], "uid_map": maps, "gid_map": maps}
    container = {"id": "0123", "name": "web", "project": "media", "service": "web"}
    request = {"enable": "true", "gpu": "igpu", "nodes": "render,card"}
    grant = broker.Acquire (container, workload, request, {"enable": "label"}, ["a note"], True)["grant"]
    assert sorted (node["name"] for node in grant["nodes"]) == ["card0", "renderD128"], grant
    assert grant["gids"] == [992]
    node = os.stat (grant["directory"] + "/renderD128")
    assert (node.st_uid, node.st_gid) == (101000, 101001), node
    status = broker.Status ()
    assert [lease["state"] for lease in status["leases"]] == ["granted"], status
    said = broker.Explain ("web")
    assert said["notes"] == ["a note"] and said["sources"] == {"enable": "label"}, said
    assert said["workload"]["gids"] == [7] and said["workload"]["uid_map"] == maps, said
    assert said["request"] == request, said
    assert broker.Release (lease=grant["lease"], force=True) == {"reason": "", "note": ""}
    assert broker.Status ()["leases"] == []
'
	assert_success
}

@test "python3-varlink and varlinkctl: Watch goes on, its types hold" {
	python '
with client.open ("io.dri.Broker") as watcher, client.open ("io.dri.Broker") as broker:
    replies = watcher.Watch (0, _more=True)
    assert next (replies) == {"events": []}
    grant = broker.Acquire ({"id": "0123", "name": "web"}, {"uid": 0, "gid": 0}, {"enable": "true"}, _more=False)["grant"]
    broker.Release (lease=grant["lease"])
    events = []
    while len (events) < 2:
        events += next (replies)["events"]
    assert [(e["event"], e["container"]["name"], e["lease"]) for e in events] == \
        [("granted", "web", grant["lease"]), ("released", "web", grant["lease"])], events
'
	assert_success
	run varlinkctl --json=short call "$DRI_BROKER_SOCKET" io.dri.Broker.Watch '{"last": 1}'
	assert_success
	assert_json "$output" '.events | map(.event) == ["released"]'
}

@test "python3-varlink: errors are those of the interface" {
	python '
with client.open ("io.dri.Broker") as broker:
    for error, call in {
        "io.dri.Broker.NoSuchLease": lambda: broker.Release (lease="x"),
        "io.dri.Broker.NoSuchContainer": lambda: broker.Explain ("nobody"),
        "io.dri.Broker.Refused": lambda: broker.Acquire ({"id": "x"}, {"uid": 0, "gid": 0}, {"gpuu": "any"}),
    }.items ():
        try:
            call ()
        except varlink.VarlinkError as e:
            assert e.error () == error and e.parameters ()["reason"], (error, e)
        else:
            sys.exit ("no error " + error)
'
	assert_success
}

@test "a queued Acquire does not hold up others, and many calls go over one connection" {
	python '
with client.open ("io.dri.Broker") as holder, client.open ("io.dri.Broker") as broker:
    def acquire (connection, name, **request):
        request.update (enable="true", gpu="igpu", access="exclusive")
        return connection.Acquire ({"id": name}, {"uid": 0, "gid": 0}, request)["grant"]
    first = acquire (holder, "first")
    try:
        acquire (broker, "second", wait="1s")
        sys.exit ("two have it exclusively")
    except varlink.VarlinkError as e:
        assert "held by first" in e.parameters ()["reason"], e
    for i in range (500):
        assert len (broker.Status ()["leases"]) == 1
# The end of the connection ends the grant that nobody took up.
import time
with client.open ("io.dri.Broker") as broker:
    for i in range (1000):
        if not broker.Status ()["leases"]:
            sys.exit (0)
        time.sleep (0.02)
sys.exit ("the grant outlives its connection")
'
	assert_success
}

@test "others than root read, if they are let to the socket, and change nothing" {
	run setpriv --reuid 1000 --regid 1000 --clear-groups "$BUILD/drictl" status
	assert_failure 1
	assert_says 'uid 1000 may not have a GPU'
	chgrp 4321 "$DRI_BROKER_SOCKET"
	as_reader () { run setpriv --reuid 1000 --regid 1000 --groups 4321 "$@"; }
	as_reader "$BUILD/drictl" status
	assert_success
	as_reader "$BUILD/drictl" explain nobody
	assert_failure 1
	for method in 'Release {"lease":"x"}' 'Reload {}' 'Activate {"lease":"x","pid":1}' \
		'Report {"lease":"x","ready":{"level":"node","ok":true,"reason":""}}' \
		'Acquire {"container":{"id":"x"},"workload":{"uid":0,"gid":0},"request":{}}'; do
		as_reader varlinkctl call "$DRI_BROKER_SOCKET" "io.dri.Broker.${method%% *}" "${method#* }"
		assert_failure
		assert_says PermissionDenied
	done
	chgrp 0 "$DRI_BROKER_SOCKET"
}
