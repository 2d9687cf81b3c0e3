//! Searches that cannot be carried out, as Elasticsearch says so.

use serde_json::{Value, json};
use thiserror::Error;

use crate::StoreError;

/// Why a search cannot be carried out: with the status, type and reason that Elasticsearch's clients look at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct SearchError {
    /// The status of HTTP.
    pub status: u16,
    /// The type.
    pub kind: &'static str,
    /// What is wrong.
    pub reason: String,
}

impl SearchError {
    /// An error by its parts.
    pub fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { status, kind, reason: reason.into() }
    }

    /// The request is not of the form that it should have.
    pub(crate) fn parsing(reason: impl Into<String>) -> Self {
        Self::new(400, "parsing_exception", reason)
    }

    /// The request asks for something that cannot be.
    pub(crate) fn illegal(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    /// Elasticsearch has it, and this does not.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::illegal(format!("{what} is not supported here"))
    }

    /// An index that is named and not there.
    pub(crate) fn no_index(name: &str) -> Self {
        Self::new(404, "index_not_found_exception", format!("no such index [{name}]"))
    }

    /// An EQL query without meaning.
    pub(crate) fn verification(reason: impl Into<String>) -> Self {
        Self::new(400, "verification_exception", reason)
    }

    /// More would have to be held in memory than is allowed.
    pub(crate) fn too_much(reason: impl Into<String>) -> Self {
        Self::new(400, "too_many_buckets_exception", reason)
    }

    /// The document of an answer.
    pub fn document(&self) -> Value {
        let cause = json!({ "type": self.kind, "reason": self.reason });
        json!({
            "error": { "root_cause": [cause], "type": self.kind, "reason": self.reason },
            "status": self.status,
        })
    }
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        Self::new(503, "search_phase_execution_exception", error.to_string())
    }
}
