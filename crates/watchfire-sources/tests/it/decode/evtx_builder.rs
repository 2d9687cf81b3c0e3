//! EVTX files of our own making: plain binary XML without templates, one element per value.

const CHUNK_BYTES: usize = 65_536;
const CHUNK_HEADER_BYTES: usize = 512;
const FILE_HEADER_BYTES: usize = 4_096;
/// 2024-05-01T12:00:00Z in units of 100 ns since 1601.
const TIME: u64 = 133_590_384_000_000_000;

/// A file with so many chunks of so many records each; records are numbered from 1.
pub(super) fn evtx(chunks: u64, records_per_chunk: u64) -> Vec<u8> {
    let mut file = vec![0; FILE_HEADER_BYTES];
    file[..8].copy_from_slice(b"ElfFile\0");
    file[16..24].copy_from_slice(&(chunks - 1).to_le_bytes());
    file[24..32].copy_from_slice(&(chunks * records_per_chunk + 1).to_le_bytes());
    file[32..36].copy_from_slice(&128_u32.to_le_bytes());
    file[36..38].copy_from_slice(&1_u16.to_le_bytes());
    file[38..40].copy_from_slice(&3_u16.to_le_bytes());
    file[40..42].copy_from_slice(&4_096_u16.to_le_bytes());
    file[42..44].copy_from_slice(&(chunks as u16).to_le_bytes());
    for number in 0..chunks {
        let first = number * records_per_chunk + 1;
        file.extend(chunk(first..=first + records_per_chunk - 1));
    }
    file
}

fn chunk(ids: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    let mut chunk = vec![0; CHUNK_HEADER_BYTES];
    let mut last_offset = 0;
    for id in ids.clone() {
        last_offset = chunk.len() as u32;
        add_record(&mut chunk, id);
    }
    let free = chunk.len() as u32;
    assert!(chunk.len() <= CHUNK_BYTES, "too many records for a chunk");
    chunk.resize(CHUNK_BYTES, 0);
    chunk[..8].copy_from_slice(b"ElfChnk\0");
    for (at, value) in [(8, *ids.start()), (16, *ids.end()), (24, *ids.start()), (32, *ids.end())] {
        chunk[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    // Checksums are declared absent by the last field.
    for (at, value) in [(40, 128), (44, last_offset), (48, free), (120, 4)] {
        chunk[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
    }
    chunk
}

fn add_record(chunk: &mut Vec<u8>, id: u64) {
    let start = chunk.len();
    chunk.extend_from_slice(b"\x2a\x2a\0\0\0\0\0\0");
    chunk.extend_from_slice(&id.to_le_bytes());
    chunk.extend_from_slice(&(TIME + id).to_le_bytes());
    chunk.extend_from_slice(&[0x0f, 1, 1, 0]);
    add_element(chunk, "Event", |chunk| {
        add_element(chunk, "System", |chunk| {
            for (name, text) in [("EventID", "4688"), ("Channel", "Security"), ("Computer", "pc-7")] {
                add_element(chunk, name, |chunk| add_text(chunk, text));
            }
            add_element(chunk, "EventRecordID", |chunk| add_text(chunk, &id.to_string()));
        });
        add_element(chunk, "EventData", |chunk| {
            add_element(chunk, "NewProcessName", |chunk| add_text(chunk, "C:\\Windows\\notepad.exe"));
        });
    });
    chunk.push(0);
    let size = (chunk.len() - start + 4) as u32;
    chunk.extend_from_slice(&size.to_le_bytes());
    chunk[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
}

fn add_element(chunk: &mut Vec<u8>, name: &str, content: impl FnOnce(&mut Vec<u8>)) {
    // Start of an element without attributes, its length, which readers do not need, and where its name is: here.
    chunk.extend_from_slice(&[0x01, 0, 0, 0, 0]);
    let at = chunk.len() as u32 + 4;
    chunk.extend_from_slice(&at.to_le_bytes());
    // The next name in the table of names, a hash, and the name.
    chunk.extend_from_slice(&[0; 6]);
    add_utf16(chunk, name);
    chunk.extend_from_slice(&[0, 0, 0x02]);
    content(chunk);
    chunk.push(0x04);
}

fn add_text(chunk: &mut Vec<u8>, text: &str) {
    chunk.extend_from_slice(&[0x05, 0x01]);
    add_utf16(chunk, text);
}

fn add_utf16(chunk: &mut Vec<u8>, text: &str) {
    chunk.extend_from_slice(&(text.encode_utf16().count() as u16).to_le_bytes());
    chunk.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
}
