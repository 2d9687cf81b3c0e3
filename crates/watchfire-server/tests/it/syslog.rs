//! Syslog over the network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use watchfire_events::get_field;
use watchfire_server::{EventLogError, Server, ServerOptions, SetUpObjects, syslog_tcp, syslog_udp};

use crate::encrypted::Certificates;
use crate::exchanges::FixedClock;
use crate::memory_log::MemoryLog;

struct Running {
    log: Arc<MemoryLog>,
    tcp: SocketAddr,
    udp: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<std::io::Result<()>>>,
    server: Arc<Server>,
    _folder: tempfile::TempDir,
}

async fn start(certificates: Option<&Certificates>) -> Running {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Arc::new(MemoryLog::default());
    let set_up = SetUpObjects::open(folder.path()).expect("can be made");
    let options = ServerOptions::default();
    let server =
        Arc::new(Server::new(options, log.clone(), Arc::new(FixedClock), set_up, None, "test".to_owned()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let tcp = listener.local_addr().expect("it has an address");
    let udp = socket.local_addr().expect("it has an address");
    let (stop, stopped) = watch::channel(false);
    let tls = certificates.map(|certificates| certificates.files(false).acceptor().expect("files"));
    let tasks = vec![
        tokio::spawn(syslog_tcp(Arc::clone(&server), listener, tls, stopped.clone())),
        tokio::spawn(syslog_udp(Arc::clone(&server), socket, stopped)),
    ];
    Running { log, tcp, udp, stop, tasks, server, _folder: folder }
}

impl Running {
    /// The messages of the events, when there are so many.
    async fn messages(&self, number: usize) -> Vec<String> {
        for _ in 0..400 {
            let events = self.log.events.lock().expect("not poisoned").clone();
            if events.len() >= number {
                let message = |event: &watchfire_events::Event| {
                    get_field(&event.document, "message")
                        .and_then(|text| text.as_str())
                        .unwrap_or("?")
                        .to_owned()
                };
                let mut messages: Vec<String> = events.iter().map(message).collect();
                messages.sort();
                return messages;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("there are only {} events", self.log.events.lock().expect("not poisoned").len());
    }

    async fn stop(self) {
        self.stop.send(true).expect("it runs");
        for task in self.tasks {
            task.await.expect("does not panic").expect("ends in order");
        }
    }
}

const LINES: &[u8] = b"<34>1 2026-03-02T08:00:00Z ws1 su 7 - - one\n<34>Mar  2 08:00:00 ws1 su: two\n41 <34>1 2026-03-02T08:00:00Z ws1 su - - - x";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_by_tcp() {
    let running = start(None).await;
    let mut stream = TcpStream::connect(running.tcp).await.expect("is taken up");
    stream.write_all(LINES).await.expect("can be sent");
    stream.shutdown().await.expect("can be closed");
    assert_eq!(running.messages(3).await, ["one", "two", "x"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_by_tls_and_only_by_tls() {
    let certificates = Certificates::new();
    let running = start(Some(&certificates)).await;
    let mut stream = certificates.connect(running.tcp, false).await.expect("the certificate is good");
    stream.write_all(LINES).await.expect("can be sent");
    stream.shutdown().await.expect("can be closed");
    assert_eq!(running.messages(3).await.len(), 3);
    let mut plain = TcpStream::connect(running.tcp).await.expect("is taken up");
    plain.write_all(LINES).await.expect("can be sent");
    for _ in 0..400 {
        let counts = running.server.counts().by_stream();
        if counts.get("(syslog)").is_some_and(|counts| counts.refused.get("tls_handshake") == Some(&1)) {
            assert_eq!(running.messages(3).await.len(), 3);
            return running.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the handshake that failed is not counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_by_udp() {
    let running = start(None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    socket.send_to(b"<34>1 2026-03-02T08:00:00Z ws1 su 7 - - one", running.udp).await.expect("can be sent");
    // A message that is of no form is kept as it came, at the time at which it did.
    socket.send_to(b"no head at all", running.udp).await.expect("can be sent");
    assert_eq!(running.messages(2).await, ["no head at all", "one"]);
    let events = running.log.events.lock().expect("not poisoned").clone();
    assert!(events.iter().all(|event| get_field(&event.document, "@timestamp").is_some()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_waits_while_there_is_no_room() {
    let running = start(None).await;
    *running.log.error.lock().expect("not poisoned") = Some(EventLogError::Full("no room".to_owned()));
    let mut stream = TcpStream::connect(running.tcp).await.expect("is taken up");
    stream.write_all(LINES).await.expect("can be sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    *running.log.error.lock().expect("not poisoned") = None;
    stream.shutdown().await.expect("can be closed");
    assert_eq!(running.messages(3).await.len(), 3);
    running.stop().await;
}
