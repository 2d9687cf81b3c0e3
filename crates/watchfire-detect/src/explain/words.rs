//! What is wrong with a leaf, and which leaves decide, in words.

use watchfire_engine::explain::{Finding, Nearest, Seen, SeenValue, Verdict};
use watchfire_events::{IndexPattern, IndexPatterns};
use watchfire_ir::{Condition, FieldTarget, Leaf};

use super::{StageQuestion, StreamFit};

/// Characters of a value or leaf that are shown in a line.
const MAX_SHOWN: usize = 120;
/// Values of one field that are shown in a line.
const MAX_VALUES: usize = 5;
/// Leaves that a verdict names; the others are counted.
const MAX_NAMED: usize = 3;

/// The names of the fields that a leaf asks for.
pub fn field_names(leaf: &Leaf) -> Vec<String> {
    match leaf {
        Leaf::Field(leaf) => vec![match &leaf.target {
            FieldTarget::Field(field) => field.name.to_string(),
            FieldTarget::Names(pattern) => pattern.plain(),
            FieldTarget::Below(name) => format!("{name}.*"),
        }],
        Leaf::Nested(leaf) => vec![leaf.path.to_string()],
        Leaf::Computed(leaf) => leaf.fields().iter().map(|field| field.name.to_string()).collect(),
        Leaf::AnyField(_) => Vec::new(),
    }
}

fn fields_text(leaf: &Leaf) -> String {
    match field_names(leaf).as_slice() {
        [] => "any field".to_owned(),
        names => names.join(", "),
    }
}

/// The word for what came of a leaf, for machines.
pub fn reason_word(seen: &Seen<'_>, holds: bool) -> &'static str {
    match &seen.finding {
        _ if holds => "holds",
        Finding::Holds => "holds",
        Finding::Missing => "missing",
        Finding::OtherType(_) => "other_type",
        Finding::CaseOnly(_) => "case_only",
        Finding::Near(..) => "near",
        Finding::OtherValue => "other_value",
        Finding::NoObject(..) => "no_object",
        Finding::Failed(_) => "not_evaluated",
    }
}

/// What was seen of a leaf that should hold, or (`wanted` false) should not.
pub fn reason(seen: &Seen<'_>, holds: bool, wanted: bool) -> String {
    let fields = fields_text(seen.leaf);
    if holds {
        let Some(at) = seen.values.iter().position(|value| value.satisfies == Some(true)) else {
            return match seen.values.as_slice() {
                [] => format!("{fields} is missing"),
                values => list(values),
            };
        };
        let value = &seen.values[at];
        let one = format!("{} is {}", value.field, quoted(&value.text));
        let of = match seen.values.len() + seen.left_out {
            1 => String::new(),
            number => format!(" (one of {number} values)"),
        };
        let must_not = if wanted { "" } else { ", which it must not be" };
        return format!("{one}{of}{must_not}");
    }
    match &seen.finding {
        // What does not hold, and should not, tells of no miss.
        Finding::CaseOnly(_) | Finding::Near(..) if !wanted => list(&seen.values),
        Finding::Holds | Finding::OtherValue => match seen.values.as_slice() {
            [] => format!("{fields} is missing"),
            values => list(values),
        },
        Finding::Missing => format!("{fields} is missing"),
        Finding::OtherType(json) => {
            format!("{fields} holds {}, which is no value of its type{}", cut(json), type_name(seen.leaf))
        }
        Finding::CaseOnly(at) => {
            let value = &seen.values[(*at).min(seen.values.len() - 1)];
            format!("{} is {}: it fits but for the case of letters", value.field, quoted(&value.text))
        }
        Finding::Near(at, nearest) => {
            let text = list(&seen.values);
            let value = &seen.values[(*at).min(seen.values.len() - 1)];
            format!("{text}; {}", nearest_text(nearest, &value.text))
        }
        Finding::NoObject(number, _) => format!("none of {number} objects of {fields} satisfies all of it"),
        Finding::Failed(why) => format!("it could not be evaluated: {why}"),
    }
}

fn type_name(leaf: &Leaf) -> String {
    match leaf {
        Leaf::Field(leaf) => match &leaf.target {
            FieldTarget::Field(field) => format!(" ({})", field.field_type.name()),
            FieldTarget::Names(_) | FieldTarget::Below(_) => String::new(),
        },
        _ => String::new(),
    }
}

fn nearest_text(nearest: &Nearest, value: &str) -> String {
    let wanted = quoted(&nearest.wanted);
    let length = value.chars().count();
    match &nearest.not_found {
        Some(text) if nearest.agree == 0 => format!("nearest is {wanted}, but there is no {}", quoted(text)),
        Some(text) => {
            let agreeing: String = value.chars().take(nearest.agree).collect();
            format!("nearest is {wanted}, but behind {} there is no {}", quoted(&agreeing), quoted(text))
        }
        None if nearest.is_pattern => format!("nearest is {wanted}"),
        None => format!("nearest is {wanted}: {} of {length} characters agree from the start", nearest.agree),
    }
}

/// The values of fields: `a.b is "x"`, or none of several.
fn list(values: &[SeenValue]) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < values.len() {
        let field = &values[at].field;
        let same = values[at..].iter().take_while(|value| value.field == *field).count();
        let shown: Vec<String> =
            values[at..at + same].iter().take(MAX_VALUES).map(|value| quoted(&value.text)).collect();
        texts.push(match same {
            1 => format!("{field} is {}", shown.join("")),
            _ if same > MAX_VALUES => {
                format!("{field} has {same} values: {}, …", shown.join(", "))
            }
            _ => format!("{field} has {same} values: {}", shown.join(", ")),
        });
        at += same;
    }
    let more = texts.len().saturating_sub(MAX_VALUES);
    texts.truncate(MAX_VALUES);
    let more = if more > 0 { format!("; {more} more fields") } else { String::new() };
    format!("{}{more}", texts.join("; "))
}

pub fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// As much of a text as fits into a line.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The text of the leaf that this was seen of.
pub fn leaf_text(seen: &Seen<'_>, stage: &StageQuestion) -> String {
    stage.text_of(&Condition::leaf(seen.leaf.clone())).text
}

/// Which leaves decide that a condition does not hold, in one line.
pub fn verdict_text(verdict: &Verdict<'_, '_>, stage: &StageQuestion) -> String {
    let one = |seen: &Seen<'_>| {
        // What holds and is in the way stands under a `not`.
        let negated = is_true(seen);
        let text = cut(&leaf_text(seen, stage));
        format!("{}{text} ({})", if negated { "not " } else { "" }, reason(seen, negated, !negated))
    };
    let named = |leaves: &[&Seen<'_>]| {
        let mut sorted: Vec<&Seen<'_>> = leaves.to_vec();
        sorted.sort_by_key(|seen| nearness(seen));
        let shown: Vec<String> = sorted.iter().take(MAX_NAMED).map(|seen| one(seen)).collect();
        let more = leaves.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{more}", shown.join("; "))
    };
    match (verdict.decisive.as_slice(), verdict.fewest.as_slice()) {
        ([single], _) => format!("one leaf decides: {}", one(single)),
        ([], []) => "no event can satisfy the condition".to_owned(),
        ([], fewest) => {
            let fields: Vec<String> = fewest.iter().map(|seen| fields_text(seen.leaf)).collect();
            match fields.split_first() {
                Some((first, others)) if !others.is_empty() && others.iter().all(|field| field == first) => {
                    format!("{first} decides, which {} leaves ask for: {}", fewest.len(), named(fewest))
                }
                _ => format!("{} leaves fail together: {}", fewest.len(), named(fewest)),
            }
        }
        (several, _) => format!("any one of {} leaves would do: {}", several.len(), named(several)),
    }
}

/// Whether a leaf holds.
pub fn is_true(seen: &Seen<'_>) -> bool {
    matches!(seen.finding, Finding::Holds)
}

/// Leaves that are nearest to being satisfied come first.
pub fn nearness(seen: &Seen<'_>) -> usize {
    match &seen.finding {
        Finding::Holds => 0,
        Finding::CaseOnly(_) => 1,
        Finding::Near(..) => 2,
        Finding::OtherType(_) | Finding::Failed(_) => 3,
        Finding::NoObject(..) => 4,
        Finding::OtherValue => 5,
        Finding::Missing => 6,
    }
}

/// Why a rule does not read a data stream; `None` if it does.
pub fn stream_text(fit: StreamFit<'_>, stream: &str, patterns: &IndexPatterns) -> Option<String> {
    match fit {
        StreamFit::Read => None,
        StreamFit::NoPattern => {
            let all: Vec<&str> = patterns.iter().map(IndexPattern::as_str).collect();
            Some(format!("the data stream decides: {stream} is none of {}", all.join(", ")))
        }
        StreamFit::Excluded(pattern) => {
            Some(format!("the data stream decides: {stream} is taken out by {pattern}"))
        }
    }
}
