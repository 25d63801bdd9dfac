# A second reader of fdinfo: intel_gpu_top of Debian's intel-gpu-tools, which knows nothing of dri-broker, in a mount
# namespace whose /sys, /proc and /dev are made for it: an i915 at 0000:00:02.0, and one process that has it open.
# shellcheck shell=bash disable=SC2034,SC2154

# make_machine DIRECTORY FDINFO: whose process's fdinfo is that file, of the same file system
make_machine ()
{
	local pci=$1/sys/devices/pci0000:00/0000:00:02.0 process=$1/proc/4242 node name fd
	mkdir -p "$pci" "$1"/sys/{bus/pci/{devices,drivers/i915},class/drm,devices/i915/events,dev/char} \
		"$1/sys/bus/event_source/devices" "$1/run/udev/data" "$process"/{fd,fdinfo} "$1/proc/self/fdinfo" "$1/dev/dri"
	ln -s ../../../devices/pci0000:00/0000:00:02.0 "$1/sys/bus/pci/devices"
	ln -s ../../../bus/pci "$pci/subsystem"
	ln -s ../../../bus/pci/drivers/i915 "$pci/driver"
	printf 'DRIVER=i915\nPCI_CLASS=30000\nPCI_ID=8086:46D1\nPCI_SLOT_NAME=0000:00:02.0\n' >"$pci/uevent"
	echo 0x8086 >"$pci/vendor"
	echo 0x46d1 >"$pci/device"
	echo 0x030000 >"$pci/class"
	for node in card0:0 renderD128:128; do
		name=${node%:*}
		mkdir -p "$pci/drm/$name"
		ln -s ../../../0000:00:02.0 "$pci/drm/$name/device"
		ln -s ../../../../../class/drm "$pci/drm/$name/subsystem"
		printf 'MAJOR=226\nMINOR=%s\nDEVNAME=dri/%s\nDEVTYPE=drm_minor\n' "${node#*:}" "$name" >"$pci/drm/$name/uevent"
		echo "226:${node#*:}" >"$pci/drm/$name/dev"
		ln -s "../../devices/pci0000:00/0000:00:02.0/drm/$name" "$1/sys/class/drm"
		ln -s "../../devices/pci0000:00/0000:00:02.0/drm/$name" "$1/sys/dev/char/226:${node#*:}"
		: >"$1/run/udev/data/c226:${node#*:}" # udev knows it
		: >"$1/dev/dri/$name"
	done
	# The PMU's engines: class and instance are in the number (include/uapi/drm/i915_drm.h).
	echo 42 >"$1/sys/devices/i915/type"
	ln -s ../../../devices/i915 "$1/sys/bus/event_source/devices"
	for node in rcs0=0x0 bcs0=0x1000 vcs0=0x2000 vcs1=0x2010 vecs0=0x3000; do
		echo "config=${node#*=}" >"$1/sys/devices/i915/events/${node%=*}-busy"
	done
	echo '4242 (ffmpeg) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0' >"$process/stat"
	printf 'Name:\tffmpeg\n' >"$process/status"
	mknod "$process/fd/5" c 226 128
	ln "$2" "$process/fdinfo/5"
	# It opens the render node to see whether the kernel has figures at all, as whichever number that is.
	for fd in {3..63}; do ln "$2" "$1/proc/self/fdinfo/$fd"; done
	mknod -m 666 "$1/dev/null" c 1 3
}

# start_gpu_top DIRECTORY: in that machine; says in $gpu_top_says what it sees, and is $gpu_top
start_gpu_top ()
{
	gpu_top_says=$1/says
	# shellcheck disable=SC2016
	SYSTEMD_DEVICE_VERIFY_SYSFS=0 unshare --mount sh -c 'for d in sys run dev proc; do mount --bind "$1/$d" "/$d"; done
		LD_PRELOAD=$2 exec intel_gpu_top -J -s 10000 -o "$1/says"' sh "$1" "$BUILD/tests/gpu_top_preload.so" \
		</dev/null &>"$1/errors" 3>&- 4>&- &
	gpu_top=$!
}

# stop_gpu_top: all that it said is in $gpu_top_says then
stop_gpu_top ()
{
	kill -s INT "$gpu_top" 2>/dev/null || :
	wait "$gpu_top" || :
}

# gpu_top_busy CLASS: for how many nanoseconds engines of that kind were busy over all its looks, of 10 s each
gpu_top_busy ()
{
	sed 's/^},$/}/; /^\[$/d; /^\]$/d' "$gpu_top_says" |
		jq -s --arg class "$1" '[.[].clients[]?["engine-classes"]?[$class].busy // 0 | tonumber] | add * 1e8 | round'
}
