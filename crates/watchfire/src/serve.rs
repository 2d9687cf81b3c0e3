//! `watchfire serve`: durable ingest, rules on schedule, searches, and work on rules and alerts.
//!
//! ```text
//! shippers ────────┐
//! files, syslog ───┴► watchfire-server ─► LakeLog ─► Lake: spool ─ commits ─► tables
//!                                            └─► Arrivals ─► looks, between executions ─► Scheduler
//!   (feeds)                                                                   │ LakeEvents
//! rules ─► StateDatabase ◄──────────── Scheduler ◄────────────────────────────┤
//!             │ alerts                    ▲ SettledClock: all that arrived by then has been committed
//!             │                        Upkeep, a thread of its own            │
//!             ├─► EventSearch ◄───────────────────────────────────────────────┘
//!             ├─► Sending, a thread of its own: messages of alerts
//!             └─► watchfire-kibana: the detection API
//! ```

mod actions;
mod alert_triage;
pub(crate) mod alerts;
mod arrivals;
mod config;
mod counts;
mod feeds;
pub(crate) mod keys;
mod lake_events;
mod lake_log;
mod log;
mod looks;
#[cfg(test)]
mod over_the_lake;
mod rules;
mod search;
mod settled_clock;
pub(crate) mod status;
mod upkeep;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpListener;
use watchfire_events::Timestamp;
use watchfire_kibana::{DetectionApi, DetectionParts, routes};
use watchfire_lake::{Lake, LakeOptions};
use watchfire_server::{ApiKeys, Clock, SearchLimits, Server, SetUpObjects, Watcher, serve};
use watchfire_sources::normalise::catalogue;
use watchfire_state::{Scheduler, SchedulerSettings, StateDatabase, StateOptions};

use self::actions::Sending;
use self::alert_triage::LakeTriage;
use self::arrivals::Arrivals;
use self::config::{Config, ConfigFile};
use self::counts::ServerCounts;
use self::feeds::{follow, take_syslog};
use self::lake_events::LakeEvents;
use self::lake_log::LakeLog;
use self::looks::Looks;
use self::rules::{install, prebuilt};
use self::search::{AlertsAlone, EventSearch};
use self::settled_clock::SettledClock;
use self::upkeep::{KeysFile, Upkeep, chain};
use crate::exit::{self, Exit};
use crate::lake::MachineClock;
use crate::time_argument;

/// Takes events from shippers as Elasticsearch does, keeps them, and runs rules over them on schedule.
///
/// Beats, Elastic Agent (standalone), Logstash, Vector, Fluent Bit, rsyslog and Elasticsearch's own clients write to it when
/// they are given its address. An event that was acknowledged is on disk. Rules named here are installed and enabled; each is
/// executed every `interval` over the time since its `from`. docs/serve.md has what is taken, docs/executions.md how rules
/// are executed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire serve --data data --rules detection-rules/rules
  watchfire serve --config /etc/watchfire/watchfire.toml
  watchfire keys create --data data --role shipper --name beats

The server listens on this machine alone if nothing else is said. For any other address there must be a key, and then every
request needs one.

Exit codes:
  0  it was told to stop, and has stopped
  1  something it needs could not be opened, or failed for good
  2  wrong usage")]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: Settings,
}

/// What a server is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Settings {
    /// The folder that everything is kept in; it is made if it is not there.
    #[arg(long, value_name = "DIR", env = "WATCHFIRE_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// Where to listen. [default: 127.0.0.1:9200]
    #[arg(long, value_name = "ADDRESS:PORT", env = "WATCHFIRE_LISTEN", hide_env_values = true)]
    listen: Option<SocketAddr>,
    /// Rule files, folders of rules: they are installed, enabled.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Rule files, folders of rules, such as a clone of detection-rules: they can be installed over the detection API.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    prebuilt: Vec<PathBuf>,
    /// Files and folders that are followed: what is written to them is kept as it comes.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    watch: Vec<PathBuf>,
    /// Where rules, executions and alerts are kept: `sqlite:PATH` or `postgres://…`. [default: a file in the data folder]
    #[arg(long, value_name = "URL", env = "WATCHFIRE_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// A configuration in TOML; options and the environment go before it.
    #[arg(long, value_name = "FILE", env = "WATCHFIRE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl Settings {
    fn config(&self) -> io::Result<Config> {
        let file = self.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        file.with(self)
    }
}

/// Shows the configuration of the server, or checks it.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    command: ConfigSubcommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigSubcommand {
    /// Prints the configuration that is in force, from file, environment and options.
    Show(Settings),
    /// Says what is wrong with the configuration, if anything is.
    Check(Settings),
}

impl ConfigCommand {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.show(&mut io::stdout().lock()))
    }

    fn show(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let config = match &self.command {
            ConfigSubcommand::Show(settings) => settings.config()?,
            ConfigSubcommand::Check(settings) => {
                check(&settings.config()?)?;
                return Ok(Exit::Success);
            }
        };
        let mut shown = config;
        shown.database = without_password(&shown.database);
        let text = toml::to_string(&shown).map_err(io::Error::other)?;
        out.write_all(text.as_bytes())?;
        Ok(Exit::Success)
    }
}

/// An address of a database as it may be shown.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let user = &url[scheme + 3..at];
            let user = user.split(':').next().unwrap_or_default();
            format!("{}{user}:…{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}

/// Whether a server can be started with it.
fn check(config: &Config) -> io::Result<()> {
    let wrong = |message: String| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    for path in config.rules.iter().chain(&config.prebuilt) {
        if !path.exists() {
            return wrong(format!("there are no rules at `{}`", path.display()));
        }
    }
    for path in &config.watch {
        if !path.exists() {
            return wrong(format!("there is nothing to be followed at `{}`", path.display()));
        }
    }
    match &config.tls {
        Some(tls) => drop(tls.files().acceptor()?),
        None if config.syslog.tls.is_some() => {
            return wrong("`syslog.tls` needs `tls.certificate` and `tls.key`".to_owned());
        }
        None => {}
    }
    if let Some((id, why)) =
        actions::connectors(config)?.into_iter().find_map(|(id, connector)| Some((id, connector.err()?)))
    {
        return wrong(format!("connector `{id}` cannot be used: {why}"));
    }
    let keys = ApiKeys::open(&config.keys()).map_err(io::Error::other)?;
    if !config.listen.ip().is_loopback() && keys.is_empty() {
        return wrong(format!(
            "`{}` can be reached from other machines, and there is no key: make one with `watchfire keys create --data {}`",
            config.listen,
            config.data.display()
        ));
    }
    Ok(())
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        time_argument::now()
    }
}

impl Serve {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.serve())
    }

    fn serve(&self) -> io::Result<Exit> {
        let config = self.settings.config()?;
        check(&config)?;
        std::fs::create_dir_all(&config.data)?;
        let catalogue = Arc::new(catalogue());
        let (lake, opened) = Lake::open(
            &config.data.join("lake"),
            Arc::clone(&catalogue) as _,
            Arc::new(MachineClock),
            LakeOptions::default(),
        )
        .map_err(io::Error::other)?;
        if opened != watchfire_lake::OpenReport::default() {
            log::line(&format!("recovered: {opened:?}"));
        }
        let lake = Arc::new(lake);
        let tables = lake.reader().statistics().map_err(io::Error::other)?;
        let is_empty = lake.state().waiting == 0 && tables.iter().all(|table| table.rows == 0);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let database = runtime
            .block_on(StateDatabase::open(&StateOptions::new(&config.database)))
            .map_err(|error| io::Error::other(chain(&error)))?;
        let is_whole = install(&runtime, &database, &config)?;
        let settled = Arc::new(SettledClock::default());
        runtime
            .block_on(settled.begin(&lake, &database, time_argument::now()))
            .map_err(|error| io::Error::other(chain(&error)))?;
        let scheduler = Arc::new(Scheduler::new(
            database.clone(),
            Arc::new(LakeEvents { lake: Arc::clone(&lake), catalogue: Arc::clone(&catalogue) }),
            Arc::clone(&catalogue),
            Arc::<SettledClock>::clone(&settled),
            SchedulerSettings {
                memory: config.limits.execution_memory_bytes.unwrap_or(SchedulerSettings::default().memory),
                ..SchedulerSettings::default()
            },
        ));
        let broken = runtime.block_on(scheduler.start()).map_err(|error| io::Error::other(chain(&error)))?;
        if is_empty {
            runtime.block_on(scheduler.nothing_arrived());
        }
        if broken > 0 {
            log::line(&format!("{broken} executions were broken off when the server stopped; they are owed"));
        }
        let keys = ApiKeys::open(&config.keys()).map_err(io::Error::other)?;
        let set_up = SetUpObjects::open(&config.data.join("set_up")).map_err(io::Error::other)?;
        let search = Arc::new(EventSearch::new(
            Arc::clone(&lake),
            database.clone(),
            runtime.handle().clone(),
            &catalogue,
        ));
        let limits = SearchLimits::default();
        let detection = Arc::new(DetectionApi::new(DetectionParts {
            database: database.clone(),
            catalogue: Arc::clone(&catalogue),
            clock: Arc::new(MachineClock),
            search: Arc::new(AlertsAlone { search: Arc::clone(&search), time_limit: limits.time_limit }),
            triage: Arc::new(LakeTriage { database: database.clone(), lake: config.data.join("lake") }),
            executions: Arc::<Scheduler<LakeEvents>>::clone(&scheduler),
            new_id: Arc::new(uuid::Uuid::new_v4),
            prebuilt: prebuilt(&config)?,
            version: config.elasticsearch_version.clone(),
        }));
        let arrivals: Option<Arc<Arrivals>> = config.continuous.then(Arc::default);
        let server = Server::new(
            config.server_options(),
            Arc::new(LakeLog { lake: Arc::clone(&lake), arrivals: arrivals.clone() }),
            Arc::new(MachineClock),
            set_up,
            (!keys.is_empty()).then_some(keys),
            uuid::Uuid::new_v4().simple().to_string(),
        );
        let watched = arrivals.clone();
        let counts = Arc::new(ServerCounts::new(Arc::clone(&lake)));
        let server = server.with_search(search, limits).with_routes(routes(&detection));
        let server = Arc::new(server.with_metrics(Arc::<ServerCounts>::clone(&counts)));
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = (!config.watch.is_empty())
            .then(|| {
                let options = config.server_options().normalise;
                Watcher::open(
                    Arc::clone(&server),
                    config.watch.clone(),
                    options,
                    config.data.join("watch.json"),
                )
            })
            .transpose()
            .map_err(io::Error::other)?;
        let following = watcher
            .map(|watcher| {
                let stop = Arc::clone(&stop);
                std::thread::Builder::new().name("watch".to_owned()).spawn(move || follow(watcher, &stop))
            })
            .transpose()?;
        let looking = arrivals
            .map(|arrivals| {
                let (stop, handle) = (Arc::clone(&stop), runtime.handle().clone());
                let looks =
                    Looks { scheduler: Arc::clone(&scheduler), arrivals, counts: Arc::clone(&counts), stop };
                let looks = move || looks.run(&handle);
                std::thread::Builder::new().name("looks".to_owned()).spawn(looks)
            })
            .transpose()?;
        let sending = Sending::new(&config, &database, &catalogue, &counts, &stop)?;
        let handle = runtime.handle().clone();
        let sending =
            std::thread::Builder::new().name("messages".to_owned()).spawn(move || sending.run(&handle))?;
        let keys = KeysFile::new(Arc::clone(&server), config.keys());
        let upkeep = Upkeep {
            lake,
            arrivals: watched,
            scheduler,
            settled,
            counts,
            keys,
            database: database.clone(),
            retention: config.retention.clone(),
            stop: Arc::clone(&stop),
        };
        let handle = runtime.handle().clone();
        let at_work =
            std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || upkeep.run(&handle))?;
        let served = runtime.block_on(async {
            let tls = config.tls.as_ref().map(|tls| tls.files().acceptor()).transpose()?;
            let (stop_syslog, stopped) = tokio::sync::watch::channel(false);
            let syslog = take_syslog(&server, &config.syslog, tls.as_ref(), &stopped).await?;
            let listener = TcpListener::bind(config.listen).await?;
            log::line(&format!("listening on {}", listener.local_addr()?));
            let served = serve(server, listener, tls, told_to_stop()).await;
            let _ = stop_syslog.send(true);
            for task in syslog {
                task.await.map_err(io::Error::other)?;
            }
            served
        });
        stop.store(true, Ordering::Release);
        if let Some(following) = following {
            following.join().map_err(|_| io::Error::other("what follows files has failed"))?;
        }
        if let Some(looking) = looking {
            looking.join().map_err(|_| io::Error::other("what looks at arriving events has failed"))?;
        }
        sending.join().map_err(|_| io::Error::other("what sends messages has failed"))?;
        let ended = at_work.join();
        runtime.block_on(database.close());
        log::line("stopped");
        served?;
        ended.map_err(|_| io::Error::other("what goes on beside requests has failed"))?;
        Ok(if is_whole { Exit::Success } else { Exit::Problems })
    }
}

/// Ends when the process is told to stop.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
