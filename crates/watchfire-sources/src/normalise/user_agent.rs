//! Which program and which system a user agent names: those that rules ask for and those that are met most. Others have
//! no name here; a whole database of user agents is not worth its weight to a detection engine.

/// Programs by what their user agents say of them, before a slash and a version; the first that is there.
const PROGRAMS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("Edge", "Edge"),
    ("EdgA", "Edge Mobile"),
    ("EdgiOS", "Edge Mobile"),
    ("OPR", "Opera"),
    ("Opera", "Opera"),
    ("Brave", "Brave"),
    ("Vivaldi", "Vivaldi"),
    ("Electron", "Electron"),
    ("HeadlessChrome", "HeadlessChrome"),
    ("FxiOS", "Firefox iOS"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome Mobile iOS"),
    ("Chrome", "Chrome"),
    ("MSIE", "IE"),
    ("Version", "Safari"),
    ("aws-cli", "aws-cli"),
    ("Boto3", "Boto3"),
    ("curl", "curl"),
    ("Wget", "Wget"),
    ("python-requests", "Python Requests"),
    ("Go-http-client", "Go-http-client"),
    ("okhttp", "okhttp"),
    ("axios", "axios"),
    ("Microsoft-CryptoAPI", "Microsoft-CryptoAPI"),
];

/// What Windows calls itself, by the version of its kernel.
const WINDOWS: &[(&str, &str)] =
    &[("10.0", "10"), ("6.3", "8.1"), ("6.2", "8"), ("6.1", "7"), ("6.0", "Vista"), ("5.1", "XP")];

/// A program and a system, with their versions.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct UserAgent<'a> {
    pub(crate) name: Option<&'static str>,
    pub(crate) version: Option<&'a str>,
    pub(crate) system: Option<&'static str>,
    pub(crate) system_version: Option<String>,
}

impl<'a> UserAgent<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut agent = Self::default();
        for (token, name) in PROGRAMS {
            let Some(version) = behind_word(text, token).and_then(|rest| rest.strip_prefix(['/', ' ']))
            else {
                continue;
            };
            if *token == "Version" && !text.contains("Safari") {
                continue;
            }
            agent.name = Some(match *name {
                "Chrome" if text.contains("Mobile") => "Chrome Mobile",
                "Safari" if text.contains("Mobile") => "Mobile Safari",
                name => name,
            });
            agent.version = Some(leading_version(version, &['.'])).filter(|version| !version.is_empty());
            break;
        }
        agent.read_system(text);
        agent
    }

    fn read_system(&mut self, text: &str) {
        let behind = |word: &str| text.split_once(word).map(|(_, rest)| rest);
        let dotted = |rest: &str| {
            let version = leading_version(rest.trim_start_matches(['/', ' ']), &['.', '_']);
            (!version.is_empty()).then(|| version.replace('_', "."))
        };
        (self.system, self.system_version) = if let Some(rest) = behind("Windows") {
            let kernel = rest.strip_prefix(" NT ").map(|rest| leading_version(rest, &['.']));
            let name = WINDOWS.iter().find(|(version, _)| Some(*version) == kernel);
            (Some("Windows"), name.map(|(_, name)| (*name).to_owned()))
        } else if let Some(rest) = behind("iPhone OS").or_else(|| behind("CPU OS")).or_else(|| behind("iOS/"))
        {
            (Some("iOS"), dotted(rest))
        } else if let Some(rest) = behind("Android") {
            (Some("Android"), dotted(rest))
        } else if let Some(rest) = behind("Mac OS X") {
            (Some("Mac OS X"), dotted(rest))
        } else if text.contains("CrOS") {
            (Some("Chrome OS"), None)
        } else if let Some(rest) = behind("Linux").or_else(|| behind("linux/")) {
            (Some("Linux"), dotted(rest).filter(|version| version.contains('.')))
        } else {
            (None, None)
        };
    }
}

/// What stands behind a word that nothing is joined to.
fn behind_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(at) = text[from..].find(word).map(|at| at + from) {
        let is_joined = text[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '-');
        let rest = &text[at + word.len()..];
        if !is_joined && !rest.starts_with(|after: char| after.is_ascii_alphanumeric() || after == '-') {
            return Some(rest);
        }
        from = at + word.len();
    }
    None
}

/// The digits, with separators between them, that a text begins with.
fn leading_version<'a>(text: &'a str, separators: &[char]) -> &'a str {
    let end = text
        .find(|character: char| !character.is_ascii_digit() && !separators.contains(&character))
        .unwrap_or(text.len());
    text[..end].trim_end_matches(separators)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_systems_are_known() {
        for (text, name, version, system, system_version) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.3485.54",
                Some("Edge"),
                Some("140.0.3485.54"),
                Some("Windows"),
                Some("10"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
                Some("Safari"),
                Some("19.0"),
                Some("Mac OS X"),
                Some("10.15.7"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
                Some("Firefox"),
                Some("150.0"),
                Some("Linux"),
                None,
            ),
            (
                "Mozilla/5.0 (Linux; Android 16; Pixel) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
                Some("Chrome Mobile"),
                Some("140.0.0.0"),
                Some("Android"),
                Some("16"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1",
                Some("Mobile Safari"),
                Some("18.1"),
                Some("iOS"),
                Some("18.1"),
            ),
            (
                "aws-cli/1.40.2 Python/3.12.1 Linux/6.8.0-45-generic botocore/1.38.3",
                Some("aws-cli"),
                Some("1.40.2"),
                Some("Linux"),
                Some("6.8.0"),
            ),
            ("kubectl/v1.36.0 (linux/amd64) kubernetes/abc", None, None, Some("Linux"), None),
            ("curl/8.9.1", Some("curl"), Some("8.9.1"), None, None),
            ("my-curl/1", None, None, None, None),
            ("Chrome/", Some("Chrome"), None, None, None),
            ("", None, None, None, None),
        ] {
            let expected =
                UserAgent { name, version, system, system_version: system_version.map(str::to_owned) };
            assert_eq!(UserAgent::of(text), expected, "{text}");
        }
    }
}
