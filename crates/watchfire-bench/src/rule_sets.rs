//! Rules in numbers: one, a hundred, all, and ten times all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use watchfire_rules::load::{Fate, load};

/// Copies of the corpus in the tenfold set, the original being the first.
const COPIES: usize = 10;
/// A rule that costs as little as a rule can: what is left is decoding, normalising and columns.
const NOTHING: &str = "[rule]\nrule_id = \"bench-nothing\"\nname = \"Nothing\"\ndescription = \"Nothing.\"\nrisk_score = 1\n\
                       severity = \"low\"\ntype = \"eql\"\nlanguage = \"eql\"\nquery = 'any where event.code == \"none\"'\n";

/// Folders of rules.
pub(crate) struct RuleSets {
    sets: Vec<(&'static str, PathBuf, usize)>,
}

impl RuleSets {
    /// Writes the folders.
    pub(crate) fn make(corpus: &Path, place: &Path) -> Result<Self> {
        let files = load(&["rules", "rules_building_block"].map(|below| corpus.join(below)));
        let texts: Vec<&str> =
            files.iter().filter(|file| file.fate == Fate::Loaded).map(|file| file.source.text()).collect();
        ensure!(texts.len() > 1000, "there are too few rules in `{}`", corpus.display());
        let place = place.join("rules");
        let mut sets = Vec::new();
        let mut set = |label: &'static str, rules: Vec<String>| -> Result<()> {
            let folder = place.join(label);
            fs::create_dir_all(&folder)?;
            for (at, text) in rules.iter().enumerate() {
                fs::write(folder.join(format!("{at:05}.toml")), text)?;
            }
            sets.push((label, folder, rules.len()));
            Ok(())
        };
        set("one", vec![NOTHING.to_owned()])?;
        let every = texts.len() / 100;
        set("hundred", texts.iter().step_by(every).take(100).map(|text| (*text).to_owned()).collect())?;
        set("all", texts.iter().map(|text| (*text).to_owned()).collect())?;
        let tenfold = (0..COPIES).flat_map(|copy| texts.iter().map(move |text| renamed(text, copy)));
        set("tenfold", tenfold.collect())?;
        Ok(Self { sets })
    }

    /// Label, folder and number of each.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Path, usize)> {
        self.sets.iter().map(|(label, folder, number)| (*label, folder.as_path(), *number))
    }
}

/// A copy of a rule that asks for other things: the constants that name programs and files, and with these the id and
/// the name, become others. What guards a rule (categories, types, systems) stays.
fn renamed(text: &str, copy: usize) -> String {
    if copy == 0 {
        return text.to_owned();
    }
    let other = |extension: &str| format!("-{copy}{extension}");
    let mut text = text.replace("rule_id = \"", &format!("rule_id = \"{copy}-"));
    for extension in [".exe", ".dll", ".sh", ".ps1", ".py", ".so", ".conf", ".sys"] {
        text = text.replace(&format!("{extension}\""), &format!("{}\"", other(extension)));
    }
    text.replacen("\nname = \"", &format!("\nname = \"{copy} "), 1)
}
