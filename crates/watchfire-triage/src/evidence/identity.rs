//! What the process or file of an alert is: where it lies, who signed it, under which name it was made.

use watchfire_events::Document;

use super::weights::Weight;
use crate::fields::{text_in, values_of};
use crate::lineage::ProcessTree;
use crate::value_text::text_of;

/// Something known of what an alert is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// Whether it is worth knowing how often it is met.
    pub is_weighed: bool,
    /// How often that is.
    pub weight: Option<Weight>,
}

/// Something that speaks against what an alert is about, or for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The program was made under another name.
    Renamed {
        /// The name that it has.
        name: String,
        /// The one that it was made under.
        original: String,
    },
    /// It is not signed.
    Unsigned,
    /// It is signed, and the signature does not hold: what is said of it.
    BadSignature(String),
    /// It lies where every user may write.
    UserWritable(String),
}

/// The fields that say what something is, with whether the value is looked for elsewhere.
const FACTS: [(&str, bool); 17] = [
    ("process.executable", true),
    ("process.name", false),
    ("process.pe.original_file_name", true),
    ("process.code_signature.subject_name", false),
    ("process.code_signature.status", false),
    ("process.hash.sha256", true),
    ("process.hash.sha1", false),
    ("process.hash.md5", false),
    ("process.parent.executable", false),
    ("dll.path", true),
    ("dll.hash.sha256", true),
    ("dll.code_signature.subject_name", false),
    ("file.path", true),
    ("file.hash.sha256", true),
    ("registry.path", true),
    ("destination.ip", true),
    ("dns.question.name", true),
];

/// Parts of paths, in lower case and with slashes, of folders that a user without rights may write to.
const USER_WRITABLE: [&str; 14] = [
    "/users/public/",
    "/appdata/",
    "/downloads/",
    "/desktop/",
    "/programdata/",
    "/windows/temp/",
    "/windows/tasks/",
    "/windows/tracing/",
    "/perflogs/",
    "/$recycle.bin/",
    "/tmp/",
    "/var/tmp/",
    "/dev/shm/",
    "/users/shared/",
];

/// What is known of what an alert is about, and what is to be said of it.
pub(super) fn of(alert: &Document, tree: Option<&ProcessTree>) -> (Vec<Fact>, Vec<Remark>) {
    let facts = FACTS.iter().flat_map(|&(field, is_weighed)| {
        values_of(alert, field).into_iter().map(move |value| {
            let value = value.as_str().map_or_else(|| text_of(value), str::to_owned);
            Fact { field: field.to_owned(), value, is_weighed, weight: None }
        })
    });
    let mut facts: Vec<Fact> = facts.collect();
    // What an alert leaves out, the start of its process may tell.
    let image = tree.map(|tree| &tree.nodes[tree.alerted].image);
    if let Some(executable) = image.and_then(|image| image.executable.as_deref())
        && !facts.iter().any(|fact| fact.field == "process.executable")
    {
        let (field, value) = ("process.executable".to_owned(), executable.to_owned());
        facts.insert(0, Fact { field, value, is_weighed: true, weight: None });
    }
    (facts.clone(), remarks(alert, &facts))
}

fn remarks(alert: &Document, facts: &[Fact]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let name = text_in(alert, "process.name");
    let original = text_in(alert, "process.pe.original_file_name");
    if let (Some(name), Some(original)) = (name, original)
        && !name.eq_ignore_ascii_case(original)
    {
        remarks.push(Remark::Renamed { name: name.to_owned(), original: original.to_owned() });
    }
    let signature = |part: &str| values_of(alert, &format!("process.code_signature.{part}"));
    let is = |part: &str, value: bool| signature(part).first().is_some_and(|found| **found == value);
    if is("exists", false) {
        remarks.push(Remark::Unsigned);
    } else if is("trusted", false) || is("valid", false) {
        let status = signature("status").first().map_or_else(|| "not trusted".to_owned(), |one| text_of(one));
        remarks.push(Remark::BadSignature(status));
    }
    for fact in facts.iter().filter(|fact| fact.field.ends_with("executable") || fact.field.ends_with("path"))
    {
        let path = fact.value.to_lowercase().replace('\\', "/");
        if fact.field != "registry.path" && USER_WRITABLE.iter().any(|part| path.contains(part)) {
            let remark = Remark::UserWritable(fact.field.clone());
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
    }
    remarks
}
