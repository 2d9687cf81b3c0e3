//! The database: connections, transactions, the schema.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyPoolOptions, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Connection as _};

use crate::error::StateError;

/// Brings the schema up to this version. The same text for all databases.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// What is asked before each statement of a writing transaction, and once more when it was committed: whether to go on, or
/// to act as if the connection broke there. For tests of what a crash leaves behind.
pub type StatementGate = Arc<dyn Fn() -> ControlFlow<()> + Send + Sync>;

/// How to reach the database.
#[derive(Clone)]
pub struct StateOptions {
    /// `sqlite:PATH` (the file is made if it is not there) or `postgres://…`.
    pub url: String,
    /// Most connections at a time.
    pub max_connections: u32,
    /// How long a statement waits for a lock, and a caller for a connection.
    pub patience: Duration,
    /// Most bytes that the file of SQLite may have: beyond them it is full.
    pub max_bytes: Option<u64>,
    /// See [`StatementGate`].
    pub gate: Option<StatementGate>,
}

/// Bytes of a page of SQLite.
const PAGE_BYTES: u64 = 4096;

impl StateOptions {
    /// The usual ones.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 8,
            patience: Duration::from_secs(10),
            max_bytes: None,
            gate: None,
        }
    }
}

impl fmt::Debug for StateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address can hold a password.
        let scheme = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("StateOptions").field("scheme", &scheme).finish_non_exhaustive()
    }
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file of this process.
    Sqlite,
    /// A server.
    Postgres,
}

/// The state of rules, executions and alerts.
#[derive(Clone)]
pub struct StateDatabase {
    pool: AnyPool,
    backend: Backend,
    gate: Option<StatementGate>,
}

impl fmt::Debug for StateDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateDatabase").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// A statement with its values.
pub(crate) type Sql = Query<'static, Any, AnyArguments>;

/// A statement. Values stand for `$1`, `$2` … in the order in which they are bound; texts must be bound as `String`, since
/// the driver of SQLite takes no other.
pub(crate) fn sql(text: &'static str) -> Sql {
    sqlx::query(text)
}

impl StateDatabase {
    /// Connects, and brings the schema up to date.
    ///
    /// # Errors
    /// If there is no such database, or its schema is of a later version.
    pub async fn open(options: &StateOptions) -> Result<Self, StateError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let backend = match options.url.split(':').next() {
            Some("sqlite") => Backend::Sqlite,
            Some("postgres" | "postgresql") => Backend::Postgres,
            _ => {
                return Err(StateError::Setup {
                    why: "its address begins with neither `sqlite:` nor `postgres:`".to_owned(),
                });
            }
        };
        let url = match backend {
            Backend::Sqlite if !options.url.contains('?') => format!("{}?mode=rwc", options.url),
            _ => options.url.clone(),
        };
        let millis = options.patience.as_millis();
        let mut settings: Vec<String> = match backend {
            // A write-ahead log lets readers go on while somebody writes; `FULL` makes a commit outlive a loss of power.
            Backend::Sqlite => vec![
                format!("PRAGMA busy_timeout = {millis}"),
                "PRAGMA journal_mode = WAL".to_owned(),
                "PRAGMA synchronous = FULL".to_owned(),
            ],
            Backend::Postgres => vec![format!("SET lock_timeout = {millis}")],
        };
        if let (Backend::Sqlite, Some(bytes)) = (backend, options.max_bytes) {
            settings.push(format!("PRAGMA page_size = {PAGE_BYTES}"));
            settings.push(format!("PRAGMA max_page_count = {}", (bytes / PAGE_BYTES).max(1)));
        }
        // The pool tries again until its patience is over, and then only says that it was; one connection says why.
        let mut first = AnyConnection::connect(&url).await?;
        set(&mut first, &settings).await?;
        first.close().await?;
        let settings = Arc::new(settings);
        let pool = AnyPoolOptions::new()
            .max_connections(options.max_connections.max(1))
            .acquire_timeout(options.patience.max(Duration::from_millis(200)))
            .after_connect(move |connection, _| {
                let settings = Arc::clone(&settings);
                Box::pin(async move { set(connection, &settings).await })
            })
            .connect(&url)
            .await?;
        let database = Self { pool, backend, gate: options.gate.clone() };
        database.migrate().await?;
        Ok(database)
    }

    async fn migrate(&self) -> Result<(), StateError> {
        MIGRATIONS.run(&self.pool).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => error.into(),
            other => StateError::Setup { why: other.to_string() },
        })
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Closes all connections; what is going on is ended first.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins to write. For SQLite the lock is taken at once: a transaction that reads first and writes then could not wait
    /// for it.
    pub(crate) async fn begin(&self) -> Result<Writing, StateError> {
        self.ask_gate()?;
        let statement = match self.backend {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN",
        };
        let transaction = self.pool.begin_with(statement).await?;
        Ok(Writing { transaction, gate: self.gate.clone() })
    }

    /// Reads all rows.
    pub(crate) async fn rows(&self, query: Sql) -> Result<Vec<AnyRow>, StateError> {
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Reads one row.
    pub(crate) async fn row(&self, query: Sql) -> Result<Option<AnyRow>, StateError> {
        Ok(query.fetch_optional(&self.pool).await?)
    }

    fn ask_gate(&self) -> Result<(), StateError> {
        ask(self.gate.as_ref())
    }
}

/// Sets what holds for a connection.
async fn set(connection: &mut AnyConnection, settings: &[String]) -> Result<(), sqlx::Error> {
    for setting in settings {
        // The texts are made here, of nothing but numbers.
        sqlx::query(sqlx::AssertSqlSafe(setting.clone())).execute(&mut *connection).await?;
    }
    Ok(())
}

fn ask(gate: Option<&StatementGate>) -> Result<(), StateError> {
    match gate.map(|gate| gate()) {
        Some(ControlFlow::Break(())) => {
            Err(StateError::Lost(sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into())))
        }
        _ => Ok(()),
    }
}

/// A transaction that writes. Dropped without [`Self::commit`], nothing of it is kept.
pub(crate) struct Writing {
    transaction: sqlx::Transaction<'static, Any>,
    gate: Option<StatementGate>,
}

impl Writing {
    /// Runs a statement; gives back how many rows it changed.
    pub(crate) async fn run(&mut self, query: Sql) -> Result<u64, StateError> {
        ask(self.gate.as_ref())?;
        Ok(query.execute(&mut *self.transaction).await?.rows_affected())
    }

    /// Reads one row.
    pub(crate) async fn row(&mut self, query: Sql) -> Result<Option<AnyRow>, StateError> {
        ask(self.gate.as_ref())?;
        Ok(query.fetch_optional(&mut *self.transaction).await?)
    }

    /// Makes it durable. After an error that says that the connection is lost it may be so all the same.
    pub(crate) async fn commit(self) -> Result<(), StateError> {
        ask(self.gate.as_ref())?;
        self.transaction.commit().await?;
        ask(self.gate.as_ref())
    }
}
