#!/usr/bin/env bats
# install.bats - what `make install` puts where, and the systemd units: by themselves,
# and with a systemd that runs them in the engine host.

load lib/common

setup () { tree=$BATS_TEST_TMPDIR/tree; }
teardown () { finish_broker; }

# install_to TARGET PREFIX [VARIABLE=VALUE]...
install_to () { run make --no-print-directory -C "$REPO" BUILD="$BUILD" DESTDIR="$tree" PREFIX="$2" "${@:3}" "$1"; }

listing () { (cd "$tree" && find . ! -type d -printf '%m %P\n' | LC_ALL=C sort -k 2); }

@test "install puts exactly these files there, with these modes" {
	umask 077
	install_to install /usr
	assert_success
	diff -u - <(listing) <<-'END'
		755 usr/bin/dri-broker
		755 usr/bin/dri-hook
		755 usr/bin/dri-probe
		755 usr/bin/dri-runtime
		755 usr/bin/drictl
		644 usr/lib/systemd/system/dri-broker-cdi.service
		644 usr/lib/systemd/system/dri-broker-metrics.service
		644 usr/lib/systemd/system/dri-broker-metrics.timer
		644 usr/lib/systemd/system/dri-broker-user.socket
		644 usr/lib/systemd/system/dri-broker.service
		644 usr/lib/systemd/system/dri-broker.socket
		644 usr/lib/systemd/system/run-dri\x2dbroker-leases.mount
		644 usr/lib/sysusers.d/dri-broker.conf
		644 usr/lib/udev/rules.d/85-dri-broker.rules
		777 usr/share/bash-completion/completions/dri-broker
		644 usr/share/bash-completion/completions/drictl
		644 usr/share/doc/dri-broker/LICENSE
		644 usr/share/doc/dri-broker/README.md
		644 usr/share/doc/dri-broker/SECURITY.md
		644 usr/share/doc/dri-broker/config.example.json
		777 usr/share/fish/vendor_completions.d/dri-broker.fish
		644 usr/share/fish/vendor_completions.d/drictl.fish
		644 usr/share/man/man1/drictl.1
		644 usr/share/man/man7/dri-broker.7
		644 usr/share/man/man8/dri-broker.8
		644 usr/share/man/man8/dri-hook.8
		644 usr/share/man/man8/dri-probe.8
		644 usr/share/man/man8/dri-runtime.8
		644 usr/share/zsh/site-functions/_drictl
	END
	assert_equal "$(find "$tree" -mindepth 1 -type d ! -perm 755)" ''
}

@test "uninstall takes all of it away, and nothing else" {
	install_to install /usr
	touch "$tree/usr/bin/other" "$tree/usr/share/doc/dri-broker/notes"
	install_to uninstall /usr
	assert_success
	assert_equal "$(listing | xargs)" '644 usr/bin/other 644 usr/share/doc/dri-broker/notes'
	install_to uninstall /usr
	assert_success
	rm "$tree/usr/share/doc/dri-broker/notes"
	install_to uninstall /usr
	[[ ! -e $tree/usr/share/doc/dri-broker ]]
}

@test "PREFIX and BINDIR stand in the units, and DESTDIR does not" {
	install_to install /opt/dri
	assert_success
	grep -qx 'ExecStart=/opt/dri/bin/dri-broker' "$tree/opt/dri/lib/systemd/system/dri-broker.service"
	install_to install /opt/dri BINDIR=/opt/dri/libexec
	grep -qx 'ExecStart=/opt/dri/libexec/dri-broker' "$tree/opt/dri/lib/systemd/system/dri-broker.service"
	[[ -x $tree/opt/dri/libexec/dri-hook ]]
	run grep -rE "$tree|@[A-Z]+@" "$tree/opt/dri/lib"
	assert_failure 1
}

@test "systemd finds nothing to say about the units" {
	install_to install "$BATS_TEST_TMPDIR/usr" DESTDIR=
	assert_success
	cd "$BATS_TEST_TMPDIR/usr/lib/systemd/system"
	run systemd-analyze verify --man=no ./*
	assert_success
	assert_output ''
	# 3.8 when this was written; 10 is a service without any confinement.
	run systemd-analyze security --offline=yes --threshold=40 ./dri-broker.service
	assert_success
}

@test "the example is a configuration, with every key that there is" {
	local key
	mkdir -p "$BATS_TEST_TMPDIR/leases"
	export DRI_BROKER_CONFIG=$REPO/packaging/config.example.json
	start_broker
	finish_broker
	while read -r key; do
		jq -e "$key" "$DRI_BROKER_CONFIG" >/dev/null || [[ $(jq "$key" "$DRI_BROKER_CONFIG") == false ]] ||
			fail "not in the example: $key"
	done < <(awk -F '"' '
		/^[a-z_]+ \(/ { in_what = /^take_gpu / ? ".\"gpus\"[0]" : /^take_throttle / ? ".\"throttle\"" : "" }
		/strcmp \(key, "/ || /^ +[{]"[a-z-]+", .*&out->/ { print in_what ".\"" $2 "\"" }' "$REPO/oci/config.c" | sort -u)
}

@test "a package is built of no other version than its changelog says" {
	run "$REPO/packaging/build-deb" 9.9 "$BATS_TEST_TMPDIR"
	assert_failure 1
	assert_says 'the Makefile says version 9.9'
	assert_equal "$(ls -A "$BATS_TEST_TMPDIR")" ''
}

@test "lintian has nothing to say about the package" {
	local changes
	changes=$(echo "$BUILD"/deb/dri-broker_*.changes)
	[[ -e $changes ]] || fail "no $changes: make deb first"
	run lintian --allow-root --fail-on error,warning "$changes"
	assert_success
	assert_output ''
}

# In the engine host, with systemd as pid 1 of a pid namespace, and PREFIX=/usr/local.
@test "under systemd the broker starts, makes DRM nodes and no others, and survives" {
	local fixture=$BATS_TEST_TMPDIR/gpus.json script=$BATS_TEST_TMPDIR/script
	install_to install /usr/local
	assert_success
	cat >"$fixture" <<-'END'
		{ "gpus": [
		  { "name": "drm", "driver": "i915", "gid": 44, "render": { "name": "renderD128", "device": "226:128" } },
		  { "name": "other", "driver": "fuse", "gid": 44, "render": { "name": "renderD129", "device": "10:229" } }
		] }
	END
	cat >"$script" <<-'END'
		broker=/run/dri-broker/broker.sock
		acquire () {
			varlinkctl call "$broker" io.dri.Broker.Acquire "{\"container\":{\"id\":\"$1\"},
				\"workload\":{\"uid\":1000,\"gid\":1000},\"request\":{\"gpu\":\"$1\",\"wait\":\"0s\"},\"detached\":true}" 2>&1
		}
		pid () { systemctl show --property MainPID --value dri-broker; }
		systemd-sysusers /usr/local/lib/sysusers.d/dri-broker.conf
		systemctl start dri-broker.socket
		stat -c 'socket %A %U:%G' "$broker"
		lease=$(acquire drm | jq -r .grant.lease)
		varlinkctl call "$broker" io.dri.Broker.OpenDirectory "{\"lease\":\"$lease\"}" && echo 'a mount is given'
		varlinkctl call "$broker" io.dri.Broker.Release "{\"lease\":\"$lease\"}" >/dev/null
		drictl status >/dev/null && echo "activated, main pid $(($(pid) > 0))"
		stat -c 'socket %A %U:%G' "${broker%.sock}-user.sock"
		findmnt --noheadings --output FSTYPE,OPTIONS /run/dri-broker/leases
		stat -c 'directories %n %a' /run/dri-broker /run/dri-broker/leases
		grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' "/proc/$(pid)/status"
		acquire drm | grep -o '"nodes":.*}]'
		acquire other | grep -o 'mknod renderD129: Operation not permitted'
		before=$(pid)
		systemctl reload dri-broker && drictl status >/dev/null && [ "$before" = "$(pid)" ] && echo reloaded
		kill -KILL "$before"
		sleep 1.5
		drictl status --json | jq -r '"after a crash: " + .leases[0].container.id'
		systemctl restart dri-broker
		drictl status --json | jq -r '"after a restart: " + .leases[0].container.id'
		systemctl stop dri-broker.socket dri-broker
		ls /run/dri-broker
		echo THE END
	END
	# shellcheck disable=SC2016 # for the shell in there
	run "$REPO/tests/engine-host/run" --bind "$tree/usr/local:/usr/local" --bind "$fixture:/gpus.json" \
		--bind "$script:/script" -- bash -c '
		mkdir -p /etc/systemd/system/dri-broker.service.d
		printf "[Service]\nExecStart=\nExecStart=/usr/local/bin/dri-broker --simulate /gpus.json\n" \
			>/etc/systemd/system/dri-broker.service.d/simulate.conf
		printf "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=bash /script\n" >/etc/systemd/system/script.service
		printf "StandardOutput=file:/log\nStandardError=file:/log\n" >>/etc/systemd/system/script.service
		env -i container=other unshare --pid --fork --kill-child --mount --mount-proc --cgroup \
			/lib/systemd/systemd --unit=script.service &>/dev/null &
		for ((i = 0; i < 1800; i++)); do grep -qs "^THE END" /log && break; sleep 0.1; done
		cat /log'
	assert_success
	assert_says 'socket srw-rw---- root:dri-broker'
	assert_says 'socket srw-rw-rw- root:root'
	assert_says 'a mount is given'
	assert_says 'activated, main pid 1'
	grep -Eq '^tmpfs +rw,nosuid,noexec,.*mode=700' <<<"$output"
	assert_says 'directories /run/dri-broker 755'
	assert_says 'directories /run/dri-broker/leases 700'
	# CHOWN (0), DAC_READ_SEARCH (2), SETGID (6), SETUID (7), SYS_PTRACE (19), SYS_ADMIN (21), MKNOD (27); the broker
	# itself has CHOWN and MKNOD.
	grep -Eq '^CapBnd:\s+00000000082800c5$' <<<"$output"
	grep -Eq '^CapEff:\s+0000000008000001$' <<<"$output"
	grep -Eq '^NoNewPrivs:\s+1$' <<<"$output"
	grep -Eq '^Seccomp:\s+2$' <<<"$output"
	assert_says '"name":"renderD128","major":226,"minor":128'
	assert_says 'mknod renderD129: Operation not permitted'
	assert_says reloaded
	assert_says 'after a crash: drm'
	assert_says 'after a restart: drm'
	assert_says $'broker.journal\nbroker.verdicts\nleases\nTHE END'
}
