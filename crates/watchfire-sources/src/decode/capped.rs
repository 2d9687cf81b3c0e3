//! A limit on decompressed bytes that is never passed over in silence.

use std::io::{self, Read};

/// A reader that fails where it would give more than a number of bytes.
pub(super) struct Capped<R> {
    inner: R,
    limit: u64,
    left: u64,
}

impl<R> Capped<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Self { inner, limit, left: limit }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read as u64 > self.left {
            let limit = self.limit;
            return Err(io::Error::other(format!("more than the {limit} decompressed bytes allowed")));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_with_an_error_and_not_in_silence() {
        let read = |limit| io::read_to_string(Capped::new(&b"12345"[..], limit));
        assert_eq!(read(5).expect("within the limit"), "12345");
        let error = read(4).expect_err("beyond the limit");
        assert_eq!(error.to_string(), "more than the 4 decompressed bytes allowed");
    }
}
