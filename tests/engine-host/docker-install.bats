#!/usr/bin/env bats
# docker-install.bats - drictl install docker on a Docker that runs.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed '{"live-restore": true}'
}
setup () { find_broker; }
teardown () { leave_nothing; }

# A daemon.json as people have them, without our runtimes.
write_daemon_json ()
{
	jq --indent 4 '.runtimes |= {crun} | .["max-concurrent-downloads"] = 5' /etc/docker/daemon.json >/etc/docker/new
	mv /etc/docker/new /etc/docker/daemon.json
	reload
	wait_until 20 runtimes_are '["crun","io.containerd.runc.v2","runc"]'
}
reload () { kill -HUP "$(</run/docker.pid)"; }
dockerd_is_gone () { [[ ! -e /run/docker.pid ]]; }
runtimes_are () { [[ $(docker info --format '{{json .Runtimes}}' | jq -c keys) == "$1" ]]; }
default_is () { [[ $(docker info --format '{{.DefaultRuntime}}') == "$1" ]]; }

@test "install, and after a reload --runtime dri works; uninstall, and all is as before" {
	write_daemon_json
	cp -p /etc/docker/daemon.json "$BATS_TEST_TMPDIR/before"
	RUNTIME=dri leased app true
	assert_failure
	assert_says 'dri'

	run drictl install docker
	assert_success
	run drictl install docker
	assert_success
	run dockerd --validate --config-file /etc/docker/daemon.json
	assert_success
	assert_json "$(</etc/docker/daemon.json)" '.runtimes.crun and .["live-restore"] and .["max-concurrent-downloads"] == 5'
	reload
	wait_until 20 runtimes_are '["crun","dri","io.containerd.runc.v2","runc"]'
	leased --user 1000 app open-gpu
	assert_success
	# Nobody is taken who does not say so.
	default_is runc

	run drictl uninstall docker
	assert_success
	cmp /etc/docker/daemon.json "$BATS_TEST_TMPDIR/before"
	assert_equal "$(ls -A /etc/docker)" "$(printf 'daemon.json\nkey.json' | grep -xFf <(ls -A /etc/docker))"
	reload
	wait_until 20 runtimes_are '["crun","io.containerd.runc.v2","runc"]'
	run docker run --rm --net none app true
	assert_success
}

@test "install --default-runtime: containers that name no runtime come by" {
	write_daemon_json
	run drictl install docker --default-runtime
	assert_success
	reload
	wait_until 20 default_is dri
	run docker run --rm --net none --label dri.enable=true app open-gpu
	assert_success
	run docker run --rm --net none app echo plain
	assert_output plain

	# A reload keeps a default runtime that no longer stands in the file: this needs a restart.
	run drictl uninstall docker
	assert_success
	assert_says 'systemctl restart docker'
	reload
	sleep 0.5
	default_is dri || fail 'this Docker takes the default back at a reload'
	kill "$(</run/docker.pid)"
	wait_until 60 dockerd_is_gone
	dockerd --pidfile /run/docker.pid </dev/null &>/var/log/dockerd.log 3>&- 4>&- &
	wait_until 60 default_is runc
	run docker run --rm --net none --label dri.enable=true app ls /dev/dri
	assert_failure
}
