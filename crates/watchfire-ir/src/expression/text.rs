//! Functions on texts, with lengths and positions in UTF-16 units (eql-semantics §10).
//!
//! A cut through a character of two units leaves U+FFFD for the half that remains: it has one unit too, so lengths
//! stay right, and it equals nothing that a rule would name.

use std::borrow::Cow;

/// Number of UTF-16 units.
pub(super) fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// A slice as Python cuts it: negative ends count from the back, and what lies outside is clamped.
pub(super) fn substring(text: &str, start: i128, end: Option<i128>) -> Cow<'_, str> {
    let size = length(text) as i128;
    let clamp = |at: i128| if at < 0 { (at + size).max(0) } else { at.min(size) };
    let start = clamp(start);
    let end = end.map_or(size, clamp);
    slice(text, start as usize, end.max(start) as usize)
}

/// The units `start..end`, which lie inside.
fn slice(text: &str, start: usize, end: usize) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(&text[start..end]);
    }
    let units: Vec<u16> = text.encode_utf16().skip(start).take(end - start).collect();
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// Lower case as Java makes it in the root locale.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

fn cased(text: &str, ignore_case: bool) -> Cow<'_, str> {
    if ignore_case { lower(text) } else { Cow::Borrowed(text) }
}

/// `startsWith`.
pub(super) fn starts_with(text: &str, start: &str, ignore_case: bool) -> bool {
    cased(text, ignore_case).starts_with(&*cased(start, ignore_case))
}

/// `endsWith`.
pub(super) fn ends_with(text: &str, end: &str, ignore_case: bool) -> bool {
    cased(text, ignore_case).ends_with(&*cased(end, ignore_case))
}

/// `stringContains` of a computed leaf: the empty text neither contains nor is contained.
pub(super) fn contains(text: &str, part: &str, ignore_case: bool) -> bool {
    !text.is_empty() && !part.is_empty() && cased(text, ignore_case).contains(&*cased(part, ignore_case))
}

/// `indexOf`: the first position at or behind `start`.
pub(super) fn index_of(text: &str, part: &str, start: i128, ignore_case: bool) -> Option<usize> {
    let (text, part) = (cased(text, ignore_case), cased(part, ignore_case));
    let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX);
    find(&text, &part, start)
}

/// First position of `part`, in units, at or behind the unit `from`.
fn find(text: &str, part: &str, from: usize) -> Option<usize> {
    if text.is_ascii() {
        let from = from.min(text.len());
        return text[from..].find(part).map(|at| at + from);
    }
    let size = length(text);
    let from = from.min(size);
    // A start inside a character of two units begins at the next one.
    let mut units = 0;
    let mut byte = text.len();
    for (at, character) in text.char_indices() {
        if units >= from {
            byte = at;
            break;
        }
        units += character.len_utf16();
    }
    text[byte..].find(part).map(|at| length(&text[..byte + at]))
}

/// `between`: the text behind the first `left` and before the first `right` behind that; greedy, before the last
/// `right`. Empty if either mark is absent; the text itself if any of the three is empty.
pub(super) fn between<'a>(
    text: &'a str,
    left: &str,
    right: &str,
    greedy: bool,
    ignore_case: bool,
) -> Cow<'a, str> {
    if text.is_empty() || left.is_empty() || right.is_empty() {
        return Cow::Borrowed(text);
    }
    let (folded, left, right) =
        (cased(text, ignore_case), cased(left, ignore_case), cased(right, ignore_case));
    let Some(left_at) = find(&folded, &left, 0) else { return Cow::Borrowed("") };
    let start = left_at + length(&left);
    let end = if greedy {
        folded.rfind(&*right).map(|at| length(&folded[..at]))
    } else {
        find(&folded, &right, start)
    };
    // A last right mark that lies before the end of the left one is an error upstream; nothing lies between them.
    let Some(end) = end.filter(|&end| end >= start) else { return Cow::Borrowed("") };
    // Lower-casing can change the length; the positions are then taken as they are, as upstream does.
    let size = length(text);
    slice(text, start.min(size), end.min(size))
}

/// Whether two texts are equal when each UTF-16 unit is upper-cased and then lower-cased, as Java compares without
/// regard to case (eql-semantics §8).
pub(super) fn equal_ignoring_case(a: &str, b: &str) -> bool {
    a == b || a.chars().map(fold_unit).eq(b.chars().map(fold_unit))
}

/// The simple case folding of one unit; characters of two units are compared as they are.
fn fold_unit(character: char) -> char {
    if character.len_utf16() > 1 {
        return character;
    }
    let upper = single(character.to_uppercase()).unwrap_or(character);
    let mut lower = upper.to_lowercase();
    // `İ` alone has a lower-case form of two characters, of which the first is the simple one.
    lower.next().unwrap_or(upper)
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next();
    if characters.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_units() {
        assert_eq!(length("a😀b"), 4);
        assert_eq!(substring("a😀b", 3, None), "b");
        assert_eq!(substring("a😀b", -1, None), "b");
        assert_eq!(substring("a😀b", 1, Some(3)), "😀");
        assert_eq!(substring("a😀b", 2, Some(3)), "\u{fffd}");
        assert_eq!(index_of("a😀b", "b", 0, false), Some(3));
        assert_eq!(index_of("a😀bb", "b", 4, false), Some(4));
        assert_eq!(index_of("ÄÖÜ", "ü", 1, true), Some(2));
        assert_eq!(index_of("abc", "", 9, false), Some(3));
        assert_eq!(between("x😀<é>y", "<", ">", false, false), "é");
    }

    #[test]
    fn slices_are_clamped() {
        assert_eq!(substring("hello", i128::MIN / 2, Some(2)), "he");
        assert_eq!(substring("hello", 3, Some(1)), "");
        assert_eq!(substring("hello", 9, None), "");
    }

    #[test]
    fn between_marks() {
        let text = "welcome to the planet";
        assert_eq!(between(text, "welcome", "e", false, false), " to th");
        assert_eq!(between(text, "welcome", "e", true, false), " to the plan");
        assert_eq!(between(text, "goodbye", "e", false, false), "");
        assert_eq!(between(text, "", "x", true, false), text);
        assert_eq!(between(text, "WELCOME", "TO", false, true), " ");
        assert_eq!(between("ba", "a", "b", true, false), "");
    }

    #[test]
    fn folds_units() {
        assert!(equal_ignoring_case("É", "é"));
        assert!(equal_ignoring_case("ſ", "S"), "the long s is upper-cased to S");
        assert!(equal_ignoring_case("K", "\u{212a}"));
        assert!(!equal_ignoring_case("ß", "SS"));
        assert!(!equal_ignoring_case("𐐀", "𐐨"), "two units each: compared as they are");
        assert!(equal_ignoring_case("İ", "i"));
    }
}
