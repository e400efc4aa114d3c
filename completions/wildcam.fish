# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wildcam_global_optspecs
    string join \n project= env= json q/quiet yes no-color v/verbose h/help V/version
end

function __fish_wildcam_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wildcam_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wildcam_using_subcommand
    set -l cmd (__fish_wildcam_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wildcam -n "__fish_wildcam_needs_command" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_needs_command" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_needs_command" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_needs_command" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_needs_command" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_needs_command" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_needs_command" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_needs_command" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_needs_command" -s V -l version -d 'Print version'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "quickstart" -d 'Bring three clouds up on this machine, lose one, and see what was lost'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "init" -d 'Write a wildcam.toml'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "project" -d 'Show what wildcam.toml means'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "lab" -d 'Three small clouds on this machine'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "drill" -d 'Break something on purpose and measure the recovery'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "gateway" -d 'Serve the API that cameras talk to'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "detections" -d 'List, get and export detections'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "token" -d 'Make a token that enrols a camera or reads detections'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "status" -d 'What runs, and how it is'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "doctor" -d 'Check this machine and this project'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "process" -d 'A part of the lab; started by the lab'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand project" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand token" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand completions" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "quickstart" -d 'Bring three clouds up on this machine, lose one, and see what was lost'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "init" -d 'Write a wildcam.toml'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "project" -d 'Show what wildcam.toml means'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "lab" -d 'Three small clouds on this machine'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "drill" -d 'Break something on purpose and measure the recovery'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "gateway" -d 'Serve the API that cameras talk to'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "detections" -d 'List, get and export detections'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "token" -d 'Make a token that enrols a camera or reads detections'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "status" -d 'What runs, and how it is'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "doctor" -d 'Check this machine and this project'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "process" -d 'A part of the lab; started by the lab'
complete -c wildcam -n "__fish_wildcam_using_subcommand help; and not __fish_seen_subcommand_from quickstart init project lab drill gateway detections token status doctor completions process help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
