//! The bytes of a segment.
//!
//! ```text
//! header:  "WFSPOOL1" · u64 first sequence number
//! record:  u32 length of the payload · u32 CRC-32 of all that follows · u64 sequence number · payload
//! ```
//! Numbers are little-endian.

pub(super) const HEADER_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"WFSPOOL1";
const FRAME_HEAD: usize = 16;

/// Largest record. What is larger is refused before it is written, so a length beyond it is damage.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 64 << 20;

pub(super) fn header(first: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..].copy_from_slice(&first.to_le_bytes());
    header
}

/// The first sequence number of a segment with this beginning.
pub(super) fn read_header(bytes: &[u8]) -> Option<u64> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    (header[..8] == MAGIC[..]).then(|| u64_at(header, 8))
}

pub(super) fn write(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    assert!(payload.len() <= MAX_PAYLOAD_BYTES, "callers refuse larger records");
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(sequence, payload).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(payload);
}

/// A whole record at the beginning of some bytes: its number, its payload and what follows.
pub(super) fn read(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let head: &[u8; FRAME_HEAD] = bytes.first_chunk()?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length > MAX_PAYLOAD_BYTES {
        return None;
    }
    let payload = bytes.get(FRAME_HEAD..FRAME_HEAD + length)?;
    let sequence = u64_at(head, 8);
    let expected = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    (checksum(sequence, payload) == expected).then(|| (sequence, payload, &bytes[FRAME_HEAD + length..]))
}

/// The number that the record at the beginning of some bytes would have, if there is one.
pub(super) fn sequence_at(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<FRAME_HEAD>().map(|head| u64_at(head, 8))
}

fn checksum(sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
