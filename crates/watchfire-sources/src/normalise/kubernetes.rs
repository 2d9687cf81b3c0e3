//! What the table of Kubernetes' audit logs cannot say: the dots in the names of an event's annotations are underscores.

use super::draft::Draft;
use super::tables::naming::Naming;
use crate::tape::{TapeObject, TapeValue};

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let Some(annotations) = record.get("annotations").and_then(TapeValue::as_object) else { return };
    let mut name = String::from("kubernetes.audit.annotations.");
    let prefix = name.len();
    for (key, value) in annotations.iter() {
        name.truncate(prefix);
        name.extend(key.chars().map(|character| if character == '.' { '_' } else { character }));
        draft.set_named_value(&name, value, Naming::Same);
    }
}
