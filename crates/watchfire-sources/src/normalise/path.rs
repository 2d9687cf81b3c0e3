//! Parts of Windows paths, as the reference mappings cut them (sources §0.5).

/// What follows the last backslash; nothing if there is none or nothing follows.
pub(crate) fn name(path: &str) -> Option<&str> {
    path.rsplit_once('\\').map(|(_, name)| name).filter(|name| !name.is_empty())
}

/// What stands before the last backslash; nothing if there is none.
pub(crate) fn directory(path: &str) -> Option<&str> {
    path.rsplit_once('\\').map(|(directory, _)| directory).filter(|directory| !directory.is_empty())
}

/// What follows the last dot of the whole path. A folder's dot counts when the name has none: the reference does so.
pub(crate) fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| !extension.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_the_last_backslash_and_dot() {
        let path = r"C:\Tools\viewer.old\run.exe";
        assert_eq!(name(path), Some("run.exe"));
        assert_eq!(directory(path), Some(r"C:\Tools\viewer.old"));
        assert_eq!(extension(path), Some("exe"));
        assert_eq!(extension(r"C:\Tools\viewer.old\run"), Some(r"old\run"));
        assert_eq!(name("System"), None);
        assert_eq!(directory("System"), None);
        assert_eq!(name(r"C:\Tools\"), None);
    }
}
