#!/usr/bin/env bats
# require.bats - the installed broker, in the box of its service, has real GPUs asked what
# they can do: by Mesa's VA driver, which does not come up without 3D, and by a test
# fixture under the name that libva picks for a virtio GPU (tests/fixtures/va_driver.c).

load ../lib/common
load ../lib/docker
load guest

DROPIN=/run/systemd/system/dri-broker.service.d/va.conf
# Not below /run, where nothing may be executed.
DRIVERS=/var/lib/dri-va-fixture

setup_file () { start_bed; }
teardown () { leave_nothing; }
teardown_file ()
{
	rm -rf "$DROPIN" "$DRIVERS"
	systemctl daemon-reload
	systemctl restart dri-broker
}

gpus () { drictl devices --json; }
probed () { [[ $(gpus | jq 'length > 0 and all(.[]; .ready.reason != null)') == true ]]; }
# ready PCI-ADDRESS: the level
ready () { gpus | jq -r --arg pci "$1" '.[] | select(.pci == $pci) | .ready.level'; }

# use_drivers: libva looks for the fixture from now on, whether it is there or not
use_drivers ()
{
	mkdir -p "${DROPIN%/*}" "$DRIVERS"
	printf '[Service]\nEnvironment=LIBVA_DRIVERS_PATH=%s\n' "$DRIVERS" >"$DROPIN"
	systemctl daemon-reload
	systemctl restart dri-broker
	wait_until 60 probed
}
add_driver () { mkdir -p "$DRIVERS"; install -m 644 "$BUILD/va_driver.so" "$DRIVERS/virtio_gpu_drv_video.so"; }

@test "Mesa's driver does not come up on a GPU without 3D: that is known, and nobody is refused for it" {
	wait_until 60 probed
	assert_equal "$(ready $GPU1) $(ready $GPU2)" 'driver driver'
	run drictl probe "pci:$GPU1" --json
	assert_failure 1
	assert_json "$output" '.gpus[0].report | .reason == "init-failed" and .verified == "driver" and .drm.driver == "virtio_gpu"'
	leased --label dri.require=h264-decode --label "dri.gpu=pci:$GPU1" app guest-gpu /dev/dri/renderD128
	assert_success
	[[ ! $(journalctl -b -u dri-broker -p warning --output cat) ]]
}

@test "a driver that comes up: dri.require takes the GPU that lists it, and a refusal names what is missing" {
	add_driver
	use_drivers
	assert_equal "$(ready $GPU1) $(ready $GPU2)" 'vaapi vaapi'
	leased --label dri.require=av1-decode --label "dri.gpu=$(vgem_node),pci:$GPU2" app guest-gpu /dev/dri/renderD128
	assert_success
	assert_json "$output" '.pci == $ENV.GPU2'
	leased --label dri.require=vp9-decode --label "dri.gpu=pci:$GPU1" --label dri.wait=0s app true
	assert_failure
	assert_says "$(node_of $GPU1) (virtio_gpu) does not list vp9-decode"
	run drictl probe "pci:$GPU1"
	assert_success
	assert_says 'VA driver: Test fixture VA driver'
	assert_says 'EncSliceLP'
}

# asked_anew: the GPU that is plugged in again is asked, and answers. By emulation a probe may take longer than it is
# given; that is the machine's, and told.
asked_anew ()
{
	unplug $GPU2
	plug
	wait_until 60 eval "[[ \$(ready $GPU2) == vaapi ]]" && return
	{ gpus; drictl probe "pci:$GPU2"; journalctl -b --output short-monotonic --lines 40; } 2>&1 | sed 's/^/# /' >&3
	return 1
}

@test "a GPU is asked again when a driver takes it anew, and others are not" {
	local render
	use_drivers
	rm -f "$DRIVERS"/*
	systemctl restart dri-broker
	wait_until 60 probed
	assert_equal "$(ready $GPU1) $(ready $GPU2)" 'driver driver'
	add_driver
	# A node that a person made stays when the device goes, and serves the next.
	render=/dev/dri/$(node_of $GPU2)
	cp --archive "$render" "$render.made"
	mv "$render.made" "$render"
	asked_anew || asked_anew || asked_anew
	assert_equal "$(ready $GPU1)" driver
	unplug $GPU2
	rm "$render"
	plug
	udevadm settle --timeout 30 # the next suite finds its nodes and links
}
