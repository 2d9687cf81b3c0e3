//! Bodies: whole, within their caps, unpacked. A body that says that it is too long is refused before any of it is read.

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ServerOptions;
use crate::error::ApiError;

/// The bytes that bodies may take up together, in kilobytes, which is what the semaphore counts.
#[derive(Clone, Debug)]
pub(crate) struct BodyRoom(Arc<Semaphore>);

const KILOBYTE: usize = 1 << 10;

impl BodyRoom {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / KILOBYTE).clamp(1, Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let kilobytes = u32::try_from(bytes.div_ceil(KILOBYTE)).unwrap_or(u32::MAX);
        Arc::clone(&self.0)
            .try_acquire_many_owned(kilobytes)
            .map_err(|_| ApiError::busy("too many bytes are on their way at the moment"))
    }
}

/// Bytes as they come, and the room that they take up.
struct Held<'r> {
    bytes: Vec<u8>,
    cap: usize,
    room: &'r BodyRoom,
    permit: OwnedSemaphorePermit,
    permitted: usize,
}

impl<'r> Held<'r> {
    fn new(room: &'r BodyRoom, cap: usize) -> Result<Self, ApiError> {
        Ok(Self { bytes: Vec::new(), cap, room, permit: room.take(0)?, permitted: 0 })
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        /// Room is taken so many bytes at a time.
        const STEP: usize = 256 << 10;
        let length = self.bytes.len() + bytes.len();
        if length > self.cap {
            return Err(ApiError::too_large(self.cap));
        }
        if length > self.permitted {
            let more = (length - self.permitted).next_multiple_of(STEP);
            self.permit.merge(self.room.take(more)?);
            self.permitted += more;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self) -> WholeBody {
        WholeBody { bytes: self.bytes, _permit: self.permit }
    }
}

/// The content of a body, and the room that it takes up.
pub(crate) struct WholeBody {
    pub(crate) bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

/// Most bytes of a body: as it is sent, and unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) packed: usize,
    pub(crate) unpacked: usize,
}

/// Reads a body of documents.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    room: &BodyRoom,
    options: &ServerOptions,
) -> Result<WholeBody, ApiError> {
    let caps = Caps { packed: options.max_body_bytes, unpacked: options.max_unpacked_bytes };
    read_within(headers, body, room, options, caps).await
}

/// Reads a body within caps of its own.
pub(crate) async fn read_within(
    headers: &HeaderMap,
    body: Body,
    room: &BodyRoom,
    options: &ServerOptions,
    caps: Caps,
) -> Result<WholeBody, ApiError> {
    let cap = caps.packed;
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > cap as u64) {
        return Err(ApiError::too_large(cap));
    }
    let is_packed = is_gzip(headers)?;
    let read = tokio::time::timeout(options.body_timeout, receive(body, room, cap)).await;
    let received = read.map_err(|_| {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "receive_timeout_transport_exception",
            format!("the body did not come within {} seconds", options.body_timeout.as_secs()),
        )
    })??;
    if !is_packed {
        return Ok(received);
    }
    let (room, cap) = (room.clone(), caps.unpacked);
    tokio::task::spawn_blocking(move || unpack(&received.bytes, &room, cap))
        .await
        .map_err(|_| ApiError::failed("the body could not be unpacked"))?
}

async fn receive(mut body: Body, room: &BodyRoom, cap: usize) -> Result<WholeBody, ApiError> {
    let mut held = Held::new(room, cap)?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::illegal(format!("the body broke off: {error}")))?;
        if let Some(bytes) = frame.data_ref() {
            held.extend(bytes)?;
        }
    }
    Ok(held.finish())
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    match encoding.to_str().unwrap_or_default().trim() {
        "" | "identity" => Ok(false),
        encoding if encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip") => {
            Ok(true)
        }
        encoding => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "illegal_argument_exception",
            format!("the content encoding `{encoding}` is not read here; it can be gzip"),
        )),
    }
}

fn unpack(packed: &[u8], room: &BodyRoom, cap: usize) -> Result<WholeBody, ApiError> {
    let mut held = Held::new(room, cap)?;
    let mut reader = MultiGzDecoder::new(packed);
    let mut part = vec![0; 64 << 10];
    loop {
        match reader.read(&mut part) {
            Ok(0) => return Ok(held.finish()),
            Ok(length) => held.extend(&part[..length])?,
            Err(error) => return Err(ApiError::illegal(format!("the body is no gzip: {error}"))),
        }
    }
}
