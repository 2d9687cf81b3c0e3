//! Syslog over the network (RFC 5424 and RFC 3164), by UDP, TCP and TLS.
//!
//! ```text
//! TCP, TLS ─► frames: `LENGTH MESSAGE` or lines (RFC 6587) ─► so many, or what came in a moment ─► EventLog.append
//!             nothing more is read until they are durable: the sender waits, and loses nothing
//! UDP ──────► datagrams ─► the same; what has no room is lost, and counted
//! ```
//!
//! The protocol has no acknowledgement: what a sender has in its buffers when a connection breaks is for it to send again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use watchfire_sources::decode::syslog_record;
use watchfire_sources::normalise::RawPayload;

use crate::records::Messages;
use crate::state::Server;

/// Most bytes of a message. RFC 5424 asks for 2 KiB; messages that carry Windows events have some dozens.
const MOST_BYTES: usize = 1 << 20;
/// Messages that are kept at a time.
const TOGETHER: usize = 1_000;
/// How long more messages are waited for.
const MOMENT: Duration = Duration::from_millis(100);
/// How long it takes until what could not be kept is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Most connections at a time.
const MOST_CONNECTIONS: usize = 1_024;
/// What messages are counted by that are no part of a data stream.
const COUNTED: &str = "(syslog)";

/// Takes messages by UDP until it is told to stop.
///
/// # Errors
/// If the socket fails for good.
pub async fn syslog_udp(
    server: Arc<Server>,
    socket: UdpSocket,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let (length, sender) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An earlier answer of ours could not be delivered: nothing is wrong with the socket.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => continue,
                Err(error) => return Err(error),
            },
            () = told(&mut stop) => return Ok(()),
        };
        let mut payloads = Vec::new();
        let mut name = name_of("udp", sender);
        take(&mut payloads, &buffer[..length]);
        // What else has come already.
        while payloads.len() < TOGETHER
            && let Ok((length, other)) = socket.try_recv_from(&mut buffer)
        {
            if other != sender {
                "syslog by udp".clone_into(&mut name);
            }
            take(&mut payloads, &buffer[..length]);
        }
        let number = payloads.len() as u64;
        if keep(&server, Messages { sender: name, payloads }).await.is_err() {
            server.counts.count(COUNTED, |counts| {
                *counts.refused.entry("no_room".to_owned()).or_default() += number;
            });
        }
    }
}

/// Takes connections until it is told to stop; with `tls` they are encrypted.
///
/// # Errors
/// If the listener fails for good.
pub async fn syslog_tcp(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, sender) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(MOMENT).await;
                    continue;
                }
            },
            () = told(&mut stop) => return Ok(()),
        };
        let (server, tls, stop) = (Arc::clone(&server), tls.clone(), stop.clone());
        tokio::spawn(async move {
            let ended = match tls {
                Some(tls) => {
                    let handshake = tokio::time::timeout(server.options.head_timeout, tls.accept(stream));
                    match handshake.await {
                        Ok(Ok(stream)) => connection(&server, stream, name_of("tls", sender), stop).await,
                        _ => Err(Broken::Handshake),
                    }
                }
                None => connection(&server, stream, name_of("tcp", sender), stop).await,
            };
            if let Err(broken) = ended {
                server.counts.count(COUNTED, |counts| {
                    *counts.refused.entry(broken.word().to_owned()).or_default() += 1;
                });
            }
            drop(place);
        });
    }
}

/// Ends when it is told to stop, or nobody is there to tell.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Why a connection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Handshake,
    TooLarge,
    Lost,
}

impl Broken {
    fn word(self) -> &'static str {
        match self {
            Self::Handshake => "tls_handshake",
            Self::TooLarge => "message_too_large",
            Self::Lost => "connection_lost",
        }
    }
}

fn name_of(transport: &str, sender: SocketAddr) -> String {
    format!("syslog by {transport} from {}", sender.ip())
}

fn take(payloads: &mut Vec<RawPayload>, message: &[u8]) {
    let message = message.trim_ascii_end();
    if !message.is_empty() {
        payloads.push(syslog_record(message));
    }
}

/// Keeps messages, on a thread that may block.
async fn keep(server: &Arc<Server>, messages: Messages) -> Result<(), Messages> {
    if messages.payloads.is_empty() {
        return Ok(());
    }
    let server = Arc::clone(server);
    let kept = tokio::task::spawn_blocking(move || {
        let options = server.options.normalise.clone();
        match server.keep_messages(&messages, &options) {
            Ok(_) => Ok(()),
            Err(_) => Err(messages),
        }
    });
    kept.await.unwrap_or(Ok(()))
}

/// Reads a connection to its end.
async fn connection(
    server: &Arc<Server>,
    mut stream: impl AsyncRead + Unpin,
    sender: String,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Broken> {
    let mut buffer = Vec::new();
    let mut payloads = Vec::new();
    let mut is_open = true;
    while is_open {
        let read = tokio::select! {
            read = stream.read_buf(&mut buffer) => read,
            // No more comes for a moment: what is here is kept.
            () = tokio::time::sleep(MOMENT), if !payloads.is_empty() => {
                keep_all(server, &sender, &mut payloads).await;
                continue;
            }
            () = told(&mut stop) => Ok(0),
        };
        is_open = matches!(read, Ok(number) if number > 0);
        let mut at = 0;
        loop {
            match frame(&buffer[at..], !is_open) {
                Frame::Message { start, end, next } => {
                    take(&mut payloads, &buffer[at + start..at + end]);
                    at += next;
                    if payloads.len() >= TOGETHER {
                        keep_all(server, &sender, &mut payloads).await;
                    }
                }
                Frame::NotWhole => break,
                Frame::TooLarge => {
                    keep_all(server, &sender, &mut payloads).await;
                    return Err(Broken::TooLarge);
                }
            }
        }
        buffer.drain(..at);
        if read.is_err() {
            keep_all(server, &sender, &mut payloads).await;
            return Err(Broken::Lost);
        }
    }
    keep_all(server, &sender, &mut payloads).await;
    Ok(())
}

/// Keeps messages, however long that takes: meanwhile the sender waits.
async fn keep_all(server: &Arc<Server>, sender: &str, payloads: &mut Vec<RawPayload>) {
    let mut messages = Messages { sender: sender.to_owned(), payloads: std::mem::take(payloads) };
    while let Err(not_kept) = keep(server, messages).await {
        messages = not_kept;
        tokio::time::sleep(AGAIN).await;
    }
}

/// What the bytes of a connection begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// A message, and where the next one begins.
    Message { start: usize, end: usize, next: usize },
    /// A part of one.
    NotWhole,
    /// A message that is larger than any may be.
    TooLarge,
}

/// The next frame: `LENGTH MESSAGE`, or a line.
fn frame(bytes: &[u8], is_end: bool) -> Frame {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r' | 0)).count();
    let rest = &bytes[blank..];
    if rest.is_empty() {
        return if blank > 0 { Frame::Message { start: 0, end: 0, next: blank } } else { Frame::NotWhole };
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let counts = digits > 0 && rest[0] != b'0';
    if counts && rest.get(digits) == Some(&b' ') {
        let length =
            std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length.filter(|length| *length <= MOST_BYTES) else { return Frame::TooLarge };
        let (start, end) = (blank + digits + 1, blank + digits + 1 + length);
        // A line that begins with a number, such as a year, is no frame with a length.
        if bytes.get(start) == Some(&b'<') || bytes.len() <= start {
            return match (bytes.len() >= end, is_end) {
                (true, _) => Frame::Message { start, end, next: end },
                (false, true) if bytes.len() > start => {
                    Frame::Message { start, end: bytes.len(), next: bytes.len() }
                }
                (false, _) => Frame::NotWhole,
            };
        }
    }
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | 0));
    match end {
        Some(end) if end > MOST_BYTES => Frame::TooLarge,
        Some(end) => Frame::Message { start: blank, end: blank + end, next: blank + end + 1 },
        None if rest.len() > MOST_BYTES => Frame::TooLarge,
        None if is_end => Frame::Message { start: blank, end: bytes.len(), next: bytes.len() },
        None => Frame::NotWhole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a connection that sends these bytes, cut at every place.
    fn messages(bytes: &[u8]) -> Vec<String> {
        let all = |cut: usize| {
            let (mut buffer, mut found) = (Vec::new(), Vec::new());
            for (part, is_end) in [(&bytes[..cut], false), (&bytes[cut..], true)] {
                buffer.extend_from_slice(part);
                let mut at = 0;
                while let Frame::Message { start, end, next } = frame(&buffer[at..], is_end) {
                    let text = String::from_utf8_lossy(&buffer[at + start..at + end]).trim_end().to_owned();
                    if !text.is_empty() {
                        found.push(text);
                    }
                    at += next;
                }
                buffer.drain(..at);
            }
            assert!(buffer.is_empty(), "{buffer:?} is left");
            found
        };
        let whole = all(bytes.len());
        for cut in 0..bytes.len() {
            assert_eq!(all(cut), whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn messages_are_lines_or_have_a_length() {
        assert_eq!(messages(b"<1>a\n<2>b\r\n<3>c"), ["<1>a", "<2>b", "<3>c"]);
        assert_eq!(messages(b"5 <1>ab4 <2>c7 <3>d\ne"), ["<1>ab", "<2>c", "<3>d\ne"]);
        assert_eq!(messages(b"<1>a\n5 <2>bc<3>d\0<4>e"), ["<1>a", "<2>bc", "<3>d", "<4>e"]);
        assert_eq!(messages(b"2026 was a year\n"), ["2026 was a year"]);
        assert_eq!(messages(b""), Vec::<String>::new());
    }

    #[test]
    fn what_is_too_large_is_no_message() {
        assert_eq!(frame(b"99999999 <1>", false), Frame::TooLarge);
        assert_eq!(frame(&vec![b'a'; MOST_BYTES + 1], false), Frame::TooLarge);
        assert_eq!(frame(b"99999999999999999999999999 <1>", false), Frame::TooLarge);
    }
}
