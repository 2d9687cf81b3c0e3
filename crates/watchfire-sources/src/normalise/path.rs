//! Parts of paths, as the reference mappings cut them (sources §0.5).

/// What parts a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separator {
    /// `\\`.
    Windows,
    /// `/`.
    Posix,
    /// The last `\\`, else the last `/`.
    Any,
}

impl Separator {
    /// A separator by the name that it has in the tables of sources.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "windows" => Some(Self::Windows),
            "posix" => Some(Self::Posix),
            "any" => Some(Self::Any),
            _ => None,
        }
    }

    fn split(self, path: &str) -> Option<(&str, &str)> {
        match self {
            Self::Windows => path.rsplit_once('\\'),
            Self::Posix => path.rsplit_once('/'),
            Self::Any => path.rsplit_once('\\').or_else(|| path.rsplit_once('/')),
        }
    }
}

/// What follows the last separator; nothing if there is none or nothing follows.
pub(crate) fn name_of(path: &str, separator: Separator) -> Option<&str> {
    separator.split(path).map(|(_, name)| name).filter(|name| !name.is_empty())
}

/// What stands before the last separator; nothing if there is none.
pub(crate) fn directory_of(path: &str, separator: Separator) -> Option<&str> {
    separator.split(path).map(|(directory, _)| directory).filter(|directory| !directory.is_empty())
}

/// The letter of a drive that a path begins with.
pub(crate) fn drive_letter(path: &str) -> Option<&str> {
    let letter = path.get(..1)?;
    (path.get(1..2) == Some(":") && letter.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(letter)
}

/// What follows the last backslash; nothing if there is none or nothing follows.
pub(crate) fn name(path: &str) -> Option<&str> {
    name_of(path, Separator::Windows)
}

/// What stands before the last backslash; nothing if there is none.
pub(crate) fn directory(path: &str) -> Option<&str> {
    directory_of(path, Separator::Windows)
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
