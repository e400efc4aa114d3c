//! The report of a drill: one HTML file without scripts or outside references, the timeline drawn in SVG.

use std::fmt::Write as _;

use super::result::{DrillResult, Phase, Verdict, seconds};

/// The report of these results.
#[must_use]
pub fn html(results: &[DrillResult]) -> String {
    let mut page = String::from(HEAD);
    let practice = results.iter().any(|result| result.practice);
    if practice {
        page.push_str("<p class=\"practice\">This was practice on one machine, not evidence for real clouds.</p>\n");
    }
    for result in results {
        section(&mut page, result);
    }
    page.push_str("</main></body></html>\n");
    page
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Recovery drill</title>
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<style>
body{font:16px/1.5 system-ui,sans-serif;color:#1c2421;background:#fff;margin:0}
main{max-width:52rem;margin:0 auto;padding:2rem 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d7ddd9}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.verdict{font-size:1.3rem;font-weight:600}
.met{color:#1d6b3a}.other{color:#9a2b1b}
.practice{background:#f4f0e2;padding:.6rem 1rem}
svg{width:100%;height:auto}
@media print{main{padding:0}}
</style></head><body><main>
<h1>Recovery drill</h1>
";

fn section(page: &mut String, result: &DrillResult) {
    let class = if result.verdict == Verdict::Met { "met" } else { "other" };
    let _ = writeln!(page, "<h2>{}</h2>", escape(&result.scenario));
    let _ = writeln!(
        page,
        "<p>Cloud <b>{}</b> of environment <b>{}</b>, begun {}, run {}.</p>",
        escape(&result.cloud),
        escape(&result.environment),
        result.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        escape(&result.run),
    );
    let _ = writeln!(page, "<p class=\"verdict {class}\">Objectives: {}</p>", result.verdict);
    for reason in result.reasons.iter().chain(&result.notes) {
        let _ = writeln!(page, "<p>{}</p>", escape(reason));
    }
    let loss = &result.loss;
    let _ = writeln!(
        page,
        "<table><tr><th>Question</th><th class=\"n\">Measured</th><th class=\"n\">Objective</th></tr>\
         <tr><td>Time to recover</td><td class=\"n\">{}</td><td class=\"n\">{:.1} s</td></tr>\
         <tr><td>Confirmed pictures lost</td><td class=\"n\">{} of {}</td><td class=\"n\">{}</td></tr>\
         <tr><td>Confirmed pictures altered</td><td class=\"n\">{}</td><td class=\"n\">0</td></tr>\
         <tr><td>Begun and not yet confirmed (still on the cameras)</td><td class=\"n\">{}</td><td></td></tr>\
         <tr><td>Lost pictures that came back with the cloud</td><td class=\"n\">{}</td><td></td></tr>\
         <tr><td>All stores the same afterwards</td><td class=\"n\">{}</td><td class=\"n\">yes</td></tr></table>",
        time(result.rta_ms),
        seconds(result.rto_ms),
        loss.lost,
        loss.acked,
        if result.rpo_s == 0 { "0".to_owned() } else { format!("none older than {} s", result.rpo_s) },
        loss.altered,
        loss.unknown,
        loss.recovered,
        if result.converged { "yes" } else { "no" },
    );
    timeline(page, &result.phases);
    page.push_str(
        "<table><tr><th>Phase (time after the fault)</th><th class=\"n\">Measured</th>\
                   <th class=\"n\">Least possible</th></tr>",
    );
    for phase in &result.phases {
        let _ = write!(
            page,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&phase.name),
            time(phase.ms),
            time(Some(phase.least_ms))
        );
    }
    page.push_str("</table>\n");
}

/// Two bars a phase: what was measured, and below it, lighter, the least possible.
fn timeline(page: &mut String, phases: &[Phase]) {
    let longest = phases.iter().flat_map(|phase| [phase.ms.unwrap_or(0), phase.least_ms]).max().unwrap_or(0).max(1);
    let height = phases.len() * 34 + 30;
    let _ = write!(page, "<svg viewBox=\"0 0 800 {height}\" role=\"img\" aria-label=\"Timeline after the fault\">");
    let width = |ms: u64| ms.saturating_mul(540) / longest;
    for (index, phase) in phases.iter().enumerate() {
        let top = index * 34 + 4;
        let _ = write!(
            page,
            "<text x=\"0\" y=\"{}\" font-size=\"13\">{}</text>\
             <rect x=\"220\" y=\"{top}\" width=\"{}\" height=\"12\" fill=\"#2f7d5b\"/>\
             <rect x=\"220\" y=\"{}\" width=\"{}\" height=\"8\" fill=\"#c3cfc8\"/>\
             <text x=\"{}\" y=\"{}\" font-size=\"12\">{}</text>",
            top + 14,
            escape(&phase.name),
            width(phase.ms.unwrap_or(0)),
            top + 14,
            width(phase.least_ms),
            226 + width(phase.ms.unwrap_or(0).max(phase.least_ms)),
            top + 15,
            time(phase.ms),
        );
    }
    let _ = write!(
        page,
        "<text x=\"220\" y=\"{}\" font-size=\"12\">Dark: measured. Light: the least possible.</text></svg>\n",
        height - 8
    );
}

fn time(ms: Option<u64>) -> String {
    ms.map_or_else(|| "not reached".to_owned(), |ms| format!("{:.2} s", seconds(ms)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::result::Loss;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let result = DrillResult {
            run: "1".into(),
            scenario: "<script>".into(),
            environment: "lab".into(),
            practice: true,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            cloud: "a".into(),
            verdict: Verdict::Met,
            reasons: vec![],
            rta_ms: Some(1_500),
            rto_ms: 2_000,
            loss: Loss::default(),
            rpo_s: 0,
            phases: vec![Phase { name: "steady".into(), ms: Some(1_500), least_ms: 900 }],
            converged: true,
            rate_before: 2.0,
            notes: vec![],
        };
        let page = html(&[result]);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(page.contains("1.50 s") && page.contains("practice on one machine"));
    }
}
