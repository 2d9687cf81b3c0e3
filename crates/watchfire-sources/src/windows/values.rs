//! Values inside Windows events, brought to one spelling (sources §0.3, rules a to c, and the line ends of Beats).

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::Scalar;

use crate::fields::FieldValue;
use crate::tape::TapeValue;

/// Keyword bit of an audited action that succeeded.
const AUDIT_SUCCESS: u64 = 0x0020_0000_0000_0000;
/// Keyword bit of an audited action that failed.
const AUDIT_FAILURE: u64 = 0x0010_0000_0000_0000;

/// Names of the keyword bits that Windows itself defines (`winmeta.xml`).
const KEYWORD_NAMES: &[(u64, &str)] = &[
    (0x0001_0000_0000_0000, "Response Time"),
    (0x0002_0000_0000_0000, "WDI Context"),
    (0x0004_0000_0000_0000, "WDI Diag"),
    (0x0008_0000_0000_0000, "SQM"),
    (AUDIT_FAILURE, "Audit Failure"),
    (AUDIT_SUCCESS, "Audit Success"),
    (0x0040_0000_0000_0000, "Correlation Hint"),
    (0x0080_0000_0000_0000, "Classic"),
];

/// A text without white space around it. Most have none, which their outermost bytes show.
pub(crate) fn trimmed(text: &str) -> &str {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(b'!'..=b'~'), Some(b'!'..=b'~')) => text,
        _ => text.trim(),
    }
}

/// A GUID in lower case and braces, if the text is a GUID, with or without braces, in any case.
pub(crate) fn guid(text: &str) -> Option<String> {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    is_guid(inner).then(|| format!("{{{}}}", inner.to_ascii_lowercase()))
}

/// A GUID in lower case and braces; any other text as it is.
pub(crate) fn guid_or_text(text: Cow<'_, str>) -> Cow<'_, str> {
    match guid(&text) {
        Some(found) if found != *text => Cow::Owned(found),
        _ => text,
    }
}

/// A text in lower case.
pub(crate) fn lower_case(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { text } else { Cow::Owned(text.to_lowercase()) }
}

/// A text whose line ends are `\n`, as Beats writes them.
pub(crate) fn with_plain_line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut copied = 0;
    for at in memchr::memchr_iter(b'\r', text.as_bytes()) {
        if text.as_bytes().get(at + 1) == Some(&b'\n') {
            if copied == 0 {
                plain.reserve(text.len());
            }
            plain.push_str(&text[copied..at]);
            copied = at + 1;
        }
    }
    if copied == 0 {
        return text;
    }
    plain.push_str(&text[copied..]);
    Cow::Owned(plain)
}

/// Whether a text is a GUID as [`guid`] writes it.
fn is_canonical_guid(text: &str) -> bool {
    text.len() == 38
        && text.starts_with('{')
        && text.ends_with('}')
        && !text.bytes().any(|byte| byte.is_ascii_uppercase())
        && is_guid(&text[1..37])
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A text of event data in its canonical form.
///
/// Line ends are `\n`, with none at the end, as Beats writes them. GUIDs are in lower case with braces where the form
/// tells that the value is one: it has braces, its name says so, or it is in upper case throughout, which is how the
/// `evtx` crate prints values of that type (a script block's id is a text: lower case, no braces, left alone).
pub(crate) fn data_text<'a>(name: &str, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = with_plain_line_ends(text.into());
    let kept = text.trim_end_matches('\n').len();
    if (36..=38).contains(&kept) {
        let value = &text[..kept];
        let typed = value.starts_with('{')
            || name.to_ascii_lowercase().ends_with("guid")
            || !value.bytes().any(|byte| byte.is_ascii_lowercase());
        if is_canonical_guid(value) {
            return if kept == text.len() { text } else { Cow::Owned(value.to_owned()) };
        }
        if let (true, Some(found)) = (typed, guid(value)) {
            return if found == *text { text } else { Cow::Owned(found) };
        }
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..kept]),
        Cow::Owned(mut text) => {
            text.truncate(kept);
            Cow::Owned(text)
        }
    }
}

/// As [`data_value`], of a value on a tape.
pub(crate) fn data_of_tape<'a>(name: &str, value: TapeValue<'a>) -> Option<FieldValue<'a>> {
    match value.scalar() {
        Some(Scalar::Text(text)) => Some(FieldValue::Text(data_text(name, text))),
        Some(other) => Some(FieldValue::Text(scalar_text(other))),
        None => data_value(name, value.to_value()).map(FieldValue::of),
    }
}

/// A value of event data as a text, or a list of texts; nothing for null and empty lists.
pub(crate) fn data_value(name: &str, value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Value::String(data_text(name, text).into_owned())),
        Value::Bool(_) | Value::Number(_) => text_of(&value).map(Value::String),
        Value::Array(items) => {
            let mut texts: Vec<Value> = items.into_iter().filter_map(|item| data_value(name, item)).collect();
            match texts.len() {
                0 => None,
                1 => texts.pop(),
                _ => Some(Value::Array(texts)),
            }
        }
        Value::Object(object) => {
            (!object.is_empty()).then(|| Value::String(Value::Object(object).to_string()))
        }
    }
}

/// A scalar as a text: numbers in decimal, without the `.0` of a float that is whole.
pub(crate) fn scalar_text(value: Scalar<'_>) -> Cow<'_, str> {
    match value {
        Scalar::Text(text) => Cow::Borrowed(text),
        Scalar::Integer(number) => Cow::Owned(number.to_string()),
        Scalar::Unsigned(number) => Cow::Owned(number.to_string()),
        Scalar::Double(float) if is_whole(float) => Cow::Owned((float as i64).to_string()),
        Scalar::Double(float) => Cow::Owned(Value::from(float).to_string()),
        Scalar::Boolean(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
    }
}

/// Whether a float is a whole number that it can tell from its neighbours.
fn is_whole(float: f64) -> bool {
    float.fract() == 0.0 && float.abs() < 9e15
}

/// A value as a text; nothing for null, objects and lists.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    Scalar::of(value).map(|scalar| scalar_text(scalar).into_owned())
}

/// An integer from a number or from a text in decimal or, behind `0x`, in hexadecimal.
pub(crate) fn integer(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Integer(number) => Some(number),
        Scalar::Double(float) if is_whole(float) => Some(float as i64),
        Scalar::Text(text) => integer_text(text),
        Scalar::Unsigned(_) | Scalar::Double(_) | Scalar::Boolean(_) => None,
    }
}

/// An integer from a text in decimal or, behind `0x`, in hexadecimal.
pub(crate) fn integer_text(text: &str) -> Option<i64> {
    let text = trimmed(text);
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok().and_then(|number| i64::try_from(number).ok()),
        None => text.parse().ok(),
    }
}

/// The 64 bits of a keyword mask: a number (signed or not) or a text in decimal or hexadecimal.
pub(crate) fn bits(value: Scalar<'_>) -> Option<u64> {
    match value {
        Scalar::Unsigned(number) => Some(number),
        Scalar::Integer(number) => Some(number as u64),
        Scalar::Text(text) => {
            let text = trimmed(text);
            match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok().or_else(|| text.parse::<i64>().ok().map(|signed| signed as u64)),
            }
        }
        Scalar::Double(_) | Scalar::Boolean(_) => None,
    }
}

/// What the audit bits say of an event (sources §0.3 rule e).
pub(crate) fn outcome(keywords: u64) -> Option<&'static str> {
    if keywords & AUDIT_SUCCESS != 0 {
        Some("success")
    } else if keywords & AUDIT_FAILURE != 0 {
        Some("failure")
    } else {
        None
    }
}

/// The names of the bits that Windows itself defines.
pub(crate) fn keyword_names(keywords: u64) -> impl Iterator<Item = &'static str> {
    KEYWORD_NAMES.iter().filter(move |(bit, _)| keywords & bit != 0).map(|&(_, name)| name)
}

/// The name of a level, as Beats writes it; a level of a provider's own stays a number.
pub(crate) fn level_name(level: &str) -> &str {
    match level {
        "0" | "4" => "information",
        "1" => "critical",
        "2" => "error",
        "3" => "warning",
        "5" => "verbose",
        other => other,
    }
}

/// The name of an opcode that Windows itself defines; an opcode of a provider's own stays a number.
pub(crate) fn opcode_name(opcode: &str) -> &str {
    match opcode {
        "0" => "Info",
        "1" => "Start",
        "2" => "Stop",
        "3" => "DCStart",
        "4" => "DCStop",
        "5" => "Extension",
        "6" => "Reply",
        "7" => "Resume",
        "8" => "Suspend",
        "9" => "Send",
        "240" => "Receive",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scalar(value: &Value) -> Scalar<'_> {
        Scalar::of(value).expect("a scalar")
    }

    #[test]
    fn guids_have_one_spelling() {
        let braced = "{8f2a6c3e-1b4d-4e5f-9a0b-c1d2e3f40516}";
        for text in [braced, "8F2A6C3E-1B4D-4E5F-9A0B-C1D2E3F40516", "{8F2A6C3E-1B4D-4E5F-9A0B-C1D2E3F40516}"]
        {
            assert_eq!(data_text("Whatever", text), braced);
        }
        let bare = "8f2a6c3e-1b4d-4e5f-9a0b-c1d2e3f40516";
        assert_eq!(data_text("ScriptBlockId", bare), bare);
        assert_eq!(data_text("LogonGuid", bare), braced);
        assert_eq!(guid("8f2a6c3e-1b4d-4e5f-9a0b-c1d2e3f4051"), None);
        assert_eq!(guid("8f2a6c3e-1b4d-4e5f-9a0b-c1d2e3f4051é"), None);
    }

    #[test]
    fn line_ends_are_plain() {
        let plain = |text: &'static str| with_plain_line_ends(Cow::Borrowed(text)).into_owned();
        assert_eq!(plain("a\r\nb\rc\r\r\n\r\n"), "a\nb\rc\r\n\n");
        assert_eq!(plain("\r\n"), "\n");
        assert_eq!(plain("a\nb\r"), "a\nb\r");
    }

    #[test]
    fn values_become_texts() {
        assert_eq!(data_value("x", json!(356)), Some(json!("356")));
        assert_eq!(data_value("x", json!(12.0)), Some(json!("12")));
        assert_eq!(data_value("x", json!(true)), Some(json!("true")));
        assert_eq!(data_value("x", json!([1, null, "b\r\nc\r\n"])), Some(json!(["1", "b\nc"])));
        assert_eq!(data_value("x", json!(["one"])), Some(json!("one")));
        assert_eq!(data_value("x", json!([])), None);
    }

    #[test]
    fn numbers_come_in_many_spellings() {
        assert_eq!(integer(scalar(&json!("0x11cc"))), Some(4556));
        assert_eq!(integer(scalar(&json!("4556"))), Some(4556));
        assert_eq!(integer(scalar(&json!(4556))), Some(4556));
        assert_eq!(integer(scalar(&json!("0xffffffffffffffff"))), None);
        assert_eq!(bits(scalar(&json!(-9_214_364_837_600_034_816_i64))), Some(0x8020_0000_0000_0000));
        assert_eq!(bits(scalar(&json!("-9214364837600034816"))), Some(0x8020_0000_0000_0000));
        assert_eq!(outcome(0x8020_0000_0000_0000), Some("success"));
        assert_eq!(outcome(0x8010_0000_0000_0000), Some("failure"));
        assert_eq!(keyword_names(0x0080_0000_0000_0000).collect::<Vec<_>>(), ["Classic"]);
    }
}
