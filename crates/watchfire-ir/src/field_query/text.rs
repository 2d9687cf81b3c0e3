//! Questions to fields of text.

use watchfire_events::{FieldType, IpBlock};

use super::{Misfit, Words, leaf};
use crate::{Condition, FieldRef, Fold, Pattern, PatternPart, Predicate, TextMatch, TokenMatch, tokenize};

/// What becomes of a pattern on an analysed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatternOnText {
    /// It is cut at white space, and a token fits any of the pieces: `query_string` (kql-semantics §3.2).
    Pieces,
    /// A token fits it as it is: the `wildcard` and `prefix` clauses.
    Token,
}

/// The whole value fits any of the patterns.
pub(super) fn whole(field: &FieldRef, patterns: impl IntoIterator<Item = Pattern>, fold: Fold) -> Condition {
    let fold = if field.field_type == FieldType::CaselessKeyword { Fold::Lowercase } else { fold };
    leaf(field, Predicate::Text(TextMatch::new(fold, patterns)))
}

/// A value for a field that no schema knows: equal as text, as number, or inside a CIDR block, whichever the two are.
pub(super) fn dynamic(field: &FieldRef, value: &str, fold: Fold) -> Condition {
    let texts = number_texts(value).into_iter().chain([value.to_owned()]);
    let equal = whole(field, texts.map(|text| Pattern::literal(&text)), fold);
    match IpBlock::parse(value) {
        Some(block) => Condition::any([equal, leaf(field, Predicate::Within(vec![block]))]),
        None => equal,
    }
}

/// The texts in which a column of unknown type holds the number that `value` is, if it is one: `01` is found where an
/// event has `1` or `1.0`.
fn number_texts(value: &str) -> Vec<String> {
    let numeric = value.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
    let Some(number) = value.parse::<f64>().ok().filter(|number| numeric && number.is_finite()) else {
        return Vec::new();
    };
    let integer = match value.parse::<i128>() {
        Ok(integer) => Some(integer),
        Err(_) => (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i128),
    };
    integer.map(|integer| integer.to_string()).into_iter().chain([format!("{number:?}")]).collect()
}

/// The words of the value occur in an analysed text.
pub(super) fn words(field: &FieldRef, value: &str, words: Words) -> Result<Condition, Misfit> {
    let of = |tokens: TokenMatch| leaf(field, Predicate::Tokens(tokens));
    if words == Words::Term {
        return Ok(of(TokenMatch::AnyOf(vec![value.to_owned()])));
    }
    let mut tokens: Vec<String> = tokenize(value).collect();
    if tokens.is_empty() {
        return Err(Misfit::NoWord(value.to_owned()));
    }
    Ok(match words {
        Words::Phrase if tokens.len() > 1 => of(TokenMatch::Phrase(tokens)),
        Words::All => Condition::all(tokens.into_iter().map(|token| of(TokenMatch::AnyOf(vec![token])))),
        Words::Any | Words::Phrase | Words::Term => {
            tokens.sort_unstable();
            tokens.dedup();
            of(TokenMatch::AnyOf(tokens))
        }
    })
}

/// A token of an analysed text fits the pattern, or any of its pieces.
pub(super) fn pattern(
    field: &FieldRef,
    pattern: &Pattern,
    analysed: PatternOnText,
) -> Result<Condition, Misfit> {
    let pieces = match analysed {
        PatternOnText::Pieces => pieces(pattern),
        PatternOnText::Token => vec![pattern.clone()],
    };
    if pieces.iter().any(Pattern::is_any) {
        return Ok(super::exists(field));
    }
    let mut fits = Vec::new();
    for piece in pieces {
        match piece.as_literal() {
            Some(text) if analysed == PatternOnText::Pieces => {
                fits.extend(tokenize(text).map(|token| Pattern::literal(&token)));
            }
            _ => fits.push(piece.folded(Fold::Lowercase)),
        }
    }
    if fits.is_empty() {
        return Err(Misfit::NoWord(pattern.to_string().trim_matches('`').to_owned()));
    }
    fits.sort_unstable();
    fits.dedup();
    Ok(leaf(field, Predicate::Tokens(TokenMatch::Fits(fits))))
}

/// The pattern cut at white space.
pub(crate) fn pieces(pattern: &Pattern) -> Vec<Pattern> {
    let mut pieces = vec![Vec::new()];
    for part in pattern.parts() {
        let PatternPart::Literal(text) = part else {
            if let Some(last) = pieces.last_mut() {
                last.push(part.clone());
            }
            continue;
        };
        for (at, word) in text.split(char::is_whitespace).enumerate() {
            if at > 0 {
                pieces.push(Vec::new());
            }
            if let (Some(last), false) = (pieces.last_mut(), word.is_empty()) {
                last.push(PatternPart::Literal(word.into()));
            }
        }
    }
    pieces.into_iter().filter(|piece| !piece.is_empty()).map(Pattern::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_patterns_at_white_space() {
        let show =
            |text: &str| pieces(&Pattern::from_eql(text)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(show("*add user*"), ["`*add`", "`user*`"]);
        assert_eq!(show("* curl*"), ["`*`", "`curl*`"]);
        assert_eq!(show("a  b*"), ["`a`", "`b*`"]);
    }

    #[test]
    fn finds_the_texts_of_numbers() {
        assert_eq!(number_texts("01"), ["1", "1.0"]);
        assert_eq!(number_texts("5.50"), ["5.5"]);
        assert_eq!(number_texts("1e3"), ["1000", "1000.0"]);
        assert_eq!(number_texts("infinity"), [""; 0]);
        assert_eq!(number_texts("1.2.3.4"), [""; 0]);
    }
}
