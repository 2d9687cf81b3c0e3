//! Cases that are text files, one text each.
//!
//! Text that would not be seen in a file, or not survive an editor, is written with pictures: `␠` is a space, `␉` a tab,
//! `␊` a line feed, `␍` a carriage return, `⍽` a no-break space, `␀` the control character U+0001. A file that begins
//! with `#!repeat N ` stands for N times the rest of its line.

use std::fs;
use std::path::Path;

const PICTURES: [(char, &str); 6] =
    [('␠', " "), ('␉', "\t"), ('␊', "\n"), ('␍', "\r"), ('⍽', "\u{a0}"), ('␀', "\u{1}")];

/// The cases of a folder in the order of their names: the name of the file without its extension, and the text that its
/// content, without the last line end, stands for.
pub fn text_cases(folder: &Path, extension: &str) -> Vec<(String, String)> {
    let fail = |error| -> ! { panic!("{}: {error}", folder.display()) };
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(error));
    let paths = entries.map(|entry| entry.unwrap_or_else(|error| fail(error)).path());
    let mut cases: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let content = crate::read_text(&path);
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, visible(content.strip_suffix('\n').unwrap_or(&content)))
        })
        .collect();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases.sort();
    cases
}

fn visible(content: &str) -> String {
    if let Some((count, unit)) = content.strip_prefix("#!repeat ").and_then(|rest| rest.split_once(' ')) {
        return unit.repeat(count.parse().expect("a number of repetitions"));
    }
    PICTURES.iter().fold(content.to_owned(), |text, (picture, character)| text.replace(*picture, character))
}
