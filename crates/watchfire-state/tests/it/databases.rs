//! What goes wrong with a database, told apart by what helps.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _};
use watchfire_state::{Backend, StateDatabase, StateError, StateOptions};

use crate::any_grid::rules;
use crate::support::{TestDatabase, at, databases, postgres, run, sqlite};

async fn execute(url: &str, statements: &[&str]) -> AnyConnection {
    let mut connection = AnyConnection::connect(url).await.expect("the database is there");
    for statement in statements {
        let query = sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned()));
        query.execute(&mut connection).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    connection
}

/// The same, and no patience.
fn hasty(options: &StateOptions) -> StateOptions {
    StateOptions { patience: Duration::from_millis(100), ..options.clone() }
}

async fn write(database: &StateDatabase) -> Result<(), StateError> {
    database.install_rule(&rules()[0], "test", at("2026-03-02")).await.map(drop)
}

fn path_of(database: &TestDatabase) -> &Path {
    Path::new(database.options.url.strip_prefix("sqlite:").expect("a file"))
}

#[test]
fn a_lock_of_somebody_else_passes() {
    run(async {
        for database in databases().await {
            let state = StateDatabase::open(&hasty(&database.options)).await.expect("it can be opened");
            let locks: &[&str] = match state.backend() {
                Backend::Sqlite => &["BEGIN IMMEDIATE"],
                Backend::Postgres => &["BEGIN", "LOCK TABLE rules IN ACCESS EXCLUSIVE MODE"],
            };
            let holder = execute(&database.options.url, locks).await;
            let error = write(&state).await.expect_err("it is locked");
            assert!(matches!(error, StateError::Locked(_)), "{}: {error:?}", database.name);
            assert!(error.is_passing());
            holder.close().await.expect("a connection can be closed");
            write(&state).await.expect("it is free again");
            state.close().await;
        }
    });
}

#[test]
fn a_read_only_database_says_so() {
    run(async {
        for database in databases().await {
            StateDatabase::open(&database.options).await.expect("it can be made").close().await;
            let options = match database.name {
                "SQLite" => {
                    // The tables are there; whoever opens them may only read.
                    StateOptions {
                        url: format!("{}?mode=ro", database.options.url),
                        ..database.options.clone()
                    }
                }
                _ => {
                    let (_, name) = database.options.url.rsplit_once('/').expect("a name");
                    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
                    execute(&database.options.url, &[&set]).await.close().await.expect("it can be closed");
                    database.options.clone()
                }
            };
            let error = match StateDatabase::open(&options).await {
                Ok(state) => write(&state).await.expect_err("it is read-only"),
                Err(error) => error,
            };
            assert!(matches!(error, StateError::ReadOnly(_)), "{}: {error:?}", database.name);
            assert!(!error.is_passing());
        }
    });
}

#[test]
fn a_full_disk_says_so() {
    run(async {
        let database = sqlite();
        // A limit of its own is to SQLite as a full disk: the same error.
        let options = StateOptions { max_bytes: Some(1 << 20), ..database.options.clone() };
        let state = StateDatabase::open(&options).await.expect("it can be opened");
        let mut error = None;
        for number in 0..2_000 {
            let mut rule = rules().remove(0);
            rule.name = format!("rule {number} {}", "x".repeat(2_000));
            rule.rule_id = None;
            if let Err(found) = state.install_rule(&rule, "test", at("2026-03-02")).await {
                error = Some(found);
                break;
            }
        }
        let error = error.expect("the room is used up");
        assert!(matches!(error, StateError::DiskFull(_)), "{error:?}");
        let kept = state.rules().await.expect("what is there can be read");
        assert!(!kept.is_empty());
        state.close().await;
    });
}

#[test]
fn what_is_no_database_is_damaged() {
    run(async {
        let database = sqlite();
        std::fs::write(
            path_of(&database),
            "no database at all, and long enough to be looked at ".repeat(100),
        )
        .expect("a file can be written");
        let error = StateDatabase::open(&database.options).await.expect_err("it is none");
        assert!(matches!(error, StateError::Damaged(_)), "{error:?}");
        let nowhere = StateOptions::new("mysql://localhost/x");
        let error = StateDatabase::open(&nowhere).await.expect_err("it is not supported");
        assert!(matches!(error, StateError::Setup { .. }), "{error:?}");
        assert!(!error.to_string().contains("localhost"), "an address can hold a password");
    });
}

#[test]
fn a_server_that_ends_connections_is_lost_and_comes_back() {
    run(async {
        let Some(database) = postgres().await else { return };
        let options = StateOptions { max_connections: 1, ..database.options.clone() };
        let state = StateDatabase::open(&options).await.expect("it can be opened");
        write(&state).await.expect("it can be written");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(&database.options.url, &[end]).await.close().await.expect("it can be closed");
        // The pool may find out for itself that the connection is gone.
        match state.rules().await {
            Ok(rules) => assert_eq!(rules.len(), 1),
            Err(error) => {
                assert!(matches!(error, StateError::Lost(_)), "{error:?}");
                assert_eq!(state.rules().await.expect("it is back").len(), 1);
            }
        }
        state.close().await;
        let gone = StateOptions::new("postgres://nobody@127.0.0.1:1/nothing");
        let error = StateDatabase::open(&hasty(&gone)).await.expect_err("there is no server");
        assert!(matches!(error, StateError::Lost(_)), "{error:?}");
    });
}

#[test]
fn nothing_is_kept_of_a_transaction_that_breaks() {
    run(async {
        for database in databases().await {
            // The second statement behind the begin never comes.
            let left = Arc::new(std::sync::atomic::AtomicI64::new(3));
            let fuse = Arc::clone(&left);
            let gate: watchfire_state::StatementGate = Arc::new(move || {
                if fuse.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            let options = StateOptions { gate: Some(gate), ..database.options.clone() };
            let state = StateDatabase::open(&options).await.expect("it can be opened");
            let error = write(&state).await.expect_err("it breaks");
            assert!(matches!(error, StateError::Lost(_)), "{error:?}");
            assert_eq!(state.rules().await.expect("rules can be read").len(), 0, "{}", database.name);
            write(&state).await.expect("the fuse is burnt");
            assert_eq!(state.rules().await.expect("rules can be read").len(), 1);
            state.close().await;
        }
    });
}
