# shellcheck shell=bash
# engines.bash - what the engines of one Debian release can do, and those of another cannot. Load it after common.

# older_than VERSION COMMAND...: what the command prints is an older version
older_than ()
{
	local version
	version=$("${@:2}")
	[[ $version && $version != "$1" && $(printf '%s\n' "$1" "$version" | sort -V | head -n 1) == "$version" ]]
}
docker_older_than () { older_than "$1" docker version --format '{{.Server.Version}}'; }
containerd_older_than () { older_than "$1" containerd_version; }
containerd_version () { containerd --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1; }
podman_older_than () { older_than "$1" podman version --format '{{.Client.Version}}'; }

# cannot WHAT TEXT COMMAND...: this engine cannot do it, and says so. The table of engines shows it.
cannot ()
{
	run "${@:3}"
	assert_failure && assert_says "$2" && echo "# cannot: $1" >&3
}

# Debian 12 has no Compose v2.
compose_is_v1 () { [[ ! -e /usr/libexec/docker/cli-plugins/docker-compose ]]; }
compose () { if compose_is_v1; then docker-compose "$@"; else docker compose "$@"; fi; }
# composed SERVICE: the name of its container, in the project media
composed () { compose_is_v1 && echo "media_$1_1" || echo "media-$1-1"; }
