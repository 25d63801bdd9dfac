#!/usr/bin/env bats
# docker-plain.bats - a container that did not opt in is passed on to the byte, and one
# that did keeps everything that is not ours.

load ../lib/common
load ../lib/docker

# A fixture stands on either side of dri-runtime: "before" keeps what Docker hands it
# and becomes dri-runtime, "after" keeps what dri-runtime hands on and becomes runc.
setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS KEPT=/run/kept
	local side next
	mkdir "$KEPT"
	for side in before after; do
		[[ $side == after ]] && next='exec runc' || next="exec strace -qq -e trace=connect,socket -A -o $KEPT/calls \
			$BUILD/dri-runtime --dri-oci-runtime $KEPT/after.fixture"
		cat >"$KEPT/$side.fixture" <<-END
			#!/bin/bash
			export ASAN_OPTIONS=detect_leaks=0 # which cannot be done under strace, where it is a build that would
			bundle=.
			for ((i = 1; i < \$#; i++)); do
				[[ \${!i} != --bundle ]] || { i=\$((i + 1)); bundle=\${!i}; }
			done
			case " \$* " in
			*' create '*)
				cp "\$bundle/config.json" $KEPT/config.$side
				stat -c '%i %y %a %u:%g' "\$bundle/config.json" >$KEPT/stat.$side
				printf '%s\n' "\$@" >$KEPT/arguments.$side
				env | grep -v ^_= | sort >$KEPT/environment.$side
				;;
			esac
			$next "\$@"
		END
		chmod 755 "$KEPT/$side.fixture"
	done
	start_bed "{\"runtimes\": {\"kept\": {\"path\": \"$KEPT/before.fixture\"}}}"
}
setup ()
{
	find_broker
	RUNTIME=kept
}
teardown ()
{
	rm -rf /dev/dri
	leave_nothing
}

assert_untouched ()
{
	local what
	for what in config stat arguments environment; do
		cmp "$KEPT/$what.before" "$KEPT/$what.after" || fail "$what: $(diff "$KEPT/$what."{before,after})"
	done
	run cat "$KEPT/calls"
	[[ $output != *broker* ]] || fail "the broker was called: $output"
	rm -f "$KEPT"/*.{before,after} "$KEPT/calls"
}

@test "not opted in: config.json, arguments and environment are untouched, the broker is not contacted" {
	local options
	mkdir -p /dev/dri
	mknod -m 666 /dev/dri/renderD200 c 226 200
	while read -r options; do
		# shellcheck disable=SC2086
		plain $options app true
		assert_success
		assert_untouched
	done <<-'END'
		--env A=b
		--label dri.enable=false
		--label dri.gpu=radeon
		--env DRI_PRIME=1
		--user 1000:1000 --device /dev/dri --group-add 44
		--privileged
		--ulimit core=-1 --ulimit nofile=1024:2048
		--annotation a.b=c --hostname ünïcode --label x="\u00e9"
		--security-opt seccomp=unconfined --cap-drop ALL --read-only --init
	END
}

@test "the fixture can tell: an opted-in container is edited, and the broker contacted" {
	leased app open-gpu
	assert_success
	run cmp "$KEPT/config.before" "$KEPT/config.after"
	assert_failure
	grep -q broker.sock "$KEPT/calls"
}

# without_ours: what is left of an edited config.json without our additions
without_ours ()
{
	jq -c 'del(.hooks, .annotations["io.dri.lease", "io.dri.gids"])
		| .annotations |= (if . == {} then empty else . end)
		| .mounts |= map(select(.destination != "/dev/dri"))
		| .process.user.additionalGids |= map(select(. != 992))
		| .linux.resources.devices |= map(select(.major != 10 or .minor != 229 or .access != "rw"))' "$1"
}

@test "opted in: everything else of config.json survives, in its order, with unlimited numbers" {
	leased --label dri.gpu=igpu --ulimit core=-1 --annotation z.y=x --annotation a=9007199254740993 --pids-limit 77 \
		--shm-size 12345678 --sysctl kernel.msgmax=65536 app open-gpu
	assert_success
	grep -q 18446744073709551615 "$KEPT/config.before" || fail 'Docker writes no unlimited ulimit any more'
	assert_equal "$(grep -o 18446744073709551615 "$KEPT/config.after" | wc -l)" \
		"$(grep -o 18446744073709551615 "$KEPT/config.before" | wc -l)"
	diff <(without_ours "$KEPT/config.after") <(jq -c 'del(.hooks)' "$KEPT/config.before") || fail 'something else has changed'
	diff "$KEPT/arguments."{before,after}
	diff "$KEPT/environment."{before,after}
	assert_equal "$(grep -o ' [0-9]* 0:0$' "$KEPT/stat.after")" "$(grep -o ' [0-9]* 0:0$' "$KEPT/stat.before")"
}

@test "all verbs are passed on: logs, top, pause, update, stats, wait, events of Docker work" {
	RUNTIME=dri
	start web app sh -c 'echo out; echo err >&2; exec sleep 600'
	has_said () { docker logs web 2>&1 | grep -qx "$1"; }
	wait_until 20 has_said out
	wait_until 20 has_said err
	run docker top web
	assert_success
	assert_says 'sleep 600'
	run docker pause web
	assert_success
	run docker unpause web
	assert_success
	run docker update --memory 32m --memory-swap 32m web
	assert_success
	run docker stats --no-stream --format '{{.Name}}' web
	assert_success
	assert_says web
	in_container web sh -c 'kill -TERM 1'
	assert_success
	run docker kill --signal KILL web
	assert_success
	run docker wait web
	assert_output 137
}

@test "after docker update the GPU can still be opened" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime start web --label dri.gpu=radeon --user 1000 app
		run docker update --pids-limit 50 web
		assert_success
		in_container web open-gpu
		assert_success
		in_container --user 0 web sh -c 'mknod /dev/x c 10 229 && exec 3<>/dev/x'
		assert_failure
		assert_says 'Operation not permitted'
		docker rm --force web
	done
}

@test "standard streams, terminal and exit status pass through an opted-in container" {
	local runtime
	for runtime in dri dri-crun; do
		run bash -c "seq 100000 | docker run --rm -i --net none --runtime $runtime --label dri.enable=true app md5sum"
		assert_success
		assert_output "$(seq 100000 | md5sum)"
		run docker run --rm --tty --net none --runtime "$runtime" --label dri.enable=true app sh -c 'test -t 0 && test -t 1 && echo terminal'
		assert_success
		assert_says terminal
		RUNTIME=$runtime leased app sh -c 'exit 42'
		assert_failure 42
	done
}
