#!/usr/bin/env bats
# docker.bats - Docker and Compose as they are. Runs in the engine host:
#   tests/engine-host/run --cgroup v1|v2 bats /src/tests/engine-host/docker.bats

load ../lib/common
load ../lib/engines

setup_file ()
{
	"$REPO/tests/engine-host/start-docker"
	import_image app
}

in_app () { run docker run --rm --net none "$@"; }

@test "runc and crun run a container" {
	local runtime
	for runtime in runc crun; do
		in_app --runtime "$runtime" app echo "by $runtime"
		assert_success
		assert_output "by $runtime"
	done
}

@test "a command's exit status arrives" {
	in_app app sh -c 'exit 7'
	assert_failure 7
}

@test "the device cgroup judges a node that the container makes" {
	local runtime
	for runtime in runc crun; do
		in_app --runtime "$runtime" app sh -c 'mknod /dev/gpu c 10 229; : <>/dev/gpu'
		assert_failure
		assert_says 'Operation not permitted'

		in_app --runtime "$runtime" --device /dev/fuse app sh -c ': <>/dev/fuse'
		assert_success

		# Allowed, and no driver behind the number.
		in_app --runtime "$runtime" --device-cgroup-rule 'c 226:128 rw' app \
			sh -c 'mknod /dev/gpu c 226 128; : <>/dev/gpu'
		assert_failure
		assert_says 'No such device or address'
	done
}

@test "compose starts a service with its labels, and takes it down" {
	mkdir "$BATS_TEST_TMPDIR/media"
	cd "$BATS_TEST_TMPDIR/media"
	cat >compose.yaml <<-YAML
		services:
		  server:
		    image: app
		    command: sleep 60
		    init: true
		    network_mode: none
		    labels: { dri.enable: "true", dri.class: realtime }
	YAML
	run compose up --detach
	assert_success
	assert_json "$(docker inspect "$(composed server)")" '.[0] | .State.Running and
		(.Config.Labels | .["dri.class"] == "realtime" and .["com.docker.compose.service"] == "server")'

	run compose down --timeout 1
	assert_success
	assert_equal "$(docker ps --all --quiet)" ''
}
