//! A document in the making: what a mapping reads from, and what it writes to.
#![expect(
    clippy::ptr_arg,
    reason = "a text that is kept stays borrowed from its record, which `&str` would not say"
)]

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{FieldName, FieldNames, Timestamp, parse_ip};

use super::command_line::{Splitting, split};
use super::domain;
use super::finished::Finished;
use super::path::{self, Separator};
use super::table::FieldRule;
use super::tables::RestTree;
use super::tables::naming::Naming;
use super::url::UrlParts;
use super::user_agent::UserAgent;
use super::wanted::{Fitting, Part, Wants};
use crate::fields::{FieldValue, Fields, part};
use crate::tape::TapeValue;
use crate::windows::{WindowsEvent, values};

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
    wants: Wants<'n>,
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
    pub(crate) fn new(event: WindowsEvent<'a>, names: &'n mut FieldNames, wants: Wants<'n>) -> Self {
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
            wants,
        }
    }

    /// A document in the making for a record that is no Windows event.
    pub(crate) fn bare(names: &'n mut FieldNames, wants: Wants<'n>) -> Self {
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
            wants,
        }
    }

    /// A datum, whatever it holds.
    pub(crate) fn raw_datum(&mut self, name: &'static str) -> Option<&FieldValue<'a>> {
        let name = self.names.fixed(name);
        let found = self.event_data.get(name);
        if found.is_none() {
            self.wants.missed_datum(name, self.names);
        }
        found
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
        self.take_named(name)
    }

    fn take_named(&mut self, name: FieldName) -> Option<Cow<'a, str>> {
        let Some(found) = self.event_data.get(name) else {
            self.wants.missed_datum(name, self.names);
            return None;
        };
        found.as_str().filter(|text| says_something(text))?;
        match self.event_data.remove(name) {
            Some(FieldValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Takes a datum out of the event data, whatever it holds.
    pub(crate) fn drop_datum(&mut self, name: &'static str) -> Option<FieldValue<'a>> {
        let name = self.names.fixed(name);
        let found = self.event_data.remove(name);
        if found.is_none() {
            self.wants.missed_datum(name, self.names);
        }
        found
    }

    /// Whether the document has a field.
    pub(crate) fn has(&mut self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    fn get(&mut self, name: &'static str) -> Option<&FieldValue<'a>> {
        let name = self.names.fixed(name);
        let found = self.document.get(name);
        if found.is_none() {
            self.wants.missed(name, self.names);
        }
        found
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
        let name = self.names.fixed(name);
        let found = self.document.remove(name);
        if found.is_none() {
            self.wants.missed(name, self.names);
        }
        found
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
            Some(_) => {
                let number = self.names.fixed(name);
                if !self.drops_tape(number, value) {
                    self.document.add_fixed_member(name, FieldValue::of_tape(value), self.names);
                }
            }
            None => self.set_named_value(name, value, naming),
        }
    }

    /// As [`Draft::set_value`], under a name that comes from the record.
    pub(crate) fn set_named_value(&mut self, name: &str, value: TapeValue<'a>, naming: Naming) {
        if value.as_object().is_none() && (naming == Naming::Same || value.scalar().is_some()) {
            if !value.is_null() {
                let number = self.names.intern(name);
                if !self.drops_tape(number, value) {
                    self.document.add_member(name, FieldValue::of_tape(value), self.names);
                }
            }
            return;
        }
        let mut name = name.to_owned();
        match naming {
            Naming::Same => self.add_tape(&mut name, value),
            Naming::Snake => {
                self.document.add_value(&mut name, renamed(value.to_value(), naming), self.names);
            }
        }
    }

    fn add_tape(&mut self, name: &mut String, value: TapeValue<'a>) {
        let Some(object) = value.as_object() else {
            return self.set_named_value(name, value, Naming::Same);
        };
        for (key, value) in object.iter() {
            let length = name.len();
            name.push('.');
            name.push_str(key);
            self.add_tape(name, value);
            name.truncate(length);
        }
    }

    /// Whether a value need not be written: nobody asks for it, and none is there that it would replace.
    fn drops(&mut self, name: FieldName, value: &FieldValue<'a>) -> bool {
        self.wants.drops(name, value, self.names) && self.document.get(name).is_none()
    }

    fn drops_tape(&mut self, name: FieldName, value: TapeValue<'a>) -> bool {
        self.wants.drops_tape(name, value, self.names) && self.document.get(name).is_none()
    }

    /// Whether a text, or a list of texts, need not be made for a field.
    pub(crate) fn drops_text(&mut self, name: &'static str) -> bool {
        let name = self.names.fixed(name);
        self.wants.drops_text(name, self.names) && self.document.get(name).is_none()
    }

    /// Whether no number need be made for any of some fields.
    pub(crate) fn drops_numbers(&mut self, fields: &[&'static str]) -> bool {
        fields.iter().all(|field| {
            let name = self.names.fixed(field);
            let drops = self.wants.drops_fitting(name, Fitting::Number, self.names)
                || self.wants.drops_fitting(name, Fitting::Fraction, self.names);
            drops && self.document.get(name).is_none()
        })
    }

    /// Whether a list of objects need not be made for a field.
    pub(crate) fn drops_list(&mut self, name: &'static str) -> bool {
        let name = self.names.fixed(name);
        self.wants.drops(name, &FieldValue::Objects(Vec::new()), self.names)
            && self.document.get(name).is_none()
    }

    /// Whether a list of objects need not be made for a field, nor anybody asks whether the datum that it is read of is
    /// left in its place.
    pub(crate) fn drops_list_for_datum(&mut self, name: &'static str, datum: &'static str) -> bool {
        let (name, datum) = (self.names.fixed(name), self.names.fixed(datum));
        self.wants.is_unasked_datum(datum, self.names)
            && self.wants.drops(name, &FieldValue::Objects(Vec::new()), self.names)
            && self.document.get(name).is_none()
    }

    /// What is known of the raw fields of the source, if not all fields are asked for; it is to be
    /// [given back](Self::give_back_rest).
    pub(super) fn take_rest(&mut self) -> Option<RestTree> {
        self.wants.rest().map(std::mem::take)
    }

    pub(super) fn give_back_rest(&mut self, tree: RestTree) {
        if let Some(rest) = self.wants.rest() {
            *rest = tree;
        }
    }

    /// The number of a name.
    pub(super) fn number_of(&mut self, name: &str) -> FieldName {
        self.names.intern(name)
    }

    /// Whether nobody asks for the fields below a name, of which one is `member`.
    pub(super) fn drops_below(&mut self, name: FieldName, member: FieldName) -> bool {
        let drops = !self.wants.has_wanted_below(name, self.names);
        if drops {
            self.wants.dropped([member]);
        }
        drops
    }

    /// As [`Draft::set_named_value`], by the number of the name.
    pub(super) fn set_number_value(&mut self, name: FieldName, value: TapeValue<'a>, naming: Naming) {
        if !self.drops_tape(name, value) {
            let text = Arc::clone(self.names.text(name));
            self.set_named_value(&text, value, naming);
        }
    }

    /// Whether a part of a table is left out: it writes nothing that somebody asks for. `written` gives the fields that it
    /// writes, if that is so.
    pub(super) fn leaves_out(
        &mut self,
        part: Part,
        written: impl FnOnce(&mut Wants<'n>, &mut FieldNames) -> Option<Vec<FieldName>>,
    ) -> bool {
        let Self { wants, names, document, .. } = self;
        wants.leaves_out(part, |wants| written(wants, names), |name| document.get(name).is_some())
    }

    /// Takes a datum for a row of a table; nothing if nobody asks for what the row writes.
    pub(super) fn take_for_rule(&mut self, rules: &'static [FieldRule], at: usize) -> Option<Cow<'a, str>> {
        let Self { wants, names, document, .. } = self;
        let raw = wants.datum_of_rule(rules, at, names, |name| document.get(name).is_some())?;
        self.take_named(raw)
    }

    /// Whether a time need not be made for a field.
    pub(crate) fn drops_time(&mut self, name: &'static str) -> bool {
        let name = self.names.fixed(name);
        self.wants.drops_fitting(name, Fitting::Time, self.names) && self.document.get(name).is_none()
    }

    /// Writes a time.
    pub(crate) fn set_time(&mut self, name: &'static str, time: Timestamp) {
        if !self.drops_time(name) {
            let number = self.names.fixed(name);
            self.document.set(number, time.to_iso_millis().into());
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
        let name = self.names.fixed(name);
        self.set_number_of(name, value.into());
    }

    fn set_number_of(&mut self, name: FieldName, value: FieldValue<'a>) {
        if !self.drops(name, &value) {
            self.document.set(name, value);
        }
    }

    /// Writes a field below another one.
    pub(crate) fn set_below(
        &mut self,
        prefix: &'static str,
        name: &'static str,
        value: impl Into<FieldValue<'a>>,
    ) {
        let name = self.names.fixed_below(prefix, name);
        self.set_number_of(name, value.into());
    }

    /// Writes a field below another one whose name comes from the record.
    pub(crate) fn set_named_below(&mut self, prefix: &str, name: &str, value: impl Into<FieldValue<'a>>) {
        let name = self.names.intern_below(prefix, name);
        self.set_number_of(name, value.into());
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
        let name = self.names.fixed(name);
        if !(self.wants.drops_fitting(name, Fitting::Address, self.names)
            && self.document.get(name).is_none())
        {
            self.document.set(name, address.into());
        }
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
        let (args, count) =
            (self.names.fixed_below(prefix, "args"), self.names.fixed_below(prefix, "args_count"));
        if self.wants.is_unwanted(args, None, self.names)
            && self.wants.is_unwanted(count, Some(Fitting::Number), self.names)
            && [args, count].iter().all(|name| self.document.get(*name).is_none())
        {
            self.wants.dropped([args, count]);
            return self.set_below(prefix, "command_line", command_line);
        }
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

    /// Writes the parts of domain names.
    fn set_domain_parts(&mut self) {
        let Some(fields) = self.wants.last_texts(domain::FIELDS, self.names) else { return };
        for ((_, source), parts) in domain::HOLDERS.iter().zip(fields.chunks_exact(domain::PARTS.len())) {
            if parts.iter().all(|(_, is_unasked)| *is_unasked) {
                continue;
            }
            let Some(found) = self.get(source).and_then(FieldValue::as_text).and_then(domain::parts) else {
                continue;
            };
            for ((name, _), value) in parts.iter().zip(found) {
                // What the record says itself counts more.
                if let Some(value) = value
                    && self.document.get(*name).is_none()
                {
                    self.set_number_of(*name, value.into());
                }
            }
        }
    }

    /// The finished event, with `related.*` and the parts of domain names written.
    pub(crate) fn finish(mut self) -> Finished<'a> {
        self.set_domain_parts();
        for (name, found) in [
            ("related.hash", std::mem::take(&mut self.related.hashes)),
            ("related.hosts", std::mem::take(&mut self.related.hosts)),
            ("related.ip", std::mem::take(&mut self.related.addresses)),
            ("related.user", std::mem::take(&mut self.related.users)),
        ] {
            let number = self.names.fixed(name);
            // Addresses are such.
            let drops = self.wants.drops_fitting(number, Fitting::Address, self.names);
            let known = self.document.get(number);
            let is_dropped = drops && known.is_none();
            if !found.is_empty() && !is_dropped {
                // That it is read here does not have to be learnt.
                let all = merged(known, found);
                self.document.set(number, all);
            }
        }
        Finished { document: self.document, event_data: self.event_data, user_data: self.user_data }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_plain() {
        assert_eq!(plain_address("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(plain_address("::FFFF:192.0.2.1"), "192.0.2.1");
        assert_eq!(plain_address("::ffff:0:1"), "::ffff:0:1");
        assert_eq!(plain_address("2001:db8::1"), "2001:db8::1");
    }
}
