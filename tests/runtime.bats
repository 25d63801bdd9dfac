#!/usr/bin/env bats
# runtime.bats - dri-runtime: the real runtime in everything, and for containers that
# asked for a GPU the edit of config.json. With real runc and crun; where only the way
# to the runtime matters, with a stand-in for it.

# What jq, sh and python3 are to run stands in single quotes; bats and the helpers set
# variables that shellcheck does not see set or used.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/common

setup_file () { start_runtime_bed; }
teardown_file () { finish_broker; }

setup ()
{
	scratch=$BATS_TEST_TMPDIR
	config=$scratch/own-config.json
	RUNTIME=runc CGROUP=v1
}

teardown () { end_test; }

# runtimes NAME...: what the configuration of this test says
runtimes ()
{
	jq -n --args '{ runtimes: $ARGS.positional }' "$@" >"$config"
	export DRI_BROKER_CONFIG=$config
}

# applet NAME: $runtime is busybox's NAME, which goes by its argv[0]
applet ()
{
	mkdir -p "$scratch/applets"
	cp "$(command -v busybox)" "$scratch/applets/$1"
	runtime=$scratch/applets/$1
}

# stand_in: $runtime is a shell script, on standard input
stand_in ()
{
	runtime=$scratch/stand-in
	{ echo '#!/bin/bash' && cat; } >"$runtime"
	chmod 755 "$runtime"
}

bare () { "$BUILD/dri-runtime" --dri-oci-runtime "$runtime" "$@"; }

# children PID...: of a process
children () { cat /proc/"$1"/task/*/children 2>/dev/null; }
descriptors () { find "/proc/$1/fd" -mindepth 1 | wc -l; }
is_gone () { [[ ! -e /proc/$1 || $(awk '$1 == "State:" { print $2 }' "/proc/$1/status" 2>/dev/null) == [ZX] ]]; }
has_line () { [[ -e $1 ]] && grep -qxF -- "$2" "$1"; }
says () { [[ -e $1 ]] && grep -qF -- "$2" "$1"; }
process_state () { [[ $(awk '$1 == "State:" { print $2 }' "/proc/$1/status") == "$2" ]]; }

# in_background COMMAND...: $background is the command's process, also below with_cgroup
in_background ()
{
	rm -f "$scratch/background"
	# A shell has its background commands ignore SIGINT and SIGQUIT; this one does not.
	command -p python3 -c '
import os, signal, sys
signal.signal (signal.SIGINT, signal.SIG_DFL)
signal.signal (signal.SIGQUIT, signal.SIG_DFL)
signal.signal (signal.SIGHUP, signal.SIG_DFL)
signal.signal (signal.SIGPIPE, signal.SIG_DFL)
open (sys.argv[1], "w").write ("%d\n" % os.getpid ())
os.execvp (sys.argv[2], sys.argv[2:])' "$scratch/background" "$@" 3>&- &
	job=$!
	wait_until 20 test -s "$scratch/background"
	background=$(<"$scratch/background")
}

# ended_with STATUS: what is in the background
ended_with ()
{
	local code=0
	wait_until 30 is_gone "$background" || return
	wait "$job" || code=$?
	assert_equal "$code" "$1"
}

# in_view COMMAND...: the prefix that with_cgroup is, as a program
in_view ()
{
	in_background bash -c '. "$0/tests/lib/common.bash"; with_cgroup_exec () { exec unshare "$@"; }
		unshare () { with_cgroup_exec "$@"; }; with_cgroup v1 "$@"' "$REPO" "$@"
}

# --- the same as the real runtime ---

# lifecycle NAME PROGRAM: runs a container through every verb, and prints all that the
# program said and did, without what is different each time
lifecycle ()
{
	local out=$scratch/out err=$scratch/err
	mkdir -p "$scratch/spec"
	step ()
	{
		echo "== $*"
		"$program" --root "$scratch/root" "$@" </dev/null >"$out" 2>"$err"
		echo "exit $?"
		sed 's/^/1 /' "$out"
		sed 's/^/2 /' "$err"
	}
	local program=$2 at_end
	rm -f "$scratch"/spec/config.json
	step create --bundle "$bundle" --pid-file "$scratch/pid" c
	[[ $(<"$scratch/pid") == +([0-9]) ]] && echo 'there is a pid file'
	step create --bundle "$bundle" c
	step state c
	step list
	step list -q
	step start c
	step start c
	step ps c
	step exec c sh -c 'echo to stdout; echo to stderr >&2; exit 3'
	step exec --env A=B --cwd /tmp --user 1000 c sh -c 'echo $A $PWD; id'
	step exec c no-such-program
	step pause c
	step state c
	step resume c
	step update --pids-limit 50 c
	step exec c sh -c 'exit 0'
	step kill c KILL
	wait_until 20 is_gone "$(<"$scratch/pid")"
	step delete c
	for at_end in state start delete kill exec pause resume ps; do step "$at_end" c; done
	step delete --force c
	step run --bundle "$bundle/missing" d
	step create --bundle "$bundle"
	step spec --bundle "$scratch/spec"
	step --version
	step --help
	step create --help
	step features
	step no-such-verb
	step --no-such-option list
	step --log-level
	[[ $1 != runc ]] || { step run --bundle "$bundle" -no-such-option c; step list --format json; }
}

# differences_of_runs: numbers of four digits and more, times, lengths of life
without_differences ()
{
	sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?/TIME/g; s/[0-9]{3,}/NUMBER/g; s/NUMBER +[0-9]+/NUMBER/g; s/ +/ /g; s/^(1 root NUMBER) [0-9]+ [0-9:]{5}/\1 CPU TIME/'
}

same_in_every_verb ()
{
	runtimes "$1"
	quick_bundle plain /bin/sleep 60
	export -f lifecycle is_gone wait_until fail
	export bundle scratch
	with_cgroup v1 bash -O extglob -c 'lifecycle "$@"' - "$1" "$(command -v "$1")" | without_differences >"$scratch/real"
	with_cgroup v1 bash -O extglob -c 'lifecycle "$@"' - "$1" "$BUILD/dri-runtime" | without_differences >"$scratch/ours"
	# What was compared is what was meant.
	for line in 'there is a pid file' '1 to stdout' '2 to stderr' 'exit 3'; do
		grep -qxF "$line" "$scratch/real" || fail "the real runtime did not say: $line" "$(<"$scratch/real")" || return
	done
	(($(grep -c '^== ' "$scratch/real") > 30))
	diff -u "$scratch/real" "$scratch/ours"
}

@test "every verb of runc has the same output, errors and exit code through dri-runtime" { same_in_every_verb runc; }
@test "every verb of crun has the same output, errors and exit code through dri-runtime" { same_in_every_verb crun; }

@test "without arguments dri-runtime is the real runtime without arguments" {
	local name
	for name in runc crun; do
		runtimes "$name"
		run --separate-stderr "$name"
		local real="$status $output $stderr"
		run --separate-stderr "$BUILD/dri-runtime"
		assert_equal "$status $output $stderr" "$real"
	done
}

@test "runc's events are the same through dri-runtime" {
	quick_bundle plain /bin/sleep 60
	dri_runtime run -d --bundle "$bundle" c </dev/null >/dev/null 2>&1
	# runc's own threads, until it is the workload.
	wait_until 20 has_one_process
	run dri_runtime events --stats c
	assert_success
	assert_json "$output" '.type == "stats" and .id == "c" and .data.pids.current == 1'
}
has_one_process () { dri_runtime events --stats c | jq -e '.data.pids.current == 1' >/dev/null; }

@test "run ends with the exit code of the container, opted in or not" {
	local code
	for RUNTIME in runc crun; do
		for code in 0 7; do
			quick_bundle "code$code" /bin/sh -c "exit $code"
			run dri_runtime run --bundle "$bundle" plain
			assert_equal "$status" "$code"
			opt_in "$bundle"
			run dri_runtime run --bundle "$bundle" opted-in
			assert_equal "$status" "$code"
		done
	done
}

@test "run ends with 137 when the container is killed, opted in or not" {
	quick_bundle sleeper /bin/sh -c 'echo ready; exec sleep 60'
	local asked
	for asked in plain opted-in; do
		[[ $asked == plain ]] || opt_in "$bundle"
		in_view "$BUILD/dri-runtime" --dri-oci-runtime runc --root "$scratch/state" run --bundle "$bundle" "$asked" >"$scratch/$asked.out"
		wait_until 10 has_line "$scratch/$asked.out" ready
		dri_runtime kill "$asked" KILL
		ended_with 137
	done
}

@test "on cgroup v2 runc runs an opted-in container through the gate" {
	quick_bundle v2 /bin/sh -c 'ls /dev/dri; exit 7'
	opt_in "$bundle"
	CGROUP=v2 run dri_runtime run --bundle "$bundle" v2
	assert_failure 7
	assert_says renderD128
}

# --- arguments ---

@test "argv[0] of the real runtime is its path" {
	applet sh
	run bare -c 'echo "$0"'
	assert_output "$runtime"
	# The way of a container that opted in is another one.
	stand_in <<<'tr "\0" "\n" </proc/$PPID/cmdline | head -1; tr "\0" "\n" </proc/$$/cmdline'
	cp "$(command -v busybox)" "$scratch/applets/echo"
	runtime=$scratch/applets/echo
	quick_bundle b true
	opt_in "$bundle"
	run bare create --bundle "$bundle" b
	assert_output "create --bundle $bundle b"
}

@test "--dri-oci-runtime is taken in both spellings and at any place before the verb" {
	applet echo
	run "$BUILD/dri-runtime" "--dri-oci-runtime=$runtime" --root r state id
	assert_output '--root r state id'
	run "$BUILD/dri-runtime" --root r --dri-oci-runtime "$runtime" --debug state id
	assert_output '--root r --debug state id'
	run "$BUILD/dri-runtime" --log "--dri-oci-runtime=$runtime" --dri-oci-runtime "$runtime" list
	assert_output "--log --dri-oci-runtime=$runtime list"
}

@test "--dri-oci-runtime behind the verb belongs to others" {
	applet echo
	run bare exec id prog --dri-oci-runtime /bin/false
	assert_output 'exec id prog --dri-oci-runtime /bin/false'
	run bare exec id --dri-oci-runtime=/bin/false
	assert_output 'exec id --dri-oci-runtime=/bin/false'
	run bare kill id --dri-oci-runtime
	assert_output 'kill id --dri-oci-runtime'
}

@test "--dri-oci-runtime without a value is refused" {
	run "$BUILD/dri-runtime" --dri-oci-runtime
	assert_failure
	assert_says 'dri-oci-runtime'
}

@test "empty, odd and very many arguments arrive as they are" {
	applet printf
	run bare '<%s>' '' ' a  b ' $'line\nline' '$HOME' '*' --
	assert_output "<>< a  b ><line"$'\n'"line><\$HOME><*><-->"
	applet echo
	# shellcheck disable=SC2046
	run bare state $(seq 20000)
	assert_output "state $(seq -s ' ' 20000)"
}

@test "the environment arrives as it is" {
	applet env
	run env -i "DRI_BROKER_CONFIG=$scratch/none" "A=b c" EMPTY= "$BUILD/dri-runtime" --dri-oci-runtime "$runtime"
	assert_output "DRI_BROKER_CONFIG=$scratch/none"$'\n''A=b c'$'\n''EMPTY='
}

@test "global options in runc's spelling with one dash do not hide the verb" {
	applet true
	quick_bundle one-dash true
	opt_in "$bundle"
	bare -root "$scratch/state" create -bundle "$bundle" one-dash
	assert_json "$(<"$bundle/config.json")" '.annotations["io.dri.lease"]'
}

@test "a bundle is found by -b, --bundle, --bundle= and as the working directory" {
	local spelling
	applet true
	for spelling in "-b BUNDLE id" "--bundle BUNDLE id" "--bundle=BUNDLE id" "id --bundle BUNDLE" "id"; do
		quick_bundle b true
		opt_in "$bundle"
		# shellcheck disable=SC2086
		(cd "$bundle" && bare create ${spelling/BUNDLE/$bundle})
		assert_json "$(<"$bundle/config.json")" '.annotations["io.dri.lease"]' || fail "with: $spelling"
	done
}

@test "crun's --config names the file to be edited" {
	quick_bundle b /bin/ls /dev/dri
	opt_in "$bundle"
	mv "$bundle/config.json" "$bundle/other.json"
	RUNTIME=crun run dri_runtime run --bundle "$bundle" --config "$bundle/other.json" c
	assert_success
	assert_says renderD128
}

# --- which runtime ---

@test "the first runtime of the configuration that is found is used" {
	local first
	applet echo
	first=$runtime
	applet printf
	runtimes no-such-runtime /no/such/path "$scratch" "$BATS_FILE_TMPDIR/rootfs/etc/passwd" "$first" "$runtime"
	run "$BUILD/dri-runtime" %s
	assert_output %s
}

@test "without a configuration the runtime is runc" {
	export DRI_BROKER_CONFIG=$scratch/none
	run "$BUILD/dri-runtime" --version
	assert_success
	assert_says 'runc version'
}

@test "no runtime found: the message says what to do, also in the log" {
	runtimes no-such-runtime
	run "$BUILD/dri-runtime" --log "$scratch/log" --log-format json create --bundle "$scratch" c
	assert_failure
	assert_says 'install runc or crun'
	assert_json "$(tail -1 "$scratch/log")" '.level == "error" and (.msg | test("install runc or crun"))'
	run "$BUILD/dri-runtime" --dri-oci-runtime /no/such/runtime list
	assert_failure
	assert_says /no/such/runtime
}

# made_by RUNTIME CONFIGURATION: a container of the runtime goes through every verb when
# the configuration has become another one
made_by ()
{
	configured () { with_cgroup v1 "$BUILD/dri-runtime" --root "$scratch/state" "$@"; }
	quick_bundle b /bin/sleep 60
	runtimes "$1"
	configured create --bundle "$bundle" --pid-file "$scratch/pid" c </dev/null >/dev/null 2>&1
	echo "$2" >"$config"
	run configured state c
	assert_json "$output" '.id == "c" and .status == "created"'
	configured start c
	run configured exec c sh -c 'echo inside'
	assert_output inside
	run configured ps c
	assert_success
	configured kill c KILL
	wait_until 20 is_gone "$(<"$scratch/pid")"
	run configured delete c
	assert_success
	[[ ! -e $scratch/state/c ]]
}

@test "a container stays with the runtime that made it when the configuration names another" {
	made_by crun '{ "runtimes": ["runc"] }'
	made_by runc '{ "runtimes": ["crun"] }'
	made_by crun '{ "runtimes": ["no-such-runtime"] }'
}

@test "a broken configuration keeps no container that is there from being ended" {
	made_by crun '{ "runtimes": ["crun"'
	made_by crun '{ "runtime": ["crun"] }'
	made_by runc ''
}

@test "--dri-oci-runtime is used for a container of another runtime too" {
	mkdir -p "$scratch/state/c"
	touch "$scratch/state/c/status"
	applet echo
	run bare --root "$scratch/state" state c
	assert_output "--root $scratch/state state c"
}

@test "dri-runtime never takes itself for the real runtime" {
	local self
	ln -s "$BUILD/dri-runtime" "$scratch/symbolic"
	ln "$BUILD/dri-runtime" "$scratch/hard" || cp "$BUILD/dri-runtime" "$BUILD/dri-runtime.hard"
	applet echo
	for self in "$BUILD/dri-runtime" "$scratch/symbolic" "$scratch/hard"; do
		[[ -e $self ]] || continue
		run timeout 10 "$BUILD/dri-runtime" --dri-oci-runtime "$self" list
		assert_failure 1
		assert_says 'dri-runtime itself'
		runtimes "$self" "$runtime"
		run timeout 10 "$BUILD/dri-runtime" passed
		assert_output passed
		runtimes "$self"
		run timeout 10 "$self" passed
		assert_failure 1
		assert_says 'no OCI runtime found'
	done
}

# --- what an opted-in container's runtime is given ---

@test "pipes carry data both ways" {
	quick_bundle cat /bin/cat
	opt_in "$bundle"
	head -c 1000000 /dev/urandom >"$scratch/data"
	dri_runtime run --bundle "$bundle" c <"$scratch/data" | cat >"$scratch/copy"
	cmp "$scratch/data" "$scratch/copy"
}

@test "stdout and stderr of the container stay apart" {
	quick_bundle apart /bin/sh -c 'echo one; echo two >&2'
	opt_in "$bundle"
	dri_runtime run --bundle "$bundle" c </dev/null >"$scratch/out" 2>"$scratch/err"
	assert_equal "$(<"$scratch/out")" one
	assert_equal "$(<"$scratch/err")" two
}

@test "--preserve-fds hands extra descriptors to the container" {
	quick_bundle fds /bin/sh -c 'cat <&3; cat <&4'
	echo three >"$scratch/3"
	echo four >"$scratch/4"
	local asked
	for RUNTIME in runc crun; do
		for asked in plain opted-in; do
			[[ $asked == plain ]] || opt_in "$bundle"
			run --separate-stderr dri_runtime run --preserve-fds 2 --bundle "$bundle" "$RUNTIME" 3<"$scratch/3" 4<"$scratch/4"
			assert_output $'three\nfour'
		done
	done
}

@test "LISTEN_FDS reach the container" {
	quick_bundle listen /bin/sh -c 'echo $LISTEN_FDS; cat <&3'
	echo three >"$scratch/3"
	local asked
	for asked in plain opted-in; do
		[[ $asked == plain ]] || opt_in "$bundle"
		run with_cgroup v1 bash -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' - "$BUILD/dri-runtime" --dri-oci-runtime runc \
			--root "$scratch/state" run --bundle "$bundle" c 3<"$scratch/3"
		assert_output $'1\nthree'
	done
}

@test "the runtime of an opted-in container has the same descriptors, signals and limits as without us" {
	local fact real
	stand_in <<-'END'
		for fd in /proc/self/fd/*; do readlink "$fd"; done | sort -u | grep -v "^/proc\|$0"
		grep -E '^(Sig|Shd|NoNewPrivs|Seccomp|Cap|Groups)' /proc/self/status | grep -v SigQ
		ulimit -a
		umask
		pwd
		ps -o pgid=,sid= $$
	END
	quick_bundle same true
	opt_in "$bundle"
	real=$(trap '' USR1; umask 027; cd /usr; "$runtime" create --bundle "$bundle" same)
	fact=$(trap '' USR1; umask 027; cd /usr; bare create --bundle "$bundle" same)
	assert_equal "$(grep -v pipe: <<<"$fact")" "$(grep -v pipe: <<<"$real")"
	[[ $real == *SigIgn* && $real == *0027* ]]
}

# typed COMMAND...: runs it on a terminal of its own, with a line typed into it when it has said which that is
typed ()
{
	local shown=$scratch/typescript
	{ wait_until 30 says "$shown" /dev/pts/0; echo typed; wait_until 30 says "$shown" 'got typed'; } |
		timeout 60 script -qefc "$(printf '%q ' "$@")" "$shown"
}

@test "a terminal works in run of an opted-in container" {
	quick_bundle tty /bin/sh -c 'test -t 0 && test -t 1 && tty; read line; echo "got $line"; exit 9'
	edit_config "$bundle" '.process.terminal = true'
	opt_in "$bundle"
	run typed bash -c '. "$0/tests/lib/common.bash"; with_cgroup v1 "$@"' "$REPO" \
		"$BUILD/dri-runtime" --dri-oci-runtime runc --root "$scratch/state" run --bundle "$bundle" c
	assert_failure 9
	assert_says /dev/pts/0
	assert_says 'got typed'
}

# console_socket: receives a terminal on $scratch/console.sock and copies what it says to $scratch/console
console_socket ()
{
	command -p python3 - "$scratch" 3>&- <<-'END' &
		import array, os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1] + '/console.sock')
		s.listen()
		c = s.accept()[0]
		message, ancillary, _, _ = c.recvmsg(4096, 1024)
		fd = array.array('i', ancillary[0][2])[0]
		with open(sys.argv[1] + '/console', 'wb', 0) as out:
		    try:
		        while True:
		            out.write(os.read(fd, 4096))
		    except OSError:
		        pass
	END
	background=$!
	wait_until 20 listens "$scratch/console.sock"
}

@test "--console-socket gets the terminal of an opted-in container" {
	for RUNTIME in runc crun; do
		rm -f "$scratch"/console*
		console_socket
		quick_bundle b /bin/sh -c 'tty; ls /dev/dri'
		edit_config "$bundle" '.process.terminal = true'
		opt_in "$bundle"
		dri_runtime create --bundle "$bundle" --console-socket "$scratch/console.sock" "$RUNTIME" </dev/null >/dev/null 2>&1
		dri_runtime start "$RUNTIME"
		wait_until 10 says "$scratch/console" renderD128
		says "$scratch/console" /dev/pts/0
	done
}

# --- signals in run of an opted-in container ---

@test "TERM and INT to dri-runtime reach the container" {
	local signal
	for RUNTIME in runc crun; do
		quick_bundle trap /bin/sh -c 'trap "exit 42" TERM; trap "exit 43" INT; echo ready; while :; do sleep 0.1; done'
		opt_in "$bundle"
		for signal in TERM:42 INT:43; do
			rm -f "$scratch/out"
			in_view "$BUILD/dri-runtime" --dri-oci-runtime "$RUNTIME" --root "$scratch/state" run --bundle "$bundle" "$RUNTIME" >"$scratch/out"
			wait_until 10 has_line "$scratch/out" ready
			kill -s "${signal%:*}" "$background"
			ended_with "${signal#*:}"
		done
	done
}

@test "every signal that can be caught is passed on to the runtime" {
	local signal signals='HUP INT QUIT USR1 USR2 TERM WINCH ALRM PIPE CONT URG'
	stand_in <<-END
		for s in $signals; do trap "echo \$s" \$s; done
		echo ready
		while :; do sleep 0.05; done
	END
	quick_bundle b true
	opt_in "$bundle"
	in_background "$BUILD/dri-runtime" --dri-oci-runtime "$runtime" run --bundle "$bundle" b >"$scratch/out"
	wait_until 20 has_line "$scratch/out" ready
	for signal in $signals; do
		kill -s "$signal" "$background"
		wait_until 20 has_line "$scratch/out" "$signal"
	done
	assert_equal "$(wc -l <"$scratch/out")" 12
}

@test "a runtime that dies by a signal makes dri-runtime die by it" {
	stand_in <<<'kill -s SEGV $$'
	quick_bundle b true
	opt_in "$bundle"
	run command -p python3 -c 'import subprocess, sys; print (subprocess.run (sys.argv[1:]).returncode)' \
		"$BUILD/dri-runtime" --dri-oci-runtime "$runtime" create --bundle "$bundle" b
	assert_output -11
	assert_equal "$(find "$bundle" "$PWD" -maxdepth 1 -name 'core*')" ''
}

# sleeping_runtime: $background is the dri-runtime of an opted-in container, $child its runtime
sleeping_runtime ()
{
	stand_in <<<'echo ready; exec sleep 60'
	quick_bundle b true
	opt_in "$bundle"
	in_background "$BUILD/dri-runtime" --dri-oci-runtime "$runtime" run --bundle "$bundle" b >"$scratch/out"
	wait_until 20 has_line "$scratch/out" ready
	child=$(children "$background")
	child=${child// }
}

@test "dri-runtime killed with KILL takes the runtime with it, and the lease goes" {
	sleeping_runtime
	[[ $child ]]
	! no_lease || fail 'it had none'
	kill -s KILL "$background"
	wait_until 20 is_gone "$child"
	wait_until 20 no_lease
}

@test "a runtime that stops makes dri-runtime stop, and go on with it" {
	sleeping_runtime
	kill -s STOP "$child"
	wait_until 20 process_state "$child" T
	wait_until 20 process_state "$background" T
	kill -s CONT "$background"
	wait_until 20 process_state "$child" S
	wait_until 20 process_state "$background" S
}

# --- not opted in ---

# odd_config: $bundle has a config.json that no JSON library would write again as it is
odd_config ()
{
	quick_bundle odd "$@"
	command -p python3 - "$bundle/config.json" <<-'END'
		import sys
		text = open(sys.argv[1]).read()
		text = '\t \r\n' + text.replace('"hostname": "bundle"', '''"hostname" :"first",  "hostname": "b\\u0075ndle"
		  , "x": [18446744073709551615, 1.10, 1e400, -0, 1E+2, 9223372036854775808, 123456789012345678901234567890],
		  "dri.enable": "true", "y": "\\/ \\u00e9 \u00e9"''', 1) + '\n\n'
		open(sys.argv[1], 'w').write(text)
	END
}

fingerprint () { sha256sum "$1"; stat -c '%i %y %z %a %u:%g' "$1"; ls -A "${1%/*}"; }

@test "config.json of a container that did not opt in is not touched" {
	local before real
	for RUNTIME in runc crun; do
		odd_config /bin/hostname
		before=$(fingerprint "$bundle/config.json")
		# Of two hostnames runc takes the last and crun the first.
		real=$(with_cgroup v1 "$RUNTIME" --root "$scratch/state" run --bundle "$bundle" "$RUNTIME")
		run dri_runtime run --bundle "$bundle" "$RUNTIME"
		assert_success
		assert_output "$real"
		assert_equal "$(fingerprint "$bundle/config.json")" "$before"
	done
}

@test "dri.enable=false and other words of the kind do not count as opting in" {
	applet true
	local before word
	for word in '"dri.enable": "false"' '"dri.gpu": "any"' '"dri-enable": "true"' '"x.dri.enable": "true"'; do
		quick_bundle b true
		edit_config "$bundle" ".annotations = { $word } | .process.env += [\"DRI_PRIME=1\", \"DRI_ENABLED=true\"]"
		before=$(fingerprint "$bundle/config.json")
		bare create --bundle "$bundle" b
		assert_equal "$(fingerprint "$bundle/config.json")" "$before"
	done
}

@test "nobody but an opted-in container makes a connection to the broker" {
	local verb
	# A sanitized build cannot look for leaks under strace.
	export ASAN_OPTIONS=detect_leaks=0
	quick_bundle b /bin/true
	applet true
	for verb in "create --bundle $bundle b" "run --bundle $bundle b" 'state b' 'start b' 'kill b' 'delete b' list 'ps b' \
		'pause b' 'exec b true' "exec --process $bundle/config.json b" features --version ''; do
		# Up to the exec of the runtime there is not even a socket or a process.
		# shellcheck disable=SC2086
		strace -f -qq -e trace=%network,clone,fork,vfork,clone3 -o "$scratch/trace" \
			"$BUILD/dri-runtime" --dri-oci-runtime "$runtime" $verb
		assert_equal "$(<"$scratch/trace")" '' || fail "with: $verb" || return
	done
	with_cgroup v1 strace -f -qq -e trace=connect -o "$scratch/trace" \
		"$BUILD/dri-runtime" --dri-oci-runtime runc --root "$scratch/state" run --bundle "$bundle" b
	run grep -F "$DRI_BROKER_SOCKET" "$scratch/trace"
	assert_failure 1
	# The same eyes see the connection of one that did opt in.
	opt_in "$bundle"
	strace -f -qq -e trace=connect -o "$scratch/trace" "$BUILD/dri-runtime" --dri-oci-runtime "$runtime" \
		create --bundle "$bundle" b
	grep -qF "$DRI_BROKER_SOCKET" "$scratch/trace"
}

# --- the edit ---

# edited [KEY=VALUE]...: opts $bundle in and edits it; the runtime under it does nothing
edited ()
{
	opt_in "$bundle" "$@"
	cp "$bundle/config.json" "$scratch/before.json"
	applet true
	bare create --bundle "$bundle" edited
}

@test "numbers, unknown fields, texts and the order of everything survive the edit" {
	odd_config true
	edit_unparsed "$bundle/config.json"
	cp "$bundle/config.json" "$scratch/before.json"
	applet true
	bare create --bundle "$bundle" edited
	command -p python3 - "$scratch/before.json" "$bundle/config.json" <<-'END'
		import json, sys

		class Number(str):
		    pass

		def load(path):
		    keep = lambda text: Number('number ' + text)
		    return json.load(open(path), parse_int=keep, parse_float=keep, parse_constant=keep)

		def ours(value):
		    """Takes out what dri-runtime is to add."""
		    value['mounts'] = [m for m in value['mounts'] if m['destination'] != '/dev/dri']
		    rules = value['linux']['resources']['devices']
		    value['linux']['resources']['devices'] = [r for r in rules if r.get('minor') != 'number 229']
		    value['process']['user'].pop('additionalGids', None)
		    value['annotations'].pop('io.dri.lease', None)
		    value['annotations'].pop('io.dri.gids', None)
		    value.pop('hooks', None)
		    return json.dumps(value)

		before, after = load(sys.argv[1]), load(sys.argv[2])
		assert 'hooks' in after and 'hooks' not in before
		assert json.dumps(before) != json.dumps(after)
		b, a = ours(before), ours(after)
		assert a == b, '\n%s\n%s' % (b, a)
		for number in '18446744073709551615', '1.10', '1e400', '-0', '1E+2', '9223372036854775808', '123456789012345678901234567890':
		    assert 'number ' + number in a, number
	END
}

# edit_unparsed FILE: opts in by text, for what jq would change
edit_unparsed () { sed -i '0,/"hostname"/s//"annotations": {"z": "1", "dri.enable": "true", "a": "2"}, "hostname"/' "$1"; }

@test "an unlimited ulimit (18446744073709551615) works with real runc and crun" {
	for RUNTIME in runc crun; do
		quick_bundle ulimit /bin/sh -c 'ulimit -c; ls /dev/dri'
		opt_in "$bundle"
		sed -i '0,/"hostname"/s//"x": 18446744073709551615, "hostname"/; 0,/"noNewPrivileges"/s//"rlimits": [{"type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 18446744073709551615}], "noNewPrivileges"/' "$bundle/config.json"
		run dri_runtime run --bundle "$bundle" "$RUNTIME"
		assert_success
		assert_equal "${lines[0]}" unlimited
		assert_says renderD128
		grep -qF '18446744073709551615,"soft":18446744073709551615' "$bundle/config.json" ||
			grep -qF '18446744073709551615' "$bundle/config.json"
	done
}

# without_lease FILE: the document with the lease's id made the same
without_lease () { sed -E 's/[0-9a-f]{32}/LEASE/g' "$1"; }

@test "editing twice is editing once" {
	quick_bundle b true
	edited nodes=render,card gpu=all wait=0s
	local once
	once=$(without_lease "$bundle/config.json")
	bare create --bundle "$bundle" edited
	bare create --bundle "$bundle" edited
	assert_equal "$(without_lease "$bundle/config.json")" "$once"
}

@test "the edit adds one read-only mount, one rule for each node, the group, our mark and two hooks" {
	quick_bundle b true
	edited
	local lease
	lease=$(jq -r '.annotations["io.dri.lease"]' "$bundle/config.json")
	[[ $lease == +([0-9a-f]) && ${#lease} == 32 ]]
	assert_json "$(<"$bundle/config.json")" '
		($before[0].mounts | length) as $n
		| .mounts[:$n] == $before[0].mounts
		and .mounts[$n:] == [{ destination: "/dev/dri", type: "bind", source: ($root + "/" + $lease),
			options: ["bind", "ro", "nosuid", "noexec"] }]
		and (.linux.resources.devices - $before[0].linux.resources.devices)
			== [{ allow: true, type: "c", major: 10, minor: 229, access: "rw" }]
		and .linux.devices == $before[0].linux.devices
		and .process.user == { uid: 0, gid: 0, additionalGids: [992] }
		and .annotations["io.dri.gids"] == "992"
		and (.hooks | keys) == ["createRuntime", "poststop"]
		and all(.hooks[][]; .path == $hook and .env == ["DRI_BROKER_SOCKET=" + $socket] and .timeout > 0)
		and (.hooks.createRuntime | length) == 1 and (.hooks.poststop | length) == 1
		and .hooks.poststop[0].args[:4] == ["dri-hook", "poststop", "--lease", $lease]' \
		--slurpfile before "$scratch/before.json" --arg root "$LEASE_ROOT" --arg lease "$lease" \
		--arg hook "$BUILD/dri-hook" --arg socket "$DRI_BROKER_SOCKET"
}

@test "dri.nodes=render,card opens the primary node too, and nothing else does" {
	quick_bundle b true
	edited
	assert_json "$(<"$bundle/config.json")" '[.linux.resources.devices[] | select(.major == 226)] == []'
	quick_bundle b true
	edited nodes=render,card
	assert_json "$(<"$bundle/config.json")" '[.linux.resources.devices[] | select(.major == 226)]
		== [{ allow: true, type: "c", major: 226, minor: 0, access: "rw" }]'
}

@test "the user's own hooks stay where they are, ours come behind" {
	quick_bundle b true
	edit_config "$bundle" '.hooks = { createRuntime: [{ path: "/bin/true" }], poststop: [{ path: "/bin/true", args: ["true"] }], startContainer: [] }'
	edited
	assert_json "$(<"$bundle/config.json")" '
		.hooks.createRuntime[0] == { path: "/bin/true" } and (.hooks.createRuntime | length) == 2
		and .hooks.poststop[0].path == "/bin/true" and (.hooks.poststop | length) == 2
		and (.hooks | keys_unsorted) == ["createRuntime", "poststop", "startContainer"]'
}

@test "what the user put at /dev/dri gives way, however it is spelled, and a warning says so" {
	quick_bundle b true
	edit_config "$bundle" '
		.mounts += [["/dev/dri", "/dev//dri/card0", "/./dev/dri/", "/dev/dri/by-path"][] | { destination: ., type: "bind", source: "/tmp" }]
		| .mounts += [["/dev/drive", "/dev/snd", "/opt/dev/dri"][] | { destination: ., type: "bind", source: "/tmp" }]
		| .linux.devices = [{ path: "/dev/dri/renderD128", type: "c", major: 226, minor: 128 }, { path: "/dev/snd/x", type: "c", major: 116, minor: 2 }]
		| .linux.resources.devices += [{ allow: true, type: "c", major: 226, minor: 128, access: "rwm" }, { allow: true, type: "c", major: 226, access: "rwm" },
			{ allow: true, type: "c", major: 116, minor: 2, access: "rwm" }]'
	opt_in "$bundle"
	applet true
	bare --log "$scratch/log" --log-format json create --bundle "$bundle" edited
	assert_json "$(<"$bundle/config.json")" '
		([.mounts[].destination | select(test("dri"))] == ["/dev/drive", "/opt/dev/dri", "/dev/dri"])
		and ([.mounts[].destination | select(. == "/dev/snd")] | length) == 1
		and [.linux.devices[].path] == ["/dev/snd/x"]
		and ([.linux.resources.devices[] | select(.major == 226)] == [])
		and ([.linux.resources.devices[] | select(.major == 116)] | length) == 1'
	assert_json "$(jq -s . "$scratch/log")" 'all(.level == "warning") and (map(.msg) | join(" ") | test("/dev/dri/renderD128") and test("gives way"))'
}

@test "the user's devices and mounts at /dev/dri, and privileged, run with real runc and crun" {
	for RUNTIME in runc crun; do
		quick_bundle b /bin/sh -c 'ls /dev/dri; : <>/dev/dri/renderD128 && echo opened; touch /dev/dri/x || echo read-only'
		edit_config "$bundle" '
			.mounts += [{ destination: "/dev/dri/card7", type: "bind", source: "/dev/null", options: ["bind"] }]
			| .linux.devices = [{ path: "/dev/dri/renderD128", type: "c", major: 226, minor: 128, fileMode: 438, uid: 0, gid: 0 }]
			| .linux.resources.devices += [{ allow: true, access: "rwm" }]'
		opt_in "$bundle"
		run --separate-stderr dri_runtime run --bundle "$bundle" "$RUNTIME"
		assert_success
		assert_equal "${lines[*]}" 'by-path renderD128 opened read-only'
	done
}

@test "the workload opens the node as user 1000, without a matching host group in the image" {
	for RUNTIME in runc crun; do
		quick_bundle b /bin/sh -c 'id -G; stat -c "%u:%g %a %n" /dev/dri/renderD128; : <>/dev/dri/renderD128 && echo opened'
		edit_config "$bundle" '.process.user = { uid: 1000, gid: 1000 } | .process.capabilities = {}'
		opt_in "$bundle"
		run dri_runtime run --bundle "$bundle" "$RUNTIME"
		assert_success
		assert_equal "${lines[0]}" '1000 992'
		assert_equal "${lines[1]}" '1000:1000 660 /dev/dri/renderD128' || assert_equal "${lines[1]}" '1000:992 660 /dev/dri/renderD128'
		assert_equal "${lines[2]}" opened
	done
}

@test "a container that did not opt in has no /dev/dri" {
	quick_bundle b /bin/ls /dev/dri
	run dri_runtime run --bundle "$bundle" b
	assert_failure 1
	assert_says 'No such file'
}

@test "a word behind dri. that is unknown refuses the start and names the nearest" {
	applet true
	quick_bundle b true
	opt_in "$bundle" acess=shared
	run bare create --bundle "$bundle" b
	assert_failure 1
	assert_says 'container b'
	assert_says dri.access
	quick_bundle b true
	opt_in "$bundle" access=exclusiv
	run bare create --bundle "$bundle" b
	assert_failure 1
	assert_says exclusive
	no_lease
}

@test "mode and owner of config.json survive the edit, and nothing else is left in the bundle" {
	quick_bundle b true
	opt_in "$bundle"
	chmod 640 "$bundle/config.json"
	chown 1000:1001 "$bundle/config.json"
	applet true
	bare create --bundle "$bundle" b
	assert_json "$(<"$bundle/config.json")" '.annotations["io.dri.lease"]'
	assert_equal "$(stat -c '%a %u:%g' "$bundle/config.json")" '640 1000:1001'
	assert_equal "$(ls "$bundle")" $'config.json\nrootfs'
}

# --- exec ---

# exec_process ID: a process file for exec, with nothing of ours; $process
exec_process ()
{
	process=$scratch/process.json
	jq --args '{ args: $ARGS.positional, cwd: "/", user: { uid: 1000, gid: 1000 }, env: ["PATH=/bin"], capabilities: {}, x: 1 }' \
		-n -- /bin/sh -c 'id -G; : <>/dev/dri/renderD128 && echo opened' >"$process"
	sed -i 's/"x": 1/"x": 1.10/' "$process"
}

@test "exec --process into an opted-in container has its groups" {
	for RUNTIME in runc crun; do
		quick_bundle b /bin/sleep 60
		opt_in "$bundle"
		dri_runtime run -d --bundle "$bundle" "$RUNTIME" </dev/null >/dev/null 2>&1
		exec_process
		run dri_runtime exec --process "$process" "$RUNTIME"
		assert_success
		assert_output $'1000 992\nopened'
		assert_json "$(<"$process")" '.user.additionalGids == [992]'
		grep -qF 1.10 "$process"
		# Once is enough.
		dri_runtime exec --process="$process" "$RUNTIME"
		assert_json "$(<"$process")" '.user.additionalGids == [992]'
	done
}

@test "exec --process into a container that did not opt in leaves the file alone, whatever its annotations" {
	local before
	for RUNTIME in runc crun; do
		quick_bundle b /bin/sleep 60
		edit_config "$bundle" '.annotations += { "io.dri.gids": "0,6,992", "io.dri.lease": "0123456789abcdef0123456789abcdef" }'
		dri_runtime run -d --bundle "$bundle" "$RUNTIME" </dev/null >/dev/null 2>&1
		exec_process
		before=$(fingerprint "$process")
		# runc copies the two streams one beside the other.
		run --separate-stderr dri_runtime exec -p "$process" "$RUNTIME"
		assert_equal "${lines[0]}" 1000
		[[ $output != *opened* ]]
		assert_equal "$(fingerprint "$process" | head -2)" "$(head -2 <<<"$before")"
	done
}

@test "exec ends with the exit code of its command" {
	quick_bundle b /bin/sleep 60
	opt_in "$bundle"
	dri_runtime run -d --bundle "$bundle" b </dev/null >/dev/null 2>&1
	run dri_runtime exec b sh -c 'cat; exit 5' <<<typed
	assert_failure 5
	assert_output typed
}

# --- at the end ---

@test "delete, and the container's own end, take lease, directory and processes with them" {
	for RUNTIME in runc crun; do
		quick_bundle b /bin/sleep 60
		opt_in "$bundle"
		dri_runtime create --bundle "$bundle" "$RUNTIME" </dev/null >/dev/null 2>&1
		assert_json "$(leases)" 'length == 1 and .[0].state == "active" and .[0].ready.ok'
		assert_equal "$(lease_directories | wc -l)" 1
		dri_runtime start "$RUNTIME"
		dri_runtime delete --force "$RUNTIME"
		wait_until 20 no_lease
		edit_config "$bundle" '.process.args = ["/bin/true"]'
		dri_runtime run --bundle "$bundle" "$RUNTIME"
		wait_until 20 no_lease
	done
	assert_equal "$(pgrep -f "^$BUILD/dri-(hook|runtime)")$(pgrep -f "dri-hook.*$scratch")" ''
}

@test "thirty opted-in containers leave no lease, directory, descriptor or zombie" {
	local fds processes
	quick_bundle b /bin/true
	opt_in "$bundle" gpu=igpu
	dri_runtime run --bundle "$bundle" first
	wait_until 20 no_lease
	fds=$(descriptors "$BROKER_PID")
	processes=$(children "$BROKER_PID")
	with_cgroup v1 bash -c 'for i in {1..10}; do for j in 1 2 3; do
			mkdir -p "$1/b$j"
			sed "s,/dri-bats-[0-9]*-b,&$j," "$1/b/config.json" >"$1/b$j/config.json"
			"$2" --dri-oci-runtime runc --root "$1/state" run --bundle "$1/b$j" "c$j" </dev/null || echo failed &
		done; wait; done' \
		- "$scratch" "$BUILD/dri-runtime" >"$scratch/out" 2>&1
	assert_equal "$(<"$scratch/out")" ''
	wait_until 20 no_lease
	# The last client's goes after its answer.
	few_descriptors () { (($(descriptors "$BROKER_PID") <= fds)); }
	wait_until 20 few_descriptors || fail "$(descriptors "$BROKER_PID") descriptors, $fds before"
	assert_equal "$(children "$BROKER_PID")" "$processes"
	assert_equal "$(pgrep -r Z 'dri-(runtime|hook)')" ''
}
