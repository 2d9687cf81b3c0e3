//! Actions on alerts: which message goes where, and when (detection-engine §6.1).
//!
//! ```text
//!            decide                                   send
//! fresh alerts ─► which alerts count ─► once for each ──┐
//! (StateDatabase)  (alerts_filter)      once a run ─────┼─► templates ─► deliveries ─► Connector ─► sent, again, dead
//!                                       once a period ──┘
//! ```
//!
//! [`Dispatcher::step`] does both. What is decided is one transaction of `watchfire-state`, with the message as it will be
//! sent; so a crash neither loses nor doubles a decision, and a later change of the rule does not change what was decided.
//! A message can go out twice when the process ends between its sending and the note of it; it carries the id of its
//! delivery, by which a receiver can tell.
//!
//! [`ResponseClient`] sends what `watchfire-triage` has planned as a response, for the command that was told to.
//!
//! Nothing here looks at the machine's clock or its environment, and nothing knows HTTP servers or how events are stored. `docs/actions.md` is
//! the page for users.

mod connector;
mod decide;
mod dispatcher;
mod filter;
mod respond;
mod secret;
mod send;
mod template;
mod variables;

pub use connector::{Connector, ConnectorError, ConnectorType};
pub use dispatcher::{ActionSettings, Dispatcher, ServerLog, StepReport};
pub use respond::{ResponseClient, ResponseError};
pub use secret::Secret;
pub use template::{Escape, Rendered, Template, TemplateError};
