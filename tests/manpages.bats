#!/usr/bin/env bats
# manpages.bats - the manual pages: that they build, and that they say what the
# programs' --help says, and what the sources take.

load lib/common

pages=(drictl.1 dri-broker.7 dri-broker.8 dri-hook.8 dri-probe.8 dri-runtime.8)

source_of () { echo "$REPO/packaging/man/$1.scd"; }

# text_of PAGE: without markup, so that an option is one word
text_of () { sed -E 's/[*_]//g; s/\\//g' "$(source_of "$1")"; }

# options: those in a text, each once
options () { grep -oE -- '(^|[^a-z-])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u; }

# documented PAGE: the options that it documents; those of other programs stand behind
# their names ("*dri-broker --simulate*")
documented () { grep -oE '\*--[a-z-]+' "$(source_of "$1")" | tr -d '*' | sort -u; }

drictl_verbs () { "$BUILD/drictl" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'; }

# section NAME: of a page on stdin
section () { awk -v name="# $1" '/^# / { on = ($0 == name) } on'; }

teardown () { finish_broker; }

@test "every page builds, and there is no other" {
	local page
	assert_equal "$(cd "$REPO/packaging/man" && echo *)" "$(printf '%s\n' "${pages[@]/%/.scd}" | LC_ALL=C sort | xargs)"
	for page in "${pages[@]}"; do
		run bash -c "scdoc <'$(source_of "$page")'"
		assert_success
		assert_says ".TH \"${page%.*}\" \"${page##*.}\""
		assert_says 'EXIT STATUS'
		assert_says 'EXAMPLES'
	done
}

@test "no line of a page is too long, and nothing in it is of one machine only" {
	local page
	for page in "${pages[@]}"; do
		run grep -nE '.{125}' "$(source_of "$page")"
		assert_failure 1
		run grep -nE '/home/|/root/' "$(source_of "$page")"
		assert_failure 1
	done
}

@test "the options of --help are those of the pages" {
	local program
	for program in dri-broker.8 dri-hook.8 dri-probe.8; do
		assert_equal "$("$BUILD/${program%.*}" --help | options)" \
			"$(documented "$program")" || fail "of $program"
	done
	assert_equal "$({ "$BUILD/drictl" --help; drictl_verbs | xargs -I{} "$BUILD/drictl" {} --help; } | options)" \
		"$(documented drictl.1)"
}

@test "dri-runtime's own option stands in its page; its --help is the real runtime's" {
	local option
	while read -r option; do
		text_of dri-runtime.8 | section OPTIONS | grep -qFe "$option" || fail "not in the page: $option"
	done < <(grep -oE -- '"--dri-[a-z-]+"' "$REPO/oci/cmdline.c" | tr -d '"' | sort -u)
	run "$BUILD/dri-runtime" --dri-oci-runtime runc --help
	assert_output "$(runc --help)"
}

@test "the verbs of dri-hook stand in its page" {
	local verb
	for verb in createRuntime prestart poststop; do
		"$BUILD/dri-hook" --help | grep -qw "$verb"
		text_of dri-hook.8 | section SYNOPSIS | grep -qw "$verb"
	done
}

# The table of keys in dri-broker(7): what parses is there, and what is there parses.
@test "the keys are those that the sources take" {
	assert_equal "$(text_of dri-broker.7 | section KEYS | sed -nE 's/^\|  (dri\.[a-z-]+)$/\1/p' | sort)" \
		"$(grep -oE '"dri\.[a-z-]+"' "$REPO/oci/request.c" | tr -d '"' | sort -u)"
}

@test "every word that a key takes stands in the table, and every value in the table is taken" {
	local list word key value refused=()
	while read -r list; do
		while read -r word; do
			text_of dri-broker.7 | section KEYS | grep -qF -- "$word" || fail "not in the table: $word"
		done < <(grep -oE '"[^"]+"' <<<"$list" | tr -d '"')
	done < <(grep -E '^static const char \*const (booleans|nodes|accesses|classes|readies|failures|selectors|owners)\[\]' \
		"$REPO/oci/request_value.c")

	start_broker
	while read -r key value; do
		taken "$key" "$value" || refused+=("$key=$value")
	done <<-'END'
		enable false
		enable true
		gpu any
		gpu all
		gpu gpu0
		gpu pci:0000:00:02.0
		gpu driver:i915
		gpu vendor:intel
		gpu vendor:8086
		gpu vendor:0x8086
		gpu 8086:46d1
		gpu renderD129
		gpu driver:xe,any
		nodes render
		nodes render,card
		access shared
		access exclusive
		access monitor
		class interactive
		class realtime
		class batch
		slots 1
		slots 1000
		share 1%
		share 100%
		require h264-decode,hevc-encode
		ready auto
		ready off
		ready node
		ready driver
		ready vaapi
		wait 0s
		wait 60s
		wait 60000ms
		on-failure fail
		on-failure start-without
		on-failure defer
		role camera
		owner auto
		owner host
		owner 1000:1000
		owner 1000:1000:0777
	END
	for value in 'slots 0' 'slots 1001' 'share 0%' 'share 101%' 'wait 61s' 'wait 10' 'owner 1:1:1777' 'gpu vendor:acme' \
		'nodes card' 'ready yes'; do
		# shellcheck disable=SC2086 # two words
		! taken $value || refused+=("taken: $value")
	done
	assert_equal "${refused[*]}" ''
}

# taken KEY VALUE: is this not what the broker refuses an Acquire for? (What there is
# no GPU for is refused too, after the grammar.)
taken ()
{
	local reply
	reply=$(jq -nc --arg key "$1" --arg value "$2" '{ method: "io.dri.Broker.Acquire", parameters: {
			container: { id: "x" }, workload: { uid: 0, gid: 0 }, request: ({ wait: "0s" } + { ($key): $value }) } }' |
		python3 -c '
import os, socket, sys
s = socket.socket (socket.AF_UNIX)
s.connect (os.environ["DRI_BROKER_SOCKET"])
s.settimeout (10)
s.sendall (sys.stdin.read ().strip ().encode () + b"\0")
reply = b""
try:
    while not reply.endswith (b"\0"):
        reply += s.recv (65536)
except TimeoutError:
    reply = b"waits"
print (reply.rstrip (b"\0").decode ())')
	[[ $reply && $reply != *"dri.$1: "* ]]
}

@test "the configuration's keys are those that the sources take" {
	local keys
	keys=$(sed -nE 's/.*strcmp \(key, "([a-z-]+)"\) == 0.*/\1/p; s/^ +\{"([a-z-]+)", .*&out->.*/\1/p' "$REPO/oci/config.c" | sort -u)
	[[ $keys ]]
	assert_equal "$(text_of dri-broker.8 | section CONFIGURATION | sed -nE 's/^\t*([a-z-]+(, [a-z-]+)*) \(.*/\1/p' | sed 's/, /\n/g' | sort -u)" "$keys"
}

@test "the fixture's keys are those that the sources take" {
	local key
	while read -r key; do
		text_of dri-broker.8 | section FIXTURES | grep -qw -- "$key" || fail "not in the page: $key"
	done < <(sed -nE '/(gpu|node)_keys\[\]/,/;/p' "$REPO/broker/simulate.c" | grep -oE '"[a-z]+"' | tr -d '"' | sort -u)
}

@test "the methods and errors are those of the interface" {
	local word
	while read -r word; do
		text_of dri-broker.7 | section VARLINK | grep -qw "$word" || fail "not in the page: $word"
	done < <(grep -oE '"(method|error) [A-Z][A-Za-z]+' "$REPO/broker/interface.c" | cut -d ' ' -f 2)
}

@test "the members of Status stand in the page" {
	local member
	start_broker
	while read -r member; do
		text_of dri-broker.7 | section STATUS | grep -qw "$member" || fail "not in the page: $member"
	done < <("$BUILD/drictl" status --json | jq -r '.gpus[0] | keys[], (.slots, .ready | keys[])')
}

@test "README.md is a page, and its links lead somewhere" {
	local link
	(($(wc -l <"$REPO/README.md") <= 110))
	while read -r link; do
		[[ -e $REPO/$link ]] || fail "no such file: $link"
	done < <(grep -ohE '\]\([^)#]+\)' "$REPO/README.md" "$REPO/SECURITY.md" | tr -d ']()')
}

@test "README.md's table of engines is that of the last make check-engines, and none is made where a test failed" {
	local engines=$REPO/tests/engine-host
	cp "$REPO/README.md" "$BATS_TEST_TMPDIR"
	"$engines/table" --readme "$BATS_TEST_TMPDIR/README.md" <"$engines/engines.tsv"
	diff "$REPO/README.md" "$BATS_TEST_TMPDIR/README.md"
	sed '0,/^suite.*\t0$/s/\t0$/\t1/' "$engines/engines.tsv" >"$BATS_TEST_TMPDIR/failed.tsv"
	run "$engines/table" --readme "$BATS_TEST_TMPDIR/README.md" <"$BATS_TEST_TMPDIR/failed.tsv"
	assert_failure
	assert_says 'failed'
	diff "$REPO/README.md" "$BATS_TEST_TMPDIR/README.md"
}
