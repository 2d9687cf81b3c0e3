//! Requests and their answers, byte by byte: each file of a folder is a conversation with a server of its own.
//!
//! ```text
//! # what the conversation is about
//! #! with keys                      what the server is like; the words are those of the crate under test
//! POST /_bulk
//! content-type: application/x-ndjson
//!
//! {"create":{"_index":"a"}}
//! {"x":1}
//! ---                               then the answer: status, headers in order of name, body
//! 200
//! …
//! ===                               then the next request; at the end, what the server has to say
//! ```
//!
//! `{shipper}` in a header stands for what the server gives for it. A header `x-pack: gzip` packs the body, and
//! `x-form: NAME` sends it as a form with a file of this name.
//! `WATCHFIRE_UPDATE=1` writes the answers anew.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Request, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const SEPARATOR: &str = "===\n";
const ANSWER: &str = "---\n";

/// Who answers in a conversation.
pub struct Party {
    /// The server.
    pub router: Router,
    /// What stands in headers, and what is sent for it.
    pub placeholders: Vec<(String, String)>,
    /// What the server has to say at the end.
    pub ending: Box<dyn FnOnce(&Runtime) -> String>,
}

/// An answer, and what was asked.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, without parameters.
    pub path: &'a str,
    /// The status.
    pub status: u16,
    /// The media type of the answer.
    pub media_type: &'a str,
    /// The body of the answer.
    pub body: &'a str,
}

/// Holds all conversations of a folder with servers that `start` makes of the settings of each; `observe` sees every answer.
/// How many answers there were.
pub fn hold_conversations(
    folder: &Path,
    start: impl Fn(&Runtime, &[&str]) -> Party,
    mut observe: impl FnMut(&Path, &Exchange<'_>),
) -> usize {
    let update = std::env::var_os("WATCHFIRE_UPDATE").is_some();
    let (mut wrong, mut answers) = (Vec::new(), 0);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    for path in &paths {
        let text = fs::read_to_string(path).expect("a case is text");
        let came_out = hold(&text, &start, &mut |exchange| {
            answers += 1;
            observe(path, exchange);
        });
        if came_out == text {
            continue;
        }
        if update {
            fs::write(path, &came_out).expect("a case can be written");
        } else {
            wrong.push(format!("{}:\n{came_out}", path.display()));
        }
    }
    assert!(!paths.is_empty(), "there are no cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    answers
}

/// The conversation as it comes out.
fn hold(
    text: &str,
    start: &impl Fn(&Runtime, &[&str]) -> Party,
    observe: &mut dyn FnMut(&Exchange<'_>),
) -> String {
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    let settings: Vec<&str> = head.iter().filter_map(|line| line.strip_prefix("#! ")).collect();
    let rest = &text[head.iter().map(|line| line.len() + 1).sum::<usize>()..];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let party = start(&runtime, &settings);
    let mut out: String = head.iter().flat_map(|line| [*line, "\n"]).collect();
    // Behind the last separator stands what the server had to say.
    let exchanges = rest.rsplit_once(SEPARATOR).map_or(rest, |(exchanges, _)| exchanges);
    for exchange in exchanges.split(SEPARATOR) {
        let request = exchange.split(ANSWER).next().unwrap_or_default();
        out.push_str(request);
        if !request.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(ANSWER);
        let answer = runtime.block_on(answer(&party, request, observe));
        out.push_str(&answer);
        out.push_str(SEPARATOR);
    }
    out.push_str(&(party.ending)(&runtime));
    out
}

async fn answer(party: &Party, text: &str, observe: &mut dyn FnMut(&Exchange<'_>)) -> String {
    let request = request_of(text, &party.placeholders);
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    let response = party.router.clone().oneshot(request).await.expect("a router answers");
    let status = response.status().as_u16();
    let mut answer = format!("{status}\n");
    let mut headers: Vec<_> = response.headers().iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        let _ = writeln!(answer, "{name}: {}", value.to_str().expect("text"));
    }
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body of an answer");
    let body = String::from_utf8(body.to_vec()).expect("text");
    observe(&Exchange { method: &method, path: &path, status, media_type: &media_type, body: &body });
    if !body.is_empty() {
        answer.push('\n');
        answer.push_str(&body);
        if !body.ends_with('\n') {
            answer.push('\n');
        }
    }
    answer
}

fn request_of(text: &str, placeholders: &[(String, String)]) -> Request<Body> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).expect("method and path");
    let mut request = Request::builder().method(method).uri(uri);
    let mut bytes = body.as_bytes().to_vec();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name and value");
        if name == "x-pack" {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&bytes).expect("bytes in memory");
            bytes = packer.finish().expect("bytes in memory");
            request = request.header(header::CONTENT_ENCODING, "gzip");
            continue;
        }
        if name == "x-form" {
            let head = format!(
                "--form\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{value}\"\r\n\r\n"
            );
            bytes = [head.as_bytes(), &bytes, b"\r\n--form--\r\n"].concat();
            request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=form");
            continue;
        }
        let value =
            placeholders.iter().fold(value.to_owned(), |value, (name, sent)| value.replace(name, sent));
        let name: HeaderName = name.parse().expect("the name of a header");
        request = request.header(name, HeaderValue::from_str(&value).expect("the value of a header"));
    }
    if !bytes.is_empty() {
        request = request.header(header::CONTENT_LENGTH, bytes.len());
    }
    request.body(Body::from(bytes)).expect("a request")
}
