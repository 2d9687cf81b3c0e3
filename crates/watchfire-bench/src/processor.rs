//! Time of the processor, where the system tells it: Linux does, in `/proc`.

use std::time::Duration;

/// Ticks in a second of what `/proc` counts in them; on every machine that Linux runs on.
const TICKS: f64 = 100.0;

/// Time of all processes that this one has started and waited for, to a hundredth of a second.
pub(crate) fn of_children() -> Option<Duration> {
    children_of(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Time of this thread.
pub(crate) fn of_thread() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn children_of(stat: &str) -> Option<Duration> {
    // The name of the program is in brackets, and may have blanks and brackets in it. The fields behind it begin with
    // the third; times of children are the 16th and 17th.
    let behind = stat.rsplit_once(')')?.1;
    let mut fields = behind.split_ascii_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some(Duration::from_secs_f64((ticks()? + ticks()?) / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_children_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 10 20 150 25 20 0 1 0 99";
        assert_eq!(children_of(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(children_of("7 (a) S 1"), None);
    }
}
