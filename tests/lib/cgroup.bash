# shellcheck shell=bash
# cgroup.bash - a pure v1 or pure v2 view of the cgroup hierarchies, on a machine
# of any layout. To be sourced.
#
# The hierarchies themselves belong to the whole machine; only where they are
# mounted is ours, so mount them in a private mount namespace and nowhere else.

# cgroup_hierarchies v1|v2
# One line for each hierarchy: "DIRECTORY OPTIONS PATH", PATH being the caller's
# own cgroup in it and DIRECTORY "." for v2.
cgroup_hierarchies ()
{
	local number controllers path found=
	while IFS=: read -r number controllers path; do
		case $1:$number:$controllers in
		v2:0:*) echo ". - $path" ;;
		v1:0:* | v2:*) ;;
		v1:*:name=*) echo "${controllers#name=} none,$controllers $path" ;;
		v1:*)
			echo "$controllers $controllers $path"
			[[ ,$controllers, != *,devices,* ]] || found=1
			;;
		esac
	done </proc/self/cgroup
	# On a v2 machine v1 can still judge devices: v2 has no such controller.
	[[ $1 == v2 || $found ]] || printf '%s\n' 'devices devices /' 'freezer freezer /'
}

# mount_cgroups v1|v2 DIRECTORY
# Mounts the view on DIRECTORY, laid out as systemd and container hosts lay it out.
mount_cgroups ()
{
	local dir options name
	if [[ $1 == v2 ]]; then
		# A mount says anew how the whole hierarchy behaves: it has to say what it said before.
		options=$(findmnt -rnt cgroup2 -o OPTIONS | tr , '\n' |
			grep -xE 'nsdelegate|favordynmods|memory_(recursiveprot|localevents|hugetlb_accounting)' |
			sort -u | paste -sd , || true)
		mount -t cgroup2 ${options:+-o "$options"} cgroup2 "$2"
		return
	fi
	mount -t tmpfs -o mode=755,nosuid,nodev,noexec tmpfs "$2"
	cgroup_hierarchies v1 | while read -r dir options _; do
		mkdir "$2/$dir"
		mount -t cgroup -o "$options" cgroup "$2/$dir" || return
		[[ $dir != *,* ]] || for name in ${dir//,/ }; do ln -s "$dir" "$2/$name"; done
	done
}

# own_null DIRECTORY
# Points whichever of stdin, stdout and stderr is /dev/null at a null device made
# in DIRECTORY: a runtime chowns the stdio it is given to the container's user,
# and the machine's own /dev/null must keep its owner.
own_null ()
{
	local fd
	[[ -e $1/null ]] || mknod -m 666 "$1/null" c 1 3
	for fd in 0 1 2; do
		[[ $(stat -Lc %t:%T "/proc/self/fd/$fd") != 1:3 ]] || eval "exec $fd<>'$1/null'"
	done
}
