//! The rules of the folders that the server is given: those that it installs, and those that can be installed.

use std::collections::BTreeMap;
use std::io;

use watchfire_rules::load::Fate;
use watchfire_rules::model::{Rule, RuleId};
use watchfire_state::{Installed, StateDatabase};

use super::config::Config;
use super::log;
use super::upkeep::chain;
use crate::rule_paths::load_paths;
use crate::time_argument;

/// The rules that can be installed over the detection API. What cannot be read is told.
pub(super) fn prebuilt(config: &Config) -> io::Result<Vec<Rule>> {
    let mut rules = Vec::new();
    if config.prebuilt.is_empty() {
        return Ok(rules);
    }
    for file in load_paths(&config.prebuilt)? {
        match file.content {
            Some(content) => rules.push(content.to_api()),
            None if file.fate == Fate::Failed => {
                log::line(&format!("rule that cannot be installed: {}", file.source.name()));
            }
            None => {}
        }
    }
    log::line(&format!("rules that can be installed: {}", rules.len()));
    Ok(rules)
}

/// Installs the rules; whether all of them could be read.
pub(super) fn install(
    runtime: &tokio::runtime::Runtime,
    database: &StateDatabase,
    config: &Config,
) -> io::Result<bool> {
    if config.rules.is_empty() {
        return Ok(true);
    }
    let now = time_argument::now();
    let (mut counts, mut unread) = ([0_u64; 3], 0_u64);
    let kept = runtime.block_on(database.rules()).map_err(|error| io::Error::other(chain(&error)))?;
    // Who has turned a rule off does not want it to come back with the next start.
    let enabled: BTreeMap<RuleId, bool> =
        kept.into_iter().filter_map(|kept| Some((kept.rule.rule_id.clone()?, kept.rule.enabled()))).collect();
    for file in load_paths(&config.rules)? {
        let Some(content) = file.content else {
            unread += u64::from(file.fate == Fate::Failed);
            for diagnostic in &file.diagnostics {
                log::line(&format!("rule not loaded: {}: {}", file.source.name(), diagnostic.message));
            }
            continue;
        };
        let mut rule = content.to_api();
        let known = rule.rule_id.as_ref().and_then(|id| enabled.get(id));
        rule.enabled = Some(known.copied().unwrap_or(true));
        let installed = runtime
            .block_on(database.install_rule(&rule, file.source.name(), now))
            .map_err(|error| io::Error::other(chain(&error)))?;
        counts[match installed {
            Installed::New => 0,
            Installed::Changed => 1,
            Installed::Same => 2,
        }] += 1;
    }
    let [new, changed, same] = counts;
    log::line(&format!("rules: {new} new, {changed} changed, {same} as they were, {unread} not loaded"));
    Ok(unread == 0)
}
