//! Places of addresses, from a small database that is made here in MaxMind's format.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_events::{Place, get_field};
use watchfire_sources::normalise::{GeoDatabases, NormaliseOptions, RawInput, RawPayload, normalise};

/// Writes databases: a tree over the bits of addresses, whose leaves point at encoded values.
/// <https://maxmind.github.io/MaxMind-DB/>, version 2.0.
#[derive(Default)]
struct Database {
    /// For each node, where its two branches go.
    nodes: Vec<[Branch; 2]>,
    data: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
enum Branch {
    #[default]
    Nothing,
    Node(u32),
    Data(u32),
}

impl Database {
    /// Adds the value of a network.
    fn insert(&mut self, network: Ipv4Addr, bits: u8, value: &Value) {
        let at = self.data.len() as u32;
        encode(value, &mut self.data);
        if self.nodes.is_empty() {
            self.nodes.push([Branch::Nothing; 2]);
        }
        let mut node = 0;
        for bit in 0..bits {
            let side = (u32::from(network) >> (31 - bit) & 1) as usize;
            if bit + 1 == bits {
                self.nodes[node][side] = Branch::Data(at);
            } else if let Branch::Node(next) = self.nodes[node][side] {
                node = next as usize;
            } else {
                self.nodes.push([Branch::Nothing; 2]);
                let next = self.nodes.len() - 1;
                self.nodes[node][side] = Branch::Node(next as u32);
                node = next;
            }
        }
    }

    fn finish(self, kind: &str) -> Vec<u8> {
        let count = self.nodes.len() as u32;
        let mut bytes = Vec::new();
        for branch in self.nodes.iter().flatten() {
            let record = match branch {
                Branch::Nothing => count,
                Branch::Node(node) => *node,
                Branch::Data(at) => count + 16 + at,
            };
            bytes.extend_from_slice(&record.to_be_bytes()[1..]);
        }
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&self.data);
        bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let metadata = json!({
            "node_count": count, "record_size": 24, "ip_version": 4, "database_type": kind, "languages": ["en"],
            "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_772_442_930,
            "description": {"en": "Made for a test"},
        });
        encode(&metadata, &mut bytes);
        bytes
    }
}

/// Encodes a value; whole numbers as 32 bits, but for the names that want others.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            head(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) if number.is_f64() => {
            head(3, 8, out);
            out.extend_from_slice(&number.as_f64().expect("a float").to_be_bytes());
        }
        Value::Number(number) => whole(6, number.as_u64().expect("no sign"), 4, out),
        Value::Object(members) => {
            head(7, members.len(), out);
            for (key, value) in members {
                encode(&Value::String(key.clone()), out);
                match key.as_str() {
                    "build_epoch" => whole(9, value.as_u64().expect("no sign"), 8, out),
                    "record_size"
                    | "ip_version"
                    | "binary_format_major_version"
                    | "binary_format_minor_version" => whole(5, value.as_u64().expect("no sign"), 2, out),
                    _ => encode(value, out),
                }
            }
        }
        Value::Array(items) => {
            head(11, items.len(), out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Bool(_) | Value::Null => unreachable!("not needed here"),
    }
}

fn whole(kind: u8, number: u64, bytes: usize, out: &mut Vec<u8>) {
    head(kind, bytes, out);
    out.extend_from_slice(&number.to_be_bytes()[8 - bytes..]);
}

fn head(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 29 + 256);
    let (small, more) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
    if kind > 7 {
        out.push(small);
        out.push(kind - 7);
    } else {
        out.push(kind << 5 | small);
    }
    out.extend(more);
}

fn places() -> Vec<u8> {
    let mut database = Database::default();
    let place = json!({
        "continent": {"code": "EU", "names": {"de": "Europa", "en": "Europe"}},
        "country": {"iso_code": "NO", "names": {"en": "Norway"}},
        "subdivisions": [{"iso_code": "46", "names": {"en": "Vestland"}}],
        "city": {"names": {"en": "Bergen"}},
        "postal": {"code": "5003"},
        "location": {"latitude": 60.39, "longitude": 5.32, "time_zone": "Europe/Oslo"},
    });
    database.insert(Ipv4Addr::new(192, 0, 2, 0), 24, &place);
    database.insert(Ipv4Addr::new(198, 51, 100, 0), 24, &json!({"country": {"iso_code": "CL"}}));
    database.finish("Test-City")
}

fn networks() -> Vec<u8> {
    let mut database = Database::default();
    let network = json!({
        "autonomous_system_number": 64_500, "autonomous_system_organization": "Example Transit of the North",
    });
    database.insert(Ipv4Addr::new(192, 0, 2, 128), 25, &network);
    database.finish("Test-ASN")
}

fn options(files: &[(&str, Vec<u8>)]) -> NormaliseOptions {
    let folder = tempfile::tempdir().expect("a folder");
    let paths: Vec<_> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
    for (path, (_, bytes)) in paths.iter().zip(files) {
        std::fs::write(path, bytes).expect("a file");
    }
    let geo = GeoDatabases::open(&paths).expect("databases");
    NormaliseOptions { geo: Some(Arc::new(geo)), ..NormaliseOptions::default() }
}

/// The fields of places and networks that a record's document has.
fn found(record: Value, options: &NormaliseOptions) -> BTreeMap<String, Value> {
    let place = Place { input: "test".into(), record: 1, line: None, offset: None };
    let raw = RawInput::bare(RawPayload::Json(record), place, &"test".into());
    let document = normalise(raw, options).expect("an event").event.document;
    let mut found = BTreeMap::new();
    for holder in ["source", "destination", "client", "server"] {
        for part in ["geo", "as"] {
            let name = format!("{holder}.{part}");
            if let Some(value) = get_field(&document, &name) {
                found.insert(name, value.clone());
            }
        }
    }
    found
}

#[test]
fn addresses_get_their_places_and_networks() {
    let options = options(&[("places.mmdb", places()), ("networks.mmdb", networks())]);
    let record = json!({
        "EventID": 3, "Channel": "Microsoft-Windows-Sysmon/Operational", "SourceName": "Microsoft-Windows-Sysmon",
        "SourceIp": "192.0.2.1", "DestinationIp": "192.0.2.200",
    });
    let place = json!({
        "continent_code": "EU", "continent_name": "Europe", "country_iso_code": "NO", "country_name": "Norway",
        "region_iso_code": "NO-46", "region_name": "Vestland", "city_name": "Bergen", "postal_code": "5003",
        "timezone": "Europe/Oslo", "location": {"lat": 60.39, "lon": 5.32},
    });
    let expected: BTreeMap<String, Value> = [
        ("source.geo", place.clone()),
        ("destination.geo", place),
        (
            "destination.as",
            json!({"number": 64_500, "organization": {"name": "Example Transit of the North"}}),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    assert_eq!(found(record, &options), expected);
}

#[test]
fn what_a_record_says_itself_counts_more() {
    let options = options(&[("places.mmdb", places()), ("networks.mmdb", networks())]);
    let record = json!({
        "ecs": {"version": "8.11.0"},
        "source": {"ip": "192.0.2.200", "geo": {"name": "branch office"}},
        "client": {"ip": "198.51.100.7"},
        "server": {"ip": "no address"},
        "destination": {"ip": "2001:db8::1"},
    });
    let found = found(record, &options);
    assert_eq!(found["source.geo"], json!({"name": "branch office"}));
    assert_eq!(found["source.as"]["number"], json!(64_500));
    assert_eq!(found["client.geo"], json!({"country_iso_code": "CL"}));
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.mmdb");
    std::fs::write(&path, b"not a database").unwrap();
    let error = GeoDatabases::open(&[path]).unwrap_err().to_string();
    assert!(
        error.contains("none.mmdb") && error.contains("cannot be used as a database of places"),
        "{error}"
    );
    assert!(GeoDatabases::open(&[folder.path().join("missing.mmdb")]).is_err());
}

/// The case of the command reads a file of this test: it is written with `WATCHFIRE_UPDATE=1`.
#[test]
fn the_database_of_the_case_is_current() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchfire/tests/cases/normalize/geoip/places.mmdb");
    if std::env::var_os("WATCHFIRE_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, places()).unwrap();
    }
    assert!(std::fs::read(&path).unwrap_or_default() == places(), "run the tests with WATCHFIRE_UPDATE=1");
}
