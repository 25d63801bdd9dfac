# shellcheck shell=bash
# docker.bash - Docker, in the engine host, with a broker at its default places.
# Load it after common. A suite calls start_bed in setup_file, find_broker in
# setup, and leave_nothing in teardown, which fails a test that left a lease.
#
# GPUs (gpus.json): igpu is renderD128 and 10:229 (fuse), radeon is renderD129 and
# 10:237 (loop-control). Both can be opened, so that only the lease stands between
# a workload and them. simulated-gpus.json has one without a driver.

export DRI_BROKER_SOCKET=/run/dri-broker/broker.sock LEASE_ROOT=/run/dri-broker/leases
export DRI_BROKER_CONFIG=/etc/dri-broker/config.json JOURNAL=/run/dri-broker/broker.journal
export BROKER_LOG=/run/dri-broker.log
export OPENABLE_GPUS=$REPO/tests/engine-host/gpus.json

# start_system_broker: a broker at its default places, and no job of this shell
start_system_broker ()
{
	mkdir -p "${DRI_BROKER_CONFIG%/*}" "${DRI_BROKER_SOCKET%/*}"
	start_broker
	disown
}

# start_bed [JSON]...: broker, dockerd (the JSON is for its configuration), image app
start_bed ()
{
	start_system_broker
	start_docker "$@"
	make_app_image
}

# start_docker [JSON]...: dockerd, with dri-crun as dri with crun underneath
start_docker ()
{
	local crun
	crun=$(jq -n '{runtimes: {"dri-crun": {path: ($ENV.BUILD + "/dri-runtime"),
		runtimeArgs: ["--dri-oci-runtime", "crun"]}}}')
	"$REPO/tests/engine-host/start-docker" "$crun" "$@"
}

# make_app_rootfs: $BATS_FILE_TMPDIR/app; its users app 1000:1000 and abc 1000:1001 open what they may
make_app_rootfs ()
{
	local rootfs=$BATS_FILE_TMPDIR/app
	[[ ! -d $rootfs ]] || return 0
	make_rootfs "$rootfs"
	echo abc:x:1000:1001::/:/bin/sh >>"$rootfs/etc/passwd"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexec 3<>"/dev/dri/${1:-renderD128}"\n' >"$rootfs/bin/open-gpu"
	chmod 755 "$rootfs/bin/open-gpu"
}

# make_app_image: it sleeps
make_app_image ()
{
	make_app_rootfs
	import_image app "$BATS_FILE_TMPDIR/app" --change 'CMD ["sleep", "600"]'
}

find_broker () { BROKER_PID=$(pgrep -ox dri-broker) || start_broker; }

# configure JSON: what the broker and dri-runtime read from now on
configure ()
{
	echo "$1" >"$DRI_BROKER_CONFIG"
	[[ ! ${BROKER_PID:-} ]] || varlink Reload >/dev/null
}

# Containers.

# In these, $RUNTIME (dri) and $NETWORK (none) may be others.
# A name of its own for each: Docker's own names come again, and such a container goes to the GPU that the other had.
plain () { run docker run --rm --name "run-$SRANDOM" --net "${NETWORK:-none}" --runtime "${RUNTIME:-dri}" "$@"; }
leased () { plain --label dri.enable=true "$@"; }
# start NAME [OPTION]... app...: one with a GPU, in the background
start ()
{
	run docker run --detach --name "$1" --net "${NETWORK:-none}" --runtime "${RUNTIME:-dri}" \
		--label dri.enable=true "${@:2}"
	assert_success
}
in_container () { run docker exec "$@"; }

# What there is of leases.

drictl () { "$BUILD/drictl" "$@"; }
# lease_list [FILTER]: what the broker says of each
# shellcheck disable=SC2120
lease_list () { drictl status --json | jq -c "[.leases[] | ${1:-.container.name}] | sort"; }
lease_directory () { drictl explain "$1" --json | jq -r .directory; }
# journal_leases: those of which the journal does not say that they ended
journal_leases ()
{
	jq -rs 'reduce .[] as $r ({}; if $r.op == "grant" then .[$r.lease] = 1
		elif $r.op == "release" then del(.[$r.lease]) else . end) | keys[]' "$JOURNAL"
}
nothing_is_leased () { [[ $(lease_list) == '[]' && ! $(lease_directories) && ! $(journal_leases) ]]; }
assert_nothing_leased ()
{
	wait_until 20 nothing_is_leased || fail 'expected no lease, there is' "$(lease_list)" "$(lease_directories)" "$(journal_leases)"
}

# leave_nothing: every container ends, and with it its lease
leave_nothing ()
{
	local containers
	containers=$(docker ps --all --quiet)
	# shellcheck disable=SC2086
	[[ ! $containers ]] || docker rm --force $containers >/dev/null
	assert_nothing_leased
}

# compose_file SERVICES: compose.yaml in a directory of the test's own, and there we are
compose_file ()
{
	mkdir -p "$BATS_TEST_TMPDIR/media"
	cd "$BATS_TEST_TMPDIR/media" || return
	printf 'services:\n%s\n' "$1" >compose.yaml
}
