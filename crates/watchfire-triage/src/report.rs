//! The report: alerts, with what their guides and events say, as one HTML file that loads nothing.
//!
//! Its look and behaviour are `report/report.css` and `report/report.js`. Data lies in the file as JSON: what the list
//! needs of all alerts in one block, and each alert in a block of its own, read when it is opened. The content security
//! policy names the script and the style by their hashes, so that nothing else can run, whatever events say; the script
//! makes texts of nodes of all values, and no markup.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use watchfire_events::{Document, Timestamp, get_field};
use watchfire_rules::guide::{GuidePart, parts};

use crate::fields::{event_time, text_in};

const STYLE: &str = include_str!("report/report.css");
const SCRIPT: &str = include_str!("report/report.js");

/// The tactics of ATT&CK in the order in which an intrusion goes through them, as the rules name them.
const TACTICS: [&str; 14] = [
    "Reconnaissance",
    "Resource Development",
    "Initial Access",
    "Execution",
    "Persistence",
    "Privilege Escalation",
    "Defense Evasion",
    "Credential Access",
    "Discovery",
    "Lateral Movement",
    "Collection",
    "Command and Control",
    "Exfiltration",
    "Impact",
];

/// Writes a report, alert by alert.
pub struct ReportWriter<'o> {
    out: Box<dyn Write + Send + 'o>,
    /// What the list shows of each alert.
    alerts: Vec<Value>,
    rules: Vec<Value>,
    rule_numbers: FxHashMap<String, usize>,
}

impl std::fmt::Debug for ReportWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReportWriter").field("alerts", &self.alerts.len()).finish_non_exhaustive()
    }
}

impl<'o> ReportWriter<'o> {
    /// Begins a report.
    ///
    /// # Errors
    /// What writing gives.
    pub fn begin(mut out: Box<dyn Write + Send + 'o>, title: &str) -> io::Result<Self> {
        let title = escaped(title);
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
             script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#alerts-title\">To the alerts</a>\n\
             <header><h1>{title}</h1><span class=\"space\"></span>\
             <button type=\"button\" id=\"theme\">Light or dark</button></header>\n\
             <main>\n<noscript><p>This report shows itself with a script of its own; the data is in the file as JSON.</p></noscript>\n\
             <h2>Summary</h2>\n<div id=\"summary\"></div>\n<h2>ATT&amp;CK</h2>\n<div id=\"matrix\"></div>\n\
             <h2 id=\"alerts-title\" tabindex=\"-1\">Alerts</h2>\n\
             <div class=\"filters\" role=\"search\">\
             <label>Search <input type=\"search\" id=\"filter-search\" placeholder=\"rule, host, user, process, reason\"></label>\
             <label>Severity <select id=\"filter-severity\"></select></label>\
             <label>Host <select id=\"filter-host\"></select></label>\
             <label>User <select id=\"filter-user\"></select></label>\
             <button type=\"button\" id=\"clear\">Clear</button></div>\n\
             <p id=\"count\" aria-live=\"polite\"></p>\n\
             <div class=\"work\" id=\"work\">\n<div><div class=\"list\" tabindex=\"0\" role=\"group\" aria-label=\"List of alerts\">\
             <table><thead><tr id=\"columns\"></tr></thead><tbody id=\"rows\"></tbody></table></div>\
             <div class=\"pages\" id=\"pages\" role=\"group\" aria-label=\"Pages\"><button type=\"button\" id=\"previous\">Previous</button>\
             <span id=\"page\"></span><button type=\"button\" id=\"next\">Next</button></div></div>\n\
             <section class=\"detail\" id=\"detail\" tabindex=\"0\" hidden></section>\n</div>\n</main>\n",
            hash(STYLE),
            hash(SCRIPT),
        )?;
        Ok(Self { out, alerts: Vec::new(), rules: Vec::new(), rule_numbers: FxHashMap::default() })
    }

    /// Adds an alert. Its rule's guide stands there as it is, unless it is [answered](Self::answer).
    ///
    /// # Errors
    /// What writing gives.
    pub fn alert(&mut self, alert: &Document) -> io::Result<()> {
        let rule = self.rule(alert);
        let number = self.alerts.len();
        self.block(&format!("alert-{number}"), &json!({ "document": alert }))?;
        let first = |names: &[&str]| names.iter().find_map(|name| text_in(alert, name));
        self.alerts.push(json!({
            "id": text_in(alert, "kibana.alert.uuid"),
            "rule": rule,
            "severity": text_in(alert, "kibana.alert.severity"),
            "risk": get_field(alert, "kibana.alert.risk_score").and_then(Value::as_f64),
            "time": event_time(alert).map(Timestamp::to_iso_millis),
            "host": first(&["host.name", "host.id"]),
            "user": first(&["user.name", "user.id"]),
            "process": first(&["process.name", "process.executable"]),
            "reason": text_in(alert, "kibana.alert.reason"),
        }));
        Ok(())
    }

    /// Adds the answers to an alert, by its number from 0 on: its guide answered, as [`crate::to_json`] has it.
    ///
    /// # Errors
    /// What writing gives.
    pub fn answer(&mut self, number: usize, mut answered: Value) -> io::Result<()> {
        let answers = json!({
            "highlighted": answered["alert"]["highlighted"].take(),
            "guide": answered["guide"].take(),
            "evidence": answered["evidence"].take(),
        });
        self.block(&format!("answers-{number}"), &answers)
    }

    fn block(&mut self, id: &str, value: &Value) -> io::Result<()> {
        writeln!(self.out, "<script type=\"application/json\" id=\"{id}\">{}</script>", in_script(value))
    }

    /// Ends the report with what was read: lines with a name and what is to be said.
    ///
    /// # Errors
    /// What writing gives.
    pub fn end(mut self, account: &[(String, String)]) -> io::Result<()> {
        let data = json!({
            "account": account, "tactics": TACTICS, "rules": self.rules, "alerts": self.alerts,
        });
        write!(
            self.out,
            "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
            in_script(&data)
        )?;
        self.out.flush()
    }

    /// The number of the rule of an alert.
    fn rule(&mut self, alert: &Document) -> usize {
        let text = |name: &str| text_in(alert, name).unwrap_or_default();
        let key = [text("kibana.alert.rule.rule_id"), text("kibana.alert.rule.name")].join("\n");
        let numbers = self.rules.len();
        let number = *self.rule_numbers.entry(key).or_insert(numbers);
        if number == numbers {
            let tactics = tactics_of(alert);
            let mut techniques: Vec<&String> =
                tactics.iter().flat_map(|(_, techniques)| techniques).collect();
            techniques.sort_unstable();
            techniques.dedup();
            self.rules.push(json!({
                "name": text("kibana.alert.rule.name"), "techniques": techniques, "tactics": tactics,
                "guide": unanswered(text("kibana.alert.rule.note")),
            }));
        }
        number
    }
}

/// A guide without answers, in the form of one with them.
fn unanswered(note: &str) -> Value {
    let block = |part| match part {
        GuidePart::Text(text) => json!({ "text": text, "alert_values": [] }),
        GuidePart::Investigate(search) => json!({ "search": search.label }),
        GuidePart::Osquery(hunt) => json!({ "osquery": hunt.label, "query": hunt.query }),
        GuidePart::Broken(text) => json!({ "broken": text }),
    };
    parts(note).into_iter().map(block).collect()
}

/// The tactics that the rule of an alert names, each with its techniques: their ids and names.
fn tactics_of(alert: &Document) -> Vec<(String, Vec<String>)> {
    let threats = get_field(alert, "kibana.alert.rule.threat").and_then(Value::as_array);
    let named = |value: &Value| match (value["id"].as_str(), value["name"].as_str()) {
        (Some(id), Some(name)) => Some(format!("{id} {name}")),
        _ => None,
    };
    let mut tactics: Vec<(String, Vec<String>)> = Vec::new();
    for threat in threats.into_iter().flatten() {
        let Some(tactic) = threat["tactic"]["name"].as_str() else { continue };
        let techniques = threat["technique"].as_array().into_iter().flatten().flat_map(|technique| {
            let narrower = technique["subtechnique"].as_array().into_iter().flatten().filter_map(named);
            let narrower: Vec<String> = narrower.collect();
            if narrower.is_empty() { named(technique).into_iter().collect() } else { narrower }
        });
        tactics.push((tactic.to_owned(), techniques.collect()));
    }
    tactics
}

/// The hash by which a content security policy names a script or style.
fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// JSON that can stand in an element of a script: nothing in it ends the element.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// A text between tags.
fn escaped(text: &str) -> String {
    let text = crate::value_text::harmless(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_script() {
        let text = in_script(&json!({ "a": "</script><!-- <script>alert(1)</script>" }));
        assert!(!text.contains('<'));
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON")["a"],
            "</script><!-- <script>alert(1)</script>"
        );
    }

    #[test]
    fn script_and_style_do_not_end_themselves() {
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
        for banned in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "fetch(",
            "XMLHttpRequest",
        ] {
            assert!(!SCRIPT.contains(banned), "{banned}");
        }
    }
}
