//! Counts as Prometheus reads them.

use std::fmt::Write;

/// The text of metrics (the exposition format 0.0.4 of Prometheus).
#[derive(Debug, Default)]
pub struct MetricsText(String);

/// Writes metrics beside those of requests.
pub trait Metrics: Send + Sync {
    /// Adds what there is to tell at this moment. It must not block for long.
    fn write(&self, text: &mut MetricsText);
}

impl MetricsText {
    /// Adds what only grows. Each sample has its labels, as [`metric_label`] makes them, joined by commas; none if that is empty.
    pub fn counter(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (String, u64)>) {
        self.metric(name, help, "counter", samples);
    }

    /// Adds what goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (String, u64)>) {
        self.metric(name, help, "gauge", samples);
    }

    fn metric(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        samples: impl IntoIterator<Item = (String, u64)>,
    ) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// A label of a sample.
pub fn metric_label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_their_labels_and_quotes_are_escaped() {
        let mut text = MetricsText::default();
        text.counter("a_total", "Some.", [(metric_label("of", "x\"\\\n"), 3)]);
        text.gauge("b", "Others.", [(String::new(), 4)]);
        let expected = "# HELP a_total Some.\n# TYPE a_total counter\na_total{of=\"x\\\"\\\\\\n\"} 3\n\
            # HELP b Others.\n# TYPE b gauge\nb 4\n";
        assert_eq!(text.into_text(), expected);
    }
}
