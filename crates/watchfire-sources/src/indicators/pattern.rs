//! Patterns of STIX 2.1, as far as they say which single values to look for.
//!
//! ```text
//! [ipv4-addr:value = '203.0.113.7' OR ipv4-addr:value ISSUBSET '198.51.100.0/24']
//! [file:hashes.'SHA-256' IN ('…', '…')] OR [url:value = 'http://…']
//! ```
//!
//! A pattern that needs several values at once, an order of events, or less than equality cannot be told by a list of
//! values, and is refused with what it needs.

/// A value to look for, with the name of its kind.
pub(super) type Wanted = (&'static str, String);

/// The properties of objects that hold a value of a kind.
const PROPERTIES: [(&str, &str); 21] = [
    ("ipv4-addr:value", "ipv4-addr"),
    ("ipv6-addr:value", "ipv6-addr"),
    ("network-traffic:src_ref.value", "ip"),
    ("network-traffic:dst_ref.value", "ip"),
    ("domain-name:value", "domain-name"),
    ("network-traffic:extensions.http-request-ext.request_header.Host", "domain-name"),
    ("url:value", "url"),
    ("email-addr:value", "email-addr"),
    ("email-message:from_ref.value", "email-addr"),
    ("email-message:sender_ref.value", "email-addr"),
    ("file:name", "file-name"),
    ("windows-registry-key:key", "windows-registry-key"),
    ("file:hashes.MD5", "md5"),
    ("file:hashes.SHA-1", "sha1"),
    ("file:hashes.SHA1", "sha1"),
    ("file:hashes.SHA-256", "sha256"),
    ("file:hashes.SHA256", "sha256"),
    ("file:hashes.SHA-512", "sha512"),
    ("file:hashes.SHA512", "sha512"),
    ("file:hashes.SSDEEP", "ssdeep"),
    ("file:hashes.TLSH", "tlsh"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word, an operator, a bracket.
    Sign(String),
    /// A text in quotes.
    Text(String),
}

/// The values that a pattern looks for, any of which is enough.
///
/// # Errors
/// What it needs beyond that, or that it cannot be read.
pub(super) fn values(pattern: &str) -> Result<Vec<Wanted>, String> {
    let tokens = tokens(pattern).ok_or("a pattern that cannot be read")?;
    let mut reading = Reading { tokens: &tokens, at: 0 };
    let mut wanted = Vec::new();
    loop {
        reading.expect("[")?;
        loop {
            reading.comparison(&mut wanted)?;
            match reading.next() {
                Some("]") => break,
                Some("OR") => {}
                Some("AND") => return Err("a pattern that needs several values at once".to_owned()),
                _ => return Err("a pattern that cannot be read".to_owned()),
            }
        }
        match reading.next() {
            None => return Ok(wanted),
            Some("OR") => {}
            Some("AND" | "FOLLOWEDBY") => return Err("a pattern that needs several events".to_owned()),
            Some("WITHIN" | "REPEATS" | "START") => {
                return Err("a pattern that counts or bounds time".to_owned());
            }
            Some(_) => return Err("a pattern that cannot be read".to_owned()),
        }
    }
}

struct Reading<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Reading<'t> {
    fn token(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    /// The next sign; a text is none.
    fn next(&mut self) -> Option<&'t str> {
        match self.token()? {
            Token::Sign(sign) => Some(sign),
            Token::Text(_) => Some(""),
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.next() == Some(sign) { Ok(()) } else { Err("a pattern that cannot be read".to_owned()) }
    }

    fn text(&mut self) -> Result<String, String> {
        match self.token() {
            Some(Token::Text(text)) => Ok(text.clone()),
            _ => Err("a pattern that compares with no text".to_owned()),
        }
    }

    /// `type:path = 'text'`, in parentheses or not.
    fn comparison(&mut self, wanted: &mut Vec<Wanted>) -> Result<(), String> {
        let property = self.next().ok_or("a pattern that cannot be read")?;
        if property == "(" {
            return Err("a pattern with parentheses".to_owned());
        }
        let operator = self.next().unwrap_or_default();
        let kind =
            PROPERTIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(property)).map(|(_, kind)| *kind);
        let kind = kind.ok_or_else(|| format!("a pattern on `{property}`"))?;
        match operator {
            "=" => wanted.push((kind, self.text()?)),
            "ISSUBSET" if kind.starts_with("ip") => wanted.push((kind, self.text()?)),
            "IN" => {
                self.expect("(")?;
                loop {
                    wanted.push((kind, self.text()?));
                    match self.next() {
                        Some(")") => break,
                        Some(",") => {}
                        _ => return Err("a pattern that cannot be read".to_owned()),
                    }
                }
            }
            other => return Err(format!("a pattern with `{other}`")),
        }
        Ok(())
    }
}

/// The tokens of a pattern. Quotes inside of a property (`hashes.'SHA-256'`) fall away.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(&first) = characters.peek() {
        match first {
            _ if first.is_whitespace() => {
                characters.next();
            }
            '[' | ']' | '(' | ')' | ',' => {
                characters.next();
                tokens.push(Token::Sign(first.to_string()));
            }
            '\'' => tokens.push(Token::Text(quoted(&mut characters)?)),
            '=' | '!' | '<' | '>' => {
                let mut sign = String::new();
                while let Some(part) = characters.next_if(|part| matches!(part, '=' | '!' | '<' | '>')) {
                    sign.push(part);
                }
                tokens.push(Token::Sign(sign));
            }
            _ => {
                let mut word = String::new();
                while let Some(&part) = characters.peek() {
                    match part {
                        '\'' => word.push_str(&quoted(&mut characters)?),
                        '[' | ']' | '(' | ')' | ',' | '=' | '!' | '<' | '>' => break,
                        _ if part.is_whitespace() => break,
                        _ => {
                            word.push(part);
                            characters.next();
                        }
                    }
                }
                tokens.push(Token::Sign(word));
            }
        }
    }
    Some(tokens)
}

/// A text in quotes; `\` takes the next character as it is.
fn quoted(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    characters.next();
    let mut text = String::new();
    loop {
        match characters.next()? {
            '\'' => return Some(text),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_pattern() {
        for (pattern, expected) in [
            ("[ipv4-addr:value = '203.0.113.7']", vec![("ipv4-addr", "203.0.113.7")]),
            (
                "[file:hashes.'SHA-256' = 'ab' OR file:hashes.MD5 = 'cd'] OR [url:value IN ('u', 'v')]",
                vec![("sha256", "ab"), ("md5", "cd"), ("url", "u"), ("url", "v")],
            ),
            ("[ipv4-addr:value ISSUBSET '10.0.0.0/8']", vec![("ipv4-addr", "10.0.0.0/8")]),
            (r"[windows-registry-key:key = 'HKLM\\A\'b']", vec![("windows-registry-key", r"HKLM\A'b")]),
        ] {
            let found = values(pattern).expect(pattern);
            assert_eq!(found.iter().map(|(kind, value)| (*kind, &**value)).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_a_list_of_values_cannot_tell_is_refused() {
        for (pattern, why) in [
            ("[file:name = 'a' AND file:size = 7]", "a pattern that needs several values at once"),
            ("[url:value = 'a'] FOLLOWEDBY [url:value = 'b']", "a pattern that needs several events"),
            ("[url:value = 'a'] WITHIN 5 SECONDS", "a pattern that counts or bounds time"),
            ("[url:value LIKE 'a%']", "a pattern with `LIKE`"),
            ("[url:value != 'a']", "a pattern with `!=`"),
            ("[mutex:name = 'a']", "a pattern on `mutex:name`"),
            ("[(url:value = 'a')]", "a pattern with parentheses"),
            ("[url:value = 7]", "a pattern that compares with no text"),
            ("[url:value = 'a", "a pattern that cannot be read"),
            ("", "a pattern that cannot be read"),
            ("url:value = 'a'", "a pattern that cannot be read"),
        ] {
            assert_eq!(values(pattern), Err(why.to_owned()), "{pattern}");
        }
    }
}
