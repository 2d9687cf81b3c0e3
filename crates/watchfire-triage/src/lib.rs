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
mod block_list;
mod case;
mod collection;
mod conditions;
mod evidence;
mod fields;
mod guide;
mod inquiry;
mod lineage;
mod question;
mod render;
mod report;
mod respond;
mod stored;
mod sweep;
mod value_text;

pub use answers::{Answer, Answers, Finding, FindingKey};
pub use block_list::{
    Addition, BLOCK_LIST_FORMAT, BlockList, BlockListError, Blocked, Indicator, IndicatorKind, Removal,
    indicators_of,
};
pub use case::{Action, CASE_FORMAT, Case, CaseError, Entry, Verdict};
pub use collection::{Collected, Collection, MOST_COLLECTED};
pub use evidence::{
    Decoded, Deed, DeedKind, Deeds, Evidence, Fact, Gathered, Gathering, Gathers, RELATED_HOURS, Related,
    Remark, Seen, Weighed, Weigher, Weighing, Weight, Weights,
};
pub use guide::{AlertFacts, AnsweredGuide, GuideBlock, NamedValue};
pub use inquiry::Inquiry;
pub use lineage::{
    Folded, Image, LINEAGE_FIELDS, Lineage, MOST_ANCESTORS, MOST_DESCENDANTS, Parent, Process, ProcessEvents,
    ProcessId, ProcessTree, Standing, TreeNode,
};
pub use question::{Anchor, Asking, Question, QuestionGroup};
pub use render::{draw_tree, sweep_to_text, to_json, to_markdown, to_text};
pub use report::ReportWriter;
pub use respond::{
    Authorization, Body, CallError, Calls, FormValue, Killing, Managed, Method, Order, Outcome, Plan,
    Product, Reply, Request, Setting, System, Token, Undo, Unmanaged, escalation, runbook,
};
pub use sweep::{HostTrace, Sweep, SweepFinds, Swept, Trace, TraceKind};
