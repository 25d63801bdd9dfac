#!/usr/bin/env bats
# docker-load.bats - many containers, and nothing of them stays.

load ../lib/common
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
	configure '{"slots": 100}'
}
setup () { find_broker; }
teardown () { leave_nothing; }

# count: the broker's open files, its children, zombies of anybody, mounts of leases
count ()
{
	local zombies
	zombies=$(ps -e -o stat= | awk '/^Z/ { n++ } END { print n + 0 }')
	echo "fds $(find "/proc/$BROKER_PID/fd" -type l | wc -l)" \
		"children $(pgrep -c -P "$BROKER_PID" || :)" \
		"zombies $zombies" \
		"mounts $(grep -c "$LEASE_ROOT" /proc/self/mounts)" \
		"hooks $(pgrep -c dri-hook || :)" \
		"runtimes $(pgrep -c dri-runtime || :)"
}
is_as_before () { [[ $(count) == "$before" ]]; }
# is_at_rest: what the last client has left behind is gone; $before
is_at_rest () { before=$(count) && is_as_before; }
# one NUMBER: every fifth fails to start, every fifth is another user's
one ()
{
	local options=()
	case $(($1 % 5)) in
	1) options=(--user 1000:1000) ;;
	2) options=(--env PUID=1000 --env PGID=1001) ;;
	3) options=(--label dri.gpu=radeon) ;;
	4) options=(--label dri.owner=0:0:0600 --user 1000) ;;
	esac
	docker run --rm --net none --runtime dri --label dri.enable=true "${options[@]}" app open-gpu &>/dev/null
}

@test "a series of containers, 20 at a time, leaves no lease, directory, fd or zombie" {
	# 200 under one layout of the control groups; what differs under the other shows in fewer.
	local total=200 before started failed
	[[ $CGROUP == v2 ]] || total=40
	one 0
	wait_until 20 nothing_is_leased
	wait_until 20 is_at_rest
	export -f one
	# shellcheck disable=SC2016
	seq "$total" | xargs -P 20 -I N bash -c 'one N && echo started || echo failed' >"$BATS_TEST_TMPDIR/all" || :
	started=$(grep -c started "$BATS_TEST_TMPDIR/all")
	failed=$(grep -c failed "$BATS_TEST_TMPDIR/all")
	assert_equal "$started started, $failed failed" "$((total * 4 / 5)) started, $((total / 5)) failed"
	wait_until 30 is_as_before || fail "before: $before" "after: $(count)"
	assert_nothing_leased
	# Grants and releases were all written, and the journal is not one that only grows.
	(($(stat -c %s "$JOURNAL") < 2 << 20))
}

@test "20 containers at once, all running, each with its own directory" {
	local i pids=()
	for i in {1..20}; do
		docker run --detach --name "web$i" --net none --runtime dri --label dri.enable=true app >/dev/null 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	assert_equal "$(lease_list .id | jq length) $(lease_directories | wc -l)" '20 20'
	assert_json "$(drictl status --json)" '(.gpus | map(.slots.used) | add) == 20 and all(.gpus[]; .slots.used == 10)'
}
