//! The mappings of indices that a command line names.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use watchfire_ir::Mapping;

/// The mappings.
pub(super) struct Mappings {
    /// Those of single indices, each by its name or pattern.
    pub(super) of_indices: Vec<(Arc<str>, Mapping)>,
    /// Those of no index in particular.
    pub(super) general: Mapping,
    /// All of them as one.
    pub(super) joined: Mapping,
    /// The fields that they map differently.
    different: Vec<Arc<str>>,
}

impl Mappings {
    /// Reads files, given as `FILE` or `INDEX=FILE`.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput): a file cannot be read, or is no mapping.
    pub(super) fn read(files: &[String]) -> io::Result<Self> {
        let (mut general, mut of_indices) = (Mapping::default(), Vec::new());
        let mut different = Vec::new();
        for file in files {
            let (index, path) = named(file);
            let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}`: {why}"));
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            let mapping = Mapping::parse(&text).map_err(|error| wrong(error.to_string()))?;
            match index {
                Some(index) => of_indices.push((Arc::from(index), mapping)),
                None => different.extend(general.merge(&mapping)),
            }
        }
        let mut joined = general.clone();
        different.extend(of_indices.iter().flat_map(|(_, mapping)| joined.merge(mapping)));
        different.sort();
        different.dedup();
        Ok(Self { of_indices, general, joined, different })
    }

    /// Says which fields have several types where only one can be used.
    pub(super) fn write_differences(&self, log: &mut dyn Write) -> io::Result<()> {
        use watchfire_events::FieldTypes;
        for name in &self.different {
            let taken = self.joined.field_type(name).name();
            writeln!(log, "`{name}` is mapped differently: taken for {taken} everywhere")?;
        }
        Ok(())
    }
}

/// What stands in front of a path: `INDEX=PATH`. A text that is a path as it stands is one.
pub(super) fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((index, path)) if !index.is_empty() && !Path::new(text).exists() => (Some(index), path),
        _ => (None, text),
    }
}
