//! A rule file as keys with values, which can be edited without a loss of comments and layout: in TOML, or in JSON.

use std::collections::BTreeMap;

use toml::Value;
use toml_edit::{DocumentMut, Item, Table};

use super::json::{JsonRule, json_of, table};

/// The name of a value: the keys that lead to it.
pub(super) type Path = Vec<String>;
/// All values of a document that are no tables.
pub(super) type Values = BTreeMap<Path, Value>;

/// A document in both forms.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) values: Values,
    edit: Edit,
}

#[derive(Debug)]
enum Edit {
    Toml(Box<DocumentMut>),
    Json(JsonRule),
}

impl Document {
    /// Reads a document; why it cannot be edited otherwise.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let edit = if text.trim_start().starts_with('{') {
            Edit::Json(JsonRule::read(text)?)
        } else {
            let edit = text.parse::<DocumentMut>().map_err(|error| error.message().to_owned())?;
            Edit::Toml(Box::new(edit))
        };
        Ok(Self { values: values_of(text)?, edit })
    }

    /// Whether it is JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.edit, Edit::Json(_))
    }

    /// The text with these changes: for each name the document that has its value, or none to remove it.
    ///
    /// # Errors
    /// The values of the result are not those that were to be.
    pub(super) fn with(&self, changes: &[(Path, Change<'_>)], expected: &Values) -> Result<String, String> {
        let text = match &self.edit {
            Edit::Toml(edit) => toml_with((**edit).clone(), changes),
            Edit::Json(rule) => json_with(rule.clone(), changes)?,
        };
        // What was read again is what counts: layout is an art, values are not.
        if values_of(&text)? == *expected {
            Ok(text)
        } else {
            Err("the merged values cannot be written into this file".to_owned())
        }
    }
}

fn toml_with(mut edit: DocumentMut, changes: &[(Path, Change<'_>)]) -> String {
    for (path, change) in changes {
        match change {
            Change::Remove => remove(&mut edit, path),
            Change::TakeFrom(Document { edit: Edit::Toml(other), .. }) => {
                let item = find(other.as_item(), path).cloned().unwrap_or_default();
                set(&mut edit, path, item);
            }
            Change::TakeFrom(other) => {
                if let Some(value) = other.values.get(path) {
                    set(&mut edit, path, Item::Value(editable(value)));
                }
            }
            Change::Set(value) => set(&mut edit, path, Item::Value(editable(value))),
        }
    }
    edit.to_string()
}

fn json_with(mut rule: JsonRule, changes: &[(Path, Change<'_>)]) -> Result<String, String> {
    for (path, change) in changes {
        match change {
            Change::Remove => rule.remove(path),
            Change::TakeFrom(Document { edit: Edit::Json(other), .. }) => {
                rule.set(path, other.get(path).cloned().unwrap_or_default());
            }
            Change::TakeFrom(other) => {
                if let Some(value) = other.values.get(path) {
                    rule.set(path, json_of(value));
                }
            }
            Change::Set(value) => rule.set(path, json_of(value)),
        }
    }
    rule.text()
}

/// What becomes of a value.
pub(super) enum Change<'d> {
    Remove,
    /// It is as another document writes it.
    TakeFrom(&'d Document),
    Set(Value),
}

fn values_of(text: &str) -> Result<Values, String> {
    let table: toml::Table = if text.trim_start().starts_with('{') {
        table(&serde_json::from_str(text).map_err(|error| error.to_string())?)
    } else {
        toml::from_str(text).map_err(|error| error.message().to_owned())?
    };
    let mut values = Values::new();
    let mut open = vec![(Vec::new(), table)];
    while let Some((path, table)) = open.pop() {
        for (key, value) in table {
            let mut path: Path = path.clone();
            path.push(key);
            match value {
                Value::Table(table) => open.push((path, table)),
                value => {
                    values.insert(path, value);
                }
            }
        }
    }
    Ok(values)
}

fn find<'i>(root: &'i Item, path: &[String]) -> Option<&'i Item> {
    path.iter().try_fold(root, |item, key| item.as_table_like()?.get(key))
}

fn remove(document: &mut DocumentMut, path: &[String]) {
    let Some((key, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(document.as_item_mut(), |item, key| {
        item.as_table_like_mut().and_then(|table| table.get_mut(key))
    });
    if let Some(table) = parent.and_then(Item::as_table_like_mut) {
        table.remove(key);
    }
}

fn set(document: &mut DocumentMut, path: &[String], mut new: Item) {
    let Some((key, parents)) = path.split_last() else { return };
    let mut item = document.as_item_mut();
    for parent in parents {
        let Some(table) = item.as_table_like_mut() else { return };
        let made = table.entry(parent).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        item = made;
    }
    let Some(table) = item.as_table_like_mut() else { return };
    anywhere(&mut new);
    match table.get_mut(key) {
        Some(old) => {
            // What stands around the value, such as a comment behind it, is the local author's.
            if let (Item::Value(old), Item::Value(new)) = (&*old, &mut new) {
                *new.decor_mut() = old.decor().clone();
            }
            *old = new;
        }
        None => {
            if let Item::Value(value) = &mut new {
                value.decor_mut().clear();
            }
            table.insert(key, new);
        }
    }
}

/// Tables of another document know their place there; here they stand where their key does.
fn anywhere(item: &mut Item) {
    match item {
        Item::Table(table) => {
            table.set_position(None);
            table.iter_mut().for_each(|(_, item)| anywhere(item));
        }
        Item::ArrayOfTables(tables) => {
            for table in tables.iter_mut() {
                table.set_position(None);
                table.iter_mut().for_each(|(_, item)| anywhere(item));
            }
        }
        Item::Value(_) | Item::None => {}
    }
}

fn editable(value: &Value) -> toml_edit::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Array(values) => {
            let mut array: toml_edit::Array = values.iter().map(editable).collect();
            // As the repository writes lists: an element a line.
            for element in array.iter_mut() {
                element.decor_mut().set_prefix("\n    ");
            }
            array.set_trailing("\n");
            array.set_trailing_comma(true);
            array.into()
        }
        // Nothing else is merged by element.
        other => other.to_string().parse().unwrap_or_else(|_| other.to_string().into()),
    }
}
