#!/usr/bin/env bats
# engine_files.bats - drictl install and uninstall for containerd, CRI-O, Podman and LXC, as far as
# files go, and uninstall --check. Docker's daemon.json is in drictl.bats; engine-host/ has real engines.

load lib/common

setup ()
{
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bin crio
	PATH=$PWD/bin:$PATH
	runtime=$BUILD/dri-runtime
	make_containerd
	printf '%s\n' 'version = 2' '' '[plugins."io.containerd.grpc.v1.cri".cni]' '  bin_dir = "/usr/lib/cni"' >config.toml
}

drictl () { run "$BUILD/drictl" "$@"; }
install () { drictl install containerd --config config.toml "$@"; }
uninstall () { drictl uninstall containerd --config config.toml "$@"; }

# make_containerd: its config dump is what it reads, and the runtime runc; as in 1.7, in a file of version 2
# only where no runtime is named
make_containerd ()
{
	cat >bin/containerd <<-'END'
		#!/bin/bash
		[[ $* == '--config /dev/stdin config dump' ]] || exit 9
		text=$(cat)
		[[ $text != *BROKEN* ]] || { echo 'containerd: failed to load TOML: BROKEN' >&2; exit 1; }
		printf '%s\n' "$text"
		if [[ $text == *'version = 3'* ]]; then
		    cri=io.containerd.cri.v1.runtime
		elif [[ $text == *containerd.runtimes.* ]]; then
		    exit
		fi
		printf '%s\n' "[plugins.\"${cri:-io.containerd.grpc.v1.cri}\".containerd.runtimes.runc]" \
		    'runtime_type = "io.containerd.runc.v2"' 'sandbox_mode = "podsandbox"'
	END
	chmod 755 bin/containerd
}

# toml FILTER: of config.toml, by a reader that shares nothing with drictl
toml () { python3 -c 'import json, sys, tomllib; json.dump (tomllib.load (open ("config.toml", "rb")), sys.stdout)' | jq -c "$1"; }
RUNTIMES='.plugins["io.containerd.grpc.v1.cri"].containerd.runtimes'

@test "containerd: the handler, with runc where it would be lost; undone to the byte" {
	cp config.toml before
	chmod 640 config.toml
	install
	assert_success
	assert_says 'Next: systemctl restart containerd'
	assert_equal "$(toml "$RUNTIMES.dri")" "{\"runtime_type\":\"io.containerd.runc.v2\",\"pod_annotations\":[\"dri.*\"],\"container_annotations\":[\"dri.*\"],\"options\":{\"BinaryName\":\"$runtime\"}}"
	assert_equal "$(toml "$RUNTIMES.runc")" '{"runtime_type":"io.containerd.runc.v2","sandbox_mode":"podsandbox","options":{}}'
	assert_equal "$(stat -c %a config.toml config.toml.dri-broker-backup | xargs)" '640 640'
	cmp before config.toml.dri-broker-backup
	cp config.toml installed
	install
	assert_output 'config.toml: nothing to do.'
	cmp installed config.toml
	uninstall
	assert_success
	cmp before config.toml
	[[ ! -e config.toml.dri-broker-backup ]]
	uninstall
	assert_output 'config.toml: nothing to do.'
}

@test "containerd: a file without a newline at its end, a link, and none at all come back as they were" {
	printf 'version = 3\n# the end' >real.toml
	cp real.toml before
	rm config.toml
	ln -s real.toml config.toml
	install
	assert_success
	assert_equal "$(toml '.plugins["io.containerd.cri.v1.runtime"].containerd.runtimes | keys')" '["dri"]'
	uninstall
	cmp before real.toml
	[[ -L config.toml ]]
	rm config.toml
	install
	assert_success
	assert_equal "$(toml .version)" 2
	[[ ! -e config.toml.dri-broker-backup ]]
	uninstall
	[[ ! -e config.toml ]]
}

@test "containerd: what runc has, dri gets too; what others change meanwhile stays" {
	cat >>config.toml <<-'END'
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		  privileged_without_host_devices = true
		  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		    SystemdCgroup = true
		    BinaryName = "crun"
	END
	install
	assert_success
	assert_equal "$(toml "$RUNTIMES.dri | [.privileged_without_host_devices, .options.SystemdCgroup, .options.BinaryName]")" \
		"[true,true,\"$runtime\"]"
	sed -i 's|/usr/lib/cni|/opt/cni/bin|' config.toml
	echo '[debug]' >>config.toml
	uninstall
	assert_success
	assert_equal "$(toml '[.debug, .plugins["io.containerd.grpc.v1.cri"].cni.bin_dir]')" '[{},"/opt/cni/bin"]'
	assert_equal "$(toml "$RUNTIMES | keys")" '["runc"]'
}

@test "containerd: --dry-run shows a patch that makes the very change, and writes nothing" {
	cp config.toml before
	install --dry-run
	assert_success
	printf '%s\n' "$output" >change.patch
	cmp before config.toml
	[[ ! -e config.toml.dri-broker-backup ]]
	install
	patch --quiet before change.patch
	cmp before config.toml
}

# refused TEXT...: install says so, and leaves the file as it is
refused ()
{
	local text
	cp config.toml before
	install
	assert_failure 1
	for text; do assert_says "$text"; done
	cmp before config.toml
	[[ ! -e config.toml.dri-broker-backup ]]
}

@test "containerd: what it would not take, or would understand otherwise, is refused" {
	echo BROKEN >>config.toml
	refused 'containerd does not take it (containerd: failed to load TOML: BROKEN)'
	echo 'root = "/x"' >config.toml
	refused 'no line "version = 2"' 'containerd config migrate'
	printf '%s\n' 'version = 2' 'disabled_plugins = ["cri"]' >config.toml
	refused 'switches containerd'"'"'s CRI off' 'drictl install docker'
	printf '%s\n' 'version = 2' '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.dri]' >config.toml
	refused 'has a runtime dri already, which drictl did not write'
	# An edit that costs another setting.
	echo 'version = 2' >config.toml
	sed -i 's/^printf/[[ $text == *runtimes.dri* ]] || echo "oom_score = 7"; printf/' bin/containerd
	refused 'another setting would change with it: oom_score = 7'
	# A file that is imported has the last word.
	sed -i 's/^text=.*/cat >\/dev\/null; text=version/' bin/containerd
	refused 'from a file that this one imports'
	printf '#!/bin/sh\nexit 127\n' >bin/containerd
	rm bin/containerd
	PATH=/nonexistent refused_without_path
}
refused_without_path ()
{
	run "$BUILD/drictl" install containerd --config config.toml
	assert_failure 1
	assert_says 'containerd is not on PATH'
}

@test "containerd: uninstall does not take a setting away that was put into our block" {
	install
	sed -i 's/sandbox_mode = "podsandbox"/sandbox_mode = "shim"/' config.toml
	cp config.toml before
	uninstall
	assert_failure 1
	assert_says 'another setting would change with our block: sandbox_mode = "shim"'
	cmp before config.toml
	sed -i '/drictl install containerd: end/d' config.toml
	uninstall
	assert_failure 1
	assert_says 'our block in it has lost its end'
}

@test "CRI-O, files only since Debian has none: a drop-in, checked by a crio that is there, and away again" {
	drictl install crio --config crio
	assert_success
	assert_says 'Not checked: crio is not on PATH.'
	assert_says 'Next: systemctl restart crio'
	diff -u - crio/crio.conf.d/50-dri-broker.conf <<-END
		# Of \`drictl install crio\`; \`drictl uninstall crio\` takes it away.
		[crio.runtime.runtimes.dri]
		runtime_path = "$runtime"
		runtime_type = "oci"
		runtime_root = "/run/runc"
	END
	drictl install crio --config crio
	assert_output 'crio: nothing to do.'
	drictl uninstall crio --config crio --dry-run
	assert_says '-[crio.runtime.runtimes.dri]'
	drictl uninstall crio --config crio
	assert_success
	assert_equal "$(find crio ! -type d)" ''
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' 'echo "$*" >crio.arguments; cat >crio.text; echo no good >&2; exit 1' >bin/crio
	chmod 755 bin/crio
	drictl install crio --config crio
	assert_failure 1
	assert_says 'CRI-O does not take the new configuration (no good)'
	assert_equal "$(<crio.arguments)" '--config /dev/stdin --config-dir crio/crio.conf.d config'
	grep -qF "runtime_path = \"$runtime\"" crio.text
	assert_equal "$(find crio ! -type d)" ''
	echo '# mine' >crio/crio.conf.d/50-dri-broker.conf
	for verb in install uninstall; do
		drictl $verb crio --config crio
		assert_failure 1
		assert_says 'is not as drictl wrote it'
	done
	assert_equal "$(<crio/crio.conf.d/50-dri-broker.conf)" '# mine'
	drictl install crio --config nowhere
	assert_failure 1
	assert_says 'no CRI-O here: nowhere'
}

@test "Podman and LXC: --dry-run shows each file as a patch, and writes nothing" {
	mkdir containers
	echo 'lxc.net.0.type = empty' >config
	drictl install podman --config containers --dry-run
	assert_success
	assert_says '+++ containers/oci/dri-broker.d/dri-broker-precreate.json'
	assert_says '+hooks_dir = ["/usr/share/containers/oci/hooks.d", "containers/oci/dri-broker.d"]'
	assert_equal "$(find containers ! -type d)" ''
	drictl install lxc box --config config --dry-run
	assert_success
	assert_says '+lxc.include = /etc/dri-broker/lxc/box.conf'
	assert_equal "$(<config)" 'lxc.net.0.type = empty'
}

@test "options and words that an engine does not take are wrong usage" {
	drictl install podman --runtime /x
	assert_failure 2
	assert_says 'install podman: --runtime is not for it'
	drictl install containerd --swarm
	assert_failure 2
	drictl install rkt
	assert_failure 2
	assert_says 'docker, podman, containerd, crio and lxc NAME are the ones to name'
	drictl install lxc
	assert_failure 2
	drictl install crio jellyfin
	assert_failure 2
	drictl uninstall --root /x docker
	assert_failure 2
	drictl uninstall --check docker
	assert_failure 2
}

# put FILE TEXT: below root
put () { mkdir -p "root/${1%/*}" && printf '%s\n' "$2" >"root/$1"; }
check () { drictl uninstall --check --root root; }

@test "uninstall --check names all that needs the programs, and what undoes it" {
	mkdir root
	check
	assert_success
	assert_output 'No engine and no running container needs it.'
	put etc/docker/daemon.json "{\"runtimes\": {\"dri\": {\"path\": \"$runtime\"}}}"
	put etc/containers/oci/dri-broker.d/dri-broker-precreate.json "{\"hook\": {\"path\": \"$BUILD/dri-hook\"}}"
	put etc/dri-broker/lxc/box.conf "lxc.hook.start-host = $BUILD/dri-hook lxc"
	put etc/containerd/config.toml "BinaryName = \"$runtime\""
	put etc/crio/crio.conf.d/50-dri-broker.conf "runtime_path = \"$runtime\""
	put run/containerd/io.containerd.runtime.v2.task/k8s.io/1234/runtime "$runtime"
	check
	assert_success
	assert_equal "$(grep -c . <<<"$output")" 12
	for text in 'drictl uninstall docker && systemctl reload docker' 'drictl uninstall podman' \
		'the LXC container box has the hook' 'drictl uninstall lxc box' 'drictl uninstall containerd && ' \
		'drictl uninstall crio && ' '1 running container started by'; do
		assert_says "$text"
	done
}

@test "uninstall --check: a default runtime is status 1; another folder's programs do not count" {
	put etc/docker/daemon.json "{\"default-runtime\": \"dri\", \"runtimes\": {\"dri\": {\"path\": \"$runtime\"}}}"
	check
	assert_failure 1
	assert_says 'no container starts without it'
	assert_says 'drictl uninstall docker && systemctl restart docker'
	rm -r root
	put etc/containerd/config.toml "  default_runtime_name = \"dri\"
BinaryName = \"$runtime\""
	check
	assert_failure 1
	rm -r root
	put etc/docker/daemon.json '{"default-runtime": "dri", "runtimes": {"dri": {"path": "/opt/other/dri-runtime"}}}'
	put etc/containerd/config.toml "BinaryName = \"$runtime-other\""
	put etc/dri-broker/lxc/box.conf 'lxc.hook.start-host = /opt/other/dri-hook lxc'
	# A link does not lead out of the tree, and a pipe hangs nobody.
	mkdir -p root/etc/containers/oci/dri-broker.d root/etc/crio/crio.conf.d
	mkfifo root/etc/crio/crio.conf.d/1.conf
	check
	assert_success
	assert_output 'No engine and no running container needs it.'
}
