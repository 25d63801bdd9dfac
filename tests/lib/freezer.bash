# shellcheck shell=bash
# freezer.bash - which containers of Docker's are frozen.

# freezer_of NAME: the file that freezes it
freezer_of ()
{
	local pid
	pid=$(docker inspect --format '{{.State.Pid}}' "$1")
	if [[ -e /sys/fs/cgroup/cgroup.procs ]]; then
		echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/cgroup.freeze"
	else
		echo "/sys/fs/cgroup/freezer$(sed -n 's/^[0-9]*:freezer://p' "/proc/$pid/cgroup")/freezer.state"
	fi
}
# is_frozen NAME: ordered to be
is_frozen () { grep -qE '1|FR' "$(freezer_of "$1")"; }
is_thawed () { ! is_frozen "$1"; }
