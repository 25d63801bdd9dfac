#!/usr/bin/env bats
# examples.bats - compose-examples: Compose and Podman understand each file, and its containers, of a
# stand-in image, start under the same labels, users and capabilities, and can use their GPU.

load ../lib/common
load ../lib/docker

EXAMPLES=$REPO/compose-examples

setup_file ()
{
	export SIMULATED_GPUS=$BATS_FILE_TMPDIR/gpus.json
	# An Arc A380 in place of the radeon.
	jq '.gpus[1] += {name: "arc", pci: "0000:03:00.0", vendor: "0x8086", device: "0x56a5", driver: "i915"}' \
		"$OPENABLE_GPUS" >"$SIMULATED_GPUS"
	start_bed
}
setup () { find_broker; }
teardown () { leave_nothing; }

# config EXAMPLE: as Compose reads it, as JSON
config () { docker compose --file "$EXAMPLES/$1/compose.yaml" --profile '*' config --format json; }

# stand_in: the same on standard input, with what needs the world outside taken away: images, networks,
# ports, /dev/uinput, folders of the host;
# and with what the image's own environment has that dri-broker looks at
stand_in ()
{
	jq 'del (.networks) | .services |= map_values (
		(if .image // "" | startswith ("jlesage/") then .environment.SUP_GROUP_IDS = "" else . end)
		| . + {image: "app", command: ["sleep", "600"], network_mode: "none", restart: "no"}
		| del (.entrypoint, .networks, .ports, .devices, .healthcheck)
		| .volumes = [(.volumes // [])[] | select (.type == "tmpfs")])'
}

# user_of SERVICE: as whom its program works, as UID:GID. An image may become another than it starts as, and
# tells it by variables of its own; what dri.owner says is the example's word, and is tried.
user_of ()
{
	jq -r '.services[$service] | .environment // {} | [.PUID // .USER_ID, .PGID // .GROUP_ID] | select (all)
		| join (":")' --arg service "$1" <<<"$config" | grep . ||
		jq -r '.services[$service].user // "0:0"' --arg service "$1" <<<"$config"
}

# assert_example NAME: every service that asks for a GPU has it, all of them at once; $config is the file
assert_example ()
{
	local service container leased
	config=$(config "$1")
	[[ $(jq -c '[.services[] | .privileged, (.devices // [] | .[].source | select (startswith ("/dev/dri")))] -
		[null]' <<<"$config") == '[]' ]] || fail "$1: has what dri-broker is to replace" || return
	leased=$(jq -r '.services | to_entries[] | select (.value.labels["dri.enable"] == "true") | .key' <<<"$config")
	[[ $leased ]] || fail "$1: nobody asks for a GPU" || return
	stand_in <<<"$config" >"$BATS_TEST_TMPDIR/compose.json"
	run docker compose --file "$BATS_TEST_TMPDIR/compose.json" --profile '*' up --detach
	assert_success || return
	for service in $leased; do
		container=$(docker compose --file "$BATS_TEST_TMPDIR/compose.json" --profile '*' ps --quiet "$service")
		run docker exec --user "$(user_of "$service")" "$container" open-gpu
		assert_success || fail "$1: $service cannot open its GPU" || return
		run drictl explain "$container" --json
		assert_json "$output" '.state == "active"' || return
	done
	assert_equal "$(drictl status --json | jq '.leases | length')" "$(wc -w <<<"$leased")"
}
gpu_of () { drictl status --json | jq -r '.leases[] | select (.container.service == $s) | .gpu' --arg s "$1"; }
class_of () { drictl status --json | jq -r '.leases[] | select (.container.service == $s) | .class' --arg s "$1"; }

@test "every example is tried here, and has what a person copies" {
	local example
	for example in "$EXAMPLES"/*/; do
		# Kubernetes has a suite of its own.
		[[ $example == */kubernetes/ ]] || grep -qE "[ /]$(basename "$example")\>" "$BATS_TEST_FILENAME" ||
			fail "not tried: $example"
	done
	for example in "$EXAMPLES"/*/compose.yaml; do
		head -n 1 "$example" | grep -q '^# ' || fail "$example: does not say what it is"
		(($(wc -l <"$example") <= 80)) || fail "$example: is too long to read"
	done
}

@test "one program each: jellyfin, frigate, handbrake, sunshine, ollama, immich" {
	local example
	for example in jellyfin frigate handbrake sunshine ollama immich; do
		echo "$example"
		assert_example "$example"
		leave_nothing
	done
}

@test "all of them share one GPU, each in its class, those with a ceiling under it" {
	assert_example shared-igpu
	assert_equal "$(drictl status --json | jq -c '[.leases[].gpu] | unique')" '["igpu"]'
	assert_equal "$(class_of frigate) $(class_of jellyfin) $(class_of handbrake)" 'realtime interactive batch'
	assert_equal "$(drictl status --json | jq -c '[.leases[].share] | sort')" '[null,null,null,null,40,50]'
}

@test "an Arc beside an iGPU: each container sees its own, and jellyfin the other where there is no Arc" {
	assert_example arc-beside-igpu
	assert_equal "$(gpu_of jellyfin) $(gpu_of frigate)" 'arc igpu'
}

@test "monitoring, swarm: as Compose reads them" {
	run config monitoring
	assert_success
	assert_json "$output" '.services | keys == ["grafana", "node-exporter", "prometheus"]'
	while read -r file; do
		[[ -f $file ]] || fail "not there: $file"
	done < <(jq -r '.services[].volumes[] | select (.type == "bind") | .source | select (startswith ("/run") | not)' <<<"$output")
	run docker compose --file "$EXAMPLES/swarm/stack.yaml" config --quiet
	assert_success
}

@test "quadlet: Podman makes a service of it, with the annotations" {
	mkdir "$BATS_TEST_TMPDIR/units"
	cp "$EXAMPLES/quadlet/jellyfin.container" "$BATS_TEST_TMPDIR/units"
	QUADLET_UNIT_DIRS=$BATS_TEST_TMPDIR/units run /usr/lib/systemd/system-generators/podman-system-generator --dryrun
	assert_success
	assert_says '--annotation dri.enable=true'
	assert_says '--annotation dri.class=interactive'
	assert_says '--user 1000:1000'
}
