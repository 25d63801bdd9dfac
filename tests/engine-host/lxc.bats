#!/usr/bin/env bats
# lxc.bats - containers of LXC, one that is privileged and one with ids of its own, as drictl install lxc leaves
# them.
# shellcheck disable=SC2016,SC2154

load ../lib/common
load ../lib/docker
load ../lib/device_filter

CONTAINERS='priv unpriv'

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	local name
	start_system_broker
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
	mount -t tmpfs tmpfs /var/lib/lxc
	chmod 755 /var/lib/lxc
	echo root:100000:65536 | tee /etc/subuid >/etc/subgid
	for name in $CONTAINERS; do make_container "$name"; done
}
teardown_file () { umount -l /var/lib/lxc; }
setup () { find_broker; }
teardown ()
{
	local name
	for name in $CONTAINERS; do
		lxc-stop --kill --name "$name" &>/dev/null || :
		[[ ! -e /etc/dri-broker/lxc/$name.conf ]] || drictl uninstall lxc "$name" >/dev/null
	done
	wait_until 20 nothing_is_leased
}

# make_container NAME: unpriv has ids of its own
make_container ()
{
	local folder=/var/lib/lxc/$1
	mkdir -p "$folder"
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$folder/rootfs"
	printf '%s\n' "lxc.rootfs.path = dir:$folder/rootfs" "lxc.uts.name = $1" 'lxc.net.0.type = empty' \
		'lxc.apparmor.profile = unconfined' 'lxc.init.cmd = /bin/sleep 600' 'lxc.autodev = 1' \
		'lxc.include = /usr/share/lxc/config/common.conf' >"$folder/config"
	[[ $1 != unpriv ]] || {
		printf '%s\n' 'lxc.include = /usr/share/lxc/config/userns.conf' 'lxc.idmap = u 0 100000 65536' \
			'lxc.idmap = g 0 100000 65536' >>"$folder/config"
		chown -R 100000:100000 "$folder/rootfs"
	}
}

each_container () { local NAME; for NAME in $CONTAINERS; do echo "# $NAME" && "$@"; done; }
start_it () { run lxc-start --name "$NAME" --logfile "$BATS_TEST_TMPDIR/log"; }
in_it () { run lxc-attach --name "$NAME" --clear-env -- /bin/busybox "$@"; }

opens_it ()
{
	run drictl install lxc "$NAME" dri.gpu=radeon
	assert_success
	start_it
	assert_success
	assert_equal "$(lease_list '[.container.name, .container.engine, .gpu, .state]')" "[[\"$NAME\",\"lxc\",\"radeon\",\"active\"]]"
	in_it ls /dev/dri
	assert_output $'by-path\nrenderD128\nrenderD129'
	in_it stat -c %u:%g:%a:%t:%T /dev/dri/renderD129
	assert_output 0:993:660:a:ed
	in_it sh -c 'exec 3<>/dev/dri/renderD129'
	assert_success
	in_it touch /dev/dri/x
	assert_failure
	assert_says 'Read-only'
	lxc-stop --kill --name "$NAME"
	wait_until 20 nothing_is_leased
	run drictl explain "$NAME"
	assert_failure
}

@test "the container opens its GPU, and its end is the lease's" {
	each_container opens_it
}

no_other ()
{
	drictl install lxc "$NAME" dri.gpu=radeon
	start_it
	assert_success
	# Of the other GPU, a DRM device as real ones are, the number must not do.
	in_it mknod /tmp/other c 226 128
	[[ $NAME == unpriv ]] || { assert_success; in_it sh -c 'exec 3<>/tmp/other'; }
	assert_failure
	assert_says 'not permitted'
}

@test "it may open no other GPU, not by a node of its own either" {
	each_container no_other
}

owned ()
{
	drictl install lxc "$NAME" dri.gpu=igpu dri.owner=1000:104
	start_it
	assert_success
	in_it stat -c %u:%g:%a /dev/dri/renderD128
	assert_output 1000:104:660
	run drictl explain "$NAME" --lxc
	assert_success
	assert_output 'dev0: /dev/dri/renderD128,uid=1000,gid=104,mode=0660'
}

@test "the nodes are of the user that dri.owner says; explain --lxc has the line for Proxmox VE" {
	each_container owned
}

taken_away ()
{
	local pid holder
	drictl install lxc "$NAME" dri.gpu=igpu dri.nodes=render,card dri.ready=off
	start_it
	assert_success
	pid=$(lxc-info --pid --no-humanize --name "$NAME")
	lxc-attach --name "$NAME" --clear-env -- /bin/busybox sh -c 'exec 3<>/dev/dri/renderD128; exec sleep 600' 3>&- &
	has_it_open () { in_it sh -c 'for f in /proc/[0-9]*/fd/3; do readlink "$f"; done' && [[ $output == *renderD128* ]]; }
	wait_until 20 has_it_open
	assert_equal "$(filter_says "$pid" 226 0)" "$PASSES"
	"take_from_$NAME"
	assert_json "$(drictl status --json)" '.leases[0] | .state == "revoked" and .gpu == null and (.reason | contains($why))
		and ([.open[].command] == ["sleep"])' --arg why "$why"
	assert_json "$(drictl status --json)" '.gpus[0].slots.used == 0'
	holder=$(drictl status --json | jq '.leases[0].open[0].pid')
	assert_equal "$(<"/proc/$holder/comm")" sleep
	in_it ls -A /dev/dri
	assert_output ''
	assert_equal "$(filter_says "$pid" 226 0)" "$REFUSED"
	lxc-stop --kill --name "$NAME"
	wait_until 20 nothing_is_leased
	configure '{}'
	start_it
	assert_success
	assert_equal "$(lease_list .state)" '["active"]'
	lxc-stop --kill --name "$NAME"
}
take_from_priv ()
{
	why='taken away by root'
	run drictl release --force priv
	assert_success
	assert_says 'Revoked the GPU of container priv'
	assert_says 'But sleep (pid '
}
take_from_unpriv ()
{
	why='does not allow it any more'
	configure '{"policy": [{"who": {"container": "unpriv"}, "allow": false}]}'
	is_told () { [[ $(drictl status --json | jq -c '[.leases[].open[]?.command]') == '["sleep"]' ]]; }
	wait_until 20 is_told
}

@test "a GPU that is taken away: no node, no number, and who has it open is named; the next start has it again" {
	each_container taken_away
}

refused ()
{
	drictl install lxc "$NAME" dri.gpu=nosuch dri.wait=0s
	start_it
	assert_failure
	assert_equal "$(lxc-info --state --no-humanize --name "$NAME")" STOPPED
	run timeout 60 lxc-start --foreground --name "$NAME"
	assert_failure
	assert_says "dri-broker: container $NAME: no GPU fits dri.gpu \"nosuch\""
	run drictl explain "$NAME"
	assert_says nosuch
	drictl install lxc "$NAME" dri.gpu=nosuch dri.wait=0s dri.on-failure=start-without
	start_it
	assert_success
	in_it ls /dev/dri
	[[ $output != *renderD* ]]
	lxc-stop --kill --name "$NAME"
}

@test "without a GPU for it, it does not start, and says why; or starts without" {
	each_container refused
}

no_broker ()
{
	drictl install lxc "$NAME"
	run timeout 60 lxc-start --foreground --name "$NAME"
	assert_failure
	assert_says 'cannot be reached'
	drictl uninstall lxc "$NAME"
	start_it
	assert_success
}

@test "without a broker it does not start; one that was not installed does" {
	stop_broker TERM
	each_container no_broker
	start_broker
	disown
}

undone ()
{
	local config=/var/lib/lxc/$NAME/config before
	before=$(stat -c '%a %U:%G' "$config"; sha256sum <"$config")
	run drictl install lxc "$NAME" --dry-run dri.gpu=igpu
	assert_success
	assert_says 'would be written'
	assert_equal "$(stat -c '%a %U:%G' "$config"; sha256sum <"$config")" "$before"
	[[ ! -e /etc/dri-broker/lxc ]]
	drictl install lxc "$NAME" dri.gpu=igpu
	assert_equal "$(tail -n 1 "$config")" "lxc.include = /etc/dri-broker/lxc/$NAME.conf"
	assert_equal "$(tail -n 1 "/etc/dri-broker/lxc/$NAME.conf")" "lxc.hook.start-host = $BUILD/dri-hook lxc dri.gpu=igpu"
	run drictl install lxc "$NAME" dri.gpu=igpu
	assert_output "Container $NAME: nothing to do."
	drictl install lxc "$NAME" dri.gpu=radeon
	assert_equal "$(grep -c dri-broker "$config")" 1
	drictl uninstall lxc "$NAME"
	assert_equal "$(stat -c '%a %U:%G' "$config"; sha256sum <"$config")" "$before"
	[[ ! -e /etc/dri-broker/lxc ]]
	run drictl uninstall lxc "$NAME"
	assert_output "Container $NAME: nothing to do."
}

@test "uninstall undoes install, to the byte" {
	each_container undone
}

@test "what is no container and no request is refused, and nothing is written" {
	run drictl install lxc nosuch
	assert_failure 1
	assert_says /etc/pve/lxc/nosuch.conf
	run drictl install lxc ../priv
	assert_failure 1
	run drictl install lxc priv dri.gpu=igpu dri.acess=shared
	assert_failure 1
	assert_says 'did you mean dri.access'
	run drictl install lxc priv 'dri.gpu=igpu, radeon'
	assert_failure 1
	run drictl install lxc priv dri.on-failure=defer
	assert_failure 1
	run drictl install lxc priv '$(touch /pwned)'
	assert_failure 1
	[[ ! -e /etc/dri-broker/lxc && ! -e /pwned ]]
}

# As in an unprivileged container: root of a user namespace of its own, with the nodes that the host gave it.
@test "a broker that can make no nodes leases those that are there, and says what the host has to do" {
	local bundle
	mkdir -p /dev/dri
	mknod -m 666 /dev/dri/renderD128 c 10 229
	quick_bundle inside sh -c 'exec 3<>/dev/dri/renderD128 && ls /dev/dri && stat -c %t:%T /dev/dri/renderD128'
	opt_in "$bundle"
	edit_config "$bundle" 'del(.linux.cgroupsPath, .linux.resources) | .mounts |= map(.options -= ["gid=5"])
		| .linux.namespaces |= map(select(.type != "network")) | .mounts |= map(select(.destination != "/sys"))
		| .linux.resources = {}'
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		mkdir -p "$1/leases" && mount -t tmpfs -o mode=0700 leases "$1/leases"
		export DRI_BROKER_SOCKET=$1/socket DRI_BROKER_CONFIG=$1/none
		"$BUILD/dri-broker" --simulate "$OPENABLE_GPUS" --lease-root "$1/leases" &
		for ((i = 0; i < 300; i++)); do [[ -S $1/socket ]] && "$BUILD/drictl" status >/dev/null && break; sleep 0.1; done
		"$BUILD/dri-runtime" --dri-oci-runtime runc --root "$1/state" run --bundle "$2" inside
		"$BUILD/drictl" status
		kill %1
	END
	run unshare --user --map-root-user --mount bash "$BATS_TEST_TMPDIR/script" "$BATS_TEST_TMPDIR" "$bundle" </dev/null
	rm -r /dev/dri
	assert_says 'no device node can be made here'
	assert_says $'by-path\nrenderD128\na:e5'
	assert_says 'No lease.'
}
