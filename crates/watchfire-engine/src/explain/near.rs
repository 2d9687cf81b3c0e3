//! What comes nearest to what a leaf asks for: values that differ in case alone, and where a text leaves a pattern.

use watchfire_ir::{FieldLeaf, Fold, Pattern, PatternPart, Predicate, TextMatch};

use super::{Finding, SeenValue};

/// Characters of a text that are compared letter by letter with others; what is longer is compared by its beginning.
const MAX_COMPARED: usize = 200;
/// Texts of a list that are compared in that way.
const MAX_CANDIDATES: usize = 2_000;

/// What a value comes nearest to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The text or pattern, as its language writes it.
    pub wanted: String,
    /// Whether it has wildcards.
    pub is_pattern: bool,
    /// How many characters of the value agree with it, from the first on.
    pub agree: usize,
    /// Of a pattern, the text that is looked for behind them and is not there; absent if the value goes on where the
    /// pattern ends.
    pub not_found: Option<String>,
}

/// What the values of a field come to that do not satisfy its predicate.
pub(super) fn finding<'c>(leaf: &FieldLeaf, values: &[SeenValue]) -> Finding<'c> {
    match &leaf.predicate {
        Predicate::Text(texts) => {
            if texts.fold() != Fold::Lowercase {
                let folded = ignoring_case(texts);
                if let Some(at) = values.iter().position(|value| folded.holds(&value.text)) {
                    return Finding::CaseOnly(at);
                }
            }
            nearest_of_all(texts, values)
        }
        Predicate::Regex(regex) => {
            let folded = regex.ignoring_case();
            let fits = |value: &SeenValue| folded.as_ref().is_some_and(|folded| folded.fits(&value.text));
            values.iter().position(fits).map_or(Finding::OtherValue, Finding::CaseOnly)
        }
        // A dynamic field holds texts, of which one that is no number does not compare at all.
        _ => Finding::OtherValue,
    }
}

fn ignoring_case(texts: &TextMatch) -> TextMatch {
    let exact = texts.exact().iter().map(|text| Pattern::literal(text));
    TextMatch::new(Fold::Lowercase, exact.chain(texts.patterns().iter().cloned()))
}

fn nearest_of_all<'c>(texts: &TextMatch, values: &[SeenValue]) -> Finding<'c> {
    let near = values.iter().enumerate().filter_map(|(at, value)| Some((at, nearest(texts, &value.text)?)));
    let best = near.min_by(|(_, (a, _)), (_, (b, _))| a.total_cmp(b));
    match best {
        Some((at, (_, nearest))) => Finding::Near(at, nearest),
        None => Finding::OtherValue,
    }
}

/// The text or pattern that a text comes nearest to, with how far off it is, from 0 to 1; `None` if all are far off.
fn nearest(texts: &TextMatch, value: &str) -> Option<(f64, Nearest)> {
    /// What shares less than half with everything is near to nothing.
    const FAR: f64 = 0.5;
    let folded: Vec<char> = texts.fold().apply(value).chars().take(MAX_COMPARED).collect();
    let exact = texts.exact().iter().take(MAX_CANDIDATES).map(|text| {
        let wanted: Vec<char> = text.chars().take(MAX_COMPARED).collect();
        let longest = wanted.len().max(folded.len()).max(1);
        let agree = wanted.iter().zip(&folded).take_while(|(a, b)| a == b).count();
        let off = edit_distance(&wanted, &folded) as f64 / longest as f64;
        (off, Nearest { wanted: text.to_string(), is_pattern: false, agree, not_found: None })
    });
    let folded_text = texts.fold().apply(value);
    let patterns =
        texts.patterns().iter().take(MAX_CANDIDATES).map(|pattern| of_pattern(pattern, &folded_text));
    exact.chain(patterns).filter(|(off, _)| *off < FAR).min_by(|(a, _), (b, _)| a.total_cmp(b))
}

/// How much of a pattern's text a text lacks, and where it leaves the pattern.
fn of_pattern(pattern: &Pattern, text: &str) -> (f64, Nearest) {
    let literal_length = |part: &PatternPart| match part {
        PatternPart::Literal(text) => text.chars().count(),
        PatternPart::AnyRun => 0,
        PatternPart::AnyOne => 1,
    };
    let whole: usize = pattern.parts().iter().map(literal_length).sum();
    let (mut at, mut found, mut after_run) = (0, 0, false);
    let mut not_found = None;
    let parts = pattern.parts();
    for (number, part) in parts.iter().enumerate() {
        match part {
            PatternPart::AnyRun => after_run = true,
            PatternPart::AnyOne => {
                let Some(character) = text[at..].chars().next() else { break };
                at += character.len_utf8();
                found += 1;
            }
            PatternPart::Literal(literal) => {
                let rest = &text[at..];
                let is_last = number + 1 == parts.len();
                let place = match (after_run, is_last) {
                    (true, true) => rest.ends_with(&**literal).then(|| rest.len() - literal.len()),
                    (true, false) => rest.find(&**literal),
                    (false, _) => rest.starts_with(&**literal).then_some(0),
                };
                let Some(place) = place else {
                    // What stands at the beginning of the pattern can agree in part.
                    let agree: usize = if after_run {
                        0
                    } else {
                        let same = literal.chars().zip(rest.chars()).take_while(|(a, b)| a == b);
                        same.map(|(character, _)| character.len_utf8()).sum()
                    };
                    at += agree;
                    found += literal[..agree].chars().count();
                    not_found = Some(literal[agree..].to_owned());
                    break;
                };
                at += place + literal.len();
                found += literal.chars().count();
                after_run = false;
            }
        }
    }
    let off = if whole == 0 { 1.0 } else { (whole - found) as f64 / whole as f64 };
    let agree = text[..at].chars().count();
    (off, Nearest { wanted: pattern.plain(), is_pattern: true, agree, not_found })
}

/// The fewest insertions, removals and exchanges that make one text the other.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for (i, x) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            row[j + 1] = (before[j] + usize::from(x != y)).min(before[j + 1] + 1).min(row[j] + 1);
        }
        std::mem::swap(&mut before, &mut row);
    }
    before[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(patterns: &[&str], value: &str) -> Option<Nearest> {
        let texts = TextMatch::new(Fold::Ascii, patterns.iter().map(|text| Pattern::from_eql(text)));
        nearest(&texts, value).map(|(_, nearest)| nearest)
    }

    #[test]
    fn a_text_is_near_to_what_it_shares_most_with() {
        let found = near(&["powershell.exe", "pwsh.exe"], "PowerShel.exe").expect("near");
        assert_eq!((found.wanted.as_str(), found.agree), ("powershell.exe", 9));
        assert_eq!(near(&["powershell.exe"], "sshd"), None);
    }

    #[test]
    fn a_pattern_tells_what_is_not_there() {
        let found = near(&["C:\\Users\\*\\Temp\\*.exe"], "c:\\users\\x\\temp\\a.dll").expect("near");
        assert_eq!(found.not_found.as_deref(), Some(".exe"));
        assert_eq!(found.agree, 16);
        let found = near(&["C:\\Windows\\*"], "C:\\Wine\\x").expect("near");
        assert_eq!((found.agree, found.not_found.as_deref()), (6, Some("dows\\")));
    }
}
