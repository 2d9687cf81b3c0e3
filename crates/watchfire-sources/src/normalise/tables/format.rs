//! The tables of sources as they are written: TOML, read into what [`super::compile`] checks.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A file with the table of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) source: Source,
    /// Tests of which a record has to pass one.
    #[serde(default)]
    pub(super) recognise: Vec<Spanned<Test>>,
    pub(super) time: Option<Time>,
    #[serde(default)]
    pub(super) step: Vec<Step>,
    /// Values for texts.
    #[serde(default)]
    pub(super) words: BTreeMap<String, BTreeMap<String, toml::Value>>,
    pub(super) rest: Option<Rest>,
    /// Fields that functions of the program write beside the table, with the names of their types.
    #[serde(default)]
    pub(super) written: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) name: Spanned<String>,
    pub(super) title: String,
    /// Where the records come from, in Markdown.
    #[serde(default)]
    pub(super) about: String,
    /// With raw fields in braces; the name of the source if it is left out.
    pub(super) dataset: Option<Spanned<String>>,
    pub(super) module: Option<String>,
    /// The index, instead of that of the dataset; `{namespace}` is put in.
    pub(super) index: Option<String>,
    /// An object whose members count as members of the record.
    pub(super) inside: Option<String>,
    /// Raw objects of which the first that is there is the record: what a shipper puts around it is not looked at.
    #[serde(default)]
    pub(super) wrappers: Vec<String>,
    /// Raw fields that the function of the source reads, beside those of the table.
    #[serde(default)]
    pub(super) function_reads: Vec<String>,
    /// Texts that stand for nothing.
    #[serde(default)]
    pub(super) nothing: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) has: Vec<String>,
    #[serde(default)]
    pub(super) only: Vec<String>,
    #[serde(default)]
    pub(super) lacks: Vec<String>,
    #[serde(default)]
    pub(super) is: BTreeMap<String, Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Time {
    pub(super) fields: Vec<String>,
    pub(super) format: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// For the page.
    #[serde(default)]
    pub(super) note: String,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Texts>,
    #[serde(default)]
    pub(super) unless: BTreeMap<String, Texts>,
    #[serde(default)]
    pub(super) has: Vec<String>,
    #[serde(default)]
    pub(super) lacks: Vec<String>,
    /// Fields of the document that have one of some texts.
    #[serde(default)]
    pub(super) when_field: BTreeMap<String, Texts>,
    /// Fields that the document does not have yet.
    #[serde(default)]
    pub(super) lacks_field: Vec<String>,
    #[serde(default)]
    pub(super) set: BTreeMap<String, toml::Value>,
    /// Texts that join those that fields have already.
    #[serde(default)]
    pub(super) add: BTreeMap<String, Texts>,
    pub(super) lookup: Option<Lookup>,
    #[serde(default)]
    pub(super) fields: Vec<Spanned<Row>>,
    /// Fields of the document that go elsewhere.
    #[serde(default)]
    pub(super) rename: Vec<Spanned<Vec<String>>>,
    /// Fields of the document that are copied.
    #[serde(default)]
    pub(super) copy: Vec<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) remove: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lookup {
    pub(super) by: Texts,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Spanned<Vec<toml::Value>>>,
    /// Values where no row fits.
    pub(super) otherwise: Option<Spanned<Vec<toml::Value>>>,
}

/// `["raw", "target"]`, `["raw", "target", "conversion"]`, or with more to say.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Row {
    Short(Vec<String>),
    Long(LongRow),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongRow {
    /// The first that the record has; with `join` or `add`, all of them.
    pub(super) from: Texts,
    pub(super) to: Texts,
    #[serde(rename = "as")]
    pub(super) conversion: Option<String>,
    pub(super) join: Option<String>,
    /// Whether a field that is there already stays.
    #[serde(default)]
    pub(super) if_absent: bool,
    /// Whether the texts join those that the field has already.
    #[serde(default)]
    pub(super) add: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rest {
    pub(super) under: String,
    pub(super) names: Option<Spanned<String>>,
    /// Raw fields of other names than they would have, by their whole paths or what those begin with. A name
    /// that ends with `*` stands for all that go on with a capital or a digit.
    #[serde(default)]
    pub(super) rename: BTreeMap<String, String>,
    /// Parts of names that are written otherwise, wherever they stand.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, String>,
    /// Raw fields that are left out, with all below them.
    #[serde(default)]
    pub(super) without: Vec<String>,
    /// Only what is within this raw object.
    pub(super) of: Option<String>,
}

/// A text or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}
