//! Taking the steps of a plan.

use serde_json::Value;

use super::plan::{Plan, Taken};
use super::request::Request;

/// What a service said.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status of HTTP.
    pub status: u16,
    /// The body; a text if it is no JSON.
    pub body: Value,
}

/// Why there is no answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// It was not sent.
    NotSent(String),
    /// It was sent, and no answer came that could be read; it may have been taken.
    NoAnswer(String),
}

/// What sends requests, and keeps a record of them.
pub trait Calls {
    /// Sends one. `acts` says whether something is done by it.
    ///
    /// # Errors
    /// If no answer came, or the record cannot be kept: then it must not have been sent.
    fn call(&mut self, what: &str, acts: bool, request: &Request) -> Result<Reply, CallError>;

    /// Waits until it is worth looking again; `false` if nobody wants to wait longer.
    fn look_again(&mut self) -> bool;
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done: the product says so.
    Done,
    /// The product took it; it did not say within the time whether it is done.
    Accepted,
    /// It is not done.
    Failed {
        /// What was tried.
        what: String,
        /// Why not.
        why: String,
        /// Whether something may have been done all the same: a request that acts was sent.
        may_have_acted: bool,
    },
}

impl Outcome {
    /// In a word, for records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Accepted => "accepted",
            Self::Failed { may_have_acted: true, .. } => "uncertain",
            Self::Failed { .. } => "failed",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Accepted => {
                f.write_str("accepted, and not yet confirmed: look in the product whether it is done")
            }
            Self::Failed { what, why, may_have_acted } => {
                write!(f, "{}: {what}: {why}", if *may_have_acted { "UNCERTAIN" } else { "not done" })?;
                if *may_have_acted {
                    f.write_str("; it may have been done all the same: look in the product")?;
                }
                Ok(())
            }
        }
    }
}

/// Most characters of an answer that are told.
const MOST_OF_ANSWER: usize = 300;

impl Plan {
    /// Takes the steps, one after the other; the first that fails ends it.
    pub fn carry_out(&self, calls: &mut dyn Calls) -> Outcome {
        let mut taken = Taken::nothing();
        let mut has_acted = false;
        for step in &self.steps.each {
            let request = (step.request)(&taken);
            let answer = answer_of(calls.call(step.what, step.acts, &request));
            // A service has not acted on what it did not get, or said no to.
            let was_refused = matches!(&answer, Err(Refusal { is_sure: true, .. }));
            let read = answer.map_err(|refusal| refusal.why).and_then(|body| (step.read)(&body, &mut taken));
            if let Err(why) = read {
                let may_have_acted = has_acted || (step.acts && !was_refused);
                return Outcome::Failed { what: step.what.to_owned(), why, may_have_acted };
            }
            has_acted |= step.acts;
        }
        let Some(follow_up) = &self.steps.follow_up else { return Outcome::Done };
        let what = "look whether it has been done";
        loop {
            let request = (follow_up.request)(&taken);
            // What cannot be looked at now may be later.
            if let Ok(body) = answer_of(calls.call(what, false, &request)) {
                match (follow_up.is_done)(&body) {
                    Ok(true) => return Outcome::Done,
                    Ok(false) => {}
                    Err(why) => {
                        return Outcome::Failed { what: what.to_owned(), why, may_have_acted: true };
                    }
                }
            }
            if !calls.look_again() {
                return Outcome::Accepted;
            }
        }
    }
}

struct Refusal {
    why: String,
    /// Whether the service did not get it, or said no by a status of 4xx.
    is_sure: bool,
}

fn answer_of(reply: Result<Reply, CallError>) -> Result<Value, Refusal> {
    let reply = reply.map_err(|error| match error {
        CallError::NotSent(why) => Refusal { why, is_sure: true },
        CallError::NoAnswer(why) => Refusal { why, is_sure: false },
    })?;
    if (200..300).contains(&reply.status) {
        return Ok(reply.body);
    }
    let body = match &reply.body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut: String = body.chars().take(MOST_OF_ANSWER).collect();
    let shown = crate::value_text::harmless(&cut);
    let why = if shown.is_empty() {
        format!("status {}", reply.status)
    } else {
        format!("status {}: {shown}", reply.status)
    };
    // A request that timed out at the service may have been taken.
    Err(Refusal { why, is_sure: (400..500).contains(&reply.status) && reply.status != 408 })
}
