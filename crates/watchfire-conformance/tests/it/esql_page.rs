//! `docs/esql.md` names what is supported, with how many of Elasticsearch's cases show it. `WATCHFIRE_UPDATE=1` writes the figures.

use std::path::Path;

use watchfire_conformance::{esql_figures, figures_of_esql_page};
use watchfire_test_support::{read_text, shared_folder};

#[test]
fn shared_figures_of_the_page_of_esql_are_current() {
    let Some(shared) = shared_folder() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/esql.md");
    let page = read_text(&path);
    let (before, figures, behind) = figures_of_esql_page(&page).expect("the page has figures");
    let current = esql_figures(&shared);
    if std::env::var_os("WATCHFIRE_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{before}{current}{behind}")).expect("the page can be written");
        return;
    }
    assert!(
        figures == current,
        "the figures of docs/esql.md are stale: run the tests with WATCHFIRE_UPDATE=1"
    );
}
