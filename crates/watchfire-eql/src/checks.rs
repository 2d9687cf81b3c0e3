//! What is wrong with a query that is well formed: checks that need the tree and no schema (eql-semantics §4), and the
//! naming of what belongs to other dialects (§16).

use watchfire_diagnostics::{Diagnostic, Span, closest};

use crate::ast::{
    CompareOp, EventQuery, Expr, ExprKind, FieldName, JoinKey, Literal, NumberValue, Pipe, ProcessRelation,
    Query, QueryKind, Sample, Sequence,
};
use crate::functions::{ARRAY_SEARCH, ENDGAME_FUNCTIONS, ENDGAME_PIPES, FUNCTIONS, find};
use crate::limits::MAX_RUNS;
use crate::problems::excerpt;
use crate::{codes, endgame};

/// Everything that the checks find in a tree.
pub fn check(query: &Query) -> Vec<Diagnostic> {
    check_after_parsing(query, true)
}

/// As [`check`]; what concerns the query as a whole is left out if parts of it could not be read.
pub(crate) fn check_after_parsing(query: &Query, complete: bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    query.for_each_event(|event| check_event(event, &mut found));
    for pipe in &query.pipes {
        check_pipe(pipe, &mut found);
    }
    match &query.kind {
        QueryKind::Sequence(sequence) => check_sequence(sequence, complete, &mut found),
        QueryKind::Sample(sample) if complete => check_sample(sample, &mut found),
        QueryKind::Event(_) | QueryKind::Sample(_) => {}
        QueryKind::Join(join) => {
            let word = Span { end: join.span.start + "join".len() as u32, ..join.span };
            let help = "this is Endgame EQL: write `sample by …`, or `sequence by …` if the order is known";
            found
                .push(Diagnostic::error(codes::JOIN, "`join` is not supported").at(word, "").with_help(help));
        }
    }
    found
}

/// What the checks find in a lone expression.
pub(crate) fn check_expression(expression: &Expr) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    walk(expression, &mut Vec::new(), &mut found);
    found
}

fn check_event(event: &EventQuery, found: &mut Vec<Diagnostic>) {
    walk(&event.condition, &mut Vec::new(), found);
}

/// Checks an expression and all below it. `variables` are those of the array searches around it.
fn walk<'a>(expression: &'a Expr, variables: &mut Vec<&'a str>, found: &mut Vec<Diagnostic>) {
    match &expression.kind {
        ExprKind::Call { name, name_span, ignore_case, arguments } => {
            if name.eq_ignore_ascii_case(ARRAY_SEARCH) {
                let message = "`_arraysearch` is an Elastic Defend extension: not supported yet";
                found.push(Diagnostic::error(codes::DEFEND_ARRAY_SEARCH, message).at(*name_span, ""));
                let variable = arguments.get(1).and_then(|argument| match &argument.kind {
                    ExprKind::Variable { name, .. } => Some(name.as_str()),
                    _ => None,
                });
                variables.extend(variable);
                arguments.iter().for_each(|argument| walk(argument, variables, found));
                if variable.is_some() {
                    variables.pop();
                }
                return;
            }
            check_call(expression.span, name, *name_span, *ignore_case, arguments, found);
        }
        ExprKind::Field(field) => check_field(field, found),
        ExprKind::Relation { relation, relation_span, .. } => found.push(match relation {
            ProcessRelation::Descendant => {
                let message = "`descendant of` is an Elastic Defend extension: not supported yet";
                Diagnostic::error(codes::DEFEND_DESCENDANT, message).at(*relation_span, "")
            }
            ProcessRelation::Child | ProcessRelation::Event => {
                let message = format!("`{relation} of` is not supported");
                let help = "this is Endgame EQL: write a `sequence by` the process and its parent instead";
                Diagnostic::error(codes::PROCESS_RELATION, message).at(*relation_span, "").with_help(help)
            }
        }),
        ExprKind::MethodCall { name, name_span, receiver, arguments } => {
            let call = endgame::rewrite_method(receiver, name, *name_span, arguments);
            let message = format!("`{}` is called as a method", excerpt(name));
            found.push(
                Diagnostic::error(codes::METHOD_CALL, message)
                    .at(*name_span, "")
                    .with_help(format!("this is Endgame EQL: write `{}` instead", excerpt(&call)))
                    .with_edit(expression.span, call),
            );
        }
        ExprKind::Variable { name, name_span, .. } if !variables.contains(&name.as_str()) => {
            let message = format!("`${}` stands for nothing here", excerpt(name));
            found.push(Diagnostic::error(codes::DEFEND_VARIABLE, message).at(*name_span, ""));
        }
        ExprKind::EventReference { alias, alias_span, .. } => {
            let message = format!(
                "the field of stage `{}` is an Elastic Defend extension: not supported yet",
                excerpt(alias)
            );
            found.push(Diagnostic::error(codes::DEFEND_EVENT_REFERENCE, message).at(*alias_span, ""));
        }
        ExprKind::Compare { op: CompareOp::Equal | CompareOp::NotEqual, left, right, .. } => {
            warn_of_wildcard(left, found);
            warn_of_wildcard(right, found);
        }
        ExprKind::In { list, .. } => list.iter().for_each(|element| warn_of_wildcard(element, found)),
        ExprKind::Compare { .. }
        | ExprKind::Variable { .. }
        | ExprKind::Literal(_)
        | ExprKind::Not { .. }
        | ExprKind::And(_)
        | ExprKind::Or(_)
        | ExprKind::Arithmetic { .. }
        | ExprKind::Negate { .. }
        | ExprKind::Match { .. }
        | ExprKind::Invalid => {}
    }
    expression.for_each_child(|child| walk(child, variables, found));
}

/// `1 key`, `2 keys`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `*` and `?` are plain characters to `==` and `in`; an author who writes them there often means a pattern.
fn warn_of_wildcard(operand: &Expr, found: &mut Vec<Diagnostic>) {
    if let ExprKind::Literal(Literal::String(string)) = &operand.kind
        && string.value.contains('*')
    {
        let message = "`*` is a plain character here";
        let help = "write `:` or `like` to use it as a wildcard";
        found
            .push(Diagnostic::warning(codes::LITERAL_WILDCARD, message).at(operand.span, "").with_help(help));
    }
}

fn check_call(
    whole: Span,
    name: &str,
    span: Span,
    ignore_case: bool,
    arguments: &[Expr],
    found: &mut Vec<Diagnostic>,
) {
    let Some(function) = find(name) else {
        if let Some((_, instead)) =
            ENDGAME_FUNCTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            let message = format!("there is no function `{}`", excerpt(name));
            let help = format!("this is Endgame EQL: {instead}");
            let diagnostic = Diagnostic::error(codes::ENDGAME_FUNCTION, message).at(span, "").with_help(help);
            found.push(match endgame::rewrite_call(name, arguments) {
                Some(same) => diagnostic.with_edit(whole, same),
                None => diagnostic,
            });
            return;
        }
        let mut diagnostic = {
            let message = format!("there is no function `{}`", excerpt(name));
            Diagnostic::error(codes::UNKNOWN_FUNCTION, message).at(span, "")
        };
        if let Some(known) = closest(name, FUNCTIONS.iter().map(|function| function.name)) {
            diagnostic = diagnostic.with_help(format!("did you mean `{known}`?")).with_edit(span, known);
        }
        found.push(diagnostic);
        return;
    };
    if !function.takes(arguments.len()) {
        let wanted = match function.max_arguments {
            Some(most) if most == function.min_arguments => counted(most, "argument"),
            Some(most) => format!("{} to {}", function.min_arguments, counted(most, "argument")),
            None => format!("at least {}", counted(function.min_arguments, "argument")),
        };
        let message = format!("`{}` takes {wanted}, not {}", function.name, arguments.len());
        found.push(Diagnostic::error(codes::ARGUMENT_COUNT, message).at(span, ""));
    }
    if ignore_case && !function.can_ignore_case {
        let message = format!("`{}` has no form that ignores case", function.name);
        let tilde = Span { start: span.end, end: span.end + 1 };
        found.push(
            Diagnostic::error(codes::NO_IGNORE_CASE, message)
                .at(span.cover(tilde), "")
                .with_help("remove the `~`")
                .with_edit(tilde, ""),
        );
    }
}

fn check_field(field: &FieldName, found: &mut Vec<Diagnostic>) {
    for index in field.parts.iter().flat_map(|part| &part.indexes) {
        let help = "this is Endgame EQL: write the field alone; a condition holds if it holds of any value";
        found.push(
            Diagnostic::error(codes::ARRAY_INDEX, "elements of an array have no position")
                .at(index.span, "")
                .with_help(help)
                .with_edit(index.span, ""),
        );
    }
}

fn check_pipe(pipe: &Pipe, found: &mut Vec<Diagnostic>) {
    for argument in &pipe.arguments {
        walk(argument, &mut Vec::new(), found);
    }
    if pipe.kind().is_none() {
        // Other names are complained about where they are read.
        if ENDGAME_PIPES.contains(&pipe.name.as_str()) {
            let message = format!("the pipe `{}` is not supported", pipe.name);
            let help =
                "this is Endgame EQL: only `head` and `tail` run; reduce or count the results afterwards";
            found
                .push(Diagnostic::error(codes::ENDGAME_PIPE, message).at(pipe.name_span, "").with_help(help));
        }
        return;
    }
    let valid = match pipe.arguments.as_slice() {
        [argument] => integer(argument).is_some_and(|number| number >= 0),
        _ => false,
    };
    if !valid {
        let message = format!("`{}` takes one whole number of at least 0", pipe.name);
        let help = format!("write for example `| {} 10`", pipe.name);
        found.push(Diagnostic::error(codes::PIPE_ARGUMENT, message).at(pipe.span, "").with_help(help));
    }
}

/// The value of an expression over whole numbers, if that is all it is.
pub(crate) fn integer(expression: &Expr) -> Option<i64> {
    use crate::ast::ArithmeticOp;
    match &expression.kind {
        ExprKind::Literal(Literal::Number(number)) => match number.value {
            NumberValue::Integer(value) => Some(value.into()),
            NumberValue::Long(value) => Some(value),
            NumberValue::UnsignedLong(_) | NumberValue::Double(_) => None,
        },
        ExprKind::Negate { operand, .. } => integer(operand)?.checked_neg(),
        ExprKind::Arithmetic { op, left, right, .. } => {
            let (left, right) = (integer(left)?, integer(right)?);
            match op {
                ArithmeticOp::Add => left.checked_add(right),
                ArithmeticOp::Subtract => left.checked_sub(right),
                ArithmeticOp::Multiply => left.checked_mul(right),
                ArithmeticOp::Divide => left.checked_div(right),
                ArithmeticOp::Remainder => left.checked_rem(right),
            }
        }
        _ => None,
    }
}

fn check_sequence(sequence: &Sequence, complete: bool, found: &mut Vec<Diagnostic>) {
    for term in sequence.terms.iter().chain(&sequence.until) {
        if let Some(alias) = &term.alias {
            let message = "naming a stage with `as` is an Elastic Defend extension: not supported yet";
            found.push(Diagnostic::error(codes::DEFEND_ALIAS, message).at(alias.span, ""));
        }
        if let Some(runs) = term.runs.filter(|runs| !(1..=MAX_RUNS).contains(&runs.value)) {
            let message = format!("`runs` is from 1 to {MAX_RUNS}, not {}", runs.value);
            found.push(Diagnostic::error(codes::RUNS_RANGE, message).at(runs.span, ""));
        }
    }
    if let Some(until) = &sequence.until {
        let missing = until.missing.then_some((until.span, "`![…]`"));
        for (span, what) in missing.into_iter().chain(until.runs.map(|runs| (runs.span, "`with runs`"))) {
            let message = format!("{what} has no meaning in `until`");
            let help = "one event ends what is pending: write `until […]`, perhaps with `by`";
            found.push(Diagnostic::error(codes::MISPLACED_CLAUSE, message).at(span, "").with_help(help));
        }
    }
    if !complete {
        return;
    }
    let missing = sequence.terms.iter().find(|term| term.missing);
    if let (Some(term), None) = (missing, sequence.maxspan) {
        let message = "a missing event needs `with maxspan`";
        let help = "say how long it must be missing: `sequence by … with maxspan=5m …`";
        found.push(
            Diagnostic::error(codes::MISSING_WITHOUT_MAXSPAN, message).at(term.span, "").with_help(help),
        );
    }
    if !sequence.terms.is_empty() && sequence.terms.iter().all(|term| term.missing) {
        let message = "a sequence of missing events alone finds nothing";
        found.push(Diagnostic::error(codes::MISSING_ALONE, message).at(sequence.span, ""));
    }
    if sequence.expanded_len() < 2 {
        let message = "a sequence has at least two stages";
        found.push(Diagnostic::error(codes::TOO_FEW_STAGES, message).at(sequence.span, ""));
    }
    let terms = sequence.terms.iter().chain(&sequence.until).map(|term| (term.by.as_slice(), term.span));
    check_key_counts(terms, found);
}

fn check_sample(sample: &Sample, found: &mut Vec<Diagnostic>) {
    if sample.terms.len() < 2 {
        let message = "a sample has at least two terms";
        found.push(Diagnostic::error(codes::TOO_FEW_STAGES, message).at(sample.span, ""));
    }
    if sample.by.is_empty() && sample.terms.iter().all(|term| term.by.is_empty()) {
        let message = "the events of a sample belong together by a key, and there is none";
        let help = "write `sample by …`";
        found.push(Diagnostic::error(codes::SAMPLE_WITHOUT_KEY, message).at(sample.span, "").with_help(help));
    }
    check_key_counts(sample.terms.iter().map(|term| (term.by.as_slice(), term.span)), found);
}

fn check_key_counts<'a>(mut terms: impl Iterator<Item = (&'a [JoinKey], Span)>, found: &mut Vec<Diagnostic>) {
    let Some((first, first_span)) = terms.next() else { return };
    for (keys, span) in terms {
        if keys.len() != first.len() {
            let message =
                format!("this stage has {}, the first one {}", counted(keys.len(), "key"), first.len());
            found.push(
                Diagnostic::error(codes::KEY_COUNT, message)
                    .at(span, "")
                    .at(first_span, "compared with this stage"),
            );
            return;
        }
    }
}
