//! Copies of a rule that ask for other things.
//!
//! The quoted constants of a query become others. What guards a rule (categories, types, systems, data sets) stays, since
//! real rules share it; so do numbers and addresses, and so does what a rule excludes: without its exclusions it would
//! alert on every ordinary event, and the copies would measure alerts, not rules.

/// The fields whose constants stay, by how they begin.
const GUARDS: [&str; 5] = ["event.", "host.os.", "data_stream.", "agent.", "process.code_signature."];
/// The shortest constant that becomes another one.
const LEAST_CONSTANT: usize = 3;

/// A copy of the text of a rule file. The copy 0 is the rule itself.
pub(super) fn copy(text: &str, copy: usize) -> String {
    if copy == 0 {
        return text.to_owned();
    }
    let text = text.replacen("rule_id = \"", &format!("rule_id = \"{copy}-"), 1);
    let text = text.replacen("\nname = \"", &format!("\nname = \"{copy} "), 1);
    let Some((before, rest)) = text.split_once("query = '''") else { return text };
    let Some((query, after)) = rest.split_once("'''") else { return text };
    format!("{before}query = '''{}'''{after}", renamed_query(query, copy))
}

/// A query with other constants.
fn renamed_query(query: &str, copy: usize) -> String {
    let mut out = String::with_capacity(query.len() + 64);
    let mut at = 0;
    let mut field = "";
    while at < query.len() {
        let rest = &query[at..];
        let word = rest.find(|next: char| !is_word(next)).unwrap_or(rest.len());
        let excluded = if rest.starts_with("!=") {
            2
        } else {
            usize::from(rest[..word].eq_ignore_ascii_case("not")) * 3
        };
        let taken = if excluded > 0 {
            excluded + operand(&rest[excluded..])
        } else if word > 0 {
            // The last name with a dot is the field that constants belong to.
            field = if rest[..word].contains('.') { &rest[..word] } else { field };
            word
        } else if rest.starts_with('"') {
            let length = quoted(rest);
            let constant = &rest[1..length.max(2) - 1];
            if GUARDS.iter().any(|guard| field.starts_with(guard)) || !is_renamed(constant) {
                out.push_str(&rest[..length]);
            } else {
                out.push('"');
                out.push_str(&other(constant, copy));
                out.push('"');
            }
            at += length;
            continue;
        } else {
            one_character(rest)
        };
        out.push_str(&rest[..taken]);
        at += taken;
    }
    out
}

/// Whether a character is part of a word or a field's name.
fn is_word(next: char) -> bool {
    next.is_alphanumeric() || matches!(next, '.' | '_' | '@')
}

/// How long a text in quotes is, both quotes included.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            '"' if !is_escaped => return at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// Whether a line of an exclusion lacks what it is about, which is on the next one.
fn goes_on(line: &str) -> bool {
    let line = line.trim_end();
    line.is_empty() || line.ends_with([':', '=', '~', '(']) || line.ends_with(" in") || line.ends_with(" in~")
}

/// How long what an exclusion excludes is: to the end of the line, or of the parentheses that are open there.
fn operand(text: &str) -> usize {
    let (mut at, mut open) = (0, 0_usize);
    while at < text.len() {
        let next = text[at..].chars().next().unwrap_or('\n');
        match next {
            '"' => {
                at += quoted(&text[at..]);
                continue;
            }
            '(' => open += 1,
            // A parenthesis that was opened before the exclusion ends it, and a line that is whole.
            ')' if open == 0 => return at,
            '\n' if open == 0 && !goes_on(&text[..at]) => return at,
            ')' => open -= 1,
            _ => {}
        }
        at += one_character(&text[at..]);
    }
    at
}

/// How long the first character is, with the backslash that escapes it.
fn one_character(text: &str) -> usize {
    let mut characters = text.chars();
    let first = characters.next().map_or(1, char::len_utf8);
    if text.starts_with('\\') { first + characters.next().map_or(0, char::len_utf8) } else { first }
}

/// Whether a constant names something that could as well be called otherwise: no number, address or pattern of only
/// wildcards.
fn is_renamed(constant: &str) -> bool {
    let is_name = constant.chars().any(|next| next.is_alphabetic() && !next.is_ascii_hexdigit());
    constant.len() >= LEAST_CONSTANT && is_name
}

/// The other constant: marked before its extension, or before the wildcard it ends with.
fn other(constant: &str, copy: usize) -> String {
    let mut body = constant.trim_end_matches(['*', '?']);
    if body.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
        // The wildcard is escaped, and so none.
        body = constant;
    }
    let extension = body.rfind('.').filter(|at| *at > 0 && body.len() - at <= 5).unwrap_or(body.len());
    // A backslash before the mark could make it part of an escape.
    let at = if body[..extension].ends_with('\\') { body.len() } else { extension };
    format!("{}-{copy}{}", &constant[..at], &constant[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_others_but_not_guards_and_exclusions() {
        let cases = [
            (
                r#"process where host.os.type == "windows" and event.type == "start" and process.name : ("one.exe", "two*")"#,
                r#"process where host.os.type == "windows" and event.type == "start" and process.name : ("one-7.exe", "two-7*")"#,
            ),
            (
                "process.name : \"one.exe\" and\n  not process.args : (\"a.dll\",\n \"b.dll\") and process.args : \"own\"",
                "process.name : \"one-7.exe\" and\n  not process.args : (\"a.dll\",\n \"b.dll\") and process.args : \"own\"",
            ),
            (
                "(not file.name : \"first.so\") and file.path != \"/second\"\n and file.name : \"third.so\"",
                "(not file.name : \"first.so\") and file.path != \"/second\"\n and file.name : \"third-7.so\"",
            ),
            (
                "not file.path :\n   (\"one.dll\",\n \"two.dll\") and\n not a.b ==\n\"three\"\n and file.name : \"own.exe\"",
                "not file.path :\n   (\"one.dll\",\n \"two.dll\") and\n not a.b ==\n\"three\"\n and file.name : \"own-7.exe\"",
            ),
            (
                r#"cidrmatch(source.ip, "10.0.0.0/8", "fe80::/10")"#,
                r#"cidrmatch(source.ip, "10.0.0.0/8", "fe80::/10")"#,
            ),
            (
                r#"file.path : "C:\\Keep \"it\"\\" and x.y : "tail\\*""#,
                r#"file.path : "C:\\Keep \"it\"\\-7" and x.y : "tail\\-7*""#,
            ),
            (r#"a.b: *\"x\"\:true* and c.d: "long""#, r#"a.b: *\"x\"\:true* and c.d: "long-7""#),
            (r#"a.b : "star\*""#, r#"a.b : "star\*-7""#),
        ];
        for (query, expected) in cases {
            assert_eq!(renamed_query(query, 7), expected);
        }
    }

    #[test]
    fn only_the_query_and_the_names_of_a_rule_become_others() {
        let rule = "index = [\"logs-x\"]\nname = \"A\"\nrule_id = \"r\"\nquery = '''\nany where a.b : \"thing\"\n'''\n";
        let expected = "index = [\"logs-x\"]\nname = \"3 A\"\nrule_id = \"3-r\"\nquery = '''\nany where a.b : \"thing-3\"\n'''\n";
        assert_eq!(copy(rule, 3), expected);
        assert_eq!(copy(rule, 0), rule);
    }
}
