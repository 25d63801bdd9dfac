# shellcheck shell=bash
# rootless.bash - users with a Podman of their own, in the engine host. Load it after
# common, docker and podman.
#
# alice is 1000 with subordinate ids from 100000 on, bob is 1001 with those from 165536 on.
# Neither is in a group that may open a GPU.

# start_rootless_bed: broker and Podman as start_podman_bed has them, and both users with the image app
start_rootless_bed ()
{
	local user
	start_podman_bed
	podman save --output "$BATS_FILE_TMPDIR/app.tar" app 2>/dev/null
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_FILE_TMPDIR%/*}"
	chmod 644 "$BATS_FILE_TMPDIR/app.tar"
	for user in alice bob; do
		useradd --create-home --shell /bin/bash "$user"
		mount -t tmpfs tmpfs "/home/$user"
		chown "$user:" "/home/$user"
		mkdir -p "/run/user/$(id -u "$user")"
		chown "$user:" "/run/user/$(id -u "$user")"
		as "$user" podman load --quiet --input "$BATS_FILE_TMPDIR/app.tar" >/dev/null
	done
}

# become USER COMMAND...: with his groups, and nothing of ours but the places of the tests
become ()
{
	local id
	id=$(id -u "$1")
	cd / || return
	exec setpriv --reuid "$id" --regid "$id" --init-groups env -i PATH="$PATH" HOME="/home/$1" \
		XDG_RUNTIME_DIR="/run/user/$id" PODMAN_IGNORE_CGROUPSV1_WARNING=1 BUILD="$BUILD" \
		DRI_BROKER_SOCKET="${SOCKET:-$DRI_BROKER_SOCKET}" "${@:2}"
}
as () { (become "$@"); }

# his_own USER COMMAND...: with a stderr that is his, which crun opens for the hooks' words
# shellcheck disable=SC2016
his_own () { as "$1" bash -o pipefail -c '"$@" 2>&1 | cat' - "${@:2}"; }

# his USER [OPTION]... IMAGE [COMMAND]...: a container of the user's with a GPU, and the runtime $RUNTIME (crun)
his () { run his_own "$1" podman --runtime "${RUNTIME:-crun}" run --rm --net none --annotation dri.enable=true "${@:2}"; }
# his_start USER NAME [OPTION]... app...: in the background
his_start ()
{
	run as "$1" podman --runtime "${RUNTIME:-crun}" run --detach --name "$2" --net none --annotation dri.enable=true \
		"${@:3}"
	assert_success
}

# his_leases USER [FILTER]: what the broker tells him of each
# shellcheck disable=SC2120
his_leases () { as "$1" "$BUILD/drictl" status --json | jq -c "[.leases[] | ${2:-.container.name}] | sort"; }

# his_call USER METHOD PARAMETERS [SECONDS]: one varlink call of his own, as varlink
his_call () { SOCKET=${DRI_BROKER_SOCKET%.sock}-user.sock as "$1" bash -c '. "$0"; varlink "${@:1}"' "$REPO/tests/lib/common.bash" "${@:2}"; }

# leave_no_rootless: every container ends, and with it its lease
leave_no_rootless ()
{
	local user
	for user in alice bob; do
		as "$user" podman rm --all --force --time 0 >/dev/null
	done
	# What was acquired by hand.
	drictl status --json | jq -c '.leases[] | {lease: .id, force: true}' |
		while read -r user; do varlink Release "$user" >/dev/null; done
	wait_until 20 nothing_is_leased
}
