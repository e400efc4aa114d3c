use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

use super::{Failure, median};
use crate::terminal::say;

/// Runs whole drills with the released program and prints when 95% of the cameras were back (T6).
pub(super) fn run(binary: &Path, runs: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut measured: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for run in 1..=runs {
        for scenario in ["cloud-outage", "cloud-silent"] {
            say(&format!("run {run} of {runs}: {scenario}"));
            let output = Command::new(binary)
                .args(["drill", "run", scenario, "--json", "--project"])
                .arg(folder.path())
                .output()?;
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Ok(result) = serde_json::from_str::<Value>(line) else { continue };
                if result["reason"] != "drill-result" {
                    continue;
                }
                let phases = result["phases"].as_array().cloned().unwrap_or_default();
                let Some(back) = phases.iter().find(|phase| phase["name"] == "cameras back") else { continue };
                let Some(ms) = back["ms"].as_f64() else {
                    return Err(format!("the cameras did not come back: {line}").into());
                };
                let name = result["scenario"].as_str().unwrap_or_default().to_owned();
                measured.entry(name).or_default().push((ms, back["least_ms"].as_f64().unwrap_or_default()));
            }
        }
    }
    say(&format!("\n{:<32} {:>10} {:>16} {:>10}", "cameras back (T6)", "median", "least possible", "limit"));
    for (scenario, values) in &measured {
        if values.len() != runs {
            return Err(format!("{scenario} gave {} results in {runs} runs", values.len()).into());
        }
        let mut times: Vec<f64> = values.iter().map(|(ms, _)| *ms).collect();
        let mut least: Vec<f64> = values.iter().map(|(_, least)| *least).collect();
        let limit = if scenario.starts_with("cloud-silent") { 8.0 } else { 2.0 };
        let (time, least) = (median(&mut times) / 1000.0, median(&mut least) / 1000.0);
        say(&format!("{scenario:<32} {time:>8.2} s {least:>14.2} s {limit:>8.0} s"));
    }
    Ok(())
}
