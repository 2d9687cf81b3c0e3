//! How bad an alert of the rule is: severity and risk score.

use serde::Serialize;

use super::names::named_values;
use crate::document::Node;
use crate::document::reader::{Context, FromNode};

named_values! {
    /// The severity of a rule's alerts, from the least to the worst.
    Severity { Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}

impl Severity {
    /// The lowest and the highest risk score that go with the severity (detection-engine §1.3).
    pub const fn usual_risk_scores(self) -> (RiskScore, RiskScore) {
        match self {
            Self::Low => (RiskScore(0), RiskScore(21)),
            Self::Medium => (RiskScore(22), RiskScore(47)),
            Self::High => (RiskScore(48), RiskScore(73)),
            Self::Critical => (RiskScore(74), RiskScore(100)),
        }
    }
}

/// A risk score: an integer from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RiskScore(u8);

/// A number that is no risk score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not between 0 and 100")]
pub struct NotARiskScore(u64);

impl RiskScore {
    /// The score as a number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for RiskScore {
    type Error = NotARiskScore;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        match u8::try_from(value) {
            Ok(score) if score <= 100 => Ok(Self(score)),
            _ => Err(NotARiskScore(value)),
        }
    }
}

impl FromNode for RiskScore {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let value = u64::from_node(node, path, cx)?;
        Self::try_from(value).map_err(|error| cx.bad_value(node, path, error)).ok()
    }
}
