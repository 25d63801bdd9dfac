#!/usr/bin/env bats
# restart.bats - systemd, the broker and Docker start anew around running containers.

load ../lib/common
load ../lib/docker
load guest

setup_file () { start_bed; }
teardown ()
{
	leave_nothing
	restart_docker '{}'
}

opens () { docker exec "$1" guest-gpu /dev/dri/renderD128 2>/dev/null | jq -r .pci; }
leases_now () { drictl status --json | jq -c '[.leases[] | [.container.name, .state, .gpu, .pid]]'; }
broker_pid () { systemctl show --value --property MainPID dri-broker; }
is_another_broker () { [[ $(broker_pid) != 0 && $(broker_pid) != "$1" ]] && drictl status &>/dev/null; }
# restart_docker JSON: with this beside what its configuration says
restart_docker ()
{
	[[ -e $BATS_FILE_TMPDIR/daemon.json ]] || cp /etc/docker/daemon.json "$BATS_FILE_TMPDIR/daemon.json"
	jq --argjson more "$1" '. + $more' "$BATS_FILE_TMPDIR/daemon.json" >"$BATS_FILE_TMPDIR/new"
	! cmp -s "$BATS_FILE_TMPDIR/new" /etc/docker/daemon.json || [[ $1 != '{}' ]] || return 0
	cp "$BATS_FILE_TMPDIR/new" /etc/docker/daemon.json
	systemctl reset-failed docker.service # it must not start more than three times a minute
	systemctl restart docker.service
}

@test "systemctl daemon-reload: the container keeps its GPU" {
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	systemctl daemon-reload
	assert_equal "$(opens media)" $GPU2
}

@test "the broker is restarted, and killed: the leases are the same, and true" {
	local before old end
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	before=$(leases_now)
	for end in 'systemctl restart dri-broker' "kill -KILL $(broker_pid)" 'pkill -KILL dri-warden'; do
		old=$(broker_pid)
		[[ $end != kill* ]] || end="kill -KILL $old"
		$end
		wait_until 30 is_another_broker "$old"
		assert_equal "$(leases_now)" "$before"
		assert_equal "$(opens media)" $GPU2
	done
	systemctl stop dri-broker.service dri-broker.socket
	docker kill media
	systemctl start dri-broker.socket
	wait_until 20 nothing_is_leased
}

@test "Docker restarts with live-restore: containers run on, with their leases" {
	local before
	restart_docker '{"live-restore": true}'
	start media --user 1000:1000 --label "dri.gpu=pci:$GPU2" app
	before=$(leases_now)
	systemctl reset-failed docker.service
	systemctl restart docker.service
	assert_equal "$(leases_now)" "$before"
	assert_equal "$(opens media)" $GPU2
}

@test "Docker restarts without live-restore: leases end, and begin anew with the containers that restart" {
	start media --user 1000:1000 --restart always --label "dri.gpu=pci:$GPU2" app
	start once --label "dri.gpu=pci:$GPU1" app
	systemctl reset-failed docker.service
	systemctl restart docker.service
	wait_until 60 is_leased '["media"]'
	assert_equal "$(opens media)" $GPU2
}
is_leased () { [[ $(lease_list) == "$1" ]]; }
