//! A document in the making: what a mapping reads from, and what it writes to.
#![expect(
    clippy::ptr_arg,
    reason = "a text that is kept stays borrowed from its record, which `&str` would not say"
)]

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{
    BatchBuilder, Document, FieldName, FieldNames, Scalar, flatten, get_field, parse_ip, set_field,
};

use super::command_line::{Splitting, split};
use super::path::{self, Separator};
use super::tables::naming::Naming;
use super::url::UrlParts;
use super::user_agent::UserAgent;
use crate::fields::{EVENT_DATA, FieldValue, Fields, USER_DATA, part};
use crate::tape::TapeValue;
use crate::windows::{WindowsEvent, values};

/// Nesting beyond this is not cleaned; decoders refuse such records first.
const MAX_CLEANED_DEPTH: usize = 64;

/// A Windows event on its way to a document.
#[derive(Debug)]
pub(crate) struct Draft<'a, 'n> {
    /// The event id as a number; 0 for one that is none.
    pub(crate) code: u32,
    pub(crate) event_data: Fields<'a>,
    pub(crate) user_data: Fields<'a>,
    document: Fields<'a>,
    related: Related<'a>,
    /// The zone of local times.
    pub(crate) zone: Option<jiff::tz::TimeZone>,
    /// The year of times that name none.
    pub(crate) year: Option<i16>,
    /// Whether that year was taken.
    pub(crate) year_is_taken: bool,
    names: &'n mut FieldNames,
}

/// Values for `related.*`, without duplicates.
#[derive(Debug, Default)]
struct Related<'a> {
    hashes: Vec<Cow<'a, str>>,
    hosts: Vec<Cow<'a, str>>,
    addresses: Vec<Cow<'a, str>>,
    users: Vec<Cow<'a, str>>,
}

/// Whether a datum says anything: `-` stands for nothing in Windows events (sources §2, pitfall 5).
pub(crate) fn says_something(text: &str) -> bool {
    !text.is_empty() && text != "-"
}

impl<'a, 'n> Draft<'a, 'n> {
    pub(crate) fn new(event: WindowsEvent<'a>, names: &'n mut FieldNames) -> Self {
        Self {
            code: event.code.parse().unwrap_or(0),
            event_data: event.event_data,
            user_data: event.user_data,
            document: event.document,
            related: Related::default(),
            zone: None,
            year: None,
            year_is_taken: false,
            names,
        }
    }

    /// A document in the making for a record that is no Windows event.
    pub(crate) fn bare(names: &'n mut FieldNames) -> Self {
        Self {
            code: 0,
            event_data: Fields::default(),
            user_data: Fields::default(),
            document: Fields::with_room_for(64),
            related: Related::default(),
            zone: None,
            year: None,
            year_is_taken: false,
            names,
        }
    }

    /// A datum, whatever it holds.
    pub(crate) fn raw_datum(&mut self, name: &'static str) -> Option<&FieldValue<'a>> {
        self.event_data.get(self.names.fixed(name))
    }

    /// A datum that is one text and says something.
    pub(crate) fn datum(&mut self, name: &'static str) -> Option<&str> {
        self.raw_datum(name)?.as_str().filter(|text| says_something(text))
    }

    /// As [`Draft::datum`], to be kept.
    pub(crate) fn copy(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        self.raw_datum(name)?.as_text().filter(|text| says_something(text)).cloned()
    }

    /// As [`Draft::datum`], of the user data.
    pub(crate) fn user_datum(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        let value = self.user_data.get(self.names.fixed(name))?;
        value.as_text().filter(|text| says_something(text)).cloned()
    }

    /// A datum that is moved: it leaves the event data. One that says nothing stays where it is.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        let name = self.names.fixed(name);
        self.event_data.get(name)?.as_str().filter(|text| says_something(text))?;
        match self.event_data.remove(name) {
            Some(FieldValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Takes a datum out of the event data, whatever it holds.
    pub(crate) fn drop_datum(&mut self, name: &'static str) -> Option<FieldValue<'a>> {
        self.event_data.remove(self.names.fixed(name))
    }

    /// Whether the document has a field.
    pub(crate) fn has(&mut self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    fn get(&mut self, name: &'static str) -> Option<&FieldValue<'a>> {
        self.document.get(self.names.fixed(name))
    }

    /// A field of the document that is one text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// As [`Draft::text`], to be kept.
    pub(crate) fn copy_text(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        self.get(name)?.as_text().cloned()
    }

    /// Takes a field out of the document.
    pub(crate) fn remove(&mut self, name: &'static str) -> Option<FieldValue<'a>> {
        self.document.remove(self.names.fixed(name))
    }

    /// All texts of a field of the document.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<Cow<'a, str>> {
        match self.get(name) {
            Some(FieldValue::Texts(texts)) => texts.clone(),
            Some(FieldValue::Words(words)) => words.iter().copied().map(Cow::Borrowed).collect(),
            Some(FieldValue::Text(text)) => vec![text.clone()],
            Some(other) => other
                .scalar()
                .map(|scalar| Cow::Owned(values::scalar_text(scalar).into_owned()))
                .into_iter()
                .collect(),
            None => Vec::new(),
        }
    }

    /// Adds texts to those that a field of the document has, each once.
    pub(crate) fn add_texts(&mut self, name: &'static str, added: impl Iterator<Item = Cow<'a, str>>) {
        let mut texts = self.texts(name);
        let before = texts.len();
        for text in added {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts.len() > before {
            self.set(name, texts);
        }
    }

    /// What a field of the document holds.
    pub(crate) fn copy_value(&mut self, name: &'static str) -> Option<FieldValue<'a>> {
        self.get(name).cloned()
    }

    /// Writes a value as it is, an object field by field.
    pub(crate) fn set_value(&mut self, name: &'static str, value: TapeValue<'a>, naming: Naming) {
        match value.scalar() {
            Some(_) => self.document.add_fixed_member(name, FieldValue::of_tape(value), self.names),
            None => self.set_named_value(name, value, naming),
        }
    }

    /// As [`Draft::set_value`], under a name that comes from the record.
    pub(crate) fn set_named_value(&mut self, name: &str, value: TapeValue<'a>, naming: Naming) {
        if value.as_object().is_none() && (naming == Naming::Same || value.scalar().is_some()) {
            if !value.is_null() {
                self.document.add_member(name, FieldValue::of_tape(value), self.names);
            }
            return;
        }
        let mut name = name.to_owned();
        match naming {
            Naming::Same => self.document.add_tape(&mut name, value, self.names),
            Naming::Snake => {
                self.document.add_value(&mut name, renamed(value.to_value(), naming), self.names);
            }
        }
    }

    /// Writes a value that was read of a text, an object field by field.
    pub(crate) fn set_json(&mut self, name: &'static str, value: Value, naming: Naming) {
        let value = if naming == Naming::Same { value } else { renamed(value, naming) };
        self.document.add_value(&mut name.to_owned(), value, self.names);
    }

    /// As [`Draft::set_json`], under a name that comes from the record, and with names as they are.
    pub(crate) fn set_named_json(&mut self, name: &str, value: Value) {
        self.document.add_value(&mut name.to_owned(), value, self.names);
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<FieldValue<'a>>) {
        self.document.set(self.names.fixed(name), value.into());
    }

    /// Writes a field below another one.
    pub(crate) fn set_below(
        &mut self,
        prefix: &'static str,
        name: &'static str,
        value: impl Into<FieldValue<'a>>,
    ) {
        let name = self.names.fixed_below(prefix, name);
        self.document.set(name, value.into());
    }

    /// Writes a field below another one whose name comes from the record.
    pub(crate) fn set_named_below(&mut self, prefix: &str, name: &str, value: impl Into<FieldValue<'a>>) {
        let name = self.names.intern_below(prefix, name);
        self.document.set(name, value.into());
    }

    /// Writes a datum below `winlog.event_data`.
    pub(crate) fn set_datum(&mut self, name: &'static str, value: impl Into<FieldValue<'a>>) {
        self.event_data.set(self.names.fixed(name), value.into());
    }

    pub(crate) fn relate_user(&mut self, user: &Cow<'a, str>) {
        add_once(&mut self.related.users, user);
    }

    pub(crate) fn relate_host(&mut self, host: &Cow<'a, str>) {
        add_once(&mut self.related.hosts, host);
    }

    pub(crate) fn relate_hash(&mut self, hash: &Cow<'a, str>) {
        add_once(&mut self.related.hashes, hash);
    }

    pub(crate) fn relate_address(&mut self, address: &Cow<'a, str>) {
        add_once(&mut self.related.addresses, address);
    }

    /// The address that a text is, mapped IPv4 addresses as plain ones.
    pub(crate) fn address(text: &Cow<'a, str>) -> Option<Cow<'a, str>> {
        part(text, |text| Some(plain_address(text))).filter(|text| parse_ip(text).is_some())
    }

    /// Writes an address, mapped IPv4 addresses as plain ones; false if the text is no address.
    pub(crate) fn set_address(&mut self, name: &'static str, text: &Cow<'a, str>) -> bool {
        let Some(address) = Self::address(text) else {
            return false;
        };
        self.relate_address(&address);
        self.set(name, address);
        true
    }

    /// Writes `<prefix>.executable` and, where the path has one, `<prefix>.name`.
    pub(crate) fn set_executable(
        &mut self,
        prefix: &'static str,
        executable: Cow<'a, str>,
        separator: Separator,
    ) {
        if let Some(name) = part(&executable, |executable| path::name_of(executable, separator)) {
            self.set_below(prefix, "name", name);
        }
        self.set_below(prefix, "executable", executable);
    }

    /// Writes `<prefix>.command_line`, `.args` and `.args_count`.
    pub(crate) fn set_command_line(
        &mut self,
        prefix: &'static str,
        command_line: Cow<'a, str>,
        splitting: Splitting,
    ) {
        let arguments = match &command_line {
            Cow::Borrowed(line) => split(line, splitting),
            Cow::Owned(line) => {
                split(line, splitting).into_iter().map(|argument| Cow::Owned(argument.into_owned())).collect()
            }
        };
        if !arguments.is_empty() {
            self.set_below(prefix, "args_count", arguments.len());
            self.set_below(prefix, "args", arguments);
        }
        self.set_below(prefix, "command_line", command_line);
    }

    /// Writes `<prefix>.path`, `.name`, `.directory` and `.extension`.
    pub(crate) fn set_file(&mut self, prefix: &'static str, file: Cow<'a, str>) {
        if let Some(name) = part(&file, path::name) {
            self.set_below(prefix, "name", name);
        }
        if let Some(directory) = part(&file, path::directory) {
            self.set_below(prefix, "directory", directory);
        }
        if let Some(extension) = part(&file, path::extension) {
            self.set_below(prefix, "extension", extension);
        }
        self.set_below(prefix, "path", file);
    }

    /// As [`Draft::set_file`], of a path of any system, with its drive. An extension is one of the name.
    pub(crate) fn set_file_of(&mut self, prefix: &'static str, file: Cow<'a, str>, separator: Separator) {
        let name = part(&file, |file| {
            path::name_of(file, separator).or((!file.contains(['/', '\\'])).then_some(file))
        });
        if let Some(name) = name {
            if let Some(extension) = part(&name, |name| {
                name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, end)| end)
            })
            .filter(|extension| !extension.is_empty())
            {
                self.set_below(prefix, "extension", extension);
            }
            self.set_below(prefix, "name", name);
        }
        if let Some(directory) = part(&file, |file| path::directory_of(file, separator)) {
            self.set_below(prefix, "directory", directory);
        }
        if let Some(letter) = part(&file, path::drive_letter) {
            self.set_below(prefix, "drive_letter", letter);
        }
        self.set_below(prefix, "path", file);
    }

    /// Writes `<prefix>.email`, `.name` and `.domain` from `name@domain`; a text of another form is the name.
    pub(crate) fn set_email(&mut self, prefix: &'static str, email: Cow<'a, str>) {
        let Some(domain) = part(&email, |email| email.rsplit_once('@').map(|(_, domain)| domain)) else {
            self.relate_user(&email);
            self.set_below(prefix, "name", email);
            return;
        };
        if let Some(name) = part(&email, |email| email.rsplit_once('@').map(|(name, _)| name)) {
            self.relate_user(&name);
            self.set_below(prefix, "name", name);
        }
        self.set_below(prefix, "domain", domain);
        self.set_below(prefix, "email", email);
    }

    /// Writes the parts of a URL. One that has no scheme has its path and query only.
    pub(crate) fn set_url(&mut self, prefix: &'static str, url: Cow<'a, str>) {
        let parts = UrlParts::of(&url);
        let text = |part: &str| FieldValue::Text(Cow::Owned(part.to_owned()));
        for (name, part) in [
            ("scheme", parts.scheme),
            ("domain", parts.domain),
            ("path", parts.path),
            ("query", parts.query),
            ("fragment", parts.fragment),
            ("username", parts.username),
            ("extension", parts.extension()),
        ] {
            if let Some(part) = part.filter(|part| !part.is_empty()) {
                self.set_below(prefix, name, text(part));
            }
        }
        if let Some(port) = parts.port {
            self.set_below(prefix, "port", i64::from(port));
        }
        if parts.scheme.is_some() {
            self.set_below(prefix, "full", url.clone());
        }
        self.set_below(prefix, "original", url);
    }

    /// Writes a user agent with the program and the system that it names, if they are known.
    pub(crate) fn set_user_agent(&mut self, prefix: &'static str, text: Cow<'a, str>) {
        let agent = UserAgent::of(&text);
        if let Some(name) = agent.name {
            self.set_below(prefix, "name", name);
        }
        if let Some(version) = agent.version {
            self.set_below(prefix, "version", version.to_owned());
        }
        if let Some(system) = agent.system {
            self.set_below(prefix, "os.name", system);
        }
        if let Some(version) = agent.system_version {
            self.set_below(prefix, "os.version", version);
        }
        self.set_below(prefix, "original", text);
    }

    /// Writes `<prefix>.domain` and `.name` from `DOMAIN\name`; false if the text has not exactly two parts.
    pub(crate) fn set_account(&mut self, prefix: &'static str, account: &Cow<'a, str>) -> bool {
        let Some(name) = part(account, |text| {
            text.split_once('\\').map(|(_, name)| name).filter(|name| !name.contains('\\'))
        }) else {
            return false;
        };
        self.relate_user(&name);
        if let Some(domain) = part(account, |text| text.split_once('\\').map(|(domain, _)| domain)) {
            self.set_below(prefix, "domain", domain);
        }
        self.set_below(prefix, "name", name);
        true
    }

    /// Writes a number from a decimal or hexadecimal text; false if the text is none.
    pub(crate) fn set_number(&mut self, name: &'static str, text: &str) -> bool {
        let number = values::integer_text(text);
        if let Some(number) = number {
            self.set(name, number);
        }
        number.is_some()
    }

    /// The finished event, with `related.*` written.
    pub(crate) fn finish(mut self) -> Finished<'a> {
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
        Finished { document: self.document, event_data: self.event_data, user_data: self.user_data }
    }
}

/// A Windows event with all its fields, which becomes a tree or goes into columns. Empty values are in neither
/// (sources §0.9).
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    document: Fields<'a>,
    event_data: Fields<'a>,
    user_data: Fields<'a>,
}

impl<'a> Finished<'a> {
    /// A field of the document that is one text.
    pub(crate) fn text(&self, name: &str, names: &FieldNames) -> Option<&str> {
        self.document.get(names.find(name)?)?.as_str()
    }

    pub(crate) fn set(
        &mut self,
        name: &'static str,
        value: impl Into<FieldValue<'a>>,
        names: &mut FieldNames,
    ) {
        self.document.set(names.fixed(name), value.into());
    }

    /// The same, without what it borrows.
    pub(crate) fn into_owned<'b>(self) -> Finished<'b> {
        Finished {
            document: self.document.into_owned(),
            event_data: self.event_data.into_owned(),
            user_data: self.user_data.into_owned(),
        }
    }

    /// Whether it has a field.
    pub(crate) fn has(&self, name: &str, names: &FieldNames) -> bool {
        names.find(name).is_some_and(|name| self.document.get(name).is_some())
    }

    /// Whether it has no such field, nor will have: what is empty is not there.
    fn lacks(&self, name: FieldName) -> bool {
        self.document.get(name).is_none_or(is_empty)
    }

    /// The event as a tree, its data under `winlog`, with those of other fields that it lacks.
    pub(crate) fn into_document(self, others: &[(&'static str, String)], names: &FieldNames) -> Document {
        let mut document = self.document.into_document(names);
        for (name, data) in [(EVENT_DATA, self.event_data), (USER_DATA, self.user_data)] {
            if data.is_empty() {
                continue;
            }
            let data = data.into_object(names);
            match get_field_mut(&mut document, name) {
                Some(Value::Object(known)) => known.extend(data),
                _ => set_field(&mut document, name, Value::Object(data)),
            }
        }
        clean(&mut document, 0);
        for (name, value) in others {
            if get_field(&document, name).is_none() {
                set_field(&mut document, name, Value::String(value.clone()));
            }
        }
        document
    }

    /// Whether a field is beside others below its name: then only the tree shows which of them stays.
    fn has_field_within_field(&self, names: &FieldNames) -> bool {
        let is_below =
            |name: &str, holder: &str| name.strip_prefix(holder).is_some_and(|rest| rest.starts_with('.'));
        // Lists of objects are what mostly has names below it, but no other field of its event is there.
        let mut holders = self.document.iter().filter(|&(name, _)| names.is_parent(name));
        self.document.needs_tree()
            || holders.any(|(holder, _)| {
                let holder = names.text(holder);
                self.document.iter().any(|(name, _)| is_below(names.text(name), holder))
            })
    }

    /// Puts all values into the next row of a batch: those that the tree flattens to.
    pub(crate) fn put(&self, builder: &mut BatchBuilder<'_>, others: &[(&'static str, String)]) {
        if self.has_field_within_field(builder.names()) {
            let Self { document, event_data, user_data } = self;
            let copy = Self {
                document: document.clone(),
                event_data: event_data.clone(),
                user_data: user_data.clone(),
            };
            let document = copy.into_document(others, builder.names());
            return flatten(&document, &mut |name, value| {
                if let Some(value) = Scalar::of(value) {
                    builder.put_named(name, value);
                }
            });
        }
        for (name, value) in self.document.iter() {
            put(builder, name, value);
        }
        for (prefix, data) in [(EVENT_DATA, &self.event_data), (USER_DATA, &self.user_data)] {
            for (name, value) in data.iter() {
                let name = builder.names().below(prefix, name);
                put(builder, name, value);
            }
        }
        for (name, value) in others {
            let name = builder.names().fixed(name);
            if self.lacks(name) {
                builder.put(name, Scalar::Text(value));
            }
        }
    }
}

/// The value under a name of two parts, whose objects are nested.
fn get_field_mut<'d>(document: &'d mut Document, name: &str) -> Option<&'d mut Value> {
    let (outer, inner) = name.split_once('.')?;
    document.get_mut(outer)?.as_object_mut()?.get_mut(inner)
}

fn is_empty(value: &FieldValue<'_>) -> bool {
    match value {
        FieldValue::Text(text) => text.is_empty(),
        FieldValue::Texts(texts) => texts.is_empty(),
        FieldValue::Words(words) => words.is_empty(),
        FieldValue::Objects(objects) => objects.iter().flatten().all(|(_, text)| text.is_empty()),
        FieldValue::Json(value) => !keeps(&mut value.clone(), 0),
        FieldValue::Integer(_) | FieldValue::Unsigned(_) | FieldValue::Double(_) | FieldValue::Boolean(_) => {
            false
        }
    }
}

fn put(builder: &mut BatchBuilder<'_>, name: FieldName, value: &FieldValue<'_>) {
    match value {
        FieldValue::Text(text) if text.is_empty() => {}
        FieldValue::Words(words) => words.iter().for_each(|word| builder.put(name, Scalar::Text(word))),
        FieldValue::Texts(texts) => texts.iter().for_each(|text| builder.put(name, Scalar::Text(text))),
        FieldValue::Objects(objects) => {
            for (member, text) in objects.iter().flatten().filter(|(_, text)| !text.is_empty()) {
                let holder = Arc::clone(builder.names().text(name));
                let name = builder.names().intern_below(&holder, member);
                builder.put(name, Scalar::Text(text));
            }
        }
        FieldValue::Json(value) => {
            let mut text = builder.names().text(name).to_string();
            put_json(builder, &mut text, value, false);
        }
        scalar => {
            if let Some(scalar) = scalar.scalar() {
                builder.put(name, scalar);
            }
        }
    }
}

/// Puts what [`clean`] leaves of a value: no empty text, unless it is an item of a list.
fn put_json(builder: &mut BatchBuilder<'_>, name: &mut String, value: &Value, is_item: bool) {
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() && !is_item => {}
        Value::Array(items) => items.iter().for_each(|item| put_json(builder, name, item, true)),
        Value::Object(members) => {
            for (key, value) in members {
                let length = name.len();
                name.push('.');
                name.push_str(key);
                put_json(builder, name, value, false);
                name.truncate(length);
            }
        }
        scalar => {
            if let Some(scalar) = Scalar::of(scalar) {
                builder.put_named(name, scalar);
            }
        }
    }
}

/// A value whose objects name their members in another way.
fn renamed(value: Value, naming: Naming) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (naming.of(&key).into_owned(), renamed(value, naming)))
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| renamed(item, naming)).collect(),
        scalar => scalar,
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

fn add_once<'a>(list: &mut Vec<Cow<'a, str>>, value: &Cow<'a, str>) {
    if says_something(value) && !list.contains(value) {
        list.push(value.clone());
    }
}

fn merged<'a>(existing: Option<&FieldValue<'a>>, found: Vec<Cow<'a, str>>) -> FieldValue<'a> {
    let Some(existing) = existing else {
        return FieldValue::Texts(found);
    };
    let mut all = match existing.clone().into_value() {
        Value::Array(items) => items,
        single => vec![single],
    };
    for value in found {
        let value = Value::String(value.into_owned());
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all.into()
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
    use serde_json::json;

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
