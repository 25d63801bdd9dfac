# shellcheck shell=bash
# guest.bash - Docker and dri-broker as they are installed in the guest machine. Load it
# after common and docker. A suite calls start_bed in setup_file, and leave_nothing in
# teardown. Suites share one boot: what they change of the machine they put back.

export GPU1=0000:01:00.0 GPU2=0000:02:00.0

drictl () { command drictl "$@"; }

# start_bed: dri-broker from its package, Docker that knows it, image app
start_bed ()
{
	install_package
	use_docker
	docker image inspect app &>/dev/null || make_app_image
}

# install_package: unless it is there
install_package ()
{
	[[ $(dpkg-query -Wf '${db:Status-Status}' dri-broker 2>/dev/null) == installed ]] ||
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes "$BUILD/dri-broker.deb"
}

# use_docker: with the runtime dri. That it knows it says nothing of its configuration: a
# reload does not make it forget the last of its runtimes.
use_docker ()
{
	drictl install docker
	knows_runtime || { systemctl reload docker && wait_until 30 knows_runtime; }
}
knows_runtime () { docker info --format '{{json .Runtimes}}' | jq -e 'has("dri")' >/dev/null; }

# The image has guest-gpu and its libraries, but no VA driver: mount the guest's /usr for one.
make_app_image ()
{
	local rootfs=$BATS_FILE_TMPDIR/app file
	make_rootfs "$rootfs"
	cp "$BUILD/guest-gpu" "$rootfs/bin"
	for file in $(ldd "$BUILD/guest-gpu" | grep -o '/[^ ]*'); do
		install -D "$file" "$rootfs$file"
	done
	import_image app "$rootfs" --change 'CMD ["sleep", "600"]'
}

restart_docker ()
{
	systemctl reset-failed docker.service # it may not start more than three times a minute
	systemctl restart docker.service
}

# configure JSON: as an administrator does
configure ()
{
	echo "$1" >"$DRI_BROKER_CONFIG"
	systemctl reload dri-broker
}

# node_of PCI-ADDRESS: the render node of the moment, renderD129
node_of () { basename "$(readlink "/dev/dri/by-path/pci-$1-render")"; }
vgem_node () { basename "$(readlink /dev/dri/by-path/platform-vgem-render)"; }

# qmp COMMAND [ARGUMENTS]: asks qemu, through the host; prints what it returns
qmp ()
{
	local port reply
	exec {port}<>/dev/virtio-ports/dri.host
	jq -cn --arg command "$1" --argjson arguments "${2:-{\}}" '{execute: $command, arguments: $arguments}' >&"$port"
	IFS= read -r -t 90 -u "$port" reply || reply='{"error": "no reply within 90 s"}'
	exec {port}>&-
	jq -e .return <<<"$reply" || fail "qmp $*: $reply"
}

# unplug PCI-ADDRESS: the kernel loses the device as it does when a slot loses it; qemu cannot
# take a virtio GPU out of a machine that runs. plug brings back all that was taken.
unplug () { echo 1 >"/sys/bus/pci/devices/$1/remove"; }
plug () { echo 1 >/sys/bus/pci/rescan; }
