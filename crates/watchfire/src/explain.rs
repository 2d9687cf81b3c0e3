//! `watchfire explain`: why a rule fires on events, or why not.

mod all_rules;
mod commands;
mod counted;
mod document;
mod gather;
mod lookup;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use watchfire_detect::explain::RuleQuestions;
use watchfire_detect::{BookItem, CompileOptions, RuleProgram, RuleState, compile_rule};
use watchfire_diagnostics::SourceText;
use watchfire_diagnostics::render::one_line;
use watchfire_engine::reference;
use watchfire_events::{BatchBuilder, Event, EventBatch};
use watchfire_ir::Catalogue;
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_rules::model::{QueryText, Rule, RuleKind};
use watchfire_sources::normalise::{NormaliseOptions, catalogue_with};

use self::commands::Commands;
use self::document::Said;
use self::gather::{Chosen, Gathered, Wanted, gather};
use self::lookup::{Lookup, LookupOptions, Lookups};
use crate::destination::Destination;
use crate::exception_options::ExceptionOptions;
use crate::exit::{self, Exit};
use crate::indicator_options::IndicatorOptions;
use crate::reading::Reading;
use crate::rule_paths::load_paths;
use crate::terminal::escape_controls;

/// Events of a rule for sequences or samples that are looked at together. Where there are more, those that come nearest
/// to a stage are.
const MAX_JOINED: usize = 10_000;

/// Tells why a rule fires on events, or why not.
///
/// For each event the condition is shown as a tree: for each leaf the values that were seen and what is wrong with them,
/// with the parts folded that are as they should be. The first line names the leaves that alone decide: if one of them
/// came out the other way, the rule would too. For sequences and samples the part is shown that came farthest, what was
/// awaited next, and why no event filled it. For ES|QL it is said how many rows each command leaves, and which command drops
/// an event, and why.
///
/// Reads what `scan` reads, on one thread and event by event: it is made for few events.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "watchfire explain [OPTIONS] <RULE> <EVENTS>...\n       watchfire explain [OPTIONS] --all <EVENTS>... --rules <PATH>...",
    after_help = "\
Examples:
  watchfire explain rules/execution_powershell.toml event.json
  watchfire explain detection-rules/rules --rule 'Remote Support Tool' evidence/ --top 3
  watchfire explain export.ndjson --rule 6f0e6a52-0c0e-4c0b-9a5e-000000000001 Security.evtx --event 17 --full
  watchfire explain --all event.json --rules detection-rules/rules --top 5 --format json

Exit codes:
  0  done, whether or not anything fires
  1  there is no such event, the rule cannot be explained, or some input could not be used
  2  wrong usage: no such rule, or several"
)]
pub(crate) struct Explain {
    /// The rule's file, or a folder or export with `--rule`; then files and folders of events, `-` is standard input.
    /// With `--all` only the latter.
    #[arg(required = true, value_name = "RULE|EVENTS")]
    paths: Vec<PathBuf>,
    /// Which rule: its id, its name or a part of it. [default: the only one]
    #[arg(long, value_name = "ID|NAME", conflicts_with = "all")]
    rule: Option<String>,
    /// Asks all rules of `--rules`: which ones fire, and which come closest.
    #[arg(long, requires = "rules", conflicts_with = "indicators")]
    all: bool,
    /// Rule files and folders of rules, for `--all`.
    #[arg(long, num_args = 1.., value_name = "PATH", requires = "all")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    indicators: IndicatorOptions,
    #[command(flatten)]
    exceptions: ExceptionOptions,
    /// Files and folders with events from before, whose values a rule of new terms takes as known.
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with = "all")]
    history: Vec<PathBuf>,
    /// Only the event of this number, counted from 1 over the whole input.
    #[arg(long, value_name = "NUMBER")]
    event: Option<u64>,
    /// Only the events whose place is this or ends with it, as tables and alerts show it: `events.ndjson:17`.
    #[arg(long, value_name = "PLACE")]
    record: Option<String>,
    /// Tells of this many events, those first that come nearest to firing; with `--all`, of this many rules beside
    /// those that fire.
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    top: NonZeroUsize,
    /// Shows all parts of a condition, also those that are as they should be.
    #[arg(long)]
    full: bool,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    reading: Reading,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// A rule and the text of its file.
struct NamedRule {
    rule: Rule,
    source: SourceText,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.explain(&mut io::stderr()))
    }

    fn explain(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let normalise = self.reading.normalise()?;
        let catalogue = catalogue_with(&normalise.tables);
        if self.all {
            return self.all_rules(&catalogue, normalise, log);
        }
        let [rules, events @ ..] = self.paths.as_slice() else { return Ok(Exit::Usage) };
        if events.is_empty() {
            writeln!(log, "name a rule and then the events: `watchfire explain RULE EVENTS…`")?;
            return Ok(Exit::Usage);
        }
        let (rules, failed) = load_rules(std::slice::from_ref(rules), log)?;
        let Some(named) = self.choose(&rules, failed, log)? else {
            return Ok(if failed > 0 { Exit::Problems } else { Exit::Usage });
        };
        if let RuleKind::Esql(esql) = &named.rule.kind {
            return self.commands_of(named, &esql.query, events, normalise, &catalogue, log);
        }
        let questions = match RuleQuestions::of(&named.rule, &catalogue, &self.options()) {
            Ok(questions) => questions,
            Err(state) => {
                tell_state(&state, named, log)?;
                return Ok(Exit::Problems);
            }
        };
        let mut out = self.destination.open()?;
        let together = questions.joins() || questions.counts();
        let most = if together { MAX_JOINED } else { self.top.get() };
        let chosen = Chosen { number: self.event, place: self.record.as_deref() };
        // An event is counted with all others, whether or not it alone is asked for.
        let gathered_of = if questions.counts() { Chosen::default() } else { chosen };
        let wanted = Wanted { chosen: gathered_of, most, in_order: together };
        let distance = |batch: &_, row| questions.distance(batch, row, &catalogue);
        let compile = self.options();
        let loading = LookupOptions { catalogue: &catalogue, normalise: &normalise, compile: &compile };
        let mut lookup = Lookups::load(&self.indicators.indicators, &questions, &named.rule, &loading, log)?;
        let now = self.options().now.unwrap_or_default();
        let (exceptions, wrong) = self.exceptions.load_and_tell(&catalogue, now, log)?;
        let items = exceptions.as_ref().map_or_else(Vec::new, |book| {
            let items = book.of_rule(&named.rule).items;
            items.into_iter().map(|number| &book.items()[number]).collect()
        });
        let mut gathered = gather(events, &self.reading, normalise.clone(), &catalogue, &wanted, &distance)?;
        let told: Vec<usize> = if questions.counts() {
            gathered.nearest(&chosen, self.top.get())
        } else {
            (0..gathered.events.len()).collect()
        };
        let clean = gathered.tell_input(log)? && lookup.is_clean && wrong == 0;
        if told.is_empty() {
            if !gathered.events.is_empty() {
                writeln!(log, "there is no such event among those that come nearest")?;
            }
            return Ok(Exit::Problems);
        }
        let excepted = excepted(&gathered, &items, &catalogue);
        let counting = counted::Counting {
            history: &self.history,
            reading: &self.reading,
            normalise: &normalise,
            catalogue: &catalogue,
        };
        let counts = counting.of(&questions, &gathered, &|event| excepted.contains_key(&event), log)?;
        let clean = clean && counts.as_ref().is_none_or(|counts| counts.is_clean);
        let shown = document::Shown {
            named,
            questions: &questions,
            gathered: &gathered,
            counts: counts.as_ref(),
            excepted: &excepted,
        };
        self.answer(&shown, &told, (&mut lookup, loading), &catalogue, &mut *out)?;
        out.flush()?;
        Ok(if clean { Exit::Success } else { Exit::Problems })
    }

    /// Explains an ES|QL rule.
    fn commands_of(
        &self,
        named: &NamedRule,
        query: &QueryText,
        events: &[PathBuf],
        normalise: NormaliseOptions,
        catalogue: &Catalogue,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let compiled = compile_rule(&named.rule, catalogue, &self.options());
        let correlation = match compiled.program {
            Some(RuleProgram::Correlation(correlation)) => correlation,
            Some(RuleProgram::Unsupported(what)) => {
                tell_state(&RuleState::Unsupported(what), named, log)?;
                return Ok(Exit::Problems);
            }
            _ => {
                tell_state(&RuleState::Failed(compiled.diagnostics), named, log)?;
                return Ok(Exit::Problems);
            }
        };
        let Some(program) = correlation.program() else { return Ok(Exit::Problems) };
        let (exceptions, wrong) =
            self.exceptions.load_and_tell(catalogue, self.options().now.unwrap_or_default(), log)?;
        let items = exceptions.as_ref().map_or_else(Vec::new, |book| {
            let items = book.of_rule(&named.rule).items;
            items.into_iter().map(|number| &book.items()[number]).collect()
        });
        let wanted = Wanted { chosen: Chosen::default(), most: MAX_JOINED, in_order: true };
        let is_read = |batch: &EventBatch, row| usize::from(!program.patterns().select(batch.stream(row)));
        let gathered = gather(events, &self.reading, normalise, catalogue, &wanted, &is_read)?;
        let clean = gathered.tell_input(log)? && wrong == 0;
        let commands = Commands::run(named, query, program, &gathered, &items, catalogue);
        let chosen = Chosen { number: self.event, place: self.record.as_deref() };
        let told = commands.told(&chosen, self.top.get());
        if told.is_empty() {
            if !gathered.events.is_empty() {
                writeln!(log, "there is no such event among those that were taken")?;
            }
            return Ok(Exit::Problems);
        }
        let mut out = self.destination.open()?;
        let style = text::Style { colour: self.destination.colour(), full: self.full, source: &named.source };
        self.write_commands(&commands, &told, &style, &mut *out)?;
        out.flush()?;
        Ok(if clean { Exit::Success } else { Exit::Problems })
    }

    fn options(&self) -> CompileOptions {
        CompileOptions { now: Some(self.indicators.now()) }
    }

    fn answer(
        &self,
        shown: &document::Shown<'_>,
        told: &[usize],
        (lookup, loading): (&mut Lookups, LookupOptions<'_>),
        catalogue: &Catalogue,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (questions, gathered) = (shown.questions, shown.gathered);
        let colour = self.destination.colour();
        let mut style = text::Style { colour, full: self.full, source: &shown.named.source };
        let is_out = |event: usize| shown.excepted.contains_key(&event);
        let joined = questions.correlate(&gathered.documents(), catalogue, self.top.get(), &is_out)?;
        if let Some(answer) = joined {
            return match self.format {
                Format::Text => style.correlation(shown, &answer, out),
                Format::Json => write_json(&shown.correlation(&answer), out),
            };
        }
        let mut answers = Vec::new();
        for &at in told {
            let event = &gathered.events[at];
            let batch = batch_of(&event.event, catalogue);
            let answer = questions.answer(0, &batch, 0, catalogue);
            let asked = (self.indicators.indicators.as_slice(), &shown.named.rule, loading);
            let found =
                if answer.fires() { lookup.ask(&batch, questions, asked)? } else { Lookup::NotNeeded };
            let excepted_by = shown.excepted.get(&at).map_or(&[][..], Vec::as_slice);
            answers.push(Said { event, at, answer, found, excepted_by });
        }
        match self.format {
            Format::Text => style.events(shown, &answers, out),
            Format::Json => write_json(&shown.events(&answers), out),
        }
    }

    /// The rule that is meant; if that is not clear, it is said why.
    fn choose<'r>(
        &self,
        rules: &'r [NamedRule],
        failed: usize,
        log: &mut dyn Write,
    ) -> io::Result<Option<&'r NamedRule>> {
        let found: Vec<&NamedRule> = match &self.rule {
            None => rules.iter().collect(),
            Some(wanted) => find(rules, wanted),
        };
        match (found.as_slice(), &self.rule) {
            ([rule], _) => return Ok(Some(rule)),
            ([], None) if failed == 0 => writeln!(log, "there is no rule")?,
            ([], None) => {}
            ([], Some(wanted)) => writeln!(log, "no rule has the id or name `{}`", escape_controls(wanted))?,
            (several, None) => writeln!(log, "there are {} rules; `--rule` chooses one", several.len())?,
            (several, Some(wanted)) => {
                writeln!(log, "`{}` stands for {} rules:", escape_controls(wanted), several.len())?;
                for named in several {
                    let id = named.rule.rule_id.as_ref().map_or("no id", |id| id.as_str());
                    writeln!(log, "  {}", escape_controls(&format!("{} ({id})", named.rule.name)))?;
                }
            }
        }
        Ok(None)
    }
}

/// A batch of one event.
fn batch_of(event: &Event, catalogue: &Catalogue) -> EventBatch {
    let mut builder = BatchBuilder::new(catalogue);
    builder.push(event.clone());
    builder.finish()
}

/// The events that exceptions hide, of those that satisfy the condition or that of a stage: by their place among those
/// gathered, with the exceptions.
fn excepted(gathered: &Gathered, items: &[&BookItem], catalogue: &Catalogue) -> BTreeMap<usize, Vec<String>> {
    let fitting = gathered.events.iter().enumerate().filter(|(_, event)| event.distance == 0);
    let by = fitting.map(|(at, event)| (at, excepted_by(&event.event, items, catalogue)));
    by.filter(|(_, by)| !by.is_empty()).collect()
}

/// The exceptions that hide an event.
fn excepted_by(event: &Event, items: &[&BookItem], catalogue: &Catalogue) -> Vec<String> {
    if items.is_empty() {
        return Vec::new();
    }
    let batch = batch_of(event, catalogue);
    let excepts =
        |item: &&&BookItem| reference::evaluate(&item.condition, &batch, 0, catalogue, &mut Vec::new());
    items.iter().filter(excepts).map(|item| item.id()).collect()
}

/// The rules that are meant: the first way of naming that fits any counts.
fn find<'r>(rules: &'r [NamedRule], wanted: &str) -> Vec<&'r NamedRule> {
    let lower = wanted.to_lowercase();
    let has_id =
        |named: &NamedRule| named.rule.rule_id.as_ref().is_some_and(|id| id.as_str().to_lowercase() == lower);
    let has_name = |named: &NamedRule| named.rule.name.to_lowercase() == lower;
    let has_part = |named: &NamedRule| named.rule.name.to_lowercase().contains(&lower);
    let ways: [&dyn Fn(&NamedRule) -> bool; 3] = [&has_id, &has_name, &has_part];
    let fitting = ways.iter().map(|fits| rules.iter().filter(|rule| fits(rule)).collect::<Vec<_>>());
    fitting.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// Rules, and how many files could not be used; it is told of each of these.
fn load_rules(paths: &[PathBuf], log: &mut dyn Write) -> io::Result<(Vec<NamedRule>, usize)> {
    let (mut rules, mut failed) = (Vec::new(), 0);
    for LoadedFile { source, fate, content, diagnostics, .. } in load_paths(paths)? {
        match (fate, content) {
            (Fate::Loaded, Some(content)) => rules.push(NamedRule { rule: content.rule, source }),
            (Fate::NotARule, _) => {}
            _ => {
                failed += 1;
                for diagnostic in diagnostics {
                    writeln!(log, "{}", one_line(&diagnostic, &source))?;
                }
            }
        }
    }
    Ok((rules, failed))
}

fn tell_state(state: &RuleState, named: &NamedRule, log: &mut dyn Write) -> io::Result<()> {
    match state {
        RuleState::Failed(diagnostics) => diagnostics
            .iter()
            .try_for_each(|diagnostic| writeln!(log, "{}", one_line(diagnostic, &named.source))),
        RuleState::Unsupported(what) => {
            let name = escape_controls(&named.rule.name);
            writeln!(log, "{name}: cannot be explained: it asks for {what}")
        }
        RuleState::Ready => Ok(()),
    }
}

fn write_json(value: &serde_json::Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}
