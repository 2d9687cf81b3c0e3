//! A leaf as the author of a query would write it.

use watchfire_ir::{
    AnyFieldLeaf, Bound, Condition, Constant, FieldLeaf, FieldTarget, Fold, Leaf, Node, Pattern, Predicate,
    TextMatch, TokenMatch,
};
use watchfire_rules::model::QueryLanguage;

/// The text of a condition: a leaf, a negated one, or several below a nested one.
pub(super) fn condition_text(condition: &Condition, language: QueryLanguage) -> String {
    let list = |operands: &[Condition], word: &str| {
        let each = operands.iter().map(|operand| match operand.node() {
            Node::And(_) | Node::Or(_) => format!("({})", condition_text(operand, language)),
            _ => condition_text(operand, language),
        });
        each.collect::<Vec<_>>().join(word)
    };
    match condition.node() {
        Node::Constant(value) => value.to_string(),
        Node::Leaf(leaf) => leaf_text(leaf, language),
        Node::Not(inner) => match inner.node() {
            Node::And(_) | Node::Or(_) => format!("not ({})", condition_text(inner, language)),
            _ => format!("not {}", condition_text(inner, language)),
        },
        Node::And(operands) => list(operands, " and "),
        Node::Or(operands) => list(operands, " or "),
    }
}

fn leaf_text(leaf: &Leaf, language: QueryLanguage) -> String {
    let is_eql = language == QueryLanguage::Eql;
    match leaf {
        Leaf::Field(leaf) if is_eql => eql(leaf),
        Leaf::Field(leaf) => kql(leaf),
        Leaf::Nested(leaf) => format!("{}: {{ {} }}", leaf.path, condition_text(&leaf.condition, language)),
        Leaf::AnyField(leaf) => any_field(leaf),
        Leaf::Computed(leaf) => without_types(&leaf.expr().to_string(), leaf.fields()),
    }
}

/// The dump of an expression writes types behind names, which no author does.
fn without_types(dump: &str, fields: &[watchfire_ir::FieldRef]) -> String {
    fields.iter().fold(dump.to_owned(), |text, field| text.replace(&field.to_string(), &field.name))
}

fn name(target: &FieldTarget) -> String {
    match target {
        FieldTarget::Field(field) => field.name.to_string(),
        FieldTarget::Names(pattern) => pattern.plain(),
        FieldTarget::Below(name) => format!("{name}.*"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn eql(leaf: &FieldLeaf) -> String {
    let field = name(&leaf.target);
    match &leaf.predicate {
        Predicate::Exists => format!("{field} != null"),
        Predicate::Text(texts) => {
            let each: Vec<String> = texts_of(texts).map(|(text, _)| quoted(&text)).collect();
            let operator = match (texts.fold(), texts.patterns().is_empty(), each.len()) {
                (Fold::None, true, 1) => "==",
                (Fold::None, true, _) => "in",
                (Fold::None, false, _) => "like",
                (Fold::Ascii | Fold::Lowercase, ..) => ":",
            };
            format!("{field} {operator} {}", listed(&each, ", "))
        }
        Predicate::Regex(regex) => format!("{field} regex {}", quoted(regex.source())),
        Predicate::Equals(constant) => format!("{field} == {}", constant_text(constant)),
        Predicate::Range { low, high } => range(&field, low, high),
        Predicate::Within(blocks) => {
            let each: Vec<String> = blocks.iter().map(|block| quoted(&block.to_string())).collect();
            format!("cidrMatch({field}, {})", each.join(", "))
        }
        Predicate::Tokens(tokens) => format!("{field} : {}", tokens_text(tokens)),
        Predicate::Listed(list) => format!("{field} in value list {}", quoted(list.name())),
    }
}

fn kql(leaf: &FieldLeaf) -> String {
    let field = name(&leaf.target);
    match &leaf.predicate {
        Predicate::Exists => format!("{field}: *"),
        Predicate::Text(texts) => {
            let text = |(text, is_pattern): (String, bool)| if is_pattern { text } else { quoted(&text) };
            let each: Vec<String> = texts_of(texts).map(text).collect();
            format!("{field}: {}", listed(&each, " or "))
        }
        Predicate::Regex(regex) => format!("{field}: /{}/", regex.source()),
        Predicate::Equals(constant) => format!("{field}: {}", constant_text(constant)),
        Predicate::Range { low, high } => range(&field, low, high),
        Predicate::Within(blocks) => {
            let each: Vec<String> = blocks.iter().map(|block| quoted(&block.to_string())).collect();
            format!("{field}: {}", listed(&each, " or "))
        }
        Predicate::Tokens(tokens) => format!("{field}: {}", tokens_text(tokens)),
        Predicate::Listed(list) => format!("{field} in value list {}", quoted(list.name())),
    }
}

/// The texts, and whether each is a pattern.
fn texts_of(texts: &TextMatch) -> impl Iterator<Item = (String, bool)> {
    let exact = texts.exact().iter().map(|text| (text.to_string(), false));
    exact.chain(texts.patterns().iter().map(|pattern| (pattern.plain(), true)))
}

fn listed(each: &[String], separator: &str) -> String {
    match each {
        [single] => single.clone(),
        several => format!("({})", several.join(separator)),
    }
}

fn range(field: &str, low: &Bound, high: &Bound) -> String {
    let end = |bound: &Bound, included: &str, excluded: &str| match bound {
        Bound::Unbounded => None,
        Bound::Included(limit) => Some(format!("{field} {included} {}", constant_text(limit))),
        Bound::Excluded(limit) => Some(format!("{field} {excluded} {}", constant_text(limit))),
    };
    let ends: Vec<String> = end(low, ">=", ">").into_iter().chain(end(high, "<=", "<")).collect();
    if ends.is_empty() { format!("{field}: *") } else { ends.join(" and ") }
}

fn constant_text(constant: &Constant) -> String {
    match constant {
        Constant::Text(text) => quoted(text),
        Constant::Instant(at) => quoted(&at.to_iso_millis()),
        Constant::Version(version) => quoted(version.as_str()),
        Constant::Ip(_) | Constant::Integer(_) | Constant::Double(_) | Constant::Boolean(_) => {
            constant.to_string()
        }
    }
}

fn any_field(leaf: &AnyFieldLeaf) -> String {
    match leaf.whole.as_literal() {
        Some(text) => quoted(text),
        None => leaf.whole.plain(),
    }
}

fn tokens_text(tokens: &TokenMatch) -> String {
    match tokens {
        TokenMatch::AnyOf(words) => {
            listed(&words.iter().map(|word| quoted(word)).collect::<Vec<_>>(), " or ")
        }
        TokenMatch::Phrase(words) => quoted(&words.join(" ")),
        TokenMatch::Fits(patterns) => {
            listed(&patterns.iter().map(Pattern::plain).collect::<Vec<_>>(), " or ")
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_events::FieldType;
    use watchfire_ir::FieldRef;

    use super::*;

    fn leaf(predicate: Predicate) -> Condition {
        Condition::leaf(FieldLeaf::new(
            FieldRef { name: "a.b".into(), field_type: FieldType::Keyword },
            predicate,
        ))
    }

    #[test]
    fn leaves_are_written_in_their_language() {
        let texts = |fold, list: &[&str]| {
            leaf(Predicate::Text(TextMatch::new(fold, list.iter().map(|text| Pattern::from_eql(text)))))
        };
        let over = Predicate::Range { low: Bound::Excluded(Constant::Integer(5)), high: Bound::Unbounded };
        for (condition, eql, kql) in [
            (texts(Fold::None, &["x"]), r#"a.b == "x""#, r#"a.b: "x""#),
            (texts(Fold::None, &["x", "y"]), r#"a.b in ("x", "y")"#, r#"a.b: ("x" or "y")"#),
            (texts(Fold::Ascii, &["X*", "c:\\"]), r#"a.b : ("c:\\", "x*")"#, r#"a.b: ("c:\\" or x*)"#),
            (leaf(Predicate::Exists).negate(), "not a.b != null", "not a.b: *"),
            (leaf(over), "a.b > 5", "a.b > 5"),
            (leaf(Predicate::Equals(Constant::Boolean(true))), "a.b == true", "a.b: true"),
        ] {
            assert_eq!(condition_text(&condition, QueryLanguage::Eql), eql);
            assert_eq!(condition_text(&condition, QueryLanguage::Kql), kql);
        }
    }
}
