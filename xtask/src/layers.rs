//! The layers of the workspace (ARCHITECTURE.md): every dependency points to a lower layer.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// From bottom to top. A crate may depend on crates of lower layers, and on none of its own.
const LAYERS: [(&str, &[&str]); 17] = [
    ("vocabulary", &["watchfire-diagnostics", "watchfire-events"]),
    ("languages", &["watchfire-eql", "watchfire-esql", "watchfire-kql"]),
    ("meaning", &["watchfire-ir"]),
    ("rules", &["watchfire-rules"]),
    ("inputs", &["watchfire-sources"]),
    ("engine", &["watchfire-engine"]),
    ("tables", &["watchfire-pipeline"]),
    ("programs", &["watchfire-esql-events"]),
    ("plans", &["watchfire-esql-plans"]),
    ("storage", &["watchfire-lake"]),
    ("operations", &["watchfire-detect", "watchfire-search"]),
    ("triage", &["watchfire-triage"]),
    ("schedules", &["watchfire-state"]),
    ("notifications", &["watchfire-actions"]),
    ("doors", &["watchfire-server"]),
    ("interfaces", &["watchfire-kibana"]),
    ("edges", &["watchfire"]),
];

/// Edges that are not wanted although they point down, each with the reason. An edge that only a feature brings is another
/// matter.
const FORBIDDEN: [(&str, &str, &str); 27] = [
    ("watchfire-eql", "watchfire-events", "a parser knows no data"),
    ("watchfire-esql", "watchfire-events", "a parser knows no data"),
    ("watchfire-kql", "watchfire-events", "a parser knows no data"),
    ("watchfire-pipeline", "watchfire-kql", "what `KQL` asks of a document is answered by whoever has it"),
    ("watchfire-sources", "watchfire-rules", "a source does not know who reads it"),
    ("watchfire-engine", "watchfire-rules", "the engine knows conditions, not rule files"),
    ("watchfire-engine", "watchfire-sources", "the engine knows events, not where they are from"),
    ("watchfire-lake", "watchfire-rules", "the lake keeps events, whatever asks for them"),
    ("watchfire-lake", "watchfire-sources", "the lake keeps normalised events"),
    ("watchfire-detect", "watchfire-sources", "detection starts at the normalised event"),
    ("watchfire-search", "watchfire-lake", "a search reads whatever keeps events"),
    ("watchfire-search", "watchfire-rules", "a search knows no rules"),
    ("watchfire-server", "watchfire-search", "the server speaks JSON with whatever answers searches"),
    ("watchfire-state", "watchfire-sources", "executions start at the stored event"),
    ("watchfire-server", "watchfire-lake", "the server writes to whatever keeps events"),
    ("watchfire-server", "watchfire-rules", "what a server does with rules is put together in the command"),
    ("watchfire-kibana", "watchfire-lake", "rules and alerts do not know how events are stored"),
    ("watchfire-kibana", "watchfire-sources", "rules and alerts do not know where events are from"),
    ("watchfire-triage", "watchfire-sources", "questions are asked of events, wherever they are from"),
    ("watchfire-triage", "watchfire-lake", "questions are asked of events, however they are stored"),
    ("watchfire-actions", "watchfire-sources", "messages tell of alerts, whatever they were made of"),
    ("watchfire-actions", "watchfire-lake", "messages do not know how events are stored"),
    ("watchfire", "watchfire-actions", "the command alone sends nothing: that is a feature"),
    ("watchfire", "watchfire-kibana", "the command alone builds no server: that is a feature"),
    ("watchfire", "watchfire-lake", "the command alone builds no tables: that is a feature"),
    ("watchfire", "watchfire-state", "the command alone builds no database: that is a feature"),
    ("watchfire", "watchfire-server", "the command alone builds no server: that is a feature"),
];

/// Tools: they stand beside the layers, and nothing in a layer depends on them, but tests on [`FOR_TESTS`].
const TOOLS: [&str; 4] = ["xtask", "watchfire-bench", "watchfire-conformance", FOR_TESTS];

/// The tool that tests of any crate may use.
const FOR_TESTS: &str = "watchfire-test-support";

/// Fails on the first edge that does not point down.
pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cannot read the workspace")?;
    let problems = problems(&metadata);
    if !problems.is_empty() {
        bail!("the layers are broken:\n  {}", problems.join("\n  "));
    }
    Ok(())
}

fn problems(metadata: &Metadata) -> Vec<String> {
    let layer: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(level, (_, crates))| crates.iter().map(move |name| (*name, level)))
        .collect();
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        if TOOLS.contains(&name) {
            continue;
        }
        let Some(&level) = layer.get(name) else {
            problems.push(format!(
                "`{name}` stands in no layer: add it to xtask/src/layers.rs and ARCHITECTURE.md"
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            let is_for_tests = target == FOR_TESTS && dependency.kind == DependencyKind::Development;
            if TOOLS.contains(&target) && !is_for_tests {
                problems.push(format!("`{name}` depends on the tool `{target}`"));
            }
            let Some(&below) = layer.get(target) else { continue };
            if below >= level {
                let (from, to) = (LAYERS[level].0, LAYERS[below].0);
                problems.push(format!("`{name}` ({from}) depends on `{target}` ({to})"));
            }
            // Tests may look further than the code they test.
            if dependency.kind != DependencyKind::Development
                && !dependency.optional
                && let Some((.., why)) = FORBIDDEN.iter().find(|(from, to, _)| *from == name && *to == target)
            {
                problems.push(format!("`{name}` depends on `{target}`: {why}"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_down() {
        let metadata = MetadataCommand::new().no_deps().exec().expect("the workspace can be read");
        assert_eq!(problems(&metadata), Vec::<String>::new());
    }

    #[test]
    fn a_tool_is_for_tests_only() {
        let mut metadata = MetadataCommand::new().no_deps().exec().expect("the workspace can be read");
        let ir = metadata.packages.iter_mut().find(|package| package.name.as_str() == "watchfire-ir");
        let dependencies = &mut ir.expect("a member").dependencies;
        let for_tests = dependencies.iter().find(|dependency| dependency.name == FOR_TESTS);
        let mut edge = for_tests.expect("its tests use it").clone();
        edge.kind = DependencyKind::Normal;
        dependencies.push(edge);
        assert_eq!(problems(&metadata), ["`watchfire-ir` depends on the tool `watchfire-test-support`"]);
    }

    #[test]
    fn an_edge_that_points_up_is_found() {
        let mut metadata = MetadataCommand::new().no_deps().exec().expect("the workspace can be read");
        let engine = metadata.packages.iter().find(|package| package.name.as_str() == "watchfire-detect");
        let upward = engine
            .expect("a member")
            .dependencies
            .iter()
            .find(|dependency| dependency.name == "watchfire-rules");
        let upward = upward.expect("a dependency of it").clone();
        let events = metadata.packages.iter_mut().find(|package| package.name.as_str() == "watchfire-events");
        events.expect("a member").dependencies.push(upward);
        assert_eq!(
            problems(&metadata),
            ["`watchfire-events` (vocabulary) depends on `watchfire-rules` (rules)"]
        );
    }
}
