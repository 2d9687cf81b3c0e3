//! Field leaves of patterns, regular expressions and the functions that look for a part (eql-semantics §8, §10).

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_eql::ast::{Constant, MatchOp};

use super::Lowering;
use super::field_leaf::own_fold;
use crate::{
    Condition, FieldLeaf, FieldRef, Fold, Function, Pattern, PatternPart, Predicate, Regex, TextMatch, codes,
};

impl Lowering<'_> {
    /// `field : (…)`, `field like (…)`, `field regex (…)`: one leaf for the whole list.
    pub(super) fn field_matches(
        &mut self,
        field: &FieldRef,
        op: MatchOp,
        texts: &[&str],
        patterns: &[Constant],
        span: Span,
    ) -> Option<Condition> {
        let fold = match op {
            MatchOp::Like | MatchOp::Regex => Fold::None,
            MatchOp::Colon | MatchOp::LikeIgnoreCase | MatchOp::RegexIgnoreCase => Fold::Ascii,
        };
        let fold = own_fold(field, fold);
        if !matches!(op, MatchOp::Regex | MatchOp::RegexIgnoreCase) {
            return Some(text_leaf(field, fold, texts.iter().map(|text| Pattern::from_eql(text))));
        }
        // The patterns are joined without parentheses; a `|` inside of one is like any other.
        let regex = match Regex::lucene(&texts.join("|"), fold) {
            Ok(regex) => regex,
            Err(error) => {
                // Which of the patterns it is, if one alone has the fault.
                let culprit = texts.iter().zip(patterns).find(|(text, _)| Regex::lucene(text, fold).is_err());
                let place = culprit.map_or(span, |(_, pattern)| pattern.span);
                return self.fail(
                    Diagnostic::error(codes::BAD_PATTERN, format!("bad regular expression: {error}"))
                        .at(place, "in this pattern")
                        .with_note("fields take the dialect of Lucene: no anchors, no look-around; `~ & @ # < \"` are operators"),
                );
            }
        };
        if let Some(literals) = regex.literals() {
            return Some(text_leaf(field, fold, literals.iter().map(|text| Pattern::literal(text))));
        }
        let predicate = if regex.is_everything() { Predicate::Exists } else { Predicate::Regex(regex) };
        Some(Condition::leaf(FieldLeaf::new(field.clone(), predicate)))
    }

    /// `startsWith(field, "…")` and its like. The text of `startsWith` is literal; those of the others are wildcard
    /// patterns, as upstream runs them.
    pub(super) fn field_part(
        &mut self,
        field: &FieldRef,
        function: Function,
        text: &str,
        ignore_case: bool,
        span: Span,
    ) -> Condition {
        let fold = own_fold(field, if ignore_case { Fold::Ascii } else { Fold::None });
        if function == Function::StartsWith {
            let start = PatternPart::Literal(text.into());
            return text_leaf(field, fold, [Pattern::new([start, PatternPart::AnyRun])]);
        }
        if text.contains(['*', '?', '\\']) {
            let message =
                format!("`{}` on a field takes `*` and `?` as wildcards and `\\` as escape", function.name());
            self.report(
                Diagnostic::warning(codes::WILDCARD_IN_FUNCTION, message)
                    .at(span, "run as a wildcard pattern")
                    .with_help("write `\\*` for a star, and `\\\\` for a backslash, in a raw string"),
            );
        }
        let mut parts = vec![PatternPart::AnyRun];
        parts.extend(Pattern::from_wildcard_query(text).parts().iter().cloned());
        if function == Function::StringContains {
            parts.push(PatternPart::AnyRun);
        }
        text_leaf(field, fold, [Pattern::new(parts)])
    }
}

/// The leaf of some patterns; of one that every text fits, that there is a value.
fn text_leaf(field: &FieldRef, fold: Fold, patterns: impl IntoIterator<Item = Pattern>) -> Condition {
    let patterns: Vec<Pattern> = patterns.into_iter().collect();
    let predicate = if patterns.iter().any(Pattern::is_any) {
        Predicate::Exists
    } else {
        Predicate::Text(TextMatch::new(fold, patterns))
    };
    Condition::leaf(FieldLeaf::new(field.clone(), predicate))
}
