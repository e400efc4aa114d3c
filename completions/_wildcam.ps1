
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
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what a deploy would do, what it costs, and what it could destroy')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Make the clouds hold what wildcam.toml says')
            [CompletionResult]::new('destroy', 'destroy', [CompletionResultType]::ParameterValue, 'Take down what was deployed')
            [CompletionResult]::new('drift', 'drift', [CompletionResultType]::ParameterValue, 'See whether somebody changed what was deployed')
            [CompletionResult]::new('adopt', 'adopt', [CompletionResultType]::ParameterValue, 'Take something that exists into the state')
            [CompletionResult]::new('state', 'state', [CompletionResultType]::ParameterValue, 'What wildcam has made')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check the templates against the providers'' schemas, without a network')
            [CompletionResult]::new('eject', 'eject', [CompletionResultType]::ParameterValue, 'Write what was deployed as Terraform or CloudFormation: an exit that works')
            [CompletionResult]::new('lab', 'lab', [CompletionResultType]::ParameterValue, 'Three small clouds on this machine')
            [CompletionResult]::new('drill', 'drill', [CompletionResultType]::ParameterValue, 'Break something on purpose and measure the recovery')
            [CompletionResult]::new('gateway', 'gateway', [CompletionResultType]::ParameterValue, 'Serve the API that cameras talk to')
            [CompletionResult]::new('detections', 'detections', [CompletionResultType]::ParameterValue, 'List, get and export detections')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Make a token that enrols a camera or reads detections')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What runs, and how it is')
            [CompletionResult]::new('ci', 'ci', [CompletionResultType]::ParameterValue, 'Let a CI system deploy without a key of any cloud')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check this machine and this project, or with --cloud its clouds')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Show help: all commands, or one')
            [CompletionResult]::new('process', 'process', [CompletionResultType]::ParameterValue, 'A part of the lab; started by the lab')
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
            [CompletionResult]::new('--scale', '--scale', [CompletionResultType]::ParameterName, 'How large the fleet is: about 30, 200 or 1000 cameras')
            [CompletionResult]::new('--strategy', '--strategy', [CompletionResultType]::ParameterName, 'How the clouds share the work')
            [CompletionResult]::new('--clouds', '--clouds', [CompletionResultType]::ParameterName, 'The clouds, the most important first; one may stand several times')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The project''s name; by default the folder''s')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Overwrite a wildcam.toml')
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
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print the whole project with every default filled in; secrets stay references')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of wildcam.toml')
            break
        }
        'wildcam;project;show' {
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
        'wildcam;project;schema' {
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
        'wildcam;plan' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one')
            [CompletionResult]::new('--without', '--without', [CompletionResultType]::ParameterName, 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Save the plan; `wildcam deploy FILE` then does exactly this and nothing else')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Save the plan; `wildcam deploy FILE` then does exactly this and nothing else')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--markdown', '--markdown', [CompletionResultType]::ParameterName, 'As Markdown that fits a comment of a pull request')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'End with exit code 3 when anything would change')
            [CompletionResult]::new('--destroy', '--destroy', [CompletionResultType]::ParameterName, 'Plan what `wildcam destroy` would do')
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
        'wildcam;deploy' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one')
            [CompletionResult]::new('--without', '--without', [CompletionResultType]::ParameterName, 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted')
            [CompletionResult]::new('--allow-data-loss', '--allow-data-loss', [CompletionResultType]::ParameterName, 'The data of this resource may be lost: its address, in full')
            [CompletionResult]::new('--allow-destroy', '--allow-destroy', [CompletionResultType]::ParameterName, 'This resource, which holds no data, may be destroyed or exchanged: its address, or a selector')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the plan and stop')
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
        'wildcam;destroy' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one')
            [CompletionResult]::new('--without', '--without', [CompletionResultType]::ParameterName, 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted')
            [CompletionResult]::new('--allow-data-loss', '--allow-data-loss', [CompletionResultType]::ParameterName, 'The data of this resource may be lost: its address, in full')
            [CompletionResult]::new('--allow-destroy', '--allow-destroy', [CompletionResultType]::ParameterName, 'This resource, which holds no data, may be destroyed or exchanged: its address, or a selector')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be destroyed and stop')
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
        'wildcam;drift' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one')
            [CompletionResult]::new('--without', '--without', [CompletionResultType]::ParameterName, 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted')
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
        'wildcam;adopt' {
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
        'wildcam;state' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these resources and what they need: cloud/stack/name, where * stands for a part or within one')
            [CompletionResult]::new('--without', '--without', [CompletionResultType]::ParameterName, 'Leave a cloud out: nothing of it is called, and what the state says of it is trusted')
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
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'What wildcam has made, and how it stands')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Let the state forget a resource; what stands in the cloud stays')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Find everything again by the marks that wildcam leaves on it')
            break
        }
        'wildcam;state;show' {
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
        'wildcam;state;rm' {
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
        'wildcam;state;rebuild' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write the new state')
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
        'wildcam;validate' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--parity', '--parity', [CompletionResultType]::ParameterName, 'Show also what the clouds cannot do alike')
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
        'wildcam;eject' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The folder for the files; it is made, and must be empty or missing')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The folder for the files; it is made, and must be empty or missing')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
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
            [CompletionResult]::new('up', 'up', [CompletionResultType]::ParameterValue, 'Bring the lab up; it stays up until `wildcam lab down`')
            [CompletionResult]::new('down', 'down', [CompletionResultType]::ParameterValue, 'Take the lab down; its logs stay')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'What runs in the lab')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'What a process of the lab printed')
            break
        }
        'wildcam;lab;up' {
            [CompletionResult]::new('--regions', '--regions', [CompletionResultType]::ParameterName, 'Regions in each cloud')
            [CompletionResult]::new('--zones', '--zones', [CompletionResultType]::ParameterName, 'Zones in each region')
            [CompletionResult]::new('--replicas', '--replicas', [CompletionResultType]::ParameterName, 'Gateways in each zone')
            [CompletionResult]::new('--copies', '--copies', [CompletionResultType]::ParameterName, 'In how many stores a picture must lie before it is confirmed')
            [CompletionResult]::new('--cameras', '--cameras', [CompletionResultType]::ParameterName, 'Virtual cameras')
            [CompletionResult]::new('--upload-every', '--upload-every', [CompletionResultType]::ParameterName, 'How often each camera takes a picture (0s: never)')
            [CompletionResult]::new('--between-clouds', '--between-clouds', [CompletionResultType]::ParameterName, 'The delay between two clouds, one way')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'The seed of everything that is drawn by lot')
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
        'wildcam;lab;down' {
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
        'wildcam;lab;status' {
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
        'wildcam;lab;logs' {
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'The last lines only')
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
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'The scenarios, and the faults that are still there')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a scenario and judge it')
            [CompletionResult]::new('fault', 'fault', [CompletionResultType]::ParameterValue, 'Make one fault in the lab that is up, and leave it there until its lease ends')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Undo faults that a drill left behind')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Show the result of a drill again')
            break
        }
        'wildcam;drill;list' {
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
        'wildcam;drill;run' {
            [CompletionResult]::new('--regions', '--regions', [CompletionResultType]::ParameterName, 'Regions in each cloud')
            [CompletionResult]::new('--zones', '--zones', [CompletionResultType]::ParameterName, 'Zones in each region')
            [CompletionResult]::new('--replicas', '--replicas', [CompletionResultType]::ParameterName, 'Gateways in each zone')
            [CompletionResult]::new('--copies', '--copies', [CompletionResultType]::ParameterName, 'In how many stores a picture must lie before it is confirmed')
            [CompletionResult]::new('--cameras', '--cameras', [CompletionResultType]::ParameterName, 'Virtual cameras')
            [CompletionResult]::new('--upload-every', '--upload-every', [CompletionResultType]::ParameterName, 'How often each camera takes a picture (0s: never)')
            [CompletionResult]::new('--between-clouds', '--between-clouds', [CompletionResultType]::ParameterName, 'The delay between two clouds, one way')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'The seed of everything that is drawn by lot')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--lab', '--lab', [CompletionResultType]::ParameterName, 'Use the lab that is up, instead of one that lives as long as the drill')
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
        'wildcam;drill;fault' {
            [CompletionResult]::new('--cloud', '--cloud', [CompletionResultType]::ParameterName, 'To which cloud; the one with the most traffic when it is not said')
            [CompletionResult]::new('--lease', '--lease', [CompletionResultType]::ParameterName, 'After this time the fault ends by itself')
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
        'wildcam;drill;undo' {
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every fault that is recorded')
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
        'wildcam;drill;report' {
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'Write the report as one HTML file')
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
            [CompletionResult]::new('--cloud', '--cloud', [CompletionResultType]::ParameterName, 'The cloud whose gateway this is; default: the first in wildcam.toml')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The gateway''s name, under which its reports lie; default: the cloud''s')
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index file instead of gateway.index_path: each gateway of a machine needs its own')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'The address and port to listen on instead of gateway.listen; port 0 takes a free one')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--plain-http', '--plain-http', [CompletionResultType]::ParameterName, 'Speak HTTP without TLS, for a container behind a provider''s TLS; listens on the port in PORT where that is set')
            [CompletionResult]::new('--behind-tls', '--behind-tls', [CompletionResultType]::ParameterName, 'TLS ends in front of this gateway, so plain HTTP needs no warning')
            [CompletionResult]::new('--until-stdin-closes', '--until-stdin-closes', [CompletionResultType]::ParameterName, 'End when standard input closes: for a parent that must not leave a gateway behind')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON lines on standard output')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer ordinary questions with yes; never consents to loss')
            [CompletionResult]::new('--no-color', '--no-color', [CompletionResultType]::ParameterName, 'No colour (also: NO_COLOR)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('reindex', 'reindex', [CompletionResultType]::ParameterValue, 'Make the index again from the objects; it can run beside a gateway, and again')
            [CompletionResult]::new('image', 'image', [CompletionResultType]::ParameterValue, 'Build the gateway as a container image from a static wildcam, and push it; needs no Docker')
            [CompletionResult]::new('healthy', 'healthy', [CompletionResultType]::ParameterValue, 'Ask the gateway in this container whether it can take detections; the health check of its image')
            break
        }
        'wildcam;gateway;reindex' {
            [CompletionResult]::new('--cloud', '--cloud', [CompletionResultType]::ParameterName, 'The cloud whose gateway this is; default: the first in wildcam.toml')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The gateway''s name, under which its reports lie; default: the cloud''s')
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index file instead of gateway.index_path: each gateway of a machine needs its own')
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
        'wildcam;gateway;image' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where the OCI archive is written; default without --push: wildcam-gateway-CLOUD.tar')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where the OCI archive is written; default without --push: wildcam-gateway-CLOUD.tar')
            [CompletionResult]::new('--cloud', '--cloud', [CompletionResultType]::ParameterName, 'The cloud whose gateway it is; default: the first in wildcam.toml')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'A static wildcam for Linux; default: this program')
            [CompletionResult]::new('--repository', '--repository', [CompletionResultType]::ParameterName, 'Where to push it: HOST/PATH; default: where it was pushed before, else the cloud''s own registry')
            [CompletionResult]::new('--authority', '--authority', [CompletionResultType]::ParameterName, 'The certificate authority of the registry, a PEM file; default: the public ones')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'What the image must be for; default: what the program is for')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--push', '--push', [CompletionResultType]::ParameterName, 'Push it to a registry, and write its name into wildcam.toml')
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
        'wildcam;gateway;healthy' {
            [CompletionResult]::new('--at', '--at', [CompletionResultType]::ParameterName, 'The address and port to ask instead of this machine''s gateway.listen, or PORT')
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
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List detections, the latest first')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Write the picture and the event of one detection into a folder')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write pictures, events and a table (detections.csv) into a folder; run it again to go on')
            break
        }
        'wildcam;detections;list' {
            [CompletionResult]::new('--gateway', '--gateway', [CompletionResultType]::ParameterName, 'The gateway to ask; default: the first of gateway.public_urls')
            [CompletionResult]::new('--authority', '--authority', [CompletionResultType]::ParameterName, 'The certificate authority to trust (PEM) instead of the public ones')
            [CompletionResult]::new('--camera', '--camera', [CompletionResultType]::ParameterName, 'Only of this camera')
            [CompletionResult]::new('--species', '--species', [CompletionResultType]::ParameterName, 'Only of this species, by its scientific name')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Taken at this time or later, for instance 2026-05-01T00:00:00Z')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Taken before this time')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'How many at most')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--oldest-first', '--oldest-first', [CompletionResultType]::ParameterName, 'The earliest first')
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
        'wildcam;detections;get' {
            [CompletionResult]::new('--gateway', '--gateway', [CompletionResultType]::ParameterName, 'The gateway to ask; default: the first of gateway.public_urls')
            [CompletionResult]::new('--authority', '--authority', [CompletionResultType]::ParameterName, 'The certificate authority to trust (PEM) instead of the public ones')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The folder')
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
        'wildcam;detections;export' {
            [CompletionResult]::new('--gateway', '--gateway', [CompletionResultType]::ParameterName, 'The gateway to ask; default: the first of gateway.public_urls')
            [CompletionResult]::new('--authority', '--authority', [CompletionResultType]::ParameterName, 'The certificate authority to trust (PEM) instead of the public ones')
            [CompletionResult]::new('--camera', '--camera', [CompletionResultType]::ParameterName, 'Only of this camera')
            [CompletionResult]::new('--species', '--species', [CompletionResultType]::ParameterName, 'Only of this species, by its scientific name')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Taken at this time or later, for instance 2026-05-01T00:00:00Z')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Taken before this time')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The folder')
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
            [CompletionResult]::new('enrol', 'enrol', [CompletionResultType]::ParameterValue, 'A token with which one camera registers its key')
            [CompletionResult]::new('read', 'read', [CompletionResultType]::ParameterValue, 'A token that reads detections; give it to `wildcam detections` as WILDCAM_TOKEN')
            break
        }
        'wildcam;token;enrol' {
            [CompletionResult]::new('--camera', '--camera', [CompletionResultType]::ParameterName, 'The camera''s id')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long the token is valid')
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
        'wildcam;token;read' {
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long the token is valid')
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
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 3 when a cloud does not answer')
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
        'wildcam;ci' {
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
            [CompletionResult]::new('setup', 'setup', [CompletionResultType]::ParameterValue, 'Let a CI system plan and deploy without a key of any cloud')
            break
        }
        'wildcam;ci;setup' {
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
            [CompletionResult]::new('github', 'github', [CompletionResultType]::ParameterValue, 'GitHub Actions: plans on pull requests, deploys on a merge')
            break
        }
        'wildcam;ci;setup;github' {
            [CompletionResult]::new('--repository', '--repository', [CompletionResultType]::ParameterName, 'The repository whose jobs may deploy; default: ci.github, else the remote `origin`')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch whose jobs may deploy; default: ci.branch')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write the workflow to .github/workflows/wildcam.yml instead of printing it')
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
            [CompletionResult]::new('--cloud', '--cloud', [CompletionResultType]::ParameterName, 'Ask the clouds instead, or this one: credentials, permissions, quotas, retirement dates. Changes nothing')
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
        'wildcam;help' {
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
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Its configuration')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'The folder that holds wildcam.toml')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment of wildcam.toml to use')
            [CompletionResult]::new('--detached', '--detached', [CompletionResultType]::ParameterName, 'Go on when standard input closes')
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
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
