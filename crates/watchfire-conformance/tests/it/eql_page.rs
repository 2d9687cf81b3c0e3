//! `docs/eql.md` is what the program and the report say. `WATCHFIRE_UPDATE=1` writes it; where there is no shared data,
//! its figures stay.

use std::path::{Path, PathBuf};

use watchfire_conformance::{eql_figures, eql_page, figures_of_page};
use watchfire_test_support::{find_shared_folder, read_text, shared_folder};

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/eql.md")
}

fn updates() -> bool {
    std::env::var_os("WATCHFIRE_UPDATE").is_some_and(|value| value == "1")
}

fn figures(shared: &Path) -> String {
    eql_figures(shared).unwrap_or_else(|failures| panic!("not as expected:\n{}", failures.join("\n")))
}

#[test]
fn the_page_of_eql_is_current() {
    if updates() {
        let before = std::fs::read_to_string(path()).unwrap_or_default();
        let kept = || figures_of_page(&before).unwrap_or_default().to_owned();
        let content = eql_page(&find_shared_folder().map_or_else(kept, |shared| figures(&shared)));
        std::fs::write(path(), content).expect("the page can be written");
    }
    let page = read_text(&path());
    let figures = figures_of_page(&page).expect("the page has figures");
    assert!(page == eql_page(figures), "docs/eql.md is stale: run the tests with WATCHFIRE_UPDATE=1");
}

#[test]
fn shared_figures_of_the_page_of_eql_are_current() {
    let Some(shared) = shared_folder() else { return };
    if updates() {
        // The page is being written, figures included, by the test above.
        return;
    }
    let page = read_text(&path());
    let hint = "the figures of docs/eql.md are stale: run the tests with WATCHFIRE_UPDATE=1";
    assert!(figures_of_page(&page) == Some(&*figures(&shared)), "{hint}");
}
