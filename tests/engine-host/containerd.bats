#!/usr/bin/env bats
# containerd.bats - containerd without Docker: ctr, and the CRI that the kubelet speaks.

load ../lib/common
load ../lib/engines
load ../lib/docker

EXAMPLES=$REPO/compose-examples/kubernetes
IMAGE=localhost/app:latest

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS CONTAINERD_LOG=/run/containerd.log
	mkdir -p "${DRI_BROKER_CONFIG%/*}" /etc/containerd
	ln -s "$BUILD/dri-runtime" "$BUILD/dri-hook" /usr/local/bin/
	make_runc
	start_system_broker
	make_image
	write_config >/etc/containerd/config.toml
	start_containerd
	ctr --namespace k8s.io images import "$BATS_FILE_TMPDIR/app.tar" >/dev/null
	ctr images import "$BATS_FILE_TMPDIR/app.tar" >/dev/null
}
setup () { find_broker; }
teardown ()
{
	local pod
	for pod in $(pods); do cri remove "$pod"; done
	wait_until 20 nothing_is_leased
}
cri () { "$REPO/tests/engine-host/cri" "$@"; }
pods () { ctr --namespace k8s.io containers list --quiet 'labels."io.cri-containerd.kind"==sandbox'; }

# make_runc: the CRI gives every pod a CPU weight, and v2 may come without that controller
make_runc ()
{
	cat >/usr/local/bin/runc-without-cpu <<-'END'
		#!/bin/bash
		for argument; do
		    [[ ${before:-} != --bundle ]] || config=$argument/config.json
		    before=$argument
		done
		if [[ ${config:-} ]]; then
		    jq -c 'del(.linux.resources.cpu)' "$config" >"$config.new" && mv "$config.new" "$config"
		fi
		exec -a runc /usr/sbin/runc "$@"
	END
	chmod 755 /usr/local/bin/runc-without-cpu
	echo '{"runtimes": ["/usr/local/bin/runc-without-cpu"]}' >"$DRI_BROKER_CONFIG"
}

# make_image: an archive of an image that asks for a GPU in its environment and labels
make_image ()
{
	mkdir -p /var/lib/containers /etc/containers/containers.conf.d
	mount -t tmpfs tmpfs /var/lib/containers
	printf '%s\n' '[engine]' 'events_logger = "file"' >/etc/containers/containers.conf.d/bed.conf
	make_rootfs "$BATS_FILE_TMPDIR/app"
	tar -C "$BATS_FILE_TMPDIR/app" -c . | podman import --change 'CMD ["sleep", "600"]' --change 'ENV PATH=/bin' \
		--change 'ENV DRI_ENABLE=true' --change 'LABEL dri.enable=true' - app &>/dev/null
	podman save --quiet --format oci-archive --output "$BATS_FILE_TMPDIR/app.tar" app &>/dev/null
}

# write_config: the example, and what this place needs: no pause image, no CAP_SYS_RESOURCE
write_config ()
{
	cat "$EXAMPLES/containerd.toml"
	printf '%s\n' '[plugins."io.containerd.grpc.v1.cri"]' "sandbox_image = '$IMAGE'" 'restrict_oom_score_adj = true' \
		'[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]' \
		'BinaryName = "/usr/local/bin/runc-without-cpu"'
}

start_containerd ()
{
	containerd </dev/null &>"$CONTAINERD_LOG" 3>&- 4>&- &
	disown
	wait_until 60 cri ready &>/dev/null
}

# start_pod [OPTION]...: $sandbox and $container are its ids
start_pod ()
{
	run cri run "$@" "$IMAGE"
	assert_success
	{ read -r sandbox; read -r container; } <<<"$output"
}

@test "the examples for a node are what containerd and CRI-O read" {
	containerd --config "$EXAMPLES/containerd.toml" config dump >"$BATS_TEST_TMPDIR/dump" 2>/dev/null
	run python3 -c '
import sys, tomllib
dump, crio = (tomllib.load(open(path, "rb")) for path in sys.argv[1:])
plugins = dump["plugins"]
# containerd 2 calls it otherwise, and takes the old name.
cri = plugins.get("io.containerd.cri.v1.runtime") or plugins["io.containerd.grpc.v1.cri"]
runtimes = cri["containerd"]["runtimes"]
dri = runtimes["dri"]
assert cri["containerd"]["default_runtime_name"] == "runc" and "runc" in runtimes, runtimes
assert dri["pod_annotations"] == ["dri.*"] and dri["runtime_type"] == "io.containerd.runc.v2", dri
assert dri["options"]["BinaryName"] == "/usr/local/bin/dri-runtime", dri
crio = crio["crio"]["runtime"]["runtimes"]["dri"]
assert crio["runtime_path"] == dri["options"]["BinaryName"] and crio["runtime_type"] == "oci", crio
' "$BATS_TEST_TMPDIR/dump" "$EXAMPLES/crio.conf"
	assert_success
}

@test "ctr run: annotations and labels ask, and the image's words do not" {
	local dri=(ctr run --rm --runc-binary /usr/local/bin/dri-runtime)
	local user=(--user 1000) uid=1000
	if containerd_older_than 1.7; then
		cannot '`ctr run --user`' 'flag provided but not defined: -user' "${dri[@]}" "${user[@]}" "$IMAGE" web true
		user=() uid=0
	fi
	run "${dri[@]}" --annotation dri.enable=true --annotation dri.gpu=radeon "${user[@]}" "$IMAGE" web \
		sh -c 'exec 3<>/dev/dri/renderD128; stat -c %u:%t:%T /dev/dri/renderD128'
	assert_success
	assert_output $uid:a:ed
	# ctr writes its labels to the annotations as well, those of the image not.
	run "${dri[@]}" --label dri.enable=true "$IMAGE" web ls /dev/dri/renderD128
	assert_success
	run "${dri[@]}" "$IMAGE" web ls /dev/dri
	assert_failure
	run "${dri[@]}" --annotation dri.acess=exclusive "$IMAGE" web true
	assert_failure
	assert_says 'container web: unknown annotation dri.acess; did you mean dri.access?'
	run ctr run --rm --annotation dri.enable=true "$IMAGE" web ls /dev/dri
	assert_failure
}

@test "a pod of the example's annotations: its container has a lease, its sandbox none" {
	local annotations=() annotation
	while read -r annotation; do annotations+=(--annotation "$annotation"); done < <(
		sed -nE 's/^ +(dri\.[a-z-]+): "([^"]*)".*/\1=\2/p' "$EXAMPLES/pod.yaml")
	((${#annotations[@]} == 4)) || fail "the example has ${#annotations[@]} words"
	start_pod "${annotations[@]}" --user 1000
	assert_equal "$(lease_list '[.container.name, .container.engine, .container.image, .state]')" \
		"[[\"media/jellyfin/app\",\"containerd-cri\",\"$IMAGE\",\"active\"]]"
	# What the kubelet's exec gives is as the container's first process has it.
	run cri exec "$container" sh -c 'exec 3<>/dev/dri/renderD128; stat -c %u /dev/dri/renderD128; id -G'
	assert_success
	assert_output $'1000\n1000 992'
	run drictl explain media/jellyfin/app
	assert_success
	assert_says 'dri.gpu = any (annotation)'
	# By the pod too.
	run drictl explain jellyfin
	assert_success
	run jq -c '[.annotations["dri.enable"], .annotations["io.dri.lease"]]' \
		"/run/containerd/io.containerd.runtime.v2.task/k8s.io/$sandbox/config.json"
	assert_output '["true",null]'
	cri remove "$sandbox"
	wait_until 20 nothing_is_leased
}

@test "a pod that did not ask, or has another handler, gets none, whatever its image says" {
	start_pod
	run cri exec "$container" ls /dev/dri
	assert_failure
	start_pod --pod other --handler runc --annotation dri.enable=true
	run cri exec "$container" ls /dev/dri
	assert_failure
	assert_nothing_leased
}

@test "a slip of the pen refuses the container, not the sandbox, and says so" {
	run cri run --annotation dri.enable=true --annotation dri.gpu=no:such "$IMAGE"
	assert_failure
	assert_says 'StartContainer failed'
	wait_until 20 grep -qF 'dri-broker: container media/jellyfin/app: dri.gpu: no value' "$CONTAINERD_LOG"
	[[ $(pods) ]] || fail 'the sandbox did not start'
}

# restart_containerd: reads its configuration anew
restart_containerd ()
{
	kill "$(pidof containerd)"
	wait_until 60 containerd_is_gone
	start_containerd
}
containerd_is_gone () { ! pidof containerd >/dev/null; }

@test "drictl install containerd: pods of the handler have their GPU, and the file comes back to the byte" {
	local toml=/etc/containerd/config.toml
	write_config | sed '/^\[.*runtimes.dri\]/,/BinaryName/d' >$toml
	! grep -q '^\[.*runtimes.dri' $toml || fail "$(<$toml)"
	cp $toml "$BATS_TEST_TMPDIR/before"
	restart_containerd
	run cri run --annotation dri.enable=true "$IMAGE"
	assert_failure
	run drictl install containerd
	assert_success
	assert_says 'Checked with containerd config dump'
	restart_containerd
	start_pod --annotation dri.enable=true --user 1000
	run cri exec "$container" sh -c 'exec 3<>/dev/dri/renderD128; stat -c %u /dev/dri/renderD128'
	assert_success
	assert_output 1000
	run drictl uninstall --check
	assert_says "$toml: containerd has the runtime"
	assert_says 'running containers started by'
	cri remove "$sandbox"
	run drictl uninstall containerd
	assert_success
	cmp $toml "$BATS_TEST_TMPDIR/before"
	restart_containerd
	run cri run --annotation dri.enable=true "$IMAGE"
	assert_failure
}
