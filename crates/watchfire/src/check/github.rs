//! Diagnostics as workflow commands of GitHub Actions, which become annotations beside the lines of a change.
//!
//! ```text
//! ::error file=rules/a.toml,line=7,endLine=7,col=12,endColumn=13,title=EQL012 …::message
//! ```

use std::io::{self, Write};

use watchfire_diagnostics::{Diagnostic, Severity, SourceText};

use super::Checked;
use crate::reference::find_code;

/// One command for each diagnostic. Notes and help stand below the message.
pub(super) fn write(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for file in checked {
        for diagnostic in &file.diagnostics {
            writeln!(out, "{}", command(diagnostic, &file.source))?;
        }
    }
    Ok(())
}

fn command(diagnostic: &Diagnostic, source: &SourceText) -> String {
    let name = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = vec![("file", source.name().replace(std::path::MAIN_SEPARATOR, "/"))];
    if let Some(span) = diagnostic.primary_span() {
        let (start, end) = (source.line_column(span.start), source.line_column(span.end));
        properties.push(("line", start.line.to_string()));
        properties.push(("endLine", end.line.to_string()));
        // Columns are shown only where there is one line.
        if start.line == end.line {
            properties.push(("col", start.column.to_string()));
            properties.push(("endColumn", end.column.to_string()));
        }
    }
    let title = find_code(diagnostic.code.as_str()).map_or("", |(_, info)| info.title);
    properties.push(("title", format!("{} {title}", diagnostic.code)));
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    let further = diagnostic.notes.iter().chain(&diagnostic.help);
    let lines: Vec<&str> = std::iter::once(&diagnostic.message).chain(further).map(String::as_str).collect();
    format!("::{name} {}::{}", properties.join(","), data(&lines.join("\n")))
}

/// Text behind the properties; the runner reads these escapes and no others.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which may not end it either.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use watchfire_diagnostics::{Code, Span};

    use super::*;

    #[test]
    fn nothing_ends_a_command_early() {
        let source = SourceText::new("a,b:c.toml", "x\nyz\n");
        let diagnostic = Diagnostic::error(Code::new("TST001"), "100%\n::error::x")
            .at(Span::new(2, 3), "")
            .with_help("no");
        assert_eq!(
            command(&diagnostic, &source),
            "::error file=a%2Cb%3Ac.toml,line=2,endLine=2,col=1,endColumn=2,title=TST001 ::100%25%0A::error::x%0Ano"
        );
    }
}
