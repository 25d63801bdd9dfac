#!/usr/bin/env bats
# docker-exec.bats - docker exec joins a container with its groups, and is otherwise as
# it was. Docker makes the process of an exec from its own records, not from ours.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
}
setup () { find_broker; }
teardown () { leave_nothing; }

# into OPTION...: docker exec as it is under the two real runtimes and under ours
# without a lease, which all must say the same; $output is what they say
into ()
{
	local name said=none
	for name in runc crun dri dri-crun; do
		run docker exec "${@/NAME/$name}"
		[[ $said == none || $said == "$status $output" ]] || fail "$name: $status $output" "others: $said" || return
		said="$status $output"
	done
}
run_plain_ones ()
{
	local runtime
	for runtime in runc crun dri dri-crun; do
		run docker run --detach --name "$runtime" --hostname app --net none --runtime "$runtime" app
		assert_success
	done
}

@test "another user of the container has the GPU's group, and opens it" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime start web --label dri.gpu=radeon app
		in_container --user 1000 web sh -c 'id -G; open-gpu'
		assert_success
		assert_output '1000 993'
		in_container --user 1000:1001 web sh -c 'id -G; open-gpu'
		assert_success
		assert_output '1001 993'
		in_container --user 4321 web sh -c 'id -G; open-gpu'
		assert_success
		assert_output '0 993'
		in_container web sh -c 'id -G; open-gpu'
		assert_success
		assert_output '0 993'
		docker rm --force web
	done
}

@test "in a container of a user's own, that user still opens it" {
	start web --user 1000:1000 --group-add 7 --label dri.gpu=igpu app
	in_container web sh -c 'id -G; open-gpu'
	assert_success
	assert_output '1000 7 992'
	in_container --user 1001:1001 web open-gpu
	assert_failure
	assert_says 'Permission denied'
	in_container --privileged web sh -c 'id -G; open-gpu'
	assert_success
}

@test "a group that is there is not added twice" {
	start web --group-add 992 --label dri.gpu=igpu app
	in_container --user 1000 web id -G
	assert_output '1000 992'
	in_container web id -G
	assert_output '0 992'
}

@test "all else of an exec passes: environment, directory, status, standard input, terminal" {
	start web --label dri.gpu=igpu app
	# shellcheck disable=SC2016 # the container's shell expands it
	in_container --env A=b --workdir /tmp web sh -c 'echo $A; pwd; exit 7'
	assert_failure 7
	assert_output $'b\n/tmp'
	run bash -c 'seq 100000 | docker exec --interactive web md5sum'
	assert_output "$(seq 100000 | md5sum)"
	run docker exec --tty web sh -c 'test -t 0 && test -t 1 && echo terminal'
	assert_success
	assert_says terminal
	in_container --detach web sh -c 'id -G >/tmp/detached'
	assert_success
	wait_until 20 docker exec web test -s /tmp/detached
	in_container web cat /tmp/detached
	assert_output '0 992'
	in_container web no-such-program
	assert_failure
	assert_says no-such-program
}

@test "without a lease, nothing of an exec is changed" {
	run_plain_ones
	into --user 1000 NAME id -G
	assert_output 1000
	into --user 1000:1001 --env A=b --workdir /tmp NAME sh -c 'id; env | sort; pwd; exit 3'
	assert_failure 3
	into NAME ls /dev/dri
	assert_failure
}

@test "after the GPU is taken away, exec still works" {
	start web --label dri.gpu=igpu app
	run drictl release web --force
	assert_success
	in_container --user 1000 web sh -c 'id -u; ls -A /dev/dri'
	assert_success
	assert_output 1000
}

@test "in a user namespace the group is the container's, and gives no right on the host" {
	start_docker '{"userns-remap": "default"}'
	make_app_image
	start web --label dri.gpu=igpu app
	in_container --user 1000 web sh -c 'id -G; open-gpu'
	assert_success
	assert_output '1000 992'
}
