//! What a drill found, for people, for programs and as evidence.

use serde::{Deserialize, Serialize};

use super::experiment::Objectives;

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every objective was met.
    Met,
    /// An objective was missed.
    Missed,
    /// No picture was confirmed around the fault, so nothing can be said.
    NoData,
    /// Something outside of the system under test stood in the way.
    Inconclusive,
    /// Interrupted; everything was undone.
    Aborted,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NoData => "no data",
            Self::Inconclusive => "inconclusive",
            Self::Aborted => "aborted",
        })
    }
}

/// One phase of the recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// When it was over, in milliseconds after the fault; nothing when it was not reached.
    pub ms: Option<u64>,
    /// The least that physics and configuration allow.
    pub least_ms: u64,
}

/// What became of the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Detections that a camera began to send.
    pub attempted: u64,
    /// Detections that a gateway confirmed.
    pub acked: u64,
    /// Confirmed, and in no surviving store while the cloud was down.
    pub lost: u64,
    /// Confirmed, and different in a surviving store.
    pub altered: u64,
    /// Begun and not confirmed when the loss was judged; the cameras still hold them.
    pub unknown: u64,
    /// Of the lost ones, those that came back when the cloud did.
    pub recovered: u64,
    /// How long before the fault the oldest lost one was confirmed, in seconds: the recovery point actual.
    pub oldest_s: u64,
}

/// The result of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrillResult {
    /// The run, which also names its folder of evidence.
    pub run: String,
    /// The scenario, with its variant.
    pub scenario: String,
    /// Where it ran.
    pub environment: String,
    /// Whether this was practice, which is no evidence for real clouds.
    pub practice: bool,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// The cloud that was broken.
    pub cloud: String,
    /// The judgement.
    pub verdict: Verdict,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The recovery time actual.
    pub rta_ms: Option<u64>,
    /// The recovery time objective.
    pub rto_ms: u64,
    /// The pictures.
    pub loss: Loss,
    /// The recovery point objective.
    pub rpo_s: u64,
    /// The phases.
    pub phases: Vec<Phase>,
    /// Whether all stores held the same objects after the cloud was back.
    pub converged: bool,
    /// Confirmed pictures per second before the fault.
    pub rate_before: f64,
    /// What limits the meaning of this result.
    pub notes: Vec<String>,
}

/// Judges a run from its numbers.
#[must_use]
pub fn judge(
    objectives: &Objectives,
    rta_ms: Option<u64>,
    loss: &Loss,
    acked_around: u64,
    converged: bool,
) -> (Verdict, Vec<String>) {
    if acked_around == 0 {
        return (Verdict::NoData, vec!["no picture was confirmed around the fault".to_owned()]);
    }
    let mut reasons = Vec::new();
    match rta_ms {
        None => reasons.push("the fleet did not become steady again while the cloud was down".to_owned()),
        Some(rta) if u128::from(rta) > objectives.rto().as_millis() => {
            reasons.push(format!("recovery took {:.1} s, the objective is {} s", seconds(rta), objectives.rto_s));
        }
        Some(_) => {}
    }
    if loss.altered > 0 {
        reasons.push(format!("{} confirmed pictures were altered", loss.altered));
    }
    if loss.lost > 0 && (objectives.rpo_s == 0 || loss.oldest_s > objectives.rpo_s) {
        reasons.push(format!("{} confirmed pictures were lost, the oldest {} s old", loss.lost, loss.oldest_s));
    }
    if !converged {
        reasons.push("the stores did not hold the same objects after the cloud was back".to_owned());
    }
    if reasons.is_empty() { (Verdict::Met, reasons) } else { (Verdict::Missed, reasons) }
}

/// Milliseconds as seconds for people.
#[must_use]
pub fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVES: Objectives = Objectives { rto_s: 10, rpo_s: 0 };

    #[test]
    fn no_acknowledged_picture_is_no_data_and_never_met() {
        assert_eq!(judge(&OBJECTIVES, Some(1), &Loss::default(), 0, true).0, Verdict::NoData);
    }

    #[test]
    fn each_miss_is_named() {
        let loss = Loss { lost: 2, altered: 1, oldest_s: 3, ..Loss::default() };
        let (verdict, reasons) = judge(&OBJECTIVES, Some(11_000), &loss, 5, false);
        assert_eq!(verdict, Verdict::Missed);
        assert_eq!(reasons.len(), 4);
        assert_eq!(judge(&OBJECTIVES, None, &Loss::default(), 5, true).0, Verdict::Missed);
        assert_eq!(judge(&OBJECTIVES, Some(9_000), &Loss::default(), 5, true).0, Verdict::Met);
    }

    #[test]
    fn a_recovery_point_objective_above_zero_allows_young_losses() {
        let objectives = Objectives { rto_s: 10, rpo_s: 60 };
        let loss = Loss { lost: 2, oldest_s: 30, ..Loss::default() };
        assert_eq!(judge(&objectives, Some(1), &loss, 5, true).0, Verdict::Met);
    }
}
