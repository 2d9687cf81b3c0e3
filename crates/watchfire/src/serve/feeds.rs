//! What events come by beside requests: syslog, and files that are followed.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchfire_server::{Server, TlsAcceptor, Watcher, syslog_tcp, syslog_udp};

use super::config::Syslog;
use super::log;

/// How often files that are followed are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Takes syslog where the configuration says so, until it is told to stop.
pub(super) async fn take_syslog(
    server: &Arc<Server>,
    config: &Syslog,
    tls: Option<&TlsAcceptor>,
    stop: &watch::Receiver<bool>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut tasks = Vec::new();
    if let Some(address) = config.udp {
        let socket = UdpSocket::bind(address).await?;
        log::line(&format!("syslog by UDP on {}", socket.local_addr()?));
        tasks.push(telling("UDP", syslog_udp(Arc::clone(server), socket, stop.clone())));
    }
    for (by, address, tls) in [("TCP", config.tcp, None), ("TLS", config.tls, tls)] {
        let Some(address) = address else { continue };
        let listener = TcpListener::bind(address).await?;
        log::line(&format!("syslog by {by} on {}", listener.local_addr()?));
        tasks.push(telling(by, syslog_tcp(Arc::clone(server), listener, tls.cloned(), stop.clone())));
    }
    Ok(tasks)
}

/// Runs beside the rest, and says so if it fails: nobody waits for it before the end.
fn telling(by: &'static str, task: impl Future<Output = io::Result<()>> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = task.await {
            log::line(&format!("problem: syslog by {by} has ended: {error}"));
        }
    })
}

/// Follows files until it is told to stop.
pub(super) fn follow(mut watcher: Watcher, stop: &AtomicBool) {
    // What stays as it is is said once.
    let mut said = BTreeSet::new();
    while !stop.load(Ordering::Acquire) {
        let began = Instant::now();
        let problems = match watcher.look() {
            Ok(look) => look.problems,
            Err(error) => vec![error.to_string()],
        };
        let problems: BTreeSet<String> = problems.into_iter().collect();
        for problem in problems.difference(&said) {
            log::line(&format!("problem: followed files: {problem}"));
        }
        said = problems;
        std::thread::sleep(LOOK.saturating_sub(began.elapsed()));
    }
}
