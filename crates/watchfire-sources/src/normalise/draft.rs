//! A document in the making: what a mapping reads from, and what it writes to.

use serde_json::{Value, json};
use watchfire_events::{Document, get_field, parse_ip, set_field};

use super::command_line::{Splitting, split};
use super::path;
use crate::windows::{WindowsEvent, values};

/// Nesting beyond this is not cleaned; decoders refuse such records first.
const MAX_CLEANED_DEPTH: usize = 64;

/// A Windows event on its way to a document.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The event id as a number; 0 for one that is none.
    pub(crate) code: u32,
    pub(crate) event_data: Document,
    pub(crate) user_data: Document,
    pub(crate) document: Document,
    related: Related,
}

/// Values for `related.*`, without duplicates.
#[derive(Debug, Default)]
struct Related {
    hashes: Vec<String>,
    hosts: Vec<String>,
    addresses: Vec<String>,
    users: Vec<String>,
}

/// Whether a datum says anything: `-` stands for nothing in Windows events (sources §2, pitfall 5).
pub(crate) fn says_something(text: &str) -> bool {
    !text.is_empty() && text != "-"
}

impl Draft {
    pub(crate) fn new(event: WindowsEvent) -> Self {
        Self {
            code: event.code.parse().unwrap_or(0),
            event_data: event.event_data,
            user_data: event.user_data,
            document: event.document,
            related: Related::default(),
        }
    }

    /// A datum that is one text and says something.
    pub(crate) fn datum(&self, name: &str) -> Option<&str> {
        self.event_data.get(name).and_then(Value::as_str).filter(|text| says_something(text))
    }

    /// As [`Draft::datum`], of the user data.
    pub(crate) fn user_datum(&self, name: &str) -> Option<&str> {
        self.user_data.get(name).and_then(Value::as_str).filter(|text| says_something(text))
    }

    /// A datum that is moved: it leaves the event data. One that says nothing stays where it is.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.datum(name)?;
        match self.event_data.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A field of the document.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        get_field(&self.document, name)
    }

    /// A field of the document that is one text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        set_field(&mut self.document, name, value.into());
    }

    /// Writes a text below `winlog.event_data`.
    pub(crate) fn set_datum(&mut self, name: &str, value: impl Into<Value>) {
        self.event_data.insert(name.to_owned(), value.into());
    }

    pub(crate) fn relate_user(&mut self, user: &str) {
        add_once(&mut self.related.users, user);
    }

    pub(crate) fn relate_host(&mut self, host: &str) {
        add_once(&mut self.related.hosts, host);
    }

    pub(crate) fn relate_hash(&mut self, hash: &str) {
        add_once(&mut self.related.hashes, hash);
    }

    pub(crate) fn relate_address(&mut self, address: &str) {
        add_once(&mut self.related.addresses, address);
    }

    /// Writes an address, mapped IPv4 addresses as plain ones; false if the text is no address.
    pub(crate) fn set_address(&mut self, name: &str, text: &str) -> bool {
        let address = plain_address(text);
        if parse_ip(address).is_none() {
            return false;
        }
        self.relate_address(address);
        self.set(name, address);
        true
    }

    /// Writes `<prefix>.executable` and, where the path has one, `<prefix>.name`.
    pub(crate) fn set_executable(&mut self, prefix: &str, executable: &str) {
        if let Some(name) = path::name(executable) {
            self.set(&format!("{prefix}.name"), name);
        }
        self.set(&format!("{prefix}.executable"), executable);
    }

    /// Writes `<prefix>.command_line`, `.args` and `.args_count`.
    pub(crate) fn set_command_line(&mut self, prefix: &str, command_line: &str, splitting: Splitting) {
        let arguments = split(command_line, splitting);
        if !arguments.is_empty() {
            self.set(&format!("{prefix}.args_count"), arguments.len());
            self.set(&format!("{prefix}.args"), arguments);
        }
        self.set(&format!("{prefix}.command_line"), command_line);
    }

    /// Writes `<prefix>.path`, `.name`, `.directory` and `.extension`.
    pub(crate) fn set_file(&mut self, prefix: &str, file: &str) {
        for (part, value) in [
            ("name", path::name(file)),
            ("directory", path::directory(file)),
            ("extension", path::extension(file)),
        ] {
            if let Some(value) = value {
                self.set(&format!("{prefix}.{part}"), value);
            }
        }
        self.set(&format!("{prefix}.path"), file);
    }

    /// Writes `<prefix>.domain` and `.name` from `DOMAIN\name`; false if the text has not exactly two parts.
    pub(crate) fn set_account(&mut self, prefix: &str, account: &str) -> bool {
        let Some((domain, name)) = account.split_once('\\').filter(|(_, name)| !name.contains('\\')) else {
            return false;
        };
        self.relate_user(name);
        self.set(&format!("{prefix}.domain"), domain);
        self.set(&format!("{prefix}.name"), name);
        true
    }

    /// Writes a number from a decimal or hexadecimal text; false if the text is none.
    pub(crate) fn set_number(&mut self, name: &str, text: &str) -> bool {
        let number = values::integer_text(text);
        if let Some(number) = number {
            self.set(name, number);
        }
        number.is_some()
    }

    /// The finished document: data put back under `winlog`, `related.*` written, empty values removed (sources §0.9).
    pub(crate) fn finish(mut self) -> Document {
        for (name, found) in [
            ("related.hash", std::mem::take(&mut self.related.hashes)),
            ("related.hosts", std::mem::take(&mut self.related.hosts)),
            ("related.ip", std::mem::take(&mut self.related.addresses)),
            ("related.user", std::mem::take(&mut self.related.users)),
        ] {
            if !found.is_empty() {
                let all = merged(self.get(name), found);
                self.set(name, all);
            }
        }
        if !self.event_data.is_empty() {
            let data = std::mem::take(&mut self.event_data);
            self.set("winlog.event_data", data);
        }
        if !self.user_data.is_empty() {
            let data = std::mem::take(&mut self.user_data);
            self.set("winlog.user_data", data);
        }
        clean(&mut self.document, 0);
        self.document
    }
}

/// `::ffff:192.0.2.1` as `192.0.2.1`, and anything else as it is.
pub(crate) fn plain_address(text: &str) -> &str {
    let text = text.trim();
    match text.get(..7) {
        Some(prefix) if prefix.eq_ignore_ascii_case("::ffff:") && text[7..].contains('.') => &text[7..],
        _ => text,
    }
}

fn add_once(list: &mut Vec<String>, value: &str) {
    if says_something(value) && !list.iter().any(|known| known == value) {
        list.push(value.to_owned());
    }
}

fn merged(existing: Option<&Value>, found: Vec<String>) -> Value {
    let mut all: Vec<Value> = match existing {
        Some(Value::Array(items)) => items.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    };
    for value in found {
        let value = json!(value);
        if !all.contains(&value) {
            all.push(value);
        }
    }
    Value::Array(all)
}

/// Removes nulls, empty texts, empty lists and empty objects, whatever removing them makes empty included.
pub(crate) fn clean(object: &mut Document, depth: usize) {
    if depth < MAX_CLEANED_DEPTH {
        object.retain(|_, value| keeps(value, depth));
    }
}

fn keeps(value: &mut Value, depth: usize) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => {
            // Empty texts in a list are elements of it: an empty argument is an argument.
            items.retain_mut(|item| matches!(item, Value::String(_)) || keeps(item, depth + 1));
            !items.is_empty()
        }
        Value::Object(object) => {
            clean(object, depth + 1);
            !object.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_keeps_zero_false_and_empty_arguments() {
        let mut document = json!({
            "a": null, "b": "", "c": {"d": {}, "e": [null, {}]}, "f": 0, "g": false, "h": ["", "x"]
        });
        clean(document.as_object_mut().unwrap(), 0);
        assert_eq!(document, json!({"f": 0, "g": false, "h": ["", "x"]}));
    }

    #[test]
    fn mapped_addresses_are_plain() {
        assert_eq!(plain_address("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(plain_address("::FFFF:192.0.2.1"), "192.0.2.1");
        assert_eq!(plain_address("::ffff:0:1"), "::ffff:0:1");
        assert_eq!(plain_address("2001:db8::1"), "2001:db8::1");
    }
}
