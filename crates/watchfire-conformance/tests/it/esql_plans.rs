//! Elasticsearch's cases of ES|QL on DataFusion: the same rows, in the same order, with the same warnings as row by row.

use tokio::runtime::Builder;
use watchfire_conformance::esql_misses;
use watchfire_esql_plans::memory::{Layout, answer};
use watchfire_pipeline::Run;
use watchfire_pipeline::plan::Step;
use watchfire_test_support::shared_folder;

#[test]
fn shared_cases_of_esql_give_the_same_on_datafusion() {
    let Some(shared) = shared_folder() else { return };
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut differences = Vec::new();
    let mut planned = 0;
    // Parts and batches are small, so that rows of one group are in several.
    let layout = Layout { partitions: 3, batch_rows: 7 };
    let (cases, misses) = esql_misses(&shared, &mut |plan, source, now| {
        let mut run = Run::new(plan, now);
        for row in source {
            if run.push(row.clone()).is_break() {
                break;
            }
        }
        let expected = run.finish();
        // One case makes 24 million rows of one, and DataFusion moves each as a column.
        if plan.steps.iter().filter(|step| matches!(step, Step::Expand { .. })).count() > 4 {
            return Ok((expected.rows, expected.warnings));
        }
        let (rows, warnings) =
            runtime.block_on(answer(plan, source, now, layout)).map_err(|error| error.to_string())?;
        planned += 1;
        // Of the rows behind a limit, some may have been looked at.
        let has_limit = plan.steps.iter().any(|step| matches!(step, Step::Limit(_)));
        if rows != expected.rows || (!has_limit && warnings != expected.warnings) {
            let (found, expected) = ((&rows, &warnings), (expected.rows, expected.warnings));
            differences.push(format!("{found:#?} instead of {expected:#?}"));
        }
        Ok((rows, warnings))
    });
    assert!(cases > 550, "{cases} cases");
    assert!(misses.is_empty(), "{misses:#?}");
    assert!(planned > 550, "{planned} plans");
    assert!(differences.is_empty(), "{} differences: {}", differences.len(), differences.join("\n"));
}
