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
            Self::Toml | Self::Json => return QUERY.to_owned(),
        };
        format!(
            "[metadata]\ncreation_date = \"2026/01/05\"\nupdated_date = \"2026/01/05\"\n\n[rule]\nname = \"Example\"\n\
             rule_id = \"11111111-0000-4000-8000-000000000001\"\ndescription = \"An example.\"\nrisk_score = 21\n\
             severity = \"low\"\ntype = \"{rule_type}\"\nlanguage = \"{language}\"\nindex = [\"logs-example.*\"]\n\
             from = \"now-60m\"\ntimestamp_override = \"event.ingested\"\nquery = '''\n{QUERY}\n'''\n"
        )
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    #[serde(rename = "as")]
    form: Form,
    text: String,
}

/// An example with what comes of it.
pub(crate) struct Shown {
    /// The text.
    pub(crate) text: String,
    /// What the text is, in Markdown's names.
    pub(crate) form: &'static str,
    /// The diagnostic of the code.
    pub(crate) diagnostic: Diagnostic,
    /// The text after the edit of the diagnostic, if it has one.
    pub(crate) fixed: Option<String>,
}

/// The example of a code; none if there is none, or it does not show the code, which a test excludes.
pub(crate) fn example(code: Code) -> Option<Shown> {
    let mut all: BTreeMap<String, Example> = toml::from_str(EXAMPLES).ok()?;
    let Example { form, text } = all.remove(code.as_str())?;
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

/// The example as Markdown: blocks of code, and what is said of them. Empty if there is none.
pub(crate) fn markdown(code: Code) -> String {
    let Some(shown) = example(code) else { return String::new() };
    let mut out = String::new();
    let block = |text: &str| {
        let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest.max(2) + 1);
        format!("{fence}{}\n{}\n{fence}\n", shown.form, text.trim_end_matches('\n'))
    };
    let said = shown.diagnostic.message.replace('\n', " ");
    let _ = write!(out, "Example:\n\n{}\nIt says: {said}.", block(&shown.text));
    if let Some(help) = &shown.diagnostic.help {
        let help = help.replace('\n', " ");
        let _ = write!(out, " Help: {help}{}", if help.ends_with('?') { "" } else { "." });
    }
    out.push('\n');
    if let Some(fixed) = &shown.fixed {
        let _ = write!(out, "\n`--fix` makes it:\n\n{}", block(fixed));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::all_codes;

    /// Codes that a single rule does not show: they are of several files, of exports, of files that cannot be read, of tests
    /// and of tables of sources, of exceptions, of fields that the common schema does not have, or of texts too long to be shown.
    const WITHOUT: &str = "\
        RUL009 RUL010 RUL011 RUL012 RUL013 RUL015 RUL016 RUL017 RUL018 RUL019 EQL009 RES001 RES002 RES003 \
        RES004 RES005 RES016 RES017 RES018 RES019 RES053 RES099 KQL001 KQL116 LUC001 LUC104 KQR001 KQR004 \
        KQR008 KQR009 KQR104 KQR105 KQR106 KQR107 KQR109 KQR199 CHK005 CHK010 CHK011 EXC001 EXC002 EXC003 \
        EXC004 EXC005 EXC006 EXC101 EXC102 EXC103 EXC104 EXC105 EXC106 EXC107 EXC108 EXC109 EXC110 EXC111 \
        EXC112 EXC113 EXC114 SRC001 SRC002 SRC003 \
        SRC004 SRC005 SRC006 SRC007";

    #[test]
    fn every_example_shows_its_code() {
        let all: BTreeMap<String, Example> = toml::from_str(EXAMPLES).unwrap();
        let unknown: Vec<&String> =
            all.keys().filter(|code| !all_codes().any(|info| info.code.as_str() == *code)).collect();
        assert!(unknown.is_empty(), "examples of no code: {unknown:?}");
        let without: Vec<&str> =
            all_codes().filter(|info| example(info.code).is_none()).map(|info| info.code.as_str()).collect();
        assert_eq!(without.join(" "), WITHOUT.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}
