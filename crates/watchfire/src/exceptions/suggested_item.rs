//! The fields that an exception is made of, and the item itself.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use watchfire_events::get_field;
use watchfire_ir::Catalogue;

/// The most values of one field that an exception asks for.
const MAX_VALUES: usize = 5;
/// Longest value that an exception is made of; Elastic refuses longer ones in an index.
const MAX_VALUE_BYTES: usize = 8_000;

/// What a field tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Breadth {
    /// A name, which anyone can give to a file.
    Name,
    /// Who it was.
    User,
    /// Where it was.
    Host,
    /// Something narrower.
    Specific,
}

/// How much a field narrows; nothing if it only says what kind of event it is, or tells it from all others.
pub(super) fn breadth(field: &str) -> Option<Breadth> {
    let last = field.rsplit('.').next().unwrap_or(field);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| field.starts_with(prefix));
    if begins(&[
        "event.",
        "ecs.",
        "data_stream.",
        "host.os.",
        "kibana.",
        "rule.",
        "threat.",
        "@",
        "_",
        "message",
    ]) || matches!(last, "entity_id" | "pid" | "uptime" | "tid")
    {
        None
    } else if begins(&["host.", "agent.", "observer.", "winlog.computer_name"]) {
        Some(Breadth::Host)
    } else if begins(&["user.", "source.user.", "destination.user."]) || last.ends_with("UserSid") {
        Some(Breadth::User)
    } else if matches!(last, "name" | "original_file_name" | "extension") {
        Some(Breadth::Name)
    } else {
        Some(Breadth::Specific)
    }
}

/// Why an exception of these fields would be too broad.
pub(super) fn too_broad(fields: &[String]) -> Option<&'static str> {
    let kinds: BTreeSet<Breadth> = fields.iter().filter_map(|field| breadth(field)).collect();
    match kinds.iter().collect::<Vec<_>>()[..] {
        [] => Some("there is no field that tells this activity from others"),
        [Breadth::Name] => {
            Some("it would ask for a name alone, and whoever is to be found can take that name")
        }
        [Breadth::User] => Some("it would ask for a user alone, and hide all that this user does"),
        [Breadth::Host] => Some("it would ask for a host alone, and hide all that happens there"),
        _ => None,
    }
}

/// The fields that the section about false positives of an investigation guide names, in its order, as far as the schema
/// knows them. Sentences that advise against something are passed over.
pub(super) fn fields_of_guide(note: &str, catalogue: &Catalogue) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let mut inside: Option<usize> = None;
    for line in note.lines() {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        if level > 0 {
            let is_section = line.to_lowercase().contains("false positive");
            inside = match inside {
                _ if is_section => Some(level),
                Some(outer) if level > outer => Some(outer),
                _ => None,
            };
            continue;
        }
        if inside.is_none() {
            continue;
        }
        for sentence in line.split(". ") {
            let lower = sentence.to_lowercase();
            if ["avoid", "do not", "don't", "never", " alone"].iter().any(|word| lower.contains(word)) {
                continue;
            }
            let is_part = |character: char| character.is_ascii_alphanumeric() || "_.@".contains(character);
            for word in sentence.split(|character: char| !is_part(character)) {
                let word = word.trim_matches('.');
                if word.contains('.') && catalogue.knows(word) && !fields.iter().any(|known| known == word) {
                    fields.push(word.to_owned());
                }
            }
        }
    }
    fields
}

/// The fields that an alert's page shows first (detection-engine §5.3), as far as an exception can be made of them: those
/// of the rule, then what every alert of its category has.
pub(super) fn highlighted(alert: &Map<String, Value>, investigated: &[String]) -> Vec<String> {
    let categories = match get_field(alert, "event.category") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => Vec::new(),
    };
    let mut fields: Vec<&str> = investigated.iter().map(String::as_str).collect();
    fields.extend(["process.executable", "file.path", "container.image.name", "orchestrator.resource.type"]);
    for category in &categories {
        fields.extend(match *category {
            "file" | "malware" => &["file.name", "file.hash.sha256", "process.name"][..],
            "network" => &["destination.address", "destination.port", "dns.question.name", "process.name"],
            "registry" => &["registry.key", "registry.value", "process.name"],
            _ => &[],
        });
    }
    fields.extend([
        "process.name",
        "process.parent.name",
        "process.command_line",
        "process.args",
        "user.name",
    ]);
    let mut seen = BTreeSet::new();
    fields.retain(|field| seen.insert(*field) && breadth(field).is_some_and(|of| of != Breadth::Host));
    fields.into_iter().map(str::to_owned).collect()
}

/// The entries of an exception: for each field that the alert has, one for each of its values. With them the fields
/// whose values are too many or too long.
pub(super) fn entries(alert: &Map<String, Value>, fields: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut entries, mut left_out) = (Vec::new(), Vec::new());
    for field in fields {
        let values = match get_field(alert, field) {
            Some(Value::Array(values)) => values.iter().filter_map(text_of).collect::<BTreeSet<_>>(),
            Some(value) => text_of(value).into_iter().collect(),
            None => continue,
        };
        if values.is_empty() {
            continue;
        }
        if values.len() > MAX_VALUES || values.iter().any(|value| value.len() > MAX_VALUE_BYTES) {
            left_out.push(field.clone());
            continue;
        }
        entries.extend(values.into_iter().map(|value| (field.clone(), value)));
    }
    (entries, left_out)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An exception for a rule.
pub(super) struct SuggestedItem {
    pub(super) list_id: String,
    pub(super) item_id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) rule_id: String,
    pub(super) rule_name: String,
    pub(super) entries: Vec<(String, String)>,
    pub(super) os_type: Option<String>,
    /// `YYYY/MM/DD`.
    pub(super) date: String,
}

impl SuggestedItem {
    /// As the API takes it.
    pub(super) fn to_json(&self) -> Value {
        let entry = |(field, value): &(String, String)| json!({ "field": field, "operator": "included", "type": "match", "value": value });
        json!({
            "list_id": self.list_id,
            "item_id": self.item_id,
            "type": "simple",
            "name": self.name,
            "description": self.description,
            "namespace_type": "single",
            "os_types": self.os_type.iter().collect::<Vec<_>>(),
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
        })
    }

    /// As a file of the repository.
    pub(super) fn to_toml(&self) -> String {
        let mut parts = vec![format!(
            "[metadata]\ncreation_date = \"{date}\"\nupdated_date = \"{date}\"\nlist_name = {list}\nrule_ids = [{id}]\n\
             rule_names = [{name}]\n\n[[exceptions]]\n\n[exceptions.container]\ndescription = {description}\n\
             list_id = {list}\nname = {list}\nnamespace_type = \"single\"\ntype = \"detection\"\n",
            date = self.date,
            list = string(&self.list_id),
            id = string(&self.rule_id),
            name = string(&self.rule_name),
            description = string(&format!("Exceptions of the rule `{}`.", self.rule_name)),
        )];
        parts.push(format!(
            "\n[[exceptions.items]]\ndescription = {}\nitem_id = {}\nlist_id = {}\nname = {}\nnamespace_type = \"single\"\n",
            string(&self.description),
            string(&self.item_id),
            string(&self.list_id),
            string(&self.name),
        ));
        if let Some(system) = &self.os_type {
            parts.push(format!("os_types = [{}]\n", string(system)));
        }
        parts.push("type = \"simple\"\n".to_owned());
        for (field, value) in &self.entries {
            parts.push(format!(
                "\n[[exceptions.items.entries]]\nfield = {}\noperator = \"included\"\ntype = \"match\"\nvalue = {}\n",
                string(field),
                string(value)
            ));
        }
        parts.concat()
    }
}

/// A string of TOML: with single quotes where backslashes would have to be doubled.
fn string(text: &str) -> String {
    let is_plain = |character: char| character != '\'' && !character.is_control();
    if text.contains(['\\', '"']) && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_broad_is_refused() {
        for (fields, broad) in [
            (&["process.name"][..], true),
            (&["process.name", "process.parent.name", "event.action"], true),
            (&["user.name", "user.id"], true),
            (&["host.id", "agent.id"], true),
            (&["event.code", "process.entity_id"], true),
            (&[], true),
            (&["process.name", "user.id"], false),
            (&["process.executable"], false),
            (&["host.id", "file.path"], false),
        ] {
            assert_eq!(too_broad(&strings(fields)).is_some(), broad, "{fields:?}");
        }
    }

    #[test]
    fn the_guide_names_fields() {
        let note = "## Triage\n- look at `host.id`.\n### False positive analysis\n- Compare `process.executable` and \
                    process.parent.executable, never example.com. Avoid exceptions on `process.name` alone.\n#### More\n\
                    Also `file.hash.sha256`.\n### Response\n- `user.name`\n";
        let found = fields_of_guide(note, &Catalogue::ecs());
        assert_eq!(
            found,
            ["file.hash.sha256"],
            "a sentence with advice against something is passed over as a whole"
        );
        let note = note.replace(", never example.com", "");
        let found = fields_of_guide(&note, &Catalogue::ecs());
        assert_eq!(found, ["process.executable", "process.parent.executable", "file.hash.sha256"]);
    }

    #[test]
    fn strings_come_back() {
        for text in ["plain", "C:\\Temp\\x", "it's \"so\" \\ here", "tab\t\u{7f}ä", ""] {
            let document: toml::Table = format!("a = {}", string(text)).parse().expect("TOML");
            assert_eq!(document["a"].as_str(), Some(text));
        }
    }
}
