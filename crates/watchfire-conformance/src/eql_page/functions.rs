//! The functions of EQL as the page shows them.

use watchfire_eql::functions::{FUNCTIONS, Function};

use crate::report::Table;

/// What a function takes, one word for each argument, those in brackets being optional, `…` for any number more; and
/// what it gives.
const DESCRIPTIONS: &[(&str, &str, &str)] = &[
    ("add", "a, b", "the sum, as `+`"),
    (
        "between",
        "text, left, right [, greedy]",
        "what stands between the first `left` and the first `right` behind it; if `greedy` is `true`, the last `right`. Empty if \
         one is not there",
    ),
    ("cidrMatch", "address, block …", "whether the address is in one of the blocks, which are constants"),
    ("concat", "value …", "the values as one text"),
    ("divide", "a, b", "the quotient, as `/`; of integers cut to an integer"),
    ("endsWith", "text, end", "whether the text ends so; of a field, as a wildcard pattern"),
    (
        "indexOf",
        "text, part [, start]",
        "the first position of the part at or behind `start`, from 0; no value if there is none",
    ),
    ("length", "text", "how long the text is"),
    ("modulo", "a, b", "the remainder, as `%`, with the sign of `a`"),
    ("multiply", "a, b", "the product, as `*`"),
    (
        "number",
        "text [, base]",
        "the number that the text spells; to base 16 if it begins with `0x`, and no base is given",
    ),
    ("startsWith", "text, start", "whether the text begins so"),
    ("string", "value", "the value as a text"),
    ("stringContains", "text, part", "whether the part is in the text; of a field, as a wildcard pattern"),
    (
        "substring",
        "text, start [, end]",
        "from `start` to before `end`, from 0; negative ones count from the end of the text",
    ),
    ("subtract", "a, b", "the difference, as `-`"),
];

/// The table of functions.
pub(super) fn table() -> String {
    let mut table = Table::new(["function", "gives"]);
    for function in FUNCTIONS {
        let (parameters, gives) = description(function);
        let tilde = if function.can_ignore_case { "[~]" } else { "" };
        table.row([format!("`{}{tilde}({parameters})`", function.name), gives.to_owned()]);
    }
    table.to_string()
}

fn description(function: &Function) -> (&'static str, &'static str) {
    let found = DESCRIPTIONS.iter().find(|(name, ..)| *name == function.name);
    let &(_, parameters, gives) = found.unwrap_or_else(|| panic!("`{}` is not described", function.name));
    (parameters, gives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_have_the_arguments_that_functions_take() {
        assert_eq!(DESCRIPTIONS.len(), FUNCTIONS.len());
        for function in FUNCTIONS {
            let (parameters, _) = description(function);
            let (needed, optional) = parameters.split_once(" [").unwrap_or((parameters, ""));
            let count = |text: &str| {
                text.split(',').filter(|name| !name.trim_end_matches(']').trim().is_empty()).count()
            };
            let least = count(needed);
            let most = (!parameters.ends_with('…')).then(|| least + count(optional));
            assert_eq!((least, most), (function.min_arguments, function.max_arguments), "{}", function.name);
        }
    }
}
