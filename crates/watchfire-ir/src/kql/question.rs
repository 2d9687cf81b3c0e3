//! Asking the schema's fields a question, and telling the author when no field can ever answer it with yes.

use std::cmp::Ordering;
use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Severity, Span, did_you_mean};
use watchfire_events::{FieldType, Timestamp, TypeFamily};

use super::names::{self, NameProblem};
use super::{codes, merge};
use crate::field_query::{self, Limit, Misfit, PatternOnText, Words, pieces};
use crate::{
    AnyFieldLeaf, Bound, Condition, Constant, FieldLeaf, FieldRef, FieldTarget, Fold, Leaf, NestedLeaf, Node,
    Pattern, PatternPart, Predicate, Schema, TokenMatch, tokenize,
};

/// The most fields that the name patterns of one query are expanded to. Beyond it the fields are asked together, as
/// texts.
pub const MAX_EXPANDED_FIELDS: usize = 4096;

/// The most diagnostics of one query or list of filters. Those beyond are counted in one last diagnostic.
pub const MAX_KQL_DIAGNOSTICS: usize = 50;

/// What is asked of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    /// Is there a value?
    Exists,
    /// Is a value equal to this?
    Equals { text: &'a str, words: Words, fold: Fold },
    /// Does a value fit this pattern?
    Fits { pattern: &'a Pattern, fold: Fold, analysed: PatternOnText },
    /// Does a value fit this regular expression of Lucene's dialect?
    Regex { source: &'a str, fold: Fold },
    /// Does a value lie between these limits?
    Between { low: Option<Limit<'a>>, high: Option<Limit<'a>> },
}

/// Where something stands that is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// In a query.
    Span(Span),
    /// In a JSON document.
    Path(&'a str),
}

/// The fields that a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// One field, with the name by which the query calls it.
    Field { name: String, field: FieldRef },
    /// All that fit a pattern: those that the schema knows, and where it is open any other.
    Names { pattern: Pattern, known: Vec<KnownField>, open: bool },
    /// Every field.
    All,
    /// None; the author has been told why.
    Nothing,
}

/// A known field that fits a pattern of names, with the list of objects it stands in, if that is not looked into.
#[derive(Clone, Debug)]
pub(crate) struct KnownField {
    field: FieldRef,
    list: Option<Arc<str>>,
}

/// Why a field gives no condition.
enum Refusal {
    Misfit(Misfit),
    Regex(String),
}

/// Asks questions of fields, and collects what is to be said about them.
pub(crate) struct Asker<'a> {
    pub(crate) schema: &'a dyn Schema,
    pub(crate) now: Option<Timestamp>,
    /// Whether a nested field outside its list is an error (Kibana refuses the query), or only never true
    /// (Elasticsearch finds nothing).
    pub(crate) refuse_outside: bool,
    diagnostics: Vec<Diagnostic>,
    left_out: usize,
    left_out_errors: usize,
    expanded: usize,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(schema: &'a dyn Schema, now: Option<Timestamp>, refuse_outside: bool) -> Self {
        Self {
            schema,
            now,
            refuse_outside,
            diagnostics: Vec::new(),
            left_out: 0,
            left_out_errors: 0,
            expanded: 0,
        }
    }

    /// Adds a diagnostic, with its place.
    pub(crate) fn report(&mut self, place: Place<'_>, diagnostic: Diagnostic, label: &str) {
        let diagnostic = match place {
            Place::Span(span) => diagnostic.at(span, label),
            Place::Path(path) if label.is_empty() => diagnostic.with_note(format!("at `{path}`")),
            Place::Path(path) => diagnostic.with_note(format!("at `{path}`: {label}")),
        };
        self.push(diagnostic);
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.has_room() {
            self.diagnostics.push(diagnostic);
        } else {
            self.left_out += 1;
            self.left_out_errors += usize::from(diagnostic.severity == Severity::Error);
        }
    }

    /// Whether a further diagnostic would be shown.
    fn has_room(&self) -> bool {
        self.diagnostics.len() < MAX_KQL_DIAGNOSTICS
    }

    /// How many diagnostics there are now.
    pub(crate) fn said(&self) -> usize {
        self.diagnostics.len()
    }

    /// Takes over what a parser says of a text inside of what is lowered.
    pub(crate) fn extend(&mut self, diagnostics: Vec<Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Places the diagnostics beyond the first `said`, which are about `text`, at a path of a JSON document.
    pub(crate) fn place_recent(&mut self, said: usize, text: &str, path: &str) {
        for problem in &mut self.diagnostics[said..] {
            if let Some(span) = problem.primary_span() {
                let piece = text.get(span.range()).unwrap_or_default();
                problem.notes.push(format!("at `{path}`: in `{piece}`"));
            }
            problem.labels.clear();
            problem.edit = None;
        }
    }

    /// The diagnostics in the order of the text, with the count of those that were left out.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.primary_span().map(|span| span.start));
        if self.left_out > 0 {
            let severity = if self.left_out_errors > 0 { Severity::Error } else { Severity::Warning };
            let message = format!("{} further diagnostics are left out", self.left_out);
            self.diagnostics.push(Diagnostic::new(codes::TOO_MANY_DIAGNOSTICS, severity, message));
        }
        self.diagnostics
    }

    /// Forgets the warnings and notes beyond the first `said` diagnostics.
    pub(crate) fn keep_errors_only(&mut self, said: usize) {
        let recent = self.diagnostics.split_off(said);
        self.diagnostics.extend(recent.into_iter().filter(|problem| problem.severity == Severity::Error));
    }

    /// The field of an exact name.
    pub(crate) fn field(&mut self, name: &str, scope: Option<&str>, place: Place<'_>) -> Target {
        match names::resolve(self.schema, name, scope) {
            Ok(field) => Target::Field { name: name.to_owned(), field },
            Err(problem) => {
                self.report_name(name, scope, &problem, place);
                Target::Nothing
            }
        }
    }

    fn report_name(&mut self, name: &str, scope: Option<&str>, problem: &NameProblem, place: Place<'_>) {
        let diagnostic = match problem {
            NameProblem::Unmapped => {
                let warning = Diagnostic::warning(codes::UNKNOWN_FIELD, format!("unknown field `{name}`"));
                // The search looks at every name of the schema.
                match self.has_room().then(|| did_you_mean(name, self.schema.names())).flatten() {
                    Some(help) => warning.with_help(help),
                    None => warning,
                }
            }
            NameProblem::Metadata => Diagnostic::error(
                codes::METADATA_FIELD,
                format!("the metadata field `{name}` cannot be searched"),
            ),
            NameProblem::Outside(list) => {
                let severity = if self.refuse_outside { Severity::Error } else { Severity::Warning };
                let message = match scope {
                    Some(scope) => format!("`{name}` is no field of the list `{scope}`, but of `{list}`"),
                    None => format!("`{name}` is a field of the nested list `{list}`"),
                };
                let help = match place {
                    Place::Span(_) => format!("ask for it inside `{list}: {{ … }}`"),
                    Place::Path(_) => format!("ask for it in a `nested` clause with the path `{list}`"),
                };
                Diagnostic::new(codes::OUTSIDE_LIST, severity, message).with_help(help)
            }
        };
        self.report(place, diagnostic, "");
    }

    /// The fields whose names fit a pattern.
    pub(crate) fn names(&mut self, pattern: Pattern, scope: Option<&str>, place: Place<'_>) -> Target {
        if pattern.is_any() {
            return Target::All;
        }
        let open = names::is_open(self.schema);
        // A pattern that fits nothing still costs a search.
        let mut fitting: Vec<&str> = Vec::new();
        if self.expanded < MAX_EXPANDED_FIELDS {
            fitting.extend(self.schema.names().filter(|name| pattern.fits(name)));
            fitting.sort_unstable();
        }
        self.expanded += fitting.len().max(1);
        if self.expanded > MAX_EXPANDED_FIELDS {
            let warning = format!("the names in this query stand for more than {MAX_EXPANDED_FIELDS} fields");
            self.report(place, Diagnostic::warning(codes::TOO_MANY_FIELDS, warning), "");
            return Target::Names { pattern, known: Vec::new(), open: true };
        }
        let known: Vec<KnownField> = fitting
            .into_iter()
            .filter_map(|name| match names::resolve(self.schema, name, scope) {
                Ok(field) => Some(KnownField { field, list: None }),
                Err(NameProblem::Outside(list)) => {
                    let field = names::resolve(self.schema, name, Some(&list)).ok()?;
                    Some(KnownField { field, list: Some(list) })
                }
                Err(_) => None,
            })
            .collect();
        if known.is_empty() && !open {
            let warning = format!("no field of the mapping fits {pattern}");
            self.report(place, Diagnostic::warning(codes::UNKNOWN_FIELD, warning), "");
            return Target::Nothing;
        }
        Target::Names { pattern, known, open }
    }

    /// Asks the question of the target.
    pub(crate) fn ask(&mut self, target: &Target, question: Question<'_>, place: Place<'_>) -> Condition {
        match target {
            Target::Nothing => Condition::constant(false),
            Target::Field { name, field } => self.ask_field(name, field, question, place),
            Target::Names { pattern, known, open } => self.ask_names(pattern, known, *open, question, place),
            Target::All => self.ask_all(question, place),
        }
    }

    fn ask_field(
        &mut self,
        name: &str,
        field: &FieldRef,
        question: Question<'_>,
        place: Place<'_>,
    ) -> Condition {
        if field.field_type.family() == TypeFamily::AnalysedText
            && let Question::Fits { pattern, analysed, .. } = question
        {
            self.lint_pattern_on_text(name, pattern, analysed, place);
        }
        match answer(field, question, self.now) {
            Ok(condition) => {
                if is_empty_range(&condition) {
                    let warning = format!("no value of `{name}` lies in this range");
                    self.report(place, Diagnostic::warning(codes::IMPOSSIBLE_RANGE, warning), "");
                }
                condition
            }
            Err(refusal) => {
                self.report_refusal(name, field.field_type, &refusal, place);
                Condition::constant(false)
            }
        }
    }

    fn report_refusal(&mut self, name: &str, field_type: FieldType, refusal: &Refusal, place: Place<'_>) {
        let misfit = match refusal {
            Refusal::Regex(reason) => {
                let message = format!("the regular expression cannot be used: {reason}");
                return self.report(place, Diagnostic::error(codes::BAD_REGEX, message), "");
            }
            Refusal::Misfit(misfit) => misfit,
        };
        let cannot = if misfit.is_ours() { "cannot be asked" } else { "cannot match" };
        let message = format!("`{name}` {cannot}: {misfit}");
        let code = match misfit {
            Misfit::NeedsNow(_) => codes::NEEDS_NOW,
            Misfit::NoOrder(_) | Misfit::NoRegex(_) => codes::UNSUPPORTED,
            Misfit::NoText(_) => codes::PATTERN_WITHOUT_TEXT,
            Misfit::Object => codes::OBJECT_VALUE,
            Misfit::NoWord(_) => codes::NO_WORD,
            _ => codes::CANNOT_MATCH,
        };
        let diagnostic = if misfit.is_ours() {
            Diagnostic::error(code, message)
        } else {
            Diagnostic::warning(code, message)
        };
        self.report(place, diagnostic, &format!("the field is of type `{field_type}`"));
    }

    fn lint_pattern_on_text(
        &mut self,
        name: &str,
        pattern: &Pattern,
        analysed: PatternOnText,
        place: Place<'_>,
    ) {
        let cut = match analysed {
            PatternOnText::Pieces => pieces(pattern),
            PatternOnText::Token => vec![pattern.clone()],
        };
        if cut.len() > 1 {
            let warning =
                format!("the pattern {pattern} falls apart at white space on the analysed field `{name}`");
            let diagnostic = Diagnostic::warning(codes::PATTERN_WITH_SPACES, warning)
                .with_help("quote the words to look for them as a phrase");
            self.report(place, diagnostic, "");
        } else if cut.iter().any(crosses_words) {
            let warning = format!("no token of the analysed field `{name}` can fit {pattern}");
            let diagnostic = Diagnostic::warning(codes::PATTERN_ACROSS_WORDS, warning)
                .with_help("quote the words to look for them as a phrase");
            self.report(place, diagnostic, "");
        }
    }

    /// Every field that fits is asked by its own type; a field that the question does not fit is passed over.
    fn ask_names(
        &mut self,
        pattern: &Pattern,
        known: &[KnownField],
        open: bool,
        question: Question<'_>,
        place: Place<'_>,
    ) -> Condition {
        let mut conditions = Vec::new();
        if open {
            let any_name = FieldRef { name: "*".into(), field_type: FieldType::Dynamic };
            match dynamic_predicates(&any_name, question, self.now) {
                Ok(predicates) => conditions.extend(predicates.into_iter().map(|predicate| {
                    Condition::leaf(FieldLeaf { target: FieldTarget::Names(pattern.clone()), predicate })
                })),
                Err(refusal) => {
                    self.report_refusal("*", FieldType::Dynamic, &refusal, place);
                    return Condition::constant(false);
                }
            }
        }
        let mut refusal = None;
        for KnownField { field, list } in known {
            // What is asked of unknown fields as text holds for these too.
            if open && (is_exact(field.field_type) || matches!(question, Question::Exists)) {
                continue;
            }
            match answer(field, question, self.now) {
                Ok(condition) => conditions.push(match list {
                    None => condition,
                    Some(path) => {
                        Condition::leaf(NestedLeaf { path: Arc::clone(path), condition: Box::new(condition) })
                    }
                }),
                Err(found) => refusal = Some((field, found)),
            }
        }
        if let (true, Some((field, refusal))) = (conditions.is_empty(), refusal) {
            self.report_refusal(&field.name, field.field_type, &refusal, place);
        }
        merge::any(conditions)
    }

    /// Free text, and questions to the name `*` (kql-semantics §6, §3.5).
    pub(crate) fn ask_all(&mut self, question: Question<'_>, place: Place<'_>) -> Condition {
        let leaf = match question {
            Question::Exists => return Condition::constant(true),
            Question::Equals { text, words, .. } => {
                let tokens: Vec<String> = tokenize(text).collect();
                let tokens = match words {
                    Words::Phrase => TokenMatch::Phrase(tokens),
                    Words::Term => TokenMatch::AnyOf(vec![text.to_owned()]),
                    Words::Any | Words::All => TokenMatch::AnyOf(tokens),
                };
                AnyFieldLeaf { whole: Pattern::literal(text), tokens }
            }
            Question::Fits { pattern, .. } => {
                let cut = pieces(pattern);
                if cut.len() > 1 {
                    let warning =
                        format!("the pattern {pattern} falls apart at white space on analysed fields");
                    self.report(place, Diagnostic::warning(codes::PATTERN_WITH_SPACES, warning), "");
                }
                let tokens = cut.into_iter().map(|piece| piece.folded(Fold::Lowercase)).collect();
                AnyFieldLeaf { whole: pattern.clone(), tokens: TokenMatch::Fits(tokens) }
            }
            Question::Regex { .. } | Question::Between { .. } => {
                let message = "ranges and regular expressions over all fields are not supported";
                self.report(place, Diagnostic::error(codes::UNSUPPORTED, message), "name the field");
                return Condition::constant(false);
            }
        };
        Condition::leaf(leaf)
    }
}

/// The condition that a question means on one field.
fn answer(field: &FieldRef, question: Question<'_>, now: Option<Timestamp>) -> Result<Condition, Refusal> {
    match question {
        Question::Exists => Ok(field_query::exists(field)),
        Question::Equals { text, words, fold } => field_query::equals(field, text, words, fold, now),
        Question::Fits { pattern, fold, analysed } => field_query::fits(field, pattern, fold, analysed),
        Question::Between { low, high } => field_query::between(field, low, high, now),
        Question::Regex { source, fold } => match field_query::fits_regex(field, source, fold) {
            Ok(answer) => answer,
            Err(error) => return Err(Refusal::Regex(error.to_string())),
        },
    }
    .map_err(Refusal::Misfit)
}

/// What a question asks of the values of fields that no schema knows.
fn dynamic_predicates(
    field: &FieldRef,
    question: Question<'_>,
    now: Option<Timestamp>,
) -> Result<Vec<Predicate>, Refusal> {
    let condition = answer(field, question, now)?;
    let mut predicates = Vec::new();
    condition.for_each_leaf(&mut |leaf, _| {
        if let Leaf::Field(leaf) = leaf {
            predicates.push(leaf.predicate.clone());
        }
    });
    Ok(predicates)
}

/// Whether a field's values are compared as texts, letter by letter.
fn is_exact(field_type: FieldType) -> bool {
    matches!(field_type.family(), TypeFamily::Text | TypeFamily::Version | TypeFamily::Dynamic)
        && field_type != FieldType::CaselessKeyword
}

/// Whether the condition is a range whose lower end lies above its upper end.
fn is_empty_range(condition: &Condition) -> bool {
    let Node::Leaf(Leaf::Field(FieldLeaf { predicate: Predicate::Range { low, high }, .. })) =
        condition.node()
    else {
        return false;
    };
    let (low, high, closed) = match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => (low, high, true),
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => return false,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => {
            (low, high, false)
        }
    };
    let order = match (low, high) {
        (Constant::Text(low), Constant::Text(high)) => Some(low.as_bytes().cmp(high.as_bytes())),
        (Constant::Integer(low), Constant::Integer(high)) => Some(low.cmp(high)),
        (Constant::Integer(low), Constant::Double(high)) => (*low as f64).partial_cmp(high),
        (Constant::Double(low), Constant::Integer(high)) => low.partial_cmp(&(*high as f64)),
        (Constant::Double(low), Constant::Double(high)) => low.partial_cmp(high),
        (Constant::Ip(low), Constant::Ip(high)) => Some(low.cmp(high)),
        (Constant::Instant(low), Constant::Instant(high)) => Some(low.cmp(high)),
        (Constant::Version(low), Constant::Version(high)) => Some(low.cmp(high)),
        _ => None,
    };
    match order {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => !closed,
        Some(Ordering::Less) | None => false,
    }
}

/// Whether some text of the pattern can be no part of a token, whatever stands beside it.
fn crosses_words(pattern: &Pattern) -> bool {
    pattern.parts().iter().any(|part| match part {
        PatternPart::Literal(text) => {
            let beside = ["a", "0"];
            beside.iter().all(|before| {
                beside.iter().all(|behind| tokenize(&format!("{before}{text}{behind}")).count() > 1)
            })
        }
        PatternPart::AnyRun | PatternPart::AnyOne => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_no_token_holds() {
        for (pattern, expected) in [
            ("*foo-bar*", true),
            ("foo*", false),
            ("*.exe", false),
            ("*.5*", false),
            ("*$x*", true),
            ("a_b*", false),
        ] {
            assert_eq!(crosses_words(&Pattern::from_eql(pattern)), expected, "{pattern}");
        }
    }
}
