//! Receivers on the loopback that write down what they get: HTTP, SMTP, syslog.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// What was received, each message as the lines that are shown of it.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Vec<String>>>);

impl Received {
    pub(crate) fn add(&self, message: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    }

    /// What came since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The receivers; they end with this.
pub(crate) struct Receivers {
    pub(crate) received: Received,
    pub(crate) http: u16,
    pub(crate) smtp: u16,
    pub(crate) udp: u16,
    pub(crate) tcp: u16,
    answers: Answers,
    tasks: Vec<JoinHandle<()>>,
}

/// Answers to requests by HTTP, each a status with lines of a header.
type Answers = Arc<Mutex<VecDeque<String>>>;

impl Drop for Receivers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Receivers {
    pub(crate) async fn start() -> Self {
        let received = Received::default();
        let answers: Answers = Arc::default();
        let listen = || async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let port = listener.local_addr().expect("it has an address").port();
            (listener, port)
        };
        let ((web, http), (mail, smtp), (log, tcp)) = (listen().await, listen().await, listen().await);
        let datagrams = UdpSocket::bind("127.0.0.1:0").await.expect("a port is free");
        let udp = datagrams.local_addr().expect("it has an address").port();
        let tasks = vec![
            tokio::spawn({
                let (received, answers) = (received.clone(), Arc::clone(&answers));
                async move {
                    while let Ok((stream, _)) = web.accept().await {
                        tokio::spawn(serve_http(stream, Arc::clone(&answers), received.clone()));
                    }
                }
            }),
            tokio::spawn({
                let received = received.clone();
                async move {
                    while let Ok((stream, _)) = mail.accept().await {
                        tokio::spawn(serve_smtp(stream, received.clone()));
                    }
                }
            }),
            tokio::spawn({
                let received = received.clone();
                async move {
                    while let Ok((mut stream, _)) = log.accept().await {
                        let mut text = String::new();
                        if stream.read_to_string(&mut text).await.is_ok() {
                            received.add(format!("syslog by TCP\n  {text}"));
                        }
                    }
                }
            }),
            tokio::spawn({
                let received = received.clone();
                async move {
                    let mut buffer = vec![0; 65_536];
                    while let Ok((length, _)) = datagrams.recv_from(&mut buffer).await {
                        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                        received.add(format!("syslog by UDP\n  {text}"));
                    }
                }
            }),
        ];
        Self { received, http, smtp, udp, tcp, answers, tasks }
    }

    /// How the next requests by HTTP are answered; behind them all get 200.
    pub(crate) fn answer(&self, answers: Vec<String>) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).extend(answers);
    }
}

async fn serve_http(stream: TcpStream, answers: Answers, received: Received) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().expect("a number");
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("the body comes whole");
        // What the library adds is not ours to say.
        let own = ["host:", "accept:", "content-length:", "user-agent:"];
        head.retain(|line| !own.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
        let answer = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let answer = answer.unwrap_or_else(|| "200 OK".to_owned());
        let body = String::from_utf8(body).expect("text");
        received.add(format!(
            "{}\n  {}\n  -> {}",
            head.join("\n  "),
            body.replace('\n', "\n  "),
            answer.replace('\n', ", ")
        ));
        let answer = format!("HTTP/1.1 {}\r\ncontent-length: 3\r\n\r\nno\n", answer.replace('\n', "\r\n"));
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn serve_smtp(stream: TcpStream, received: Received) {
    let mut stream = BufReader::new(stream);
    let mut lines = vec!["mail".to_owned()];
    let mut answer = "220 here".to_owned();
    loop {
        if stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end();
        answer = match line.split_whitespace().next().unwrap_or_default() {
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n").await.expect("the client listens");
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.expect("the mail comes whole");
                    let line = line.trim_end();
                    if line == "." {
                        break;
                    }
                    lines.push(line.to_owned());
                }
                received.add(lines.join("\n  "));
                "250 taken".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            "EHLO" => "250 here".to_owned(),
            _ => {
                lines.push(line.to_owned());
                "250 yes".to_owned()
            }
        };
    }
}
