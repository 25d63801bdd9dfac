# shellcheck shell=bash
# device_filter.bash - what the device filter of a container lets through, whatever nodes it has. Load it after
# common. A device that passes has no driver here and says so.

export PASSES='No such device or address' REFUSED='Operation not permitted'

# device_group PID: its control group, as a directory
device_group ()
{
	if [[ -e /sys/fs/cgroup/cgroup.procs ]]; then
		echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"
	else
		echo "/sys/fs/cgroup/devices$(sed -n 's/^[0-9]*:devices://p' "/proc/$1/cgroup")"
	fi
}

# group_says GROUP MAJOR MINOR: what somebody hears who opens this device from there
group_says ()
{
	local node=/dev/bats-$BASHPID # $BATS_TEST_TMPDIR may be nodev
	mknod "$node" c "$2" "$3"
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$1/cgroup.procs" && exec 3<>"$2"' sh "$1" "$node" 2>&1 | sed 's/.*: //'
	rm "$node"
}

# filter_says PID MAJOR MINOR: the same from the control group of this process
filter_says () { group_says "$(device_group "$1")" "${@:2}"; }
