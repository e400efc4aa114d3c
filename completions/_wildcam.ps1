
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'wildcam' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'wildcam'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'wildcam' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('quickstart', 'quickstart', [CompletionResultType]::ParameterValue, 'Bring three clouds up on this machine, lose one, and see what was lost')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a wildcam.toml')
            [CompletionResult]::new('project', 'project', [CompletionResultType]::ParameterValue, 'Show what wildcam.toml means')
            [CompletionResult]::new('lab', 'lab', [CompletionResultType]::ParameterValue, 'Three small clouds on this machine')
            [CompletionResult]::new('drill', 'drill', [CompletionResultType]::ParameterValue, 'Break something on purpose and measure the recovery')
            [CompletionResult]::new('gateway', 'gateway', [CompletionResultType]::ParameterValue, 'Serve the API that cameras talk to')
            [CompletionResult]::new('detections', 'detections', [CompletionResultType]::ParameterValue, 'List, get and export detections')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Make a token that enrols a camera or reads detections')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What runs, and how it is')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check this machine and this project')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('process', 'process', [CompletionResultType]::ParameterValue, 'A part of the lab; started by the lab')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'wildcam;quickstart' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;init' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;project' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;lab' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;drill' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;gateway' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;detections' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;token' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;status' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;doctor' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;completions' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;process' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'wildcam;help' {
            [CompletionResult]::new('quickstart', 'quickstart', [CompletionResultType]::ParameterValue, 'Bring three clouds up on this machine, lose one, and see what was lost')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a wildcam.toml')
            [CompletionResult]::new('project', 'project', [CompletionResultType]::ParameterValue, 'Show what wildcam.toml means')
            [CompletionResult]::new('lab', 'lab', [CompletionResultType]::ParameterValue, 'Three small clouds on this machine')
            [CompletionResult]::new('drill', 'drill', [CompletionResultType]::ParameterValue, 'Break something on purpose and measure the recovery')
            [CompletionResult]::new('gateway', 'gateway', [CompletionResultType]::ParameterValue, 'Serve the API that cameras talk to')
            [CompletionResult]::new('detections', 'detections', [CompletionResultType]::ParameterValue, 'List, get and export detections')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Make a token that enrols a camera or reads detections')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What runs, and how it is')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check this machine and this project')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('process', 'process', [CompletionResultType]::ParameterValue, 'A part of the lab; started by the lab')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'wildcam;help;quickstart' {
            break
        }
        'wildcam;help;init' {
            break
        }
        'wildcam;help;project' {
            break
        }
        'wildcam;help;lab' {
            break
        }
        'wildcam;help;drill' {
            break
        }
        'wildcam;help;gateway' {
            break
        }
        'wildcam;help;detections' {
            break
        }
        'wildcam;help;token' {
            break
        }
        'wildcam;help;status' {
            break
        }
        'wildcam;help;doctor' {
            break
        }
        'wildcam;help;completions' {
            break
        }
        'wildcam;help;process' {
            break
        }
        'wildcam;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
