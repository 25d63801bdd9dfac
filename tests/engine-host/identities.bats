#!/usr/bin/env bats
# identities.bats - whoever the workload is in the end, it opens its GPU, and nobody else in the container has
# to: every way in which images and people come by a user, on runc and crun.
# shellcheck disable=SC2154,SC2206

load ../lib/common
load ../lib/docker
load ../lib/images

bats_require_minimum_version 1.11.0

# Name, options of docker run, what is run before the workload, whom the workload becomes, and how the node
# looks in the container. What has to be said by a label stands in the options: only of a program that
# changes its user by itself, without PUID and PGID, cannot be known who it will be.
identities ()
{
	cat <<-'END'
		root||| 0:0 | 0:992 660
		user 1000:1000|--user 1000:1000|| 1000:1000 | 1000:1000 660
		user 1000 and group_add|--user 1000 --group-add 5|| 1000:1000 | 1000:1000 660
		a user that the image does not know|--user 4000:4001|| 4000:4001 | 4000:4001 660
		user 1000 of group 0|--user 1000:0|| 1000:0 | 1000:0 660
		root, cap_drop ALL|--cap-drop ALL|| 0:0 | 0:992 660
		user, cap_drop ALL|--user 1000:1000 --cap-drop ALL|| 1000:1000 | 1000:1000 660
		user, no_new_privileges|--user 1000:1000 --security-opt no-new-privileges|| 1000:1000 | 1000:1000 660
		user, read_only|--user 1000:1000 --read-only|| 1000:1000 | 1000:1000 660
		user, all of these|--user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges|| 1000:1000 | 1000:1000 660
		PUID and PGID, by s6|--env PUID=1500 --env PGID=1600|/init| 1500:1600 | 0:1600 660
		gosu|--label dri.owner=1000:1000|gosu app| 1000:1000 | 1000:1000 660
		gosu, cap_drop ALL but what it needs|--label dri.owner=1000:1000 --cap-drop ALL --cap-add SETUID --cap-add SETGID|gosu app| 1000:1000 | 1000:1000 660
		setpriv, groups cleared|--label dri.owner=1000:1000|setpriv --reuid 1000 --regid 1000 --clear-groups| 1000:1000 | 1000:1000 660
		setpriv, groups kept||setpriv --reuid 1000 --regid 1000 --keep-groups| 1000:1000 | 0:992 660
		su of busybox, by its group|--label dri.owner=0:1000|su app -s /bin/workload|1000:1000| 0:1000 660
	END
}

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
	make_image
}
setup () { find_broker; }
teardown () { leave_nothing; }

# make_image: app, with s6 as linuxserver.io and hotio have it, gosu and setpriv
# shellcheck disable=SC2016
make_image ()
{
	local rootfs=$BATS_FILE_TMPDIR/app
	add_programs "$rootfs" gosu setpriv s6-svscan s6-supervise s6-envuidgid s6-applyuidgid s6-setuidgid
	printf 'passwd: files\ngroup: files\n' >"$rootfs/etc/nsswitch.conf" # s6 takes its absence for an error
	# What the workload saw of the GPU stands in the log, and then it stays.
	add_script "$rootfs" /bin/workload <<-'END'
		#!/bin/sh
		echo "workload $(id -u):$(id -g) $(open-gpu 2>&1 && echo opens)"
		exec sleep 600
	END
	add_script "$rootfs" /init <<-'END'
		#!/bin/sh
		sed -i "s/^abc:.*/abc:x:$PUID:$PGID::\/:\/bin\/sh/" /etc/passwd
		exec s6-svscan /services
	END
	add_script "$rootfs" /services/app/run <<-'END'
		#!/bin/sh
		exec s6-setuidgid abc workload
	END
	import_image app "$rootfs"
}

workload_has_spoken () { said=$(docker logs who 2>&1 | grep ^workload); }
# start_workload OPTIONS BEFORE: container who; $said is what its workload said
start_workload ()
{
	local command=($2)
	[[ $2 == /init || $2 == su* ]] || command+=(workload)
	# shellcheck disable=SC2086
	start who $1 app "${command[@]}"
	wait_until 10 workload_has_spoken
}

# explained: drictl explain tells of each node in /dev/dri what ls -ln does, the rule that opens it, and that
# the workload may
explained ()
{
	local explain node owner mode device
	explain=$(drictl explain who)
	while read -r node owner mode device; do
		[[ $explain =~ $node\ +$device\ +0$mode\ +$owner\  ]] || fail "no $node $device 0$mode $owner in" "$explain"
		[[ $explain == *"device cgroup: c $device rw"* ]] || fail "no rule for $device in" "$explain"
	done <<<"$1"
	[[ $explain =~ ,\ as\ $2,\ [^:]+:\ may\ open\ all\ of\ them ]] || fail "$2 is not said to open them in" "$explain"
	[[ $explain == *'dri.owner '* ]] || fail 'no reason in' "$explain"
}

identity ()
{
	local options=$1 before=$2 user=$3 node=$4 look
	# As the workload's own process, and as a person who looks in.
	start_workload "$options" "$before"
	assert_equal "$said" "workload $user opens"
	in_container --user "$user" who open-gpu
	assert_success

	# A user without any of the container's groups.
	# shellcheck disable=SC2016
	in_container --privileged --user 0:0 who sh -c 'exec 2>&1
		ls -ln /dev/dri | awk "/^c/ { print \$1, \$3 \":\" \$4 }"
		stat -c "%n %u:%g %a $(stat -c "%t %T" /dev/dri/renderD128 | { read a b; echo $((0x$a)):$((0x$b)); })" /dev/dri/renderD128
		exec /usr/bin/setpriv --reuid 4321 --regid 4321 --clear-groups open-gpu'
	assert_failure
	assert_says 'Permission denied'
	assert_equal "${lines[0]}" "crw-rw---- ${node% *}"
	look=${lines[1]#/dev/dri/}
	assert_equal "${look% *}" "renderD128 $node"
	explained "$look" "$user"
}

# each_runtime NAME COMMAND...: a test for each
each_runtime ()
{
	local runtime
	for runtime in dri dri-crun; do
		bats_test_function --description "$1 ($runtime)" -- with_runtime "$runtime" "${@:2}"
	done
}
with_runtime () { local RUNTIME=$1; "${@:2}"; }

trim () { local text=${1#"${1%%[! ]*}"}; echo "${text%"${text##*[! ]}"}"; }
while IFS='|' read -r name options before user node; do
	each_runtime "$name" identity "$options" "$before" "$(trim "$user")" "$(trim "$node")"
done < <(identities)

# What a person has to be told: the label that is missing.
drops_unsaid ()
{
	start_workload '' 'gosu app'
	[[ $said == 'workload 1000:1000 '*'Permission denied'* ]] || fail "$said"
	run drictl explain who
	assert_says 'dri.owner = auto: it starts as root, and stays root for all that its definition tells'
	assert_says 'sleep, as 1000:1000, no groups: may not open renderD128; if it has to, dri.owner=1000:1000'
}
each_runtime 'gosu without a label: explain says which' drops_unsaid

# The last: all of Docker is started anew.
remapped ()
{
	local first=
	[[ -e $BATS_FILE_TMPDIR/remapped ]] || {
		start_docker '{"userns-remap": "default"}'
		import_image app "$BATS_FILE_TMPDIR/app"
		: >"$BATS_FILE_TMPDIR/remapped"
	}
	identity "$@"
	first=$(awk -F: '$1 == "dockremap" { print $2 }' /etc/subuid)
	run drictl explain who
	[[ $output =~ $5\ +$((first + ${5%:*})):$((first + ${5#*:})) ]] || fail "no $5 from $first on in" "$output"
}
each_runtime 'userns-remap, root' remapped '' '' 0:0 '0:992 660' 0:992
each_runtime 'userns-remap, user' remapped '--user 1000:1000' '' 1000:1000 '1000:1000 660' 1000:1000
each_runtime 'userns-remap, PUID and PGID' remapped '--env PUID=1500 --env PGID=1600' /init 1500:1600 '0:1600 660' 0:1600
