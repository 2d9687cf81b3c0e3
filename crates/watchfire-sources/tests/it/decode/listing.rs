//! Lists of files: their order, their names, and what is said of what is not read.

use std::path::{Path, PathBuf};

use watchfire_sources::decode::{DecodeLimits, list_files};

use super::outcome::of_path;

/// A folder with these files, each holding its own name.
fn folder_of(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        std::fs::write(path, file).expect("writable");
    }
    folder
}

/// The names, and the problems without the path of the temporary folder.
fn listed(paths: &[PathBuf], root: &Path) -> (Vec<String>, Vec<String>) {
    let (files, reports) = list_files(paths);
    let root = root.display().to_string();
    let problems = reports.iter().map(|report| {
        let problem = report.problem.as_deref().unwrap_or("read");
        format!("{} ({}): {problem}", report.name, report.format).replace(&root, "ROOT")
    });
    (files.into_iter().map(|(_, name)| name.to_string()).collect(), problems.collect())
}

#[test]
fn files_come_in_order_under_names_below_their_folder() {
    let folder = folder_of(&["b.json", "a/z.json", "a/b/c.json", "a.json"]);
    let (names, problems) = listed(&[folder.path().to_path_buf()], folder.path());
    assert_eq!(names, ["a/b/c.json", "a/z.json", "a.json", "b.json"]);
    assert_eq!(problems, [""; 0]);
}

#[test]
fn the_order_of_paths_makes_no_difference() {
    let folder = folder_of(&["one/a.json", "two/b.json"]);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let forward = list_files(&[one.clone(), two.clone()]);
    assert_eq!(forward, list_files(&[two, one]));
    assert_eq!(forward.0.len(), 2);
}

#[test]
fn a_file_is_read_once_however_often_it_is_named() {
    let folder = folder_of(&["a/x.json"]);
    let root = folder.path();
    let paths = [root.join("a"), root.join("a/x.json"), root.join("a/../a/x.json"), root.join("a")];
    let (names, problems) = listed(&paths, root);
    assert_eq!(names.len(), 1);
    insta::assert_snapshot!(problems.join("\n"));
}

#[test]
fn files_of_one_name_in_two_folders_are_told_apart() {
    let folder = folder_of(&["one/logs/a.json", "two/logs/a.json", "three/b.json"]);
    let root = folder.path();
    let paths = [root.join("one"), root.join("two"), root.join("three")];
    let (names, _) = listed(&paths, root);
    assert_eq!(names, ["one/logs/a.json", "b.json", "two/logs/a.json"]);
    let same = [root.join("one/logs/a.json"), root.join("two/logs/a.json")];
    assert_eq!(listed(&same, root).0, ["a.json", "a.json (2)"]);
}

#[test]
fn an_empty_folder_and_a_missing_file_are_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (names, problems) = listed(&[folder.path().to_path_buf()], folder.path());
    assert_eq!((names.len(), problems), (0, vec!["ROOT (folder): holds no file".to_owned()]));
    // What is not there is found out when it is read, like what cannot be opened.
    let missing = folder.path().join("missing.json");
    let (files, reports) = list_files(std::slice::from_ref(&missing));
    assert_eq!((files.len(), reports.len()), (1, 0));
    let mut sink = super::outcome::Outcome::default();
    let reports = watchfire_sources::decode::read_file(&missing, &files[0].1, &mut sink);
    let problem = reports[0].problem.as_deref().expect("a problem");
    assert!(problem.contains("No such file") || problem.contains("cannot find"), "{problem}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_loops_end() {
    use std::os::unix::fs::symlink;

    let folder = folder_of(&["a/x.json", "a/y.json", "other/z.json"]);
    let root = folder.path().join("a");
    symlink(&root, root.join("loop")).expect("a link");
    symlink(root.join("x.json"), root.join("again.json")).expect("a link");
    symlink(root.join("nowhere"), root.join("dangling.json")).expect("a link");
    symlink(folder.path().join("other"), root.join("elsewhere")).expect("a link");
    symlink(folder.path().join("other"), root.join("twice")).expect("a link");
    let (names, problems) = listed(std::slice::from_ref(&root), folder.path());
    assert_eq!(names, ["dangling.json", "elsewhere/z.json", "x.json", "y.json"]);
    insta::assert_snapshot!(problems.join("\n"));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let folder = folder_of(&["a.json"]);
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).expect("a socket");
    let outcome = |path: &Path| of_path(&DecodeLimits::default(), "input", path).text();
    let all = [outcome(&pipe), outcome(&folder.path().join("socket")), outcome(Path::new("/dev/zero"))];
    insta::assert_snapshot!(all.concat());
    let (files, _) = list_files(&[folder.path().to_path_buf()]);
    assert_eq!(files.len(), 3, "they are listed, and refused when read");
}

#[cfg(unix)]
#[test]
fn a_file_that_must_not_be_read_is_reported() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder_of(&["secret/a.json"]);
    let file = folder.path().join("secret/a.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).expect("writable");
    let outcome = of_path(&DecodeLimits::default(), "input", &file);
    let problem = outcome.reports[0].problem.as_deref().unwrap_or_default().to_owned();
    // Who may read everything reads this too; then it is found to be no log.
    assert!(problem.contains("ermission denied") || problem.starts_with("text, but"), "{problem}");
}

#[test]
fn control_characters_of_names_reach_no_terminal() {
    let folder = folder_of(&[]);
    let name = "a\u{1b}[2Jb.json";
    if std::fs::write(folder.path().join(name), "{}").is_err() {
        // Not every file system takes such a name.
        return;
    }
    assert_eq!(listed(&[folder.path().to_path_buf()], folder.path()).0, ["a\u{fffd}[2Jb.json"]);
}

#[test]
fn folders_nested_too_deeply_are_reported() {
    let limit = DecodeLimits::default().folder_depth;
    let file = |depth: usize| "d/".repeat(depth) + "a.json";
    let folder = folder_of(&[&file(limit), &file(limit + 1)]);
    let (names, problems) = listed(&[folder.path().to_path_buf()], folder.path());
    assert_eq!(names, [file(limit)]);
    let deepest = format!("ROOT{} (folder): nested deeper than {limit} folders", "/d".repeat(limit + 1));
    assert_eq!(problems, [deepest]);
}
