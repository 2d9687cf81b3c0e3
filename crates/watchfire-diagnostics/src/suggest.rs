//! "Did you mean …?"

/// The candidate most like `name`, if it is like enough: at most a third of its characters differ, and at least one
/// character is the same. Case does not count. Of equally near candidates the first in alphabetical order wins.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest_within(name, (name.chars().count() / 3).max(1), candidates)
}

/// The candidate most like `name`, if it differs by at most `limit` slips of the hand (a character too many, too few,
/// another one, or two exchanged) and has at least one character in common. Otherwise as [`closest`].
pub fn closest_within<'a>(
    name: &str,
    limit: usize,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty() && candidate.len().abs_diff(wanted.len()) <= limit)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, candidate)| distance <= limit && distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// The help text for a misspelt `name`, if one of the candidates is like it.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_like_it() {
        let names = ["process.name", "process.args", "length", "indexOf"];
        assert_eq!(closest("proces.name", names), Some("process.name"));
        assert_eq!(closest("LENGHT", names), Some("length"));
        assert_eq!(closest("xyz", names), None);
        assert_eq!(closest("x", ["y"]), None);
    }
}
