//! How a raw value becomes a field, by the name that a table gives it.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use serde_json::Value;
use watchfire_events::{FieldType, Scalar, Timestamp};

use super::date::{self, DateForm};
use super::intern;
use super::map_text;
use super::naming::Naming;
use crate::fields::{FieldValue, part};
use crate::normalise::command_line::Splitting;
use crate::normalise::draft::Draft;
use crate::normalise::path::{self, Separator};
use crate::normalise::wanted::Fitting;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::{integer, scalar_text};

/// A conversion.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Conversion {
    Text,
    Same,
    Long,
    Double,
    Boolean,
    Address,
    Host,
    User,
    Hash,
    Lower,
    Upper,
    Split(&'static str),
    Date(DateForm),
    Executable(Separator),
    BaseName(Separator),
    File(Separator),
    CommandLine(Splitting),
    Account,
    Email,
    Url,
    UserAgent,
    Tree(Naming),
    Json(Naming),
    MapText,
    Words(&'static str),
    Pairs(Pairs),
}

/// How a list of named values is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pairs {
    name: &'static str,
    /// The members of which the first that is there is the value.
    values: Vec<&'static str>,
    /// The table with the fields of some names.
    pub(super) fields: Option<&'static str>,
}

impl Pairs {
    fn value_of<'a>(&self, object: TapeObject<'a>) -> Option<TapeValue<'a>> {
        self.values.iter().find_map(|name| object.get(name).filter(|value| !value.is_null()))
    }

    /// Whether a list is one of named values.
    fn is_list(&self, value: TapeValue<'_>) -> bool {
        value.as_array().is_some_and(|mut items| {
            items.all(|item| item.as_object().is_some_and(|object| object.get(self.name).is_some()))
        })
    }

    /// A value, in which objects that only hold a list of named values are objects with these names.
    fn plain(&self, value: TapeValue<'_>, depth: usize) -> Value {
        if depth >= MOST_NESTED_PAIRS {
            return value.to_value();
        }
        if let Some(items) = value.as_array() {
            return items.map(|item| self.plain(item, depth + 1)).collect();
        }
        let mut members = value.as_object().into_iter().flat_map(TapeObject::iter);
        let (Some((_, list)), None) = (members.next(), members.next()) else { return value.to_value() };
        if !self.is_list(list) {
            return value.to_value();
        }
        let items = list.as_array().into_iter().flatten().filter_map(TapeValue::as_object);
        let named = items.filter_map(|object| {
            let name = object.get(self.name)?.as_str()?;
            Some((name.to_owned(), self.plain(self.value_of(object)?, depth + 1)))
        });
        Value::Object(named.collect())
    }
}

/// Named values within named values are read down to this depth; what is deeper stays as it is.
const MOST_NESTED_PAIRS: usize = 8;

/// Names of conversions, what each takes behind a colon, and what it does: for messages and the generated page.
pub(super) const CONVERSIONS: &[(&str, &str, &str)] = &[
    ("text", "", "The value as a text; a list as a list of texts."),
    ("same", "", "The value as it is, whatever it is."),
    ("long", "", "A whole number, from a number or from decimal or `0x` hexadecimal digits."),
    ("double", "", "A number, from a number or from digits."),
    ("boolean", "", "From `true`, `false`, `yes`, `no`, `1`, `0`, in any case."),
    (
        "ip",
        "",
        "An IP address, or several with blanks or commas between them, also in `related.ip`; what is none is left out.",
    ),
    ("host", "", "A text, also in `related.hosts`."),
    ("user", "", "A text, also in `related.user`."),
    ("hash", "", "A hash, also in `related.hash`; one of zeros only is left out."),
    ("lower", "", "A text in lower case."),
    ("upper", "", "A text in upper case."),
    ("split", "SEPARATOR", "A text cut at a separator; a list as it is."),
    (
        "date",
        "FORM",
        "A time. `FORM` is `any` (the default: ISO 8601, or a number since 1970 whose size tells its unit), `seconds`, \
         `milliseconds`, `microseconds`, `nanoseconds`, `filetime`, \
         `seconds_or_filetime` (by its size), or a `strftime` pattern with a `%` in it.",
    ),
    (
        "executable",
        "SEPARATOR",
        "The path of a program: the target's `.executable` and `.name`. `SEPARATOR` is `windows` (the default), `posix` or `any`.",
    ),
    ("base_name", "SEPARATOR", "What stands behind the last separator of a path; all of it if it has none."),
    (
        "file",
        "SEPARATOR",
        "The path of a file: the target's `.path`, `.name`, `.directory`, `.extension`, `.drive_letter`.",
    ),
    (
        "command_line",
        "SPLITTING",
        "A command line: the target's `.command_line`, `.args`, `.args_count`. `SPLITTING` is `argv` (the default), \
         `argv_without_empty` or `keep_quotes`.",
    ),
    ("account", "", "`DOMAIN\\name`: the target's `.domain` and `.name`; also in `related.user`."),
    ("email", "", "`name@domain`: the target's `.email`, `.name`, `.domain`; also in `related.user`."),
    (
        "url",
        "",
        "A URL: the target's `.original`, `.full`, `.scheme`, `.domain`, `.port`, `.path`, `.query`, `.fragment`, `.extension`, `.username`.",
    ),
    (
        "user_agent",
        "",
        "A user agent: the target's `.original`, and `.name`, `.version`, `.os.name`, `.os.version` of the programs and systems \
         that are known.",
    ),
    (
        "tree",
        "NAMES",
        "An object, field by field below the target. `NAMES` is `same` (the default) or `snake`.",
    ),
    ("json", "NAMES", "A text that holds JSON, as `tree` does it."),
    (
        "pairs",
        "NAME,VALUE[|VALUE…][,TABLE]",
        "A list of objects that have a name and a value, such as `[{\"Name\": \"a\", \"Value\": 1}]`: each value below the target, under its name. \
         The value is the first of several members that is there; one that holds such a list itself is an object. A table of `[words]` says which names are whole fields elsewhere.",
    ),
    (
        "map_text",
        "",
        "An object as one text, such as `{name=x, list=[1, 2]}`, with its names in the order in which Java's hash maps have \
         them; what is empty is left out.",
    ),
    ("words", "TABLE", "What a table of `[words]` has for the value."),
];

/// What a table does not say rightly of a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConversionProblem {
    Unknown,
    Argument(&'static str),
}

impl Conversion {
    /// Reads a name with its argument.
    pub(super) fn parse(text: &str) -> Result<Self, ConversionProblem> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let &(_, takes, _) =
            CONVERSIONS.iter().find(|(known, _, _)| *known == name).ok_or(ConversionProblem::Unknown)?;
        let wrong = ConversionProblem::Argument(takes);
        if takes.is_empty() && argument.is_some() {
            return Err(wrong);
        }
        let separator = || Separator::parse(argument.unwrap_or("windows")).ok_or(wrong.clone());
        let naming = || Naming::parse(argument.unwrap_or("same")).ok_or(wrong.clone());
        Ok(match name {
            "text" => Self::Text,
            "same" => Self::Same,
            "long" => Self::Long,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "ip" => Self::Address,
            "host" => Self::Host,
            "user" => Self::User,
            "hash" => Self::Hash,
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "split" => Self::Split(intern(argument.filter(|separator| !separator.is_empty()).ok_or(wrong)?)),
            "date" => Self::Date(DateForm::parse(argument.unwrap_or("any")).ok_or(wrong)?),
            "executable" => Self::Executable(separator()?),
            "base_name" => Self::BaseName(separator()?),
            "file" => Self::File(separator()?),
            "command_line" => Self::CommandLine(match argument {
                None | Some("argv") => Splitting::Argv,
                Some("argv_without_empty") => Splitting::ArgvWithoutEmpty,
                Some("keep_quotes") => Splitting::KeepQuotes,
                Some(_) => return Err(wrong),
            }),
            "account" => Self::Account,
            "email" => Self::Email,
            "url" => Self::Url,
            "user_agent" => Self::UserAgent,
            "tree" => Self::Tree(naming()?),
            "json" => Self::Json(naming()?),
            "map_text" => Self::MapText,
            "pairs" => {
                let mut parts = argument.into_iter().flat_map(|argument| argument.split(','));
                let (Some(name), Some(values)) = (parts.next(), parts.next()) else { return Err(wrong) };
                let values = values.split('|').map(intern).collect();
                Self::Pairs(Pairs { name: intern(name), values, fields: parts.next().map(intern) })
            }
            _ => Self::Words(intern(argument.ok_or(wrong)?)),
        })
    }

    /// What follows the target in the name of the field that says most of what it writes.
    pub(super) fn main_part(&self) -> &'static str {
        match self {
            Self::Executable(_) => ".executable",
            Self::File(_) => ".path",
            Self::CommandLine(_) => ".command_line",
            Self::Account => ".name",
            Self::Email => ".email",
            Self::Url | Self::UserAgent => ".original",
            _ => "",
        }
    }

    /// The fields that it writes for a target, with their types; `None` for a type that the value decides.
    pub(super) fn writes(&self, target: &'static str) -> Vec<(String, Option<FieldType>)> {
        use FieldType::{Boolean, Date, Double, Ip, Keyword, Long};
        let below = |names: &[(&str, FieldType)]| {
            names.iter().map(|(name, kind)| (format!("{target}.{name}"), Some(*kind))).collect()
        };
        let one = |kind| vec![(target.to_owned(), Some(kind))];
        match self {
            Self::Long => one(Long),
            Self::Double => one(Double),
            Self::Boolean => one(Boolean),
            Self::Date(_) => one(Date),
            Self::Address => one(Ip),
            Self::Same => vec![(target.to_owned(), None)],
            Self::Tree(_) | Self::Json(_) | Self::Pairs(_) => vec![(format!("{target}."), None)],
            Self::Text
            | Self::Host
            | Self::User
            | Self::Hash
            | Self::Lower
            | Self::Upper
            | Self::Split(_)
            | Self::BaseName(_)
            | Self::MapText
            | Self::Words(_) => one(Keyword),
            Self::Executable(_) => below(&[("executable", Keyword), ("name", Keyword)]),
            Self::File(_) => below(&[
                ("path", Keyword),
                ("name", Keyword),
                ("directory", Keyword),
                ("extension", Keyword),
                ("drive_letter", Keyword),
            ]),
            Self::CommandLine(_) => {
                below(&[("command_line", FieldType::Wildcard), ("args", Keyword), ("args_count", Long)])
            }
            Self::Account => below(&[("domain", Keyword), ("name", Keyword)]),
            Self::Email => below(&[("email", Keyword), ("name", Keyword), ("domain", Keyword)]),
            Self::UserAgent => below(&[
                ("original", Keyword),
                ("name", Keyword),
                ("version", Keyword),
                ("os.name", Keyword),
                ("os.version", Keyword),
            ]),
            Self::Url => below(&[
                ("original", FieldType::Wildcard),
                ("full", FieldType::Wildcard),
                ("scheme", Keyword),
                ("domain", Keyword),
                ("port", Long),
                ("path", FieldType::Wildcard),
                ("query", Keyword),
                ("fragment", Keyword),
                ("extension", Keyword),
                ("username", Keyword),
            ]),
        }
    }

    /// As [`Self::writes`], with what is also in `related.*`, and with the type that values of some surely have; nothing if
    /// a record decides which fields it writes.
    pub(super) fn writes_surely(&self, target: &'static str) -> Option<Vec<(String, Option<Fitting>)>> {
        if matches!(self, Self::Same | Self::Tree(_) | Self::Json(_) | Self::Pairs(_)) {
            return None;
        }
        let related = match self {
            Self::Address => Some("related.ip"),
            Self::Host => Some("related.hosts"),
            Self::User | Self::Account | Self::Email => Some("related.user"),
            Self::Hash => Some("related.hash"),
            _ => None,
        };
        let related =
            related.map(|name| (name.to_owned(), Some(FieldType::Ip).filter(|_| name == "related.ip")));
        let fields = self.writes(target).into_iter().chain(related).map(|(name, field_type)| {
            let fitting = match (field_type, self) {
                (Some(FieldType::Date), _) => Some(Fitting::Time),
                (Some(FieldType::Ip), _) => Some(Fitting::Address),
                (Some(FieldType::Boolean), _) => Some(Fitting::Truth),
                // Other numbers may be too large.
                (Some(FieldType::Long), Self::CommandLine(_) | Self::Url) => Some(Fitting::Number),
                _ => None,
            };
            (name, fitting)
        });
        Some(fields.collect())
    }

    /// Converts what a record holds. What cannot be read as the conversion says is left out.
    pub(super) fn apply<'a>(
        &self,
        values: &[TapeValue<'a>],
        target: &'static str,
        words: &FxHashMap<&'static str, FxHashMap<&'static str, FieldValue<'static>>>,
        draft: &mut Draft<'a, '_>,
    ) {
        let Some(&first) = values.first() else { return };
        match self {
            // Most rows are texts that go on as they are.
            Self::Text if values.len() == 1 && first.scalar().is_some() => {
                if let Some(scalar) = first.scalar() {
                    draft.set(target, scalar_text(scalar));
                }
            }
            Self::Same => match values {
                [single] => draft.set_value(target, *single, Naming::Same),
                several => {
                    draft.set(target, several.iter().map(|value| value.to_value()).collect::<Vec<_>>());
                }
            },
            Self::Tree(naming) => values.iter().for_each(|value| draft.set_value(target, *value, *naming)),
            Self::Json(naming) => match first.as_str() {
                Some(text) => {
                    if let Ok(value) = serde_json::from_str::<Value>(text) {
                        draft.set_json(target, value, *naming);
                    }
                }
                None => draft.set_value(target, first, *naming),
            },
            Self::Words(table) => {
                let texts = texts_of(values);
                if let [text] = &texts[..] {
                    if let Some(value) = words.get(table).and_then(|words| find_word(words, text)) {
                        draft.set(target, value.clone());
                    }
                } else {
                    let found = texts.iter().filter_map(|text| match find_word(words.get(table)?, text)? {
                        FieldValue::Text(text) => Some(text.clone()),
                        _ => None,
                    });
                    let found: Vec<_> = found.collect();
                    if !found.is_empty() {
                        draft.set(target, found);
                    }
                }
            }
            Self::Pairs(pairs) => {
                let fields = pairs.fields.and_then(|table| words.get(table));
                let items = values.iter().flat_map(|list| list.as_array().into_iter().flatten());
                for object in items.filter_map(TapeValue::as_object) {
                    let key =
                        object.get(pairs.name).and_then(TapeValue::as_str).filter(|key| !key.is_empty());
                    let (Some(key), Some(value)) = (key, pairs.value_of(object)) else { continue };
                    let field = match fields.and_then(|fields| fields.get(key)) {
                        Some(FieldValue::Text(field)) => field.clone(),
                        _ => Cow::Owned(format!("{target}.{key}")),
                    };
                    if value.scalar().is_some() {
                        draft.set_named_value(&field, value, Naming::Same);
                    } else {
                        draft.set_named_json(&field, pairs.plain(value, 0));
                    }
                }
            }
            Self::MapText => {
                if let Some(text) = map_text::map_text(first) {
                    draft.set(target, text);
                }
            }
            Self::Long => Self::numbers(values, target, draft),
            Self::Double => {
                let number = first.scalar().and_then(|scalar| match scalar {
                    Scalar::Text(text) => text.trim().parse().ok(),
                    other => other.as_f64(),
                });
                if let Some(number) = number {
                    draft.set(target, number);
                }
            }
            Self::Boolean => {
                if let Some(truth) = first.scalar().and_then(truth) {
                    draft.set(target, truth);
                }
            }
            Self::Date(form) => {
                let time: Option<Timestamp> =
                    first.scalar().and_then(|scalar| date::read(form, scalar, draft.zone.as_ref()));
                if let Some(time) = time {
                    draft.set_time(target, time);
                }
            }
            Self::Text
            | Self::Host
            | Self::User
            | Self::Hash
            | Self::Lower
            | Self::Upper
            | Self::Address
            | Self::Split(_) => {
                let texts = texts_of(values);
                self.texts(texts, first.as_array().is_some(), target, draft);
            }
            Self::Executable(_)
            | Self::BaseName(_)
            | Self::File(_)
            | Self::CommandLine(_)
            | Self::Account
            | Self::Email
            | Self::Url
            | Self::UserAgent => {
                let text = match first.scalar() {
                    Some(scalar) => Some(scalar_text(scalar)),
                    None => texts_of(values).into_iter().next(),
                };
                if let Some(text) = text {
                    self.compound(text, target, draft);
                }
            }
        }
    }

    fn numbers<'a>(values: &[TapeValue<'a>], target: &'static str, draft: &mut Draft<'a, '_>) {
        if let [single] = values
            && let Some(scalar) = single.scalar()
        {
            long(scalar).into_iter().for_each(|number| draft.set(target, number));
            return;
        }
        let mut numbers: Vec<FieldValue<'a>> = scalars_of(values).into_iter().filter_map(long).collect();
        match numbers.len() {
            0 => {}
            1 => draft.set(target, numbers.swap_remove(0)),
            _ => {
                let numbers: Vec<Value> = numbers.into_iter().map(FieldValue::into_value).collect();
                draft.set(target, numbers);
            }
        }
    }

    fn texts<'a>(
        &self,
        mut texts: Vec<Cow<'a, str>>,
        is_list: bool,
        target: &'static str,
        draft: &mut Draft<'a, '_>,
    ) {
        match self {
            Self::Lower => texts.iter_mut().for_each(|text| *text = Cow::Owned(text.to_lowercase())),
            Self::Upper => texts.iter_mut().for_each(|text| *text = Cow::Owned(text.to_uppercase())),
            Self::Split(separator) => {
                texts = texts.into_iter().flat_map(|text| split(text, separator)).collect();
                if !texts.is_empty() {
                    draft.set(target, texts);
                }
                return;
            }
            Self::Hash => texts.retain(|text| text.bytes().any(|byte| byte != b'0')),
            Self::Address => {
                if texts.iter().any(|text| text.contains([' ', ','])) {
                    let parts = texts.into_iter().flat_map(|text| split(text, " "));
                    texts = parts.flat_map(|text| split(text, ",")).collect();
                }
                texts = texts.iter().filter_map(Draft::address).collect();
                texts.iter().for_each(|text| draft.relate_address(text));
            }
            _ => {}
        }
        for text in &texts {
            match self {
                Self::Host => draft.relate_host(text),
                Self::User => draft.relate_user(text),
                Self::Hash => draft.relate_hash(text),
                _ => {}
            }
        }
        match texts.len() {
            0 => {}
            1 if !is_list => draft.set(target, texts.swap_remove(0)),
            _ => draft.set(target, texts),
        }
    }

    fn compound<'a>(&self, text: Cow<'a, str>, target: &'static str, draft: &mut Draft<'a, '_>) {
        match self {
            Self::Executable(separator) => draft.set_executable(target, text, *separator),
            Self::BaseName(separator) => {
                let name = part(&text, |text| path::name_of(text, *separator));
                draft.set(target, name.unwrap_or(text));
            }
            Self::File(separator) => draft.set_file_of(target, text, *separator),
            Self::CommandLine(splitting) => draft.set_command_line(target, text, *splitting),
            Self::Account => {
                if !draft.set_account(target, &text) {
                    draft.relate_user(&text);
                    draft.set_below(target, "name", text);
                }
            }
            Self::Email => draft.set_email(target, text),
            Self::UserAgent => draft.set_user_agent(target, text),
            _ => draft.set_url(target, text),
        }
    }
}

fn find_word<'w>(
    words: &'w FxHashMap<&'static str, FieldValue<'static>>,
    text: &str,
) -> Option<&'w FieldValue<'static>> {
    words.get(text).or_else(|| words.get(text.to_ascii_lowercase().as_str())).or_else(|| words.get("*"))
}

fn split<'a>(text: Cow<'a, str>, separator: &str) -> Vec<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => {
            text.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(Cow::Borrowed).collect()
        }
        Cow::Owned(text) => text
            .split(separator)
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| Cow::Owned(part.to_owned()))
            .collect(),
    }
}

/// The scalars of values, those within lists included.
pub(super) fn scalars_of<'a>(values: &[TapeValue<'a>]) -> Vec<Scalar<'a>> {
    let mut scalars = Vec::with_capacity(values.len());
    for value in values {
        match value.as_array() {
            Some(items) => scalars.extend(items.filter_map(TapeValue::scalar)),
            None => scalars.extend(value.scalar()),
        }
    }
    scalars
}

/// As [`scalars_of`], as texts.
pub(super) fn texts_of<'a>(values: &[TapeValue<'a>]) -> Vec<Cow<'a, str>> {
    scalars_of(values).into_iter().map(scalar_text).collect()
}

/// A whole number; numbers beyond 2^63 stay unsigned, and what is beyond 2^64 is none.
fn long<'a>(scalar: Scalar<'_>) -> Option<FieldValue<'a>> {
    let whole = |number: f64| (number.abs() < 2f64.powi(63)).then_some(FieldValue::Integer(number as i64));
    match scalar {
        Scalar::Unsigned(number) => Some(FieldValue::Unsigned(number)),
        Scalar::Double(number) => whole(number),
        Scalar::Text(text) => integer(scalar).map(FieldValue::Integer).or_else(|| {
            let text = text.trim();
            text.parse().map(FieldValue::Unsigned).ok().or_else(|| whole(text.parse().ok()?))
        }),
        other => integer(other).map(FieldValue::Integer),
    }
}

fn truth(scalar: Scalar<'_>) -> Option<bool> {
    match &*scalar_text(scalar).to_ascii_lowercase() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_none_beyond_their_range() {
        let long = |text| long(Scalar::Text(text)).map(FieldValue::into_value);
        assert_eq!(long("0x10"), Some(16.into()));
        assert_eq!(long("18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(long("7.9"), Some(7.into()));
        for text in ["99999999999999999999", "1e400", "NaN", "-1e30", "", "x"] {
            assert_eq!(long(text), None, "{text}");
        }
    }
}
