#compdef drictl dri-broker
# Completion in zsh for drictl and dri-broker.

# drictl itself knows what can stand where: "WORD<tab>WHAT IT IS" on a line.
_drictl ()
{
    local line tab=$'\t'
    local -a offers keys
    for line in ${(f)"$("$words[1]" --complete "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null </dev/null)"}; do
        case $line in
        /files) _files ;;
        /folders) _files -/ ;;
        *=$tab*) keys+=("${line/$tab/:}") ;;
        *) offers+=("${${line%%$tab*}//:/\\:}:${line#*$tab}") ;;
        esac
    done
    (( ! $#offers )) || _describe drictl offers
    (( ! $#keys )) || _describe keys keys -S ''
}

_dri-broker ()
{
    _arguments '--lease-root[where the leases are]:folder:_files -/' \
        '--simulate[GPUs of a file]:file:_files' '--help[what it takes]' '--version[the version]'
}

_$service
