#!/usr/bin/env bats
# drictl.bats - what drictl does without a broker: its command line, and Docker's
# daemon.json. What a broker answers is shown in the suites that have one.

bats_require_minimum_version 1.5.0
load lib/common

setup ()
{
	export DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/broker.sock
	daemon_json=$BATS_TEST_TMPDIR/docker/daemon.json
	runtime=$BATS_TEST_TMPDIR/dri-runtime
	mkdir "$BATS_TEST_TMPDIR"/{docker,bin}
	printf '#!/bin/sh\n' >"$runtime"
	chmod 755 "$runtime"
	# No dockerd of the machine has a say unless a test brings one.
	PATH=$BATS_TEST_TMPDIR/bin:$(dirs_without dockerd)
}

# dirs_without PROGRAM: PATH without the directories that have it
dirs_without ()
{
	local dir dirs=
	while read -rd : dir; do
		[[ -e $dir/$1 ]] || dirs+=${dirs:+:}$dir
	done <<<"$PATH:"
	echo "$dirs"
}

drictl () { run --separate-stderr "$BUILD/drictl" "$@"; }
install () { drictl install docker --config "$daemon_json" --runtime "$runtime" "$@"; }
uninstall () { drictl uninstall docker --config "$daemon_json" "$@"; }

# assert_complaint TEXT...: standard error has them all, in lines that name the program
assert_complaint ()
{
	local text
	# shellcheck disable=SC2154
	[[ $stderr == "drictl: "* ]] || fail "expected a complaint of drictl, got: $stderr" || return
	for text; do
		[[ $stderr == *"$text"* ]] || fail "expected to read: $text" "got: $stderr" || return
	done
	assert_equal "$output" ''
}

# assert_file FILE CONTENT: to the byte, but for line breaks at the end
assert_file () { assert_equal "$(cat "$1")" "$2"; }

# make_dockerd BODY: a dockerd that logs its arguments and the file it is to check
make_dockerd ()
{
	cat >"$BATS_TEST_TMPDIR/bin/dockerd" <<-END
		#!/bin/sh
		echo "\$1 \$2" >'$BATS_TEST_TMPDIR/dockerd.arguments'
		cat "\$3" >'$BATS_TEST_TMPDIR/dockerd.json'
		$1
	END
	chmod 755 "$BATS_TEST_TMPDIR/bin/dockerd"
}

# The command line.

# asked_while_it_hangs COMMAND...: drictl asks a broker that stands still until the command has run
asked_while_it_hangs ()
{
	start_broker
	kill -STOP "$BROKER_PID"
	"${asker[@]}" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null &
	"$@"
	kill -CONT "$BROKER_PID"
	wait $! || :
	finish_broker
}

@test "what takes over a second says so on a terminal, and takes the line away; nothing elsewhere" {
	local asker=(script -qefc "$BUILD/drictl probe" /dev/null)
	asked_while_it_hangs wait_until 30 grep -q 'drictl probe: .* \.\.\.' "$BATS_TEST_TMPDIR/out"
	grep -q $'\r\e\\[K' "$BATS_TEST_TMPDIR/out"
	asker=("$BUILD/drictl" probe)
	asked_while_it_hangs sleep 1.5
	run grep -c $'\e\\|\.\.\.' "$BATS_TEST_TMPDIR/out"
	assert_output 0
}

@test "every command and option of help stands in the manual; each command has help of its own" {
	local word verb verbs
	drictl --help
	assert_success
	verbs=$(sed -nE 's/^  ([a-z]+) .*/\1/p' <<<"$output")
	for word in status devices explain release probe attach detach install uninstall; do
		grep -qx "$word" <<<"$verbs"
	done
	for verb in $verbs; do
		drictl "$verb" --help
		assert_success
		assert_says "Usage: drictl $verb"
		while read -r word; do
			grep -qF -- "*$word*" "$REPO/packaging/man/drictl.1.scd" || fail "of $verb, not in drictl(1): $word"
		done < <(echo "$verb"; grep -oE -- '--[a-z-]+' <<<"$output")
	done
}

@test "the version" {
	drictl --version
	assert_success
	[[ $output =~ ^drictl\ [0-9]+\.[0-9]+ ]]
}

@test "wrong usage is status 2, one complaint, and nothing on standard output" {
	local arguments
	while read -ra arguments; do
		drictl "${arguments[@]}"
		assert_failure 2
		assert_complaint 'see drictl --help'
	done <<-'END'

		stauts
		--json
		status web
		status --force
		devices web
		explain
		explain --json
		explain a b
		probe a b
		probe --force
		release
		release a b
		release a --json
		install
		install nerdctl
		install podman --runtime /bin/true
		install podman --default-runtime
		attach
		detach
		detach a b
		install docker docker
		install docker --config
		uninstall
		uninstall docker --runtime /bin/true
		uninstall docker --default-runtime
	END
}

@test "no broker is status 3, and the next step is told" {
	local arguments
	while read -ra arguments; do
		drictl "${arguments[@]}"
		assert_failure 3
		assert_complaint "$DRI_BROKER_SOCKET" 'systemctl start dri-broker.socket'
	done <<-'END'
		status
		status --json
		devices
		explain web
		probe
		probe web --json
		release web
		release 0123456789abcdef0123456789abcdef --force
	END
}

@test "a socket that is not ours to use is status 3, and says what to do" {
	((EUID == 0)) || skip 'needs root, to be someone else'
	local closed=$BATS_TEST_TMPDIR/closed
	mkdir -m 700 "$closed"
	chmod 755 "$BATS_TEST_TMPDIR"
	cp "$BUILD/drictl" "$BATS_TEST_TMPDIR/drictl"
	# From a folder of its own: the way to the build may be closed to others.
	run --separate-stderr env "DRI_BROKER_SOCKET=$closed/broker.sock" \
		bash -c 'exec 9<"$0"; exec setpriv --reuid 65534 --regid 65534 --clear-groups /proc/self/fd/9 status' \
		"$BATS_TEST_TMPDIR/drictl"
	assert_failure 3
	assert_complaint 'group dri-broker' sudo
}

@test "output that cannot be written is no success" {
	run bash -c '"$0" --help >/dev/full' "$BUILD/drictl"
	assert_failure 1
}

# install docker.

@test "install tells the change and the next step" {
	echo '{}' >"$daemon_json"
	install --default-runtime
	assert_success
	assert_says "runtimes.dri: none -> {\"path\": \"$runtime\"}"
	assert_says 'default-runtime: none -> "dri"'
	assert_says 'systemctl reload docker'
	assert_json "$(cat "$daemon_json")" '. == {runtimes: {dri: {path: $p}}, "default-runtime": "dri"}' --arg p "$runtime"
}

@test "without --default-runtime Docker's default stays" {
	echo '{"default-runtime": "nvidia"}' >"$daemon_json"
	install
	assert_success
	assert_json "$(cat "$daemon_json")" '."default-runtime" == "nvidia" and .runtimes.dri.path'
}

@test "unknown keys, their order, big numbers and indentation stay" {
	printf '{\n\t"zeta": 18446744073709551615,\n\t"max": 1.10,\n\t"alpha": {\n\t\t"x": 1e400\n\t}\n}\n' >"$daemon_json"
	install
	assert_success
	assert_file "$daemon_json" "$(
		printf '{\n\t"zeta": 18446744073709551615,\n\t"max": 1.10,\n\t"alpha": {\n\t\t"x": 1e400\n\t},\n'
		printf '\t"runtimes": {\n\t\t"dri": {\n\t\t\t"path": "%s"\n\t\t}\n\t}\n}\n' "$runtime"
	)"
}

@test "a second install has nothing to do and leaves the file alone" {
	echo '{"debug":true}' >"$daemon_json"
	install --default-runtime
	local before
	before=$(stat -c '%i %y' "$daemon_json"*; sha256sum "$daemon_json"*)
	install --default-runtime
	assert_success
	assert_says 'nothing to do'
	install
	assert_says 'nothing to do'
	assert_equal "$(stat -c '%i %y' "$daemon_json"*; sha256sum "$daemon_json"*)" "$before"
}

@test "invalid JSON is refused with its place, and nothing changes" {
	printf '{\n  "debug": true,\n}\n' >"$daemon_json"
	local before verb
	before=$(sha256sum "$daemon_json")
	for verb in install uninstall; do
		"$verb"
		assert_failure 1
		assert_complaint "$daemon_json" 'line 3, column 1'
	done
	assert_equal "$(sha256sum "$daemon_json")" "$before"
	assert_equal "$(ls -A "$BATS_TEST_TMPDIR/docker")" daemon.json
}

@test "a key that stands twice is refused: one of the two would be lost" {
	printf '{"runtimes": {"a": {"path": "/a"}},\n"runtimes": {"b": {"path": "/b"}}}' >"$daemon_json"
	install
	assert_failure 1
	assert_complaint 'line 2' runtimes
}

@test "no file, no folder: both are made, and uninstall takes the file away" {
	rmdir "$BATS_TEST_TMPDIR/docker"
	install
	assert_success
	assert_equal "$(stat -c %a "$BATS_TEST_TMPDIR/docker" "$daemon_json" | xargs)" '755 644'
	uninstall
	assert_success
	assert_equal "$(ls -A "$BATS_TEST_TMPDIR/docker")" ''
}

@test "a dry run tells the same and writes nothing" {
	rmdir "$BATS_TEST_TMPDIR/docker"
	install --dry-run
	assert_success
	assert_says "runtimes.dri: none -> {\"path\": \"$runtime\"}"
	[[ ! -e $BATS_TEST_TMPDIR/docker ]]

	mkdir "$BATS_TEST_TMPDIR/docker"
	install
	uninstall --dry-run
	assert_success
	assert_says '-> none'
	assert_json "$(cat "$daemon_json")" .runtimes.dri
	[[ -e $daemon_json.dri-broker-backup ]]
}

@test "a symbolic link stays one, its target is edited and comes back" {
	local target=$BATS_TEST_TMPDIR/target.json
	echo '{ "debug":true }' >"$target"
	ln -s ../target.json "$daemon_json"
	install
	assert_success
	assert_equal "$(readlink "$daemon_json")" ../target.json
	assert_json "$(cat "$target")" '.debug and .runtimes.dri'
	uninstall
	assert_success
	assert_equal "$(readlink "$daemon_json")" ../target.json
	assert_file "$target" '{ "debug":true }'
}

@test "a symbolic link to nowhere is refused" {
	ln -s nowhere "$daemon_json"
	install
	assert_failure 1
	assert_complaint "$daemon_json" nowhere
	[[ ! -e $BATS_TEST_TMPDIR/docker/nowhere ]]
}

@test "mode and owner stay, and the backup is as closed as the file" {
	echo '{}' >"$daemon_json"
	chmod 600 "$daemon_json"
	((EUID != 0)) || chown 1234:1235 "$daemon_json"
	local before
	before=$(stat -c '%a %u %g' "$daemon_json")
	install
	assert_success
	assert_equal "$(stat -c '%a %u %g' "$daemon_json")" "$before"
	assert_equal "$(stat -c '%a %u %g' "$daemon_json.dri-broker-backup")" "$before"
}

@test "a runtime that is not there is refused: every container would fail" {
	local path
	cd "$BATS_TEST_TMPDIR"
	for path in "$BATS_TEST_TMPDIR/nothing" "$BATS_TEST_TMPDIR" "$daemon_json" dri-runtime; do
		echo '{}' >"$daemon_json"
		drictl install docker --config "$daemon_json" --runtime "$path"
		assert_failure 1
		assert_complaint "$path"
		assert_file "$daemon_json" '{}'
	done
}

@test "the dri-runtime beside drictl is the one that is taken" {
	cp "$BUILD/drictl" "$BATS_TEST_TMPDIR/drictl"
	run "$BATS_TEST_TMPDIR/drictl" install docker --config "$daemon_json"
	assert_success
	assert_json "$(cat "$daemon_json")" '.runtimes.dri.path == $p' --arg p "$(realpath "$runtime")"
}

# uninstall docker.

@test "uninstall gives the file back to the byte" {
	printf '{"insecure-registries" : ["a",\n"b"], "default-runtime":"nvidia" }' >"$daemon_json"
	cp "$daemon_json" "$BATS_TEST_TMPDIR/original"
	install
	install --default-runtime
	uninstall
	assert_success
	assert_says 'default-runtime: "dri" -> "nvidia"'
	assert_says 'systemctl reload docker'
	cmp "$daemon_json" "$BATS_TEST_TMPDIR/original"
	assert_equal "$(ls -A "$BATS_TEST_TMPDIR/docker")" daemon.json
	uninstall
	assert_success
	assert_says 'nothing to do'
}

@test "uninstall keeps what others wrote since" {
	echo '{"default-runtime":"nvidia"}' >"$daemon_json"
	install --default-runtime
	jq -c '.debug = true | .runtimes.other.path = "/x"' "$daemon_json" >"$BATS_TEST_TMPDIR/new"
	cp "$BATS_TEST_TMPDIR/new" "$daemon_json"
	uninstall
	assert_success
	assert_file "$daemon_json" '{"default-runtime":"nvidia","runtimes":{"other":{"path":"/x"}},"debug":true}'
}

@test "uninstall with no file has nothing to do" {
	uninstall
	assert_success
	assert_says 'nothing to do'
	assert_equal "$(ls -A "$BATS_TEST_TMPDIR/docker")" ''
}

# dockerd's own check.

@test "dockerd checks the new text before it goes live" {
	echo '{"debug":true}' >"$daemon_json"
	make_dockerd "cat '$daemon_json' >'$BATS_TEST_TMPDIR/live'; echo 'configuration OK' >&2"
	install
	assert_success
	assert_says 'Checked with dockerd --validate'
	assert_file "$BATS_TEST_TMPDIR/dockerd.arguments" '--validate --config-file'
	cmp "$BATS_TEST_TMPDIR/dockerd.json" "$daemon_json"
	assert_file "$BATS_TEST_TMPDIR/live" '{"debug":true}'
}

@test "what dockerd refuses is not installed" {
	echo '{"debgu":true}' >"$daemon_json"
	make_dockerd 'printf "a log line\n\033[1munknown key debgu\n" >&2; exit 1'
	install
	assert_failure 1
	assert_complaint "$daemon_json" '?[1munknown key debgu'
	assert_file "$daemon_json" '{"debgu":true}'
	assert_equal "$(ls -A "$BATS_TEST_TMPDIR/docker")" daemon.json
}

@test "a dockerd that cannot check stops nobody, and that is told" {
	make_dockerd "echo 'unknown flag: --validate' >&2; exit 125"
	install
	assert_success
	assert_says 'Not checked'
	assert_json "$(cat "$daemon_json")" .runtimes.dri

	rm "$BATS_TEST_TMPDIR/bin/dockerd"
	uninstall
	install
	assert_success
	assert_says 'Not checked: dockerd is not on PATH'
}
