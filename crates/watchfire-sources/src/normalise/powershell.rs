//! PowerShell: the classic log (`Windows PowerShell`: engine and provider life, pipelines) and the operational log
//! (modules, script blocks). Sources §10.

use std::borrow::Cow;

use super::command_line::Splitting;
use super::draft::{Draft, says_something};
use super::table::{Conversion, EventRow, FieldRule, apply, moved};
use crate::fields::TextMembers;

const STARTS: EventRow = EventRow::new(&[400, 4105], &[], &["process"], &["start"]);
const ENDS: EventRow = EventRow::new(&[403, 4106], &[], &["process"], &["end"]);
const ELSE: EventRow = EventRow::new(&[], &[], &["process"], &["info"]);

/// Data of the operational log that have a name.
const FIELDS: &[FieldRule] = &[
    moved("ScriptBlockText", "powershell.file.script_block_text", Conversion::Text),
    moved("ScriptBlockId", "powershell.file.script_block_id", Conversion::Text),
    moved("MessageNumber", "powershell.sequence", Conversion::Number),
    moved("MessageTotal", "powershell.total", Conversion::Number),
    moved("RunspaceId", "powershell.runspace_id", Conversion::Text),
    moved("Path", "file", Conversion::File),
];

/// Keys of the text that holds most of an event: as the classic log and as the operational log spell them, and the
/// field of each. Keys with functions of their own have none.
const CONTEXT: &[(&str, &str, &str)] = &[
    ("CommandName", "Command Name", "powershell.command.name"),
    ("CommandPath", "Command Path", "powershell.command.path"),
    ("CommandType", "Command Type", "powershell.command.type"),
    ("CommandLine", "Command Line", "powershell.command.value"),
    ("ConnectedUser", "Connected User", ""),
    ("DetailSequence", "Detail Sequence", "#powershell.sequence"),
    ("DetailTotal", "Detail Total", "#powershell.total"),
    ("EngineVersion", "Engine Version", "powershell.engine.version"),
    ("HostApplication", "Host Application", ""),
    ("HostId", "Host ID", "process.entity_id"),
    ("HostName", "Host Name", "process.title"),
    ("HostVersion", "Host Version", "powershell.process.executable_version"),
    ("NewEngineState", "New Engine State", "powershell.engine.new_state"),
    ("NewProviderState", "New Provider State", "powershell.provider.new_state"),
    ("PipelineId", "Pipeline ID", "powershell.pipeline_id"),
    ("PreviousEngineState", "Previous Engine State", "powershell.engine.previous_state"),
    ("ProviderName", "Provider Name", "powershell.provider.name"),
    ("RunspaceId", "Runspace ID", "powershell.runspace_id"),
    ("ScriptName", "Script Name", ""),
    ("SequenceNumber", "Sequence Number", "#event.sequence"),
    ("Severity", "Severity", ""),
    ("ShellId", "Shell ID", "powershell.id"),
    ("UserId", "User", ""),
];

/// What each event is.
pub(crate) const EVENTS: &[EventRow] = &[STARTS, ENDS];

/// Data that functions of this module read.
pub(crate) const READ_BY_FUNCTIONS: &[&str] = &["ContextInfo", "Payload", "param1", "param2", "param3"];

/// What the page of this source tells.
pub(crate) const MAPPING: (&[EventRow], &[&[FieldRule]], &[&str]) = (EVENTS, &[FIELDS], READ_BY_FUNCTIONS);

/// Whether some mapping of this source reads a datum.
pub(crate) fn reads(name: &str) -> bool {
    READ_BY_FUNCTIONS.contains(&name) || FIELDS.iter().any(|rule| rule.raw == name)
}

/// Maps an event of the classic log.
pub(crate) fn map_classic(draft: &mut Draft<'_, '_>) {
    classify(draft);
    let holder = match draft.code {
        400 | 403 | 600 => "param3",
        800 => "param2",
        _ => return,
    };
    let Some(text) = draft.datum(holder) else {
        return;
    };
    let context = classic_context(text);
    if context.is_empty() {
        return;
    }
    draft.drop_datum(holder);
    write_context(draft, context);
    if draft.code == 800 {
        draft.drop_datum("param1");
        invocations(draft, "param3");
    } else {
        draft.drop_datum("param1");
        draft.drop_datum("param2");
    }
}

/// Maps an event of the operational log.
pub(crate) fn map_operational(draft: &mut Draft<'_, '_>) {
    classify(draft);
    if let Some(user) = draft.copy_text("winlog.user.identifier") {
        draft.set("user.id", user);
    }
    if draft.code == 4104
        && let Some(script) = draft.copy("ScriptBlockText")
    {
        describe_script(draft, &script);
    }
    if (4103..=4106).contains(&draft.code) {
        apply(FIELDS, draft);
    }
    if draft.code == 4103 {
        let context = draft.datum("ContextInfo").map(operational_context).unwrap_or_default();
        if !context.is_empty() {
            draft.drop_datum("ContextInfo");
            write_context(draft, context);
        }
        invocations(draft, "Payload");
    }
}

fn classify(draft: &mut Draft<'_, '_>) {
    let row = [STARTS, ENDS].into_iter().find(|row| row.codes.contains(&draft.code)).unwrap_or(ELSE);
    row.classify(draft);
}

/// Pairs of a key of [`CONTEXT`], by its position there, and a value.
type Context = Vec<(usize, String)>;

/// Lines `\tKey=value`. A value may go on over lines; only a known key begins a new one.
fn classic_context(text: &str) -> Context {
    let mut context = Context::new();
    for line in lines(text) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let pair = line.strip_prefix('\t').and_then(|rest| rest.split_once('='));
        let key = pair.and_then(|(key, value)| {
            let at = CONTEXT.iter().position(|(classic, _, _)| *classic == key)?;
            Some((at, value))
        });
        if let Some((at, value)) = key {
            context.push((at, value.to_owned()));
        } else if let Some((_, value)) = context.last_mut() {
            value.push('\n');
            value.push_str(line);
        }
    }
    for (_, value) in &mut context {
        value.truncate(value.trim_end().len());
    }
    context
}

/// As a text is split at line ends.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    ends.scan(0, |start, end| Some(&text[std::mem::replace(start, end + 1)..end]))
}

/// Lines `Key = value`, indented.
fn operational_context(text: &str) -> Context {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let known = lines.filter_map(|(key, value)| {
        let key = key.trim();
        let at = CONTEXT.iter().position(|(_, operational, _)| *operational == key)?;
        Some((at, value.trim().to_owned()))
    });
    known.collect()
}

fn write_context(draft: &mut Draft<'_, '_>, context: Context) {
    let mut user = None;
    let mut connected = None;
    for (at, value) in context {
        if !says_something(value.trim()) {
            continue;
        }
        let (key, _, field) = CONTEXT[at];
        if let Some(field) = field.strip_prefix('#') {
            draft.set_number(field, &value);
        } else if !field.is_empty() {
            draft.set(field, value);
        } else {
            match key {
                "HostApplication" => draft.set_command_line("process", value.into(), Splitting::Argv),
                "ScriptName" => draft.set_file("file", value.into()),
                "UserId" => user = Some(value),
                "ConnectedUser" => connected = Some(value),
                // `Severity` says what the level says.
                _ => {}
            }
        }
    }
    let user = user.map(Cow::Owned);
    if let Some(user) = &user {
        draft.set_account("user", user);
    }
    if let Some(connected) = connected {
        draft.set_account("source.user", &Cow::Owned(connected));
        if let Some(user) = &user {
            draft.set_account("destination.user", user);
        }
    }
}

/// Lines `Kind(Command): name="…"; value="…"` or `Kind(Command): value` to a list. The datum stays if a line is not of
/// that form.
fn invocations(draft: &mut Draft<'_, '_>, holder: &'static str) {
    const DETAILS: &str = "powershell.command.invocation_details";
    if draft.drops_list_for_datum(DETAILS, holder) {
        return;
    }
    let Some(text) = draft.copy(holder) else {
        return;
    };
    let (details, whole) = match &text {
        Cow::Borrowed(text) => details(text, Cow::Borrowed),
        Cow::Owned(text) => details(text, |part| Cow::Owned(part.to_owned())),
    };
    if details.is_empty() {
        return;
    }
    draft.set(DETAILS, details);
    if whole {
        draft.drop_datum(holder);
    }
}

/// What the lines of a text say, and whether each says something.
fn details<'a, 't>(text: &'t str, keep: impl Fn(&'t str) -> Cow<'a, str>) -> (Vec<TextMembers<'a>>, bool) {
    let mut found = Vec::new();
    let mut whole = true;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match invocation(line) {
            Some(members) => {
                found.push(members.into_iter().map(|(name, part)| (name, keep(part))).collect());
            }
            None => whole = false,
        }
    }
    (found, whole)
}

fn invocation(line: &str) -> Option<Vec<(&'static str, &str)>> {
    let (kind, rest) = line.split_once('(')?;
    let (command, rest) = rest.split_once("): ")?;
    let mut members = vec![("type", kind.trim()), ("related_command", command)];
    match rest.strip_prefix("name=").and_then(|rest| rest.split_once("; value=")) {
        Some((name, value)) => members.extend([("name", name), ("value", value)]),
        None => members.push(("value", rest)),
    }
    Some(members)
}

/// What the newest mapping says about a script block: its signature block, its length, and how varied it is.
fn describe_script(draft: &mut Draft<'_, '_>, script: &str) {
    const SIGNATURE: &str = "powershell.file.script_block_signature";
    const OF_VARIETY: [&str; 4] = [
        "powershell.file.script_block_length",
        "powershell.file.script_block_unique_symbols",
        "powershell.file.script_block_entropy_bits",
        "powershell.file.script_block_surprisal_stdev",
    ];
    if !draft.drops_text(SIGNATURE)
        && let Some(signature) = signature(script)
    {
        draft.set(SIGNATURE, signature);
    }
    if draft.drops_numbers(&OF_VARIETY) {
        return;
    }
    let variety = Variety::of(script);
    draft.set("powershell.file.script_block_length", variety.length);
    draft.set("powershell.file.script_block_unique_symbols", variety.unique_symbols);
    draft.set("powershell.file.script_block_entropy_bits", variety.entropy_bits);
    draft.set("powershell.file.script_block_surprisal_stdev", variety.surprisal_deviation);
}

/// The lines of a signature block without their comment signs.
fn signature(script: &str) -> Option<String> {
    let (_, block) = script.split_once("# SIG # Begin signature block\n# ")?;
    let (block, _) = block.split_once("# SIG # End signature block")?;
    Some(block.replace("\n# ", ""))
}

/// How varied a text is, by its characters.
struct Variety {
    length: usize,
    unique_symbols: usize,
    /// Shannon entropy of the characters.
    entropy_bits: f64,
    /// Standard deviation of the surprisal around the entropy.
    surprisal_deviation: f64,
}

impl Variety {
    fn of(text: &str) -> Self {
        // Nearly all units are of ASCII, and nearly all scripts.
        let mut of_ascii = [0_u32; 128];
        let mut others = std::collections::BTreeMap::<u16, u32>::new();
        let mut length = 0;
        // Elasticsearch counts UTF-16 units.
        for unit in text.encode_utf16() {
            match of_ascii.get_mut(usize::from(unit)) {
                Some(count) => *count += 1,
                None => *others.entry(unit).or_default() += 1,
            }
            length += 1;
        }
        let total = f64::from(length);
        let counts = || of_ascii.iter().chain(others.values()).copied().filter(|&count| count > 0);
        let shares = || counts().map(|count| f64::from(count) / total).map(|share| (share, -share.log2()));
        let entropy: f64 = shares().map(|(share, surprisal)| share * surprisal).sum();
        let variance: f64 = shares().map(|(share, surprisal)| share * (surprisal - entropy).powi(2)).sum();
        Self {
            length: length as usize,
            unique_symbols: counts().count(),
            entropy_bits: entropy,
            surprisal_deviation: variance.sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_values_go_on_over_lines() {
        let context = classic_context(
            "\tHostName=ConsoleHost\n\tHostApplication=powershell {\n\t$x= 1\n}\n\n\tPipelineId=",
        );
        let shown: Vec<_> = context.iter().map(|(at, value)| format!("{}:{value}", CONTEXT[*at].0)).collect();
        assert_eq!(
            shown,
            ["HostName:ConsoleHost", "HostApplication:powershell {\n\t$x= 1\n}", "PipelineId:"]
        );
    }

    #[test]
    fn invocations_have_two_forms() {
        assert_eq!(
            invocation("ParameterBinding(Get-Item): name=\"Path\"; value=\"C:\\x\""),
            Some(vec![
                ("type", "ParameterBinding"),
                ("related_command", "Get-Item"),
                ("name", "\"Path\""),
                ("value", "\"C:\\x\""),
            ])
        );
        assert_eq!(
            invocation("CommandInvocation(Get-Item): \"Get-Item\""),
            Some(vec![
                ("type", "CommandInvocation"),
                ("related_command", "Get-Item"),
                ("value", "\"Get-Item\""),
            ])
        );
        assert_eq!(invocation("something else"), None);
    }

    #[test]
    fn variety_of_simple_texts() {
        let same = Variety::of("aaaa");
        assert_eq!((same.length, same.unique_symbols, same.entropy_bits), (4, 1, 0.0));
        let four = Variety::of("abcd");
        assert_eq!((four.entropy_bits, four.surprisal_deviation), (2.0, 0.0));
    }
}
