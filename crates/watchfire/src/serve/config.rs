//! The configuration of the server: a file in TOML, then the environment, then options.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use watchfire_events::{DataStream, IndexPatterns};
use watchfire_server::{ServerOptions, TlsFiles};

/// Where the server listens if nothing is said: as Elasticsearch does, and for this machine alone.
const LISTEN: &str = "127.0.0.1:9200";

/// The configuration as a file says it. What it leaves out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// The folder that everything is kept in.
    pub(super) data: Option<PathBuf>,
    /// Address and port.
    pub(super) listen: Option<SocketAddr>,
    /// Rule files, folders of rules.
    #[serde(default)]
    pub(super) rules: Vec<PathBuf>,
    /// Rule files, folders of rules, that can be installed over the detection API.
    #[serde(default)]
    pub(super) prebuilt: Vec<PathBuf>,
    /// `sqlite:PATH` or `postgres://…`.
    pub(super) database: Option<String>,
    /// The version of Elasticsearch that clients are told.
    pub(super) elasticsearch_version: Option<String>,
    /// Files and folders that are followed.
    #[serde(default)]
    pub(super) watch: Vec<PathBuf>,
    /// Whether rules look at events when they arrive, and not at their executions alone.
    pub(super) continuous: Option<bool>,
    /// Encryption of connections.
    pub(super) tls: Option<Tls>,
    /// Where syslog is taken.
    #[serde(default)]
    pub(super) syslog: Syslog,
    /// How long things are kept.
    #[serde(default)]
    pub(super) retention: Retention,
    /// Limits of requests and executions.
    #[serde(default)]
    pub(super) limits: Limits,
    /// What is sent of alerts.
    #[serde(default)]
    pub(super) actions: Actions,
    /// Through what it is sent.
    #[serde(default)]
    pub(super) connectors: Vec<ConnectorEntry>,
}

/// What is sent of alerts, and how often it is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Actions {
    /// Whether alerts of runs that somebody asked for are told of too.
    pub(super) back_fills: bool,
    /// Where people see rules and alerts; links in messages begin with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_url: Option<String>,
    /// A message that was not taken this often is given up.
    pub(super) most_attempts: u64,
    /// Seconds that a receiver may take.
    pub(super) timeout_seconds: u64,
    /// Days for which messages are kept that are not to be sent any more.
    pub(super) kept_days: u32,
}

impl Default for Actions {
    fn default() -> Self {
        Self { back_fills: false, public_url: None, most_attempts: 12, timeout_seconds: 20, kept_days: 30 }
    }
}

/// A connector: a way out for messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectorEntry {
    /// Its identity, by which the actions of rules name it.
    pub(super) id: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Its type, such as `.webhook`.
    #[serde(rename = "type")]
    pub(super) connector_type: String,
    /// Its settings.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(super) config: toml::Table,
    /// Where its secrets stand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) secrets: BTreeMap<String, SecretPlace>,
}

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum SecretPlace {
    /// In this variable of the environment.
    Env(String),
    /// In this file.
    File(PathBuf),
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Retention {
    /// Days for which events are kept that nothing else is said of; without it they are kept for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<u32>,
    /// Days for which executions are kept, and what they found: a back-fill beyond raises counts of suppressed alerts again.
    pub(super) executions_days: u32,
    /// Of data streams: the first entry counts that selects one.
    pub(super) streams: Vec<StreamRetention>,
}

/// How long the events of some data streams are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamRetention {
    /// Index patterns.
    pub(super) index: Vec<String>,
    /// Days; without it, for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<u32>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: None, executions_days: 90, streams: Vec::new() }
    }
}

impl Retention {
    /// For how many days events of a data stream are kept, by the day of their arrival; `None` if for good.
    pub(super) fn days_of(&self, stream: &DataStream) -> Option<u32> {
        let selects = |entry: &&StreamRetention| {
            IndexPatterns::new(entry.index.iter().map(String::as_str)).select(stream)
        };
        self.streams.iter().find(selects).map_or(self.days, |entry| entry.days)
    }
}

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// The certificate, then those that lead to an authority.
    pub(super) certificate: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
    /// Authorities of clients: without one of their certificates no connection is taken.
    pub(super) client_authorities: Option<PathBuf>,
}

impl Tls {
    /// The same, for the server.
    pub(super) fn files(&self) -> TlsFiles {
        let Self { certificate, key, client_authorities } = self.clone();
        TlsFiles { certificate, key, client_authorities }
    }
}

/// Where syslog is taken; nowhere if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Syslog {
    /// Datagrams.
    pub(super) udp: Option<SocketAddr>,
    /// Connections.
    pub(super) tcp: Option<SocketAddr>,
    /// Encrypted connections, by the files of `tls`.
    pub(super) tls: Option<SocketAddr>,
}

/// Limits of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Most bytes of a body as it is sent.
    pub(super) max_body_bytes: Option<usize>,
    /// Most bytes of a body when it is unpacked.
    pub(super) max_unpacked_bytes: Option<usize>,
    /// Most bytes of all bodies that are held at a time.
    pub(super) max_bytes_in_flight: Option<usize>,
    /// Bytes that an execution may take up.
    pub(super) execution_memory_bytes: Option<u64>,
}

/// The configuration as it is in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Config {
    pub(super) data: PathBuf,
    pub(super) listen: SocketAddr,
    pub(super) rules: Vec<PathBuf>,
    pub(super) prebuilt: Vec<PathBuf>,
    pub(super) database: String,
    pub(super) elasticsearch_version: String,
    pub(super) watch: Vec<PathBuf>,
    pub(super) continuous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<Tls>,
    pub(super) syslog: Syslog,
    pub(super) retention: Retention,
    pub(super) limits: Limits,
    pub(super) actions: Actions,
    pub(super) connectors: Vec<ConnectorEntry>,
}

impl ConfigFile {
    /// Reads a file. Its paths count from where it stands.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let wrong = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let text = fs::read_to_string(path).map_err(|error| {
            wrong(format!("the configuration `{}` cannot be read: {error}", path.display()))
        })?;
        let mut file: Self = toml::from_str(&text)
            .map_err(|error| wrong(format!("the configuration `{}` is wrong: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let of_tls = file.tls.iter_mut().flat_map(|Tls { certificate, key, client_authorities }| {
            [certificate, key].into_iter().chain(client_authorities)
        });
        for entry in file.connectors.iter_mut().filter(|entry| entry.connector_type == ".file") {
            if let Some(toml::Value::String(path)) = entry.config.get_mut("path") {
                *path = folder.join(&*path).display().to_string();
            }
        }
        let of_rules = file.rules.iter_mut().chain(&mut file.prebuilt);
        let secrets = file.connectors.iter_mut().flat_map(|entry| entry.secrets.values_mut());
        let of_secrets = secrets.filter_map(|place| match place {
            SecretPlace::File(path) => Some(path),
            SecretPlace::Env(_) => None,
        });
        for path in of_rules.chain(&mut file.watch).chain(&mut file.data).chain(of_tls).chain(of_secrets) {
            *path = folder.join(&*path);
        }
        Ok(file)
    }

    /// What is in force when options say something else.
    pub(super) fn with(self, options: &super::Settings) -> io::Result<Config> {
        let wrong = |message: &str| io::Error::new(io::ErrorKind::InvalidInput, message.to_owned());
        let data = options
            .data
            .clone()
            .or(self.data)
            .ok_or_else(|| wrong("say where to keep data: `--data DIR`"))?;
        let default = LISTEN.parse().map_err(|_| wrong("the address is none"))?;
        let database = options.database.clone().or(self.database);
        let server = ServerOptions::default();
        Ok(Config {
            listen: options.listen.or(self.listen).unwrap_or(default),
            rules: if options.rules.is_empty() { self.rules } else { options.rules.clone() },
            prebuilt: if options.prebuilt.is_empty() { self.prebuilt } else { options.prebuilt.clone() },
            database: database.unwrap_or_else(|| format!("sqlite:{}", data.join("state.db").display())),
            elasticsearch_version: self.elasticsearch_version.unwrap_or(server.elasticsearch_version),
            watch: if options.watch.is_empty() { self.watch } else { options.watch.clone() },
            continuous: self.continuous.unwrap_or(true),
            tls: self.tls,
            syslog: self.syslog,
            retention: self.retention,
            limits: Limits {
                max_body_bytes: self.limits.max_body_bytes.or(Some(server.max_body_bytes)),
                max_unpacked_bytes: self.limits.max_unpacked_bytes.or(Some(server.max_unpacked_bytes)),
                max_bytes_in_flight: self.limits.max_bytes_in_flight.or(Some(server.max_bytes_in_flight)),
                execution_memory_bytes: self.limits.execution_memory_bytes.or(Some(EXECUTION_MEMORY)),
            },
            actions: self.actions,
            connectors: self.connectors,
            data,
        })
    }
}

/// Bytes that an execution may take up if nothing is said.
const EXECUTION_MEMORY: u64 = 256 << 20;

impl Config {
    /// The settings of requests.
    pub(super) fn server_options(&self) -> ServerOptions {
        let usual = ServerOptions::default();
        ServerOptions {
            elasticsearch_version: self.elasticsearch_version.clone(),
            max_body_bytes: self.limits.max_body_bytes.unwrap_or(usual.max_body_bytes),
            max_unpacked_bytes: self.limits.max_unpacked_bytes.unwrap_or(usual.max_unpacked_bytes),
            max_bytes_in_flight: self.limits.max_bytes_in_flight.unwrap_or(usual.max_bytes_in_flight),
            ..usual
        }
    }

    /// The file with the keys.
    pub(super) fn keys(&self) -> PathBuf {
        keys_in(&self.data)
    }
}

/// The file with the keys, in a folder of data.
pub(super) fn keys_in(data: &Path) -> PathBuf {
    data.join("keys.json")
}
