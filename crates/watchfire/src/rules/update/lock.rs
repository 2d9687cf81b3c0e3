//! The lock: which release each local rule comes from.
//!
//! ```toml
//! format = 1
//!
//! [rules.7a6b492b-456c-4766-b8c7-614883ed697d]
//! version = 3          # of the upstream rule, if it says one
//! sha256 = "…"         # of the upstream file
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::destination::replace_text;

/// The name of the file in the folder of rules.
pub(super) const FILE: &str = "watchfire.lock";
/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// The whole lock.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    format: u32,
    #[serde(default)]
    rules: BTreeMap<String, LockEntry>,
}

/// What is known of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    sha256: String,
}

impl LockEntry {
    /// The entry of an upstream text.
    pub(super) fn of(text: &str, version: Option<u64>) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(sha256, "{byte:02x}");
        }
        Self { version, sha256 }
    }

    /// Whether it is of this text.
    pub(super) fn is_of(&self, text: &str) -> bool {
        self.sha256 == Self::of(text, None).sha256
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self { format: FORMAT, rules: BTreeMap::new() }
    }
}

impl Lock {
    /// The lock of a folder; an empty one if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is of another format.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let wrong = |message: String| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("`{}`: {message}", path.display()))
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let lock: Self = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        if lock.format != FORMAT {
            return Err(wrong(format!("its format is {}, and {FORMAT} is known here", lock.format)));
        }
        Ok(lock)
    }

    /// What is known of a rule.
    pub(super) fn get(&self, id: &str) -> Option<&LockEntry> {
        self.rules.get(id)
    }

    pub(super) fn set(&mut self, id: &str, entry: LockEntry) {
        self.rules.insert(id.to_owned(), entry);
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.rules.remove(id);
    }

    /// Writes it.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(FILE);
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let text =
            format!("# Written by `watchfire rules update`: the release that each rule comes from.\n{text}");
        if path.exists() { replace_text(&path, &text) } else { fs::write(&path, text) }
    }
}
