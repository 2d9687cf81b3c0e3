//! How the names of raw fields are written where their values are kept as they are.

use std::borrow::Cow;

/// A way to write names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// As they are.
    Same,
    /// In lower case, with words apart: `sourceIPAddress` is `source_ip_address`.
    Snake,
}

impl Naming {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "same" => Some(Self::Same),
            "snake" => Some(Self::Snake),
            _ => None,
        }
    }

    /// A name in this way.
    pub(crate) fn of(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Snake if name.bytes().any(|byte| !byte.is_ascii_lowercase() && byte != b'_') => {
                Cow::Owned(snake(name))
            }
            _ => Cow::Borrowed(name),
        }
    }
}

/// A word begins at a capital behind a small letter or a digit, and at the last of several capitals that a small letter
/// follows.
fn snake(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 8);
    for (at, &character) in characters.iter().enumerate() {
        if matches!(character, '-' | ' ' | '_' | '/') {
            if !snake.is_empty() && !snake.ends_with(['_', '.']) {
                snake.push('_');
            }
            continue;
        }
        if character.is_uppercase() && at > 0 {
            let before = characters[at - 1];
            let begins = before.is_lowercase()
                || before.is_ascii_digit()
                || (before.is_uppercase() && characters.get(at + 1).is_some_and(|next| next.is_lowercase()));
            if begins && !snake.ends_with('_') {
                snake.push('_');
            }
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_apart() {
        for (name, expected) in [
            ("userName", "user_name"),
            ("sourceIPAddress", "source_ip_address"),
            ("AADTenantId", "aad_tenant_id"),
            ("already_snake", "already_snake"),
            ("ID", "id"),
            ("Client-IP address", "client_ip_address"),
            ("sha256Hash", "sha256_hash"),
            ("X", "x"),
            ("", ""),
            ("ÜberName", "über_name"),
        ] {
            assert_eq!(Naming::Snake.of(name), expected);
            assert_eq!(Naming::Same.of(name), name);
        }
    }
}
