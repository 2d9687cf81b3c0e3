//! Value lists: a file for each, one value a line (detection-engine §4.3).
//!
//! The id of a list is the name of its file; one that is asked for without the file's extension is found as well. What its
//! values are is said by, in this order: a first line `# watchfire: type=ip_range`, the extension (`.ip_range`), the
//! entry that asks for it.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};

use super::{codes, files_below, read_to_text};
use crate::model::named_values;

/// Largest value list in bytes; Elastic's own limit for an import is 9,000,000.
pub const MAX_VALUE_LIST_BYTES: u64 = 1 << 30;
/// The most values of one list that are shown one by one because they do not fit its type.
pub const MAX_BAD_VALUES_SHOWN: usize = 5;

/// What a first line with a word to this program begins with.
const DIRECTIVE: &str = "# watchfire:";

named_values! {
    /// What the values of a list are.
    ValueListType {
        /// Texts that are compared as they are.
        Keyword = "keyword",
        /// Addresses, and CIDR blocks.
        Ip = "ip",
        /// CIDR blocks, and ranges written `first-last`.
        IpRange = "ip_range",
        /// Texts, as `keyword`.
        Text = "text",
    }
}

/// A value list.
#[derive(Clone, Debug)]
pub struct ValueList {
    /// The name of its file, which is its id.
    pub id: String,
    /// The path of its file, for a person.
    pub path: String,
    /// What its values are, as far as the file says so.
    pub list_type: Option<ValueListType>,
    /// Whether case does not count.
    pub case_insensitive: bool,
    /// Whether `*` and `?` in its values stand for any characters.
    pub wildcards: bool,
    /// Number of distinct values.
    pub values: usize,
    /// Lines that repeat a value.
    pub duplicates: usize,
    /// Lines without a value; blank ones at the very end are not counted.
    pub blank_lines: usize,
    /// Values that do not fit the type that the file states.
    pub bad_values: usize,
    text: String,
    body: usize,
}

impl ValueList {
    /// The list in a text. `path` is the one that diagnostics show; what there is to say has places in the text.
    pub fn parse(path: &str, mut text: String) -> (Self, Vec<Diagnostic>) {
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let file = Path::new(path);
        let id = file.file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned());
        let by_extension = file.extension().and_then(|end| end.to_str()?.parse().ok());
        let mut list = Self {
            id,
            path: path.to_owned(),
            list_type: by_extension,
            case_insensitive: false,
            wildcards: false,
            values: 0,
            duplicates: 0,
            blank_lines: 0,
            bad_values: 0,
            text,
            body: 0,
        };
        let mut diagnostics = list.directive();
        let mut seen: HashSet<&str> = HashSet::new();
        let (mut duplicates, mut blank, mut bad) = (0, 0, 0);
        let body = list.text[list.body..].trim_end();
        for line in body.lines() {
            let value = line.trim();
            if value.is_empty() {
                blank += 1;
            } else if !seen.insert(value) {
                duplicates += 1;
            } else if !list.list_type.is_none_or(|list_type| fits(list_type, value)) {
                bad += 1;
                if bad <= MAX_BAD_VALUES_SHOWN {
                    diagnostics.push(list.bad_value(value));
                }
            }
        }
        if bad > MAX_BAD_VALUES_SHOWN {
            let message = format!("{} further values do not fit either", bad - MAX_BAD_VALUES_SHOWN);
            diagnostics.push(Diagnostic::warning(codes::BAD_VALUE, message));
        }
        let values = seen.len();
        (list.values, list.duplicates, list.blank_lines, list.bad_values) = (values, duplicates, blank, bad);
        (list, diagnostics)
    }

    /// Takes the first line, if it is a word to this program.
    fn directive(&mut self) -> Vec<Diagnostic> {
        let first = self.text.lines().next().unwrap_or_default();
        let Some(words) = first.trim_end().strip_prefix(DIRECTIVE) else { return Vec::new() };
        let mut diagnostics = Vec::new();
        for word in words.split_whitespace() {
            let known = match word.split_once('=') {
                None if word == "case_insensitive" => {
                    self.case_insensitive = true;
                    true
                }
                None if word == "wildcards" => {
                    self.wildcards = true;
                    true
                }
                Some(("type", name)) => {
                    self.list_type = name.parse().ok().or(self.list_type);
                    name.parse::<ValueListType>().is_ok()
                }
                _ => false,
            };
            if !known {
                let message = format!("`{word}` says nothing about a value list");
                let start = word.as_ptr() as usize - self.text.as_ptr() as usize;
                diagnostics.push(
                    Diagnostic::error(codes::BAD_DIRECTIVE, message)
                        .at(Span::new(start, start + word.len()), "has no effect"),
                );
            }
        }
        self.body = (first.len() + 1).min(self.text.len());
        if self.text[first.len()..].starts_with("\r\n") {
            self.body = first.len() + 2;
        }
        diagnostics
    }

    fn bad_value(&self, value: &str) -> Diagnostic {
        let list_type = self.list_type.map_or("keyword", ValueListType::as_str);
        let message = format!("`{value}` does not fit a list of type `{list_type}`, and is left out");
        let start = value.as_ptr() as usize - self.text.as_ptr() as usize;
        Diagnostic::warning(codes::BAD_VALUE, message).at(Span::new(start, start + value.len()), "")
    }

    /// The values in the order of the file, repetitions included.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.text[self.body..].lines().map(str::trim).filter(|value| !value.is_empty())
    }

    /// What its values are, where an entry that asks for it takes it to be of type `asked`.
    pub fn type_for(&self, asked: &str) -> ValueListType {
        self.list_type.or_else(|| asked.parse().ok()).unwrap_or(ValueListType::Keyword)
    }
}

fn fits(list_type: ValueListType, value: &str) -> bool {
    match list_type {
        ValueListType::Keyword | ValueListType::Text => true,
        ValueListType::Ip | ValueListType::IpRange => parse_range(value).is_some(),
    }
}

/// The first and the last address of an address, a CIDR block or a range `first-last`; IPv4 is mapped into IPv6.
pub fn parse_range(value: &str) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let address = |text: &str| match text.trim().parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => Some(address.to_ipv6_mapped()),
        IpAddr::V6(address) => Some(address),
    };
    if let Some((block, bits)) = value.split_once('/') {
        let within = if block.contains(':') { 128 } else { 32 };
        let bits = bits.parse::<u32>().ok().filter(|bits| *bits <= within)?;
        let free = within - bits;
        let hosts = if free == 128 { u128::MAX } else { (1 << free) - 1 };
        let first = u128::from(address(block)?) & !hosts;
        return Some((first.into(), (first | hosts).into()));
    }
    if let Some((first, last)) = value.split_once('-') {
        let (first, last) = (address(first)?, address(last)?);
        return (first <= last).then_some((first, last));
    }
    address(value).map(|address| (address, address))
}

/// Loads the value lists of files and folders, hidden files left out. With them, by the text they are about, everything
/// there is to say.
pub fn load_value_lists(paths: &[PathBuf]) -> (Vec<ValueList>, Vec<(SourceText, Vec<Diagnostic>)>) {
    let mut files = Vec::new();
    let mut said: Vec<(SourceText, Vec<Diagnostic>)> = Vec::new();
    let mut tell = |path: &Path, diagnostic| {
        said.push((SourceText::new(path.display().to_string(), ""), vec![diagnostic]));
    };
    for path in paths {
        if path.is_dir() {
            files_below(path, 0, &[], &mut files, &mut tell);
        } else {
            files.push(path.clone());
        }
    }
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    files.retain(|path| !is_hidden(path) || paths.contains(path));
    files.sort();
    files.dedup();
    let mut lists: Vec<ValueList> = Vec::new();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for path in files {
        let name = path.display().to_string();
        let text = match read_to_text(&path, MAX_VALUE_LIST_BYTES) {
            Ok(text) => text,
            Err(diagnostic) => {
                said.push((SourceText::new(name, ""), vec![*diagnostic]));
                continue;
            }
        };
        let (list, diagnostics) = ValueList::parse(&name, text);
        if let Some(other) = known.get(&list.id) {
            let message = format!("the value list `{}` is already that of `{other}`", list.id);
            said.push((
                SourceText::new(name, ""),
                vec![Diagnostic::new(codes::DUPLICATE_LIST, Severity::Error, message)],
            ));
            continue;
        }
        if !diagnostics.is_empty() {
            said.push((SourceText::new(name, list.text.as_str()), diagnostics));
        }
        known.insert(list.id.clone(), list.path.clone());
        lists.push(list);
    }
    (lists, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str, text: &str) -> (ValueList, Vec<Diagnostic>) {
        ValueList::parse(path, text.to_owned())
    }

    #[test]
    fn lines_are_counted_whatever_their_ends() {
        let (list, said) = parse("lists/hosts.txt", "\u{feff}a\r\n\r\n b \r\na\r\nc\n\n\n");
        assert!(said.is_empty());
        assert_eq!(list.values().collect::<Vec<_>>(), ["a", "b", "a", "c"]);
        assert_eq!((list.values, list.duplicates, list.blank_lines), (3, 1, 1));
        assert_eq!((list.id.as_str(), list.list_type), ("hosts.txt", None));
        assert_eq!(list.type_for("ip_range"), ValueListType::IpRange);
        assert_eq!(list.type_for("?"), ValueListType::Keyword);
    }

    #[test]
    fn the_first_line_can_say_what_the_values_are() {
        for end in ["\n", "\r\n"] {
            let text =
                format!("# watchfire: type=keyword case_insensitive wildcards{end}C:\\*{end}# no comment");
            let (list, said) = parse("paths.ip", &text);
            assert!(said.is_empty() && list.case_insensitive && list.wildcards);
            assert_eq!(list.type_for("ip"), ValueListType::Keyword, "the line goes before the extension");
            assert_eq!(list.values().collect::<Vec<_>>(), ["C:\\*", "# no comment"]);
        }
        let (list, said) = parse("a.ip", "# watchfire: kind=ip");
        assert_eq!((said.len(), list.values), (1, 0));
        assert_eq!(said[0].code, codes::BAD_DIRECTIVE);
        let (list, said) = parse("a", "# watchfire:");
        assert!(said.is_empty() && list.values().next().is_none());
    }

    #[test]
    fn values_that_do_not_fit_are_told() {
        let (list, said) =
            parse("nets.ip_range", "10.0.0.0/8\n10.0.0.9-10.0.0.1\nx\n192.0.2.1 - 192.0.2.7\n::1\n1/33");
        assert_eq!((list.values, list.bad_values, said.len()), (6, 3, 3));
        let many = (0..9).map(|at| format!("no{at}")).collect::<Vec<_>>().join("\n");
        let (_, said) = parse("nets.ip", &many);
        assert_eq!(said.len(), MAX_BAD_VALUES_SHOWN + 1);
    }

    #[test]
    fn ranges_have_bounds() {
        let bounds =
            |text: &str| parse_range(text).map(|(first, last)| (u128::from(first), u128::from(last)));
        assert_eq!(bounds("0.0.0.0/0"), Some((0xffff_0000_0000, 0xffff_ffff_ffff)));
        assert_eq!(bounds("::/0"), Some((0, u128::MAX)));
        assert_eq!(bounds("::5-::9"), Some((5, 9)));
        assert_eq!(bounds("::7/126"), Some((4, 7)));
        assert_eq!((bounds("::9-::5"), bounds("a/8"), bounds("::/129")), (None, None, None));
    }
}
