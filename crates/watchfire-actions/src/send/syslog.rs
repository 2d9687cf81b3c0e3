//! Messages by syslog (RFC 5424), by UDP (RFC 5426) or TCP (RFC 6587).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket, lookup_host};

use super::{Message, SendError};
use crate::connector::{Syslog, Transport};

/// A datagram holds no more.
const MOST_OF_DATAGRAM: usize = 8_192;

pub(super) async fn send(syslog: &Syslog, message: &Message<'_>) -> Result<(), SendError> {
    let text = text(syslog, message)?;
    let sent = tokio::time::timeout(message.timeout, transmit(syslog, &text)).await;
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(SendError::passing(error.to_string())),
        Err(_) => Err(SendError::passing("the receiver took too long")),
    }
}

fn text(syslog: &Syslog, message: &Message<'_>) -> Result<String, SendError> {
    let severity = match message.text("level").unwrap_or("warning") {
        "emergency" => 0,
        "alert" => 1,
        "critical" | "fatal" => 2,
        "error" => 3,
        "warning" | "warn" => 4,
        "notice" => 5,
        "info" => 6,
        "debug" | "trace" => 7,
        other => return Err(SendError::Final(format!("`params.level`: `{other}` is no severity"))),
    };
    let priority = u32::from(syslog.facility) * 8 + severity;
    let at = message.now.to_iso_millis();
    let id = &message.delivery.id;
    // Whatever reads lines shall not take a value of an event for a message of its own.
    let body: String =
        message.required("message")?.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    Ok(format!("<{priority}>1 {at} - watchfire - {id} - {body}"))
}

async fn transmit(syslog: &Syslog, text: &str) -> std::io::Result<()> {
    let mut addresses = lookup_host((syslog.host.as_str(), syslog.port)).await?;
    let address = addresses.next().ok_or_else(|| std::io::Error::other("the host has no address"))?;
    match syslog.transport {
        Transport::Udp => {
            let own: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let end = (0..=text.len().min(MOST_OF_DATAGRAM)).rev().find(|&at| text.is_char_boundary(at));
            let socket = UdpSocket::bind(own).await?;
            socket.send_to(&text.as_bytes()[..end.unwrap_or(0)], address).await.map(drop)
        }
        Transport::Tcp => {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(format!("{} {text}", text.len()).as_bytes()).await?;
            stream.shutdown().await
        }
    }
}
