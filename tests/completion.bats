#!/usr/bin/env bats
# completion.bats - what bash, zsh and fish offer for a drictl command that is begun, and
# that drictl's help is short, whole, and the source of it.

bats_require_minimum_version 1.5.0
load lib/common

setup ()
{
	export DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/broker.sock PATH=$BUILD:$PATH
	completion=$REPO/packaging/completion
}
teardown () { finish_broker; }

# in_bash, in_zsh, in_fish WORD...: what is offered for the last word of this command line, a line each, sorted
in_bash ()
{
	bash --norc -c '
		. "$0"
		compopt () { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		read -r _ _ function _ < <(builtin complete -p "${1##*/}")
		"$function" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
		[[ ! ${COMPREPLY[*]} ]] || printf "%s\n" "${COMPREPLY[@]}"' "$completion/drictl.bash" "$@" | LC_ALL=C sort
}
# zsh completes in its line editor only: what is the editor's, is played.
in_zsh ()
{
	zsh -f -c '
		_describe () { local -a all=("${(@P)2}"); print -rl -- "${(@)all%%:*}" }
		_files () { [[ $1 == -/ ]] && print -rl -- "$PREFIX"*(N-/) || print -rl -- "$PREFIX"*(N) }
		file=$1; shift
		words=("$@") CURRENT=$# PREFIX=${@[-1]} service=$1
		. "$file"' zsh "$completion/drictl.zsh" "$@" | LC_ALL=C sort
}
in_fish ()
{
	local line
	printf -v line '%q ' "${@:1:$#-1}"
	# shellcheck disable=SC2016
	fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$completion/drictl.fish" "$line${!#}" |
		cut -f 1 | LC_ALL=C sort
}

verbs () { drictl --help | sed -nE 's/^  ([a-z]+) .*/\1/p'; }
# words_of_help VERB [REGEX]: those that begin a line of its help
words_of_help () { drictl "$1" --help | grep -oE "^  ${2:-[-a-z]+}" | tr -d ' ' | LC_ALL=C sort; }

@test "every verb, option and word that help names is offered by each shell, and nothing else" {
	local shell verb
	(($(verbs | wc -l) > 10)) || fail "no help of drictl's"
	for shell in bash zsh fish; do
		assert_equal "$(in_$shell drictl '' | grep -v '^--')" "$(verbs | LC_ALL=C sort)" || fail "in $shell"
		for verb in $(verbs); do
			assert_equal "$(in_$shell drictl "$verb" --)" "$(words_of_help "$verb" '--[a-z-]+')" ||
				fail "in $shell, of $verb --"
			[[ ! $(words_of_help "$verb" '[a-z]+') ]] ||
				assert_equal "$(in_$shell drictl "$verb" '')" "$(words_of_help "$verb" '[a-z]+')" ||
				fail "in $shell, of $verb"
		done
	done
}

@test "what has begun is ended, and only where it belongs" {
	local shell
	for shell in bash zsh fish; do
		assert_equal "$(in_$shell drictl metrics --out)" --output
		assert_equal "$(in_$shell drictl install docker --def)" --default-runtime
		assert_equal "$(in_$shell drictl install docker po)" ''
		assert_equal "$(in_$shell drictl install lxc media dri.sh)" dri.share=
		assert_equal "$(in_$shell drictl none '')" ''
		assert_equal "$(in_$shell dri-broker --lea)" --lease-root ||
			[[ $shell == zsh ]] # by zsh's own _arguments
	done
}

@test "files and folders, where an option or a verb takes them" {
	local shell here=$BATS_TEST_TMPDIR/x
	mkdir -p "$here/ydir"
	touch "$here/yfile"
	for shell in bash zsh fish; do
		assert_equal "$(in_$shell drictl metrics --output "$here/yf")" "$here/yfile"
		assert_equal "$(in_$shell drictl cdi validate "$here/yf")" "$here/yfile"
		assert_equal "$(in_$shell drictl doctor --root "$here/y" | sed 's|/$||')" "$here/ydir"
	done
}

@test "the keys of attach are those that dri-broker(7) has, save what is implied" {
	assert_equal "$(in_bash drictl attach web dri.)" "$(grep -oE '"dri\.[a-z-]+"' "$REPO/oci/request.c" | tr -d '"' |
		grep -vxE 'dri\.(enable|on-failure)' | sed 's/$/=/' | LC_ALL=C sort -u)"
	assert_equal "$(in_bash drictl attach '')" "$(words_of_help attach '--help')"
}

waits () { [[ $(varlink Status | jq '.queue | length') == 1 ]]; }

@test "containers that have a lease or wait, by name, else by id; GPUs; nothing of a name is run" {
	local shell order='"workload": {"uid": 0, "gid": 0}, "request": {"gpu": "igpu"}, "detached": true'
	start_broker
	varlink Acquire "{\"container\": {\"id\": \"0123\", \"name\": \"jellyfin\"}, $order}"
	varlink Acquire "{\"container\": {\"id\": \"4567\"}, $order}"
	varlink Acquire "{\"container\": {\"id\": \"89ab\", \"name\": \"\$(touch $BATS_TEST_TMPDIR/pwned)\"}, $order}"
	varlink Acquire "{\"container\": {\"id\": \"x\`y\`\", \"name\": \"a\\nb\"}, $order}"
	varlink Acquire '{"container": {"id": "cdef", "name": "waits"}, "workload": {"uid": 0, "gid": 0},
		"request": {"gpu": "igpu", "access": "exclusive", "wait": "60s"}}' &
	wait_until 10 waits
	for shell in bash zsh fish; do
		assert_equal "$(in_$shell drictl explain '')" $'4567\n89ab\njellyfin\nwaits' || fail "in $shell"
		assert_equal "$(in_$shell drictl release --force j)" jellyfin
		assert_equal "$(in_$shell drictl probe i)" igpu
	done
	finish_broker
	wait
	[[ ! -e $BATS_TEST_TMPDIR/pwned ]]
	assert_equal "$(in_bash drictl release j)" ''
}

@test "a broker that hangs is not waited for" {
	start_broker
	kill -STOP "$BROKER_PID"
	run timeout 30 "$BUILD/drictl" --complete explain ''
	kill -CONT "$BROKER_PID"
	assert_success
	assert_equal "$(grep -v '^--' <<<"$output")" ''
}

# assert_screen TEXT: it fits 24 lines of 80 characters
assert_screen ()
{
	local longest
	(($(wc -l <<<"$1") <= 24)) || fail "$(wc -l <<<"$1") lines:" "$1" || return
	longest=$(awk 'length > n { n = length } END { print n }' <<<"$1")
	((longest <= 80)) || fail "a line of $longest characters:" "$1"
}

@test "every --help fits a screen of 24 lines and 80 columns, on a terminal of any locale" {
	local verb program
	for program in drictl dri-broker dri-hook dri-probe; do
		run --separate-stderr "$BUILD/$program" --help
		assert_success
		# shellcheck disable=SC2154
		assert_equal "$stderr" ''
		assert_screen "$output"
	done
	for verb in $(verbs); do
		run --separate-stderr drictl "$verb" --help
		assert_success
		assert_equal "$stderr" ''
		assert_screen "$output" || fail "of $verb"
		assert_says "Usage: drictl $verb"
		run drictl "$verb" --none
		assert_failure 2
		[[ $output == "drictl: "* ]] || fail "of $verb: $output"
	done
}

@test "every option that a verb takes is in its help" {
	local verb option
	(($(options_in_sources | wc -l) > 10))
	while read -r verb option; do
		words_of_help "$verb" '--[a-z-]+' | grep -qxFe "--$option" || fail "drictl $verb --$option has no line"
	done < <(options_in_sources)
}

# options_in_sources: "VERB OPTION" of each struct option in a function run_VERB
options_in_sources ()
{
	awk '/^run_[a-z]+ \(/ { verb = $1; sub (/^run_/, "", verb) } /^}/ { verb = "" }
		verb && match ($0, /\{"[a-z-]+", (no|required)_argument/) {
			line = $0
			while (match (line, /\{"[a-z-]+", (no|required)_argument/)) {
				option = substr (line, RSTART + 2); sub (/".*/, "", option); print verb, option
				line = substr (line, RSTART + RLENGTH)
			}
		}' "$REPO"/broker/drictl/*.c
}
