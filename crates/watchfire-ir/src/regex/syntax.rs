//! What both dialects are read into.

use regex_syntax::hir::ClassUnicode;

/// A regular expression over whole texts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Syntax {
    /// The empty text.
    Empty,
    /// No text at all.
    Nothing,
    /// One character.
    Literal(char),
    /// One character of a set.
    Class(ClassUnicode),
    /// One character that is not in a set. Kept apart, for where case does not count the set grows before it is negated.
    NotClass(ClassUnicode),
    /// One after the other.
    Concat(Vec<Syntax>),
    /// Any of these.
    Alternation(Vec<Syntax>),
    /// So many times; without an upper limit if `max` is absent.
    Repeat { inner: Box<Syntax>, min: u32, max: Option<u32> },
    /// All of these.
    Intersection(Vec<Syntax>),
    /// Whatever this is not.
    Complement(Box<Syntax>),
    /// Case of ASCII letters does not count inside.
    IgnoreCase(Box<Syntax>),
    /// Where the text begins.
    Start,
    /// Where the text ends.
    End,
    /// Between a word character and something else (`true`), or not there.
    WordBoundary(bool),
}

impl Syntax {
    /// Any number of characters of the set.
    pub(super) fn any_run(set: ClassUnicode) -> Self {
        Self::Repeat { inner: Box::new(Self::Class(set)), min: 0, max: None }
    }

    /// The sequence, without needless nesting.
    pub(super) fn concat(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::Empty,
            1 => parts.remove(0),
            _ => Self::Concat(parts),
        }
    }

    /// The alternation, without needless nesting.
    pub(super) fn alternation(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::Nothing,
            1 => parts.remove(0),
            _ => Self::Alternation(parts),
        }
    }

    /// The texts that fit, if there is no operator but alternation at the top.
    pub(super) fn literals(&self) -> Option<Vec<String>> {
        match self {
            Self::Alternation(parts) => parts.iter().map(Self::literal).collect(),
            other => other.literal().map(|text| vec![text]),
        }
    }

    fn literal(&self) -> Option<String> {
        match self {
            Self::Empty => Some(String::new()),
            Self::Literal(character) => Some(character.to_string()),
            Self::Concat(parts) => parts.iter().map(Self::literal).collect(),
            _ => None,
        }
    }

    /// Whether it is plain that every text fits.
    pub(super) fn is_everything(&self) -> bool {
        match self {
            Self::Repeat { inner, min: 0, max: None } => {
                matches!(&**inner, Self::Class(set) if *set == any_character())
            }
            Self::Alternation(parts) => parts.iter().any(Self::is_everything),
            _ => false,
        }
    }

    /// Bytes of the longest literal that stands in every text that fits.
    pub(super) fn required_literal(&self) -> usize {
        match self {
            Self::Literal(character) => character.len_utf8(),
            Self::Concat(parts) => {
                let (mut longest, mut run) = (0, 0);
                for part in parts {
                    // Neighbouring characters make one literal; what is nested counts for itself.
                    run = if matches!(part, Self::Literal(_)) { run + part.required_literal() } else { 0 };
                    longest = longest.max(run).max(part.required_literal());
                }
                longest
            }
            Self::Alternation(parts) => parts.iter().map(Self::required_literal).min().unwrap_or(0),
            Self::Intersection(parts) => parts.iter().map(Self::required_literal).max().unwrap_or(0),
            Self::Repeat { inner, min, .. } if *min > 0 => inner.required_literal(),
            Self::IgnoreCase(inner) => inner.required_literal(),
            Self::Repeat { .. }
            | Self::Complement(_)
            | Self::Empty
            | Self::Nothing
            | Self::Class(_)
            | Self::NotClass(_)
            | Self::Start
            | Self::End
            | Self::WordBoundary(_) => 0,
        }
    }

    /// Whether it has a complement or intersection anywhere.
    pub(super) fn is_boolean(&self) -> bool {
        match self {
            Self::Intersection(_) | Self::Complement(_) => true,
            Self::Concat(parts) | Self::Alternation(parts) => parts.iter().any(Self::is_boolean),
            Self::Repeat { inner, .. } | Self::IgnoreCase(inner) => inner.is_boolean(),
            Self::Empty
            | Self::Nothing
            | Self::Literal(_)
            | Self::Class(_)
            | Self::NotClass(_)
            | Self::Start
            | Self::End
            | Self::WordBoundary(_) => false,
        }
    }
}

/// Every character there is.
pub(super) fn any_character() -> ClassUnicode {
    let mut set = ClassUnicode::empty();
    set.negate();
    set
}

/// A set from ranges, both ends included.
pub(super) fn set_of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(low, high)| regex_syntax::hir::ClassUnicodeRange::new(low, high)))
}

/// The set that `\d`, `\w`, `\s` and their upper-case opposites stand for, in ASCII; `space` is what the dialect takes
/// for white space.
pub(super) fn predefined(letter: char, space: &[(char, char)]) -> Option<ClassUnicode> {
    let mut set = match letter.to_ascii_lowercase() {
        'd' => set_of(&[('0', '9')]),
        'w' => set_of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        's' => set_of(space),
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        set.negate();
    }
    Some(set)
}
