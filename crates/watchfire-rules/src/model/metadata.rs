//! The `[metadata]` table of the detection-rules repository (detection-engine §1.3): about the rule, not part of it.

use std::fmt;
use std::str::FromStr;

use super::FreeForm;
use super::names::named_values;
use super::table::table_type;
use crate::document::reader::{Context, FromNode, from_node_by_text};
use crate::document::{Node, Value};

named_values! {
    /// How far the rule has come.
    Maturity {
        Development = "development",
        Experimental = "experimental",
        Beta = "beta",
        Production = "production",
        Deprecated = "deprecated",
    }
}

/// A date, written `YYYY/MM/DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryDate {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no such date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date of the form `YYYY/MM/DD`")]
pub struct NotARepositoryDate(String);

impl FromStr for RepositoryDate {
    type Err = NotARepositoryDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str, length| {
            let plain = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let mut parts = text.split('/');
        let parsed = || {
            let year = number(parts.next()?, 4)?;
            let month = number(parts.next()?, 2)?;
            let day = number(parts.next()?, 2)?;
            let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            let days = match month {
                4 | 6 | 9 | 11 => 30,
                2 => 28 + u16::from(leap),
                1..=12 => 31,
                _ => return None,
            };
            let valid = parts.next().is_none() && (1..=days).contains(&day);
            valid.then_some(Self { year, month: month as u8, day: day as u8 })
        };
        let mut parsed = parsed;
        parsed().ok_or_else(|| NotARepositoryDate(text.to_owned()))
    }
}

impl fmt::Display for RepositoryDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}/{:02}/{:02}", self.year, self.month, self.day)
    }
}

impl serde::Serialize for RepositoryDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

from_node_by_text!(RepositoryDate);

/// Names, of which one may stand as a plain string.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OneOrMore(pub Vec<String>);

impl FromNode for OneOrMore {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(one) => Some(Self(vec![one.clone()])),
            _ => Vec::from_node(node, path, cx).map(Self),
        }
    }
}

table_type! {
    /// About the rule: its history, and what it depends on.
    RuleMetadata {
        /// When it was written.
        required "creation_date" => creation_date: RepositoryDate,
        /// When it was last changed.
        required "updated_date" => updated_date: RepositoryDate,
        /// How far it has come.
        optional "maturity" => maturity: Maturity,
        /// The packages whose data it reads.
        optional "integration" => integration: OneOrMore,
        /// The oldest stack it runs on.
        optional "min_stack_version" => min_stack_version: String,
        /// Why.
        optional "min_stack_comments" => min_stack_comments: String,
        /// When it was given up.
        optional "deprecation_date" => deprecation_date: RepositoryDate,
        /// Why.
        optional "deprecated_reason" => deprecated_reason: String,
        /// Whether it passes on another product's alerts.
        optional "promotion" => promotion: bool,
        /// Whether it may run more often than building blocks should.
        optional "bypass_bbr_timing" => bypass_bbr_timing: bool,
        /// The operating systems it is about.
        optional "os_type_list" => os_type_list: Vec<String>,
        /// Whether the repository checks its query against schemas.
        optional "query_schema_validation" => query_schema_validation: bool,
        /// Endpoint rules about the same matter.
        optional "related_endpoint_rules" => related_endpoint_rules: FreeForm,
        /// Remarks.
        optional "comments" => comments: String,
        /// Free form.
        optional "extended" => extended: FreeForm,
    }
}

impl RuleMetadata {
    /// The packages whose data the rule reads.
    pub fn integrations(&self) -> &[String] {
        self.integration.as_ref().map_or(&[], |names| &names.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        for text in ["2026/11/25", "2024/02/29", "0001/01/31"] {
            assert_eq!(text.parse::<RepositoryDate>().unwrap().to_string(), text);
        }
        for text in
            ["2026-11-25", "2026/2/3", "2026/13/01", "2025/02/29", "2026/04/31", "2026/01/00", "2026/01/01/"]
        {
            assert!(text.parse::<RepositoryDate>().is_err(), "{text}");
        }
    }
}
