//! `wildcam help`, and the front page of `wildcam --help`: a dozen commands, by the person who needs them.

use super::{CommandError, CommandResult, Context, Kind};

/// Who needs which commands. A command that stands in no group is shown by `wildcam help all`.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Start here", &["quickstart", "init", "doctor"]),
    ("In the field", &["flash", "monitor", "config", "ota", "detections"]),
    ("In CI and on servers", &["build", "key", "release", "plan", "deploy"]),
    ("When things fail, and before they do", &["drill", "lab"]),
];

/// The arguments of `wildcam help`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  wildcam help all\n  wildcam help drill run")]
pub(super) struct Arguments {
    /// A command, or "all"
    #[arg(value_name = "COMMAND")]
    topic: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let mut root = super::command_tree();
    let text = match arguments.topic.as_slice() {
        [] => root.render_help().to_string(),
        [all] if all == "all" => all_commands(&root),
        topic => help_of(&mut root, topic)?,
    };
    context.ui.document(&format!("{}\n", text.trim_end()));
    Ok(())
}

fn help_of(root: &mut clap::Command, topic: &[String]) -> Result<String, CommandError> {
    root.build();
    let mut command = root;
    for name in topic {
        let Some(next) = command.find_subcommand_mut(name) else {
            let message = format!("there is no command `{}`", topic.join(" "));
            return Err(CommandError::new(Kind::Usage, message).next_step("wildcam help all"));
        };
        command = next;
    }
    Ok(command.render_help().to_string())
}

/// The front page in place of clap's flat list.
pub(super) fn with_groups(command: clap::Command) -> clap::Command {
    let mut page = String::from("{about}\n\n{usage-heading} {usage}\n");
    for (title, names) in GROUPS {
        page.push_str(&format!("\n{title}:\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            page.push_str(&line(2, name, &about.map(ToString::to_string).unwrap_or_default()));
        }
    }
    page.push_str("\n{options}\n\nwildcam help all shows every command; wildcam help COMMAND shows one.");
    command.help_template(page).disable_help_subcommand(true)
}

fn all_commands(root: &clap::Command) -> String {
    let mut text = String::from("Every command:\n");
    list(root, "", &mut text);
    text.push_str("\nwildcam help COMMAND shows one, with examples.\n");
    text
}

fn list(command: &clap::Command, above: &str, text: &mut String) {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        let name = format!("{above}{}", inner.get_name());
        text.push_str(&line(2, &name, &inner.get_about().map(ToString::to_string).unwrap_or_default()));
        list(inner, &format!("{name} "), text);
    }
}

fn line(indent: usize, name: &str, about: &str) -> String {
    format!("{:indent$}{name:<22} {about}\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_in_a_group_exists_and_stands_once() {
        let root = super::super::command_tree();
        let mut names: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for name in &names {
            assert!(root.find_subcommand(name).is_some(), "{name}");
        }
        assert!(names.len() <= 15);
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
