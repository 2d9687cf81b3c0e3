//! What one file has cost so far: the bytes read of it, and the bytes that decompression made of them.
//!
//! The readers of all layers share one [`Meter`], so that a bomb is found however it is nested.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use super::limits::DecodeLimits;

/// The two counts, and their limits.
#[derive(Debug)]
pub(super) struct Meter {
    consumed: Cell<u64>,
    decompressed: Cell<u64>,
    /// Whether the file is taken to end where it has been read to.
    stopped: Cell<bool>,
    /// Length of the file where it is known. An archive may read the same bytes of it again and again.
    length: Option<u64>,
    decompressed_limit: u64,
    ratio_limit: u64,
    ratio_ignored_below: u64,
}

impl Meter {
    pub(super) fn new(limits: &DecodeLimits, length: Option<u64>) -> Rc<Self> {
        Rc::new(Self {
            consumed: Cell::new(0),
            decompressed: Cell::new(0),
            stopped: Cell::new(false),
            length,
            decompressed_limit: limits.decompressed_bytes,
            ratio_limit: limits.decompression_ratio,
            ratio_ignored_below: limits.ratio_ignored_below,
        })
    }

    /// Bytes read of the file, at most its length.
    pub(super) fn consumed(&self) -> u64 {
        let consumed = self.consumed.get();
        self.length.map_or(consumed, |length| consumed.min(length))
    }

    /// Ends the file here.
    pub(super) fn stop(&self) {
        self.stopped.set(true);
    }

    fn left(&self) -> u64 {
        self.decompressed_limit.saturating_sub(self.decompressed.get())
    }

    fn too_much(&self) -> io::Error {
        io::Error::other(format!("more than the {} decompressed bytes allowed", self.decompressed_limit))
    }

    fn add_decompressed(&self, bytes: u64) -> io::Result<()> {
        let total = self.decompressed.get() + bytes;
        self.decompressed.set(total);
        // The layer below may have used up what was left in between.
        if total > self.decompressed_limit {
            return Err(self.too_much());
        }
        let (consumed, ratio) = (self.consumed(), self.ratio_limit);
        if total > self.ratio_ignored_below && total / consumed.max(1) > ratio {
            return Err(io::Error::other(format!(
                "{consumed} bytes became {total}: more than {ratio} for each, as in a decompression bomb"
            )));
        }
        Ok(())
    }
}

/// Counts what is read of the file itself.
pub(super) struct Outer<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R> Outer<R> {
    pub(super) fn new(inner: R, meter: &Rc<Meter>) -> Self {
        Self { inner, meter: Rc::clone(meter) }
    }
}

impl<R: Read> Read for Outer<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.stopped.get() {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        self.meter.consumed.set(self.meter.consumed.get() + read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Outer<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Counts what a decompressor gives, and fails where it gives too much: a limit never looks like an end.
pub(super) struct Decompressed<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R> Decompressed<R> {
    pub(super) fn new(inner: R, meter: &Rc<Meter>) -> Self {
        Self { inner, meter: Rc::clone(meter) }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let left = self.meter.left();
        if left == 0 {
            // All that is allowed has been given; it is too much only if there is more.
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(self.meter.too_much()),
            };
        }
        let allowed = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..allowed])?;
        self.meter.add_decompressed(read as u64)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> DecodeLimits {
        DecodeLimits { decompressed_bytes: 5, ..DecodeLimits::default() }
    }

    #[test]
    fn ends_with_an_error_and_not_in_silence() {
        let read =
            |text: &'static [u8]| io::read_to_string(Decompressed::new(text, &Meter::new(&limits(), None)));
        assert_eq!(read(b"12345").expect("within the limit"), "12345");
        let error = read(b"123456").expect_err("beyond the limit");
        assert_eq!(error.to_string(), "more than the 5 decompressed bytes allowed");
    }

    #[test]
    fn layers_share_one_limit() {
        let meter = Meter::new(&limits(), None);
        let inner = Decompressed::new(&b"123"[..], &meter);
        let error =
            io::read_to_string(Decompressed::new(inner, &meter)).expect_err("six bytes in two layers");
        assert_eq!(error.to_string(), "more than the 5 decompressed bytes allowed");
    }

    #[test]
    fn reading_the_same_bytes_again_does_not_hide_a_bomb() {
        let limits =
            DecodeLimits { decompression_ratio: 10, ratio_ignored_below: 20, ..DecodeLimits::default() };
        let meter = Meter::new(&limits, Some(2));
        io::read_to_string(Outer::new(&b"1234567890"[..], &meter)).expect("readable");
        assert_eq!(meter.consumed(), 2);
        let error =
            io::read_to_string(Decompressed::new(io::repeat(b'x').take(32), &meter)).expect_err("a bomb");
        assert_eq!(error.to_string(), "2 bytes became 32: more than 10 for each, as in a decompression bomb");
    }
}
