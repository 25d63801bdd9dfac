# shellcheck shell=bash
# device_filter.bash - what the device filter of a container lets through, whatever nodes it has. Load it after
# common. A device that passes has no driver here and says so.

export PASSES='No such device or address' REFUSED='Operation not permitted'

# filter_says PID MAJOR MINOR: what somebody hears who opens this device from the control groups of this process
filter_says ()
{
	local group node=/dev/bats-$BASHPID # $BATS_TEST_TMPDIR may be nodev
	if [[ -e /sys/fs/cgroup/cgroup.procs ]]; then
		group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")
	else
		group=/sys/fs/cgroup/devices$(sed -n 's/^[0-9]*:devices://p' "/proc/$1/cgroup")
	fi
	mknod "$node" c "$2" "$3"
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$1/cgroup.procs" && exec 3<>"$2"' sh "$group" "$node" 2>&1 | sed 's/.*: //'
	rm "$node"
}
