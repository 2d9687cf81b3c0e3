//! Stable codes of diagnostics.

use std::fmt;

use serde::{Serialize, Serializer};

/// The identity of one kind of diagnostic, for example `EQL003`.
///
/// A code is never reused for another meaning. Each crate that makes diagnostics lists its codes in a table of
/// [`CodeInfo`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// A code from its text: upper-case letters followed by three digits.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The text of the code.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// What the reference page says about a [`Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// A few words: the heading of its entry.
    pub title: &'static str,
    /// What it means and what to do, one to three sentences of Markdown.
    pub explanation: &'static str,
}

/// Declares codes as constants, and the table `CODES` of all of them.
///
/// ```
/// watchfire_diagnostics::codes! {
///     /// Every code of this example, in order.
///     pub CODES;
///     pub(crate) each;
///     NO_NAME = "EXM001", "name is missing", "Everything has a name. Give it one.";
/// }
/// assert_eq!(CODES[0].code, NO_NAME);
/// ```
#[macro_export]
macro_rules! codes {
    (
        $(#[$table:meta])* $table_visibility:vis CODES;
        $visibility:vis each;
        $($(#[$doc:meta])* $name:ident = $code:literal, $title:literal, $explanation:literal;)*
    ) => {
        $(
            #[doc = $title]
            $(#[$doc])*
            $visibility const $name: $crate::Code = $crate::Code::new($code);
        )*

        $(#[$table])*
        $table_visibility const CODES: &[$crate::CodeInfo] =
            &[$($crate::CodeInfo { code: $name, title: $title, explanation: $explanation }),*];
    };
}
