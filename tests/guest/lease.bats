#!/usr/bin/env bats
# lease.bats - containers and real render nodes, with drivers that answer.

load ../lib/common
load ../lib/docker
load guest

setup_file () { start_bed; }
teardown ()
{
	leave_nothing
	[[ ! -e $DRI_BROKER_CONFIG ]] || { rm "$DRI_BROKER_CONFIG"; systemctl reload dri-broker; }
}

# ask_for SELECTOR COMMAND...
ask_for () { leased --user 1000:1000 --label "dri.gpu=$1" app "${@:2}"; }

# granted SELECTOR: which GPU is it that the container was given? Its driver and PCI address.
granted ()
{
	ask_for "$1" guest-gpu /dev/dri/renderD128
	assert_success
	jq -r '.driver + " " + .pci' <<<"$output"
}

@test "compose and labels: user 1000 opens the GPU of his lease, and its driver answers" {
	compose_file "
  media: {image: app, runtime: dri, network_mode: none, user: '1000:1000', labels: {dri.enable: 'true', dri.gpu: 'pci:$GPU2'}}
  plain: {image: app, runtime: dri, network_mode: none}"
	run docker compose up --detach
	assert_success

	run docker compose exec -T media guest-gpu "/dev/dri/$(node_of $GPU2)"
	assert_success
	assert_json "$output" '.driver == "virtio_gpu" and .uid == 1000 and .pci == $ENV.GPU2'
	run docker compose exec -T plain ls /dev/dri
	assert_failure
	assert_equal "$(lease_list '[.container.service, .container.project, .state]')" '[["media","media","active"]]'
	assert_json "$(drictl status --json)" '.leases[0].ready.ok'

	run docker compose down --timeout 0
	assert_success
	assert_nothing_leased
}

@test "another GPU stays shut, also for root with a node of its own making" {
	local own other
	own=$(stat -c '%Hr %Lr' "/dev/dri/$(node_of $GPU1)")
	other=$(stat -c '%Hr %Lr' "/dev/dri/$(node_of $GPU2)")
	start mine --label "dri.gpu=pci:$GPU1" app
	in_container mine ls "/dev/dri/$(node_of $GPU2)"
	assert_failure
	# That a node made there can be opened at all shows what the other one is refused by.
	in_container mine sh -c "mknod /tmp/own c $own && guest-gpu /tmp/own"
	assert_success
	in_container mine sh -c "mknod /tmp/other c $other && guest-gpu /tmp/other"
	assert_failure
	assert_says 'Operation not permitted'
	docker run --rm --net none --runtime dri app sh -c "mknod /tmp/own c $own; ! guest-gpu /tmp/own"
}

@test "dri.gpu finds a GPU by address, driver, vendor, numbers, node and configured name" {
	assert_equal "$(granted "pci:$GPU2")" "virtio_gpu $GPU2"
	assert_equal "$(granted driver:vgem)" 'vgem '
	assert_equal "$(granted vendor:1af4)" "virtio_gpu $GPU1"
	assert_equal "$(granted "1af4:1050")" "virtio_gpu $GPU1"
	assert_equal "$(granted "$(node_of $GPU2)")" "virtio_gpu $GPU2"
	configure "{\"gpus\": [{\"match\": \"pci:$GPU2\", \"name\": \"second\"}]}"
	assert_equal "$(granted second)" "virtio_gpu $GPU2"

	ask_for driver:i915 --label dri.wait=0s true
	assert_failure
	assert_says 'driver:i915'
}

@test "of several that fit, the least loaded is taken" {
	local i
	for i in 1 2; do start "fits$i" --label dri.gpu=vendor:1af4 app; done
	assert_equal "$(lease_list .gpu | jq length)" 2
	assert_equal "$(lease_list .gpu | jq 'unique | length')" 2
	start any app
	assert_equal "$(lease_list .gpu | jq 'unique | length')" 3
}

@test "a GPU that is not renderD128 is found there too, and libdrm knows it by both names" {
	local gpu=$GPU2 node
	node=$(node_of $gpu)
	[[ $node != renderD128 ]] || gpu=$GPU1 node=$(node_of $GPU1)
	ask_for "pci:$gpu" sh -c "ls /dev/dri; guest-gpu /dev/dri/$node; guest-gpu /dev/dri/renderD128"
	assert_success
	assert_says renderD128
	assert_equal "$(grep -c "\"pci\":\"$gpu\"" <<<"$output")" 2
}

@test "vainfo finds the GPU at the first name that it tries" {
	leased --user 1000:1000 --label "dri.gpu=pci:$GPU2" --label dri.ready=driver --volume /usr:/usr:ro \
		app /usr/bin/vainfo --display drm
	# Without 3D the driver cannot initialise; but it is this GPU's, and was loaded.
	assert_failure
	assert_says 'virtio_gpu_drv_video.so'
}

@test "dri.nodes=render,card: the card of the same GPU comes along, and drm_info finds it" {
	local card
	card=/dev/dri/$(basename "$(readlink "/dev/dri/by-path/pci-$GPU2-card")")
	leased --user 1000:1000 --label "dri.gpu=pci:$GPU2" --label dri.ready=driver --label dri.nodes=render,card \
		--volume /usr:/usr:ro app /usr/bin/drm_info -j
	assert_success
	assert_json "$output" 'keys == [$card] and .[$card].driver.name == "virtio_gpu"' --arg card "$card"
}
