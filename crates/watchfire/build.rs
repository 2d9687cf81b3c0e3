//! Puts the demo's records and our own rules into the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new("../..");
    let records = files(&root.join("demo"), |path| has_end(path, &["ndjson", "xml", "json", "evtx"]))?;
    let is_test = |path: &Path| path.file_stem().is_some_and(|stem| has_end(Path::new(stem), &["tests"]));
    let rules = files(&root.join("rules/windows"), |path| has_end(path, &["toml"]) && !is_test(path))?;
    let mut code = String::new();
    for (name, list) in [("RECORDS", records), ("RULES", rules)] {
        let _ = writeln!(code, "pub(super) const {name}: &[(&str, &[u8])] = &[");
        for path in list {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let path = fs::canonicalize(&path)?.to_string_lossy().into_owned();
            let _ = writeln!(code, "    ({file:?}, include_bytes!({path:?})),");
        }
        code.push_str("];\n");
    }
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("embedded.rs");
    fs::write(target, code)
}

fn has_end(path: &Path, ends: &[&str]) -> bool {
    path.extension().is_some_and(|own| ends.iter().any(|end| own == *end))
}

/// The files of a folder that are wanted, in the order of their names.
fn files(folder: &Path, wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
