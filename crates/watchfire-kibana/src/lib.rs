//! The detection API: rules, alerts, exceptions and value lists in Kibana's paths and shapes (detection-engine §7).
//!
//! ```text
//! request ─► watchfire-server: key, role ─► space, kbn-xsrf ─► handler ─► check ─► StateDatabase.apply ─► answer
//!                                                               │          (as `watchfire check`;  (one transaction, with
//!                                                               │           exceptions too)         the audit log)
//!                                                               ├─► AlertSearch   what alerts there are
//!                                                               └─► Executions    previews, manual runs
//! ```
//!
//! [`routes()`] gives the paths for [`watchfire_server::Server::with_routes`], a router for each role. What is asked of alerts
//! goes as JSON to an [`AlertSearch`], which is given from outside, as are [`Executions`], time and chance: this crate knows
//! neither how alerts are searched nor where events lie.
//!
//! Changes are made one after the other, so that what was read for a change is what is changed. What is refused says why
//! in `message`, and beside it, in `diagnostics`, where: in the form in which `watchfire check --format json` says it.
//! `docs/api.md` has what is served, and where it differs from Kibana.

mod about;
mod alerts;
mod answer;
mod audit;
mod deliveries;
mod exceptions;
mod filter;
mod multipart;
mod objects;
mod openapi;
mod request;
mod routes;
mod rules;
mod service;
mod triage;
mod value_lists;
mod versions;

pub use openapi::OPENAPI;
pub use routes::routes;
pub use service::{
    AlertSearch, AlertSearchError, AlertTriage, DetectionApi, DetectionParts, Executions, Later, NewId,
};
