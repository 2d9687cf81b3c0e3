//! `DISSECT`: a text taken apart by delimiters (esql-semantics §4).

use std::sync::Arc;

/// A pattern of delimiters and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissect {
    before: String,
    parts: Vec<Part>,
    separator: String,
    names: Vec<Arc<str>>,
}

/// A key, and the delimiter behind it; empty behind the last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    target: Option<Target>,
    padded: bool,
    delimiter: String,
}

/// Where the text of a key goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Which of the names.
    name: usize,
    /// Its place among those appended under the name.
    order: usize,
}

impl Dissect {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It has no key, a `%{` without `}`, a reference key (`%{*a}`, `%{&a}`), two keys without a delimiter between them, a
    /// name given twice without `+`, or a bad order of appending.
    pub fn parse(pattern: &str, separator: &str) -> Result<Self, String> {
        let Some((before, mut rest)) = pattern.split_once("%{") else {
            return Err("the pattern has no key `%{…}`".to_owned());
        };
        let mut dissect = Self {
            before: before.to_owned(),
            parts: Vec::new(),
            separator: separator.to_owned(),
            names: Vec::new(),
        };
        let mut plain: Vec<&str> = Vec::new();
        loop {
            let Some((key, behind)) = rest.split_once('}') else {
                return Err("a key `%{` has no `}`".to_owned());
            };
            let (delimiter, next) = match behind.split_once("%{") {
                Some((delimiter, next)) => (delimiter, Some(next)),
                None => (behind, None),
            };
            if delimiter.is_empty() && next.is_some() {
                return Err(format!("between `%{{{key}}}` and the next key there is no delimiter"));
            }
            let (key, padded) = key.strip_suffix("->").map_or((key, false), |key| (key, true));
            let target = match key.as_bytes().first() {
                None | Some(b'?') => None,
                Some(b'*' | b'&') => {
                    return Err(format!("`%{{{key}}}` is a reference key, which the language does not have"));
                }
                Some(b'+') => {
                    let (name, order) = match key[1..].split_once('/') {
                        None => (&key[1..], None),
                        Some((name, order)) => {
                            let number = order.parse::<usize>();
                            (name, Some(number.map_err(|_| format!("`/{order}` is no order of appending"))?))
                        }
                    };
                    let name = dissect.name(name);
                    Some(Target { name, order: order.unwrap_or(0) })
                }
                Some(_) => {
                    if plain.contains(&key) {
                        return Err(format!(
                            "`%{{{key}}}` stands twice: `+` in front of a key appends to what it has"
                        ));
                    }
                    plain.push(key);
                    Some(Target { name: dissect.name(key), order: 0 })
                }
            };
            dissect.parts.push(Part { target, padded, delimiter: delimiter.to_owned() });
            match next {
                Some(next) => rest = next,
                None => return Ok(dissect),
            }
        }
    }

    /// The columns that it makes, in the order of the pattern.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The text of each column; `None` if the text does not fit the pattern.
    pub fn take_apart(&self, text: &str) -> Option<Vec<String>> {
        let mut rest = text.strip_prefix(self.before.as_str())?;
        let mut pieces: Vec<Vec<(usize, &str)>> = vec![Vec::new(); self.names.len()];
        for part in &self.parts {
            let (piece, behind) = match part.delimiter.as_str() {
                "" => (rest, ""),
                delimiter => rest.split_once(delimiter)?,
            };
            rest = behind;
            if part.padded && !part.delimiter.is_empty() {
                while let Some(less) = rest.strip_prefix(part.delimiter.as_str()) {
                    rest = less;
                }
            }
            if let Some(target) = &part.target {
                pieces[target.name].push((target.order, piece));
            }
        }
        let join = |mut pieces: Vec<(usize, &str)>| {
            pieces.sort_by_key(|(order, _)| *order);
            let texts: Vec<&str> = pieces.into_iter().map(|(_, piece)| piece).collect();
            texts.join(&self.separator)
        };
        Some(pieces.into_iter().map(join).collect())
    }

    fn name(&mut self, name: &str) -> usize {
        if let Some(known) = self.names.iter().position(|known| **known == *name) {
            return known;
        }
        self.names.push(name.into());
        self.names.len() - 1
    }
}
