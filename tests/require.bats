#!/usr/bin/env bats
# require.bats - dri.require chooses among GPUs: the broker has dri-probe ask each of
# them with this machine's libva, which is the real one. The GPUs are stand-ins, and
# the kernel's drivers (tests/fixtures/drm_preload.c) and the VA drivers
# (tests/fixtures/va_driver.c) test fixtures, as in probe.bats.

load lib/common

# start_probing_broker GPU...: a broker that has /etc of its own, where each GPU is
# "NAME:VA-DRIVER"; the first is renderD128, an Alder Lake-N, the others DG2
start_probing_broker ()
{
	export SIMULATED_GPUS=$BATS_TEST_TMPDIR/gpus.json etc=$BATS_TEST_TMPDIR/etc
	local preload=drm-${BATS_RUN_TMPDIR##*/}-$BATS_TEST_NUMBER.so gpu i=128
	mkdir -p "$etc/va"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" \
		"${BATS_FILE_TMPDIR%/*}"
	cp /etc/ld.so.cache "$etc"
	cp "$BUILD"/dri-{broker,probe} "$etc"
	cp "$BUILD/tests/drm_preload.so" "$etc/$preload"
	echo "/etc/$preload" >"$etc/ld.so.preload"
	for gpu; do
		set_driver "$((i++))" "${gpu#*:}"
	done
	jq -n --args '{ gpus: [$ARGS.positional[] | split(":")[0]] | to_entries | map(.key as $i | {
		name: .value, pci: "0000:0\($i).00.0" | sub("\\.00"; ":00"), vendor: "0x8086",
		device: (if $i == 0 then "0x46d1" else "0x56a5" end), driver: (if $i == 0 then "i915" else "xe" end),
		render: { name: "renderD\(128 + $i)", device: "10:229", path: "/etc/renderD\(128 + $i)" } }) }' \
		-- "$@" >"$SIMULATED_GPUS"
	start_broker_in "$etc"
}

# start_broker_in DIRECTORY: start_broker, which sees the directory as /etc; the nodes
# are made there, since bats' own folders may be on a file system without devices
start_broker_in ()
{
	cat >"$BATS_TEST_TMPDIR/dri-broker" <<-END
		#!/bin/bash
		exec unshare --mount --propagation private bash -ec '
			mount -t tmpfs -o mode=755 none /mnt
			cp -r "\$1"/. /mnt
			mount --bind "\$1/va" /mnt/va
			mount --bind "\$1/answers" /mnt/answers
			for i in 128 129; do
				mknod -m 666 /mnt/renderD\$i c 10 229
				ln -s answers/\$i /mnt/drm-player.renderD\$i
			done
			mount --move /mnt /etc
			LIBVA_DRIVERS_PATH=/etc/va exec /etc/dri-broker "\${@:2}"' broker "$1" "\$@"
	END
	chmod 755 "$BATS_TEST_TMPDIR/dri-broker"
	local BUILD=$BATS_TEST_TMPDIR
	start_broker
}

# set_driver NUMBER DRIVER: the VA driver of renderD<NUMBER> from now on; libva takes
# the one that is called as the kernel's driver is
set_driver ()
{
	mkdir -p "$etc/answers"
	echo "driver=$2" >"$etc/answers/$1"
	[[ $2 == none ]] || cp "$BUILD/tests/va_driver.so" "$etc/va/${2}_drv_video.so"
}

gpus () { varlink Status | jq -c .gpus; }
probed () { [[ $(gpus | jq '[.[] | select(.ready.reason == null)] | length') == 0 ]]; }

# acquire NAME KEY=VALUE...: the grant, and its lease is let go
acquire ()
{
	# shellcheck disable=SC2016 # of jq
	varlink Acquire "$(jq -nc --arg name "$1" '{ container: { id: $name, name: $name },
		workload: { uid: 1000, gid: 1000 }, detached: true,
		request: ([$ARGS.positional[] | index("=") as $i | { (.[:$i]): .[$i + 1:] }] | add) }' --args \
		enable=true "${@:2}")"
	varlink Release "{\"container\": \"$1\"}" >/dev/null
}

# assert_gets GPU KEY=VALUE...: a newcomer, who had no GPU before
assert_gets ()
{
	run acquire "newcomer-$((++newcomers))" "${@:2}"
	assert_success
	assert_json "${lines[0]}" '.grant.gpus == $gpu' --arg gpu "$1"
}

assert_refused ()
{
	run acquire c "${@:2}"
	assert_failure
	assert_says "$1"
}

# $holders: processes that stand for containers
teardown ()
{
	background+=" ${holders:-}"
	end_test
	finish_broker
}

# --- dri.require ---

@test "each GPU is asked, and dri.require chooses among them" {
	start_probing_broker igpu:few arc:good
	wait_until 20 probed
	assert_json "$(gpus)" 'map(.ready.level) == ["vaapi", "vaapi"] and all(.[]; .ready.driver == "Test fixture VA driver")
		and .[0].ready.profiles == ["vpp", "h264-decode", "h264-encode", "h264-encode-cqp", "h264-encode-vbr"]
		and (.[1].ready.profiles | index("av1-decode", "hevc10-decode"))'
	assert_gets arc require=av1-decode
	assert_gets arc gpu=igpu,arc require=hevc-decode,h264-encode-vbr
	assert_gets igpu require=h264-decode
	assert_gets igpu gpu=igpu
	run varlink Acquire '{"container": {"id": "held"}, "workload": {"uid": 1, "gid": 1}, "detached": true,
		"request": {"enable": "true", "require": "av1-decode"}}'
	run "$BUILD/drictl" explain held
	assert_says 'arc fits "any" and had 0 of 16 slots in use; it lists what dri.require asks for'
	assert_says 'dri.require = av1-decode'
}

@test "a refusal names each GPU and what it does not list, and drictl explain says it too" {
	start_probing_broker igpu:few arc:good
	wait_until 20 probed
	assert_refused 'renderD128 (i915) does not list av1-decode' gpu=igpu require=av1-decode wait=0s
	run "$BUILD/drictl" explain c
	assert_says 'Decided: refused: no GPU can do all that dri.require asks for: renderD128 (i915) does not list av1-decode'
	assert_refused 'renderD128 (i915) does not list hevc-encode-vbr, renderD129 (xe) does not list hevc-encode-vbr' \
		require=hevc-encode-vbr wait=0s
	assert_refused 'hevc-encoder' require=hevc-encoder
	# Nobody waits behind one whom no GPU helps.
	varlink Acquire '{"container": {"id": "w"}, "workload": {"uid": 1, "gid": 1},
		"request": {"enable": "true", "require": "vp9-decode", "wait": "60s"}}' &
	background=$!
	wait_until 10 eval '[[ $(varlink Status | jq ".queue | length") == 1 ]]'
	assert_gets igpu gpu=igpu access=exclusive wait=0s
}

@test "a GPU whose driver does not come up comes after those that are known, and is not refused" {
	start_probing_broker igpu:none arc:few
	wait_until 20 probed
	assert_json "$(gpus)" '.[0].ready | .level == "driver" and .profiles == [] and .driver == null
		and (.reason | startswith("no VA driver comes up for none"))'
	assert_gets arc gpu=igpu,arc require=h264-decode
	assert_gets igpu require=av1-decode
	varlink Acquire '{"container": {"id": "held"}, "workload": {"uid": 1, "gid": 1}, "detached": true,
		"request": {"enable": "true", "require": "av1-decode"}}' >/dev/null
	run "$BUILD/drictl" explain held
	assert_says '; what it can do is not known (drictl probe)'
}

@test "a driver that hangs holds up nobody but those who want to know" {
	start_probing_broker igpu:few arc:hangs
	wait_until 20 eval '[[ $(gpus | jq -r ".[0].ready.level") == vaapi ]]'
	assert_json "$(gpus)" '.[1].ready.reason == null'
	assert_gets igpu gpu=igpu require=h264-decode
	assert_gets arc gpu=arc
	assert_gets arc gpu=arc require=h264-decode wait=0s
	# It is not known afterwards either, and then nobody waits any more.
	assert_gets arc gpu=arc require=h264-decode wait=30s
	assert_json "$(gpus)" '.[1].ready | .level == "driver" and (.reason | contains("initializing the VA driver"))'
	wait_until 20 none_is_asked
}

@test "what comes of a driver that crashes, floods or lies about itself is a sentence" {
	start_probing_broker igpu:crashes arc:floods
	wait_until 20 probed
	assert_json "$(gpus)" '(.[0].ready.reason | contains("the probe died")) and (.[1].ready.reason | contains("KiB of output"))
		and all(.[]; .ready.profiles == [])'
}

prober () { pgrep -P "$BROKER_PID" -x dri-prober; }
none_is_asked () { [[ ! $(pgrep -P "$(prober)") ]]; }

@test "a GPU is asked once for each driver" {
	start_probing_broker igpu:few arc:few
	wait_until 20 probed
	set_driver 128 good
	kill -HUP "$BROKER_PID"
	wait_until 10 asked_for_reload
	assert_json "$(gpus)" '.[0].ready.profiles | index("av1-decode") == null'
	# Another driver has the device now.
	sed -i 's/"driver": "i915"/"driver": "xe"/' "$SIMULATED_GPUS"
	kill -HUP "$BROKER_PID"
	wait_until 20 eval '[[ $(gpus | jq ".[0].ready.profiles | index(\"av1-decode\")") != null ]]'
	assert_json "$(gpus)" '.[0].driver == "xe" and (.[1].ready.profiles | index("av1-decode")) == null'
	assert_gets igpu require=av1-decode
}

@test "a GPU whose firmware is on its way is asked again" {
	start_probing_broker igpu:none
	wait_until 20 probed
	stop_broker
	echo 'driver=i915 huc=0' >"$etc/answers/128"
	start_broker_in "$etc"
	wait_until 20 probed
	assert_json "$(gpus)" '.[0].ready | .level == "driver" and .profiles == []'
	# libva's first choice for i915
	cp "$BUILD/tests/va_driver.so" "$etc/va/iHD_drv_video.so"
	echo 'driver=i915 huc=1' >"$etc/answers/128"
	wait_until 30 eval '[[ $(gpus | jq -r ".[0].ready.level") == vaapi ]]'
	assert_gets igpu require=av1-decode
}

@test "a GPU that did not answer in time, as while a machine boots, is asked again" {
	start_probing_broker igpu:hangs
	wait_until 30 probed
	assert_json "$(gpus)" '.[0].ready | .level == "driver" and .profiles == []'
	set_driver 128 good
	wait_until 60 eval '[[ $(gpus | jq -r ".[0].ready.level") == vaapi ]]'
	assert_gets igpu require=av1-decode
}

# asked_for_reload: the broker has read its fixture after the last signal
asked_for_reload ()
{
	jq '.gpus[1].model |= "seen"' "$SIMULATED_GPUS" >"$SIMULATED_GPUS.new"
	cat "$SIMULATED_GPUS.new" >"$SIMULATED_GPUS"
	kill -HUP "$BROKER_PID"
	[[ $(gpus | jq -r '.[1].model') == seen ]]
}

@test "the prober keeps two capabilities, and the broker none of them" {
	start_probing_broker igpu:few
	wait_until 20 probed
	local pid
	pid=$(prober)
	assert_equal "$(awk '/^Cap(Eff|Prm)/ { print $2 }' "/proc/$pid/status")" $'00000000000000c0\n00000000000000c0'
	assert_equal "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status")" 1
	((0x$(awk '/^CapPrm/ { print $2 }' "/proc/$BROKER_PID/status") & 0xc0)) && fail 'the broker can become another user'
	[[ $(awk '/^Uid/ { print $2 }' "/proc/$pid/status") == 0 ]]
}

@test "without dri-probe nothing is known, and containers start" {
	start_probing_broker igpu:few
	wait_until 20 probed
	rm "$BATS_TEST_TMPDIR/etc/dri-probe"
	stop_broker
	start_broker_in "$etc"
	wait_until 20 probed
	assert_json "$(gpus)" '.[0].ready | .level == null and (.reason | contains("dri-probe cannot be started: No such file"))'
	assert_gets igpu require=av1-decode
}

# --- drictl probe ---

@test "drictl probe asks a GPU anew" {
	start_probing_broker igpu:few arc:none
	wait_until 20 probed
	set_driver 128 good
	run "$BUILD/drictl" probe igpu
	assert_success
	assert_says 'GPU igpu (renderD128, i915), simulated'
	assert_says 'Verified: vaapi'
	assert_says 'Kernel driver: good 1.6.0'
	assert_says 'VA driver: Test fixture VA driver (VA-API 1.'
	[[ $output =~ H264High\ +EncSliceLP\ +"cqp vbr"\ +4096x2304 ]]
	assert_says 'Could do more: Alder Lake-N decodes MPEG-2, VC-1, JPEG, HEVC 12-bit, VP9, VP9 10-bit and AV1 10-bit and encodes'
	assert_gets igpu require=av1-decode
	run "$BUILD/drictl" probe --json renderD128
	assert_json "$output" '.gpus | length == 1 and .[0].name == "igpu" and .[0].report.ok
		and (.[0].report.vaapi.profiles | length) == 8 and (.[0].ready.expectation | startswith("Alder Lake-N decodes"))'
	run "$BUILD/drictl" probe 8086:56a5
	assert_failure 1
	assert_says 'Verdict: no VA driver comes up for none'
	run "$BUILD/drictl" probe --json
	assert_failure 1
	assert_json "$output" '[.gpus[] | .name] == ["igpu", "arc"]'
	run "$BUILD/drictl" probe nothing
	assert_failure 1
	assert_says 'nothing'
	run "$BUILD/drictl" probe igpu arc
	assert_failure 2
	run "$BUILD/drictl" probe driver:amdgpu
	assert_failure 1
	assert_says 'there is no such GPU'
}

# --- verdicts of the readiness gate are kept ---

# start_container NAME [KEY]: acquires, activates with a process of its own, and prints
# the reply of Activate; $lease is the lease
start_container ()
{
	sleep 1000 3>&- &
	holders+=" $!"
	lease=$(varlink Acquire "{\"container\": {\"id\": \"$1\"}, \"workload\": {\"uid\": 1, \"gid\": 1},
		\"detached\": true, \"request\": {\"enable\": \"true\", \"gpu\": \"igpu\"${3:+, $3}}}" | jq -r .grant.lease)
	activated=$(varlink Activate "{\"lease\": \"$lease\", \"pid\": $!${2:+, \"key\": \"$2\"}}")
}

verdict='{"level": "vaapi", "ok": true, "reason": "VA-API works"}'

@test "a final verdict saves the next start its probe, also after a restart of the broker" {
	holders=
	start_broker
	start_container first image-1
	assert_equal "$activated" '{}'
	varlink Report "{\"lease\": \"$lease\", \"ready\": $verdict, \"key\": \"image-1\"}"
	start_container second image-1
	assert_json "$activated" '.readiness == $verdict' --argjson verdict "$verdict"
	assert_json "$(leases)" 'map(.ready) == [$verdict, $verdict]' --argjson verdict "$verdict"
	start_container other image-2
	assert_equal "$activated" '{}'
	start_container plain
	assert_equal "$activated" '{}'
	stop_broker KILL
	start_broker
	start_container third image-1
	assert_json "$activated" '.readiness == $verdict' --argjson verdict "$verdict"
	# It is forgotten where somebody wants to know it anew.
	varlink Probe '{"container": "third"}' | jq -e '.gpus[0].name == "igpu"'
	start_container fourth image-1
	assert_equal "$activated" '{}'
}

@test "a kept verdict is of one GPU and driver, and a bad one keeps its consequence" {
	holders=
	export SIMULATED_GPUS=$BATS_TEST_TMPDIR/gpus.json
	cp "$REPO/tests/fixtures/simulated-gpus.json" "$SIMULATED_GPUS"
	start_broker
	start_container first image-1
	varlink Report "{\"lease\": \"$lease\", \"ready\": {\"level\": \"vaapi\", \"ok\": false, \"reason\": \"no iHD\"}, \"key\": \"image-1\"}"
	start_container second image-1 '"on-failure": "start-without"'
	assert_json "$activated" '.readiness | .ok == false and .reason == "no iHD"'
	assert_json "$(leases)" '.[] | select(.container.id == "second") | .state == "without" and .gpu == null'
	sed -i 's/"driver": "i915"/"driver": "xe"/' "$SIMULATED_GPUS"
	kill -HUP "$BROKER_PID"
	wait_until 10 eval '[[ $(gpus | jq -r ".[0].driver") == xe ]]'
	start_container third image-1
	assert_equal "$activated" '{}'
}

@test "a key that is none is an invalid parameter" {
	holders=
	start_broker
	start_container first
	for key in '""' '"a b"' 1 "\"$(printf 'x%.0s' {1..129})\""; do
		run varlink Report "{\"lease\": \"$lease\", \"ready\": $verdict, \"key\": $key}"
		assert_failure
		assert_says 'InvalidParameter {"parameter": "key"}'
		run varlink Activate "{\"lease\": \"$lease\", \"pid\": $holders, \"key\": $key}"
		assert_says 'InvalidParameter {"parameter": "key"}'
	done
}

# --- drictl probe CONTAINER ---

# run_va_container NAME KEY=VALUE...: an image with libva and the fixture's "good" driver
# for the stand-in of the simulated GPU; the request's keys without "dri."
run_va_container ()
{
	local rootfs=$BATS_TEST_TMPDIR/rootfs preload=drm-${BATS_RUN_TMPDIR##*/}-$BATS_TEST_NUMBER.so
	make_rootfs "$rootfs"
	cp -r "$BUILD/tests/va-image/." "$rootfs"
	cp "$BUILD/tests/va_driver.so" "$(echo "$rootfs"/usr/lib/*/dri)/good_drv_video.so"
	cp "$BUILD/tests/drm_preload.so" "$rootfs/etc/$preload"
	echo "/etc/$preload" >"$rootfs/etc/ld.so.preload"
	echo driver=good >"$rootfs/etc/drm-player"
	quick_bundle "$1" sleep 600
	# shellcheck disable=SC2154 # of quick_bundle
	edit_config "$bundle" '.root.path = $path | .process.user = { uid: 1000, gid: 1000 }' --arg path "$rootfs"
	opt_in "$bundle" "${@:2}"
	dri_runtime run -d --bundle "$bundle" "$1" </dev/null &>"$BATS_TEST_TMPDIR/out" || fail "$(<"$BATS_TEST_TMPDIR/out")"
}

# probe_there ARGUMENT...: drictl probe, where /sys says that the stand-in is an Alder Lake-N
probe_there ()
{
	# shellcheck disable=SC2016
	run unshare --mount --propagation private bash -ec '
		mount -t tmpfs none /sys/dev
		mkdir -p /sys/dev/char/10:229/device
		echo 0x8086 >/sys/dev/char/10:229/device/vendor
		echo 0x46d1 >/sys/dev/char/10:229/device/device
		exec "$BUILD/drictl" probe "$@"' probe "$@"
}

@test "drictl probe asks a container as its workload, with its own driver" {
	start_broker
	run_va_container web ready=node require=h264-decode,hevc10-decode
	assert_json "$(leases)" '.[0].ready.level == "node"'
	probe_there web
	assert_success
	assert_says 'Container web, GPU igpu (simulated)'
	assert_says 'Verified: vaapi'
	assert_says 'VA driver: Test fixture VA driver'
	assert_says 'Could do more: Alder Lake-N decodes MPEG-2'
	assert_says 'does not list that: the image has another driver'
	[[ $output =~ HEVCMain10\ +VLD\ +-\ +8192x8191 ]]
	# The verdict of the lease is this one now.
	assert_json "$(leases)" '.[0].ready | .level == "vaapi" and .ok'
	probe_there --json web
	assert_json "$output" '.container.name == null and .container.id == "web" and .ready.ok and .report.vaapi.vendor == "Test fixture VA driver"
		and (.expectation | startswith("Alder Lake-N"))'
}

@test "drictl probe of a container that cannot: why, and what its GPU could; its GPU stays" {
	start_broker
	run_va_container web ready=node require=vp9-decode on-failure=start-without
	probe_there web
	assert_failure 1
	assert_says 'Fails at: vaapi'
	assert_says 'vp9-decode: the VA driver does not offer VP9Profile0 with VLD'
	assert_says 'Alder Lake-N decodes VP9; this driver, Test fixture VA driver, does not list it: the image has another driver'
	assert_json "$(leases)" '.[0] | .state == "active" and .gpu == "igpu" and .ready.level == "node"'
	dri_runtime delete -f web
	run "$BUILD/drictl" probe web
	assert_failure 1
	assert_says web
}
