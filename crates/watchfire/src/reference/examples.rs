//! An example of each code: a text of which it is said, what is said, and what the text becomes by the edit.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use watchfire_diagnostics::{Code, Diagnostic};
use watchfire_rules::load::{LoadedFile, load_text};
use watchfire_sources::normalise::catalogue;

use crate::check::Examination;

/// The examples.
const EXAMPLES: &str = include_str!("../../data/diagnostic_examples.toml");
/// Where the query of an example stands in the rule around it.
const QUERY: &str = "{query}";

/// What the text of an example is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Eql,
    Kuery,
    Lucene,
    Esql,
    Toml,
    Json,
}

impl Form {
    /// The name of the form in Markdown.
    const fn name(self) -> &'static str {
        match self {
            Self::Eql => "eql",
            Self::Kuery => "kql",
            Self::Lucene => "lucene",
            Self::Esql => "esql",
            Self::Toml => "toml",
            Self::Json => "json",
        }
    }

    /// The rule around a query, in which [`QUERY`] stands for it; of a whole rule nothing is around it.
    fn around(self) -> String {
        let (rule_type, language) = match self {
            Self::Eql => ("eql", "eql"),
            Self::Kuery => ("query", "kuery"),
            Self::Lucene => ("query", "lucene"),
            Self::Esql => ("esql", "esql"),
            Self::Toml | Self::Json => return QUERY.to_owned(),
        };
        // ES|QL names its indices itself.
        let index = if self == Self::Esql { "" } else { "index = [\"logs-example.*\"]\n" };
        format!(
            "[metadata]\ncreation_date = \"2026/01/05\"\nupdated_date = \"2026/01/05\"\n\n[rule]\nname = \"Example\"\n\
             rule_id = \"11111111-0000-4000-8000-000000000001\"\ndescription = \"An example.\"\nrisk_score = 21\n\
             severity = \"low\"\ntype = \"{rule_type}\"\nlanguage = \"{language}\"\n{index}\
             from = \"now-60m\"\ntimestamp_override = \"event.ingested\"\nquery = '''\n{QUERY}\n'''\n"
        )
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Example {
    Text(Text),
    Run(Run),
}

/// A text that shows a code by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(rename = "as")]
    form: Form,
    text: String,
}

/// Files, and what a command says of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    command: String,
    says: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// An example with what comes of it.
struct Shown {
    /// The text.
    text: String,
    /// What the text is, in Markdown's names.
    form: &'static str,
    /// The diagnostic of the code.
    diagnostic: Diagnostic,
    /// The text after the edit of the diagnostic, if it has one.
    fixed: Option<String>,
}

fn examples() -> BTreeMap<String, Example> {
    toml::from_str(EXAMPLES).expect("the examples are TOML, which a test reads")
}

/// What comes of the example of a code; nothing if it does not show the code, which a test excludes.
fn shown(code: Code, Text { form, text }: Text) -> Option<Shown> {
    let around = form.around();
    let rule = around.replace(QUERY, &text);
    let mut files = load_text("example", rule.clone());
    let LoadedFile { source, content, mut diagnostics, .. } = files.drain(..).next()?;
    if let Some(content) = &content {
        let catalogue = catalogue();
        diagnostics.extend(Examination::new(&catalogue).rule(content, &source));
    }
    let diagnostic = diagnostics.into_iter().find(|diagnostic| diagnostic.code == code)?;
    let fixed = diagnostic.edit.as_ref().and_then(|edit| {
        let mut fixed = rule.clone();
        fixed.get(edit.span.range())?;
        fixed.replace_range(edit.span.range(), &edit.replacement);
        let (before, behind) = around.split_once(QUERY)?;
        Some(fixed.strip_prefix(before)?.strip_suffix(behind)?.to_owned())
    });
    Some(Shown { text, form: form.name(), diagnostic, fixed })
}

/// The example of a code as Markdown: blocks of code, and what is said of them. Empty if there is none.
pub(crate) fn markdown(code: Code) -> String {
    match examples().remove(code.as_str()) {
        Some(Example::Text(text)) => {
            shown(code, text).map(|shown| markdown_of_text(&shown)).unwrap_or_default()
        }
        Some(Example::Run(run)) => markdown_of_run(&run),
        None => String::new(),
    }
}

fn block(form: &str, text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{form}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn markdown_of_text(shown: &Shown) -> String {
    let mut out = String::new();
    let said = shown.diagnostic.message.replace('\n', " ");
    let _ = write!(out, "Example:\n\n{}\nIt says: {said}.", block(shown.form, &shown.text));
    if let Some(help) = &shown.diagnostic.help {
        let help = help.replace('\n', " ");
        let _ = write!(out, " Help: {help}{}", if help.ends_with('?') { "" } else { "." });
    }
    out.push('\n');
    if let Some(fixed) = &shown.fixed {
        let _ = write!(out, "\n`--fix` makes it:\n\n{}", block(shown.form, fixed));
    }
    out
}

fn markdown_of_run(run: &Run) -> String {
    let mut out = "Example".to_owned();
    if run.files.is_empty() {
        out.push_str(", where there is no such file");
    }
    out.push_str(":\n");
    for (name, text) in &run.files {
        let form = name.rsplit_once('.').map_or("text", |(_, form)| match form {
            "toml" => "toml",
            "json" | "ndjson" => "json",
            _ => "text",
        });
        let _ = write!(out, "\n`{name}`\n\n{}", block(form, text));
    }
    if run.files.values().any(|text| text.contains('⟪')) {
        out.push_str("\n`⟪text × 3⟫` stands for the text three times.\n");
    }
    let _ = writeln!(out, "\n`watchfire {}` says: {}.", run.command, run.says);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::all_codes;

    /// Codes that no command shows by a file that is a text: RUL010 is of a file that is none; RES001, RES002, RES004, RES005,
    /// RES017, KQR104 and KQR105 are of mappings that are complete, and fields of logs may always be more; RES018 and RES019 are
    /// refused by the parser before; KQR001 is of a query without a time, which no command asks for, and KQR009 of filters deeper
    /// than the files of rules may be.
    const WITHOUT: &str =
        "RUL010 RES001 RES002 RES004 RES005 RES017 RES018 RES019 KQR001 KQR009 KQR104 KQR105";

    #[test]
    fn every_code_has_an_example() {
        let all = examples();
        let unknown: Vec<&String> =
            all.keys().filter(|code| !all_codes().any(|info| info.code.as_str() == *code)).collect();
        assert!(unknown.is_empty(), "examples of no code: {unknown:?}");
        let without: Vec<&str> = all_codes()
            .map(|info| info.code)
            .filter(|code| markdown(*code).is_empty())
            .map(Code::as_str)
            .collect();
        assert_eq!(without.join(" "), WITHOUT);
    }
}
