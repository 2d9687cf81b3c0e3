//! The files of `expected/`: what is known to be otherwise, each with the reason.
//!
//! Tab-separated, `#` begins a comment line: the columns of the key, then the reason. The last column of a key may be a
//! list: `1-3,5` stands for four keys.

use std::collections::BTreeMap;

use crate::report::Section;

/// How many keys of the same reason are shown.
const SHOWN_KEYS: usize = 16;

/// What is expected to miss, by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    file: &'static str,
    reasons: BTreeMap<String, String>,
}

impl Expected {
    /// Reads the text of a file; `key_columns` of its columns are the key.
    pub(crate) fn parse(file: &'static str, text: &str, key_columns: usize) -> Self {
        let mut reasons = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), key_columns + 1, "expected/{file}: {line}");
            let reason = columns[key_columns].trim();
            assert!(!reason.is_empty(), "expected/{file}: no reason in {line}");
            let (list, first) = columns[..key_columns].split_last().expect("a key has columns");
            for last in list.split(',').flat_map(spelled_out) {
                let key = first.iter().copied().chain([last.as_str()]).collect::<Vec<_>>().join(" ");
                let before = reasons.insert(key, reason.to_owned());
                assert_eq!(before, None, "expected/{file}: twice: {line}");
            }
        }
        Self { file, reasons }
    }

    /// The entries, in order of key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reasons.iter().map(|(key, reason)| (key.as_str(), reason.as_str()))
    }

    /// Whether there is a reason for a key.
    pub(crate) fn explains(&self, key: &str) -> bool {
        self.reasons.contains_key(key)
    }

    /// Compares what was found, by key, with what the file says. A difference in either direction is a failure. The
    /// reasons of the known ones are listed.
    pub(crate) fn compare(&self, found: &BTreeMap<String, String>, section: &mut Section) {
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, what) in found {
            match self.reasons.get(key) {
                Some(reason) => by_reason.entry(reason).or_default().push(key),
                None => section.fail(format!("{key}: {what}")),
            }
        }
        for key in self.reasons.keys().filter(|key| !found.contains_key(*key)) {
            section.fail(format!("{key}: expected/{} explains it, but it is as it should be", self.file));
        }
        let explained = by_reason.into_iter().map(|(reason, keys)| {
            let shown = abbreviated(keys.iter().take(SHOWN_KEYS).copied());
            let more = if keys.len() > SHOWN_KEYS { ", …" } else { "" };
            format!("{} × {reason}: {shown}{more}", keys.len())
        });
        section.list("Explained:", explained);
    }
}

/// Keys one behind the other, in which `a 1, a 2` is `a 1, 2`.
pub(crate) fn abbreviated<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    let mut shown = Vec::new();
    let mut before = None;
    for key in keys {
        let (first, last) = key.rsplit_once(' ').map_or((None, key), |(first, last)| (Some(first), last));
        shown.push(if first.is_some() && first == before { last } else { key });
        before = first;
    }
    shown.join(", ")
}

/// The numbers of `1-3`; anything else is itself.
fn spelled_out(part: &str) -> Vec<String> {
    let bounds = part.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match bounds {
        Some((from, to)) => (from..=to).map(|number: usize| number.to_string()).collect(),
        None => vec![part.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keys_share_is_shown_once() {
        assert_eq!(abbreviated(["a", "a b 1", "a b 2", "a c 2", "d", "d"]), "a, a b 1, 2, a c 2, d, d");
    }

    #[test]
    fn both_directions_fail() {
        let expected = Expected::parse("x.tsv", "# comment\na\t1-2,4\tknown\nb\t2\told\n", 2);
        let found = ["a 1", "a 2", "a 4", "c 3"].map(|key| (key.to_owned(), "missed".to_owned())).into();
        let mut section = Section::new("x");
        expected.compare(&found, &mut section);
        assert_eq!(
            section.failures(),
            ["c 3: missed", "b 2: expected/x.tsv explains it, but it is as it should be"]
        );
        assert!(section.to_string().contains("- 3 × known: a 1, 2, 4"));
    }
}
