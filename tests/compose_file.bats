#!/usr/bin/env bats
# compose_file.bats - drictl doctor COMPOSE-FILE: what it finds, and the patch, which
# patch(1) applies and python3-yaml reads.

load lib/common

setup ()
{
	cd "$BATS_TEST_TMPDIR" || return
	mkdir root # no daemon.json of this machine has a say
}

doctor () { run "$BUILD/drictl" doctor --root root compose.yaml "$@"; }

# patched: compose.yaml with the patch, checked to be YAML and to be what a second look finds nothing more in
patched ()
{
	"$BUILD/drictl" doctor --root root compose.yaml >change.patch || :
	cp compose.yaml patched.yaml
	patch --quiet patched.yaml change.patch || return
	python3 -c 'import sys, yaml; yaml.safe_load (open ("patched.yaml"))' || return
	"$BUILD/drictl" doctor --root root patched.yaml >again || :
	! grep -q '^@@' again || fail 'a second look would patch it again:' "$(<again)" || return
	cat patched.yaml
}

# assert_patch: standard input is what compose.yaml is to be
assert_patch () { diff -u - <(patched); }

# service NAME: of the patched file, as JSON
service ()
{
	python3 -c 'import json, sys, yaml
print (json.dumps (yaml.safe_load (open ("patched.yaml"))["services"][sys.argv[1]], sort_keys=True))' "$1"
}

@test "devices, groups and cgroup rules become labels; comments, blank lines and all else stay" {
	cat >compose.yaml <<-'END'
		# The house's media.
		services:
		  jellyfin: # films
		    image: jellyfin/jellyfin:latest # stable

		    container_name: jellyfin
		    network_mode: host
		    group_add:
		      - "44"   # video
		      - '993'
		      - users
		      - 20
		      - "1000"
		    devices:
		      - /dev/dri:/dev/dri
		    device_cgroup_rules: ["c 226:* rmw"]
		    volumes:
		      - type: bind
		        source: /dev/dri
		        target: /dev/dri
		      # the films
		      - ./films:/films

		  web:
		    image: nginx
		    devices: [/dev/ttyUSB0]
	END
	assert_patch <<-'END'
		# The house's media.
		services:
		  jellyfin: # films
		    image: jellyfin/jellyfin:latest # stable
		    runtime: dri
		    labels:
		      dri.enable: "true"

		    container_name: jellyfin
		    network_mode: host
		    group_add:
		      - users
		      - 20
		      - "1000"
		    volumes:
		      # the films
		      - ./films:/films

		  web:
		    image: nginx
		    devices: [/dev/ttyUSB0]
	END
	doctor
	assert_failure 1
	assert_says 'jellyfin takes the GPU past dri-broker, by devices (line 14), volumes (line 17), group_add (line 8)'
	assert_says 'a number in group_add (line 8) is taken for the group render'
	[[ $output != *nginx* && $output != *web* ]]
}

@test "the patch goes through a pipe and -p0, and doctor never writes the file" {
	printf '%s\n' 'services:' '  a:' '    image: plex' '    devices:' '      - /dev/dri' >compose.yaml
	cp compose.yaml before.yaml
	doctor
	cmp compose.yaml before.yaml
	"$BUILD/drictl" doctor --root root compose.yaml | patch --quiet -p0
	grep -qx '    runtime: dri' compose.yaml
	[[ $(<compose.yaml) != *devices* ]]
}

@test "labels as a list, as a mapping, in braces, in brackets, and empty: ours come first" {
	cat >compose.yaml <<-'END'
		services:
		  list:
		    image: ghcr.io/blakeblackshear/frigate:stable
		    labels:
		    - traefik.enable=true
		    devices: &x [/dev/dri]
		  mapping:
		    image: ghcr.io/haveagitgat/tdarr
		    devices: ["/dev/dri/renderD129:/dev/dri/renderD128", "/dev/sr0"]
		    labels:
		        a.b: c
		  braces: { }
		  flow:
		    image: linuxserver/plex
		    labels: { a.b: c }
		    devices:
		      - /dev/dri/card1
		  brackets:
		    image: linuxserver/emby
		    labels: []
		    devices:
		      - /dev/dri
		  empty:
		    labels: # none yet
		    devices:
		      - /dev/dri
	END
	assert_patch <<-'END'
		services:
		  list:
		    image: ghcr.io/blakeblackshear/frigate:stable
		    runtime: dri
		    labels:
		    - dri.enable=true
		    - dri.class=realtime # a camera does not wait
		    - traefik.enable=true
		  mapping:
		    image: ghcr.io/haveagitgat/tdarr
		    runtime: dri
		    devices: ["/dev/sr0"]
		    labels:
		        dri.enable: "true"
		        dri.gpu: "renderD129"
		        dri.class: "batch" # gives way to who watches a film
		        a.b: c
		  braces: { }
		  flow:
		    image: linuxserver/plex
		    runtime: dri
		    labels: { dri.enable: "true", dri.nodes: "render,card", a.b: c }
		  brackets:
		    image: linuxserver/emby
		    runtime: dri
		    labels: [ "dri.enable=true" ]
		  empty:
		    runtime: dri
		    labels: # none yet
		      dri.enable: "true"
	END
}

@test "a byte order mark, CRLF, letters of many bytes, four spaces, no newline at the end" {
	printf '\xef\xbb\xbfservices:\r\n    kино: # 映画\r\n        image: "jellyfin/jellyfin" # 映画館\r\n        devices:\r\n            - "/dev/dri" # Γ' >compose.yaml
	patched
	assert_equal "$(patched | od -c)" "$(printf '\xef\xbb\xbfservices:\r\n    kино: # 映画\r\n        image: "jellyfin/jellyfin" # 映画館\r\n        runtime: dri\r\n        labels:\r\n            dri.enable: "true"\r\n' | od -c)"
}

@test "privileged goes only where nothing else speaks for it, and that is said" {
	cat >compose.yaml <<-'END'
		services:
		  plex:
		    image: linuxserver/plex
		    privileged: true
		  frigate:
		    image: blakeblackshear/frigate
		    privileged: true
		    devices:
		      - /dev/dri
		      - /dev/bus/usb # coral
		  hass:
		    image: homeassistant/home-assistant
		    privileged: true
	END
	patched
	assert_equal "$(service plex)" '{"image": "linuxserver/plex", "labels": {"dri.enable": "true"}, "runtime": "dri"}'
	assert_json "$(service frigate)" '.privileged and .devices == ["/dev/bus/usb"] and .labels["dri.class"] == "realtime"'
	assert_json "$(service hass)" '.privileged and (has ("labels") | not)'
	doctor
	assert_says 'plex: privileged: true (line 4) gives it every device of the machine; it seems to be there for the GPU'
	assert_says 'frigate: privileged: true (line 7) gives it every device of the machine, and stays'
	[[ $output != *'hass takes'* && $output != *'hass: '* ]]
}

@test "a camera keeps the group video, and HandBrake is known by its image" {
	cat >compose.yaml <<-'END'
		services:
		  cam:
		    image: shinobi
		    group_add: [video, render]
		    devices: [/dev/video0, /dev/dri]
		  brake:
		    image: jlesage/handbrake
		    devices: [/dev/dri]
	END
	patched
	assert_json "$(service cam)" '.group_add == ["video"] and .devices == ["/dev/video0"]'
	assert_json "$(service brake)" '.labels == {"dri.enable": "true", "dri.class": "batch"}'
}

@test "what anchors and << share is not edited: it says what stays, and what to write by hand" {
	cat >compose.yaml <<-'END'
		x-gpu: &gpu
		  devices: &nodes
		    - /dev/dri
		  labels: &labels
		    a: b
		services:
		  merged:
		    <<: *gpu
		    image: plex
		  alias:
		    image: plex
		    devices: *nodes
		  base: &base
		    image: plex
		    devices: [/dev/dri]
		  other: *base
		  same:
		    image: plex
		    devices: [/dev/dri]
		    labels: *labels
	END
	assert_equal "$(patched | grep -c 'runtime: dri')" 1
	assert_json "$(service alias)" '.runtime == "dri" and .devices == ["/dev/dri"] and .labels["dri.enable"] == "true"'
	doctor
	assert_failure 1
	assert_says 'alias: devices (line 2) is shared by an anchor or <<, and stays'
	assert_says 'runtime: dri  # in the service merged'
	assert_says 'runtime: dri  # in the service base'
	assert_says 'runtime: dri  # in the service same'
	assert_says '        dri.enable: "true"'
}

@test "a service, a label or a file with a hostile name gets into no line to be copied, and into no terminal" {
	local evil
	mkdir bin empty
	ln -s "$(command -v touch)" bin
	for evil in ';touch canary;' '$(touch canary)' "'\`touch canary\`'" $'\ntouch canary\n' $'\e[2Jtouch canary\r'; do
		jq -n --arg evil "$evil" '{
			services: {
				("shared" + $evil): { "<<": { devices: ["/dev/dri"] }, labels: { "a.b": "c" } },
				("runtime" + $evil): { runtime: ("runc" + $evil), labels: { "dri.enable": "true" } },
				("swarm" + $evil): { deploy: { labels: { "dri.share": ("1" + $evil), ("dri." + $evil): "x" } } },
				("driver" + $evil): { deploy: { resources: { reservations: { devices: [{ driver: $evil }] } } } }
			} }' >compose.yaml
		doctor --json
		(cd empty && PATH=$PWD/../bin "$BASH" -c "$(jq -r '.findings[].next[]?' <<<"$output")" &>/dev/null) || :
		[[ ! -e empty/canary ]] || fail "$output"
		assert_json "$output" '[.findings[].next[]? | select (startswith ("# no command"))] | length >= 3'
		doctor
		assert_failure 1
		[[ $output != *[$'\e\r']* && $output != *$'\n'touch* ]] || fail "$output"
	done
	printf 'services:\n  a:\n    devices: [/dev/dri]\n' >'$(touch canary).yaml'
	run "$BUILD/drictl" doctor --root root '$(touch canary).yaml'
	assert_says 'drictl doctor FILE | patch FILE'
}

@test "what dri-broker cannot use is told: labels below deploy:, slips of the pen, no runtime, another's GPU" {
	cat >compose.yaml <<-'END'
		services:
		  deploy:
		    image: plex
		    deploy:
		      labels: [dri.enable=true]
		  slip:
		    image: plex
		    runtime: dri
		    labels:
		      dri.enable: "true"
		      dri.acess: exclusive
		      dri.class: ${CLASS}
		      dri.slots: none
		  alone:
		    image: plex
		    labels:
		      dri.enable: "true"
		  swarm:
		    image: plex
		    labels: {dri.enable: "true"}
		    deploy: {replicas: 2}
		  nvidia:
		    image: plex
		    runtime: nvidia
		    deploy:
		      resources:
		        reservations:
		          devices:
		            - driver: nvidia
		              capabilities: [gpu]
		  kata:
		    image: plex
		    runtime: kata
		    labels: {dri.enable: "true"}
	END
	doctor
	assert_failure 1
	assert_says 'deploy: dri.enable below deploy: (line 5) is a label of the Swarm service, and no container has it'
	assert_says 'slip, line 11: unknown label dri.acess; did you mean dri.access?'
	assert_says 'slip, line 13: dri.slots: no value "none"'
	[[ $output != *'slip asks'* ]]
	[[ $output != *CLASS* ]]
	assert_says 'alone has labels dri.*, and no runtime: dri to read them'
	assert_says 'swarm has no runtime: dri, which Swarm does not know'
	assert_says 'nvidia: the device reserved below deploy: (line 29, driver nvidia) is not dri-broker'
	assert_says 'kata has labels dri.*, and runtime kata, which does not read them'
	assert_equal "$(patched | grep -c 'runtime: dri')" 2
	assert_json "$(service alone)" '.runtime == "dri"'
	mkdir -p root/etc/docker
	echo '{"default-runtime": "dri"}' >root/etc/docker/daemon.json
	doctor
	assert_says '✔ alone asks dri-broker for its GPU'
}

@test "--json: findings with stable names, and the patch, null where there is none" {
	printf '%s\n' 'services:' '  a:' '    image: plex' '    devices:' '      - /dev/dri' >compose.yaml
	doctor --json
	assert_failure 1
	assert_json "$output" '[.findings[] | [.id, .outcome]] == [["compose.devices", "bad"]] and .bad == 1'
	jq -r .patch <<<"$output" | patch --quiet compose.yaml
	doctor --json
	assert_success
	assert_json "$output" '.patch == null and .findings[0].id == "compose.runtime" and .good == 1'
	printf '%s\n' 'services:' '  a:' '    image: nginx' >compose.yaml
	doctor
	assert_success
	assert_says 'nothing in compose.yaml has to do with a GPU'
}

@test "no compose file: the line and the column, and nothing is patched" {
	printf '%s\n' 'services:' '  a: [' >compose.yaml
	doctor
	assert_failure 1
	assert_says 'drictl: compose.yaml: line 3, column 1'
	echo '- a' >compose.yaml
	doctor
	assert_says 'it is no mapping, as a compose file is'
	rm compose.yaml
	doctor
	assert_failure 1
	assert_says 'no compose file compose.yaml'
	mkfifo compose.yaml
	doctor
	assert_failure 1
}

@test "the examples need no doctor" {
	local file
	for file in "$REPO"/compose-examples/*/{compose,stack}.yaml; do
		[[ -e $file ]] || continue
		run "$BUILD/drictl" doctor --root root --json "$file"
		assert_json "$output" '.bad == 0 and .patch == null' || fail "$file"
	done
}

@test "merges of merges of merges do not keep it busy for ever" {
	{
		echo 'x-0: &a0 { image: x }'
		for i in 1 2 3 4 5 6 7 8; do
			printf 'x-%d: &a%d\n  <<: [%s]\n' "$i" "$i" "$(yes "*a$((i - 1))" | head -40 | paste -sd,)"
		done
		printf 'services:\n  web:\n    <<: *a8\n    devices: [/dev/dri:/dev/dri]\n'
	} >compose.yaml
	run timeout 20 "$BUILD/drictl" doctor --root root compose.yaml
	assert_failure 1
	assert_says '/dev/dri'
}
