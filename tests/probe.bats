#!/usr/bin/env bats
# probe.bats - dri-probe and its box. There is no GPU here: a test fixture makes a
# render node out of a stand-in device and plays the kernel's drivers
# (tests/fixtures/drm_preload.c), another is a VA driver in many moods
# (tests/fixtures/va_driver.c). libva is the real one, and so are the drivers of
# Debian in the last tests.

load lib/common

# probe_on ANSWERS DRIVER [OPTION]...: a probe where /etc is the test's own, of the
# stand-in that answers so (drm_player.h), with that kind of VA driver; "" as DRIVER
# leaves the choice to libva, "real:NAME" takes Debian's; $probe_as before the program
probe_on ()
{
	# shellcheck disable=SC2016 # of the inner shell
	unshare --mount --propagation private bash -ec '
		build=$1 preload=/etc/$2 answers=$3 driver=$4
		shift 4
		exec 3</etc/ld.so.cache
		mount -t tmpfs -o mode=755 none /etc
		cat <&3 >/etc/ld.so.cache
		exec 3<&-
		mkdir /etc/va
		cp "$build/dri-probe" /etc
		cp "$build/tests/drm_preload.so" "$preload"
		mknod -m 666 /etc/renderD128 c 10 229
		echo "$answers" >/etc/drm-player
		echo "$preload" >/etc/ld.so.preload
		case $driver in
		real:*) export LIBVA_DRIVER_NAME=${driver#real:} ;;
		?*) cp "$build/tests/va_driver.so" "/etc/va/${driver}_drv_video.so"
			export LIBVA_DRIVER_NAME=$driver LIBVA_DRIVERS_PATH=/etc/va ;;
		esac
		exec $probe_as /etc/dri-probe --device /etc/renderD128 "$@"' probe_on "$BUILD" "$(fixture_name)" "$@" 3>&-
}

# assert_verdict REASON VERIFIED: of the probe that was run
assert_verdict ()
{
	assert_json "$output" '.reason == $reason and .verified == (if $verified == "" then null else $verified end)
		and .ok == ($reason == "ok")' --arg reason "$1" --arg verified "$2"
	assert_equal "$status" $(($(jq .ok <<<"$output" | grep -c false)))
}

assert_message () { assert_json "$output" '.message | contains($text)' --arg text "$1"; }

# probes: the processes of this test's probes, by what they have mapped
probes () { grep -ls "/$(fixture_name)" /proc/[0-9]*/maps | cut -d / -f 3; }
fixture_name () { echo "drm-${BATS_RUN_TMPDIR##*/}-$BATS_TEST_NUMBER.so"; }

no_probe_left () { [[ ! $(probes) ]]; }
# asking: the one that was started, and not the child in its box; one_asks: both are there
asking () { probes | while read -r p; do ! grep -qzx -- --device "/proc/$p/cmdline" || echo "$p"; done; }
one_asks () { (($(probes | wc -l) == 2 && $(asking | wc -l) == 1)); }

i915='driver=i915'

# --- levels ---

@test "a node that cannot be opened is told by its errno" {
	local node=$BATS_TEST_TMPDIR/renderD128
	run "$BUILD/dri-probe" --device "$node"
	assert_verdict no-node ''
	mknod "$node" c 226 128
	run "$BUILD/dri-probe" --device "$node" --level node
	assert_verdict no-driver ''
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "${BATS_FILE_TMPDIR%/*}"
	cp "$BUILD/dri-probe" "$BATS_TEST_TMPDIR"
	chmod 600 "$node"
	run setpriv --reuid 1000 --regid 1000 --clear-groups "$BATS_TEST_TMPDIR/dri-probe" --device "$node"
	assert_verdict not-permitted ''
}

@test "what is no GPU's node is told" {
	run "$BUILD/dri-probe" --device /dev/null
	assert_verdict not-drm ''
	run "$BUILD/dri-probe" --device /etc/hostname
	assert_verdict not-drm ''
	run probe_on "$i915 version-error=25" good
	assert_verdict not-drm node
}

@test "level node opens, level driver asks the kernel, and neither needs libva" {
	run probe_on "$i915 huc=-65" good --level node
	assert_verdict ok node
	assert_json "$output" '[.steps[].step] == ["open", "start"] and has("drm") == false'
	run probe_on "$i915 huc=-65" good --level driver
	assert_verdict ok driver
	assert_json "$output" '.drm == { driver: "i915", version: "1.6.0" } and has("vaapi") == false
		and (.facts.engines | map({ (.class): .count }) | add) == { render: 1, copy: 1, video: 2 }
		and .facts.firmware == [{ name: "huc", status: "missing" }]
		and (.facts.notes[0] | startswith("i915 reports ENOPKG: the HuC firmware file is missing; install "))'
	run probe_on "$i915 version-error=5" good --level driver
	assert_verdict driver-silent node
}

@test "the drivers of other makers, and those that we know nothing of, are asked too" {
	run probe_on 'driver=xe huc=-19 video=1' good --level driver
	assert_verdict ok driver
	assert_json "$output" '.facts.firmware[1] == { name: "huc", status: "not-running" }'
	run probe_on 'driver=amdgpu video=0' good --level driver
	assert_json "$output" '.facts.engines == [] and (.facts.notes[0] | contains("no video engine"))'
	run probe_on 'driver=virtio_gpu' good --level driver
	assert_json "$output" '.drm.driver == "virtio_gpu" and .facts == { notes: [] }'
}

@test "every step has its time" {
	run probe_on "$i915" good --require vpp
	assert_json "$output" '[.steps[].step] == ["open", "start", "drm-version", "driver-facts", "libva-load",
		"va-initialize", "va-profiles", "vpp", "va-terminate"] and all(.steps[]; .ms >= 0)'
}

# --- VA-API ---

@test "a good driver: what it lists, with rate control and sizes" {
	run probe_on "$i915" good
	assert_verdict ok vaapi
	assert_json "$output" '.vaapi.vendor == "Test fixture VA driver" and (.vaapi.version | test("^1\\.[0-9]+$"))
		and (.vaapi.profiles | length) == 8
		and any(.vaapi.profiles[]; . == { profile: "H264High", entrypoint: "EncSliceLP", depths: [8], rates: ["cqp", "vbr"],
			max: [4096, 2304] })
		and any(.vaapi.profiles[]; . == { profile: "HEVCMain10", entrypoint: "VLD", depths: [10], max: [8192, 8191] })'
}

@test "each capability asked for is tried, and what was made is destroyed" {
	run probe_on "$i915" good --require 'h264-decode, hevc10-decode,av1-decode,vpp,h264-encode-vbr,hevc-encode,hevc10-encode-cqp'
	assert_verdict ok vaapi
	assert_json "$output" '(.require | length) == 7 and all(.require[]; .ok)
		and .require[4].message == "H264High with EncSliceLP"'
}

@test "what is missing is named, with what the kernel's driver says about it" {
	run probe_on "$i915 huc=-65" good --require h264-decode,hevc-encode-vbr,av1-encode
	assert_verdict missing-rate-control driver
	assert_message 'hevc-encode-vbr: the VA driver does not offer rate control vbr for HEVCMain with EncSliceLP'
	assert_message 'i915 reports ENOPKG: the HuC firmware file is missing'
	assert_json "$output" '[.require[].reason] == ["ok", "missing-rate-control", "missing-profile"]'
	run probe_on "$i915" few --require hevc-decode
	assert_verdict missing-profile driver
	assert_message 'hevc-decode: the VA driver does not offer HEVCMain with VLD'
	run probe_on "$i915" good --require av1-10-decode
	assert_verdict missing-profile driver
	run probe_on "$i915" empty
	assert_verdict no-profiles driver
}

@test "a driver that lists what it then refuses is found out" {
	run probe_on "$i915" lies
	assert_verdict ok vaapi
	run probe_on "$i915" lies --require h264-decode,vpp
	assert_verdict refused driver
	assert_message 'vaCreateContext: resource allocation failed'
	assert_json "$output" '[.require[].ok] == [false, false]'
}

@test "a driver that does not come up, or is not there, is named" {
	run probe_on "$i915" fails
	assert_verdict init-failed driver
	assert_message 'the fixture does not come up'
	run probe_on 'driver=amdgpu' real:nonesuch
	assert_verdict init-failed driver
	assert_message mesa-va-drivers
}

@test "without libva that is the verdict, and the driver's level holds" {
	# shellcheck disable=SC2016 # of the inner shell
	run unshare --mount --propagation private bash -ec '
		lib=$(realpath "$(ldconfig -p | sed -n "s/.*libva.so.2 .*x86-64.*=> //p" | head -n 1)")
		mount --bind /dev/null "$lib"
		'"$(declare -f probe_on fixture_name)"'
		BUILD=$1 probe_on driver=i915 ""' inner "$BUILD"
	assert_verdict no-libva driver
	assert_message 'dri.ready=driver'
}

# --- the box ---

@test "a driver that hangs is killed at the deadline, and the step is named" {
	run probe_on "$i915" hangs --timeout 2
	assert_verdict hung driver
	assert_message 'no answer in 2 s while initializing the VA driver'
	run probe_on "$i915" hangs-at-the-end --timeout 2
	assert_verdict hung driver
	assert_message 'while ending the VA driver'
	run probe_on "$i915" closes --timeout 2
	assert_verdict hung driver
	no_probe_left
}

@test "a driver that crashes or ends the process is told" {
	run probe_on "$i915" crashes
	assert_verdict crashed driver
	assert_message 'Segmentation fault'
	run probe_on "$i915" crashes-in-context --require h264-decode
	assert_verdict crashed driver
	assert_message 'Aborted'
	run probe_on "$i915" exits
	assert_verdict exited driver
	assert_message 'exit status 3'
}

@test "a driver that forks is told that it may not, and nothing stays behind" {
	run probe_on "$i915" forks
	assert_verdict init-failed driver
	assert_message 'fork: not permitted'
	no_probe_left
}

@test "a driver that floods its output is stopped" {
	run probe_on "$i915" floods
	assert_verdict flooded driver
	no_probe_left
}

@test "a driver that exhausts memory dies of it, alone" {
	run probe_on "$i915" eats --timeout 60
	assert_verdict memory driver
	assert_message '512 MiB'
}

@test "output that is no report is no verdict" {
	run probe_on "$i915" scribbles
	assert_verdict garbled driver
	run probe_on "$i915" boasts --timeout 2
	assert_verdict hung driver
}

@test "nothing works in the box that must not" {
	rm -rf /tmp/dri-probe-escaped
	run probe_on "$i915" escapes
	assert_verdict ok vaapi
	assert_json "$output" '.vaapi.vendor == "escaped:"'
	[[ ! -e /tmp/dri-probe-escaped ]]
}

@test "in the box: threads, two variables of the caller, five descriptors, no capability" {
	local box='MESA_SHADER_CACHE_DISABLE LIBVA_DRIVER_NAME LIBVA_DRIVERS_PATH fds 0 1 2 3 4'
	local bare='CapPrm0000000000000000 CapEff0000000000000000 CapAmb0000000000000000 NoNewPrivs1 Seccomp2'
	export LD_BIND_NOW=1 SECRET=1
	run probe_on "$i915" looks 7</dev/null
	assert_verdict ok vaapi
	assert_equal "$(jq -r .vaapi.vendor <<<"$output")" "thread 1 variables $box Uid65534 $bare"
	export probe_as='setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps +net_raw --ambient-caps +net_raw'
	run probe_on "$i915" looks 7</dev/null
	assert_equal "$(jq -r .vaapi.vendor <<<"$output")" "thread 1 variables $box Uid1000 $bare"
}

@test "the box does not outlive who asked" {
	probe_on "$i915" hangs --timeout 60 >/dev/null &
	wait_until 30 one_asks
	kill -KILL "$(asking)"
	wait_until 30 no_probe_left
}

# --- real drivers, on a node that is none of theirs ---

@test "Intel's drivers of Debian come to a clean end" {
	local driver
	for driver in iHD i965; do
		run probe_on "$i915" "real:$driver"
		assert_verdict init-failed driver
		assert_message "${driver}_drv_video.so init failed"
	done
	run probe_on "$i915" ''
	assert_verdict init-failed driver
	assert_message 'iHD_drv_video.so init failed'
}

@test "Mesa's drivers of Debian come to a clean end" {
	local driver
	for driver in radeonsi:amdgpu r600:radeon nouveau:nouveau virtio_gpu:virtio_gpu; do
		run probe_on "driver=${driver#*:}" "real:${driver%:*}"
		assert_verdict init-failed driver
		assert_message "${driver%:*}_drv_video.so init failed"
	done
	run probe_on driver=amdgpu ''
	assert_verdict init-failed driver
	assert_message 'radeonsi_drv_video.so init failed'
}

# --- the command ---

@test "wrong usage is status 2, with what would be right" {
	local arguments
	for arguments in '' '--device' '--device x --level gpu' '--device x --timeout 0' '--device x --timeout 61' \
		'--device x --timeout 1s' '--device x y' '--what' '--device x --require h265-decode' \
		'--device x --level driver --require vpp' 'confined'; do
		# shellcheck disable=SC2086 # words
		run "$BUILD/dri-probe" $arguments
		assert_failure 2
	done
	run "$BUILD/dri-probe" --device x --require h265-decode
	assert_says '"h265-decode" is no capability'
	assert_says hevc10
}

# Containers bring the C library of Debian 12 or Ubuntu 22.04, whatever it was built on.
@test "the program needs glibc 2.34 at most, and no other library" {
	run bash -c "objdump -T '$BUILD/dri-probe' | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -n 1"
	[[ $(printf '%s\n' "$output" GLIBC_2.34 | sort -V | tail -n 1) == GLIBC_2.34 ]] || fail "needs $output"
	run bash -c "objdump -p '$BUILD/dri-probe' | grep NEEDED | grep -v 'libc\.so\.6'"
	assert_output ''
}
