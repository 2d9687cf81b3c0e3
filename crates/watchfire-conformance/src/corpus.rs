//! The public rules, loaded and compiled as `watchfire scan` does it.

use std::collections::BTreeMap;
use std::path::Path;

use watchfire_detect::{CompileOptions, RuleBook, RuleState};
use watchfire_events::Timestamp;
use watchfire_ir::Catalogue;
use watchfire_rules::load::{LoadedFile, load};
use watchfire_rules::model::Rule;
use watchfire_sources::normalise::catalogue;

/// All rules of the public repository.
#[derive(Debug)]
pub struct Corpus {
    /// Every rule file, in order of path; names are relative to the repository's root.
    pub files: Vec<LoadedFile>,
    /// The types of fields.
    pub catalogue: Catalogue,
    /// All rules that loaded, as one set.
    pub book: RuleBook,
}

impl Corpus {
    /// Loads all rules below the folder of shared data.
    pub fn load(shared: &Path) -> Self {
        let folder = shared.join("corpus/detection-rules");
        let files = load(&["rules", "rules_building_block"].map(|below| folder.join(below)));
        let catalogue = catalogue();
        let rules = files.iter().filter_map(|file| file.content.as_ref()).map(|content| content.rule.clone());
        let book = RuleBook::compile(rules, &catalogue, &options());
        Self { files, catalogue, book }
    }

    /// The rules and their states, by id.
    pub(crate) fn by_id(&self) -> BTreeMap<String, (&Rule, &RuleState)> {
        let rules = self.book.rules();
        rules.filter_map(|(rule, state)| Some((rule.rule_id.as_ref()?.to_string(), (rule, state)))).collect()
    }
}

/// Some rules ask for times relative to `now`. The events made for rules are of the minutes before this.
pub(crate) fn options() -> CompileOptions {
    CompileOptions { now: Timestamp::parse("2026-08-01T00:05:00Z") }
}
