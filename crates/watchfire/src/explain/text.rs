//! Explanations for people.

use std::io::{self, Write};

use watchfire_detect::explain::words::{cut, is_true, nearness, reason, stream_text, verdict_text};
use watchfire_detect::explain::{
    Candidate, CorrelationAnswer, EventAnswer, Origin, Partial, StageQuestion, WhyNot,
};
use watchfire_diagnostics::SourceText;
use watchfire_diagnostics::render::Colour;
use watchfire_engine::explain::{Explained, Finding, Parts, verdict};
use watchfire_events::Event;
use watchfire_ir::Node;

use super::document::{Said, Shown};
use crate::event_text::{field_text, what};
use crate::terminal::escape_controls;

/// Alternatives of which none holds that are shown; the others are counted.
const MAX_ALTERNATIVES: usize = 5;
/// Events that fire and are told of by a line each.
const MAX_FOUND: usize = 10;

/// How explanations look.
pub(super) struct Style<'s> {
    pub(super) colour: Colour,
    /// Whether parts are shown that are as they should be.
    pub(super) full: bool,
    /// The rule's file.
    pub(super) source: &'s SourceText,
}

impl Style<'_> {
    /// A mark, green or red on a terminal.
    pub(super) fn mark(&self, good: bool) -> &'static str {
        match (self.colour, good) {
            (Colour::Never, true) => "✓",
            (Colour::Never, false) => "✗",
            (_, true) => "\x1b[32m✓\x1b[0m",
            (_, false) => "\x1b[31m✗\x1b[0m",
        }
    }

    /// What the rule says to each event.
    pub(super) fn events(
        &self,
        shown: &Shown<'_>,
        answers: &[Said<'_>],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        heading(shown, out)?;
        for (good, line) in shown.counts.map(super::counted::Counts::heading).unwrap_or_default() {
            let mark = good.map_or_else(String::new, |good| format!("{} ", self.mark(good)));
            writeln!(out, "{mark}{}", escape_controls(&line))?;
        }
        for said in answers {
            let Said { event, at, answer, found, excepted_by } = said;
            writeln!(out)?;
            writeln!(out, "{} {}", self.mark(said.fires(shown.counts)), line_of(event.number, &event.event))?;
            for line in shown.counts.map(|counts| counts.lines(*at)).unwrap_or_default() {
                writeln!(out, "  {}", escape_controls(&line))?;
            }
            if let Some(text) = found.text() {
                writeln!(out, "  {}", escape_controls(&text))?;
            }
            for item in *excepted_by {
                writeln!(out, "  no alert: exception `{}`", escape_controls(item))?;
            }
            self.answer(answer, shown, (0, 1), &event.event, out)?;
        }
        left_out(shown, out)
    }

    /// The verdict of a stage on one event, and its tree, so deep.
    fn answer(
        &self,
        answer: &EventAnswer<'_>,
        shown: &Shown<'_>,
        (stage, depth): (usize, usize),
        event: &Event,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let question = &shown.questions.stages()[stage];
        let indent = "  ".repeat(depth);
        let stream = stream_text(answer.stream, event.data_stream.as_str(), shown.questions.patterns());
        if let Some(text) = &stream {
            writeln!(out, "{indent}{}", escape_controls(text))?;
        }
        if !answer.explained.holds {
            let text = verdict_text(&verdict(&answer.explained), question);
            writeln!(
                out,
                "{indent}{}{}",
                if stream.is_some() { "and " } else { "" },
                escape_controls(&text)
            )?;
        } else if stream.is_some() {
            writeln!(out, "{indent}the condition holds")?;
        }
        self.tree(&answer.explained, true, question, depth, out)
    }

    /// A condition that should come out as wanted.
    fn tree(
        &self,
        explained: &Explained<'_>,
        wanted: bool,
        stage: &StageQuestion,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let good = explained.holds == wanted;
        let (indent, mark) = ("  ".repeat(depth), self.mark(good));
        let leaf = match (&explained.parts, explained.condition.node()) {
            (Parts::Leaf(seen), _) => Some((seen, wanted)),
            (Parts::Operands(operands), Node::Not(_)) => match &operands[0].parts {
                Parts::Leaf(seen) => Some((seen, !wanted)),
                _ => None,
            },
            _ => None,
        };
        if let Some((seen, wanted)) = leaf {
            let text = stage.text_of(explained.condition);
            let place = self.place(text.origin);
            writeln!(out, "{indent}{mark} {}{place}", escape_controls(&cut(&text.text)))?;
            let reason = reason(seen, is_true(seen), wanted);
            writeln!(out, "{indent}    {}", escape_controls(&reason))?;
            if let Finding::NoObject(_, Some((number, nearest))) = &seen.finding {
                writeln!(out, "{indent}    object {} comes nearest:", number + 1)?;
                self.tree(nearest, wanted, stage, depth + 3, out)?;
            }
            return Ok(());
        }
        let Parts::Operands(operands) = &explained.parts else {
            return writeln!(out, "{indent}{mark} {}", explained.holds);
        };
        let (name, wanted) = match explained.condition.node() {
            Node::Not(_) => ("not:", !wanted),
            Node::And(_) => ("all of:", wanted),
            _ => ("any of:", wanted),
        };
        writeln!(out, "{indent}{mark} {name}")?;
        // What is as it should be is folded where something is not; of alternatives, what is not where one is.
        let all_needed = matches!(explained.condition.node(), Node::And(_)) == wanted;
        let is_shown =
            |operand: &Explained<'_>| self.full || (operand.holds == wanted) == good || (good && all_needed);
        let mut listed: Vec<&Explained<'_>> = operands.iter().filter(|operand| is_shown(operand)).collect();
        let folded = operands.len() - listed.len();
        let mut rest = 0;
        if !self.full && !good && !all_needed && listed.len() > MAX_ALTERNATIVES {
            listed.sort_by_key(|operand| operand.seen().map_or(usize::MAX, nearness));
            rest = listed.len() - MAX_ALTERNATIVES;
            listed.truncate(MAX_ALTERNATIVES);
        }
        for operand in listed {
            self.tree(operand, wanted, stage, depth + 1, out)?;
        }
        let indent = "  ".repeat(depth + 1);
        if rest > 0 {
            writeln!(out, "{indent}{} {rest} more do not hold", self.mark(false))?;
        }
        if folded > 0 {
            let rest = match (good, folded) {
                (true, 1) => "is not so",
                (true, _) => "are not so",
                (false, 1) => "is as it should be",
                (false, _) => "are as they should be",
            };
            writeln!(out, "{indent}{} {folded} more {rest}", self.mark(!good))?;
        }
        Ok(())
    }

    fn place(&self, origin: Origin) -> String {
        match origin {
            Origin::Query(span) => {
                let place = self.source.line_column(span.start);
                format!("  [{}:{}]", place.line, place.column)
            }
            Origin::Filter(number) => format!("  [filter {}]", number + 1),
            Origin::Unknown => String::new(),
        }
    }

    /// What the rule makes of events together.
    pub(super) fn correlation(
        &mut self,
        shown: &Shown<'_>,
        answer: &CorrelationAnswer<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        heading(shown, out)?;
        let form = shown.questions.form_name();
        for (number, result) in answer.found.iter().take(MAX_FOUND).enumerate() {
            writeln!(out, "\n{} {form} {}", self.mark(true), number + 1)?;
            for event in result {
                match event {
                    Some(event) => writeln!(out, "  {}", shown.line(*event))?,
                    None => writeln!(out, "  no such event")?,
                }
            }
        }
        if answer.found.len() > MAX_FOUND {
            writeln!(out, "\n{} more were found", answer.found.len() - MAX_FOUND)?;
        }
        if let Some(partial) = &answer.partial {
            self.partial(shown, partial, out)?;
        }
        if !shown.excepted.is_empty() {
            writeln!(out)?;
        }
        for (event, items) in shown.excepted.iter().take(MAX_FOUND) {
            let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
            writeln!(
                out,
                "takes no part: {}: exception {}",
                shown.line(*event),
                escape_controls(&items.join(", "))
            )?;
        }
        if shown.excepted.len() > MAX_FOUND {
            writeln!(out, "{} more take no part because of exceptions", shown.excepted.len() - MAX_FOUND)?;
        }
        left_out(shown, out)
    }

    fn partial(&self, shown: &Shown<'_>, partial: &Partial<'_>, out: &mut dyn Write) -> io::Result<()> {
        let stages = shown.questions.stages();
        let form = shown.questions.form_name();
        writeln!(out, "\n{} no {form}", self.mark(false))?;
        if partial.filled.is_empty() {
            writeln!(out, "  none has begun")?;
        } else {
            let keys: Vec<String> =
                partial.keys.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let keys = if keys.is_empty() { String::new() } else { format!(", {}", keys.join(", ")) };
            writeln!(out, "  the one that came farthest{}:", escape_controls(&keys))?;
            for (stage, event) in &partial.filled {
                writeln!(out, "  {} {}: {}", self.mark(true), stages[*stage].name, shown.line(*event))?;
            }
        }
        if let Some(event) = partial.until {
            writeln!(out, "  {} ended by until: {}", self.mark(false), shown.line(event))?;
        }
        for event in &partial.in_the_way {
            writeln!(out, "  {} a missing stage happened: {}", self.mark(false), shown.line(*event))?;
        }
        let Some(awaited) = partial.awaited else { return Ok(()) };
        writeln!(out, "  {} {} is awaited", self.mark(false), stages[awaited].name)?;
        for candidate in &partial.nearest {
            writeln!(out)?;
            self.candidate(shown, awaited, candidate, out)?;
        }
        Ok(())
    }

    fn candidate(
        &self,
        shown: &Shown<'_>,
        awaited: usize,
        candidate: &Candidate<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        writeln!(out, "  {} {}", self.mark(false), shown.line(candidate.event))?;
        let event = &shown.gathered.events[candidate.event].event;
        if candidate.why == WhyNot::Condition {
            return self.answer(&candidate.answer, shown, (awaited, 2), event, out);
        }
        writeln!(out, "    {}", escape_controls(&why_text(&candidate.why)))
    }
}

/// Which rule it is, and what of it is not explained.
fn heading(shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", escape_controls(&shown.named.rule.name))?;
    if let Some(what) = shown.questions.does_not_run() {
        writeln!(out, "rules of this kind do not run ({what}): what it asks of single events is shown")?;
    }
    if !shown.questions.pipes().is_empty() {
        let pipes = shown.questions.pipes().join(" | ");
        writeln!(out, "of what fits here the query takes a part: {pipes}")?;
    }
    Ok(())
}

/// How many events are not told of.
fn left_out(shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
    if shown.gathered.left_out > 0 {
        writeln!(
            out,
            "\n{} further events were left out, which are no nearer; {} of all fire or fill a stage",
            shown.gathered.left_out, shown.gathered.hits
        )?;
    }
    Ok(())
}

/// Why an event that satisfies the condition of a stage does not fill it.
pub(super) fn why_text(why: &WhyNot) -> String {
    let fits = "the condition holds, but";
    match why {
        WhyNot::Condition => "the condition does not hold".to_owned(),
        WhyNot::NoTime => format!("{fits} the event has no time"),
        WhyNot::NoKey(name) => format!("{fits} the key {name} is missing"),
        WhyNot::OtherKey { name, own, wanted } => format!("{fits} the key {name} is {own}, not {wanted}"),
        WhyNot::Before => format!("{fits} it lies before the events that it should follow"),
        WhyNot::TooLate(by) => format!("{fits} it comes {by} ms later than maxspan allows"),
        WhyNot::AfterUntil => format!("{fits} it lies behind the event that ended it"),
        WhyNot::Excepted => format!("{fits} an exception hides it"),
        WhyNot::Used => "it fills another stage already".to_owned(),
        WhyNot::Overtaken => format!("{fits} another event took or ended what it would have gone on with"),
    }
}

/// An event in one line.
pub(super) fn line_of(number: u64, event: &Event) -> String {
    let time = field_text(&event.document, "@timestamp");
    let what = cut(&what(&event.document));
    escape_controls(&format!("event {number} ({}) {time} {}: {what}", event.place, event.data_stream))
}
