//! Archives that no recipe makes.

use watchfire_sources::decode::DecodeLimits;

use super::outcome::of_file;

fn tar_with_a_name_of(length: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [("x".repeat(length), "{\"n\":1}"), ("b".into(), "{\"n\":2}")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content.as_bytes()).expect("in memory");
    }
    archive.into_inner().expect("in memory")
}

#[test]
fn a_name_without_end_is_cut_and_its_member_read() {
    for length in [1_100, 3 << 20] {
        let outcome = of_file(&DecodeLimits::default(), "input", &tar_with_a_name_of(length));
        assert_eq!(outcome.records.len(), 2, "{}", outcome.text());
        assert_eq!(&*outcome.reports[0].name, format!("input!{}", "x".repeat(1_024)));
        assert!(outcome.reports.iter().all(|report| report.problem.is_none()), "{}", outcome.text());
    }
}

#[test]
fn members_of_one_name_are_all_read() {
    let one = tar_with_a_name_of(1);
    // An archive ends with two empty blocks; without them the next one continues it.
    let twice = [&one[..one.len() - 1_024], &one].concat();
    let outcome = of_file(&DecodeLimits::default(), "input", &twice);
    assert_eq!((outcome.records.len(), outcome.reports.len()), (4, 5), "{}", outcome.text());
}
