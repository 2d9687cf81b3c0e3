//! Rules in numbers: one, a hundred, all, and ten times all.

mod renamed;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use watchfire_rules::load::{Fate, load};

/// Copies of the corpus in the tenfold set, the original being the first.
const COPIES: usize = 10;
/// A rule that costs as little as a rule can: what is left is decoding, normalising and columns.
const NOTHING: &str = "[rule]\nrule_id = \"bench-nothing\"\nname = \"Nothing\"\ndescription = \"Nothing.\"\nrisk_score = 1\n\
                       severity = \"low\"\ntype = \"eql\"\nlanguage = \"eql\"\nquery = 'any where event.code == \"none\"'\n";

/// How many rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rules {
    /// One, which finds nothing.
    One,
    Hundred,
    All,
    Tenfold,
}

impl Rules {
    /// All sizes, the smallest first.
    pub(crate) const SIZES: [Self; 4] = [Self::One, Self::Hundred, Self::All, Self::Tenfold];

    /// What tables call it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Hundred => "hundred",
            Self::All => "all",
            Self::Tenfold => "tenfold",
        }
    }
}

/// A folder of rules.
pub(crate) struct RuleSet {
    pub(crate) rules: Rules,
    pub(crate) folder: PathBuf,
    /// How many rules it has.
    pub(crate) number: usize,
}

/// Writes folders of rules of these sizes, made of a corpus.
pub(crate) fn make(sizes: &[Rules], corpus: &Path, place: &Path) -> Result<Vec<RuleSet>> {
    let files = load(&["rules", "rules_building_block"].map(|below| corpus.join(below)));
    let texts: Vec<&str> =
        files.iter().filter(|file| file.fate == Fate::Loaded).map(|file| file.source.text()).collect();
    ensure!(texts.len() > 1000, "there are too few rules in `{}`", corpus.display());
    let owned =
        |texts: &mut dyn Iterator<Item = &&str>| texts.map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let write = |&rules: &Rules| {
        let texts = match rules {
            Rules::One => vec![NOTHING.to_owned()],
            Rules::Hundred => owned(&mut texts.iter().step_by(texts.len() / 100).take(100)),
            Rules::All => owned(&mut texts.iter()),
            Rules::Tenfold => {
                (0..COPIES).flat_map(|copy| texts.iter().map(move |text| renamed::copy(text, copy))).collect()
            }
        };
        let folder = place.join("rules").join(rules.label());
        fs::create_dir_all(&folder)?;
        for (at, text) in texts.iter().enumerate() {
            fs::write(folder.join(format!("{at:05}.toml")), text)?;
        }
        Ok(RuleSet { rules, folder, number: texts.len() })
    };
    sizes.iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use watchfire_rules::load::load_text;
    use watchfire_rules::model::QueryLanguage;
    use watchfire_test_support::shared_folder;

    use super::*;

    #[test]
    fn shared_copies_of_rules_are_other_rules_that_can_be_read() {
        let Some(shared) = shared_folder() else { return };
        let (mut ids, mut queries, mut unlike) = (BTreeSet::new(), 0, 0);
        // Every third is enough for this.
        for original in load(&[shared.join("corpus/detection-rules/rules")]).into_iter().step_by(3) {
            let mut texts = Vec::new();
            for copy in [0, 3] {
                let file = load_text("copy.toml", renamed::copy(original.source.text(), copy)).swap_remove(0);
                let Some(content) = file.content else { continue };
                ids.extend(content.rule.rule_id.map(|id| id.to_string()));
                let Some(query) = content.rule.kind.query().cloned() else { continue };
                let is_valid = match query.language {
                    QueryLanguage::Eql => watchfire_eql::parse(&query.text).is_valid(),
                    QueryLanguage::Kql => watchfire_kql::parse(&query.text).is_valid(),
                    _ => continue,
                };
                assert!(
                    is_valid || texts.is_empty(),
                    "the copy of a query that can be read cannot: {}",
                    query.text
                );
                if is_valid {
                    texts.push(query.text);
                }
            }
            queries += texts.len() / 2;
            unlike += usize::from(texts.len() == 2 && texts[0] != texts[1]);
        }
        assert!(ids.len() > 1_000 && queries > 450, "{} ids, {queries} queries", ids.len());
        assert!(unlike * 10 > queries * 7, "only {unlike} of {queries} copies differ");
    }
}
