//! Bounds on what a query may be. They keep hostile text from costing more than it should; no query a person writes
//! comes near them.

/// Longest query in bytes. A longer one is refused unread.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// Deepest nesting of expressions, parentheses, calls and brackets counted alike. `and` and `or` chains of any length
/// are one level; each further operand of a chain of `+` or `*` is a level of its own.
pub const MAX_NESTING: usize = 100;

/// Most diagnostics of one parse. Those beyond are counted in one last diagnostic.
pub const MAX_DIAGNOSTICS: usize = 50;

/// Highest `with runs=n` (eql-semantics §4).
pub const MAX_RUNS: u64 = 100;

/// Longest `maxspan` in milliseconds: about 292 million years, the range of a signed 64-bit count.
pub const MAX_SPAN_MILLIS: u64 = i64::MAX as u64;
