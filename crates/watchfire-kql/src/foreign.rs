//! Operators of other query languages, which people write by habit.

use watchfire_diagnostics::Span;

/// An operator found in a literal, where KQL sees only text.
pub(crate) struct Foreign<'a> {
    pub(crate) operator: &'a str,
    pub(crate) span: Span,
    pub(crate) advice: &'static str,
}

const EQUAL: &str = "KQL compares with `:`, as in `field: value`";
const UNEQUAL: &str = "write `not field: value`";
const LIST: &str = "write `field: (a or b)`";
const PATTERN: &str =
    "write `field: patt*rn`, where `*` stands for any characters; there are no regular expressions";
const EQL: &str = "this looks like EQL; the language of the rule would be `eql`";

/// Operators that stand between a field and its value.
const COMPARISONS: &[(&str, &str)] = &[
    ("==", EQUAL),
    ("=", EQUAL),
    ("=~", EQUAL),
    ("is", EQUAL),
    ("!=", UNEQUAL),
    ("in", LIST),
    ("in~", LIST),
    ("like", PATTERN),
    ("like~", PATTERN),
    ("regex", PATTERN),
    ("regex~", PATTERN),
    ("rlike", PATTERN),
    ("matches", PATTERN),
    ("contains", PATTERN),
    ("where", EQL),
];

/// Operators that stand between two conditions or values.
const CONNECTIVES: &[(&str, &str)] =
    &[("&&", "write `and`"), ("||", "write `or`"), (",", "write `or` between values")];

/// The operator that ends `raw`, the text of a literal at `span`, perhaps glued to its last word.
pub(crate) fn at_end(raw: &str, span: Span) -> Option<Foreign<'_>> {
    let last = raw.split_whitespace().next_back()?;
    let listed =
        || COMPARISONS.iter().chain(CONNECTIVES).filter(|(operator, _)| last.eq_ignore_ascii_case(operator));
    let glued = || {
        let symbols = [
            ("!=", UNEQUAL),
            ("==", EQUAL),
            ("=", EQUAL),
            ("&&", CONNECTIVES[0].1),
            ("||", CONNECTIVES[1].1),
        ];
        symbols.into_iter().find(|(operator, _)| last.ends_with(operator))
    };
    let (operator, advice) = listed().next().copied().or_else(glued)?;
    let start = raw.len() - (raw.len() - raw.trim_end().len()) - operator.len();
    found(raw, span, start, operator.len(), advice)
}

/// The first connective of another language that stands as a word of its own.
pub(crate) fn connective(raw: &str, span: Span) -> Option<Foreign<'_>> {
    first_word(raw, span, CONNECTIVES)
}

/// The first comparison, made of signs, that stands as a word of its own.
pub(crate) fn comparison(raw: &str, span: Span) -> Option<Foreign<'_>> {
    first_word(raw, span, &[("==", EQUAL), ("=", EQUAL), ("=~", EQUAL), ("!=", UNEQUAL)])
}

/// The `where` of an EQL query.
pub(crate) fn eql_where(raw: &str, span: Span) -> Option<Foreign<'_>> {
    first_word(raw, span, &[("where", EQL)])
}

/// `name.of.field=value`, without spaces.
pub(crate) fn glued_comparison(raw: &str, span: Span) -> Option<Foreign<'_>> {
    let at = raw.find(['=', '!'])?;
    let (operator, advice) = [("!=", UNEQUAL), ("==", EQUAL), ("=", EQUAL)]
        .into_iter()
        .find(|(operator, _)| raw[at..].starts_with(operator))?;
    let field = &raw[..at];
    (looks_like_field(field) && field.contains('.'))
        .then(|| found(raw, span, at, operator.len(), advice))
        .flatten()
}

/// Whether a word could well be the name of a field.
pub(crate) fn looks_like_field(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || matches!(first, '@' | '_'))
        && word
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '.' | '_' | '-' | '@' | '*'))
        && !word.ends_with('.')
}

fn first_word<'a>(raw: &'a str, span: Span, table: &[(&str, &'static str)]) -> Option<Foreign<'a>> {
    let mut at = 0;
    for word in raw.split(char::is_whitespace) {
        if let Some((_, advice)) = table.iter().find(|(operator, _)| word.eq_ignore_ascii_case(operator)) {
            return found(raw, span, at, word.len(), advice);
        }
        at += word.len();
        at += raw[at..].chars().next().map_or(0, char::len_utf8);
    }
    None
}

fn found<'a>(
    raw: &'a str,
    span: Span,
    start: usize,
    length: usize,
    advice: &'static str,
) -> Option<Foreign<'a>> {
    let operator = raw.get(start..start + length)?;
    let from = span.start as usize + start;
    Some(Foreign { operator, span: Span::new(from, from + length), advice })
}
