//! Text made safe for Markdown: nothing a rule says can break out of its place, hide, or become markup it is not.

/// Plain text on one line: markup characters escaped, line ends made spaces, control characters visible.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '$' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(visible(other)),
        }
    }
    out
}

/// Text of one or several paragraphs; each stays one, on one line.
pub(super) fn paragraphs(text: &str) -> String {
    let normal = text.replace("\r\n", "\n");
    let paragraphs: Vec<String> = normal
        .split("\n\n")
        .map(plain)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| without_list_mark(&paragraph))
        .collect();
    paragraphs.join("\n\n")
}

/// A paragraph that begins like an item of a list does not become one.
fn without_list_mark(paragraph: &str) -> String {
    let digits = paragraph.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = paragraph.split_at(digits);
    if rest.starts_with(['-', '+', '=']) || (digits > 0 && rest.starts_with(['.', ')'])) {
        return format!("{number}\\{rest}");
    }
    paragraph.to_owned()
}

/// A code span, also for use in the cell of a table.
pub(super) fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|character| if matches!(character, '\n' | '\r' | '\t') { ' ' } else { visible(character) })
        .collect();
    let text = text.replace('|', "\\|");
    if text.trim().is_empty() {
        return "(blank)".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Code spans with commas between them.
pub(super) fn codes<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    texts.into_iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

/// A block of code, in a fence that no line of it can close.
pub(super) fn code_block(text: &str, language: &str) -> String {
    let text: String = text
        .trim_matches(['\n', '\r'])
        .replace("\r\n", "\n")
        .chars()
        .map(|character| if matches!(character, '\n' | '\t') { character } else { visible(character) })
        .collect();
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// A link, if the address is one that a link may have; else the text alone, with the address behind it.
pub(super) fn link(text: &str, address: &str) -> String {
    if is_web_address(address) {
        format!("[{}]({address})", plain(text))
    } else if address.is_empty() {
        plain(text)
    } else {
        format!("{} ({})", plain(text), plain(address))
    }
}

/// An address by itself.
pub(super) fn address(address: &str) -> String {
    if is_web_address(address) { format!("<{address}>") } else { plain(address) }
}

fn is_web_address(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"<>()[]\\`\"|".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}

/// Markdown of the rule itself, kept as such. Its headings move below `level`; raw HTML, links to anything but pages
/// and control characters become text.
pub(super) fn markdown(text: &str, level: usize) -> String {
    let text = text.replace("\r\n", "\n");
    let highest = lines(&text).filter_map(|(line, in_code)| heading(line).filter(|_| !in_code)).min();
    let shift = highest.map_or(0, |highest| (level + 1).saturating_sub(highest));
    let mut out = String::with_capacity(text.len());
    for (line, in_code) in lines(text.trim_matches('\n')) {
        if in_code {
            out.extend(
                line.chars().map(|character| if character == '\t' { '\t' } else { visible(character) }),
            );
        } else {
            if let Some(depth) = heading(line) {
                // Markdown has six levels of headings.
                out.push_str(&"#".repeat(shift.min(6 - depth)));
            }
            inline(line, &mut out);
        }
        out.push('\n');
    }
    out
}

/// The lines of a Markdown text, each with whether it belongs to a block of code.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut fence: Option<String> = None;
    text.split('\n').map(move |line| {
        let trimmed = line.trim_start();
        let mark = trimmed.chars().next().filter(|mark| matches!(mark, '`' | '~'));
        let length = mark.map_or(0, |mark| trimmed.chars().take_while(|one| *one == mark).count());
        let run = mark.map_or_else(String::new, |mark| mark.to_string().repeat(length));
        match &fence {
            Some(open) => {
                if run.starts_with(open.as_str()) && trimmed[run.len()..].trim().is_empty() {
                    fence = None;
                }
                (line, true)
            }
            None => {
                if length >= 3 {
                    fence = Some(run);
                }
                (line, length >= 3)
            }
        }
    })
}

/// The level of a heading.
fn heading(line: &str) -> Option<usize> {
    let depth = line.bytes().take_while(|byte| *byte == b'#').count();
    ((1..=6).contains(&depth) && line[depth..].starts_with([' ', '\t'])).then_some(depth)
}

/// One line of Markdown outside code blocks.
fn inline(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        if character == '`' {
            // A code span is closed by a run of as many backticks; without it they are text.
            let run = rest.len() - rest.trim_start_matches('`').len();
            let end = closing_run(&rest[run..], run).map_or(run, |length| run + length);
            out.extend(rest[..end].chars().map(visible));
            rest = &rest[end..];
            continue;
        }
        if character == '<' && !starts_with_web_address(&rest[1..]) {
            out.push('\\');
        }
        out.push(if character == '\t' { '\t' } else { visible(character) });
        rest = &rest[character.len_utf8()..];
        if character == ']' && rest.starts_with(['(', ':']) && !is_harmless_target(&rest[1..]) {
            out.push('\\');
        }
    }
}

/// The length up to and with the next run of exactly `run` backticks.
fn closing_run(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let length = text[start..].len() - text[start..].trim_start_matches('`').len();
        at = start + length;
        if length == run {
            return Some(at);
        }
    }
    None
}

fn starts_with_web_address(text: &str) -> bool {
    text.split_once('>').is_some_and(|(inside, _)| is_web_address(inside))
}

/// Whether what stands behind `](` or `]:` is a page, a place in this one, or nothing a link can follow.
fn is_harmless_target(text: &str) -> bool {
    let target = text.trim_start();
    let end = target.find([')', ' ', '\t']).unwrap_or(target.len());
    let target = &target[..end];
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/#?=%+,".contains(&byte);
    target.starts_with("https://")
        || target.starts_with("http://")
        || target.starts_with("mailto:")
        || target.bytes().all(plain)
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// The character, or what shows that there is one which cannot be seen: controls and those that turn the direction of
/// writing.
fn visible(character: char) -> char {
    match character {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_in_its_place() {
        assert_eq!(plain("a|b\n| c"), "a\\|b \\| c");
        assert_eq!(plain("<img src=x> [a](b) `c`"), "\\<img src=x\\> \\[a\\](b) \\`c\\`");
        assert_eq!(plain("\u{1b}[31m\u{202e}txt"), "␛\\[31m\u{fffd}txt");
        assert_eq!(paragraphs("one\ntwo\n\n- three\n\n4. four"), "one two\n\n\\- three\n\n4\\. four");
    }

    #[test]
    fn code_cannot_be_closed_from_inside() {
        assert_eq!(code("a`b|c"), "``a`b\\|c``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" "), "(blank)");
        assert_eq!(code_block("```\nx\n````", "eql"), "`````eql\n```\nx\n````\n`````\n");
    }

    #[test]
    fn links_lead_to_pages_only() {
        assert_eq!(link("T1059", "https://a.example/T1059/"), "[T1059](https://a.example/T1059/)");
        assert_eq!(link("x", "javascript:alert(1)"), "x (javascript:alert(1))");
        assert_eq!(address("https://a.example/<b>"), "https://a.example/\\<b\\>");
        let shown = |text| markdown(text, 2).trim_end().to_owned();
        assert_eq!(
            shown("[a](https://b.example) [c](javascript:d)"),
            "[a](https://b.example) [c]\\(javascript:d)"
        );
        assert_eq!(shown("[a]: JAVASCRIPT:b"), "[a]\\: JAVASCRIPT:b");
        assert_eq!(shown("[a](java&#115;cript:b) [c](#d)"), "[a]\\(java&#115;cript:b) [c](#d)");
        assert_eq!(
            shown("`<b>` <b> <https://c.example> ``<`` `<"),
            "`<b>` \\<b> <https://c.example> ``<`` `\\<"
        );
    }

    #[test]
    fn headings_move_below_the_page() {
        assert_eq!(markdown("# a\n### b\n```\n# c\n```\n", 2), "### a\n##### b\n```\n# c\n```\n");
        assert_eq!(markdown("##### a\n###### b", 6), "###### a\n###### b\n");
        assert_eq!(markdown("~~~~\n```\n<b>\n~~~\n~~~~\n<b>", 2), "~~~~\n```\n<b>\n~~~\n~~~~\n\\<b>\n");
    }
}
