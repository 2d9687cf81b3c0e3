//! What is shown of an event: the document or parts of it, and fields by name.

use serde_json::{Map, Value, json};
use watchfire_engine::correlate::KeyValue;
use watchfire_events::{BatchBuilder, Event, EventBatch, FieldType, TypeFamily};
use watchfire_ir::{FieldRef, Pattern, PatternPart, Resolution, Schema};

use crate::SearchError;
use crate::body::{self, Object};
use crate::date_format::DateFormat;
use crate::source::number_or_text;

/// What a hit says of its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Score {
    /// Nothing.
    Hidden,
    /// That there is none, since hits are sorted by something else.
    None,
    /// That it is the same as that of all others.
    One,
}

/// What is shown of an event.
#[derive(Clone, Debug)]
pub(crate) struct HitForm {
    source: SourceForm,
    fields: Vec<FieldForm>,
}

#[derive(Clone, Debug)]
enum SourceForm {
    Whole,
    None,
    Parts { includes: Vec<Pattern>, excludes: Vec<Pattern> },
}

/// Fields to be shown by name.
#[derive(Clone, Debug)]
struct FieldForm {
    name: String,
    /// Without one, the name is that of one field.
    pattern: Option<Pattern>,
    format: Option<DateFormat>,
    /// Whether analysed texts are shown too.
    analysed: bool,
}

impl HitForm {
    /// What a request asks for. `source` is shown where it does not say so itself.
    pub(crate) fn parse(body: &Object, source: bool, schema: &dyn Schema) -> Result<Self, SearchError> {
        let usual = if source { SourceForm::Whole } else { SourceForm::None };
        let source = match body::given(body, "_source") {
            None => usual,
            Some(Value::Bool(true)) => SourceForm::Whole,
            Some(Value::Bool(false)) => SourceForm::None,
            Some(Value::String(text)) if text == "true" => SourceForm::Whole,
            Some(Value::String(text)) if text == "false" => SourceForm::None,
            Some(Value::Object(parts)) => {
                body::refuse_unknown(parts, &["includes", "include", "excludes", "exclude"], "_source")?;
                let patterns = |keys: [&str; 2]| {
                    let given = keys.iter().find_map(|key| parts.get(*key)).unwrap_or(&Value::Null);
                    path_patterns(given)
                };
                SourceForm::Parts {
                    includes: patterns(["includes", "include"])?,
                    excludes: patterns(["excludes", "exclude"])?,
                }
            }
            Some(names) => SourceForm::Parts { includes: path_patterns(names)?, excludes: Vec::new() },
        };
        let mut fields = Vec::new();
        for (key, analysed) in [("fields", true), ("docvalue_fields", false)] {
            let names = body::list(body.get(key).unwrap_or(&Value::Null));
            body::refuse_many_names(names, key)?;
            for field in names {
                fields.push(FieldForm::parse(field, key, analysed, schema)?);
            }
        }
        Ok(Self { source, fields })
    }

    /// An event as a hit.
    pub(crate) fn hit(&self, event: &Event, score: Score, schema: &dyn Schema) -> Object {
        let mut hit = Map::new();
        hit.insert("_index".to_owned(), json!(event.data_stream.as_str()));
        hit.insert("_id".to_owned(), json!(event.id.as_str()));
        match score {
            Score::Hidden => {}
            Score::None => {
                hit.insert("_score".to_owned(), Value::Null);
            }
            Score::One => {
                hit.insert("_score".to_owned(), json!(1.0));
            }
        }
        match &self.source {
            SourceForm::None => {}
            SourceForm::Whole => {
                hit.insert("_source".to_owned(), Value::Object(event.document.clone()));
            }
            SourceForm::Parts { includes, excludes } => {
                let mut path = String::new();
                let included = includes.is_empty();
                let parts = parts(&event.document, &mut path, includes, excludes, included);
                hit.insert("_source".to_owned(), Value::Object(parts));
            }
        }
        if !self.fields.is_empty() {
            let fields = self.fields_of(event, schema);
            if !fields.is_empty() {
                hit.insert("fields".to_owned(), Value::Object(fields));
            }
        }
        hit
    }

    fn fields_of(&self, event: &Event, schema: &dyn Schema) -> Object {
        // The columns of one event have its values by the types of their fields.
        let mut builder = BatchBuilder::keeping_repetitions(schema);
        builder.push(event.clone());
        let batch = builder.finish();
        let mut shown = Map::new();
        for form in &self.fields {
            match &form.pattern {
                None => {
                    if let Some(field) = field_of(&form.name, schema) {
                        form.show(&form.name, &field, &batch, &mut shown);
                    }
                }
                Some(pattern) => {
                    for column in batch.columns().iter().filter(|column| pattern.fits(column.name())) {
                        let field = FieldRef { name: column.name().clone(), field_type: column.field_type() };
                        form.show(column.name(), &field, &batch, &mut shown);
                    }
                }
            }
        }
        shown
    }
}

impl FieldForm {
    fn parse(field: &Value, key: &str, analysed: bool, schema: &dyn Schema) -> Result<Self, SearchError> {
        let (name, format) = match field {
            Value::String(name) => (name.as_str(), None),
            Value::Object(options) => {
                body::refuse_unknown(options, &["field", "format", "include_unmapped"], key)?;
                (body::needed(options, "field", key)?, body::text(options, "format")?)
            }
            other => {
                return Err(SearchError::parsing(format!("`{key}` holds {other}, which names no field")));
            }
        };
        let format = format.map(DateFormat::parse).transpose()?;
        let pattern = name.contains('*').then(|| path_pattern(name));
        if !analysed
            && pattern.is_none()
            && field_of(name, schema)
                .is_some_and(|field| field.field_type.family() == TypeFamily::AnalysedText)
        {
            return Err(SearchError::illegal(format!(
                "`{key}`: `{name}` is analysed and has no whole values"
            )));
        }
        Ok(Self { name: name.to_owned(), pattern, format, analysed })
    }

    fn show(&self, name: &str, field: &FieldRef, batch: &EventBatch, shown: &mut Object) {
        if !self.analysed && field.field_type.family() == TypeFamily::AnalysedText {
            return;
        }
        let Some(column) = batch.column(&field.name) else { return };
        let values = column.codes(0).iter().map(|&code| match KeyValue::from(column.value(code)) {
            KeyValue::Instant(at) => self.format.unwrap_or_default().value(at),
            value => number_or_text(&value, field.field_type == FieldType::Double),
        });
        let values: Vec<Value> = values.collect();
        if !values.is_empty() {
            shown.insert(name.to_owned(), Value::Array(values));
        }
    }
}

/// The field of a name, if it is one.
fn field_of(name: &str, schema: &dyn Schema) -> Option<FieldRef> {
    match schema.resolve(name) {
        Resolution::Field(field) => Some(field),
        Resolution::Nested(_) => match schema.resolve_in_nested(name) {
            Resolution::Field(field) => Some(field),
            _ => None,
        },
        Resolution::Object | Resolution::Unmapped => None,
    }
}

/// A path in which `*` stands for any run of characters, dots among them.
pub(crate) fn path_pattern(text: &str) -> Pattern {
    let mut parts = Vec::new();
    for (at, piece) in text.split('*').enumerate() {
        if at > 0 {
            parts.push(PatternPart::AnyRun);
        }
        parts.push(PatternPart::Literal(piece.into()));
    }
    Pattern::new(parts)
}

fn path_patterns(value: &Value) -> Result<Vec<Pattern>, SearchError> {
    Ok(body::texts(value, "_source")?.iter().map(|text| path_pattern(text)).collect())
}

/// The parts of an object that are wanted. `included` says whether something above it is.
fn parts(
    object: &Object,
    path: &mut String,
    includes: &[Pattern],
    excludes: &[Pattern],
    included: bool,
) -> Object {
    let mut left = Map::new();
    for (key, value) in object {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(key);
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(path));
        let is_included = included || fits(includes);
        if !fits(excludes)
            && let Some(value) = part(value, path, includes, excludes, is_included)
        {
            left.insert(key.clone(), value);
        }
        path.truncate(length);
    }
    left
}

fn part(
    value: &Value,
    path: &mut String,
    includes: &[Pattern],
    excludes: &[Pattern],
    included: bool,
) -> Option<Value> {
    match value {
        Value::Object(object) => {
            let left = parts(object, path, includes, excludes, included);
            (!left.is_empty() || (included && object.is_empty())).then_some(Value::Object(left))
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            let left: Vec<Value> =
                values.iter().filter_map(|value| part(value, path, includes, excludes, included)).collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        value => included.then(|| value.clone()),
    }
}
