//! Whether items can be kept: what `watchfire exceptions` says of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use watchfire_detect::ExceptionBook;
use watchfire_diagnostics::{Severity, SourceText};
use watchfire_rules::exceptions::{ValueList, load_text};

use crate::answer::{ApiError, rendered};
use crate::service::DetectionApi;

/// What there is to say of an item: why it cannot be kept, else what is unwise about it.
pub(crate) type ItemCheck = Result<Vec<Value>, ApiError>;

impl DetectionApi {
    /// Checks lists and items, each as a text of its own; the items in the light of the lists.
    pub(crate) async fn check_exceptions(
        &self,
        lists: &[Map<String, Value>],
        items: &[Map<String, Value>],
    ) -> Result<(Vec<ItemCheck>, Vec<ItemCheck>), ApiError> {
        let lines = lists.iter().chain(items).map(|object| Value::Object(object.clone()).to_string());
        let text: Vec<String> = lines.collect();
        let mut values = Vec::new();
        for id in value_lists_of(items) {
            if let Some(text) = self.database().value_list_text(&id).await? {
                values.push(ValueList::parse(&id, text).0);
            }
        }
        let sources = load_text("exception", &text.join("\n"));
        let book = ExceptionBook::new(sources, values, &*self.parts.catalogue, self.parts.clock.now());
        let mut checks = book.sources().iter().map(|text| {
            // Each is a text of its own, wherever it stands among the others.
            let source = SourceText::new(text.source.name(), text.source.text());
            if text.diagnostics.iter().any(|one| one.severity == Severity::Error) {
                Err(ApiError::of_diagnostics(&text.diagnostics, &source))
            } else {
                Ok(rendered(&text.diagnostics, &source))
            }
        });
        let of_lists = checks.by_ref().take(lists.len()).collect();
        Ok((of_lists, checks.take(items.len()).collect()))
    }

    /// Checks one list, or one item in the light of its list.
    pub(crate) async fn check_exception(
        &self,
        list: Option<&Map<String, Value>>,
        object: &Map<String, Value>,
    ) -> ItemCheck {
        let (lists, items) = match list {
            Some(list) => (vec![list.clone()], vec![object.clone()]),
            None => (vec![object.clone()], Vec::new()),
        };
        let (mut of_lists, mut of_items) = self.check_exceptions(&lists, &items).await?;
        of_items.pop().or_else(|| of_lists.pop()).unwrap_or_else(|| Ok(Vec::new()))
    }
}

/// The value lists that items ask for.
fn value_lists_of(items: &[Map<String, Value>]) -> BTreeSet<String> {
    let entries = items.iter().filter_map(|item| item.get("entries")?.as_array()).flatten();
    let id = |entry: &Value| Some(entry.get("list")?.get("id")?.as_str()?.to_owned());
    entries.filter_map(id).collect()
}
