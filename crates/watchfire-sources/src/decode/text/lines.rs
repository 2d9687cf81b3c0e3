//! Cuts a stream into lines, none of which is held in memory beyond the size of a record.

/// A line without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    /// Its bytes; of a line that is too large, the beginning.
    pub(super) text: &'t [u8],
    /// Its number, from 1.
    pub(super) number: u64,
    /// Whether it is larger than a record may be.
    pub(super) too_large: bool,
}

/// Of a line that is too large so many bytes are kept, which say what it is.
const KEPT_BEGINNING: usize = 256;

pub(super) struct LineCutter {
    limit: usize,
    /// The beginning of a line whose end is in a later chunk.
    begun: Vec<u8>,
    too_large: bool,
    number: u64,
    nuls: u64,
}

impl LineCutter {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, begun: Vec::new(), too_large: false, number: 1, nuls: 0 }
    }

    /// NUL bytes in front of lines. A system that crashes leaves runs of them in its logs, in front of the line that
    /// is written first after it.
    pub(super) fn nuls(&self) -> u64 {
        self.nuls
    }

    /// Gives each line that ends in these bytes.
    pub(super) fn add(&mut self, mut bytes: &[u8], give: &mut dyn FnMut(Line<'_>)) {
        while !bytes.is_empty() {
            if self.begun.is_empty() && !self.too_large {
                let line = without_nuls(bytes);
                self.nuls += (bytes.len() - line.len()) as u64;
                bytes = line;
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.begin(bytes);
                return;
            };
            if self.begun.is_empty() && !self.too_large {
                self.give(&bytes[..end], end > self.limit, give);
            } else {
                self.begin(&bytes[..end]);
                self.give_begun(give);
            }
            self.number += 1;
            bytes = &bytes[end + 1..];
        }
    }

    /// The end of the stream: the last line may have no end of its own.
    pub(super) fn finish(&mut self, give: &mut dyn FnMut(Line<'_>)) {
        self.give_begun(give);
    }

    fn begin(&mut self, bytes: &[u8]) {
        if self.begun.len() + bytes.len() > self.limit {
            self.too_large = true;
        }
        if self.too_large {
            let more = bytes.len().min(KEPT_BEGINNING.saturating_sub(self.begun.len()));
            self.begun.extend_from_slice(&bytes[..more]);
            self.begun.truncate(KEPT_BEGINNING);
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn give_begun(&mut self, give: &mut dyn FnMut(Line<'_>)) {
        let mut begun = std::mem::take(&mut self.begun);
        let too_large = std::mem::take(&mut self.too_large);
        self.give(&begun, too_large, give);
        begun.clear();
        self.begun = begun;
    }

    fn give(&self, line: &[u8], too_large: bool, give: &mut dyn FnMut(Line<'_>)) {
        let text = if too_large { &line[..line.len().min(KEPT_BEGINNING)] } else { line };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if too_large || !text.trim_ascii().is_empty() {
            give(Line { text, number: self.number, too_large });
        }
    }
}

/// A line without the NUL bytes in front of it.
pub(super) fn without_nuls(line: &[u8]) -> &[u8] {
    let nuls = line.iter().take_while(|byte| **byte == 0).count();
    &line[nuls..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], limit: usize, piece: usize) -> (Vec<(String, u64, bool)>, u64) {
        let mut lines = Vec::new();
        let mut cutter = LineCutter::new(limit);
        let mut give = |line: Line<'_>| {
            lines.push((String::from_utf8_lossy(line.text).into_owned(), line.number, line.too_large));
        };
        for piece in text.chunks(piece) {
            cutter.add(piece, &mut give);
        }
        cutter.finish(&mut give);
        (lines, cutter.nuls())
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces() {
        let long = "x".repeat(300);
        let text = format!("a\r\n\n  \nb\0c\n\0\0d\n{long}\n\0e");
        let line = |text: &str, number, too_large| (text.to_owned(), number, too_large);
        let expected = vec![
            line("a", 1, false),
            line("b\0c", 4, false),
            line("d", 5, false),
            line(&long[..KEPT_BEGINNING], 6, true),
            line("e", 7, false),
        ];
        for piece in [1, 2, 7, 299, 1_000] {
            assert_eq!(cut(text.as_bytes(), 280, piece), (expected.clone(), 3), "in pieces of {piece}");
        }
        assert_eq!(cut(text.as_bytes(), 300, 9).0[3], line(&long, 6, false));
    }
}
