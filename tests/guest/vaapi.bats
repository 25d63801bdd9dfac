#!/usr/bin/env bats
# vaapi.bats - the readiness gate at the level vaapi, on real render nodes of the kernel's virtio_gpu driver: with a test
# fixture as the VA driver that libva picks for them (tests/fixtures/va_driver.c), and with Mesa's own, which cannot come
# up without 3D: a real case of failure.

load ../lib/common
load ../lib/docker
load guest

setup_file ()
{
	start_bed
	make_va_image
	export MOODS=$BATS_FILE_TMPDIR/moods
	mkdir "$MOODS"
}
teardown ()
{
	umount /dev/kmsg 2>/dev/null || :
	leave_nothing
}

# make_va_image: image va, with the guest's libva, and the fixture as the driver for the guest's GPUs
make_va_image ()
{
	local rootfs=$BATS_FILE_TMPDIR/va dri
	make_rootfs "$rootfs"
	"$REPO/tests/fixtures/va-image" "$BATS_FILE_TMPDIR/libva"
	cp -r "$BATS_FILE_TMPDIR/libva/." "$rootfs"
	dri=$(find "$rootfs" -name dri)
	cp "$BUILD/va_driver.so" "$dri/virtio_gpu_drv_video.so"
	import_image va "$rootfs" --change 'CMD ["sleep", "600"]'
}

# va KIND [OPTION]... [COMMAND...]: runs a container of image va with a driver of that kind
va ()
{
	echo "$1" >"$MOODS/$1"
	leased --user 1000:1000 --volume "$MOODS/$1:/etc/va-driver:ro" --label "dri.gpu=pci:$GPU1" --label dri.wait=0s "${@:2}"
}

# refused KIND TEXT [OPTION]...
refused ()
{
	va "$1" "${@:3}" va true
	assert_failure
	assert_says "$GPU1"
	assert_says 'vaapi level'
	assert_says "$2"
}

@test "auto asks VA-API where the image has libva, as user 1000, and the status shows the verdict" {
	echo good >"$MOODS/good"
	start media --user 1000:1000 --volume "$MOODS/good:/etc/va-driver:ro" --label "dri.gpu=pci:$GPU1" \
		--label dri.require=h264-decode,vpp va
	assert_json "$(drictl status --json)" '.leases[0].ready | .ok and .level == "vaapi"
		and (.reason | contains("virtio_gpu") and contains("VA-API works: Test fixture VA driver"))'
	run drictl status
	assert_says vaapi
	start plain --label "dri.gpu=pci:$GPU1" app
	assert_json "$(drictl status --json)" '[.leases[] | .ready.level] | sort == ["driver", "vaapi"]'
}

@test "a second start of the same image costs no probe" {
	va good --label dri.require=av1-decode va true
	assert_success
	# Whoever asked this one now would not come back.
	va hangs --label dri.require=av1-decode va true
	assert_success
	refused hangs 'while initializing the VA driver' --label dri.require=hevc10-decode
}

@test "what the driver lacks, refuses or breaks is told" {
	refused few 'HEVCMain' --label dri.require=hevc-decode
	refused lies 'refuses it (vaCreateContext' --label dri.require=h264-decode
	refused fails 'the fixture does not come up'
	refused crashes 'Segmentation fault'
	refused forks 'fork: not permitted'
	refused floods 'more than 256 KiB of output'
	refused eats 'of the 512 MiB that it is allowed'
}

@test "Mesa's own driver for these GPUs, which cannot come up without 3D, is refused by name" {
	leased --user 1000:1000 --label "dri.gpu=pci:$GPU1" --volume /usr:/usr:ro \
		--volume /lib:/lib:ro --volume /lib64:/lib64:ro app /bin/true
	assert_failure
	assert_says 'vaapi level'
	assert_says 'virtio_gpu_drv_video.so init failed'
	leased --user 1000:1000 --label "dri.gpu=pci:$GPU1" --label dri.ready=driver --volume /usr:/usr:ro app /bin/true
	assert_success
}

@test "what the kernel has said of this GPU is quoted" {
	# A fixture: the log of the real kernel has nothing bad to say.
	printf '3,1,1,-;virtio_gpu %s: [drm] *ERROR* GPU HANG: a test fixture\n DEVICE=+pci:%s\n' $GPU1 $GPU1 >"$MOODS/kmsg"
	mount --bind "$MOODS/kmsg" /dev/kmsg
	refused fails "The kernel said: \"virtio_gpu $GPU1: [drm] *ERROR* GPU HANG: a test fixture\""
}

@test "start-without starts without, defer puts off, and both say why" {
	va fails --label dri.on-failure=start-without va sh -c 'ls -A /dev/dri; echo started'
	assert_success
	[[ $output != *renderD* && $output == *started* ]]
	run docker run --name later --net none --runtime dri --label dri.enable=true --label "dri.gpu=pci:$GPU1" \
		--label dri.on-failure=defer --volume "$MOODS/fails:/etc/va-driver:ro" va
	assert_failure
	assert_json "$(drictl status --json)" '[.queue[] | [.container.name, .state]] == [["later", "put off"]]'
	assert_json "$(drictl status --json)" '.queue[0].reason | contains("does not come up")'
	docker rm --force later
}
