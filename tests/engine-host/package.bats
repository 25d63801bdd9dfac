#!/usr/bin/env bats
# package.bats - the Debian package (make deb): what is in it, and what it does to a
# system when it comes, is upgraded and goes; by itself, and where systemd runs.

load ../lib/common

export LEASES=/run/dri-broker/leases MOUNT_UNIT='run-dri\x2dbroker-leases.mount'

setup_file ()
{
	export VERSION DEB
	VERSION=$(sed -n 's/^VERSION *:= //p' "$REPO/Makefile")
	DEB=$BUILD/dri-broker_${VERSION}_$(dpkg --print-architecture).deb
	[[ -e $DEB ]] || fail "no $DEB: make deb BUILD=... first"
	sed -i /path-exclude/d /etc/dpkg/dpkg.cfg.d/*
	mkdir "$BATS_FILE_TMPDIR/next"
	dpkg-deb -R "$DEB" "$BATS_FILE_TMPDIR/next"
	sed -i "s/^Version: .*/&+next/" "$BATS_FILE_TMPDIR/next/DEBIAN/control"
	export NEXT_DEB=$BATS_FILE_TMPDIR/next.deb
	dpkg-deb --build "$BATS_FILE_TMPDIR/next" "$NEXT_DEB"
}
teardown ()
{
	rm -rf /etc/docker
	dpkg --purge dri-broker
}

installed_version () { dpkg-query -Wf '${db:Status-Status} ${Version}' dri-broker; }

# docker_has JSON: this is Docker's daemon.json
docker_has () { mkdir -p /etc/docker && printf '%s\n' "$1" >/etc/docker/daemon.json; }

@test "the package holds exactly these files, all of them root's" {
	diff -u - <(dpkg-deb -c "$DEB" | awk '$1 !~ /^d/ { print $1, $2, $6 $7 $8 }' | sed 's| \./lib/| ./usr/lib/|' |
		LC_ALL=C sort -k 3) <<-'END'
		-rwxr-xr-x root/root ./usr/bin/dri-broker
		-rwxr-xr-x root/root ./usr/bin/dri-hook
		-rwxr-xr-x root/root ./usr/bin/dri-probe
		-rwxr-xr-x root/root ./usr/bin/dri-runtime
		-rwxr-xr-x root/root ./usr/bin/drictl
		-rw-r--r-- root/root ./usr/lib/systemd/system/dri-broker-cdi.service
		-rw-r--r-- root/root ./usr/lib/systemd/system/dri-broker-metrics.service
		-rw-r--r-- root/root ./usr/lib/systemd/system/dri-broker-metrics.timer
		-rw-r--r-- root/root ./usr/lib/systemd/system/dri-broker-user.socket
		-rw-r--r-- root/root ./usr/lib/systemd/system/dri-broker.service
		-rw-r--r-- root/root ./usr/lib/systemd/system/dri-broker.socket
		-rw-r--r-- root/root ./usr/lib/systemd/system/run-dri\\x2dbroker-leases.mount
		-rw-r--r-- root/root ./usr/lib/sysusers.d/dri-broker.conf
		-rw-r--r-- root/root ./usr/lib/udev/rules.d/85-dri-broker.rules
		lrwxrwxrwx root/root ./usr/share/bash-completion/completions/dri-broker->drictl
		-rw-r--r-- root/root ./usr/share/bash-completion/completions/drictl
		-rw-r--r-- root/root ./usr/share/doc/dri-broker/README.Debian
		-rw-r--r-- root/root ./usr/share/doc/dri-broker/README.md.gz
		-rw-r--r-- root/root ./usr/share/doc/dri-broker/SECURITY.md.gz
		-rw-r--r-- root/root ./usr/share/doc/dri-broker/changelog.gz
		-rw-r--r-- root/root ./usr/share/doc/dri-broker/config.example.json
		-rw-r--r-- root/root ./usr/share/doc/dri-broker/copyright
		lrwxrwxrwx root/root ./usr/share/fish/vendor_completions.d/dri-broker.fish->drictl.fish
		-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/drictl.fish
		-rw-r--r-- root/root ./usr/share/lintian/overrides/dri-broker
		-rw-r--r-- root/root ./usr/share/man/man1/drictl.1.gz
		-rw-r--r-- root/root ./usr/share/man/man7/dri-broker.7.gz
		-rw-r--r-- root/root ./usr/share/man/man8/dri-broker.8.gz
		-rw-r--r-- root/root ./usr/share/man/man8/dri-hook.8.gz
		-rw-r--r-- root/root ./usr/share/man/man8/dri-probe.8.gz
		-rw-r--r-- root/root ./usr/share/man/man8/dri-runtime.8.gz
		-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_drictl
	END
	assert_equal "$(dpkg-deb -c "$DEB" | grep '^d' | grep -v '^drwxr-xr-x root/root ')" ''
	# A file there would be one that dpkg asks about.
	assert_equal "$(dpkg-deb --ctrl-tarfile "$DEB" | tar -t | grep conffiles)" ''
}

@test "installed, it has its group, units that systemd finds right and starts at boot, and programs that work" {
	local unit
	run dpkg -i "$DEB"
	assert_success
	assert_equal "$(installed_version)" "installed $VERSION"
	run dpkg --verify dri-broker
	assert_output ''
	getent group dri-broker
	for unit in dri-broker.service dri-broker.socket dri-broker-user.socket dri-broker-cdi.service; do
		assert_equal "$(systemctl is-enabled $unit)" enabled
	done
	assert_equal "$(systemctl is-enabled dri-broker-metrics.timer)" disabled
	run systemd-analyze verify --man=no dri-broker.service dri-broker-cdi.service dri-broker.socket dri-broker-metrics.timer \
		dri-broker-user.socket "$MOUNT_UNIT"
	assert_success
	assert_output ''
	# The programs of the package, and no configuration: the defaults.
	assert_equal "$(ls -A /etc/dri-broker)" ''
	unset DRI_BROKER_CONFIG
	mount_lease_root "$BATS_TEST_TMPDIR/leases"
	DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/socket /usr/bin/dri-broker --simulate "$SIMULATED_GPUS" \
		--lease-root "$BATS_TEST_TMPDIR/leases" </dev/null &>"$BATS_TEST_TMPDIR/log" 3>&- &
	wait_until 20 listens "$BATS_TEST_TMPDIR/socket"
	DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/socket run drictl status --json
	kill %1
	wait
	umount "$BATS_TEST_TMPDIR/leases"
	assert_success
	assert_json "$output" '.gpus[0].slots.total == 16'
}

# all_files: of the root file system and /run. Without what dpkg, its logs and systemd-sysusers keep of everybody.
all_files ()
{
	find / /run -xdev ! -path "$BATS_RUN_TMPDIR*" ! -path '/tmp/*' ! -path '/var/log/*' ! -path '/var/lib/dpkg/*-old' \
		! -path '/etc/*-' ! -name .pwd.lock ! -path '/var/cache/*' | LC_ALL=C sort
}

@test "a purge leaves the system as it was, but for the group" {
	all_files >"$BATS_TEST_TMPDIR/before"
	dpkg -i "$DEB"
	mkdir -p "$LEASES"
	touch /run/dri-broker/broker.journal
	echo '{}' >/etc/dri-broker/config.json
	run dpkg --purge dri-broker
	assert_success
	diff -u "$BATS_TEST_TMPDIR/before" <(all_files)
	getent group dri-broker
}

@test "a removal keeps the configuration, and an upgrade its words" {
	dpkg -i "$DEB"
	echo '{"slots": 3}' >/etc/dri-broker/config.json
	run dpkg -i "$NEXT_DEB"
	assert_success
	assert_equal "$(installed_version)" "installed $VERSION+next"
	assert_equal "$(</etc/dri-broker/config.json)" '{"slots": 3}'
	run dpkg --remove dri-broker
	assert_success
	assert_equal "$(installed_version)" "config-files $VERSION+next"
	assert_equal "$(</etc/dri-broker/config.json)" '{"slots": 3}'
	[[ ! -e /usr/bin/dri-broker ]]
}

@test "a removal is refused while dri is Docker's default runtime, and not after drictl uninstall docker" {
	dpkg -i "$DEB"
	docker_has '{ "live-restore": true }'
	drictl install docker --default-runtime
	cp /etc/docker/daemon.json "$BATS_TEST_TMPDIR/daemon.json"
	run dpkg --remove dri-broker
	assert_failure
	assert_says 'drictl uninstall docker && systemctl restart docker'
	assert_equal "$(installed_version)" "installed $VERSION"
	cmp /etc/docker/daemon.json "$BATS_TEST_TMPDIR/daemon.json"
	run dpkg --verify dri-broker
	assert_output ''
	# An upgrade is none of a removal's business.
	run dpkg -i "$NEXT_DEB"
	assert_success
	drictl uninstall docker
	run dpkg --remove dri-broker
	assert_success
	[[ $output != *daemon.json* ]]
}

@test "a removal warns where Docker only knows the runtime, and edits nothing" {
	dpkg -i "$DEB"
	docker_has '{ "default-runtime": "runc" }'
	drictl install docker
	cp /etc/docker/daemon.json "$BATS_TEST_TMPDIR/daemon.json"
	run dpkg --remove dri-broker
	assert_success
	assert_says '/etc/docker/daemon.json: Docker has the runtime'
	assert_says 'drictl uninstall docker && systemctl reload docker'
	[[ $output != *'running container'* ]]
	cmp /etc/docker/daemon.json "$BATS_TEST_TMPDIR/daemon.json"
}

@test "a default runtime dri that is not of this package does not hinder its removal" {
	dpkg -i "$DEB"
	docker_has '{ "default-runtime": "dri", "runtimes": { "dri": { "path": "/usr/local/bin/dri-runtime" } } }'
	run dpkg --remove dri-broker
	assert_success
	[[ $output != *daemon.json* ]]
}

@test "a removal warns of the hooks of Podman and LXC and of the runtime of CRI-O and containerd, and edits nothing" {
	dpkg -i "$DEB"
	echo 'lxc.net.0.type = empty' >"$BATS_TEST_TMPDIR/config"
	mkdir -p /etc/crio
	cp /etc/containerd/config.toml "$BATS_TEST_TMPDIR/config.toml"
	drictl install podman
	drictl install lxc box --config "$BATS_TEST_TMPDIR/config"
	drictl install crio
	drictl install containerd
	run dpkg --remove dri-broker
	cp "$BATS_TEST_TMPDIR/config.toml" /etc/containerd/config.toml
	rm -rf /etc/crio /etc/dri-broker/lxc /etc/containers/oci/dri-broker.d \
		/etc/containers/containers.conf.d/dri-broker.conf /etc/containerd/*-backup
	assert_success
	for undo in podman 'lxc box' crio containerd; do assert_says "Next: drictl uninstall $undo"; done
	[[ $output != *docker* ]]
}

@test "a drictl that cannot run does not hinder a removal" {
	dpkg -i "$DEB"
	docker_has '{ "default-runtime": "runc" }'
	drictl install docker --default-runtime
	mv /usr/bin/drictl "$BATS_TEST_TMPDIR"
	run dpkg --remove dri-broker
	assert_success
}

@test "a removal warns of containers that run under dri-runtime, which can only be killed then" {
	dpkg -i "$DEB"
	"$REPO/tests/engine-host/start-docker" '{ "runtimes": { "dri": { "path": "/usr/bin/dri-runtime" } } }'
	import_image app
	docker run --detach --net none --runtime dri app sleep 600
	docker run --detach --net none app sleep 600
	docker_has '{}'
	run dpkg --remove dri-broker
	# Docker itself would take its time.
	docker ps --quiet | xargs docker inspect --format '{{.State.Pid}}' | xargs kill -KILL
	kill "$(</run/docker.pid)"
	wait_until 60 docker_is_gone
	assert_success
	assert_says '1 running container started by /usr/bin/dri-runtime'
}
docker_is_gone () { [[ ! -e /run/docker.pid ]]; }

# under_systemd SCRIPT: runs it as a service of a systemd that is pid 1 of a namespace; $output is what it said
under_systemd ()
{
	printf '%s\necho THE END\n' "$1" >/script
	: >/log
	mkdir -p /etc/systemd/system
	cat >/etc/systemd/system/script.service <<-'END'
		[Unit]
		DefaultDependencies=no
		[Service]
		ExecStart=bash /script
		StandardOutput=file:/log
		StandardError=file:/log
	END
	# On v1 it wants to be told twice.
	env -i container=other SYSTEMD_PROC_CMDLINE="$([[ $CGROUP == v2 ]] || echo \
		SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0)" \
		unshare --pid --fork --kill-child --mount --mount-proc --cgroup \
		/lib/systemd/systemd --unit=script.service </dev/null &>"$BATS_TEST_TMPDIR/systemd.log" 3>&- 4>&- &
	wait_until 180 grep -qs '^THE END' /log || :
	kill -KILL $!
	wait $! || :
	rm -f /script /etc/systemd/system/script.service
	output=$(</log)
	[[ $output == *'THE END' ]] || fail "it did not come to its end:" "$output" "$(<"$BATS_TEST_TMPDIR/systemd.log")"
}

@test "under systemd: the broker runs once installed; an upgrade and a removal leave leases and their mount in peace" {
	mkdir -p /etc/systemd/system/dri-broker.service.d
	cat >/etc/systemd/system/dri-broker.service.d/simulate.conf <<-'END'
		[Service]
		ExecStart=
		ExecStart=/usr/bin/dri-broker --simulate /gpus.json
	END
	echo '{ "gpus": [ { "name": "drm", "driver": "i915", "gid": 44,
		"render": { "name": "renderD128", "device": "226:128" } } ] }' >/gpus.json
	# shellcheck disable=SC2016 # for the shell in there
	under_systemd "DEB=$DEB NEXT_DEB=$NEXT_DEB MOUNT_UNIT='$MOUNT_UNIT' LEASES=$LEASES"'
		state () { systemctl is-active dri-broker.service dri-broker.socket dri-broker-user.socket "$MOUNT_UNIT" | xargs echo "$1:"; }
		pid () { systemctl show --property MainPID --value dri-broker; }
		lease () { drictl status --json | jq -r ".leases[0].container.id // \"none\"" | xargs echo "$1: lease"; }
		same () { [ "$2" = "$3" ] && echo "same $1" || echo "another $1"; }
		devices () { jq -r "[.devices[].name] | join(\" \")" /run/cdi/dri.dev-gpu.json; }
		cdi () {
			for i in $(seq 600); do [ "$(devices)" != "$2" ] || break; sleep 0.1; done
			echo "$1: devices $(devices)"
		}
		places () { findmnt --noheadings --output ID "$LEASES"; stat -c %i /run/dri-broker/broker.sock "$LEASES"/*; }

		dpkg -i "$DEB"
		state installed
		findmnt --noheadings --output FSTYPE,OPTIONS "$LEASES"
		varlinkctl call /run/dri-broker/broker.sock io.dri.Broker.Acquire "{\"container\":{\"id\":\"holder\"},
			\"workload\":{\"uid\":1000,\"gid\":1000},\"request\":{\"gpu\":\"drm\",\"wait\":\"0s\"},\"detached\":true}" >/dev/null
		lease installed
		mkdir /container && mount --bind "$LEASES"/* /container
		cdi installed "any all drm"
		echo "{ \"gpus\": [ { \"match\": \"driver:i915\", \"name\": \"named\" } ] }" >/etc/dri-broker/config.json
		systemctl reload dri-broker
		cdi reloaded "any all named"
		rm /etc/dri-broker/config.json
		systemctl restart dri-broker
		cdi restarted "any all drm"
		before=$(pid) at=$(places)

		dpkg -i "$NEXT_DEB"
		state upgraded
		cdi upgraded "any all drm"
		lease upgraded
		same process "$before" "$(pid)"
		same place "$at" "$(places)"

		dpkg --remove dri-broker
		state removed
		ls /run/cdi | wc -l | xargs echo removed: specs
		[ -e /proc/"$before" ] || [ "$(pid)" != 0 ] || echo "no process is left"
		dpkg -i "$DEB"
		state back
		lease back

		dpkg --purge dri-broker
		state purged
		findmnt "$LEASES"
		ls -d /run/dri-broker /etc/dri-broker
		systemctl list-unit-files --no-legend "dri-broker*" "run-dri*"
		find /container -name renderD128 -printf "container: %f %U\n"
		umount /container'
	rm -r /etc/systemd/system/dri-broker.service.d /gpus.json
	rmdir /container
	printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/said"
	diff -u - <(grep -E '^(installed|reloaded|restarted|upgraded|same|another|removed|no process|back|purged|container|ls)|^tmpfs' \
		"$BATS_TEST_TMPDIR/said" | sed -E 's/^(tmpfs).*nosuid,noexec,.*mode=700.*/\1 as it should be/') <<-'END'
		installed: active active active active
		tmpfs as it should be
		installed: lease holder
		installed: devices any all drm
		reloaded: devices any all named
		restarted: devices any all drm
		upgraded: active active active active
		upgraded: devices any all drm
		upgraded: lease holder
		another process
		same place
		removed: inactive inactive inactive active
		removed: specs 0
		no process is left
		back: active active active active
		back: lease holder
		purged: inactive inactive inactive inactive
		ls: cannot access '/run/dri-broker': No such file or directory
		ls: cannot access '/etc/dri-broker': No such file or directory
		container: renderD128 1000
	END
}
