//! The sessions in which plans run.

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A session for plans.
///
/// What cannot be computed is counted: so nothing may change which rows an expression is asked of. There are no rules that rewrite
/// plans or move conditions: what is read has been settled before, and a plan carries no column further than it is needed.
///
/// Rows of all threads are sorted together: several sorts at once, and what merges them, take memory from each other until one
/// fails that would have had enough.
pub fn session(mut config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
    config.options_mut().optimizer.repartition_sorts = false;
    let physical = PhysicalOptimizer::new().rules;
    let moves =
        |name: &str| ["FilterPushdown", "ProjectionPushdown"].iter().any(|rule| name.starts_with(rule));
    let physical = physical.into_iter().filter(|rule| !moves(rule.name()));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(Vec::new())
        .with_physical_optimizer_rules(physical.collect());
    SessionContext::new_with_state(state.build())
}
