//! The parts of a URL, cut as RFC 3986 (appendix B) says and otherwise left alone: evidence is not to be normalised.

/// Parts of a text that may be a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UrlParts<'u> {
    pub(crate) scheme: Option<&'u str>,
    pub(crate) username: Option<&'u str>,
    pub(crate) domain: Option<&'u str>,
    pub(crate) port: Option<u16>,
    pub(crate) path: Option<&'u str>,
    pub(crate) query: Option<&'u str>,
    pub(crate) fragment: Option<&'u str>,
}

impl<'u> UrlParts<'u> {
    pub(crate) fn of(url: &'u str) -> Self {
        let mut parts = Self::default();
        let mut rest = url.trim();
        if let Some((before, fragment)) = rest.split_once('#') {
            (rest, parts.fragment) = (before, Some(fragment));
        }
        if let Some((before, query)) = rest.split_once('?') {
            (rest, parts.query) = (before, Some(query));
        }
        if let Some((scheme, behind)) = rest.split_once(':')
            && is_scheme(scheme)
            && behind.starts_with("//")
        {
            (parts.scheme, rest) = (Some(scheme), behind);
        }
        if let Some(behind) = rest.strip_prefix("//") {
            let end = behind.find('/').unwrap_or(behind.len());
            parts.authority(&behind[..end]);
            rest = &behind[end..];
        }
        parts.path = Some(rest);
        parts
    }

    fn authority(&mut self, authority: &'u str) {
        let mut host = authority;
        if let Some((user, behind)) = authority.rsplit_once('@') {
            self.username = Some(user.split_once(':').map_or(user, |(name, _)| name));
            host = behind;
        }
        // A colon within brackets is one of an address.
        if let Some((name, port)) = host.rsplit_once(':')
            && !port.ends_with(']')
        {
            self.port = port.parse().ok();
            host = name;
        }
        self.domain = Some(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host));
    }

    /// The end of the last name of the path.
    pub(crate) fn extension(&self) -> Option<&'u str> {
        let name = self.path?.rsplit('/').next()?;
        name.rsplit_once('.').map(|(_, extension)| extension)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_cut_and_nothing_else() {
        let parts = UrlParts::of("https://ann:pw@Files.example.org:8443/a%20b/setup.exe?x=1&y=2#top");
        assert_eq!(
            parts,
            UrlParts {
                scheme: Some("https"),
                username: Some("ann"),
                domain: Some("Files.example.org"),
                port: Some(8443),
                path: Some("/a%20b/setup.exe"),
                query: Some("x=1&y=2"),
                fragment: Some("top"),
            }
        );
        assert_eq!(parts.extension(), Some("exe"));
        assert_eq!(UrlParts::of("http://[2001:db8::1]:80/").domain, Some("2001:db8::1"));
        assert_eq!(UrlParts::of("http://[2001:db8::1]").port, None);
        let bare = UrlParts::of("files.example.org/x");
        assert_eq!((bare.scheme, bare.domain, bare.path), (None, None, Some("files.example.org/x")));
        assert_eq!(UrlParts::of("//host/x").domain, Some("host"));
        assert_eq!(UrlParts::of("C:\\x").scheme, None);
        assert_eq!(UrlParts::of("").path, Some(""));
    }
}
