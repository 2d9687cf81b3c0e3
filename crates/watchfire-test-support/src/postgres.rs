//! Databases of PostgreSQL for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Connection as _;

/// The address of a database that is there for one test; `None` after saying that the test is skipped, where
/// `WATCHFIRE_TEST_POSTGRES` has no address of a server.
///
/// # Panics
/// If a server is required (`WATCHFIRE_REQUIRE_POSTGRES=1`) and there is none.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub async fn postgres_database() -> Option<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Ok(server) = std::env::var("WATCHFIRE_TEST_POSTGRES") else {
        let required = std::env::var("WATCHFIRE_REQUIRE_POSTGRES");
        assert_ne!(required.as_deref(), Ok("1"), "WATCHFIRE_REQUIRE_POSTGRES=1, and there is no server");
        println!("skipped on PostgreSQL: WATCHFIRE_TEST_POSTGRES has no address of a server");
        return None;
    };
    let name = format!("watchfire_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection =
        sqlx::PgConnection::connect(&server).await.expect("the server of PostgreSQL is there");
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        let query = sqlx::query(sqlx::AssertSqlSafe(statement));
        query.execute(&mut connection).await.expect("databases can be made");
    }
    let (base, _) = server.rsplit_once('/').expect("an address names a database");
    Some(format!("{base}/{name}"))
}
