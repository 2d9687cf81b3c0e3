//! One line of an audit log, taken apart.
//!
//! ```text
//! node=web-1 type=USER_LOGIN msg=audit(1900000000.123:42): pid=7 uid=0 msg='op=login acct="ana"'␝UID="root"
//!            kind                time              serial  fields, those in `msg='…'` included   names of ids
//! ```
//!
//! Values that others choose (names, paths, arguments) are quoted, or in upper-case hexadecimal digits where they hold
//! blanks, quotes or bytes that are no ASCII. What is behind the group separator was put there by the audit daemon:
//! what ids and numbers of the line mean on its machine.

use std::borrow::Cow;

/// What stands between a line and what the audit daemon knows of it.
const ENRICHED: char = '\u{1d}';

/// Whether others choose the value of a field, but for arguments (`a0` …). Constants are compared without a call.
fn is_chosen(name: &str) -> bool {
    matches!(
        name,
        "acct"
            | "cmd"
            | "comm"
            | "cwd"
            | "data"
            | "exe"
            | "file"
            | "grp"
            | "name"
            | "new_file"
            | "old_file"
            | "path"
            | "proctitle"
            | "tty_data"
            | "unit"
    )
}

/// A line.
#[derive(Debug)]
pub(crate) struct Message<'t> {
    pub(crate) node: Option<&'t str>,
    pub(crate) kind: &'t str,
    /// Milliseconds since 1970.
    pub(crate) milliseconds: u64,
    pub(crate) serial: u64,
    pub(crate) fields: Vec<Field<'t>>,
    /// Names of ids and numbers, by the names of their fields in upper case.
    pub(crate) known: Vec<Field<'t>>,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field<'t> {
    pub(crate) name: Cow<'t, str>,
    pub(crate) value: Cow<'t, str>,
    /// Whether it was quoted.
    pub(crate) quoted: bool,
}

impl<'t> Message<'t> {
    /// A line of an audit log; nothing if it is none.
    pub(crate) fn read(line: &'t str) -> Option<Self> {
        let line = line.trim();
        let (node, rest) = match line.strip_prefix("node=") {
            Some(rest) => rest.split_once(' ').map(|(node, rest)| (Some(node), rest))?,
            None => (None, line),
        };
        let (kind, rest) = rest.trim_start().strip_prefix("type=")?.split_once(' ')?;
        let (stamp, body) = rest.strip_prefix("msg=audit(")?.split_once(')')?;
        let body = body.strip_prefix(':')?;
        let (time, serial) = stamp.split_once(':')?;
        let (seconds, fraction) = time.split_once('.')?;
        let milliseconds =
            seconds.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(fraction.parse().ok()?)?;
        // Some put what they know behind the line without the separator.
        let (body, known) = body.split_once(ENRICHED).unwrap_or((body, ""));
        let mut message = Self {
            node,
            kind,
            milliseconds,
            serial: serial.parse().ok()?,
            fields: Vec::with_capacity(32),
            known: Vec::new(),
        };
        message.read_body(body);
        read_fields(known, false, &mut message.known);
        Some(message)
    }

    fn read_body(&mut self, body: &'t str) {
        match self.kind {
            "AVC" | "USER_AVC" => {
                if let Some((decision, permissions, rest)) = avc(body) {
                    self.add("seresult", decision.into());
                    let permissions: Vec<&str> = permissions.split_ascii_whitespace().collect();
                    self.add("seperms", permissions.join(",").into());
                    return read_fields(rest, false, &mut self.fields);
                }
            }
            // Old kernels write `old auid=4 new auid=5`.
            "LOGIN" if body.contains("new ") => {
                let mut fields = Vec::new();
                let body = body.replace("old ", "old_").replace("new ", "new_");
                read_fields(&body, false, &mut fields);
                let owned = |field: Field<'_>| Field {
                    name: Cow::Owned(field.name.into_owned()),
                    value: Cow::Owned(field.value.into_owned()),
                    quoted: field.quoted,
                };
                self.fields.extend(fields.into_iter().map(owned));
                return;
            }
            _ => {}
        }
        read_fields(body, self.kind == "EXECVE", &mut self.fields);
    }

    fn add(&mut self, name: &'static str, value: Cow<'t, str>) {
        self.fields.push(Field { name: Cow::Borrowed(name), value, quoted: false });
    }

    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&Cow<'t, str>> {
        self.fields.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}

/// `avc:  denied  { read write } for  …`: what was decided, of which permissions, and the rest.
fn avc(body: &str) -> Option<(&str, &str, &str)> {
    let rest = body.split_once("avc:")?.1.trim_start();
    let (decision, rest) = rest.split_once(char::is_whitespace)?;
    let (permissions, rest) = rest.trim_start().strip_prefix('{')?.split_once('}')?;
    Some((decision, permissions, rest.trim_start().strip_prefix("for")?))
}

/// Reads `name=value` pairs; whatever else stands between them is passed over. Only of a program that was executed are
/// `a0` and so on texts; those of a call are numbers.
fn read_fields<'t>(text: &'t str, has_arguments: bool, fields: &mut Vec<Field<'t>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(equals) = memchr::memchr(b'=', &bytes[at..]).map(|found| at + found) {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'[' | b']');
        let length = bytes[at..equals].iter().rev().take_while(|byte| is_name(byte)).count();
        let name = &text[equals - length..equals];
        let start = equals + 1;
        let (end, next) = match bytes.get(start) {
            Some(&quote @ (b'"' | b'\'')) => match memchr::memchr(quote, &bytes[start + 1..]) {
                Some(found) => (start + 1 + found, start + 2 + found),
                // What was cut off is read as far as it goes.
                None => (bytes.len(), bytes.len()),
            },
            _ => {
                let rest = &bytes[start..];
                // A value ends at a blank; in a message in quotes, at the quote.
                let length = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                (start + length, start + length)
            }
        };
        let quoted = matches!(bytes.get(start), Some(b'"' | b'\''));
        let value = &text[start + usize::from(quoted)..end];
        at = next;
        if name.is_empty() {
            continue;
        }
        if name == "msg" && quoted {
            read_fields(value, has_arguments, fields);
            continue;
        }
        // `(hostname=web-1, addr=?)` as old programs write it.
        let value = if quoted { value } else { without_brackets(value) };
        if matches!(value.trim(), "" | "?" | "(null)") {
            continue;
        }
        let is_text = is_chosen(name) || (has_arguments && is_argument(name));
        let value = match is_text.then(|| decoded(value)).flatten() {
            Some(value) if !quoted => Cow::Owned(value),
            _ => Cow::Borrowed(value.trim()),
        };
        fields.push(Field { name: Cow::Borrowed(name), value, quoted });
    }
}

/// A value without what closes a bracket, or goes on in a list, that it stands in.
fn without_brackets(value: &str) -> &str {
    let value = value.trim_end_matches([',', '\'']);
    match value.strip_suffix(')') {
        Some(inner) if !inner.contains('(') => inner,
        _ => value,
    }
}

/// Whether a name is that of an argument or a piece of one: `a12`, `a12[3]`.
fn is_argument(name: &str) -> bool {
    name.strip_prefix('a').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The text that upper-case hexadecimal digits stand for; zeros in it are between arguments.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    if text.is_empty() || text.len() % 2 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks_exact(2) {
        bytes.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<(String, String)> {
        let message = Message::read(line).expect("a line");
        message.fields.into_iter().map(|field| (field.name.into(), field.value.into())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_are_read_however_they_are_written() {
        let line = "type=USER_AUTH msg=audit(19.001:4): user pid=3 uid=0 msg='op=x y=\"a b\" acct=616E61 addr=? res=ok'";
        assert_eq!(
            fields(line),
            pairs(&[("pid", "3"), ("uid", "0"), ("op", "x"), ("y", "a b"), ("acct", "ana"), ("res", "ok")])
        );
        let line =
            "type=AVC msg=audit(19.001:4): avc:  denied  { read open } for  pid=3 comm=\"x\" tclass=file";
        assert_eq!(
            fields(line),
            pairs(&[
                ("seresult", "denied"),
                ("seperms", "read,open"),
                ("pid", "3"),
                ("comm", "x"),
                ("tclass", "file")
            ])
        );
        let line = "type=LOGIN msg=audit(19.001:4): login pid=3 uid=0 old auid=4 new auid=5";
        assert_eq!(fields(line), pairs(&[("pid", "3"), ("uid", "0"), ("old_auid", "4"), ("new_auid", "5")]));
        let line = "type=USER_START msg=audit(19.001:4): tty=(none) (hostname=web-1, addr=?, terminal=ssh res=success)";
        assert_eq!(
            fields(line),
            pairs(&[("tty", "(none)"), ("hostname", "web-1"), ("terminal", "ssh"), ("res", "success")])
        );
        let line = "type=EXECVE msg=audit(19.001:4): argc=2 a0=\"sh\" a1=2D6320 a2=cut \"";
        assert_eq!(fields(line), pairs(&[("argc", "2"), ("a0", "sh"), ("a1", "-c "), ("a2", "cut")]));
    }

    #[test]
    fn what_the_daemon_knows_is_apart() {
        let message =
            Message::read("node=n type=X msg=audit(19.5:4): uid=0 key=(null)\u{1d}UID=\"root\" ARCH=x86_64");
        let message = message.expect("a line");
        assert_eq!((message.node, message.milliseconds, message.serial), (Some("n"), 19_005, 4));
        assert_eq!(message.fields.len(), 1);
        assert_eq!(message.known.iter().map(|field| &*field.value).collect::<Vec<_>>(), ["root", "x86_64"]);
    }

    #[test]
    fn only_digits_are_decoded() {
        for (text, expected) in [
            ("6C73002D6C00", Some("ls -l")),
            ("6c73", None),
            ("6C7", None),
            ("", None),
            ("C3A9FF", Some("é\u{fffd}")),
        ] {
            assert_eq!(decoded(text).as_deref(), expected);
        }
    }

    #[test]
    fn what_is_no_line_is_none() {
        for line in ["", "type=X", "type=X msg=audit(1:2): a=b", "node=x", "type=X msg=audit(1.2:3"] {
            assert!(Message::read(line).is_none(), "{line}");
        }
    }
}
