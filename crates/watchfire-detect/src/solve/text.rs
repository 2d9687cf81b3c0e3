//! Texts that fit several patterns at once, with what people would write where a pattern says `*`.

use watchfire_ir::{Pattern, PatternPart, Predicate, TextMatch, TokenMatch};

/// How many members of a regular expression are tried.
const REGEX_EXAMPLES: usize = 24;
/// How many forms of one predicate are tried.
const MAX_FORMS: usize = 48;
/// How many ways of putting forms together are tried.
const MAX_COMBINATIONS: usize = 96;

/// What stands between parts that come from different patterns.
const SEPARATORS: [&str; 4] = ["", " ", "\\", "/"];

/// What a run of any characters may be, where its surroundings ask for nothing.
const FILLERS: [&str; 9] = ["", "x", "a1", "setup", "Sample", "7", " example ", "_z_", "-"];

/// The forms of text that satisfy a predicate by themselves; without any if it asks nothing of a text.
fn forms(predicate: &Predicate) -> Vec<Pattern> {
    let token = |pattern: &Pattern| {
        let around = [PatternPart::AnyRun];
        Pattern::new(
            around.iter().cloned().chain(pattern.parts().iter().cloned()).chain(around.iter().cloned()),
        )
    };
    match predicate {
        Predicate::Text(texts) => forms_of_texts(texts),
        Predicate::Regex(regex) => {
            regex.examples(REGEX_EXAMPLES).iter().map(|text| Pattern::literal(text)).collect()
        }
        Predicate::Tokens(TokenMatch::AnyOf(tokens)) => {
            tokens.iter().map(|text| token(&Pattern::literal(text))).collect()
        }
        Predicate::Tokens(TokenMatch::Phrase(tokens)) => vec![token(&Pattern::literal(&tokens.join(" ")))],
        Predicate::Tokens(TokenMatch::Fits(patterns)) => patterns.iter().map(token).collect(),
        Predicate::Exists
        | Predicate::Equals(_)
        | Predicate::Range { .. }
        | Predicate::Within(_)
        | Predicate::Listed(_) => Vec::new(),
    }
}

fn forms_of_texts(texts: &TextMatch) -> Vec<Pattern> {
    let exact = texts.exact().iter().map(|text| Pattern::literal(text));
    // Of a run alone nothing can be told; what is usual for the field is better.
    exact.chain(texts.patterns().iter().filter(|pattern| !pattern.is_any()).cloned()).collect()
}

/// Visits texts that probably satisfy all of the predicates and fit all of `wishes`, the plainest first, of at least so
/// many characters, until `visit` says that it has enough; returns whether it did. `name` is that of the field. The caller
/// asks the predicates themselves.
pub(super) fn each_candidate(
    name: &str,
    required: &[&Predicate],
    wishes: &[Pattern],
    least: usize,
    visit: &mut dyn FnMut(String) -> bool,
) -> bool {
    let mut all: Vec<Vec<Pattern>> =
        required.iter().map(|predicate| forms(predicate)).filter(|forms| !forms.is_empty()).collect();
    all.extend(wishes.iter().map(|wish| vec![wish.clone()]));
    if all.is_empty() {
        return false;
    }
    all.iter_mut().for_each(|forms| forms.truncate(MAX_FORMS));
    // The longest list turns fastest: each form of it is met with the first ones of the others.
    all.sort_by_key(|forms| std::cmp::Reverse(forms.len()));
    let combinations = all.iter().fold(1_usize, |count, forms| count.saturating_mul(forms.len()));
    for number in 0..combinations.min(MAX_COMBINATIONS) {
        let mut rest = number;
        let mut chosen = Vec::new();
        for forms in &all {
            chosen.push(&forms[rest % forms.len()]);
            rest /= forms.len();
        }
        let joined = joined(&chosen);
        for variant in 0..FILLERS.len() {
            let open = joined.iter().filter(|pattern| variant == 0 || pattern.as_literal().is_none());
            for pattern in open {
                if visit(written(name, pattern, variant, least)) {
                    return true;
                }
            }
        }
    }
    false
}

/// A pattern cut at its runs: what a text begins with, what it has inside, what it ends with.
struct Cut {
    begin: Vec<PatternPart>,
    inside: Vec<Vec<PatternPart>>,
    end: Vec<PatternPart>,
}

fn cut(pattern: &Pattern) -> Option<Cut> {
    let mut pieces: Vec<Vec<PatternPart>> = vec![Vec::new()];
    for part in pattern.parts() {
        match part {
            PatternPart::AnyRun => pieces.push(Vec::new()),
            other => pieces.last_mut()?.push(other.clone()),
        }
    }
    if pieces.len() < 2 {
        return None;
    }
    let end = pieces.pop()?;
    let begin = pieces.remove(0);
    Some(Cut { begin, inside: pieces.into_iter().filter(|piece| !piece.is_empty()).collect(), end })
}

/// Patterns whose texts probably fit all of these.
fn joined(patterns: &[&Pattern]) -> Vec<Pattern> {
    if let [only] = patterns {
        return vec![(*only).clone()];
    }
    // A text without any run is the whole text.
    if let Some(whole) = patterns.iter().find(|pattern| cut(pattern).is_none()) {
        return vec![(*whole).clone()];
    }
    let cuts: Vec<Cut> = patterns.iter().filter_map(|pattern| cut(pattern)).collect();
    let longest = |parts: &dyn Fn(&Cut) -> Vec<PatternPart>| {
        cuts.iter().map(parts).max_by_key(|parts| length(parts)).unwrap_or_default()
    };
    let (begin, end) = (longest(&|cut| cut.begin.clone()), longest(&|cut| cut.end.clone()));
    let mut inside: Vec<Vec<PatternPart>> = Vec::new();
    for piece in cuts.iter().flat_map(|cut| &cut.inside) {
        let known = |other: &[PatternPart]| shown(other).contains(&shown(piece));
        if !inside.iter().any(|other| known(other)) && !known(&begin) && !known(&end) {
            inside.retain(|other| !shown(piece).contains(&shown(other)));
            inside.push(piece.clone());
        }
    }
    let mut made = Vec::new();
    let mut backwards = inside.clone();
    backwards.reverse();
    for pieces in [inside, backwards] {
        for separator in SEPARATORS {
            let mut parts = begin.clone();
            for piece in &pieces {
                if !parts.is_empty() {
                    parts.push(PatternPart::Literal(separator.into()));
                }
                parts.push(PatternPart::AnyRun);
                parts.extend(piece.iter().cloned());
            }
            if !end.is_empty() {
                parts.push(PatternPart::Literal(separator.into()));
            }
            parts.push(PatternPart::AnyRun);
            parts.extend(end.iter().cloned());
            made.push(Pattern::new(parts));
        }
    }
    made
}

fn length(parts: &[PatternPart]) -> usize {
    parts.iter().map(|part| if let PatternPart::Literal(text) = part { text.len() } else { 1 }).sum()
}

fn shown(parts: &[PatternPart]) -> String {
    parts.iter().map(|part| if let PatternPart::Literal(text) = part { &**text } else { "?" }).collect()
}

/// A text that fits the pattern.
fn written(name: &str, pattern: &Pattern, variant: usize, least: usize) -> String {
    let parts = pattern.parts();
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        let next = match parts.get(at + 1) {
            Some(PatternPart::Literal(next)) => next.chars().next(),
            Some(PatternPart::AnyOne | PatternPart::AnyRun) => Some('x'),
            None => None,
        };
        match part {
            PatternPart::Literal(literal) => text.push_str(literal),
            PatternPart::AnyOne if next == Some(':') && text.is_empty() => text.push('C'),
            PatternPart::AnyOne => text.push(['1', 'a', 'x', '7', 'B'][variant % 5]),
            PatternPart::AnyRun => {
                let filler = filler(name, text.chars().last(), next, variant);
                text.push_str(&filler);
                let is_last = !parts[at + 1..].contains(&PatternPart::AnyRun);
                if is_last {
                    let have = text.chars().count();
                    text.extend(std::iter::repeat_n("QUJD", least.saturating_sub(have).div_ceil(4)));
                }
            }
        }
    }
    text
}

/// What to write for a run between two characters in a value of a field; `None` stands for the end of the text.
fn filler(name: &str, before: Option<char>, after: Option<char>, variant: usize) -> String {
    let slash = |character: Option<char>| matches!(character, Some('\\' | '/'));
    let is_key = name.starts_with("registry.");
    let usual = match (before, after) {
        (None, Some('\\')) if is_key => "HKEY_LOCAL_MACHINE",
        (Some('\\'), None) if is_key => "Example",
        (Some('{'), Some('}')) => "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        (None, Some('\\')) => "C:\\Users\\alice",
        (None, Some('/')) => "/home/alice",
        (None, Some('.')) => "setup",
        (None, Some('@')) => "alice",
        (before, after) if slash(before) && slash(after) => "alice",
        (before, Some('.')) if slash(before) => "setup",
        (Some('\\'), None) => "setup.exe",
        (Some('/'), None) => "setup",
        (Some('.'), None) => "dat",
        (Some('.'), Some('.')) => "example",
        (Some('='), _) => "1",
        _ => "",
    };
    match (variant, usual) {
        (0, usual) => usual.to_owned(),
        (variant, "") => FILLERS[variant].to_owned(),
        // First without what is usual, then with something about it.
        (1, _) => String::new(),
        (variant, _) => FILLERS[variant % FILLERS.len()].trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use watchfire_ir::Fold;

    use super::*;

    fn text(patterns: &[&str]) -> Predicate {
        Predicate::Text(TextMatch::new(Fold::Ascii, patterns.iter().map(|text| Pattern::from_eql(text))))
    }

    fn first(required: &[&Predicate]) -> Option<String> {
        let mut found = None;
        each_candidate("process.executable", required, &[], 0, &mut |candidate| {
            let value = watchfire_events::ValueRef::Text(&candidate);
            let holds = required.iter().all(|predicate| predicate.holds(value));
            found = holds.then_some(candidate);
            holds
        });
        found
    }

    #[test]
    fn patterns_are_put_together() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            first(&[&text(&["?:\\users\\*\\appdata\\*.exe"])]),
            some("C:\\users\\alice\\appdata\\setup.exe")
        );
        assert_eq!(first(&[&text(&["*-enc*"]), &text(&["*hidden*"])]), some("-enchidden"));
        assert_eq!(first(&[&text(&["/tmp/*"]), &text(&["*.sh"])]), some("/tmp/setup.sh"));
        assert_eq!(first(&[&text(&["a", "b"]), &text(&["b", "c"])]), some("b"));
        assert_eq!(first(&[&text(&["a*", "b*"]), &text(&["*b*c"])]), some("abc"));
        let words = Predicate::Tokens(TokenMatch::Phrase(vec!["one".into(), "two".into()]));
        let other = Predicate::Tokens(TokenMatch::AnyOf(vec!["three".into()]));
        assert_eq!(first(&[&words, &other]), some("one two three"));
    }

    #[test]
    fn a_text_is_as_long_as_asked_for() {
        let mut count = 0;
        each_candidate("message", &[&text(&["a*b"])], &[], 50, &mut |text| {
            count += 1;
            assert!(text.chars().count() > 50, "{text}");
            false
        });
        assert!(count > 1);
    }
}
