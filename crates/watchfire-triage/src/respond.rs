//! Containment as calls: a host cut off from the network or let back, a process killed, an escalation handed on (detection-engine §6.2).
//!
//! ```text
//! alert ─► Managed (product, agent) ─► Plan (steps, follow-up, undo) ─► text and id, for somebody to approve
//!                                        │
//!                                        ▼ carry_out ◄─► Calls (HTTP, or a test)
//!                                      Outcome: done · accepted · failed
//! ```
//!
//! Nothing here sends, reads the environment or knows a secret: a request names the settings whose values it needs. So what is
//! printed and what is recorded cannot hold one.

mod crowdstrike;
mod defender;
mod elastic;
mod escalation;
mod managed;
mod plan;
mod request;
mod run;
mod runbook;
mod sentinelone;

pub use self::escalation::escalation;
pub use self::managed::{Managed, Product, System, Unmanaged};
pub use self::plan::{Killing, Order, Plan, Undo};
pub use self::request::{Authorization, Body, FormValue, Method, Request, Setting, Token};
pub use self::run::{CallError, Calls, Outcome, Reply};
pub use self::runbook::runbook;
