#!/usr/bin/env bats
# demo.bats - `make demo`: what it shows on this machine and in the engine host, where
# Docker runs, and that it leaves nothing behind, also when it is interrupted.

load lib/common

setup ()
{
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
	before=$(machine)
}

teardown ()
{
	assert_nothing_left
	assert_equal "$(machine)" "$before"
}

# What the demonstration could change here: the module, and the null device that
# runtimes like to chown.
machine ()
{
	ls -d /sys/module/vgem 2>/dev/null
	stat -c '%n %U:%G %a' /dev/null
}

# The directory is unique to the test, and named in the command lines of all that the
# demonstration starts; a cgroup that could be removed had no process in it.
assert_nothing_left ()
{
	local group
	assert_equal "$(ls -A "$TMPDIR")" ''
	assert_equal "$(grep -F "$TMPDIR" /proc/self/mountinfo)" ''
	assert_equal "$(grep -lsF "$TMPDIR/" /proc/[0-9]*/cmdline)" ''
	while read -r group; do
		[[ -e /proc/${group##*.} ]] || fail "left behind: $group"
	done < <(find /sys/fs/cgroup -name 'dri-demo.*' 2>/dev/null)
}

demo () { run "$REPO/packaging/demo" --no-build "$@"; }

# in_engine_host COMMAND: shell text, after dockerd has been started
in_engine_host ()
{
	run "$REPO/tests/engine-host/run" -- bash -c "/src/tests/engine-host/start-docker && $1"
}

# assert_shown ENGINE: all that the demonstration is about, and no surprise
assert_shown ()
{
	local text
	assert_success
	[[ ${lines[0]} == 'GPU: '@(real|simulated|'a vgem device')* ]] || fail "first line: ${lines[0]}"
	[[ $output != *UNEXPECTED* ]] || fail "$output"
	for text in "Engine: $1" 'opened by 1000:1000' 'opened by 1000:1001' 'ls: /dev/dri: No such file' \
		'did you mean dri.access?' 'drictl explain media' 'drictl status' \
		'no lease and no lease directory is left'; do
		assert_says "$text"
	done
	grep -Eq '^ *CONTAINER +GPU ' <<<"$output"
	grep -Eq '^ *web +[^ ]+ .*active' <<<"$output"
	grep -Eq '^ *media +[^ ]+ .*active' <<<"$output"
	! grep -Eq '^ *(plain|typo) +[^ ]+ .*active' <<<"$output"
	[[ ${lines[0]} != *simulated* ]] || assert_marked
}

# Wherever a simulated GPU stands, it says so.
assert_marked ()
{
	local line
	while read -r line; do
		[[ $line == *simulated* ]] || fail "a simulated GPU without a word: $line"
	done < <(grep -E '^ *(igpu|arc|web|media) .*(present|active)|^ *GPU (igpu|arc)' <<<"$output")
	(($(grep -cE '\(simulated: the nodes are /dev/(fuse|null)' <<<"$output") == 3))
}

@test "with runc" {
	local start=$SECONDS
	demo --engine runc
	assert_shown runc
	assert_says 'as --engine runc asks'
	((SECONDS - start < 60))
}

@test "with crun" {
	demo --engine crun
	assert_shown crun
}

@test "without a Docker daemon, runc is taken and it says so" {
	DOCKER_HOST=unix://$TMPDIR/nowhere.sock demo
	assert_shown 'runc'
	assert_says '(no Docker daemon answers)'
}

@test "with Docker, through a daemon of its own" {
	in_engine_host '/src/packaging/demo --no-build && docker ps --all --quiet && docker images --quiet && ls /tmp'
	assert_shown 'Docker '
	assert_says 'docker run --detach --name web --runtime dri'
	assert_says 'Error response from daemon'
	# Of the daemon that was there: no container, no image, and nothing in /tmp.
	[[ ${lines[-1]} == 'The broker, its directory'* ]] || fail "after the end: ${lines[-1]}"
}

@test "with Docker that cannot have a second daemon, runc is taken and it says so" {
	# shellcheck disable=SC2016 # for the shell in there
	in_engine_host 'rm "$(command -v dockerd)" && /src/packaging/demo --no-build'
	assert_shown runc
	assert_says 'no dockerd program'
}

@test "interrupted or terminated, it cleans up" {
	local signal child status
	for signal in INT TERM HUP; do
		env --default-signal "$REPO/packaging/demo" --no-build --engine runc &>"$BATS_TEST_TMPDIR/output" 3>&- &
		child=$!
		wait_until 60 grep -q '^2\. ' "$BATS_TEST_TMPDIR/output"
		kill -s "$signal" "$child"
		status=0
		wait "$child" || status=$?
		((status > 128)) || fail "after $signal: exit status $status" "$(<"$BATS_TEST_TMPDIR/output")"
		assert_nothing_left
	done
}

@test "wrong usage, and a user who is not root, are told" {
	demo --nonsense
	assert_failure 1
	assert_says 'no such argument: --nonsense'
	demo --engine podman
	assert_failure 1
	assert_says "not 'podman'"
	# By its descriptor: the repository may lie where that user may not go.
	run setpriv --reuid 65534 --clear-groups bash /dev/fd/4 --no-build 4<"$REPO/packaging/demo"
	assert_failure 1
	assert_says 'sudo make demo'
}
