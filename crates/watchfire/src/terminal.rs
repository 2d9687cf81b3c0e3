//! Text that is safe and short enough for a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};

use watchfire_diagnostics::is_hidden;
use watchfire_events::Timestamp;

/// Lines of one list that are shown; the rest is counted.
const SHOWN: usize = 20;

/// The text of events is not to move the cursor of a terminal, nor to turn the order of a line around.
pub(crate) fn escape_controls(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A time as tables show it, in UTC: `2026-03-02 08:00:00.000`.
pub(crate) fn time_in_table(time: Timestamp) -> String {
    time.to_iso_millis().trim_end_matches('Z').replacen('T', " ", 1)
}

/// One line for each count, the largest first; what is not shown is counted.
pub(crate) fn write_counts(
    log: &mut dyn Write,
    counts: &BTreeMap<String, u64>,
    line: impl Fn(&str, u64) -> String,
) -> io::Result<()> {
    let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
    sorted.sort_by_key(|&(key, number)| (std::cmp::Reverse(number), key));
    for (key, number) in sorted.iter().take(SHOWN) {
        writeln!(log, "{}", escape_controls(&line(key, **number)))?;
    }
    if sorted.len() > SHOWN {
        let rest: u64 = sorted.iter().skip(SHOWN).map(|(_, number)| **number).sum();
        writeln!(log, "  … {} more lines with {rest} in all; --summary has them", sorted.len() - SHOWN)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::escape_controls;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(escape_controls("a\u{1b}[2Jb\r\n\u{202e}c ä"), "a\\u{1b}[2Jb\\r\\n\\u{202e}c ä");
    }
}
