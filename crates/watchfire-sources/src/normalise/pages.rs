//! A page for each source, generated from what maps it: `docs/sources/`.

use std::fmt::Write as _;

use super::table::{EventRow, FieldRule};
use super::{SourceFields, SourceKind, fields, powershell, security, sysmon, tables};

/// The page of a source, in Markdown.
pub fn page(source: SourceKind) -> String {
    if let SourceKind::Table(table) = source {
        return tables::source_page(table);
    }
    let mut page = format!("# {}\n\n{}\n\n", source.title(), about(source));
    let of_source = fields().iter().find(|fields| fields.source == source);
    match of_source {
        Some(fields) => {
            let _ = writeln!(page, "Source `{source}`, data stream `{}`.\n", fields.data_stream_pattern);
        }
        None => {
            let _ = writeln!(page, "Source `{source}`.\n");
        }
    }
    let (events, rules, functions) = mapping(source);
    if !events.is_empty() {
        page.push_str("## What each event is\n\n| event id | `event.action` | `event.category` | `event.type` |\n|---|---|---|---|\n");
        for row in events {
            let codes: Vec<String> = row.codes.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                codes.join(", "),
                words(row.actions),
                words(row.categories),
                words(row.types)
            );
        }
        page.push('\n');
    }
    if !rules.is_empty() {
        page.push_str("## Where each datum of the event goes\n\n");
        page.push_str("| datum | field | conversion | event ids | stays in `winlog.event_data` |\n|---|---|---|---|---|\n");
        for rule in rules.iter().copied().flatten() {
            let codes: Vec<String> = rule.codes().iter().map(ToString::to_string).collect();
            let codes = if codes.is_empty() { "all".to_owned() } else { codes.join(", ") };
            let stays = if rule.keeps_raw() { "yes" } else { "no" };
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} | {codes} | {stays} |",
                rule.raw,
                rule.target,
                rule.conversion_in_words()
            );
        }
        page.push('\n');
    }
    if !functions.is_empty() {
        let _ = writeln!(page, "Functions read {} beside them.\n", words(functions));
    }
    if let Some(fields) = of_source {
        given(fields, &mut page);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Event rows, field rules, and the data that functions read.
type Mapping = (&'static [EventRow], &'static [&'static [FieldRule]], &'static [&'static str]);

fn mapping(source: SourceKind) -> Mapping {
    match source {
        SourceKind::Sysmon => sysmon::MAPPING,
        SourceKind::WindowsSecurity => security::MAPPING,
        SourceKind::WindowsPowerShell => (powershell::EVENTS, &[], powershell::READ_BY_FUNCTIONS),
        SourceKind::WindowsPowerShellOperational => powershell::MAPPING,
        _ => (&[], &[], &[]),
    }
}

fn about(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Sysmon => {
            "The events of the Sysinternals driver, told by their provider in any form of Windows events."
        }
        SourceKind::WindowsSecurity => {
            "The Security channel: logons, processes, accounts, groups, tasks, services, tickets, shares. Events of other providers than Windows' own auditing stay as they are."
        }
        SourceKind::WindowsPowerShell => {
            "The channel `Windows PowerShell`: life of the engine and of providers, pipelines. Most of an event is a text of keys and values, which are read one by one."
        }
        SourceKind::WindowsPowerShellOperational => {
            "The channel `Microsoft-Windows-PowerShell/Operational`: modules and script blocks."
        }
        SourceKind::WindowsSystem | SourceKind::WindowsApplication => {
            "Events of this channel have what every Windows event has; their data stay under `winlog.event_data`."
        }
        SourceKind::WindowsDefender => {
            "The channel of Windows Defender: category and type, and the writer as the user; the data stay under `winlog.event_data`."
        }
        SourceKind::WindowsForwarded => {
            "What a collector forwards, and channels without a data stream of their own. Events are mapped as those of the channel that they come from."
        }
        SourceKind::SysmonLinux => {
            "Sysmon for Linux writes the form of Windows events; it is kept in that form."
        }
        SourceKind::Winlogbeat => {
            "The events of the other Windows sources as Winlogbeat publishes them: same mapping, another index, and the differences that its modules have."
        }
        SourceKind::ElasticDefend => {
            "Documents of Elastic Defend are ECS already. They are passed through, and go to the data stream that they name."
        }
        SourceKind::Endgame => "Documents of Elastic Endgame in ECS form are passed through.",
        SourceKind::Ecs => {
            "A document that names its dataset, its version of ECS, or a category is passed through."
        }
        SourceKind::Table(table) => table.about(),
        SourceKind::Unrecognised => {
            "JSON that passes no test is kept as it is, searched as it is, and counted. `watchfire sources detect` says which records these are."
        }
    }
}

fn given(fields: &SourceFields, page: &mut String) {
    page.push_str(
        "## Fields that it can give\n\nA name that ends in a dot stands for all fields below it.\n\n",
    );
    let mut names: Vec<&str> = fields.typed_fields().map(|(name, _)| name).collect();
    names.extend(fields.prefixes.iter().map(|(name, _)| *name));
    names.extend(fields.ecs_names());
    names.sort_unstable();
    names.dedup();
    for name in names {
        let _ = writeln!(page, "- `{name}`");
    }
}

fn words(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
