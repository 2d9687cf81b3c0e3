//! EVTX files around records, as small as the format allows.
//!
//! Left to itself a fuzzer spends its time on checks of headers. Inside of whole headers it reaches binary XML at once.

const FILE_HEADER_BYTES: usize = 4096;
const CHUNK_HEADER_BYTES: usize = 512;
const CHUNK_BYTES: usize = 65_536;
const RECORD_HEADER_BYTES: usize = 24;
/// Says that the checksums of a header are not to be looked at.
const NO_CHECKSUM: u32 = 4;
/// Some time in 2026, as Windows counts: tenths of microseconds since 1601.
const TIME: u64 = 134_000_000_000_000_000;

/// The file header alone, for one chunk.
pub(crate) fn header() -> Vec<u8> {
    let mut file = vec![0; FILE_HEADER_BYTES];
    file[..8].copy_from_slice(b"ElfFile\0");
    put(&mut file, 24, &2_u64.to_le_bytes());
    put(&mut file, 32, &128_u32.to_le_bytes());
    put(&mut file, 36, &[1, 0, 3, 0, 0, 16, 1, 0]);
    put(&mut file, 120, &NO_CHECKSUM.to_le_bytes());
    file
}

/// A file with one chunk of these records, each of them binary XML. What does not fit into the chunk is cut off.
pub(crate) fn around<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut chunk = vec![0; CHUNK_HEADER_BYTES];
    let (mut count, mut last) = (0_u64, CHUNK_HEADER_BYTES);
    for record in records {
        let room = CHUNK_BYTES.saturating_sub(chunk.len() + RECORD_HEADER_BYTES + 4);
        let record = &record[..record.len().min(room)];
        let size = u32::try_from(RECORD_HEADER_BYTES + record.len() + 4).expect("a chunk is small");
        if room == 0 {
            break;
        }
        last = chunk.len();
        count += 1;
        chunk.extend_from_slice(b"\x2a\x2a\0\0");
        chunk.extend_from_slice(&size.to_le_bytes());
        chunk.extend_from_slice(&count.to_le_bytes());
        chunk.extend_from_slice(&TIME.to_le_bytes());
        chunk.extend_from_slice(record);
        chunk.extend_from_slice(&size.to_le_bytes());
    }
    let free = u32::try_from(chunk.len()).expect("a chunk is small");
    let last = u32::try_from(last).expect("a chunk is small");
    chunk.resize(CHUNK_BYTES, 0);
    chunk[..8].copy_from_slice(b"ElfChnk\0");
    for (at, number) in [(8, 1), (16, count), (24, 1), (32, count)] {
        put(&mut chunk, at, &number.to_le_bytes());
    }
    for (at, number) in [(40, 128), (44, last), (48, free), (120, NO_CHECKSUM)] {
        put(&mut chunk, at, &number.to_le_bytes());
    }
    let mut file = header();
    file.extend_from_slice(&chunk);
    file
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
