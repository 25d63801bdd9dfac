# Completion in bash for drictl and dri-broker. bash-completion is what loads it, and not needed otherwise.

# The containers that have a lease or wait for one, by name, else by id. Names come from containers: only plain ones
# are offered. Nothing is, where the broker does not answer at once or this user may not ask.
_drictl_containers ()
{
    timeout 1 "$1" status --json 2>/dev/null </dev/null |
        sed -nE '/^ {6}"container": \{$/,/^ {6}\}/ s/^ {8}"(id|name)": "([A-Za-z0-9][A-Za-z0-9_.-]*)",?$/\1 \2/p' |
        awk '$1 == "id" { if (id) print id; id = $2 } $1 == "name" { print $2; id = "" } END { if (id) print id }'
}

_drictl ()
{
    local current=$2 previous=$3 verb='' word words='' names='' i
    COMPREPLY=()
    case $previous in
    --config | --runtime | --output | validate)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $word == -* ]] || { verb=$word && break; }
    done
    case $verb in
    '') words='status devices explain release probe attach detach cdi install uninstall --help --version' ;;
    status | devices) words='--json --help' ;;
    explain) words='--json --lxc --help' names=1 ;;
    probe) words='--json --help' names=1 ;;
    release) words='--force --help' names=1 ;;
    attach | detach) words='--help' names=1 ;;
    cdi) words='generate validate --output --help' ;;
    install) words='docker podman lxc --default-runtime --swarm --runtime --config --dry-run --help' ;;
    uninstall) words='docker podman lxc --config --dry-run --help' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ $names && $current != -* ]]; then
        while read -r word; do
            [[ $word != "$current"* ]] || COMPREPLY+=("$word")
        done < <(_drictl_containers "$1")
    fi
}

_dri_broker ()
{
    COMPREPLY=()
    case $3 in
    --lease-root)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
        ;;
    --simulate)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
        ;;
    *) mapfile -t COMPREPLY < <(compgen -W '--lease-root --simulate --help --version' -- "$2") ;;
    esac
}

complete -F _drictl drictl
complete -F _dri_broker dri-broker
