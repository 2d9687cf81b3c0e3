//! Declarative mappings: one row per raw datum, saying where it goes and how it is read.

use std::borrow::Cow;

use super::command_line::Splitting;
use super::draft::Draft;
use super::path::Separator;
use super::wanted::Fitting;

/// How a datum becomes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// The text as it is.
    Text,
    /// A number, from decimal or hexadecimal digits.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An address, also related.
    Address,
    /// A program: the target's `.executable` and `.name`.
    Executable,
    /// A file: the target's `.path`, `.name`, `.directory`, `.extension`.
    File,
    /// A command line: the target's `.command_line`, `.args`, `.args_count`.
    CommandLine(Splitting),
    /// `DOMAIN\name`: the target's `.domain` and `.name`.
    Account,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldRule {
    pub(crate) raw: &'static str,
    pub(crate) target: &'static str,
    conversion: Conversion,
    keeps_raw: bool,
    codes: &'static [u32],
}

/// A datum that leaves the event data when it is mapped.
pub(crate) const fn moved(raw: &'static str, target: &'static str, conversion: Conversion) -> FieldRule {
    FieldRule { raw, target, conversion, keeps_raw: false, codes: &[] }
}

/// A datum that stays in the event data as well.
pub(crate) const fn copied(raw: &'static str, target: &'static str, conversion: Conversion) -> FieldRule {
    FieldRule { raw, target, conversion, keeps_raw: true, codes: &[] }
}

impl FieldRule {
    /// The event ids that the row is for; all, if there are none.
    pub(crate) fn codes(&self) -> &'static [u32] {
        self.codes
    }

    /// Whether the datum stays in the event data.
    pub(crate) fn keeps_raw(&self) -> bool {
        self.keeps_raw
    }

    /// What the row does, for people.
    pub(crate) fn conversion_in_words(&self) -> &'static str {
        match self.conversion {
            Conversion::Text => "text",
            Conversion::Number => "number",
            Conversion::Boolean => "boolean",
            Conversion::Address => "address, also in `related.ip`",
            Conversion::Executable => "`.executable` and `.name`",
            Conversion::File => "`.path`, `.name`, `.directory`, `.extension`",
            Conversion::CommandLine(_) => "`.command_line`, `.args`, `.args_count`",
            Conversion::Account => "`.domain` and `.name`",
        }
    }

    /// The fields that the row writes, with the type that values of some surely have.
    pub(super) fn written(&self, write: &mut impl FnMut(&str, Option<Fitting>)) {
        let mut below = |names: &[&str]| {
            names.iter().for_each(|name| write(&format!("{}.{name}", self.target), None));
        };
        match self.conversion {
            Conversion::Text => write(self.target, None),
            Conversion::Number => write(self.target, Some(Fitting::Number)),
            Conversion::Boolean => write(self.target, Some(Fitting::Truth)),
            Conversion::Address => {
                write(self.target, Some(Fitting::Address));
                write("related.ip", Some(Fitting::Address));
            }
            Conversion::Executable => below(&["executable", "name"]),
            Conversion::File => below(&["path", "name", "directory", "extension"]),
            Conversion::CommandLine(_) => {
                below(&["command_line", "args"]);
                write(&format!("{}.args_count", self.target), Some(Fitting::Number));
            }
            Conversion::Account => {
                below(&["domain", "name"]);
                write("related.user", None);
            }
        }
    }

    /// The row for these event ids only.
    pub(crate) const fn for_events(mut self, codes: &'static [u32]) -> Self {
        self.codes = codes;
        self
    }
}

/// Applies the rows that fit the event. A datum that cannot be read as its row says stays in the event data.
pub(crate) fn apply(rules: &'static [FieldRule], draft: &mut Draft<'_, '_>) {
    for (at, rule) in rules.iter().enumerate() {
        if !rule.codes.is_empty() && !rule.codes.contains(&draft.code) {
            continue;
        }
        let Some(text) = draft.take_for_rule(rules, at) else {
            continue;
        };
        let read = convert(rule, text.clone(), draft);
        if !read || rule.keeps_raw {
            draft.set_datum(rule.raw, text);
        }
    }
}

fn convert<'a>(rule: &FieldRule, text: Cow<'a, str>, draft: &mut Draft<'a, '_>) -> bool {
    match rule.conversion {
        Conversion::Text => draft.set(rule.target, text),
        Conversion::Number => return draft.set_number(rule.target, &text),
        Conversion::Boolean if text.eq_ignore_ascii_case("true") => draft.set(rule.target, true),
        Conversion::Boolean if text.eq_ignore_ascii_case("false") => draft.set(rule.target, false),
        Conversion::Boolean => return false,
        Conversion::Address => return draft.set_address(rule.target, &text),
        Conversion::Executable => draft.set_executable(rule.target, text, Separator::Windows),
        Conversion::File => draft.set_file(rule.target, text),
        Conversion::CommandLine(splitting) => draft.set_command_line(rule.target, text, splitting),
        Conversion::Account => return draft.set_account(rule.target, &text),
    }
    true
}

/// What an event is, by its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventRow {
    pub(crate) codes: &'static [u32],
    pub(crate) actions: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    pub(crate) types: &'static [&'static str],
}

impl EventRow {
    pub(crate) const fn new(
        codes: &'static [u32],
        actions: &'static [&'static str],
        categories: &'static [&'static str],
        types: &'static [&'static str],
    ) -> Self {
        Self { codes, actions, categories, types }
    }

    /// The row of an event id.
    pub(crate) fn find(rows: &'static [Self], code: u32) -> Option<&'static Self> {
        rows.iter().find(|row| row.codes.contains(&code))
    }

    /// Writes `event.action`, `.category` and `.type`.
    pub(crate) fn describe(&self, draft: &mut Draft<'_, '_>) {
        match self.actions {
            [] => {}
            [single] => draft.set("event.action", *single),
            several => draft.set("event.action", several),
        }
        self.classify(draft);
    }

    /// Writes `event.category` and `.type` only.
    pub(crate) fn classify(&self, draft: &mut Draft<'_, '_>) {
        if !self.categories.is_empty() {
            draft.set("event.category", self.categories);
        }
        if !self.types.is_empty() {
            draft.set("event.type", self.types);
        }
    }
}
