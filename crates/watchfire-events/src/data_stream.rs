//! Data streams and the index patterns by which rules name them.

use std::fmt;
use std::sync::Arc;

/// The name of the data stream or index an event belongs to, such as `logs-endpoint.events.process-default`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataStream(Arc<str>);

impl DataStream {
    /// A data stream by its whole name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The stream `logs-<dataset>-<namespace>`.
    pub fn logs(dataset: &str, namespace: &str) -> Self {
        Self(format!("logs-{dataset}-{namespace}").into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The dataset of a name of the form `type-dataset-namespace`.
    pub fn dataset(&self) -> Option<&str> {
        Self::dataset_of(&self.0)
    }

    /// The dataset of a name of that form.
    pub fn dataset_of(name: &str) -> Option<&str> {
        let mut parts = name.splitn(3, '-');
        let (_, dataset, namespace) = (parts.next()?, parts.next()?, parts.next()?);
        (!dataset.is_empty() && !namespace.is_empty()).then_some(dataset)
    }
}

impl fmt::Display for DataStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DataStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One element of a rule's `index` list: a name in which `*` stands for any run of characters. A leading `-` excludes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexPattern {
    text: Arc<str>,
}

impl IndexPattern {
    /// A pattern from its text.
    pub fn new(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it takes streams out instead of in.
    pub fn excludes(&self) -> bool {
        self.text.starts_with('-')
    }

    /// Whether the name fits. A cross-cluster prefix (`cluster:`) is ignored, and so is the naming of backing indices:
    /// `.ds-logs-x-default-2026.01.05-000001` fits as `logs-x-default` does.
    pub fn fits(&self, stream: &DataStream) -> bool {
        let pattern = self.text.strip_prefix('-').unwrap_or(&self.text);
        let pattern = pattern.rsplit_once(':').map_or(pattern, |(_, local)| local);
        fits(pattern.as_bytes(), stream.as_str().as_bytes())
            || backing_stream(stream.as_str()).is_some_and(|name| fits(pattern.as_bytes(), name.as_bytes()))
    }
}

/// The stream name inside the name of a backing index.
fn backing_stream(index: &str) -> Option<&str> {
    let name = index.strip_prefix(".ds-")?;
    let (name, _generation) = name.rsplit_once('-')?;
    let (name, _date) = name.rsplit_once('-')?;
    Some(name)
}

/// Glob match with `*` only, in linear time and constant space.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = retry {
            p = star + 1;
            t = from + 1;
            retry = Some((star, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// A rule's `index` list. An empty list stands for no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexPatterns(Vec<IndexPattern>);

impl IndexPatterns {
    /// From the texts of a rule; a text may hold several patterns separated by commas.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = texts.into_iter().flat_map(|text| text.split(','));
        Self(parts.map(str::trim).filter(|text| !text.is_empty()).map(IndexPattern::new).collect())
    }

    /// Whether there is no restriction.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns.
    pub fn iter(&self) -> impl Iterator<Item = &IndexPattern> {
        self.0.iter()
    }

    /// Whether a rule with this list reads `stream`: the last pattern that fits decides, as in Elasticsearch's own
    /// resolution of `a*,-ab*`.
    pub fn select(&self, stream: &DataStream) -> bool {
        self.0.is_empty()
            || self.0.iter().rfind(|pattern| pattern.fits(stream)).is_some_and(|p| !p.excludes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_streams() {
        let patterns = IndexPatterns::new(["logs-endpoint.events.*,winlogbeat-*", "-*-secret"]);
        let select = |name: &str| patterns.select(&DataStream::new(name));
        assert!(select("logs-endpoint.events.process-default"));
        assert!(select("winlogbeat-8.0"));
        assert!(select(".ds-logs-endpoint.events.file-default-2026.01.05-000001"));
        assert!(!select("logs-endpoint.events.file-secret"));
        assert!(!select("logs-system.security-default"));
        assert!(IndexPatterns::new(["remote:logs-*"]).select(&DataStream::new("logs-x-y")));
        assert!(IndexPatterns::new(["apm-*-transaction*"]).select(&DataStream::new("apm-7-transaction-1")));
        assert!(!IndexPatterns::new(["logs-a"]).select(&DataStream::new("logs-ab")));
    }

    #[test]
    fn names_the_dataset() {
        assert_eq!(DataStream::logs("system.security", "default").dataset(), Some("system.security"));
        assert_eq!(DataStream::new("winlogbeat-8").dataset(), None);
    }
}
