# shellcheck shell=bash
# podman.bash - Podman, in the engine host, with a broker at its default places.
# Load it after common and docker, whose start_broker places and leases it shares.

export PODMAN_IGNORE_CGROUPSV1_WARNING=1

# start_podman_bed: broker (unless one serves), image app, and Podman as drictl install podman leaves it
start_podman_bed ()
{
	broker_listens || start_system_broker
	start_podman_store
	"$BUILD/drictl" install podman
}

# start_podman_store: image app, and Podman without anything of ours
start_podman_store ()
{
	mkdir -p /var/lib/containers /etc/containers/containers.conf.d
	mount -t tmpfs tmpfs /var/lib/containers
	# There is no systemd, and v2 may come without pids.
	printf '%s\n' '[containers]' 'pids_limit = 0' '[engine]' 'cgroup_manager = "cgroupfs"' \
		'events_logger = "file"' >/etc/containers/containers.conf.d/bed.conf
	make_app_rootfs
	tar -C "$BATS_FILE_TMPDIR/app" -c . | podman import --change 'CMD ["sleep", "600"]' - app 2>/dev/null
}

# podman_run [OPTION]... IMAGE [COMMAND]...: with the runtime $RUNTIME (crun)
podman_run () { run podman --runtime "${RUNTIME:-crun}" run --rm --net none "$@"; }
podman_leased () { podman_run --annotation dri.enable=true "$@"; }
# podman_start NAME [OPTION]... app...: one with a GPU, in the background
podman_start ()
{
	run podman --runtime "${RUNTIME:-crun}" run --detach --name "$1" --net none --annotation dri.enable=true "${@:2}"
	assert_success
}

# leave_no_podman: every container ends, and with it its lease
leave_no_podman ()
{
	podman rm --all --force --time 0 >/dev/null
	wait_until 20 nothing_is_leased
}
