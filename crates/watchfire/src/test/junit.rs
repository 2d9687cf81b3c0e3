//! Results as JUnit XML: a suite for each rule, a case for each test.

use std::io::{self, Write};

use super::TestedRule;
use super::report::{expected, explanation, place};

/// Writes the report. Times are left out: a test takes next to none, and the same run gives the same report.
pub(super) fn write(tested: &[TestedRule], strict: bool, out: &mut dyn Write) -> io::Result<()> {
    let shown: Vec<&TestedRule> = tested.iter().filter(|rule| !rule.suite.is_left_out).collect();
    let is_without = |rule: &TestedRule| strict && rule.suite.tests.is_none();
    let of_rule = |rule: &TestedRule| {
        let failed = rule.outcomes.iter().filter(|outcome| !outcome.passed()).count();
        let without = usize::from(is_without(rule));
        (rule.outcomes.len() + without, failed + without)
    };
    let (tests, failures) = shown
        .iter()
        .map(|rule| of_rule(rule))
        .fold((0, 0), |(a, b), (tests, failed)| (a + tests, b + failed));
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="watchfire test" tests="{tests}" failures="{failures}">"#)?;
    for rule in shown {
        let (tests, failures) = of_rule(rule);
        let (name, file) = (escape(&rule.suite.rule.name), escape(rule.suite.source.name()));
        writeln!(out, r#"  <testsuite name="{name}" file="{file}" tests="{tests}" failures="{failures}">"#)?;
        if is_without(rule) {
            writeln!(out, r#"    <testcase name="has tests" classname="{file}">"#)?;
            writeln!(out, r#"      <failure message="no tests"/>"#)?;
            writeln!(out, "    </testcase>")?;
        }
        for outcome in &rule.outcomes {
            let test = escape(&outcome.name);
            let at = place(rule, outcome).map_or_else(String::new, |(file, line, _)| {
                format!(r#" file="{}" line="{line}""#, escape(file))
            });
            if outcome.passed() {
                writeln!(out, r#"    <testcase name="{test}" classname="{file}"{at}/>"#)?;
                continue;
            }
            let lines = explanation(outcome);
            let message = escape(lines.first().map_or("", String::as_str));
            writeln!(out, r#"    <testcase name="{test}" classname="{file}"{at}>"#)?;
            writeln!(out, r#"      <failure message="{message}">"#)?;
            writeln!(out, "expected: {}", escape(&expected(outcome.expected)))?;
            for line in lines {
                writeln!(out, "{}", escape(&line))?;
            }
            writeln!(out, "</failure>\n    </testcase>")?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// A text for attributes and contents. Characters that XML cannot hold become `�`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(super::escape("a<b> & \"c\"\u{1}\n"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}&#10;");
    }
}
