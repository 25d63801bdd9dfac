#!/usr/bin/env bats
# vaapi.bats - the readiness gate at the level vaapi, in containers that runc and crun start. There is no GPU: a
# test fixture makes a render node out of the stand-in device and plays i915 (tests/fixtures/drm_preload.c), inside
# the container only; another is the VA driver, under the name that libva picks for such a node
# (tests/fixtures/va_driver.c). libva and glibc are real.
# shellcheck disable=SC2016,SC2154

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_system_broker
	make_images "$BATS_FILE_TMPDIR"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_FILE_TMPDIR%/*}"
}
setup () { find_broker; RUNTIME=runc; }
teardown ()
{
	local runtime id
	umount /sys/dev 2>/dev/null || :
	rm -f /etc/ld.so.preload /etc/drm-player /etc/va-driver
	for runtime in runc crun; do
		for id in $($runtime list -q); do $runtime delete --force "$id"; done
	done
	wait_until 20 nothing_is_leased
}

each_runtime () { for RUNTIME in runc crun; do "$@"; done; }

# make_images DIRECTORY: glibc has libva and a driver for i915, and old a C library that is too old for the probe;
# bare has nothing, jellyfin has its libva where jellyfin-ffmpeg's package has it, musl its own vainfo, and mute not even that; $lib is where libraries are
make_images ()
{
	export lib
	lib=usr/lib/$(basename "$(dirname "$(find "$BUILD/tests/va-image/usr/lib" -name dri)")")
	make_rootfs "$1/bare"
	echo text >"$1/bare/tmp/mark"
	chmod 666 "$1/bare/tmp/mark"
	cp -r "$1/bare" "$1/musl"
	cp -r "$1/bare" "$1/glibc"
	mkdir -p "$1/musl/usr/bin" "$1/musl/lib"
	cp "$BUILD/tests/vainfo-musl" "$1/musl/usr/bin/vainfo"
	cp "$BUILD/tests/ld-musl" "$1/musl$(readelf_interpreter)"
	cp -r "$BUILD"/tests/va-image/. "$1/glibc"
	cp "$BUILD/tests/va_driver.so" "$1/glibc/$lib/dri/iHD_drv_video.so"
	cp "$BUILD/tests/drm_preload.so" "$1/glibc/$lib"
	echo "/$lib/drm_preload.so" >"$1/glibc/etc/ld.so.preload"
	echo 'driver=i915 huc=1 video=2' >"$1/glibc/etc/drm-player"
	cp -r "$1/glibc" "$1/jellyfin"
	mkdir -p "$1/jellyfin/usr/lib/jellyfin-ffmpeg/lib"
	mv "$1/jellyfin/$lib"/libva{,-drm}.so.2* "$1/jellyfin/usr/lib/jellyfin-ffmpeg/lib"
	cp -r "$1/glibc" "$1/old"
	cp "$BUILD/tests/old-libc.so" "$1/old/$lib/libc.so.6"
	cp -r "$1/musl" "$1/mute"
	rm "$1/mute/usr/bin/vainfo"
}
# give_libva KIND: this machine has libva too; until the test ends, the stand-in is a render node here, and has a driver
# of that kind
give_libva ()
{
	mkdir -p "/$lib/dri"
	cp --remove-destination "$BUILD/tests/va-image/$lib"/libva{,-drm}.so.2 "$BUILD/tests/drm_preload.so" "/$lib"
	cp "$BUILD/tests/va_driver.so" "/$lib/dri/iHD_drv_video.so"
	echo "$1" >/etc/va-driver
	echo 'driver=i915 huc=1 video=2' >/etc/drm-player
	echo "/$lib/drm_preload.so" >/etc/ld.so.preload
}
readelf_interpreter () { grep -aom 1 '/lib/ld-musl-[a-z0-9_]*\.so\.1' "$BUILD/tests/vainfo-musl"; }

# another_driver NAME: the image's driver is another one now, and no verdict on it is known
another_driver () { find "$BATS_FILE_TMPDIR/$1" -name '*_drv_video.so' -exec touch {} +; }

# image NAME KIND [KEY=VALUE]...: $bundle, of the image, with a VA driver of that kind; sleeps as user 1000:1001
image ()
{
	local rootfs=$BATS_FILE_TMPDIR/$1
	bundle=$BATS_TEST_TMPDIR/$1-$2
	mkdir -p "$bundle"
	echo "$2" >"$rootfs/etc/va-driver"
	another_driver "$1"
	ln -sfn "$rootfs" "$bundle/rootfs"
	make_bundle "$bundle" sleep 600
	edit_config "$bundle" '.root.path = $path | .linux.cgroupsPath = $group
		| .process.user = { uid: 1000, gid: 1001, additionalGids: [7] }' --arg path "$rootfs" --arg group "/vaapi-$$"
	opt_in "$bundle" ready=vaapi wait=0s "${@:3}"
}

# begin: starts it; $ready is what is known of it then, if it started
begin ()
{
	local said=$BATS_TEST_TMPDIR/said
	run timeout 60 bash -c '"$@" </dev/null &>"$0"' "$said" "$BUILD/dri-runtime" --dri-oci-runtime "$RUNTIME" run \
		--detach --bundle "$bundle" "$RUNTIME-box"
	output=$(<"$said")
	ready=$(leases | jq -c '.[0].ready')
}
finish () { "$RUNTIME" delete --force "$RUNTIME-box"; wait_until 20 nothing_is_leased; }

# starts LEVEL TEXT...: it starts, verified at that level, and these are among the words of the verdict
starts ()
{
	local text
	begin
	assert_success
	for text in "${@:2}"; do
		assert_json "$ready" '.ok and .level == $level and (.reason | contains($text))' --arg level "$1" --arg text "$text"
	done
	finish
}

# refused TEXT...: it does not start, and these are among the words that the user reads
refused ()
{
	local text
	begin
	assert_failure
	for text in 'GPU igpu' "$@"; do
		[[ $RUNTIME == crun ]] || assert_says "$text"
	done
	# crun shows nothing that a hook says, but the broker knows.
	assert_says_explained "${@: -1}"
	wait_until 20 nothing_is_leased
}
assert_says_explained ()
{
	run drictl explain "$RUNTIME-box"
	assert_says "$1"
}

@test "the container's own libva, loader and driver are asked, and the lease shows what they said" {
	image glibc good require=h264-decode,hevc10-decode,vpp,h264-encode-vbr
	each_runtime starts vaapi 'VA-API works: Test fixture VA driver'
}

@test "a libva that is jellyfin-ffmpeg's own is found" {
	image jellyfin good
	each_runtime starts vaapi 'VA-API works: Test fixture VA driver'
}

in_its_place ()
{
	local space pid said
	another_driver glibc
	begin
	assert_success
	said=$(jq -r .reason <<<"$ready")
	[[ $said == *'VA-API works: inside 1000:1001 '* ]] || fail "$said"
	pid=$(leases | jq '.[0].pid')
	for space in pid ipc net uts cgroup user; do # its mounts are a copy of the container's
		[[ $said == *" $(readlink "/proc/$pid/ns/$space")"* ]] || fail "$pid $space $(readlink "/proc/$pid/ns/$space"): $said"
	done
	[[ $said == *' 7 '*' 0000000000000000'* ]] || fail "$said"
	finish
}

@test "as the workload: in its namespaces, as its user, with its groups, without a capability, in its root" {
	echo inside >"$BATS_FILE_TMPDIR/glibc/etc/mark"
	echo outside >/etc/mark
	image glibc tells
	each_runtime in_its_place
	edit_config "$bundle" '.process.user = { uid: 0, gid: 0 }'
	begin
	assert_success
	assert_json "$ready" '.reason | contains("works: inside 0:0 ") and contains(" 0000000000000000")'
}

in_a_user_namespace ()
{
	another_driver glibc
	# It owns its stdio, which must not be the machine's /dev/null.
	run timeout 60 bash -c '"$1" --dri-oci-runtime "$2" run --detach --bundle "$3" "$2-box" < <(:) &>"$0"' \
		"$BATS_TEST_TMPDIR/said" "$BUILD/dri-runtime" "$RUNTIME" "$bundle"
	assert_success
	ready=$(leases | jq -c '.[0].ready')
	assert_json "$ready" '.ok and (.reason | contains("works: inside 1000:1001 "))'
	[[ $ready == *"$(readlink "/proc/$(leases | jq '.[0].pid')/ns/user")"* ]]
	finish
}

@test "in a user namespace too" {
	echo inside >"$BATS_FILE_TMPDIR/glibc/etc/mark"
	image glibc tells
	edit_config "$bundle" 'def map: [{ containerID: 0, hostID: 100000, size: 65536 }];
		.linux |= (.namespaces += [{ type: "user" }] | .uidMappings = map | .gidMappings = map)'
	each_runtime in_a_user_namespace
}

@test "what does not work is told, with the GPU, the level and what to do" {
	image glibc fails
	each_runtime refused 'vaapi level' 'no VA driver comes up for i915' 'the fixture does not come up'
	image glibc few require=h264-decode,hevc-decode
	refused 'vaapi level' 'choose another GPU (dri.gpu)' 'does not offer HEVCMain with VLD'
	image glibc lies require=h264-decode
	refused 'refuses it (vaCreateContext'
	image glibc good require=hevc-encode-vbr
	refused 'does not offer rate control vbr for HEVCMain'
	image glibc crashes
	refused 'died (Segmentation fault)'
}

@test "a start that fails says what this generation of GPUs can do that the image's driver does not list" {
	# /sys says that the stand-in is an Alder Lake-N.
	mount -t tmpfs none /sys/dev
	mkdir -p /sys/dev/char/10:229/device
	echo 0x8086 >/sys/dev/char/10:229/device/vendor
	echo 0x46d1 >/sys/dev/char/10:229/device/device
	image glibc good require=vp9-decode
	refused 'Alder Lake-N decodes VP9; this driver, Test fixture VA driver, does not list it: the image has another driver'
}

no_probe_left () { ! pgrep -f 'dri-probe.confined' >/dev/null; }

@test "a driver that hangs, forks, floods or eats memory does no harm" {
	local kind text
	while read -r kind text; do
		# dri-hook with a sanitizer in it sets no limit of memory: it needs more for itself.
		[[ $kind != eats ]] || ! is_sanitized || continue
		image glibc "$kind"
		refused "$text"
		no_probe_left
	done <<-END
		forks fork: not permitted
		floods more than 256 KiB of output while initializing the VA driver
		eats of the 512 MiB that it is allowed
	END
	image glibc hangs
	RUNTIME=crun
	refused 'while initializing the VA driver'
	no_probe_left
}

@test "start-without: what fails the probe starts with an empty /dev/dri" {
	image glibc fails on-failure=start-without
	begin
	assert_success
	assert_equal "$(runc exec "$RUNTIME-box" find /dev/dri -name 'render*')" ''
	assert_json "$(leases)" '.[0].ready.level == "vaapi" and (.[0].ready.ok | not)'
}

@test "HuC that is on its way is waited for" {
	local etc=$BATS_FILE_TMPDIR/glibc/etc start=$SECONDS
	echo 'driver=i915 huc=0 video=2' >"$etc/drm-player"
	image glibc good require=hevc-encode-vbr wait=20s
	(sleep 1; echo up >"$etc/huc"; echo 'driver=i915 huc=1 video=2' >"$etc/drm-player") 3>&- &
	starts vaapi 'VA-API works'
	rm "$etc/huc"
	((SECONDS - start >= 1)) || fail 'it did not wait'
	# Who is up, and cannot all the same, is not waited for.
	start=$SECONDS
	image glibc good require=hevc-encode-vbr wait=50s
	refused 'does not offer rate control vbr'
	((SECONDS - start < 40)) || fail 'it waited'
}

@test "variables of the container choose its driver, and reach nobody but the probe" {
	local rootfs=$BATS_FILE_TMPDIR/glibc
	mkdir -p "$rootfs/opt/va"
	cp "$BUILD/tests/va_driver.so" "$rootfs/opt/va/mine_drv_video.so"
	image glibc good
	edit_config "$bundle" '.process.env += ["LIBVA_DRIVER_NAME=mine"]'
	refused 'no VA driver comes up for i915'
	edit_config "$bundle" '.process.env += ["LIBVA_DRIVERS_PATH=/opt/va", "LD_PRELOAD=/opt/evil.so", "LD_AUDIT=/opt/evil.so"]'
	starts vaapi 'VA-API works'
}

@test "musl: the image's own vainfo is asked, in the box, and can write nothing" {
	local rootfs=$BATS_FILE_TMPDIR/musl
	image musl good require=h264-decode,vpp
	each_runtime starts vaapi "By the image's own vainfo: fixture of musl, escaped:, 2 profiles"
	assert_equal "$(cat "$rootfs/tmp/mark")" text
	image musl good require=hevc-decode
	refused 'hevc-decode is not listed'
	image musl fails
	refused 'iHD_drv_video.so init failed'
	image musl empty
	refused 'no profile is listed'
}

@test "an image with nothing: what cannot be verified is said" {
	image bare good
	refused 'dri.ready=driver starts it' 'VA-API is not verified. In the image: the probe cannot run here'
	opt_in "$bundle" ready=driver
	starts node 'simulated'
}

@test "where the image can run neither, this machine's libva is asked, and what that leaves open is said" {
	local here='On this machine VA-API works: Test fixture VA driver' why
	give_libva good
	image mute good require=h264-decode
	why='Not verified in the image: the probe cannot run here: there is no dynamic loader of glibc for it'
	each_runtime starts driver "$here" "$why"
	# The loader of glibc itself says no to the probe, since version GLIBC_2.34 is not found.
	image old good require=h264-decode
	why='Not verified in the image: the probe does not run here (exit status 1): the C library here is older than'
	each_runtime starts driver "$here" "$why"
	image mute good require=vp9-decode
	refused 'VA-API is not verified. In the image: the probe cannot run here' 'On this machine' \
		'vp9-decode: the VA driver does not offer'
	give_libva fails
	image old good
	refused 'In the image: the probe does not run here' 'the fixture does not come up'
}

by_hooks_alone ()
{
	"$RUNTIME" run --detach --bundle "$bundle" "$RUNTIME-box" </dev/null &>/dev/null 3>&-
	assert_json "$(leases)" '.[0].ready | .ok and .level == "vaapi" and (.reason | contains("VA-API works: inside 1000:1001 "))'
	finish
}

@test "an engine with hooks only: the container is asked all the same" {
	echo inside >"$BATS_FILE_TMPDIR/glibc/etc/mark"
	image glibc tells
	edit_config "$bundle" '.hooks.createRuntime = [{ path: ($ENV.BUILD + "/dri-hook"), args: ["dri-hook", "createRuntime"], env: [] }]'
	each_runtime by_hooks_alone
}

# --- the verdict is kept ---

is_leased () { [[ $(leases | jq '.[0].ready.ok') == true ]]; }

# kept_start: how often the probe was executed by it
kept_start ()
{
	local trace=$BATS_TEST_TMPDIR/trace
	timeout 60 strace -f -qq -e trace=execveat -o "$trace" "$BUILD/dri-runtime" --dri-oci-runtime "$RUNTIME" \
		run --detach --bundle "$bundle" "$RUNTIME-box" </dev/null &>/dev/null 3>&- &
	wait_until 30 is_leased
	ready=$(leases | jq -c '.[0].ready')
	finish
	assert_json "$ready" '.ok and .level == "vaapi" and (.reason | contains("VA-API works"))'
	grep -c 'execveat(5' "$trace" || :
}

@test "a second start of the same image costs no probe; another driver, or requirement, does" {
	local driver
	driver=$(find "$BATS_FILE_TMPDIR/glibc" -name iHD_drv_video.so)
	image glibc good
	assert_equal "$(kept_start)" 1
	assert_equal "$(kept_start)" 0
	RUNTIME=crun
	assert_equal "$(kept_start)" 0
	touch "$driver"
	assert_equal "$(kept_start)" 1
	opt_in "$bundle" ready=vaapi wait=0s require=vpp
	assert_equal "$(kept_start)" 1
}

@test "what failed is asked again" {
	image glibc fails
	refused 'does not come up'
	image glibc good
	starts vaapi 'VA-API works'
}
