//! The canonical Windows event, and how it is put together from the parts that every form has.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value;
use watchfire_events::{Document, FieldNames, Timestamp};

use super::{WindowsEventError, channels, task_names, values};
use crate::fields::{FieldValue, Fields, part};
use crate::normalise::{Fitting, SourceKind, Wanted, Wants, source_of};

/// A Windows event in the canonical shape.
#[derive(Clone, Debug)]
pub(crate) struct WindowsEvent<'a> {
    /// The event id, a decimal number.
    pub(crate) code: Cow<'a, str>,
    /// The channel, in its true spelling where that is known; empty if the record has none.
    pub(crate) channel: Cow<'a, str>,
    /// The provider's name; empty if the record has none and its channel does not tell.
    pub(crate) provider: Cow<'a, str>,
    /// When the event was written (`TimeCreated`).
    pub(crate) time: Option<Timestamp>,
    /// Named data, each a text or a list of texts.
    pub(crate) event_data: Fields<'a>,
    /// `UserData` with its element's name in `xml_name`.
    pub(crate) user_data: Fields<'a>,
    /// Everything else: `winlog.*`, `event.*`, `host.*`, `log.level`, `message`, and what the shipper put beside them.
    pub(crate) document: Fields<'a>,
}

/// How times without a zone are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocalTime {
    /// The zone that the user named; without one, a record's own hint, else UTC.
    pub(crate) zone: Option<TimeZone>,
}

impl LocalTime {
    /// Reads a time; one without a zone is local time in the named zone, or else so many seconds east of UTC as `hint` says.
    pub(crate) fn read(&self, text: &str, hint: impl FnOnce() -> i64) -> Option<Timestamp> {
        let text = text.trim();
        let read = Timestamp::parse(text)?;
        if has_zone(text) {
            return Some(read);
        }
        let Some(zone) = &self.zone else {
            return Some(read.plus_nanos(-i128::from(hint()) * 1_000_000_000));
        };
        let nanos = read.nanos();
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
        let civil = jiff::Timestamp::new(seconds, nanos.rem_euclid(1_000_000_000) as i32)
            .ok()
            .map(|utc| TimeZone::UTC.to_datetime(utc))?;
        zone.to_timestamp(civil).ok().map(|at| Timestamp::from_nanos(at.as_nanosecond()))
    }
}

/// What is collected of every event, with the types that values of some surely have.
const COLLECTED: &[(&str, Option<Fitting>)] = &[
    ("event.action", None),
    ("event.code", None),
    ("event.kind", None),
    ("event.provider", None),
    ("event.outcome", None),
    ("host.name", None),
    ("log.level", None),
    ("message", None),
    ("winlog.activity_id", None),
    ("winlog.channel", None),
    ("winlog.computer_name", None),
    ("winlog.event_id", None),
    ("winlog.keywords", None),
    ("winlog.opcode", None),
    ("winlog.process.pid", Some(Fitting::Number)),
    ("winlog.process.thread.id", Some(Fitting::Number)),
    ("winlog.provider_guid", None),
    ("winlog.provider_name", None),
    ("winlog.record_id", None),
    ("winlog.related_activity_id", None),
    ("winlog.task", None),
    ("winlog.time_created", Some(Fitting::Time)),
    ("winlog.user.domain", None),
    ("winlog.user.identifier", None),
    ("winlog.user.name", None),
    ("winlog.user.type", None),
    ("winlog.version", Some(Fitting::Number)),
];

/// Seconds beyond this are no time of a log (the year 33658), and would not fit where times are computed.
const MOST_SECONDS: f64 = 1e12;

/// A time from seconds since 1970, with a fraction.
pub(crate) fn time_of_seconds(seconds: f64) -> Option<Timestamp> {
    (seconds.abs() < MOST_SECONDS).then(|| Timestamp::from_seconds(seconds))
}

/// Whether a date text names its zone.
fn has_zone(text: &str) -> bool {
    let time = text.split_once(['T', ' ']).map_or("", |(_, time)| time);
    time.ends_with(['Z', 'z']) || time.contains(['+', '-'])
}

/// The system part of an event, as far as the form has it. Texts are as the form gives them.
#[derive(Debug, Default)]
pub(crate) struct SystemPart<'a> {
    pub(crate) code: Option<Cow<'a, str>>,
    pub(crate) channel: Option<Cow<'a, str>>,
    pub(crate) provider: Option<Cow<'a, str>>,
    pub(crate) provider_guid: Option<Cow<'a, str>>,
    pub(crate) record_id: Option<Cow<'a, str>>,
    pub(crate) computer: Option<Cow<'a, str>>,
    pub(crate) version: Option<i64>,
    /// A number, or the name of a form that has only that.
    pub(crate) level: Option<Cow<'a, str>>,
    /// A number, or the text that the machine rendered.
    pub(crate) opcode: Option<Cow<'a, str>>,
    /// A number, or the text that the machine rendered.
    pub(crate) task: Option<Cow<'a, str>>,
    pub(crate) keywords: Option<u64>,
    /// Keyword texts that the machine rendered; they win over the names of the bits.
    pub(crate) keyword_names: Vec<Cow<'a, str>>,
    pub(crate) process_id: Option<i64>,
    pub(crate) thread_id: Option<i64>,
    pub(crate) user_id: Option<Cow<'a, str>>,
    pub(crate) user_name: Option<Cow<'a, str>>,
    pub(crate) user_domain: Option<Cow<'a, str>>,
    pub(crate) user_type: Option<Cow<'a, str>>,
    pub(crate) activity_id: Option<Cow<'a, str>>,
    pub(crate) related_activity_id: Option<Cow<'a, str>>,
    pub(crate) time: Option<Timestamp>,
    pub(crate) message: Option<Cow<'a, str>>,
}

impl<'a> SystemPart<'a> {
    /// The event id, and the channel and the provider in their true spelling.
    pub(crate) fn settle(&mut self) -> Result<(), WindowsEventError> {
        let code = self.code.as_ref().filter(|code| !code.is_empty()).ok_or(WindowsEventError::NoEventId)?;
        self.channel = self.channel.take().map(channels::true_spelling);
        self.provider = self.provider.take().filter(|name| !name.is_empty()).or_else(|| {
            let channel = self.channel.as_deref().unwrap_or_default();
            channels::provider(channel, code).map(Cow::Borrowed)
        });
        Ok(())
    }

    /// Whose event it is, once it is [settled](Self::settle).
    pub(crate) fn source(&self) -> SourceKind {
        source_of(self.provider.as_deref().unwrap_or_default(), self.channel.as_deref().unwrap_or_default())
    }

    /// The canonical event. `document` holds what the record carries beside the event; it is filled, not overwritten.
    pub(crate) fn into_event(
        mut self,
        event_data: Fields<'a>,
        user_data: Fields<'a>,
        document: Fields<'a>,
        names: &mut FieldNames,
    ) -> Result<WindowsEvent<'a>, WindowsEventError> {
        self.settle()?;
        let source = self.source();
        let mut everything = Wanted::everything();
        Ok(self.into_asked_event(event_data, user_data, document, names, &mut everything.of(source)))
    }

    /// As [`Self::into_event`], with the fields that are asked for, of an event that is [settled](Self::settle).
    pub(crate) fn into_asked_event(
        self,
        event_data: Fields<'a>,
        user_data: Fields<'a>,
        mut document: Fields<'a>,
        names: &mut FieldNames,
        wants: &mut Wants<'_>,
    ) -> WindowsEvent<'a> {
        let asked = wants.list(COLLECTED, names);
        let mut next = asked.fields.iter();
        // In the order of `COLLECTED`.
        let mut put = |text: &'static str, value: &mut dyn FnMut() -> Option<FieldValue<'a>>| {
            let field = next.next();
            debug_assert_eq!(field.map(|&(name, _)| &**names.text(name)), Some(text));
            if let Some(&(name, is_dropped)) = field
                && !is_dropped
                && document.get(name).is_none()
                && let Some(value) = value()
                && !value.as_str().is_some_and(str::is_empty)
            {
                document.set(name, value);
            }
        };
        let text = |value: &Option<Cow<'a, str>>| value.clone().map(FieldValue::Text);
        let guid = |value: &Option<Cow<'a, str>>| value.clone().map(|id| values::guid_or_text(id).into());

        let code = self.code.unwrap_or_default();
        let (channel, provider) = (self.channel, self.provider);
        let trimmed = |text| part(text, |text| Some(values::trimmed(text)).filter(|text| !text.is_empty()));
        let task = self.task.as_ref().and_then(trimmed);
        let task_name = task.as_ref().and_then(|task| {
            let provider = provider.as_deref().unwrap_or_default();
            part(task, |task| task_names::name(provider, task))
        });

        // What the collector publishes; the mappings of `normalise` replace it where they know a word of their own.
        put("event.action", &mut || text(&task_name));
        put("event.code", &mut || Some(code.clone().into()));
        put("event.kind", &mut || Some("event".into()));
        put("event.provider", &mut || text(&provider));
        put("event.outcome", &mut || self.keywords.and_then(values::outcome).map(FieldValue::from));
        put("host.name", &mut || text(&self.computer));
        put("log.level", &mut || {
            let name = part(self.level.as_ref()?, |level| Some(values::level_name(level)));
            name.map(FieldValue::Text)
        });
        put("message", &mut || {
            self.message.clone().map(|message| values::with_plain_line_ends(message).into())
        });
        put("winlog.activity_id", &mut || guid(&self.activity_id));
        put("winlog.channel", &mut || text(&channel));
        put("winlog.computer_name", &mut || text(&self.computer));
        put("winlog.event_id", &mut || Some(code.clone().into()));
        put("winlog.keywords", &mut || {
            let keywords: Vec<Cow<'a, str>> = if self.keyword_names.is_empty() {
                values::keyword_names(self.keywords?).map(Cow::Borrowed).collect()
            } else {
                self.keyword_names.clone()
            };
            (!keywords.is_empty()).then_some(FieldValue::Texts(keywords))
        });
        put("winlog.opcode", &mut || {
            let name = part(self.opcode.as_ref()?, |opcode| Some(values::opcode_name(opcode)));
            name.map(FieldValue::Text)
        });
        put("winlog.process.pid", &mut || self.process_id.map(FieldValue::Integer));
        put("winlog.process.thread.id", &mut || self.thread_id.map(FieldValue::Integer));
        put("winlog.provider_guid", &mut || guid(&self.provider_guid));
        put("winlog.provider_name", &mut || text(&provider));
        put("winlog.record_id", &mut || text(&self.record_id));
        put("winlog.related_activity_id", &mut || guid(&self.related_activity_id));
        put("winlog.task", &mut || text(&task_name).or_else(|| text(&task)));
        put("winlog.time_created", &mut || self.time.map(|at| at.to_iso_millis().into()));
        let service = self.user_id.as_deref().and_then(service_account);
        let of_service = |word: &'static str| service.map(|_| FieldValue::from(word));
        put("winlog.user.domain", &mut || text(&self.user_domain).or_else(|| of_service("NT AUTHORITY")));
        put("winlog.user.identifier", &mut || text(&self.user_id));
        put("winlog.user.name", &mut || text(&self.user_name).or_else(|| service.map(FieldValue::from)));
        put("winlog.user.type", &mut || text(&self.user_type).or_else(|| of_service("Well Known Group")));
        put("winlog.version", &mut || self.version.map(FieldValue::Integer));
        WindowsEvent {
            code,
            channel: channel.unwrap_or_default(),
            provider: provider.unwrap_or_default(),
            time: self.time,
            event_data,
            user_data,
            document,
        }
    }
}

/// The name of an account that is the same on every machine, as Beats looks it up.
fn service_account(sid: &str) -> Option<&'static str> {
    match sid {
        "S-1-5-18" => Some("SYSTEM"),
        "S-1-5-19" => Some("LOCAL SERVICE"),
        "S-1-5-20" => Some("NETWORK SERVICE"),
        _ => None,
    }
}

/// Adds a value to data under a name; a name that comes twice gathers its values in a list.
pub(crate) fn add_data(data: &mut Document, name: &str, value: Value) {
    match data.get_mut(name) {
        None => {
            data.insert(name.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(single) => {
            let first = single.take();
            *single = Value::Array(vec![first, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_take_the_named_zone_or_the_hint() {
        let utc = LocalTime::default();
        let read = |time: &LocalTime, text, hint| time.read(text, || hint).map(Timestamp::to_iso_millis);
        assert_eq!(read(&utc, "2024-05-01 10:00:00", 0).unwrap(), "2024-05-01T10:00:00.000Z");
        assert_eq!(read(&utc, "2024-05-01 10:00:00", -14_400).unwrap(), "2024-05-01T14:00:00.000Z");
        assert_eq!(read(&utc, "2024-05-01T10:00:00+02:00", -14_400).unwrap(), "2024-05-01T08:00:00.000Z");
        let berlin = LocalTime { zone: Some(TimeZone::fixed(jiff::tz::offset(2))) };
        assert_eq!(read(&berlin, "2024-05-01 10:00:00.5", 0).unwrap(), "2024-05-01T08:00:00.500Z");
        assert_eq!(read(&berlin, "2024-05-01T10:00:00Z", 0).unwrap(), "2024-05-01T10:00:00.000Z");
        assert_eq!(read(&berlin, "yesterday", 0), None);
    }

    #[test]
    fn seconds_beyond_all_logs_are_no_time() {
        assert_eq!(time_of_seconds(0.5).map(Timestamp::to_iso_millis).unwrap(), "1970-01-01T00:00:00.500Z");
        for odd in [1e300, -1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(time_of_seconds(odd), None);
        }
    }

    #[test]
    fn an_event_needs_an_id() {
        let none = Fields::default;
        let event = SystemPart::default().into_event(none(), none(), none(), &mut FieldNames::default());
        assert_eq!(event.err(), Some(WindowsEventError::NoEventId));
    }
}
