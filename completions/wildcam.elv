
use builtin;
use str;

set edit:completion:arg-completer[wildcam] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'wildcam'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'wildcam'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand quickstart 'Bring three clouds up on this machine, lose one, and see what was lost'
            cand init 'Write a wildcam.toml'
            cand project 'Show what wildcam.toml means'
            cand lab 'Three small clouds on this machine'
            cand drill 'Break something on purpose and measure the recovery'
            cand gateway 'Serve the API that cameras talk to'
            cand detections 'List, get and export detections'
            cand token 'Make a token that enrols a camera or reads detections'
            cand status 'What runs, and how it is'
            cand doctor 'Check this machine and this project'
            cand completions 'Print a completion script for a shell'
            cand process 'A part of the lab; started by the lab'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'wildcam;quickstart'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;init'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;project'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;lab'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;drill'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;gateway'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;detections'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;token'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;status'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;doctor'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;completions'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;process'= {
            cand --project 'The folder that holds wildcam.toml'
            cand --env 'The environment of wildcam.toml to use'
            cand --json 'JSON lines on standard output'
            cand -q 'Only results and errors'
            cand --quiet 'Only results and errors'
            cand --yes 'Answer ordinary questions with yes; never consents to loss'
            cand --no-color 'No colour (also: NO_COLOR)'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'wildcam;help'= {
            cand quickstart 'Bring three clouds up on this machine, lose one, and see what was lost'
            cand init 'Write a wildcam.toml'
            cand project 'Show what wildcam.toml means'
            cand lab 'Three small clouds on this machine'
            cand drill 'Break something on purpose and measure the recovery'
            cand gateway 'Serve the API that cameras talk to'
            cand detections 'List, get and export detections'
            cand token 'Make a token that enrols a camera or reads detections'
            cand status 'What runs, and how it is'
            cand doctor 'Check this machine and this project'
            cand completions 'Print a completion script for a shell'
            cand process 'A part of the lab; started by the lab'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'wildcam;help;quickstart'= {
        }
        &'wildcam;help;init'= {
        }
        &'wildcam;help;project'= {
        }
        &'wildcam;help;lab'= {
        }
        &'wildcam;help;drill'= {
        }
        &'wildcam;help;gateway'= {
        }
        &'wildcam;help;detections'= {
        }
        &'wildcam;help;token'= {
        }
        &'wildcam;help;status'= {
        }
        &'wildcam;help;doctor'= {
        }
        &'wildcam;help;completions'= {
        }
        &'wildcam;help;process'= {
        }
        &'wildcam;help;help'= {
        }
    ]
    $completions[$command]
}
