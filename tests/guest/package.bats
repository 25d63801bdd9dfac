#!/usr/bin/env bats
# package.bats - dri-broker from its .deb, on a machine that has never seen it.

load ../lib/common
load ../lib/docker
load guest

units=(dri-broker.socket dri-broker.service 'run-dri\x2dbroker-leases.mount')

setup_file ()
{
	export DEBIAN_FRONTEND=noninteractive
	dpkg -s dri-broker &>/dev/null || return 0
	drictl uninstall docker && restart_docker && apt-get -qq purge --yes dri-broker
}

installed () { [[ $(dpkg-query -Wf '${db:Status-Status}' dri-broker 2>/dev/null) == installed ]]; }

@test "apt installs it, and the broker runs" {
	run installed
	assert_failure
	run apt-get -qq install --yes "$BUILD/dri-broker.deb"
	assert_success
	run systemctl is-active "${units[@]}"
	assert_output $'active\nactive\nactive'
	run systemctl is-enabled dri-broker.socket dri-broker.service
	assert_output $'enabled\nenabled'
	assert_equal "$(systemctl --failed --legend=false)" ''
	assert_equal "$(stat -c '%U:%G %a' /run/dri-broker/broker.sock)" 'root:dri-broker 660'
	# Nodes can be opened there, and nobody but root gets in.
	run findmnt -no FSTYPE,OPTIONS /run/dri-broker/leases
	assert_says tmpfs
	[[ $output != *nodev* ]]
}

@test "drictl devices shows three GPUs, and status no lease" {
	local gpus
	gpus=$(drictl devices --json)
	assert_json "$gpus" 'length == 3 and all(.[]; .state == "present" and .simulated == false)'
	assert_json "$gpus" 'map(select(.driver == "virtio_gpu") | {pci, render, vendor, device}) == [
		{pci: $ENV.GPU1, render: $one, vendor: "0x1af4", device: "0x1050"},
		{pci: $ENV.GPU2, render: $two, vendor: "0x1af4", device: "0x1050"}]' \
		--arg one "$(node_of $GPU1)" --arg two "$(node_of $GPU2)"
	assert_json "$gpus" 'map(select(.driver == "vgem") | {pci, render, vendor, device}) == [
		{pci: null, render: $node, vendor: null, device: null}]' --arg node "$(vgem_node)"
	run drictl devices
	assert_success
	assert_says $GPU1
	assert_says 'virtio_gpu'
	assert_says 'vgem'
	run drictl status
	assert_success
	assert_says 'No lease.'
}

@test "drictl install docker: after Docker's restart it has the runtime, and keeps what it was told before" {
	run drictl install docker
	assert_success
	restart_docker
	knows_runtime
	assert_json "$(</etc/docker/daemon.json)" '.bridge == "none" and .runtimes.dri.path == "/usr/bin/dri-runtime"'
	docker image inspect app &>/dev/null || make_app_image
	leased --user 1000:1000 app guest-gpu /dev/dri/renderD128
	assert_success
	assert_nothing_leased
}

@test "the broker restarts, and knows its leases" {
	start sleeper --user 1000:1000 app
	systemctl restart dri-broker.service
	assert_equal "$(lease_list)" '["sleeper"]'
	in_container sleeper guest-gpu /dev/dri/renderD128
	assert_success
	leave_nothing
}

@test "a purge leaves nothing behind" {
	run drictl uninstall docker
	assert_success
	restart_docker
	run knows_runtime
	assert_failure
	run apt-get -qq purge --yes dri-broker
	assert_success
	run systemctl is-active "${units[@]}"
	assert_output $'inactive\ninactive\ninactive'
	[[ ! -e /run/dri-broker && ! -e /etc/dri-broker && ! -e /usr/bin/dri-broker ]]
	assert_json "$(</etc/docker/daemon.json)" 'keys == ["bridge", "ip6tables", "iptables"]'
	docker run --rm --net none app true
}
