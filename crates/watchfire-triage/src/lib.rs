//! The investigation guide of an alert, answered: each of its searches is run for the alert at hand (detection-engine §5).
//!
//! ```text
//! rule's note ─ parts ─► text · searches · Osquery hunts · what cannot be read
//!                              │ + the alert
//!                              ▼
//! alert ───────────────► Question (condition, span of time) ─► Inquiry ◄─ batches of events, from files or a lake
//!                                                                 │
//!                                                                 ▼ Answers: how many, first, last, the events that matter,
//!                                                                   and whether events of that kind came at all
//! ```
//!
//! Nothing here prints, and nothing knows where events come from. `docs/triage.md` is the page for users.

mod answers;
mod guide;
mod inquiry;
mod question;
mod render;
mod value_text;

pub use answers::{Answer, Answers, Finding};
pub use guide::{AlertFacts, AnsweredGuide, GuideBlock, NamedValue};
pub use inquiry::Inquiry;
pub use question::{Anchor, Asking, Question, QuestionGroup};
pub use render::{to_json, to_markdown, to_text};
