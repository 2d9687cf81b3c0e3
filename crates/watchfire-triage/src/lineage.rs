//! Which process started which: what the events of hosts tell of their processes, and the tree around one of them.
//!
//! ```text
//! batches ─► ProcessEvents (starts, ends, mentions) ─► Lineage: processes, each with its parent ─► ProcessTree of an alert
//! ```
//!
//! A process is known by its entity id, or, where a source has none, by its process id from its start to its end: ids are
//! used again. The same start told by several sources is one process. A parent of which there is no event is known by
//! what its child says of it. `docs/triage.md` has the rules; a plain reference in the tests holds them.

mod events;
mod names;
mod processes;
mod tree;

pub use self::events::{LINEAGE_FIELDS, ProcessEvents};
pub use self::processes::{Image, Lineage, Parent, Process, ProcessId};
pub use self::tree::{Folded, MOST_ANCESTORS, MOST_DESCENDANTS, ProcessTree, Standing, TreeNode};
