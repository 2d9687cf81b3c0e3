//! The conformance report: what public rules, events and cases give in Watchfire, as tables that anyone can re-run with
//! `cargo xtask conformance`.
//!
//! ```text
//! shared data ──► the product's own path (load, compile, normalise, batch, match) ──► Section: tables, failures
//!                                                                                     ▲
//! expected/*.tsv: what is known to miss, with the reason ─────────────────────────────┘
//! ```
//!
//! A failure is anything that a file of `expected/` does not say, and also an entry of such a file that is no longer
//! true. The same sections run as tests named `shared_…`, so the gate holds what the report shows.
//!
//! Nothing of the shared data is copied here: entries name rules and cases, and give reasons in our own words.

mod behavior_rules;
mod condition_only;
mod corpus;
mod correlated;
mod eql_cases;
mod eql_page;
mod eql_unit;
mod esql_cases;
mod esql_rules;
mod expected;
mod explained;
mod fired;
mod fixture_comparison;
mod fixtures;
mod hit_form;
mod own_cases;
mod own_rules;
mod positive_events;
mod report;
mod rules;
mod solve;

pub use corpus::Corpus;
pub use eql_page::{eql_figures, eql_page, figures_of_page};
pub use esql_cases::{RunPlan, esql_figures, esql_misses, figures_of_esql_page};
pub use own_cases::{Language, section as own_cases};
pub use own_rules::section as own_rules;
pub use report::Section;

use std::path::Path;

/// A part of the report that can be asked for by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What becomes of every rule of the public corpora.
    Rules,
    /// Whether events made for rules fire them.
    PositiveEvents,
    /// Whether explanations name the leaf that decides.
    Explain,
    /// Elasticsearch's own cases and unit files of EQL, and our cases.
    Eql,
    /// Elasticsearch's own cases of ES|QL.
    Esql,
    /// Our cases of KQL, Lucene queries and filters.
    Kql,
    /// Documents compared with those of the reference pipelines.
    Sources,
    /// The rules of this repository against their tests.
    OwnRules,
    /// First tests made for every rule.
    Solve,
}

impl Part {
    /// All parts in the order of the report.
    pub const ALL: [Self; 9] = [
        Self::Rules,
        Self::PositiveEvents,
        Self::Explain,
        Self::Eql,
        Self::Esql,
        Self::Kql,
        Self::Sources,
        Self::OwnRules,
        Self::Solve,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::PositiveEvents => "positive-events",
            Self::Explain => "explain",
            Self::Eql => "eql",
            Self::Esql => "esql",
            Self::Kql => "kql",
            Self::Sources => "sources",
            Self::OwnRules => "own-rules",
            Self::Solve => "solve",
        }
    }
}

/// Runs parts of the report over the folder of shared data.
pub fn run(parts: &[Part], shared: &Path) -> Vec<Section> {
    let needs_corpus =
        parts.iter().any(|part| !matches!(part, Part::Eql | Part::Kql | Part::Sources | Part::OwnRules));
    let corpus = needs_corpus.then(|| Corpus::load(shared));
    let of_part = |part: &Part| match (part, &corpus) {
        (Part::Rules, Some(corpus)) => vec![rules::section(corpus), behavior_rules::section(shared)],
        (Part::PositiveEvents, Some(corpus)) => positive_events::sections(corpus, shared),
        (Part::Explain, Some(corpus)) => vec![explained::section(corpus, shared)],
        (Part::Solve, Some(corpus)) => vec![solve::section(corpus)],
        (Part::Rules | Part::PositiveEvents | Part::Explain | Part::Esql | Part::Solve, None) => Vec::new(),
        (Part::Eql, _) => {
            vec![eql_cases::section(shared), eql_unit::section(shared), own_cases::section(Language::Eql)]
        }
        (Part::Esql, Some(corpus)) => vec![esql_cases::section(shared), esql_rules::section(corpus)],
        (Part::Kql, _) => vec![own_cases::section(Language::Kql)],
        (Part::Sources, _) => vec![fixtures::section(shared)],
        (Part::OwnRules, _) => vec![own_rules::section()],
    };
    parts.iter().flat_map(of_part).collect()
}
