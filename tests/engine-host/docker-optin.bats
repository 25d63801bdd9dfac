#!/usr/bin/env bats
# docker-optin.bats - who says what about a container, and whose word counts.

load ../lib/common
load ../lib/engines
load ../lib/docker

setup_file ()
{
	export SIMULATED_GPUS=$OPENABLE_GPUS
	start_bed
	make_images
}
setup () { find_broker; }
teardown ()
{
	configure '{}'
	leave_nothing
}

# Images that ask for a GPU themselves.
make_images ()
{
	local rootfs=$BATS_FILE_TMPDIR/app
	import_image labelled "$rootfs" --change 'LABEL dri.enable=true' --change 'LABEL dri.gpu=radeon'
	import_image wrong "$rootfs" --change 'LABEL dri.gpuu=radeon' --change 'LABEL dri.enable=false'
	import_image env "$rootfs" --change 'ENV DRI_ENABLE=true' --change 'ENV DRI_GPU=radeon'
	import_image choosy "$rootfs" --change 'ENV DRI_GPU=radeon' --change 'ENV DRI_NODES=render,card'
}

# assert_gpu NAME|none OPTION...: the container starts, and this is its GPU
assert_gpu ()
{
	local node
	if [[ " $* " == *' --annotation '* ]] && docker_older_than 24; then
		cannot 'docker run --annotation' 'unknown flag: --annotation' docker run "${@:2}" true
		return
	fi
	case $1 in none) node= ;; igpu) node=a:e5 ;; radeon) node=a:ed ;; esac
	# By the exit status: of a container that ends at once Docker may lose the output when the machine is slow.
	# shellcheck disable=SC2016
	plain "${@:2}" sh -c 'got=$(stat -c %t:%T /dev/dri/renderD128 2>&1)
		case $got in *"No such file"*) got= ;; esac
		test "$got" = "$1" || { echo "$got"; exit 77; }' - "$node"
	((status == 0)) || fail "expected $1 with ${*:2}, got ($status): $output"$'\n'"$(drictl events --last 4 --no-follow)"
}

@test "label, annotation and environment are each enough" {
	local runtime
	for runtime in dri dri-crun; do
		RUNTIME=$runtime assert_gpu igpu --label dri.enable=true app
		RUNTIME=$runtime assert_gpu igpu --annotation dri.enable=true app
		RUNTIME=$runtime assert_gpu igpu --env DRI_ENABLE=true app
	done
}

@test "not asked is not given: no key, false, other keys alone, somebody else's DRI_ variables" {
	assert_gpu none app
	assert_gpu none --label dri.enable=false app
	assert_gpu none --label dri.gpu=igpu app
	assert_gpu none --annotation dri.gpu=igpu app
	assert_gpu none --env DRI_GPU=igpu app
	assert_gpu none --env DRI_PRIME=1 --env DRI_DRIVER=iris app
	assert_gpu none --env DRI_GPU=no:such --env DRI_WAIT=long app
	assert_gpu none --label drie.nable=true --label com.example.dri.enable=true app
}

@test "a label goes before an annotation, an annotation before the environment" {
	local enable='--label dri.enable=true'
	# shellcheck disable=SC2086
	{
		assert_gpu igpu $enable --label dri.gpu=igpu --annotation dri.gpu=radeon --env DRI_GPU=radeon app
		assert_gpu radeon $enable --annotation dri.gpu=radeon --env DRI_GPU=igpu app
		assert_gpu radeon $enable --env DRI_GPU=radeon app
	}
	assert_gpu none --label dri.enable=false --annotation dri.enable=true --env DRI_ENABLE=true app
	assert_gpu none --annotation dri.enable=false --env DRI_ENABLE=true app
	assert_gpu igpu --annotation dri.enable=true --env DRI_ENABLE=false app
	assert_gpu igpu --env DRI_ENABLE=false --env DRI_ENABLE=true app
}

@test "compose says it in labels, annotations or environment" {
	local annotations='annotations: {dri.enable: "true", dri.gpu: igpu}'
	if compose_is_v1; then
		compose_file "
  b: {image: app, runtime: dri, $annotations}"
		cannot 'compose annotations' "'annotations'" compose up --detach
		annotations='labels: [dri.enable=true, dri.gpu=igpu]'
	fi
	compose_file '
  a: {image: app, runtime: dri, network_mode: none, labels: [dri.enable=true, dri.gpu=radeon]}
  b: {image: app, runtime: dri, network_mode: none, '"$annotations"'}
  c: {image: app, runtime: dri, network_mode: none, environment: {DRI_ENABLE: "true", DRI_GPU: radeon}}
  d: {image: app, runtime: dri, network_mode: none}'
	run compose up --detach
	assert_success
	assert_equal "$(lease_list '"\(.container.service) \(.gpu | rtrimstr(" (simulated)"))"')" '["a radeon","b igpu","c radeon"]'
}

# assert_image_words_do_not_count RUNTIME...
assert_image_words_do_not_count ()
{
	for RUNTIME; do
		configure '{}'
		assert_gpu none labelled
		assert_gpu none wrong
		assert_gpu none env
		# What the user adds counts, and the image's other words still do not.
		assert_gpu igpu --env DRI_ENABLE=true labelled
		assert_gpu igpu --label dri.enable=true --label dri.gpu=igpu env
		assert_gpu igpu --label dri.enable=true wrong
		assert_gpu igpu --annotation dri.enable=true labelled
		assert_gpu igpu --annotation dri.enable=true choosy
		assert_gpu radeon --label dri.gpu=radeon --annotation dri.enable=true app

		configure '{"image-requests": true}'
		assert_gpu radeon labelled
		assert_gpu radeon env
		assert_gpu none --label dri.enable=false labelled
		plain wrong true
		assert_failure
		assert_says dri.gpuu
	done
}

@test "what an image says counts only if the administrator wants it" {
	assert_image_words_do_not_count dri
}

@test "labels are found in any kind of network" {
	local runtime network
	for runtime in dri dri-crun; do
		run docker run --detach --name other --net none --runtime "$runtime" app
		assert_success
		run docker run --detach --name leased --net none --runtime "$runtime" --label dri.enable=true app
		assert_success
		for network in host container:other container:leased; do
			RUNTIME=$runtime NETWORK=$network assert_gpu igpu --label dri.enable=true --label dri.gpu=igpu app
			RUNTIME=$runtime NETWORK=$network assert_gpu none app
		done
		docker rm --force other leased
	done
}

@test "a container with Docker's own files mounted over, or on a data volume, is found" {
	local file=$BATS_TEST_TMPDIR/containers/x/hosts
	mkdir -p "${file%/*}"
	echo 127.0.0.1 localhost >"$file"
	assert_gpu igpu --label dri.enable=true --label dri.gpu=igpu --volume "$file:/etc/hosts" \
		--volume "$file:/etc/hostname" --volume "$file:/etc/resolv.conf" app
	# Nothing but the path of the root file system leads to Docker's record now.
	configure '{"docker-root": "/nowhere"}'
	file=$BATS_TEST_TMPDIR/hosts
	echo 127.0.0.1 localhost >"$file"
	assert_gpu igpu --label dri.enable=true --label dri.gpu=igpu --volume "$file:/etc/hosts" \
		--volume "$file:/etc/hostname" --volume "$file:/etc/resolv.conf" app
	run docker volume create containers
	assert_gpu igpu --label dri.enable=true --label dri.gpu=igpu --volume containers:/data --volume /containers app
}

@test "a container without any network files of Docker's is found" {
	# Of Docker's own clients none can ask for that.
	run python3 - <<-'END'
		import http.client, json, socket
		class Docker (http.client.HTTPConnection):
		    def connect (self):
		        self.sock = socket.socket (socket.AF_UNIX)
		        self.sock.connect ('/run/docker.sock')
		def call (path, body=None):
		    docker = Docker ('docker')
		    docker.request ('POST', path, body and json.dumps (body), {'Content-Type': 'application/json'})
		    reply = docker.getresponse ()
		    assert reply.status < 300, reply.read ()
		call ('/containers/create?name=bare', {'Image': 'app', 'NetworkDisabled': True, 'User': '1000',
		      'Labels': {'dri.enable': 'true'}, 'HostConfig': {'Runtime': 'dri'}})
		call ('/containers/bare/start')
	END
	assert_success
	in_container bare sh -c 'open-gpu && cat /proc/mounts'
	assert_success
	[[ $output != */etc/hosts* ]] || fail 'this container has the files after all'
	assert_equal "$(lease_list)" '["bare"]'
}

@test "create and start later, restart, and a changed configuration in between" {
	run docker create --name late --net none --runtime dri --label dri.enable=true --label dri.gpu=igpu app
	assert_success
	assert_nothing_leased
	for verb in start 'restart --time 0' 'stop --time 0' start; do
		# shellcheck disable=SC2086
		run docker $verb late
		assert_success
		[[ $verb == stop* ]] || assert_equal "$(lease_list)" '["late"]'
		[[ $verb != stop* ]] || assert_nothing_leased
	done
}

# From here on each test has a dockerd with a configuration of its own.

@test "as the default runtime, dri takes containers that name none" {
	start_docker '{"default-runtime": "dri"}'
	run docker run --rm --net none --label dri.enable=true --user 1000 app open-gpu
	assert_success
	run docker run --rm --net none app ls /dev/dri
	assert_failure
}

@test "with the image store of containerd an image's words do not count either" {
	local store='{"features": {"containerd-snapshotter": true}, "storage-driver": "overlayfs"}'
	if docker_older_than 24; then
		cannot "containerd's image store" 'driver not supported' start_docker "$store"
		start_docker
		return
	fi
	start_docker "$store"
	run docker info --format '{{.DriverStatus}}'
	assert_says io.containerd.snapshotter
	make_app_image
	make_images
	assert_image_words_do_not_count dri
}
