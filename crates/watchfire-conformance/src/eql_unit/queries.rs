//! Lists of queries: what Elasticsearch takes is taken, what it refuses is refused for the dialect it is in.

use std::path::Path;

use watchfire_diagnostics::{Diagnostic, SourceText, render};
use watchfire_eql::{TokenKind, parse, tokenize};
use watchfire_test_support::read_text;

use super::refusal::{errors, is_of_old_dialect};
use super::{Outcome, Suite};

/// A query, and the line of its file on which it begins.
struct Numbered {
    line: usize,
    text: String,
}

/// The lists of supported and unsupported queries.
pub(super) fn suites(unit: &Path) -> Vec<Suite> {
    let (supported, unfinished) = queries(&read_text(&unit.join("queries-supported.eql")));
    let (unsupported, none) = queries(&read_text(&unit.join("queries-unsupported.eql")));
    assert!(none.is_empty(), "every unsupported query is ended");
    let suite = |file, asks, least, queries: &[Numbered], judge: &dyn Fn(&str) -> Result<(), String>| Suite {
        file,
        asks,
        least,
        outcomes: queries
            .iter()
            .map(|query| (query.line.to_string(), Outcome::of(judge(&query.text))))
            .collect(),
    };
    vec![
        suite("queries-supported.eql", "taken", 170, &supported, &is_taken),
        // No `;` ends these, so nobody runs them upstream.
        suite("queries-supported.eql", "taken, though behind the last `;`", 20, &unfinished, &is_taken),
        suite("queries-unsupported.eql", "refused for the old dialect", 80, &unsupported, &is_refused),
    ]
}

/// The forerunners of today's cases in the old dialect, which are refused for nothing but that, if at all.
pub(super) fn old_dialect(folder: &Path) -> Vec<Suite> {
    let suite = |file: &'static str, least| {
        let table: toml::Table = read_text(&folder.join(file)).parse().expect("TOML");
        let queries = table["queries"].as_array().expect("a list of queries");
        let outcome = |(at, query): (usize, &toml::Value)| {
            let query = query["query"].as_str().expect("a text");
            let judged =
                errors(&parse(query).diagnostics).try_for_each(|found| is_of_old_dialect(found, query));
            ((at + 1).to_string(), Outcome::of(judged))
        };
        let outcomes = queries.iter().enumerate().map(outcome).collect();
        Suite { file, asks: "taken, or refused for the old dialect", least, outcomes }
    };
    vec![suite("test_queries_supported.toml", 30), suite("endgame/test_queries.toml", 200)]
}

fn is_taken(query: &str) -> Result<(), String> {
    errors(&parse(query).diagnostics).try_for_each(|found| Err(shown(found, query)))
}

fn is_refused(query: &str) -> Result<(), String> {
    let parsed = parse(query);
    if parsed.is_valid() {
        return Err("it is taken".to_owned());
    }
    errors(&parsed.diagnostics).try_for_each(|found| is_of_old_dialect(found, query))
}

fn shown(found: &Diagnostic, query: &str) -> String {
    render::one_line(found, &SourceText::new("query", query))
}

/// The queries of a file, each ended by `;`, and the lines behind the last of them. Of comments only the line ends stay,
/// so that lines can be counted.
fn queries(text: &str) -> (Vec<Numbered>, Vec<Numbered>) {
    let mut parts = vec![(1, String::new())];
    let mut line = 1;
    let (tokens, _) = tokenize(text);
    for token in tokens {
        let piece = &text[token.span.range()];
        let line_ends = piece.matches('\n').count();
        line += line_ends;
        let (_, part) = parts.last_mut().expect("there is a part from the beginning");
        match (piece, token.kind) {
            (";", _) => parts.push((line, String::new())),
            (_, TokenKind::Comment) => part.push_str(&"\n".repeat(line_ends)),
            _ => part.push_str(piece),
        }
    }
    let (first, rest) = parts.pop().expect("there is a part from the beginning");
    let rest = rest.lines().enumerate().filter_map(|(at, line)| Numbered::new(first + at, line));
    (parts.iter().filter_map(|(line, text)| Numbered::new(*line, text)).collect(), rest.collect())
}

impl Numbered {
    /// The query in a text that begins on this line; `None` if there is nothing but white space.
    fn new(line: usize, text: &str) -> Option<Self> {
        let query = text.trim_start();
        let before = &text[..text.len() - query.len()];
        let line = line + before.matches('\n').count();
        (!query.is_empty()).then(|| Self { line, text: query.trim_end().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_keep_their_lines() {
        let (queries, rest) =
            queries("// one\n/* two\nthree */ a where true\n  | head 1;\n;b where \";\";\n\n c\nd");
        let shown = |list: &[Numbered]| {
            list.iter().map(|one| format!("{} {}", one.line, one.text)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&queries), ["3 a where true\n  | head 1", "5 b where \";\""]);
        assert_eq!(shown(&rest), ["7 c", "8 d"]);
    }
}
