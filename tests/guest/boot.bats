#!/usr/bin/env bats
# bats file_tags=outside
# boot.bats - the machine starts, its containers too, and the GPU's driver comes late.

load ../lib/common

# guest WORDS...: a command line there, with the suites' helpers
ask () { "$REPO/tests/guest/ask" "$@"; }
guest () { ask run "cd /src/tests/guest && . ../lib/common.bash && . ../lib/docker.bash && . ./guest.bash && $*"; }

setup_file ()
{
	guest 'BATS_FILE_TMPDIR=$(mktemp -d) start_bed'
	guest 'echo "blacklist virtio_gpu" >/etc/modprobe.d/late.conf; echo {\"max-wait\": 3} >$DRI_BROKER_CONFIG'
	guest 'systemctl reload dri-broker'
	guest "create () { docker run --detach --name \$1 --net none --runtime dri --restart always --user 1000:1000
		--label dri.enable=true --label dri.gpu=driver:virtio_gpu --label dri.on-failure=\$1 --label dri.wait=60s app; };
		create defer && create start-without && create fail && docker run --detach --name stranger --net none \
		--restart always app"
	ask reboot
	guest wait_until 60 docker ps >/dev/null
}
teardown_file ()
{
	guest 'docker rm --force defer start-without fail stranger; rm -f /etc/modprobe.d/late.conf $DRI_BROKER_CONFIG; 
		systemctl reload dri-broker; modprobe virtio_gpu'
}

running () { guest "docker ps --format '{{.Names}}' | sort | xargs"; }
states () { guest 'drictl status --json' | jq -c '[.leases[] | [.container.name, .state]] | sort'; }

@test "without the driver Docker is up, within the bound, and starts what can do without" {
	# All three waited, side by side: none for the minute that its label says.
	run guest 'systemctl show --value --property ActiveState docker'
	assert_output active
	run guest "journalctl -b -u docker -o json | jq -s '[.[] | select(.MESSAGE | contains(\"waited 3 s\"))] | length > 0'"
	assert_output true
	run running
	assert_output 'start-without stranger'
	assert_equal "$(states)" '[["start-without","without"]]'
	run guest "docker exec start-without ls /dev/dri"
	assert_output ''
	run guest 'drictl status --json'
	assert_json "$output" '[.queue[] | [.container.name, .state]] == [["defer", "put off"]]'
}

@test "the driver comes: the container that was put off is started, the one without gets its node" {
	guest 'docker inspect --format "{{.State.StartedAt}}" start-without' >"$BATS_TEST_TMPDIR/before"
	guest modprobe virtio_gpu
	running_too () { [[ $(running) == 'defer start-without stranger' ]]; }
	both_are_active () { [[ $(states) == '[["defer","active"],["start-without","active"]]' ]]; }
	wait_until 60 running_too
	wait_until 30 both_are_active
	run guest 'docker exec defer guest-gpu /dev/dri/renderD128'
	assert_success
	assert_says virtio_gpu
	run guest 'docker exec start-without guest-gpu /dev/dri/renderD128'
	assert_success
	assert_says virtio_gpu
	assert_equal "$(guest 'docker inspect --format "{{.State.StartedAt}}" start-without')" "$(<"$BATS_TEST_TMPDIR/before")"
}
