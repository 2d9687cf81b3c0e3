//! All of a record, kept under the vendor's name.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};

use super::naming::Naming;
use super::{MOST_DEPTH, intern};
use crate::normalise::draft::Draft;
use crate::tape::{TapeObject, TapeValue};

#[derive(Debug)]
pub(super) struct Rest {
    pub(super) under: &'static str,
    pub(super) naming: Naming,
    /// Paths of raw fields, or what they begin with.
    pub(super) rename: FxHashMap<&'static str, &'static str>,
    /// What names begin with, before a capital or a digit; longer ones first.
    pub(super) prefixes: Vec<(&'static str, &'static str)>,
    /// Parts of names, wherever they stand.
    pub(super) parts: FxHashMap<&'static str, &'static str>,
    pub(super) without: FxHashSet<&'static str>,
    pub(super) of: Option<&'static str>,
    pub(super) inside: Option<&'static str>,
    /// Where raw fields go that came before, by their paths.
    pub(super) known: RwLock<FxHashMap<Box<str>, Option<&'static str>>>,
}

impl Rest {
    /// Names that are remembered. They come from records, and live to the end of the program.
    const MOST_KNOWN: usize = 8192;

    pub(super) fn apply<'a>(
        &'static self,
        record: TapeObject<'a>,
        nothing: &[&str],
        draft: &mut Draft<'a, '_>,
    ) {
        let record = match self.of {
            None => record,
            Some(path) => match record.get_field(path).and_then(TapeValue::as_object) {
                Some(inner) => inner,
                None => return,
            },
        };
        let unknown = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let mut seen = SeenNames { known: &known, unknown: Vec::new(), path: String::new() };
            self.put_object(record, nothing, 0, &mut seen, draft);
            seen.unknown
        };
        if !unknown.is_empty() {
            self.remember(unknown);
        }
    }

    fn put_object<'a>(
        &'static self,
        object: TapeObject<'a>,
        nothing: &[&str],
        depth: usize,
        seen: &mut SeenNames<'_>,
        draft: &mut Draft<'a, '_>,
    ) {
        for (key, value) in object.iter() {
            if value.as_str().is_some_and(|text| text.is_empty() || nothing.contains(&text)) {
                continue;
            }
            if depth == 0
                && self.inside == Some(key)
                && let Some(inner) = value.as_object()
            {
                self.put_object(inner, nothing, 1, seen, draft);
                continue;
            }
            let length = seen.path.len();
            let within = (length > 0).then(|| {
                seen.path.push('.');
                seen.path.push_str(key);
            });
            match value.as_object() {
                Some(inner) if depth < MOST_DEPTH => {
                    if within.is_none() {
                        seen.path.push_str(key);
                    }
                    self.put_object(inner, nothing, depth + 1, seen, draft);
                }
                _ => {
                    let path = if within.is_some() { seen.path.as_str() } else { key };
                    match seen.known.get(path) {
                        Some(Some(name)) => draft.set_value(name, value, self.naming),
                        Some(None) => {}
                        None => {
                            let name = self.name_of(path);
                            if let Some(name) = &name {
                                draft.set_named_value(name, value, self.naming);
                            }
                            seen.unknown.push((path.to_owned(), name));
                        }
                    }
                }
            }
            seen.path.truncate(length);
        }
    }

    /// Where a raw field goes, by its path; nothing for one that is left out.
    fn name_of(&self, path: &str) -> Option<String> {
        let is_end = |at: usize| at == path.len() || path.as_bytes()[at] == b'.';
        let mut ends = (0..=path.len()).rev().filter(|at| is_end(*at));
        if ends.clone().any(|end| self.without.contains(&path[..end])) {
            return None;
        }
        let renamed = ends.find_map(|end| Some((*self.rename.get(&path[..end])?, &path[end..])));
        let (start, rest) = match renamed {
            Some((start, rest)) => (Some(start), rest.strip_prefix('.')),
            None => match self
                .prefixes
                .iter()
                .find_map(|(prefix, start)| Some((start, word_behind(path, prefix)?)))
            {
                Some((start, rest)) => (Some(*start), Some(rest)),
                None => (None, Some(path)),
            },
        };
        let mut name = self.under.to_owned();
        for part in start.into_iter().filter(|start| !start.is_empty()).map(Cow::Borrowed).chain(
            rest.into_iter().flat_map(|rest| {
                rest.split('.').map(|part| match self.parts.get(part) {
                    Some(other) => Cow::Borrowed(*other),
                    None => self.naming.of(part),
                })
            }),
        ) {
            name.push('.');
            name.push_str(&part);
        }
        Some(name)
    }

    fn remember(&self, unknown: Vec<(String, Option<String>)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (path, name) in unknown {
            if known.len() < Self::MOST_KNOWN {
                known.insert(path.into(), name.as_deref().map(intern));
            }
        }
    }
}

/// What follows a prefix of a path, if a word begins there.
fn word_behind<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit()))
}

/// What [`Rest`] knows of the names of raw fields while it goes through a record.
struct SeenNames<'k> {
    known: &'k FxHashMap<Box<str>, Option<&'static str>>,
    unknown: Vec<(String, Option<String>)>,
    /// The path of the object.
    path: String,
}

#[cfg(test)]
mod tests {
    use super::super::TableRef;

    #[test]
    fn what_is_kept_has_the_names_that_the_table_gives() {
        let table = TableRef::read(
            r#"
            [source]
            name = "example.logs"
            title = "Example"
            inside = "body"
            [[recognise]]
            has = ["kind"]
            [rest]
            under = "example"
            names = "snake"
            rename = { "user.Id" = "user_number", "old" = "", "new.thing" = "thing", "Process*" = "process", "ProcessParent*" = "process.parent" }
            parts = { cmdline = "command_line" }
            without = ["secret", "user.Password"]
            "#,
        )
        .unwrap();
        let rest = table.0.source.rest.as_ref().unwrap();
        for (path, name) in [
            ("someName", Some("example.some_name")),
            ("user.Id", Some("example.user_number")),
            ("user.Id.raw", Some("example.user_number.raw")),
            ("user.Identity", Some("example.user.identity")),
            ("old.cmdline", Some("example.command_line")),
            ("older", Some("example.older")),
            ("new.thing.cmdline.Other", Some("example.thing.command_line.other")),
            ("secret.inner", None),
            ("user.Password", None),
            ("secrets", Some("example.secrets")),
            ("ProcessFileName", Some("example.process.file_name")),
            ("ProcessParentId", Some("example.process.parent.id")),
            ("Process", Some("example.process")),
            ("Processes", Some("example.processes")),
        ] {
            assert_eq!(rest.name_of(path).as_deref(), name, "{path}");
        }
    }
}
