//! Tests of a rule: events it must find, and events it must leave alone.
//!
//! The tests of `rules/windows/some_rule.toml` stand beside it in `rules/windows/some_rule.tests.toml`:
//!
//! ```toml
//! # Where the events of this file belong, unless a test or an event says otherwise.
//! data_stream = "logs-endpoint.events.process-default"
//!
//! [[test]]
//! name = "client in the user's profile"
//! expect = "match"
//! events = '''
//! {"event": {"category": ["process"], "type": ["start"]}, "process": {"name": "client32.exe"}}
//! '''
//!
//! [[test]]
//! name = "client in its installed place, seen by Sysmon"
//! expect = "no_match"
//! data_stream = "logs-windows.sysmon_operational-default"
//! events = '''
//! {
//!   "event": { "category": ["process"], "type": ["start"] },
//!   "process": { "name": "client32.exe", "executable": "C:\\Program Files\\NetSupport\\client32.exe" }
//! }
//! '''
//! ```
//!
//! | key of the file | meaning |
//! |---|---|
//! | `data_stream` | optional: the data stream (or index) of the events, unless overridden |
//! | `[[test]]` | at least one |
//!
//! | key of `[[test]]` | meaning |
//! |---|---|
//! | `name` | required, unique in the file: what is special about these events, for a person |
//! | `expect` | required: `"match"` (at least one alert) or `"no_match"` (none) |
//! | `alerts` | optional, only with `"match"`: exactly this many alerts |
//! | `data_stream` | optional: the data stream (or index) of this test's events |
//! | `events` | required: the events |
//!
//! `events` is a string of JSON objects, one after another; an object may take one line or many. Single quotes
//! (`'''`) keep backslashes as JSON wants them. Each object is one normalised document, with nested or dotted names
//! (`"process.name": "a.exe"`), and nothing in it is special but:
//!
//! - An event that has `data_stream.type`, `data_stream.dataset` and `data_stream.namespace` belongs there, whatever
//!   the file or the test say. An event that names no data stream in any of the three ways is an error.
//! - An event without `@timestamp` gets one: the first event of a test `2026-01-01T00:00:00.000Z`, each further one a
//!   second later.
//! - An event without `event.ingested` is taken to have arrived at its `@timestamp`.
//!
//! All events of one test are searched together, with no other events beside them.
