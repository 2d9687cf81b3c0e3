//! A process of a generated host.

use serde_json::{Value, json};

/// A process that runs.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) entity: String,
    pub(super) pid: u64,
    pub(super) path: &'static str,
    pub(super) signer: Option<&'static str>,
    pub(super) is_service: bool,
    /// Without the program's own name.
    pub(super) arguments: String,
    /// The processes above it, the nearest first.
    pub(super) ancestry: Vec<String>,
}

impl Process {
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit(['\\', '/']).next().unwrap_or(self.path)
    }

    pub(super) fn command_line(&self) -> String {
        let program =
            if self.path.contains(' ') { format!("\"{}\"", self.path) } else { self.path.to_owned() };
        if self.arguments.is_empty() { program } else { format!("{program} {}", self.arguments) }
    }

    pub(super) fn argument_list(&self) -> Vec<&str> {
        std::iter::once(self.path).chain(self.arguments.split_whitespace()).collect()
    }

    pub(super) fn signature(&self) -> Value {
        match self.signer {
            Some(signer) => {
                json!({"exists": true, "status": "trusted", "subject_name": signer, "trusted": true})
            }
            None => json!({"exists": false}),
        }
    }

    /// `process`, as it stands in the documents of what a process did.
    pub(super) fn actor(&self) -> Value {
        json!({
            "Ext": {"ancestry": self.ancestry}, "code_signature": self.signature(), "entity_id": self.entity,
            "executable": self.path, "name": self.name(), "pid": self.pid,
        })
    }
}
