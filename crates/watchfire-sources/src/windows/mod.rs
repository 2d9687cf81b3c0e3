//! Windows events: every form they are shipped in, brought to one canonical shape (sources §0.3).
//!
//! ```text
//! XML · evtx crate JSON (two attribute styles) · NXLog · flat export · Velociraptor · Get-WinEvent · Beats
//!          │ recognise (form)              │ read (one module per form)
//!          ▼                               ▼
//!        Form ─────────────────────► WindowsEvent { document, event_data, user_data } ──► normalise::…
//! ```
//!
//! The canonical shape is what Winlogbeat writes: `winlog.*`, `event.{code,provider,outcome,kind}`, `host.name`,
//! `log.level`. This module must not know what any provider's events mean; the mappings of `normalise` do.

pub(crate) mod beats;
mod channels;
mod event;
pub(crate) mod evtx_json;
pub(crate) mod flat;
mod form;
pub(crate) mod get_win_event;
pub(crate) mod message_codes;
mod rendered_message;
mod task_names;
pub(crate) mod values;
pub(crate) mod velociraptor;
pub(crate) mod xml;
pub mod xml_tree;

pub(crate) use event::{LocalTime, SystemPart, WindowsEvent, time_of_seconds};
pub(crate) use flat::Layout;
pub(crate) use form::Form;

/// Why a record that looks like a Windows event cannot be read as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowsEventError {
    /// The text is not well-formed XML, or goes beyond the caps of [`xml_tree`].
    #[error("windows event XML cannot be read: {0}")]
    Xml(#[from] xml_tree::XmlError),
    /// There is no `Event` element or object.
    #[error("there is no `Event` in the record")]
    NoEvent,
    /// The event has no id, without which no mapping can be chosen.
    #[error("the windows event has no event id")]
    NoEventId,
}
