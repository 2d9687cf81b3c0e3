//! Each folder of `tests/cases/decode` is a case: `input.toml` is a recipe, any other `input.*` is the input itself;
//! `outcome.snap` is what comes of it.
//!
//! Whatever a case is about, the way it is read makes no difference: a file, a stream in small pieces, and a gzip of
//! it give the same.

use std::path::{Path, PathBuf};

use watchfire_sources::decode::DecodeLimits;

use super::outcome::{of_file, of_stream};
use super::recipe::{Recipe, gzip};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/decode");
    let entries = std::fs::read_dir(root).expect("the folder of cases");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    folders
}

/// What the case is about, its limits, and its bytes.
fn case(folder: &Path) -> (String, DecodeLimits, Vec<u8>) {
    let recipe = folder.join("input.toml");
    if recipe.exists() {
        let recipe = Recipe::parse(&std::fs::read_to_string(recipe).expect("readable"));
        return (recipe.about.clone(), recipe.limits.applied(), recipe.bytes());
    }
    let mut entries = std::fs::read_dir(folder).expect("a case").map(|entry| entry.expect("an entry").path());
    let input = entries.find(|path| path.file_stem().is_some_and(|stem| stem == "input"));
    let input = input.unwrap_or_else(|| panic!("{} has no input", folder.display()));
    (String::new(), DecodeLimits::default(), std::fs::read(input).expect("readable"))
}

#[test]
fn cases_come_out_as_expected() {
    let folders = folders();
    assert!(folders.len() >= 35, "only {} cases were found", folders.len());
    for folder in folders {
        let (about, limits, bytes) = case(&folder);
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let outcome = of_file(&limits, "input", &bytes);
        insta::with_settings!({
            snapshot_path => &folder,
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => about,
        }, {
            insta::assert_snapshot!("outcome", outcome.text(), &name);
        });
        for piece in [1, 7, 1 << 20] {
            let streamed = of_stream(&limits, "input", &bytes, piece);
            assert_eq!(outcome.all(), streamed.all(), "{name} in pieces of {piece}");
        }
        // One layer more is something else where layers, or what they may cost, are what the case is about.
        if limits == DecodeLimits::default() && !bytes.is_empty() {
            let gzipped = of_file(&limits, "input", &gzip(&bytes));
            assert_eq!(outcome.all(), gzipped.all(), "{name} as gzip");
        }
    }
}
