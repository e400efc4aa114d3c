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
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "plan" -d 'Show what a deploy would do, what it costs, and what it could destroy'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "deploy" -d 'Make the clouds hold what wildcam.toml says'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "destroy" -d 'Take down what was deployed'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "drift" -d 'See whether somebody changed what was deployed'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "adopt" -d 'Take something that exists into the state'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "state" -d 'What wildcam has made'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "validate" -d 'Check the templates against the providers\' schemas, without a network'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "eject" -d 'Write what was deployed as Terraform or CloudFormation: an exit that works'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "build" -d 'Compile the cameras\' firmware'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "flash" -d 'Put firmware and an identity on every board that is plugged in'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "pack" -d 'Put prebuilt firmware, tokens and endpoint lists into one file, before leaving'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "key" -d 'Whose signatures cameras believe when they are updated'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "release" -d 'What cameras may be told to run'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "monitor" -d 'Show what boards say, with backtraces in functions and lines'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "lab" -d 'Three small clouds on this machine'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "drill" -d 'Break something on purpose and measure the recovery'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "gateway" -d 'Serve the API that cameras talk to'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "detections" -d 'List, get and export detections'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "command" -d 'Ask one camera to do one thing, once'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "config" -d 'Set cameras, and see what they were set to'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "ota" -d 'Tell cameras to run a release, and see how far they are'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "token" -d 'Make a token that enrols a camera or reads detections'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "status" -d 'What runs, and how it is'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "ci" -d 'Let a CI system deploy without a key of any cloud'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "doctor" -d 'Check this machine and this project, or with --cloud its clouds'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "help" -d 'Show help: all commands, or one'
complete -c wildcam -n "__fish_wildcam_needs_command" -f -a "process" -d 'A part of the lab; started by the lab'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand quickstart" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l scale -d 'How large the fleet is: about 30, 200 or 1000 cameras' -r -f -a "small\t''
medium\t''
large\t''"
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l strategy -d 'How the clouds share the work' -r -f -a "active-active\t''
active-passive\t''
hybrid\t''"
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l clouds -d 'The clouds, the most important first; one may stand several times' -r -f -a "aws\t''
azure\t''
gcp\t''
custom\t''"
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l name -d 'The project\'s name; by default the folder\'s' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l force -d 'Overwrite a wildcam.toml'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand init" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -f -a "show" -d 'Print the whole project with every default filled in; secrets stay references'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and not __fish_seen_subcommand_from show schema" -f -a "schema" -d 'Print the JSON Schema of wildcam.toml'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand project; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l only -d 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l without -d 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -s o -l output -d 'Save the plan; `wildcam deploy FILE` then does exactly this and nothing else' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l markdown -d 'As Markdown that fits a comment of a pull request'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l exit-code -d 'End with exit code 3 when anything would change'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l destroy -d 'Plan what `wildcam destroy` would do'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand plan" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l only -d 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l without -d 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l allow-data-loss -d 'The data of this resource may be lost: its address, in full' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l allow-destroy -d 'This resource, which holds no data, may be destroyed or exchanged: its address, or a selector' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l dry-run -d 'Show the plan and stop'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand deploy" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l only -d 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l without -d 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l allow-data-loss -d 'The data of this resource may be lost: its address, in full' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l allow-destroy -d 'This resource, which holds no data, may be destroyed or exchanged: its address, or a selector' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l dry-run -d 'Show what would be destroyed and stop'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand destroy" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l only -d 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l without -d 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drift" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand adopt" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l only -d 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l without -d 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -f -a "show" -d 'What wildcam has made, and how it stands'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -f -a "rm" -d 'Let the state forget a resource; what stands in the cloud stays'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and not __fish_seen_subcommand_from show rm rebuild" -f -a "rebuild" -d 'Find everything again by the marks that wildcam leaves on it'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -l write -d 'Write the new state'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand state; and __fish_seen_subcommand_from rebuild" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -l parity -d 'Show also what the clouds cannot do alike'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand validate" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -s o -l output -d 'The folder for the files; it is made, and must be empty or missing' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand eject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l board -d 'A board; may be given several times; default: every board that this machine can compile for' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -s o -l output -d 'Where the files go; default: target/firmware' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l sources -d 'The folder that holds firmware/, for who changes it; default: the sources in this program' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l cache -d 'Where sources are unpacked and compiled; default: a folder of this user\'s cache' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l wakes -d 'How often the camera wakes in a day' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l pictures -d 'Pictures in each wake' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l picture-kb -d 'The length of a picture, in kilobytes' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l connections -d 'How often the camera connects in a day' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l link-kbit -d 'What the link carries, in kilobits a second' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l battery-mah -d 'The battery\'s charge' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l offline -d 'Use no network'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l energy -d 'Compile nothing; show what a camera draws from its battery in a day'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand build" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l port -d 'A port with a board, or the flash file of an emulated one; default: every board that is found. May be repeated' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l board -d 'The board; default: what the chip says it is' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l firmware -d 'Firmware of wildcam: a -full.bin or -app.bin; default: what `wildcam build` wrote to target/firmware' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l image -d 'An image of ESP-IDF or Arduino; wildcam cannot manage the board afterwards. Needs --allow-data-loss for each camera' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l pack -d 'A file of `wildcam pack` with firmware, tokens and endpoint lists' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l pack-key -d 'Where the key of the pack is found: env:NAME or file:PATH' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l roster -d 'The cameras: a CSV file with the columns name, mac, ssid, passphrase, group' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l name -d 'The name of the camera, for one new board; default: cam- and the end of its MAC' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l wifi -d 'The wireless network of cameras for which the roster or the pack names none' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l wifi-passphrase -d 'Where its passphrase is found: env:NAME or file:PATH' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l group -d 'The group of cameras for which the roster or the pack names none' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l authority -d 'The certificate of the authority that vouches for the gateways (PEM); for emulated boards: the lab\'s' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l endpoints -d 'A signed endpoint list; default: one made from gateway.public_urls, for emulated boards the lab\'s' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l allow-data-loss -d 'Consent to losing the key, the counters and the waiting pictures of this camera, or board by its MAC. May be repeated' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l allow-burn -d 'Consent to burning the eFuses of this board, by its MAC or the camera that it is, without being asked. May be repeated' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l baud -d 'The baud rate to begin with; errors lower it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l firmware-only -d 'Write no identity to boards that have none'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l new-identity -d 'Write a new identity, under another name, also where one is; needs --allow-data-loss for each camera that it replaces'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l burn-efuses -d 'Burn a new random key, for ever, into a free key block of each chip; the board seals what it knows under it. Asks for a typed phrase, and --yes is none'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l no-reset -d 'Never touch the port\'s control lines: the chip is in its loader already'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l dry-run -d 'Show the plan and change nothing'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l register -d 'Send the public keys that wait for a network to the gateways, and flash nothing'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand flash" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -s o -l output -d 'The file to write' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l board -d 'A board whose firmware is packed; default: every board that was built. May be repeated' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l cameras -d 'How many cameras may be flashed from it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l prefix -d 'How the cameras\' names begin' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l roster -d 'The cameras: a CSV file with the columns name, mac, ssid, passphrase, group' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l wifi -d 'The wireless network of cameras for which the roster names none' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l wifi-passphrase -d 'Where its passphrase is found: env:NAME or file:PATH' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l group -d 'The group of cameras for which the roster names none' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l key -d 'Where the key of the pack is found: env:NAME or file:PATH' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l authority -d 'The certificate of the authority that vouches for the gateways (PEM); for emulated boards: the lab\'s' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l endpoints -d 'A signed endpoint list; default: one made from gateway.public_urls, for emulated boards the lab\'s' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand pack" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -f -a "init" -d 'Make keys and the first root, or one key'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -f -a "rotate" -d 'Make the next root: with other keys, another threshold, or a later end'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -f -a "sign" -d 'Add the signatures of this machine\'s keys to a document that lacks some'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and not __fish_seen_subcommand_from init rotate sign list" -f -a "list" -d 'Show which keys have a say, and where their private halves lie'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l folder -d 'The folder of releases [default: releases, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l keys -d 'The folder of keys [default: keys, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l passphrase -d 'Where the keys\' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have different ones: each is tried, and a key that is made gets the first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l role -d 'Make or take up one key of this role only: root, release or timestamp' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l public -d 'The public half of a key that lies elsewhere (PEM)' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l external -d 'The program with its arguments that signs for it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l root-keys -d 'Keys of the root' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l root-threshold -d 'How many of them must sign' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l release-keys -d 'Keys of releases' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l release-threshold -d 'How many of them must sign' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l timestamp-keys -d 'Keys of the timestamp' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l timestamp-threshold -d 'How many of them must sign' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l expires -d 'How long the root is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l folder -d 'The folder of releases [default: releases, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l keys -d 'The folder of keys [default: keys, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l passphrase -d 'Where the keys\' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have different ones: each is tried, and a key that is made gets the first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l remove -d 'A key that loses its say; may be repeated [default, without other changes: all keys of the role]' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l add -d 'How many keys to make [default: as many as go]' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l public -d 'The public half of a key that lies elsewhere and gets a say (PEM); may be repeated' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l external -d 'The program with its arguments that signs for it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l threshold -d 'How many keys of the role must sign' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l expires -d 'How long the new root is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l renew -d 'Keep keys and thresholds'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l folder -d 'The folder of releases [default: releases, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l keys -d 'The folder of keys [default: keys, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l passphrase -d 'Where the keys\' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have different ones: each is tried, and a key that is made gets the first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l folder -d 'The folder of releases [default: releases, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l keys -d 'The folder of keys [default: keys, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l passphrase -d 'Where the keys\' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have different ones: each is tried, and a key that is made gets the first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "sign" -d 'Make and sign the next release for a board'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "refresh" -d 'Sign anew which releases are the newest, before that ends'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "verify" -d 'Check a folder of releases as a camera would'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "show" -d 'Show the newest releases'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "publish" -d 'Put the releases into the stores, where cameras find them'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "diff" -d 'Write what a new file differs from an old one by'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and not __fish_seen_subcommand_from sign refresh verify show publish diff patch" -f -a "patch" -d 'Make the new file of the old one and a patch'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l folder -d 'The folder of releases [default: releases, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l keys -d 'The folder of keys [default: keys, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l passphrase -d 'Where the keys\' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have different ones: each is tried, and a key that is made gets the first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l board -d 'The boards that it is for' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l version -d 'The version, which has to be the one that the image states' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l from -d 'An image that cameras run now; may be repeated, up to four times' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l battery-mv -d 'The battery\'s voltage in mV below which no camera fetches it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l link -d 'The links over which it may be fetched: ethernet, wifi, cellular, satellite' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l survey -d 'The hours of the survey in UTC, in which it is not put in place' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l expires -d 'How long the release may be taken' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l timestamp-expires -d 'How long the timestamp is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l folder -d 'The folder of releases [default: releases, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l keys -d 'The folder of keys [default: keys, in the project\'s folder]' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l passphrase -d 'Where the keys\' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have different ones: each is tried, and a key that is made gets the first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l timestamp-expires -d 'How long the timestamp is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from refresh" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -l root -d 'A root that is trusted, such as the one that cameras were flashed with' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from publish" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -s o -l output -d 'The patch to write' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -s o -l output -d 'The file to write' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand release; and __fish_seen_subcommand_from patch" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l port -d 'A port with a board; default: every board that is found. May be repeated' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l baud -d 'The baud rate' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l board -d 'The board, for the functions and lines of what `wildcam build` wrote to target/firmware' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l elf -d 'The ELF file of the firmware, for functions and lines' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l expect -d 'End when every board has said this text' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l timeout -d 'End after this time' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand monitor" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -f -a "up" -d 'Bring the lab up; it stays up until `wildcam lab down`'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -f -a "down" -d 'Take the lab down; its logs stay'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -f -a "status" -d 'What runs in the lab'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and not __fish_seen_subcommand_from up down status logs" -f -a "logs" -d 'What a process of the lab printed'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l regions -d 'Regions in each cloud' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l zones -d 'Zones in each region' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l replicas -d 'Gateways in each zone' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l copies -d 'In how many stores a picture must lie before it is confirmed' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l cameras -d 'Virtual cameras' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l upload-every -d 'How often each camera takes a picture (0s: never)' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l boards -d 'Emulated boards that run the real firmware in QEMU, as in qemu-virt:3, or qemu-virt+card:3 with memory cards; `wildcam build --board qemu-virt` makes it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l between-clouds -d 'The delay between two clouds, one way' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l seed -d 'The seed of everything that is drawn by lot' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -l lines -d 'The last lines only' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand lab; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -f -a "list" -d 'The scenarios, and the faults that are still there'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -f -a "run" -d 'Run a scenario and judge it'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -f -a "fault" -d 'Make one fault in the lab that is up, and leave it there until its lease ends'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -f -a "undo" -d 'Undo faults that a drill left behind'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and not __fish_seen_subcommand_from list run fault undo report" -f -a "report" -d 'Show the result of a drill again'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l regions -d 'Regions in each cloud' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l zones -d 'Zones in each region' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l replicas -d 'Gateways in each zone' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l copies -d 'In how many stores a picture must lie before it is confirmed' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l cameras -d 'Virtual cameras' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l upload-every -d 'How often each camera takes a picture (0s: never)' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l boards -d 'Emulated boards that run the real firmware in QEMU, as in qemu-virt:3, or qemu-virt+card:3 with memory cards; `wildcam build --board qemu-virt` makes it' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l between-clouds -d 'The delay between two clouds, one way' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l seed -d 'The seed of everything that is drawn by lot' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l lab -d 'Use the lab that is up, instead of one that lives as long as the drill'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l cloud -d 'To which cloud; the one with the most traffic when it is not said' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l lease -d 'After this time the fault ends by itself' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from fault" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -l all -d 'Every fault that is recorded'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from undo" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -l html -d 'Write the report as one HTML file' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand drill; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l cloud -d 'The cloud whose gateway this is; default: the first in wildcam.toml' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l name -d 'The gateway\'s name, under which its reports lie; default: the cloud\'s' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l index -d 'The index file instead of gateway.index_path: each gateway of a machine needs its own' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l listen -d 'The address and port to listen on instead of gateway.listen; port 0 takes a free one' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l plain-http -d 'Speak HTTP without TLS, for a container behind a provider\'s TLS; listens on the port in PORT where that is set'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l behind-tls -d 'TLS ends in front of this gateway, so plain HTTP needs no warning'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l until-stdin-closes -d 'End when standard input closes: for a parent that must not leave a gateway behind'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -f -a "reindex" -d 'Make the index again from the objects; it can run beside a gateway, and again'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -f -a "image" -d 'Build the gateway as a container image from a static wildcam, and push it; needs no Docker'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and not __fish_seen_subcommand_from reindex image healthy" -f -a "healthy" -d 'Ask the gateway in this container whether it can take detections; the health check of its image'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l cloud -d 'The cloud whose gateway this is; default: the first in wildcam.toml' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l name -d 'The gateway\'s name, under which its reports lie; default: the cloud\'s' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l index -d 'The index file instead of gateway.index_path: each gateway of a machine needs its own' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from reindex" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -s o -l output -d 'Where the OCI archive is written; default without --push: wildcam-gateway-CLOUD.tar' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l cloud -d 'The cloud whose gateway it is; default: the first in wildcam.toml' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l binary -d 'A static wildcam for Linux; default: this program' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l repository -d 'Where to push it: HOST/PATH; default: where it was pushed before, else the cloud\'s own registry' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l authority -d 'The certificate authority of the registry, a PEM file; default: the public ones' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l platform -d 'What the image must be for; default: what the program is for' -r -f -a "linux/amd64\t''
linux/arm64\t''"
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l push -d 'Push it to a registry, and write its name into wildcam.toml'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from image" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -l at -d 'The address and port to ask instead of this machine\'s gateway.listen, or PORT' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand gateway; and __fish_seen_subcommand_from healthy" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -f -a "list" -d 'List detections, the latest first'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -f -a "get" -d 'Write the picture and the event of one detection into a folder'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and not __fish_seen_subcommand_from list get export" -f -a "export" -d 'Write pictures, events and a table (detections.csv) into a folder; run it again to go on'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l gateway -d 'The gateway to ask; default: the first of gateway.public_urls' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l authority -d 'The certificate authority to trust (PEM) instead of the public ones' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l camera -d 'Only of this camera' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l species -d 'Only of this species, by its scientific name' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l since -d 'Taken at this time or later, for instance 2026-05-01T00:00:00Z' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l until -d 'Taken before this time' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l limit -d 'How many at most' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l oldest-first -d 'The earliest first'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l gateway -d 'The gateway to ask; default: the first of gateway.public_urls' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l authority -d 'The certificate authority to trust (PEM) instead of the public ones' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l out -d 'The folder' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l gateway -d 'The gateway to ask; default: the first of gateway.public_urls' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l authority -d 'The certificate authority to trust (PEM) instead of the public ones' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l camera -d 'Only of this camera' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l species -d 'Only of this species, by its scientific name' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l since -d 'Taken at this time or later, for instance 2026-05-01T00:00:00Z' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l until -d 'Taken before this time' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l out -d 'The folder' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand detections; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -l valid -d 'How long the command is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -f -a "push" -d 'Set one camera or several: shown, asked, signed, and kept in every store'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -f -a "show" -d 'What a camera shall be set to, and what it says it is'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -f -a "diff" -d 'What differs between two versions'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -f -a "history" -d 'What a camera was set to, when, and by which key'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and not __fish_seen_subcommand_from push show diff history rollback" -f -a "rollback" -d 'Give the settings of an older version a new number'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l camera -d 'The camera\'s id; more than once for several' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l set -d 'Set one key and leave the others' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l unset -d 'Leave one key to the board' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l based-on -d 'Push only if this version is still the newest' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l dry-run -d 'Show what would change'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -l camera -d 'The camera\'s id; more than once for several' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -l camera -d 'The camera\'s id' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l camera -d 'The camera\'s id' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l limit -d 'How many versions at most, the latest first' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l camera -d 'The camera\'s id' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l dry-run -d 'Show what would change'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand config; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -f -a "push" -d 'Tell cameras to run a published release'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and not __fish_seen_subcommand_from push status" -f -a "status" -d 'Which release a camera shall run, and how far it is'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l camera -d 'The camera\'s id; more than once for several of the same board' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l release -d 'The release\'s number; default: the newest of the board' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l board -d 'The board; default: the only one of firmware.boards' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l root -d 'The root that the cameras were flashed with; default: releases/root/1.cose in the project\'s folder' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l dry-run -d 'Show what would change'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -l camera -d 'The camera\'s id; more than once for several' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand ota; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -f -a "enrol" -d 'A token with which one camera registers its key'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and not __fish_seen_subcommand_from enrol read" -f -a "read" -d 'A token that reads detections; give it to `wildcam detections` as WILDCAM_TOKEN'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l camera -d 'The camera\'s id' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l ttl -d 'How long the token is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from enrol" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -l ttl -d 'How long the token is valid' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand token; and __fish_seen_subcommand_from read" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l exit-code -d 'Exit with 3 when a cloud does not answer'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand status" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and not __fish_seen_subcommand_from setup" -f -a "setup" -d 'Let a CI system plan and deploy without a key of any cloud'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand ci; and __fish_seen_subcommand_from setup" -f -a "github" -d 'GitHub Actions: plans on pull requests, deploys on a merge'
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l cloud -d 'Ask the clouds instead, or this one: credentials, permissions, quotas, retirement dates. Changes nothing' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand doctor" -l usb -d 'Look at USB instead: ports, drivers, permissions, and who has a port'
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
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand help" -s h -l help -d 'Print help'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l config -d 'Its configuration' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l project -d 'The folder that holds wildcam.toml' -r -F
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l env -d 'The environment of wildcam.toml to use' -r
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l detached -d 'Go on when standard input closes'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l json -d 'JSON lines on standard output'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -s q -l quiet -d 'Only results and errors'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l yes -d 'Answer ordinary questions with yes; never consents to loss'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -l no-color -d 'No colour (also: NO_COLOR)'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -s v -l verbose -d 'Say more; twice for everything'
complete -c wildcam -n "__fish_wildcam_using_subcommand process" -s h -l help -d 'Print help'
