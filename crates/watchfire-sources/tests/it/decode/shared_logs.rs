//! Real logs of other people: all of each is read, and damage costs no more than what it hits.

use watchfire_sources::decode::DecodeLimits;

use super::outcome::{of_file, of_stream};
use super::recipe::gzip;

const CHUNK: usize = 65_536;
const HEADER: usize = 4_096;

/// Our own kind of name for each file, and its bytes.
fn logs() -> Vec<(String, Vec<u8>)> {
    let Some(shared) = watchfire_test_support::shared_folder() else { return Vec::new() };
    let folder = shared.join("fixtures/winlogbeat/evtx");
    let mut logs: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.display().to_string(), std::fs::read(path).expect("readable")))
        .collect();
    logs.sort();
    logs
}

/// How many records the header of the only chunk claims.
fn claimed(bytes: &[u8]) -> usize {
    let number =
        |at: usize| u64::from_le_bytes(bytes[HEADER + at..HEADER + at + 8].try_into().expect("8 bytes"));
    (number(32) - number(24) + 1) as usize
}

#[test]
fn shared_evtx_is_read_whole_and_alike_every_way() {
    for (name, bytes) in logs() {
        let limits = DecodeLimits::default();
        let outcome = of_file(&limits, "input", &bytes);
        assert_eq!(outcome.records.len(), claimed(&bytes), "{name}");
        assert_eq!((outcome.rejected.len(), &outcome.reports[0].problem), (0, &None), "{name}");
        assert_eq!(outcome.all(), of_stream(&limits, "input", &bytes, 1_000).all(), "{name} as a stream");
        assert_eq!(outcome.all(), of_file(&limits, "input", &gzip(&bytes)).all(), "{name} as gzip");
    }
}

#[test]
fn shared_evtx_cut_off_anywhere_loses_only_what_is_cut_off() {
    for (name, bytes) in logs() {
        let whole = of_file(&DecodeLimits::default(), "input", &bytes);
        for kept in (HEADER + 512..HEADER + CHUNK).step_by(4_001) {
            let outcome = of_file(&DecodeLimits::default(), "input", &bytes[..kept]);
            let count = outcome.records.len() + outcome.rejected.len();
            assert_eq!(count, whole.records.len(), "{name} up to {kept}:\n{}", outcome.text());
            assert_eq!(outcome.records, whole.records[..outcome.records.len()], "{name} up to {kept}");
            assert!(outcome.reports[0].problem.is_some(), "{name} up to {kept}");
        }
    }
}

#[test]
fn shared_evtx_without_the_header_of_a_chunk_is_read() {
    for (name, mut bytes) in logs() {
        let whole = of_file(&DecodeLimits::default(), "input", &bytes);
        bytes[HEADER..HEADER + 512].fill(0xa5);
        let outcome = of_file(&DecodeLimits::default(), "input", &bytes);
        assert_eq!(outcome.records, whole.records, "{name}");
        let problem = outcome.reports[0].problem.as_deref();
        assert_eq!(
            problem,
            Some("1 chunk was read without its damaged header, up to what is no record"),
            "{name}"
        );
    }
}

#[test]
fn shared_evtx_with_any_byte_damaged_is_noticed() {
    for (name, bytes) in logs() {
        let whole = of_file(&DecodeLimits::default(), "input", &bytes);
        let free = u32::from_le_bytes(bytes[HEADER + 48..HEADER + 52].try_into().expect("4 bytes")) as usize;
        for at in (HEADER..HEADER + free).step_by(509) {
            // Flags say whether there are checksums; the byte behind them is not in any.
            let is_flag = (120..124).contains(&(at - HEADER));
            for value in [0, 0xff, bytes[at] ^ 2] {
                if is_flag || value == bytes[at] {
                    continue;
                }
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let outcome = of_file(&DecodeLimits::default(), "input", &damaged);
                assert!(outcome.reports[0].problem.is_some(), "{name} with {value} at {at}");
                assert!(
                    outcome.records.len() + outcome.rejected.len() >= whole.records.len().min(1),
                    "{name} with {value} at {at}:\n{}",
                    outcome.text()
                );
            }
        }
    }
}
