//! `wildcam completions`.

use clap_complete::Shell;

use super::{CommandResult, Context};

const EXAMPLES: &str = "Examples:
  wildcam completions bash > ~/.local/share/bash-completion/completions/wildcam
  wildcam completions zsh > ~/.zfunc/_wildcam
  wildcam completions fish > ~/.config/fish/completions/wildcam.fish";

/// The arguments of `wildcam completions`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    context.ui.document(&completion_script(arguments.shell));
    Ok(())
}

/// The completion script of a shell.
#[must_use]
pub fn completion_script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command_tree(), "wildcam", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
