//! From syntax to automata.

use regex_automata::meta;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

use super::syntax::Syntax;
use super::{MAX_AUTOMATON_BYTES, RegexError};
use crate::Fold;

/// Automata over whole texts, under set operations.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Automaton(meta::Regex),
    Any(Vec<Matcher>),
    All(Vec<Matcher>),
    Not(Box<Matcher>),
}

impl Matcher {
    pub(super) fn new(syntax: &Syntax, fold: Fold) -> Result<Self, RegexError> {
        Self::within(syntax, fold, &mut { MAX_AUTOMATON_BYTES })
    }

    /// Compiles as long as its automata fit into `bytes` together, and takes from these what they need.
    fn within(syntax: &Syntax, fold: Fold, bytes: &mut usize) -> Result<Self, RegexError> {
        let mut list = |parts: &[Syntax]| -> Result<Vec<Self>, RegexError> {
            parts.iter().map(|part| Self::within(part, fold, bytes)).collect()
        };
        match syntax {
            Syntax::Alternation(parts) if syntax.is_boolean() => Ok(Self::Any(list(parts)?)),
            Syntax::Intersection(parts) => Ok(Self::All(list(parts)?)),
            Syntax::Complement(inner) => Ok(Self::Not(Box::new(Self::within(inner, fold, bytes)?))),
            other => {
                let regex = automaton(other, fold, *bytes)?;
                *bytes = bytes.saturating_sub(regex.memory_usage());
                Ok(Self::Automaton(regex))
            }
        }
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Automaton(regex) => regex.is_match(text),
            Self::Any(parts) => parts.iter().any(|part| part.fits(text)),
            Self::All(parts) => parts.iter().all(|part| part.fits(text)),
            Self::Not(inner) => !inner.fits(text),
        }
    }
}

fn automaton(syntax: &Syntax, fold: Fold, bytes: usize) -> Result<meta::Regex, RegexError> {
    let inner = hir(syntax, fold != Fold::None)?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), inner, Hir::look(Look::End)]);
    let config = meta::Config::new().nfa_size_limit(Some(bytes));
    meta::Builder::new().configure(config).build_from_hir(&whole).map_err(|error| {
        RegexError(match error.size_limit() {
            Some(_) => format!("the pattern needs automata of more than {MAX_AUTOMATON_BYTES} bytes"),
            None => format!("the pattern cannot be compiled: {error}"),
        })
    })
}

fn hir(syntax: &Syntax, ignore_case: bool) -> Result<Hir, RegexError> {
    let list =
        |parts: &[Syntax]| parts.iter().map(|part| hir(part, ignore_case)).collect::<Result<Vec<_>, _>>();
    Ok(match syntax {
        Syntax::Empty => Hir::empty(),
        Syntax::Nothing => Hir::fail(),
        Syntax::Literal(character) if ignore_case && character.is_ascii_alphabetic() => {
            let both = [character.to_ascii_lowercase(), character.to_ascii_uppercase()];
            class(ClassUnicode::new(both.map(|letter| ClassUnicodeRange::new(letter, letter))))
        }
        Syntax::Literal(character) => Hir::literal(character.encode_utf8(&mut [0; 4]).as_bytes().to_vec()),
        Syntax::Class(set) if ignore_case => class(with_both_cases(set)),
        Syntax::Class(set) => class(set.clone()),
        Syntax::NotClass(set) => {
            let mut set = if ignore_case { with_both_cases(set) } else { set.clone() };
            set.negate();
            class(set)
        }
        Syntax::Concat(parts) => Hir::concat(list(parts)?),
        Syntax::Alternation(parts) => Hir::alternation(list(parts)?),
        Syntax::Repeat { inner, min, max } => {
            let sub = Box::new(hir(inner, ignore_case)?);
            Hir::repetition(Repetition { min: *min, max: *max, greedy: true, sub })
        }
        Syntax::IgnoreCase(inner) => hir(inner, true)?,
        Syntax::Start => Hir::look(Look::Start),
        Syntax::End => Hir::look(Look::End),
        Syntax::WordBoundary(true) => Hir::look(Look::WordAscii),
        Syntax::WordBoundary(false) => Hir::look(Look::WordAsciiNegate),
        Syntax::Intersection(_) => return Err(inside("&", "intersection")),
        Syntax::Complement(_) => return Err(inside("~", "complement")),
    })
}

fn inside(sign: &str, name: &str) -> RegexError {
    RegexError(format!(
        "the {name} `{sign}` is supported only for the whole pattern or its alternatives; write `\\{sign}` for the character"
    ))
}

fn class(set: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(set))
}

/// The set with the other case of each ASCII letter in it.
fn with_both_cases(set: &ClassUnicode) -> ClassUnicode {
    let shifted = |low: char, high: char, target: char| {
        let mut letters = set.clone();
        letters.intersect(&ClassUnicode::new([ClassUnicodeRange::new(low, high)]));
        let moved = letters.iter().map(|range| {
            let shift = |letter: char| (letter as u8 - low as u8 + target as u8) as char;
            ClassUnicodeRange::new(shift(range.start()), shift(range.end()))
        });
        ClassUnicode::new(moved.collect::<Vec<_>>())
    };
    let mut both = set.clone();
    both.union(&shifted('a', 'z', 'A'));
    both.union(&shifted('A', 'Z', 'a'));
    both
}
