//! Tests of the rule formats as their callers see them.

mod load;
