//! What the table of GitHub's audit log cannot say: an action is a category and what was done.

use super::draft::Draft;
use crate::fields::FieldValue;
use crate::tape::{TapeObject, TapeValue};

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let action = record.get("action").and_then(TapeValue::as_str);
    let Some((category, done)) = action.and_then(|action| action.split_once('.')) else { return };
    if category.is_empty() || !category.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return;
    }
    draft.set("github.category", category);
    draft.set("event.type", FieldValue::Words(types_of(category, done)));
}

/// `event.type`; teams and organisations are groups of users.
fn types_of(category: &str, done: &str) -> &'static [&'static str] {
    let creates = ["create", "add"].iter().any(|word| done.contains(word));
    let deletes = ["delete", "remove"].iter().any(|word| done.contains(word));
    match (matches!(category, "team" | "org"), creates, deletes) {
        (true, true, true) => &["group", "user", "creation", "deletion"],
        (true, true, false) => &["group", "user", "creation"],
        (true, false, true) => &["group", "user", "deletion"],
        (true, false, false) => &["group", "user"],
        (false, true, true) => &["creation", "deletion"],
        (false, true, false) => &["creation"],
        (false, false, true) => &["deletion"],
        (false, false, false) => &["change"],
    }
}
