//! Markdown of the rule itself on the page: kept as Markdown, but nothing in it reaches beyond its section.
//!
//! What is markup is asked of a parser, since CommonMark decides it by rules that no search for characters repeats: a
//! tag inside a code span is text, unless the span ends at the border of a list. What is found is escaped, and the
//! result is parsed again until nothing is left.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::text::{code_block, visible};

/// The tables of GitHub's Markdown are part of the page; other extensions would only add meanings.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES;
/// How often escaping may bring up something new before the text is shown as code instead.
const MAX_ROUNDS: usize = 10;
/// Stands behind a text to see whether the text ends before it.
const SENTINEL: &str = "sentinel";

/// The text with its headings below `level`; raw HTML, images and links to anything but pages become text.
pub(super) fn contained(text: &str, level: usize) -> String {
    let text = shown(text);
    let settled = without_markup(&text).and_then(|text| closed(&text)).map(|text| lowered(&text, level));
    match settled {
        Some(text) => format!("{}\n", text.trim_matches('\n')),
        None => code_block(&text, "markdown"),
    }
}

/// A text without the heading it begins with, if that is the one the page has already.
pub(super) fn without_own_heading<'t>(text: &'t str, title: &str) -> &'t str {
    let text = text.trim_start();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let is_title = first.starts_with('#') && first.trim_matches(['#', ' ', '\r']).eq_ignore_ascii_case(title);
    if is_title { rest } else { text }
}

/// The text with its line ends unified and every control character visible.
fn shown(text: &str) -> String {
    let unified = text.replace("\r\n", "\n");
    let visible = |character| if matches!(character, '\n' | '\t') { character } else { visible(character) };
    unified.chars().map(visible).collect()
}

/// Escapes raw HTML, images, and links to anything but pages. `None` if that does not come to an end.
fn without_markup(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let mut escapes = BTreeSet::new();
        let parser = Parser::new_ext(&text, OPTIONS);
        // Another section of the page could refer to a definition of this one.
        let definitions = parser.reference_definitions().iter();
        escapes.extend(
            definitions.filter(|(_, target)| !is_harmless(&target.dest)).map(|(_, target)| target.span.start),
        );
        for (event, range) in parser.into_offset_iter() {
            match event {
                Event::Html(_) | Event::InlineHtml(_) => {
                    escapes.extend(text[range.clone()].match_indices('<').map(|(at, _)| range.start + at));
                }
                Event::Start(Tag::Image { .. }) => {
                    escapes.insert(range.start);
                }
                Event::Start(Tag::Link { dest_url, .. }) if !is_harmless(&dest_url) => {
                    escapes.insert(range.start);
                }
                _ => {}
            }
        }
        if escapes.is_empty() {
            return Some(text);
        }
        for at in escapes.into_iter().rev() {
            text.insert(at, '\\');
        }
    }
    None
}

/// Whether a link leads to a page, a mailbox, or a place on this page.
fn is_harmless(target: &str) -> bool {
    let lower = target.to_ascii_lowercase();
    ["https://", "http://", "mailto:", "#"].iter().any(|start| lower.starts_with(start))
        || !lower.contains([':', '&', '\\']) && !lower.starts_with("//")
}

/// The text with a fence at its end if it leaves a block of code open, which would take in the rest of the page.
fn closed(text: &str) -> Option<String> {
    let text = text.trim_end();
    if ends_before_the_next(text) {
        return Some(text.to_owned());
    }
    let open = Parser::new_ext(text, OPTIONS)
        .into_offset_iter()
        .filter_map(|(event, range)| matches!(event, Event::Start(Tag::CodeBlock(_))).then_some(range.start));
    let start = open.last()?;
    let mark = text[start..].chars().next()?;
    let fence: String = text[start..].chars().take_while(|character| *character == mark).collect();
    Some(format!("{text}\n{fence}")).filter(|text| ends_before_the_next(text))
}

/// Whether a paragraph behind the text would be one of its own.
fn ends_before_the_next(text: &str) -> bool {
    let whole = format!("{text}\n\n{SENTINEL}");
    let start = whole.len() - SENTINEL.len();
    let mut events = Parser::new_ext(&whole, OPTIONS).into_offset_iter();
    events.any(|(event, range)| matches!(event, Event::Start(Tag::Paragraph)) && range.start == start)
}

/// Moves headings written with `#` below `level`. Markdown has six levels, so deep ones meet at the last.
fn lowered(text: &str, level: usize) -> String {
    let headings: Vec<(usize, usize)> = Parser::new_ext(text, OPTIONS)
        .into_offset_iter()
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Heading { level, .. }) => Some((range.start, level as usize)),
            _ => None,
        })
        .collect();
    let highest = headings.iter().map(|(_, depth)| *depth).min().unwrap_or(level + 1);
    let shift = (level + 1).saturating_sub(highest);
    let mut text = text.to_owned();
    for (start, depth) in headings.into_iter().rev() {
        let depth_below = (depth + shift).min(6);
        if text[start..].starts_with('#') {
            text.insert_str(start, &"#".repeat(depth_below - depth));
        } else {
            underlined_to_marked(&mut text, start, depth_below);
        }
    }
    text
}

/// Makes a heading that is underlined with `=` or `-` one with `#`, since there is no third underline.
fn underlined_to_marked(text: &mut String, start: usize, depth: usize) {
    let heading_end = |text: &str| {
        let events = Parser::new_ext(text, OPTIONS).into_offset_iter();
        let found = events.filter(|(event, _)| matches!(event, Event::Start(Tag::Heading { .. })));
        found.map(|(_, range)| range).find(|range| range.start == start).map(|range| range.end)
    };
    let Some(end) = heading_end(text) else { return };
    let lines: Vec<&str> = text[start..end].trim_end().lines().collect();
    let words = lines[..lines.len().saturating_sub(1)].iter().map(|line| line.trim());
    let marked = format!("{} {}\n", "#".repeat(depth), words.collect::<Vec<_>>().join(" "));
    text.replace_range(start..end, &marked);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below_two(text: &str) -> String {
        contained(text, 2).trim_end().to_owned()
    }

    #[test]
    fn html_becomes_text() {
        assert_eq!(
            below_two("a <b>c</b> `<d>` <https://e.example>"),
            "a \\<b>c\\</b> `<d>` <https://e.example>"
        );
        assert_eq!(below_two("<div>\n[a](javascript:b)\n</div>"), "\\<div>\n\\[a](javascript:b)\n\\</div>");
        assert_eq!(below_two("\\<b> \\\\<b>"), "\\<b> \\\\\\<b>");
        assert_eq!(below_two("<!-- a --> <?b?>"), "\\<!-- a --> \\<?b?>");
    }

    #[test]
    fn a_code_span_is_what_the_parser_takes_for_one() {
        assert_eq!(below_two("`\n` <b> `"), "`\n` \\<b> `");
        assert_eq!(below_two("` <b>\n- `"), "` \\<b>\n- `");
        assert_eq!(below_two("    ```\n\n<b>"), "    ```\n\n\\<b>");
        assert_eq!(below_two("1. a\n\n   ```\n\n<b>"), "1. a\n\n   ```\n\n\\<b>");
    }

    #[test]
    fn links_lead_to_pages_only() {
        assert_eq!(below_two("[a](https://b.example) [c](#d)"), "[a](https://b.example) [c](#d)");
        assert_eq!(below_two("[a](JavaScript:b)"), "\\[a](JavaScript:b)");
        assert_eq!(below_two("[a](java&#115;cript:b)"), "\\[a](java&#115;cript:b)");
        assert_eq!(below_two("[a][b]\n\n[b]: data:c"), "\\[a][b]\n\n\\[b]: data:c");
        assert_eq!(below_two("<javascript:a>"), "\\<javascript:a>");
        assert_eq!(below_two("![a](https://b.example/c.png)"), "\\![a](https://b.example/c.png)");
    }

    #[test]
    fn headings_move_below_the_page() {
        assert_eq!(below_two("# a\n### b\n```\n# c\n```"), "### a\n##### b\n```\n# c\n```");
        assert_eq!(below_two("##### a\n###### b"), "##### a\n###### b");
        assert_eq!(below_two("a\nb\n===\n\nc\n---\nd"), "### a b\n\n#### c\nd");
        assert_eq!(contained("a\n=", 6), "###### a\n");
    }

    #[test]
    fn nothing_stays_open() {
        assert_eq!(below_two("a\n~~~~\nb\n~~~"), "a\n~~~~\nb\n~~~\n~~~~");
        assert_eq!(below_two("- ```\n  a"), "- ```\n  a");
        assert_eq!(below_two("<!-- a"), "\\<!-- a");
    }
}
