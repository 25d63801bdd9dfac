# Completion in bash for drictl and dri-broker. bash-completion is what loads it, and not needed otherwise.

# drictl itself knows what can stand where.
_drictl ()
{
    local word
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        case $word in
        /files | /folders)
            compopt -o filenames
            [[ $word == /files ]] && word=-f || word=-d
            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen "$word" -- "$2")
            ;;
        *=)
            compopt -o nospace
            COMPREPLY+=("$word")
            ;;
        *) COMPREPLY+=("$word") ;;
        esac
    done < <("$1" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
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
