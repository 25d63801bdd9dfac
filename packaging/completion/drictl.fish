# Completion in fish for drictl and dri-broker.

# drictl itself knows what can stand where: "WORD<tab>WHAT IT IS" on a line.
function __drictl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] --complete $words[2..] "$current" 2>/dev/null </dev/null)
        switch $line
            case /files
                __fish_complete_path "$current"
            case /folders
                __fish_complete_directories "$current" ''
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c drictl -f -a '(__drictl_complete)'
complete -c dri-broker -f
complete -c dri-broker -l lease-root -x -a '(__fish_complete_directories)' -d 'where the leases are'
complete -c dri-broker -l simulate -r -F -d 'GPUs of a file'
complete -c dri-broker -l help -d 'what it takes'
complete -c dri-broker -l version -d 'the version'
