//! Which characters mean what in a query (kql-semantics §2).

/// White space between tokens, and around keywords: space, tab, line ends, no-break space.
pub(crate) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{a0}')
}

/// What an unquoted literal loses at its ends. This is more than [`is_space`]: Kibana trims with the function of its
/// host language, whose list holds every Unicode space and the byte order mark.
pub(crate) fn is_trimmed(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

/// Characters that an unquoted literal holds only behind a backslash.
pub(crate) fn is_special(character: char) -> bool {
    matches!(character, '\\' | '(' | ')' | ':' | '<' | '>' | '"' | '*' | '{' | '}')
}

/// Whether `text` begins with the keyword, in any case, and white space behind it.
pub(crate) fn starts_with_keyword(text: &str, keyword: &str) -> bool {
    text.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword))
        && text[keyword.len()..].starts_with(is_space)
}
