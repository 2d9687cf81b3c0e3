//! What the commands of an ES|QL rule make of events: how many rows each leaves, and which one drops an event, and why.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value as Json, json};
use watchfire_detect::BookItem;
use watchfire_detect::explain::words::cut;
use watchfire_diagnostics::Span;
use watchfire_esql_events::EsqlProgram;
use watchfire_events::{Event, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_pipeline::plan::Step;
use watchfire_pipeline::{Answer, Cell, Fate, NodeId, NodeOf, Reason, Trace};
use watchfire_rules::model::QueryText;

use super::document::{event_facts, rule_facts};
use super::gather::{Chosen, Gathered, NumberedEvent};
use super::text::{Style, line_of};
use super::{Explain, Format, MAX_JOINED, NamedRule, excepted_by, write_json};
use crate::terminal::escape_controls;

/// Rows of the answer that are shown.
const MAX_ROWS: usize = 10;

/// A query over the events that were gathered, run to its end.
pub(super) struct Commands<'a> {
    named: &'a NamedRule,
    query: &'a QueryText,
    program: &'a EsqlProgram,
    gathered: &'a Gathered,
    /// The events that went in, by their place among those gathered, in the order of their time.
    order: Vec<usize>,
    /// What stands in the trace for each of them.
    nodes: BTreeMap<usize, NodeId>,
    /// The events that exceptions hide.
    excepted: BTreeMap<usize, Vec<String>>,
    answer: Answer,
    /// Its text, and what each command of it left.
    counts: Vec<(Span, u64)>,
}

impl<'a> Commands<'a> {
    /// Runs the query of a rule over all events that were gathered.
    pub(super) fn run(
        named: &'a NamedRule,
        query: &'a QueryText,
        program: &'a EsqlProgram,
        gathered: &'a Gathered,
        items: &[&BookItem],
        catalogue: &Catalogue,
    ) -> Self {
        let mut excepted = BTreeMap::new();
        let mut order = Vec::new();
        for (at, event) in gathered.events.iter().enumerate() {
            if !program.patterns().select(&event.event.data_stream) {
                continue;
            }
            let by = excepted_by(&event.event, items, catalogue);
            if by.is_empty() {
                order.push(at);
            } else {
                excepted.insert(at, by);
            }
        }
        let time = |at: &usize| time_of(&gathered.events[*at].event);
        order.sort_by_key(|at| (time(at), *at));
        let now = order.last().and_then(time).unwrap_or_default();
        let mut run = program.begin(now).traced();
        for at in &order {
            // What comes behind a limit is told too.
            let _ = run.push(&gathered.events[*at].event);
        }
        let answer = run.finish();
        let traced = answer.trace.iter().flat_map(|trace| trace.nodes.iter().enumerate());
        let nodes = traced.filter_map(|(node, of)| match of.of {
            NodeOf::Source(number) => Some((*order.get(usize::try_from(number).ok()?)?, NodeId(node))),
            NodeOf::Group { .. } => None,
        });
        let nodes = nodes.collect();
        let counts = Vec::new();
        let mut commands = Self { named, query, program, gathered, order, nodes, excepted, answer, counts };
        commands.counts = commands.count();
        commands
    }

    /// How many rows each command left.
    fn count(&self) -> Vec<(Span, u64)> {
        let plan = self.program.plan();
        let mut rows = self.order.len() as u64;
        let source = self.program.query().source.span;
        let mut counts = vec![(source, rows)];
        for command in &self.program.query().commands {
            let of_command = plan.step_spans.iter().rposition(|span| *span == command.span);
            if let (Some(step), Some(trace)) = (of_command, &self.answer.trace) {
                rows = trace.rows[step];
            }
            counts.push((command.span, rows));
        }
        counts
    }

    fn text(&self, span: Span) -> String {
        let text = self.query.text.get(span.range()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The place of a span of the query in the rule's file.
    fn place(&self, span: Span) -> watchfire_diagnostics::LineColumn {
        self.named.source.line_column(self.query.span_map.map(span).start)
    }

    fn command(&self, step: usize) -> String {
        let span = self.program.plan().step_spans[step];
        let word = self.text(span);
        let word = word.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        format!("{word} in line {}", self.place(span).line)
    }

    fn reason(&self, reason: &Reason) -> String {
        let truth = if reason.is_null { "nothing" } else { "false" };
        let columns: Vec<String> = reason
            .columns
            .iter()
            .map(|(span, cell)| match cell {
                Cell::Null => format!("{} is missing", self.text(*span)),
                cell => format!("{} = {}", self.text(*span), cut(&cell.to_json().to_string())),
            })
            .collect();
        let with = if columns.is_empty() { String::new() } else { format!(": {}", columns.join(", ")) };
        format!("`{}` is {truth}{with}", cut(&self.text(reason.span)))
    }

    /// The keys of a group, by the expressions behind `BY`.
    fn keys(&self, step: usize, keys: &[Cell]) -> Vec<(String, Json)> {
        let (Step::Stats { groups, .. } | Step::InlineStats { groups, .. }) =
            &self.program.plan().steps[step]
        else {
            return Vec::new();
        };
        groups.keys.iter().zip(keys).map(|(key, cell)| (self.text(key.span), cell.to_json())).collect()
    }

    fn group(&self, step: usize, keys: &[Cell]) -> String {
        let keys: Vec<String> = self
            .keys(step, keys)
            .iter()
            .map(|(name, value)| format!("{name} = {}", cut(&value.to_string())))
            .collect();
        if keys.is_empty() {
            "the one group of all rows".to_owned()
        } else {
            format!("the group {}", keys.join(", "))
        }
    }

    fn node(trace: &Trace, id: NodeId) -> (&NodeOf, &[Fate]) {
        let node = &trace.nodes[id.0];
        (&node.of, &node.fates)
    }

    /// What became of a node, a line each, and how deep.
    fn fates(&self, fates: &[Fate], depth: usize, lines: &mut Vec<(usize, String)>) {
        let Some(trace) = &self.answer.trace else { return };
        for fate in fates {
            match fate {
                Fate::Row(number) => {
                    lines.push((depth, format!("is in row {} of what is found", number + 1)));
                }
                Fate::Limited { step } => {
                    lines.push((depth, format!("{} has enough rows without it", self.command(*step))));
                }
                Fate::Dropped { step, reasons } => {
                    lines.push((depth, format!("{} drops it", self.command(*step))));
                    lines.extend(reasons.iter().map(|reason| (depth + 1, self.reason(reason))));
                }
                Fate::Grouped(id) => {
                    if let (NodeOf::Group { step, keys, .. }, fates) = Self::node(trace, *id) {
                        lines.push((
                            depth,
                            format!("{} puts it into {}", self.command(*step), self.group(*step, keys)),
                        ));
                        self.fates(fates, depth + 1, lines);
                    }
                }
            }
        }
    }

    fn fates_json(&self, fates: &[Fate]) -> Json {
        let Some(trace) = &self.answer.trace else { return Json::Null };
        let fate = |fate: &Fate| match fate {
            Fate::Row(number) => json!({ "row": number }),
            Fate::Limited { step } => json!({ "dropped_by": self.command_json(*step), "because": "limit" }),
            Fate::Dropped { step, reasons } => json!({
                "dropped_by": self.command_json(*step),
                "because": "condition",
                "reasons": reasons.iter().map(|reason| json!({
                    "text": self.text(reason.span),
                    "is_nothing": reason.is_null,
                    "columns": reason.columns.iter()
                        .map(|(span, cell)| (self.text(*span), cell.to_json()))
                        .collect::<Map<_, _>>(),
                })).collect::<Vec<_>>(),
            }),
            Fate::Grouped(id) => match Self::node(trace, *id) {
                (NodeOf::Group { step, keys, .. }, fates) => json!({
                    "group": self.keys(*step, keys).into_iter().collect::<Map<_, _>>(),
                    "command": self.command_json(*step),
                    "fates": self.fates_json(fates),
                }),
                (NodeOf::Source(_), _) => Json::Null,
            },
        };
        fates.iter().map(fate).collect()
    }

    fn command_json(&self, step: usize) -> Json {
        let span = self.program.plan().step_spans[step];
        json!({ "text": self.text(span), "line": self.place(span).line, "column": self.place(span).column })
    }

    /// What became of an event; `None` if it did not go in.
    fn fates_of(&self, event: usize) -> Option<&[Fate]> {
        let trace = self.answer.trace.as_ref()?;
        Some(Self::node(trace, *self.nodes.get(&event)?).1)
    }

    /// Whether an event, or a group that it is in, is in the answer.
    fn is_found(&self, fates: &[Fate]) -> bool {
        let Some(trace) = &self.answer.trace else { return false };
        fates.iter().any(|fate| match fate {
            Fate::Row(_) => true,
            Fate::Grouped(id) => self.is_found(Self::node(trace, *id).1),
            Fate::Dropped { .. } | Fate::Limited { .. } => false,
        })
    }

    /// How far an event came: the later the step that dropped it, the nearer it is to being found.
    fn distance(&self, fates: &[Fate]) -> usize {
        let Some(trace) = &self.answer.trace else { return usize::MAX };
        let steps = self.program.plan().steps.len();
        let of = |fate: &Fate| match fate {
            Fate::Row(_) => 0,
            Fate::Limited { step } => steps - step,
            Fate::Dropped { step, reasons } => (steps - step) * 1_000 + reasons.len(),
            Fate::Grouped(id) => self.distance(Self::node(trace, *id).1),
        };
        fates.iter().map(of).min().unwrap_or(usize::MAX)
    }

    /// The events to tell of: the nearest so many of those chosen.
    pub(super) fn told(&self, chosen: &Chosen<'_>, most: usize) -> Vec<usize> {
        let events = self.gathered.events.iter().enumerate();
        let mut told: Vec<usize> =
            events.filter(|(_, event)| event.is_chosen(chosen)).map(|(at, _)| at).collect();
        told.sort_by_cached_key(|at| {
            (self.fates_of(*at).map_or(usize::MAX, |fates| self.distance(fates)), *at)
        });
        told.truncate(most);
        told
    }

    /// What is told of an event.
    fn lines(&self, at: usize) -> (bool, Vec<(usize, String)>) {
        if let Some(by) = self.excepted.get(&at) {
            return (false, by.iter().map(|item| (0, format!("no alert: exception `{item}`"))).collect());
        }
        match self.fates_of(at) {
            None => (false, vec![(0, "the query does not read its data stream".to_owned())]),
            Some(fates) => {
                let mut lines = Vec::new();
                self.fates(fates, 0, &mut lines);
                (self.is_found(fates), lines)
            }
        }
    }

    /// For people.
    pub(super) fn write_text(
        &self,
        told: &[usize],
        style: &Style<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        writeln!(out, "{}", escape_controls(&self.named.rule.name))?;
        writeln!(out)?;
        writeln!(out, "{:>10}  AFTER", "ROWS")?;
        for (span, rows) in &self.counts {
            writeln!(out, "{rows:>10}  {}", escape_controls(&cut(&self.text(*span))))?;
        }
        for warning in self.answer.warnings.list() {
            let text = format!(
                "{} values of `{}` are nothing: {}",
                warning.count,
                self.text(warning.span),
                warning.cause
            );
            writeln!(out, "{:>10}  {}", "", escape_controls(&text))?;
        }
        if self.gathered.left_out > 0 {
            writeln!(
                out,
                "the first {MAX_JOINED} events were taken; {} further ones were left out",
                self.gathered.left_out
            )?;
        }
        for (number, row) in self.answer.rows.iter().take(MAX_ROWS).enumerate() {
            writeln!(out, "\nrow {}", number + 1)?;
            for (column, cell) in
                self.program.plan().output.iter().zip(row).filter(|(_, cell)| !cell.is_null())
            {
                writeln!(
                    out,
                    "  {}",
                    escape_controls(&format!("{} = {}", column.name, cut(&cell.to_json().to_string())))
                )?;
            }
        }
        if self.answer.rows.len() > MAX_ROWS {
            writeln!(out, "\n{} more rows are found", self.answer.rows.len() - MAX_ROWS)?;
        }
        for at in told {
            let NumberedEvent { number, event, .. } = &self.gathered.events[*at];
            let (is_found, lines) = self.lines(*at);
            writeln!(out, "\n{} {}", style.mark(is_found), line_of(*number, event))?;
            for (depth, line) in lines {
                writeln!(out, "{}{}", "  ".repeat(depth + 1), escape_controls(&line))?;
            }
        }
        Ok(())
    }

    /// For machines.
    pub(super) fn write_json(&self, told: &[usize], out: &mut dyn Write) -> io::Result<()> {
        let command = |(span, rows): &(Span, u64)| {
            let place = self.place(*span);
            json!({ "text": self.text(*span), "line": place.line, "column": place.column, "rows": rows })
        };
        let columns = &self.program.plan().output;
        let row = |row: &Vec<Cell>| -> Json {
            let cells =
                columns.iter().zip(row).map(|(column, cell)| (column.name.to_string(), cell.to_json()));
            Json::Object(cells.collect())
        };
        let event = |at: &usize| {
            let NumberedEvent { number, event, .. } = &self.gathered.events[*at];
            let mut facts = event_facts(*number, event);
            let fates = self.fates_of(*at);
            facts.insert("fires".to_owned(), fates.is_some_and(|fates| self.is_found(fates)).into());
            facts.insert("excepted_by".to_owned(), json!(self.excepted.get(at).cloned().unwrap_or_default()));
            facts.insert("is_read".to_owned(), (fates.is_some() || self.excepted.contains_key(at)).into());
            facts.insert("fates".to_owned(), fates.map_or(Json::Null, |fates| self.fates_json(fates)));
            Json::Object(facts)
        };
        let warnings = self.answer.warnings.list().map(|warning| {
            json!({ "text": self.text(warning.span), "cause": warning.cause, "count": warning.count })
        });
        let document = json!({
            "rule": rule_facts(self.named),
            "commands": self.counts.iter().map(command).collect::<Vec<_>>(),
            "not_computed": warnings.collect::<Vec<_>>(),
            "rows": self.answer.rows.iter().map(row).collect::<Vec<_>>(),
            "events": told.iter().map(event).collect::<Vec<_>>(),
            "left_out": self.gathered.left_out,
        });
        write_json(&document, out)
    }
}

impl Explain {
    /// Writes what the commands make of events.
    pub(super) fn write_commands(
        &self,
        commands: &Commands<'_>,
        told: &[usize],
        style: &Style<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self.format {
            Format::Text => commands.write_text(told, style, out),
            Format::Json => commands.write_json(told, out),
        }
    }
}

fn time_of(event: &Event) -> Option<Timestamp> {
    watchfire_events::get_field(&event.document, "@timestamp")?.as_str().and_then(Timestamp::parse)
}
