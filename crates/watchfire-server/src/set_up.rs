//! What shippers set up before they write: templates, pipelines, life cycles, data streams.
//!
//! All of it is kept as it was put and given back. One thing has an effect: a template with `data_stream`, or a data stream
//! that was made by name, makes an index take new events only. Each object is a file, written aside and then put in place,
//! so that a server that is stopped at any moment has the old one or the new.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};
use watchfire_events::{DataStream, IndexPattern};

/// Why an object cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A file or folder.
    #[error("cannot read or write `{}`: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that is no JSON object.
    #[error("`{}` is no JSON object", .0.display())]
    NoObject(PathBuf),
    /// More objects than anybody needs.
    #[error("there are {MOST_OBJECTS} objects of this kind already")]
    TooMany,
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    IndexTemplate,
    ComponentTemplate,
    LegacyTemplate,
    LifecyclePolicy,
    Pipeline,
    DataStream,
    Index,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::IndexTemplate,
        Self::ComponentTemplate,
        Self::LegacyTemplate,
        Self::LifecyclePolicy,
        Self::Pipeline,
        Self::DataStream,
        Self::Index,
    ];

    /// The name of its folder.
    fn folder(self) -> &'static str {
        match self {
            Self::IndexTemplate => "index_template",
            Self::ComponentTemplate => "component_template",
            Self::LegacyTemplate => "template",
            Self::LifecyclePolicy => "ilm_policy",
            Self::Pipeline => "ingest_pipeline",
            Self::DataStream => "data_stream",
            Self::Index => "index",
        }
    }
}

/// Most objects of a kind.
const MOST_OBJECTS: usize = 10_000;
/// Letters that names of files have as they are.
const IN_FILE_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
const ENDING: &str = ".json";
/// Indices that are data streams without a template of their own, as in Elasticsearch.
const BUILT_IN: [&str; 4] = ["logs-*-*", "metrics-*-*", "traces-*-*", "synthetics-*-*"];

type Objects = BTreeMap<String, Map<String, Value>>;

/// The objects, in memory and in a folder.
#[derive(Debug)]
pub struct SetUpObjects {
    folder: PathBuf,
    objects: Mutex<BTreeMap<Kind, Objects>>,
}

/// Longest name of a file on the file systems that there are.
const MOST_FILE_NAME_BYTES: usize = 255;

impl SetUpObjects {
    /// Those of a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn open(folder: &Path) -> Result<Self, SetUpError> {
        let mut objects = BTreeMap::new();
        for kind in Kind::ALL {
            let folder = folder.join(kind.folder());
            fs::create_dir_all(&folder).map_err(at(&folder))?;
            let mut of_kind = Objects::new();
            for entry in fs::read_dir(&folder).map_err(at(&folder))? {
                let path = entry.map_err(at(&folder))?.path();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .and_then(|name| name.strip_suffix(ENDING));
                // What was written aside and never put in place is of no use.
                let Some(name) = name else { continue };
                let Ok(name) = percent_decode_str(name).decode_utf8() else { continue };
                let text = fs::read(&path).map_err(at(&path))?;
                let Ok(Value::Object(object)) = serde_json::from_slice(&text) else {
                    return Err(SetUpError::NoObject(path));
                };
                of_kind.insert(name.into_owned(), object);
            }
            objects.insert(kind, of_kind);
        }
        Ok(Self { folder: folder.to_owned(), objects: Mutex::new(objects) })
    }

    /// Keeps an object, in place of the one of its name.
    pub(crate) fn put(&self, kind: Kind, name: &str, object: Map<String, Value>) -> Result<(), SetUpError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = objects.entry(kind).or_default();
        if of_kind.len() >= MOST_OBJECTS && !of_kind.contains_key(name) {
            return Err(SetUpError::TooMany);
        }
        let folder = self.folder.join(kind.folder());
        let path = self.path(kind, name);
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(at(&folder))?;
        let text = Value::Object(object.clone()).to_string();
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(at(&path))?;
        file.persist(&path).map_err(|error| SetUpError::File { path, error: error.error })?;
        of_kind.insert(name.to_owned(), object);
        Ok(())
    }

    /// Takes an object away; whether it was there.
    pub(crate) fn delete(&self, kind: Kind, name: &str) -> Result<bool, SetUpError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = objects.entry(kind).or_default();
        if !of_kind.contains_key(name) {
            return Ok(false);
        }
        let path = self.path(kind, name);
        fs::remove_file(&path).map_err(at(&path))?;
        of_kind.remove(name);
        Ok(true)
    }

    /// The objects whose name is one of these, which may have `*` in them; all of the kind if there is none.
    pub(crate) fn get(&self, kind: Kind, names: &str) -> Vec<(String, Map<String, Value>)> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let patterns: Vec<IndexPattern> =
            names.split(',').filter(|name| !name.is_empty()).map(IndexPattern::new).collect();
        let is_wanted = |name: &str| {
            let name = DataStream::new(name);
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(&name))
        };
        let of_kind = objects.get(&kind).into_iter().flatten();
        of_kind
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, object)| (name.clone(), object.clone()))
            .collect()
    }

    /// Whether there is an object of this name.
    pub(crate) fn has(&self, kind: Kind, name: &str) -> bool {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.get(&kind).is_some_and(|of_kind| of_kind.contains_key(name))
    }

    /// Whether an index is a data stream: by name, by the template of highest priority that fits it, or as those that
    /// every server has.
    pub(crate) fn is_data_stream(&self, index: &str) -> bool {
        let name = DataStream::new(index);
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if objects.get(&Kind::DataStream).is_some_and(|streams| streams.contains_key(index)) {
            return true;
        }
        if objects.get(&Kind::Index).is_some_and(|indices| indices.contains_key(index)) {
            return false;
        }
        let fits = |template: &&Map<String, Value>| {
            let patterns = match template.get("index_patterns") {
                Some(Value::Array(patterns)) => patterns.iter().filter_map(Value::as_str).collect(),
                Some(Value::String(pattern)) => vec![pattern.as_str()],
                _ => Vec::new(),
            };
            patterns.into_iter().any(|pattern| IndexPattern::new(pattern).fits(&name))
        };
        let priority =
            |template: &&Map<String, Value>| template.get("priority").and_then(Value::as_i64).unwrap_or(0);
        let templates = objects.get(&Kind::IndexTemplate).into_iter().flat_map(BTreeMap::values);
        match templates.filter(fits).max_by_key(priority) {
            Some(template) => template.contains_key("data_stream"),
            None => BUILT_IN.iter().any(|pattern| IndexPattern::new(pattern).fits(&name)),
        }
    }

    /// Whether a name can be that of a file, in which some letters take up several bytes.
    pub(crate) fn can_be_kept(name: &str) -> bool {
        let bytes: usize = utf8_percent_encode(name, IN_FILE_NAMES).map(str::len).sum();
        bytes + ENDING.len() <= MOST_FILE_NAME_BYTES
    }

    fn path(&self, kind: Kind, name: &str) -> PathBuf {
        let name = utf8_percent_encode(name, IN_FILE_NAMES);
        self.folder.join(kind.folder()).join(format!("{name}{ENDING}"))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SetUpError + use<> {
    let path = path.to_owned();
    move |error| SetUpError::File { path, error }
}
