//! Serves the detection API alone, for trying clients of it: `cargo run -p watchfire-kibana --example detection_api -- PORT`.
//!
//! Everything is in a temporary folder, and gone when it is stopped. It prints the address and a key.

use std::sync::Arc;

use tokio::net::TcpListener;
use watchfire_events::Timestamp;
use watchfire_server::{ApiKeys, Role, serve};

#[path = "../tests/it/alert_search.rs"]
mod alert_search;
#[path = "../tests/it/api_server.rs"]
mod api_server;

use api_server::{StillClock, Wishes, server};

#[expect(clippy::print_stdout, reason = "it tells where it is")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("the first argument is a port")?.parse()?;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now = Timestamp::from_millis(i64::try_from(since.as_millis())?);
    let folder = tempfile::tempdir()?;
    let mut keys = ApiKeys::open(&folder.path().join("keys.json"))?;
    let key = keys.create("example", Role::Engineer, now)?;
    let wishes = Wishes { with_alerts: true, ..Wishes::default() };
    let server = server(folder.path(), Some(keys), wishes, StillClock(now)).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{} {}", listener.local_addr()?, key.encoded());
    serve(Arc::new(server), listener, None, std::future::pending()).await?;
    Ok(())
}
