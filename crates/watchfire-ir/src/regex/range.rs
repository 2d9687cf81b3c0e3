//! `<n-m>` of Lucene's dialect: the decimal numbers of a range, as a pattern over digits.

use super::RegexError;
use super::syntax::{Syntax, set_of};

/// Most digits of a number in a range.
const MAX_DIGITS: usize = 18;

/// The range written as `n-m`, in either order. If both ends have the same number of digits, exactly that many digits
/// fit; otherwise any number of zeros may stand in front.
pub(super) fn decimal_range(text: &str) -> Result<Syntax, RegexError> {
    let bad =
        || RegexError(format!("`<{text}>` is not a range of decimal numbers; write `\\<` for the character"));
    let (low_text, high_text) = text.split_once('-').ok_or_else(bad)?;
    let number = |digits: &str| -> Option<u64> {
        let plain = !digits.is_empty()
            && digits.len() <= MAX_DIGITS
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    };
    let (a, b) = (number(low_text).ok_or_else(bad)?, number(high_text).ok_or_else(bad)?);
    let (low, high) = (a.min(b), a.max(b));
    let fixed_width = (low_text.len() == high_text.len()).then_some(low_text.len());
    let width = fixed_width.unwrap_or_else(|| high.to_string().len());
    let padded = |number: u64| format!("{number:0width$}").into_bytes();
    let numbers = between(&padded(low), &padded(high));
    if fixed_width.is_some() {
        return Ok(numbers);
    }
    // Numbers without padding: each width by itself, with any zeros in front.
    let mut parts = Vec::new();
    let mut from = low;
    for digits in 1..=width {
        let largest = if digits == MAX_DIGITS { u64::MAX } else { 10_u64.pow(digits as u32) - 1 };
        if from > largest || from > high {
            continue;
        }
        let to = high.min(largest);
        let pad = |number: u64| format!("{number:0digits$}").into_bytes();
        parts.push(between(&pad(from), &pad(to)));
        from = to + 1;
    }
    let zeros = Syntax::any_run(set_of(&[('0', '0')]));
    Ok(Syntax::Concat(vec![zeros, Syntax::alternation(parts)]))
}

/// All digit strings from `low` to `high`, which have the same length.
fn between(low: &[u8], high: &[u8]) -> Syntax {
    let digit = |from: u8, to: u8| Syntax::Class(set_of(&[(from as char, to as char)]));
    let any = |count: usize| vec![digit(b'0', b'9'); count];
    let (Some((&low_digit, low_rest)), Some((&high_digit, high_rest))) =
        (low.split_first(), high.split_first())
    else {
        return Syntax::Empty;
    };
    if low_digit == high_digit {
        return Syntax::Concat(vec![Syntax::Literal(low_digit as char), between(low_rest, high_rest)]);
    }
    let nines = vec![b'9'; low_rest.len()];
    let zeros = vec![b'0'; high_rest.len()];
    let mut parts = vec![Syntax::Concat(vec![Syntax::Literal(low_digit as char), between(low_rest, &nines)])];
    if low_digit + 1 < high_digit {
        let mut middle = vec![digit(low_digit + 1, high_digit - 1)];
        middle.extend(any(low_rest.len()));
        parts.push(Syntax::Concat(middle));
    }
    parts.push(Syntax::Concat(vec![Syntax::Literal(high_digit as char), between(&zeros, high_rest)]));
    Syntax::Alternation(parts)
}

#[cfg(test)]
mod tests {
    use crate::{Fold, Regex};

    #[test]
    fn covers_exactly_the_range() {
        for (low, high) in [(0, 0), (3, 17), (95, 1203), (10, 99), (7, 8)] {
            let range = Regex::lucene(&format!("<{low}-{high}>"), Fold::None).unwrap();
            let same_width = low.to_string().len() == high.to_string().len();
            for number in 0..1500_u32 {
                let inside = (low..=high).contains(&number);
                let plain = number.to_string();
                let width_fits = !same_width || plain.len() == low.to_string().len();
                assert_eq!(range.fits(&plain), inside && width_fits, "<{low}-{high}> on {number}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_range() {
        for pattern in ["<a-b>", "<1>", "<-1>", "<1234567890123456789-2>", "<name>"] {
            assert!(Regex::lucene(pattern, Fold::None).is_err(), "{pattern}");
        }
    }
}
