//! STIX 2.1: bundles, envelopes of TAXII, objects one after another.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use watchfire_events::Timestamp;

use super::{Reading, observable, pattern};

/// Reads objects to the end of the file, of which one is in memory at a time.
pub(super) fn read(file: Box<dyn BufRead>, reading: &mut Reading<'_>) -> io::Result<()> {
    let mut json = serde_json::Deserializer::from_reader(file);
    loop {
        match json.end() {
            Ok(()) => return Ok(()),
            Err(error) if error.is_io() => return Err(error.into()),
            Err(_) => Top { reading }.deserialize(&mut json)?,
        }
    }
}

/// A bundle, an envelope, or an object by itself.
struct Top<'a, 'r> {
    reading: &'a mut Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for Top<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle or object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut own, mut is_bundle) = (Map::new(), false);
        while let Some(key) = map.next_key::<String>()? {
            if key == "objects" {
                is_bundle = true;
                map.next_value_seed(Objects { reading: &mut *self.reading })?;
            } else {
                own.insert(key, map.next_value()?);
            }
        }
        if !is_bundle {
            object(&own, self.reading);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Objects { reading: self.reading }.visit_seq(seq)
    }
}

struct Objects<'a, 'r> {
    reading: &'a mut Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for Objects<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<Value>()? {
            match value {
                Value::Object(own) => object(&own, self.reading),
                _ => {
                    self.reading.report.read += 1;
                    self.reading.left_out("no object");
                }
            }
        }
        Ok(())
    }
}

fn object(object: &Map<String, Value>, reading: &mut Reading<'_>) {
    reading.report.read += 1;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    match text("type") {
        Some("indicator") => {}
        Some(other) => return reading.left_out(format!("an object of type `{other}`")),
        None => return reading.left_out("an object without a type"),
    }
    if object.get("revoked") == Some(&Value::Bool(true)) {
        return reading.left_out("revoked");
    }
    let ended = text("valid_until").and_then(Timestamp::parse).is_some_and(|end| end <= reading.now);
    if ended {
        return reading.left_out("no longer valid");
    }
    if let Some(other) = text("pattern_type").filter(|language| *language != "stix") {
        return reading.left_out(format!("a pattern in `{other}`"));
    }
    let Some(pattern) = text("pattern") else { return reading.left_out("no pattern") };
    let wanted = match pattern::values(pattern) {
        Ok(wanted) => wanted,
        Err(why) => return reading.left_out(why),
    };
    let mut fields: Vec<(String, Value)> = Vec::new();
    for (kind, value) in &wanted {
        observable::add(kind, value, &mut fields);
    }
    for (from, to) in [
        ("name", "threat.indicator.name"),
        ("description", "threat.indicator.description"),
        ("valid_from", "threat.indicator.first_seen"),
        ("modified", "threat.indicator.modified_at"),
    ] {
        fields.extend(text(from).map(|text| (to.to_owned(), text.into())));
    }
    if let Some(confidence) = object.get("confidence").and_then(Value::as_u64) {
        fields.push(("threat.indicator.confidence".to_owned(), level(confidence).into()));
    }
    let types = object.get("indicator_types").or_else(|| object.get("labels"));
    if let Some(types) = types.filter(|types| types.as_array().is_some_and(|types| !types.is_empty())) {
        fields.push(("tags".to_owned(), types.clone()));
    }
    let references = object.get("external_references").and_then(Value::as_array);
    let mut references = references.into_iter().flatten();
    if let Some(url) = references.find_map(|reference| reference.get("url")?.as_str()) {
        fields.push(("threat.indicator.reference".to_owned(), url.into()));
    }
    reading.indicator("ti_stix", text("id"), None, fields);
}

/// A confidence of 0 to 100 in the words of the Elastic Common Schema, by the scale that STIX gives for them.
fn level(confidence: u64) -> &'static str {
    match confidence {
        0 => "None",
        1..=29 => "Low",
        30..=69 => "Medium",
        _ => "High",
    }
}
