//! Templates of messages: the part of mustache that messages of alerts use.
//!
//! Variables (`{{a.b}}`; `{{{a.b}}}` and `{{&a.b}}` as they are), sections (`{{#a}}…{{/a}}`), inverted sections
//! (`{{^a}}…{{/a}}`), the item itself (`{{.}}`) and comments (`{{! … }}`). Partials and other delimiters are refused. Our own,
//! since the engines that there are escape for HTML alone, and know no way from a template to what it asked for in vain.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use thiserror::Error;

/// Sections within sections are refused beyond this depth.
const MAX_DEPTH: usize = 32;

/// A text longer than this is cut: documents repeat in sections of sections.
const MAX_BYTES: usize = 1 << 20;

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A tag does not end.
    #[error("`{0}` does not end")]
    Open(String),
    /// A section does not end, or ends where none began.
    #[error("the section `{0}` has no other end")]
    Section(String),
    /// What mustache has and messages do not.
    #[error("`{0}` is not supported: partials and other delimiters are not")]
    Unsupported(String),
    /// Too many sections within each other.
    #[error("sections are nested more than {MAX_DEPTH} deep")]
    Depth,
}

/// How values are written, so that they do not become part of the text around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As they are.
    None,
    /// Within a string of JSON.
    Json,
    /// Within a message of Slack.
    Slack,
    /// Within Markdown.
    Markdown,
    /// Within HTML.
    Html,
}

impl Escape {
    fn apply(self, text: &str, out: &mut String) {
        match self {
            Self::None => out.push_str(text),
            Self::Json => {
                let quoted = Value::from(text).to_string();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
            Self::Slack => text.chars().for_each(|character| match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                other => out.push(other),
            }),
            Self::Html => text.chars().for_each(|character| match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }),
            Self::Markdown => text.chars().for_each(|character| {
                if "\\`*_{}[]<>()#+-.!|~".contains(character) {
                    out.push('\\');
                }
                out.push(character);
            }),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value { name: String, escapes: bool },
    Section { name: String, inverted: bool, parts: Vec<Self> },
}

/// A template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Part>);

/// A text that was made of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Names that stand for nothing here; an empty text stands in their place.
    pub unknown: BTreeSet<String>,
    /// Whether the text was cut, since it was longer than a mebibyte.
    pub is_cut: bool,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// If it is none, or asks for what is not supported.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut rest = text;
        // The open sections, the outermost first, with what stands in them.
        let mut open: Vec<(String, bool, Vec<Part>)> = vec![(String::new(), false, Vec::new())];
        while let Some(start) = rest.find("{{") {
            push_text(&mut open, &rest[..start]);
            let tag = &rest[start + 2..];
            let (raw, tag) = tag.strip_prefix('{').map_or((false, tag), |tag| (true, tag));
            let close = if raw { "}}}" } else { "}}" };
            let Some(end) = tag.find(close) else {
                return Err(TemplateError::Open(rest[start..].chars().take(20).collect()));
            };
            let inside = tag[..end].trim();
            rest = &tag[end + close.len()..];
            let mut characters = inside.chars();
            let (kind, name) = match characters.next() {
                Some(kind @ ('#' | '^' | '/' | '!' | '&' | '>' | '=')) if !raw => {
                    (kind, characters.as_str().trim().to_owned())
                }
                _ => (' ', inside.to_owned()),
            };
            match kind {
                '!' => {}
                '>' | '=' => return Err(TemplateError::Unsupported(format!("{{{{{inside}}}}}"))),
                '#' | '^' => {
                    if open.len() > MAX_DEPTH {
                        return Err(TemplateError::Depth);
                    }
                    open.push((name, kind == '^', Vec::new()));
                }
                '/' => {
                    let closed = open.pop().filter(|(opened, ..)| *opened == name && !open.is_empty());
                    let Some((name, inverted, parts)) = closed else {
                        return Err(TemplateError::Section(name));
                    };
                    push(&mut open, Part::Section { name, inverted, parts });
                }
                _ => push(&mut open, Part::Value { name, escapes: !raw && kind != '&' }),
            }
        }
        push_text(&mut open, rest);
        match open.pop() {
            Some((_, _, parts)) if open.is_empty() => Ok(Self(parts)),
            unclosed => Err(TemplateError::Section(unclosed.map(|(name, ..)| name).unwrap_or_default())),
        }
    }

    /// Fills it in.
    pub fn render(&self, values: &Value, escape: Escape) -> Rendered {
        let mut rendered = Rendered::default();
        render(&self.0, &mut vec![values], escape, &mut rendered);
        rendered
    }
}

fn push(open: &mut [(String, bool, Vec<Part>)], part: Part) {
    if let Some((_, _, parts)) = open.last_mut() {
        parts.push(part);
    }
}

fn push_text(open: &mut [(String, bool, Vec<Part>)], text: &str) {
    if !text.is_empty() {
        push(open, Part::Text(text.to_owned()));
    }
}

fn render(parts: &[Part], within: &mut Vec<&Value>, escape: Escape, out: &mut Rendered) {
    for part in parts {
        if out.text.len() > MAX_BYTES {
            let end = (0..=MAX_BYTES).rev().find(|&at| out.text.is_char_boundary(at)).unwrap_or(0);
            out.text.truncate(end);
            out.is_cut = true;
        }
        if out.is_cut {
            return;
        }
        match part {
            Part::Text(text) => out.text.push_str(text),
            Part::Value { name, escapes } => match look_up(within, name) {
                Some(value) => {
                    let escape = if *escapes { escape } else { Escape::None };
                    escape.apply(&text_of(value), &mut out.text);
                }
                None => {
                    out.unknown.insert(name.clone());
                }
            },
            Part::Section { name, inverted, parts } => {
                let value = look_up(within, name);
                if value.is_none() {
                    out.unknown.insert(name.clone());
                }
                match value.filter(|value| holds(value)) {
                    None if *inverted => render(parts, within, escape, out),
                    Some(Value::Array(items)) if !inverted => {
                        for item in items {
                            within.push(item);
                            render(parts, within, escape, out);
                            within.pop();
                        }
                    }
                    Some(value) if !inverted => {
                        within.push(value);
                        render(parts, within, escape, out);
                        within.pop();
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Whether a section of this value is shown.
fn holds(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) | Value::Object(_) => true,
    }
}

/// The value of a name: in the innermost section that has it.
fn look_up<'v>(within: &[&'v Value], name: &str) -> Option<&'v Value> {
    if name == "." {
        return within.last().copied();
    }
    within.iter().rev().find_map(|value| value_at(value, name))
}

/// The value of a dotted name. Documents have names with dots as keys, too.
fn value_at<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(name) {
        return Some(found);
    }
    let dots = name.rmatch_indices('.').map(|(dot, _)| dot);
    dots.filter_map(|dot| Some((object.get(&name[..dot])?, &name[dot + 1..])))
        .find_map(|(inner, rest)| value_at(inner, rest))
}

/// A value as text: what has no form of its own as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let mut text = String::new();
            for (at, item) in items.iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                let _ = write!(text, "{comma}{}", text_of(item));
            }
            text
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(text: &str, escape: Escape) -> (String, Vec<String>) {
        let values = json!({
            "rule": {"name": "A \"rule\" <b>", "tags": ["x", "y"]},
            "context": {"alerts": [
                {"_id": "1", "host.name": "h1", "process": {"name": "a_b.exe"}, "none": null},
                {"_id": "2", "host": {"name": "h2"}, "process": {"args": ["-c", {"x": 1}]}},
            ]},
            "state": {"signals_count": 2, "zero": 0},
        });
        let rendered = Template::parse(text).expect("a template").render(&values, escape);
        (rendered.text, rendered.unknown.into_iter().collect())
    }

    #[test]
    fn values_are_filled_in() {
        let known = |text: &str, escape| {
            let (text, unknown) = render(text, escape);
            assert_eq!(unknown, Vec::<String>::new());
            text
        };
        assert_eq!(
            known("{{rule.name}}|{{{rule.name}}}|{{& rule.name }}", Escape::Json),
            r#"A \"rule\" <b>|A "rule" <b>|A "rule" <b>"#
        );
        assert_eq!(known("{{rule.name}}", Escape::Slack), "A \"rule\" &lt;b&gt;");
        assert_eq!(known("{{rule.name}}", Escape::Markdown), "A \"rule\" \\<b\\>");
        assert_eq!(known("{{rule.tags}} {{#rule.tags}}[{{.}}]{{/rule.tags}}", Escape::None), "x,y [x][y]");
        assert_eq!(
            known("{{#context.alerts}}{{_id}}:{{host.name}}:{{rule.tags}} {{/context.alerts}}", Escape::None),
            "1:h1:x,y 2:h2:x,y "
        );
        assert_eq!(known("{{state}}{{! nothing }}", Escape::None), r#"{"signals_count":2,"zero":0}"#);
        assert_eq!(
            known(
                "{{^state.zero}}none{{/state.zero}}{{#state.signals_count}}some{{/state.signals_count}}",
                Escape::None
            ),
            "nonesome"
        );
    }

    #[test]
    fn unknown_names_are_told() {
        let (text, unknown) =
            render("[{{alert.nope}}]{{#nothing}}x{{/nothing}}{{^nothing}}y{{/nothing}}", Escape::None);
        assert_eq!((text.as_str(), unknown), ("[]y", vec!["alert.nope".to_owned(), "nothing".to_owned()]));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (text, error) in [
            ("{{a", "`{{a` does not end"),
            ("{{{a}}", "`{{{a}}` does not end"),
            ("{{#a}}x", "the section `a` has no other end"),
            ("x{{/a}}", "the section `a` has no other end"),
            ("{{#a}}{{/b}}", "the section `b` has no other end"),
            ("{{> part}}", "`{{> part}}` is not supported: partials and other delimiters are not"),
            ("{{=<% %>=}}", "`{{=<% %>=}}` is not supported: partials and other delimiters are not"),
        ] {
            assert_eq!(Template::parse(text).expect_err(text).to_string(), error);
        }
        let deep = "{{#a}}".repeat(40) + &"{{/a}}".repeat(40);
        assert_eq!(Template::parse(&deep), Err(TemplateError::Depth));
    }

    #[test]
    fn what_grows_without_end_is_cut() {
        let items: Vec<usize> = (0..1_000).collect();
        let text = "{{#a}}{{#a}}{{#a}}0123456789{{/a}}{{/a}}{{/a}}";
        let rendered =
            Template::parse(text).expect("a template").render(&json!({ "a": items }), Escape::None);
        assert!(rendered.is_cut && rendered.text.len() <= MAX_BYTES);
    }
}
