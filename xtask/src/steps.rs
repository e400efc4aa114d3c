//! Steps one after the other, timed, up to the first failure.

use std::time::{Duration, Instant};

use crate::{terminal, workspace::Workspace};

/// How a step ended that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It could not run here; the text says why.
    Skipped(String),
}

/// What a step does.
pub(crate) type Work = fn(&Workspace) -> Result<Outcome, String>;

/// One step of a run.
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it proves, in a few words.
    pub(crate) about: &'static str,
    /// The work.
    pub(crate) work: Work,
}

/// Runs the steps. The list of durations is printed before the last one begins, so that a test runner that comes last has
/// the last word.
///
/// # Errors
///
/// The first failure, with the name of its step.
pub(crate) fn run(workspace: &Workspace, steps: &[&Step]) -> Result<(), String> {
    let mut ended: Vec<String> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if index + 1 == steps.len() && index > 0 {
            summarise(&ended);
        }
        terminal::begin(&format!("{}: {}", step.name, step.about));
        let begun = Instant::now();
        match (step.work)(workspace) {
            Ok(outcome) => {
                if let Outcome::Skipped(why) = &outcome {
                    terminal::say(&format!("SKIPPED: {why}"));
                }
                ended.push(line(step.name, begun.elapsed(), &outcome));
            }
            Err(error) => {
                if index + 1 < steps.len() {
                    summarise(&ended);
                }
                let name = step.name;
                return Err(format!(
                    "step `{name}` failed after {} s: {error}\nalone: cargo xtask ci {name}",
                    begun.elapsed().as_secs()
                ));
            }
        }
    }
    Ok(())
}

fn line(name: &str, took: Duration, outcome: &Outcome) -> String {
    let seconds = format!("{:.1} s", took.as_secs_f64());
    match outcome {
        Outcome::Done => format!("{name:<12} {seconds:>9}"),
        Outcome::Skipped(why) => format!("{name:<12} {seconds:>9}  SKIPPED: {why}"),
    }
}

fn summarise(ended: &[String]) {
    terminal::begin("steps so far");
    ended.iter().for_each(|line| terminal::say(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_was_skipped_and_why() {
        let took = Duration::from_millis(1234);
        assert_eq!(line("format", took, &Outcome::Done), "format           1.2 s");
        let skipped = Outcome::Skipped("no compiler".to_owned());
        assert_eq!(line("windows", took, &skipped), "windows          1.2 s  SKIPPED: no compiler");
    }
}
