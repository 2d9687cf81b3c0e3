//! All of a record, kept under the vendor's name.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};
use watchfire_events::{FieldName, nesting_part};

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
        if let Some(mut tree) = draft.take_rest() {
            tree.begin();
            self.put_asked(record, nothing, 0, 0, &mut tree, draft);
            return draft.give_back_rest(tree);
        }
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

    /// As [`Self::put_object`], where not all fields are asked for.
    fn put_asked<'a>(
        &'static self,
        object: TapeObject<'a>,
        nothing: &[&str],
        depth: usize,
        holder: usize,
        tree: &mut RestTree,
        draft: &mut Draft<'a, '_>,
    ) {
        for (key, value) in object.iter() {
            let text = value.as_str();
            if text.is_some_and(|text| text.is_empty() || nothing.contains(&text)) {
                continue;
            }
            let inner = value.as_object();
            if depth == 0
                && self.inside == Some(key)
                && let Some(inner) = inner
            {
                self.put_asked(inner, nothing, 1, holder, tree, draft);
                continue;
            }
            let at = tree.member(holder, key);
            match inner.filter(|_| depth < MOST_DEPTH) {
                Some(inner) => {
                    // Below a name that is empty, fields may have names that are not below its own.
                    if key.is_empty() || !self.leaves_out_below(at, inner, tree, draft) {
                        self.put_asked(inner, nothing, depth + 1, at, tree, draft);
                    }
                }
                None => {
                    let target = *tree.nodes[at].target.get_or_insert_with(|| {
                        let name = self.name_of(&tree.path);
                        name.map_or(Target::Nowhere, |name| Target::Field(draft.number_of(&name)))
                    });
                    if let Target::Field(target) = target {
                        draft.set_number_value(target, value, self.naming);
                    }
                }
            }
        }
    }

    /// Whether nobody asks for what is in an object.
    fn leaves_out_below<'a>(
        &'static self,
        at: usize,
        object: TapeObject<'a>,
        tree: &mut RestTree,
        draft: &mut Draft<'a, '_>,
    ) -> bool {
        let Some((key, _)) = object.iter().next() else { return true };
        let path = tree.path.as_str();
        let below = *tree.nodes[at].below.get_or_insert_with(|| {
            let holder = format!("{path}.");
            let is_elsewhere = self.rename.keys().any(|renamed| renamed.starts_with(&holder));
            match self.name_of(path) {
                _ if is_elsewhere => Below::Anywhere,
                None => Below::Nowhere,
                Some(name) => {
                    // What is below it makes it the name of an object.
                    let member = draft.number_of(&format!("{name}.{}", self.naming.of(key)));
                    Below::Under(draft.number_of(&name), member)
                }
            }
        });
        match below {
            Below::Anywhere => false,
            Below::Nowhere => true,
            Below::Under(name, member) => draft.drops_below(name, member),
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
        let dots = memchr::memchr_iter(b'.', nesting_part(path).as_bytes());
        let mut ends = std::iter::once(path.len()).chain(dots.rev());
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

/// Where the fields of an object go.
#[derive(Clone, Copy, Debug)]
enum Below {
    /// To fields of several names.
    Anywhere,
    /// They are left out.
    Nowhere,
    /// Below a field; with one that is there.
    Under(FieldName, FieldName),
}

/// Where a raw field goes.
#[derive(Clone, Copy, Debug)]
enum Target {
    Field(FieldName),
    /// It is left out.
    Nowhere,
}

/// What is known of the raw fields of a source, by their places in a tree.
#[derive(Debug, Default)]
pub(in crate::normalise) struct RestTree {
    /// The first one is the record.
    nodes: Vec<RestNode>,
    /// The path of the field that is looked at.
    path: String,
}

#[derive(Debug, Default)]
struct RestNode {
    members: Vec<(Box<str>, usize)>,
    /// Where a name is among them.
    known: FxHashMap<Box<str>, usize>,
    /// Behind the one that was found last: members come in the same order again and again.
    next: usize,
    /// Where it goes, once that is known.
    target: Option<Target>,
    /// The same of what is in it, if it is an object.
    below: Option<Below>,
    path_length: usize,
}

impl RestTree {
    /// More names are hostile, or so many that they do not matter.
    const MOST: usize = 8192;

    fn begin(&mut self) {
        self.path.clear();
        if self.nodes.len() > Self::MOST {
            self.nodes.clear();
        }
        if self.nodes.is_empty() {
            self.nodes.push(RestNode::default());
        }
    }

    /// The node of a member, whose path is then the present one.
    fn member(&mut self, holder: usize, key: &str) -> usize {
        self.path.truncate(self.nodes[holder].path_length);
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        let fresh = self.nodes.len();
        let node = &mut self.nodes[holder];
        let is_next = node.members.get(node.next).is_some_and(|(known, _)| **known == *key);
        let found = if is_next { Some(node.next) } else { node.known.get(key).copied() };
        if let Some(at) = found {
            node.next = at + 1;
            return node.members[at].1;
        }
        node.known.insert(key.into(), node.members.len());
        node.members.push((key.into(), fresh));
        node.next = node.members.len();
        self.nodes.push(RestNode { path_length: self.path.len(), ..RestNode::default() });
        fresh
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
