//! Which files are to be read, in what order and under which names.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::FileType;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limits::DecodeLimits;
use super::report::FileReport;
use super::session::printable;

/// A file that was found.
struct Found {
    path: PathBuf,
    /// Its path below the folder that was given, or its own name.
    name: String,
    /// The folder that was given, if it is below one.
    root: Option<PathBuf>,
    /// Whether it was reached over a link.
    linked: bool,
}

struct Listing {
    found: Vec<Found>,
    reports: Vec<FileReport>,
    /// Folders that were listed, by their true path.
    folders: BTreeMap<PathBuf, Arc<str>>,
    /// Links to folders, which come last: a folder is listed under its own name if it is there at all.
    links: Vec<(PathBuf, PathBuf, usize)>,
    depth_limit: usize,
}

/// The files at and below some paths, in the order of their paths, each with a name that is the same wherever the
/// folder lies; what cannot be listed, and what would be read twice, is a report.
pub fn list_files(paths: &[PathBuf]) -> (Vec<(PathBuf, Arc<str>)>, Vec<FileReport>) {
    let mut listing = Listing {
        found: Vec::new(),
        reports: Vec::new(),
        folders: BTreeMap::new(),
        links: Vec::new(),
        depth_limit: DecodeLimits::default().folder_depth,
    };
    let mut paths: Vec<&PathBuf> = paths.iter().collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            let before = (listing.found.len(), listing.reports.len(), listing.links.len());
            listing.folder(path, path, 0);
            if before == (listing.found.len(), listing.reports.len(), listing.links.len()) {
                let name = shown(path);
                listing.reports.push(FileReport::problem(&name, "folder", "holds no file"));
            }
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            let linked = path.is_symlink();
            let (path, name) = (path.clone(), name.to_string_lossy().into_owned());
            listing.found.push(Found { path, name, root: None, linked });
        }
    }
    listing.follow_links();
    listing.finish()
}

impl Listing {
    fn folder(&mut self, root: &Path, folder: &Path, depth: usize) {
        let name = shown(folder);
        let report = |problem: String| FileReport::problem(&name, "folder", problem);
        if depth > self.depth_limit {
            let limit = self.depth_limit;
            self.reports.push(report(format!("nested deeper than {limit} folders")));
            return;
        }
        let true_path = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        if let Some(known) = self.folders.get(&true_path) {
            self.reports.push(report(format!("the same folder as `{known}`, which is read once")));
            return;
        }
        self.folders.insert(true_path, Arc::clone(&name));
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.reports.push(report(format!("cannot be read: {error}")));
                return;
            }
        };
        let mut below = Vec::new();
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => below.push(entry),
                Err(error) => self.reports.push(report(format!("cannot be listed to its end: {error}"))),
            }
        }
        below.sort_by(|one, other| one.0.cmp(&other.0));
        for (path, kind) in below {
            if kind.is_dir() {
                self.folder(root, &path, depth + 1);
            } else if kind.is_symlink() && path.is_dir() {
                self.links.push((root.to_path_buf(), path, depth + 1));
            } else {
                let name = relative_name(root, &path);
                let linked = kind.is_symlink();
                self.found.push(Found { path, name, root: Some(root.to_path_buf()), linked });
            }
        }
    }

    /// Lists the folders that links lead to, and those that links inside of them lead to, each once.
    fn follow_links(&mut self) {
        while !self.links.is_empty() {
            let mut links = std::mem::take(&mut self.links);
            links.sort();
            for (root, path, depth) in links {
                self.folder(&root, &path, depth);
            }
        }
    }

    /// Leaves out what would be read twice, and tells apart what has the same name.
    fn finish(mut self) -> (Vec<(PathBuf, Arc<str>)>, Vec<FileReport>) {
        self.found.sort_by(|one, other| {
            (one.linked, &one.path, &one.name).cmp(&(other.linked, &other.path, &other.name))
        });
        let mut known: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut files = Vec::new();
        for file in self.found {
            let true_path = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
            if let Some(first) = known.get(&true_path) {
                let problem = format!("the same file as `{first}`, which is read once");
                self.reports.push(FileReport::problem(&shown(&file.path), "unknown", problem));
                continue;
            }
            known.insert(true_path, file.path.display().to_string());
            files.push(file);
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        for file in &files {
            *by_name.entry(file.name.clone()).or_default() += 1;
        }
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let named = files.into_iter().map(|file| {
            // Two folders that were given may have files of the same name: then their own names tell them apart.
            let root = file.root.as_deref().and_then(Path::file_name).map(OsStr::to_string_lossy);
            let mut name = match root {
                Some(root) if by_name[&file.name] > 1 => format!("{root}/{}", file.name),
                _ => file.name,
            };
            let before = taken.entry(name.clone()).or_default();
            *before += 1;
            if *before > 1 {
                name = format!("{name} ({before})");
            }
            (file.path, printable(&name).into())
        });
        (named.collect(), self.reports)
    }
}

/// A path as it was given.
fn shown(path: &Path) -> Arc<str> {
    printable(&path.display().to_string()).into()
}

fn relative_name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// What a path is that is no file; reading it could wait for ever.
pub(super) fn irregular(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe, which is only read as standard input";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device, which is not read";
        }
        if kind.is_socket() {
            return "a socket, which is not read";
        }
    }
    if kind.is_dir() { "a folder, which is not read as a file" } else { "no regular file" }
}
