//! UTF-16 as UTF-8, without having all of it in memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use encoding_rs::{Decoder, Encoding};

use super::limits::BUFFER_BYTES;

/// Gives UTF-8. What is no UTF-16 (half a pair) becomes U+FFFD, as everywhere else.
pub(super) struct Utf8<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` is not decoded yet.
    waiting: std::ops::Range<usize>,
    text: Vec<u8>,
    /// What of `text` is not given yet.
    ready: std::ops::Range<usize>,
    ended: bool,
    replaced: Rc<Cell<bool>>,
}

impl<R: Read> Utf8<R> {
    /// `replaced` is set as soon as something had to be replaced.
    pub(super) fn new(inner: R, encoding: &'static Encoding, replaced: Rc<Cell<bool>>) -> Self {
        Self {
            inner,
            // The mark at the start is no part of the text.
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; BUFFER_BYTES],
            waiting: 0..0,
            // A unit of two bytes is at most three in UTF-8, and some room for what the decoder holds back.
            text: vec![0; BUFFER_BYTES * 2],
            ready: 0..0,
            ended: false,
            replaced,
        }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            if self.ended {
                return Ok(0);
            }
            if self.waiting.is_empty() {
                let read = self.inner.read(&mut self.raw)?;
                self.waiting = 0..read;
            }
            let last = self.waiting.is_empty();
            let (result, read, written, replaced) =
                self.decoder.decode_to_utf8(&self.raw[self.waiting.clone()], &mut self.text, last);
            self.replaced.set(self.replaced.get() || replaced);
            self.waiting.start += read;
            self.ready = 0..written;
            self.ended = last && result == encoding_rs::CoderResult::InputEmpty;
        }
        let length = buffer.len().min(self.ready.len());
        buffer[..length].copy_from_slice(&self.text[self.ready.start..][..length]);
        self.ready.start += length;
        Ok(length)
    }
}
