//! Settings.

use std::time::Duration;

use watchfire_events::Timestamp;
use watchfire_sources::normalise::NormaliseOptions;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;
}

/// Settings of the server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The version of Elasticsearch that clients are told, as some refuse to write to an older server than they are.
    pub elasticsearch_version: String,
    /// Most bytes of a body as it is sent.
    pub max_body_bytes: usize,
    /// Most bytes of a body when it is unpacked.
    pub max_unpacked_bytes: usize,
    /// Most bytes of all bodies that are held at a time; beyond, requests are told to come back later.
    pub max_bytes_in_flight: usize,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How records are normalised.
    pub normalise: NormaliseOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            elasticsearch_version: "9.3.0".to_owned(),
            max_body_bytes: 100 << 20,
            max_unpacked_bytes: 256 << 20,
            max_bytes_in_flight: 512 << 20,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_mins(2),
            normalise: NormaliseOptions::default(),
        }
    }
}
