//! The functions of EQL: names, numbers of arguments, and whether they can ignore case (eql-semantics §10).

/// What is known of a function without types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name in its usual spelling; case does not count.
    pub name: &'static str,
    /// Fewest arguments.
    pub min_arguments: usize,
    /// Most arguments; `None` is any number.
    pub max_arguments: Option<usize>,
    /// Whether `~` may follow the name.
    pub can_ignore_case: bool,
}

impl Function {
    const fn new(name: &'static str, min_arguments: usize, max_arguments: Option<usize>) -> Self {
        Self { name, min_arguments, max_arguments, can_ignore_case: false }
    }

    const fn folding(name: &'static str, min_arguments: usize, max_arguments: usize) -> Self {
        Self { name, min_arguments, max_arguments: Some(max_arguments), can_ignore_case: true }
    }

    /// Whether it takes so many arguments.
    pub fn takes(&self, count: usize) -> bool {
        count >= self.min_arguments && self.max_arguments.is_none_or(|most| count <= most)
    }
}

/// All functions, by name.
pub const FUNCTIONS: &[Function] = &[
    Function::new("add", 2, Some(2)),
    Function::folding("between", 3, 4),
    Function::new("cidrMatch", 2, None),
    Function::new("concat", 1, None),
    Function::new("divide", 2, Some(2)),
    Function::folding("endsWith", 2, 2),
    Function::folding("indexOf", 2, 3),
    Function::new("length", 1, Some(1)),
    Function::new("modulo", 2, Some(2)),
    Function::new("multiply", 2, Some(2)),
    Function::new("number", 1, Some(2)),
    Function::folding("startsWith", 2, 2),
    Function::new("string", 1, Some(1)),
    Function::folding("stringContains", 2, 2),
    Function::new("substring", 2, Some(3)),
    Function::new("subtract", 2, Some(2)),
];

/// Functions of Endgame's EQL that are unknown here, with what to write instead.
pub(crate) const ENDGAME_FUNCTIONS: &[(&str, &str)] = &[
    ("arrayContains", "compare the field itself: a condition on an array holds if it holds of any value"),
    ("arrayCount", "there is no counterpart: an array is a set of values here"),
    ("arraySearch", "there is no counterpart: an array is a set of values here"),
    ("match", "write `field regex \"…\"`"),
    ("matchLite", "write `field regex \"…\"`"),
    ("safe", "leave it out"),
    ("wildcard", "write `field like \"…\"`, or `field : \"…\"` to ignore case"),
];

/// Pipes of Endgame's EQL, whose arguments are expressions too.
pub(crate) const ENDGAME_PIPES: &[&str] = &["count", "filter", "sort", "unique", "unique_count"];

/// Name of Elastic Defend's search through the elements of an array.
pub(crate) const ARRAY_SEARCH: &str = "_arraysearch";

/// The function of that name, without regard to case.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case() {
        assert_eq!(find("CIDRMATCH").map(|function| function.name), Some("cidrMatch"));
        assert_eq!(find("wildcard"), None);
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name.to_lowercase() < b.name.to_lowercase()));
    }

    #[test]
    fn only_five_functions_ignore_case() {
        let names: Vec<_> = FUNCTIONS.iter().filter(|f| f.can_ignore_case).map(|f| f.name).collect();
        assert_eq!(names, ["between", "endsWith", "indexOf", "startsWith", "stringContains"]);
    }

    #[test]
    fn argument_counts_have_bounds() {
        let between = find("between").unwrap();
        assert!(!between.takes(2) && between.takes(3) && between.takes(4) && !between.takes(5));
        assert!(find("cidrMatch").unwrap().takes(5000));
    }
}
