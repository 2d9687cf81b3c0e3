//! Over a real connection: what only shows there.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use watchfire_server::{Server, ServerOptions, SetUpObjects, serve};

use crate::encrypted::Certificates;
use crate::exchanges::FixedClock;
use crate::memory_log::MemoryLog;

struct Running {
    address: std::net::SocketAddr,
    log: Arc<MemoryLog>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

async fn start(options: ServerOptions) -> Running {
    start_with(options, None).await
}

async fn start_with(options: ServerOptions, tls: Option<TlsAcceptor>) -> Running {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Arc::new(MemoryLog::default());
    let set_up = SetUpObjects::open(folder.path()).expect("a temporary folder can be written");
    let server = Server::new(options, log.clone(), Arc::new(FixedClock), set_up, None, "test".to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of this machine");
    let address = listener.local_addr().expect("it has an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(Arc::new(server), listener, tls, async {
        let _ = stopped.await;
    }));
    Running { address, log, stop, task, _folder: folder }
}

async fn talk(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("can be read");
    String::from_utf8(answer).expect("text")
}

const BULK: &str = "{\"create\":{\"_index\":\"a\"}}\n{\"x\":1}\n";

fn bulk() -> String {
    format!(
        "POST /_bulk HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{BULK}",
        BULK.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_connections_do_not_keep_others_waiting() {
    let running = start(ServerOptions::default()).await;
    let mut slow = Vec::new();
    for number in 0..500 {
        let mut stream = TcpStream::connect(running.address).await.expect("is taken up");
        // Some have not even sent their head, the others have sent a part of their body.
        let part = if number % 2 == 0 { "POST /_bu".to_owned() } else { bulk().replace("{\"x\":1}\n", "") };
        stream.write_all(part.as_bytes()).await.expect("can be sent");
        slow.push(stream);
    }
    for _ in 0..20 {
        let mut stream = TcpStream::connect(running.address).await.expect("is taken up");
        let answer = tokio::time::timeout(Duration::from_secs(20), talk(&mut stream, &bulk())).await;
        assert!(answer.expect("an answer in time").contains("\"errors\":false"));
    }
    assert_eq!(running.log.events.lock().expect("not poisoned").len(), 20);
    drop(slow);
    running.stop.send(()).expect("it runs");
    running.task.await.expect("it does not panic").expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_beyond_the_cap_is_refused_before_it_is_sent() {
    let running = start(ServerOptions { max_body_bytes: 1_000, ..ServerOptions::default() }).await;
    let mut stream = TcpStream::connect(running.address).await.expect("is taken up");
    let head = "POST /_bulk HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n";
    let answer = tokio::time::timeout(Duration::from_secs(20), talk(&mut stream, head)).await;
    assert!(answer.expect("an answer without a byte of the body").starts_with("HTTP/1.1 413"));
    // One that does not say how long it is is cut off where the cap is.
    let mut stream = TcpStream::connect(running.address).await.expect("is taken up");
    let chunked = format!(
        "POST /_bulk HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{}\r\n",
        "x".repeat(2_000)
    );
    let answer = tokio::time::timeout(Duration::from_secs(20), talk(&mut stream, &chunked)).await;
    assert!(answer.expect("an answer before the end of the body").starts_with("HTTP/1.1 413"));
    running.stop.send(()).expect("it runs");
    running.task.await.expect("it does not panic").expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_is_given_up() {
    let head_timeout = Duration::from_millis(200);
    let running = start(ServerOptions { head_timeout, ..ServerOptions::default() }).await;
    let mut stream = TcpStream::connect(running.address).await.expect("is taken up");
    let answer = tokio::time::timeout(Duration::from_secs(20), talk(&mut stream, "GET / HT")).await;
    // Whether it is told why is up to the library; what counts is that the connection is let go.
    assert!(answer.is_ok(), "the connection is still there");
    running.stop.send(()).expect("it runs");
    running.task.await.expect("it does not panic").expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_can_be_encrypted() {
    let certificates = Certificates::new();
    let tls = certificates.files(false).acceptor().expect("the files are good");
    let running = start_with(ServerOptions::default(), Some(tls)).await;
    let mut stream = certificates.connect(running.address, false).await.expect("the certificate is good");
    stream.write_all(bulk().as_bytes()).await.expect("can be sent");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    assert!(answer.contains("\"errors\":false"), "{read:?} {answer}");
    // Who does not speak TLS gets no answer of HTTP.
    let mut plain = TcpStream::connect(running.address).await.expect("is taken up");
    plain.write_all(bulk().as_bytes()).await.expect("can be sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(running.log.events.lock().expect("not poisoned").len(), 1);
    running.stop.send(()).expect("it runs");
    running.task.await.expect("it does not panic").expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_can_be_asked_for_certificates() {
    let certificates = Certificates::new();
    let tls = certificates.files(true).acceptor().expect("the files are good");
    let running = start_with(ServerOptions::default(), Some(tls)).await;
    let mut answers = Vec::new();
    for shows_certificate in [true, false] {
        let mut answer = String::new();
        // Without a certificate the connection ends before or after the client takes its part of it for done.
        if let Ok(mut stream) = certificates.connect(running.address, shows_certificate).await {
            let _ = stream.write_all(bulk().as_bytes()).await;
            let _ = stream.read_to_string(&mut answer).await;
        }
        answers.push(answer.contains("\"errors\":false"));
    }
    assert_eq!(answers, [true, false]);
    running.stop.send(()).expect("it runs");
    running.task.await.expect("it does not panic").expect("it ends in order");
}
