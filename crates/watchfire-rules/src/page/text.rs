//! Text made safe for Markdown: nothing a rule says can break out of its place, hide, or become markup it is not.

use watchfire_diagnostics::is_hidden;

/// Plain text on one line: markup characters escaped, line ends made spaces, control characters visible.
pub fn plain(text: &str) -> String {
    let text = text.trim();
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' => true,
            // Inside a word it is no markup, and names of fields are full of it.
            '_' => !before.is_alphanumeric() || !characters.peek().is_some_and(|next| next.is_alphanumeric()),
            '#' => out.is_empty(),
            _ => false,
        };
        if escaped {
            out.push('\\');
        }
        out.push(if matches!(character, '\n' | '\r' | '\t') { ' ' } else { visible(character) });
        before = character;
    }
    out
}

/// Text of one or several paragraphs; each stays one, on one line.
pub(super) fn paragraphs(text: &str) -> String {
    let normal = text.replace("\r\n", "\n");
    let paragraphs: Vec<String> =
        normal.split("\n\n").map(line).filter(|paragraph| !paragraph.is_empty()).collect();
    paragraphs.join("\n\n")
}

/// Plain text at the start of a line: it does not become an item of a list.
pub(super) fn line(text: &str) -> String {
    let paragraph = plain(text);
    let digits = paragraph.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = paragraph.split_at(digits);
    if rest.starts_with(['-', '+', '=']) || (digits > 0 && rest.starts_with(['.', ')'])) {
        return format!("{number}\\{rest}");
    }
    paragraph
}

/// A code span, also for use in the cell of a table.
pub fn code(text: &str) -> String {
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
    if is_web_address(address) { format!("<{address}>") } else { line(address) }
}

fn is_web_address(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"<>()[]\\`\"|".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// The character, or what shows that there is one which cannot be seen: controls and those that turn the direction of
/// writing.
pub(super) fn visible(character: char) -> char {
    match character {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        other if is_hidden(other) => '\u{fffd}',
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
    }
}
