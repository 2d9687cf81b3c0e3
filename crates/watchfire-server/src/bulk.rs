//! Bodies of bulk requests: a line that says what to do, and a line with the document where there is one
//! (detection-engine §7.6).

use serde_json::Value;

use crate::error::ApiError;

/// Keys of an action that say something here.
const ACTION_KEYS: [&str; 2] = ["_index", "_id"];
/// Keys of an action that may be there and change nothing: there are no shards, types and mappings to choose.
const IDLE_KEYS: [&str; 12] = [
    "_type",
    "routing",
    "_routing",
    "dynamic_templates",
    "require_data_stream",
    "retry_on_conflict",
    "version",
    "version_type",
    "if_seq_no",
    "if_primary_term",
    "list_executed_pipelines",
    "_source",
];

/// What is to be done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Index,
    Update,
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// An item of a bulk request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BulkItem<'b> {
    pub(crate) operation: Operation,
    pub(crate) index: String,
    pub(crate) id: Option<String>,
    pub(crate) pipeline: Option<String>,
    pub(crate) require_alias: bool,
    /// The text of the document; empty of one that is to be deleted.
    pub(crate) document: &'b [u8],
}

/// The items of a body. `default_index` is the one of the path, `default_pipeline` that of the query.
///
/// # Errors
/// If the body cannot be cut into items: then nothing of it may be kept, since from there on it cannot be told which line
/// is what.
pub(crate) fn parse<'b>(
    body: &'b [u8],
    default_index: Option<&str>,
    default_pipeline: Option<&str>,
) -> Result<Vec<BulkItem<'b>>, ApiError> {
    if body.is_empty() {
        return Err(ApiError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "parse_exception",
            "the body is empty; a bulk request has a line for each action",
        ));
    }
    if body.last() != Some(&b'\n') {
        return Err(ApiError::illegal("the last line of a bulk request must end with a newline"));
    }
    let mut items: Vec<BulkItem<'b>> = Vec::new();
    // Shippers write the same action for one document after another.
    let mut known: &[u8] = &[];
    let mut lines = body[..body.len() - 1].split(|byte| *byte == b'\n').enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let mut item = match items.last() {
            Some(before) if line == known => BulkItem { document: &[], ..before.clone() },
            _ => action(line, number + 1, default_index, default_pipeline)?,
        };
        known = line;
        if item.operation != Operation::Delete {
            let Some((_, document)) = lines.next() else {
                return Err(ApiError::illegal(format!(
                    "the action in line {} has no document behind it",
                    number + 1
                )));
            };
            item.document = document.trim_ascii();
        }
        items.push(item);
    }
    Ok(items)
}

fn action<'b>(
    line: &[u8],
    number: usize,
    default_index: Option<&str>,
    default_pipeline: Option<&str>,
) -> Result<BulkItem<'b>, ApiError> {
    let malformed = |what: &str| ApiError::illegal(format!("line {number} is no action: {what}"));
    let action: Value = serde_json::from_slice(line).map_err(|error| malformed(&error.to_string()))?;
    let Value::Object(action) = action else { return Err(malformed("it is no object")) };
    let mut members = action.into_iter();
    let (Some((name, settings)), None) = (members.next(), members.next()) else {
        return Err(malformed("it must have one member: `create`, `index`, `update` or `delete`"));
    };
    let operation = match name.as_str() {
        "create" => Operation::Create,
        "index" => Operation::Index,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => return Err(malformed(&format!("`{name}` is none of `create`, `index`, `update` and `delete`"))),
    };
    let Value::Object(settings) = settings else {
        return Err(malformed(&format!("what `{name}` says is no object")));
    };
    let mut item = BulkItem {
        operation,
        index: default_index.unwrap_or_default().to_owned(),
        id: None,
        pipeline: default_pipeline.map(str::to_owned),
        require_alias: false,
        document: &[],
    };
    for (key, value) in settings {
        match (key.as_str(), value) {
            ("_index", Value::String(index)) => item.index = index,
            ("_id", Value::String(id)) => item.id = Some(id),
            ("_id", Value::Number(id)) => item.id = Some(id.to_string()),
            ("pipeline", Value::String(pipeline)) => item.pipeline = Some(pipeline),
            ("require_alias", Value::Bool(require)) => item.require_alias = require,
            ("_index" | "_id" | "pipeline" | "require_alias", Value::Null) => {}
            (key, _) if IDLE_KEYS.contains(&key) => {}
            (key, _) if ACTION_KEYS.contains(&key) || key == "pipeline" || key == "require_alias" => {
                return Err(malformed(&format!("`{key}` has a value of a wrong type")));
            }
            (key, _) => return Err(malformed(&format!("`{key}` is not known"))),
        }
    }
    if item.index.is_empty() {
        return Err(malformed("it names no index, and neither does the path"));
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_into_items() {
        let body = b"{\"create\":{}}\r\n{\"a\":1}\r\n\n{\"delete\":{\"_id\":7,\"_index\":\"b\"}}\n{\"index\":{\"_index\":\"c\",\"pipeline\":\"p\"}}\n{}\n";
        let items = parse(body, Some("a"), Some("q")).expect("a body in order");
        let facts: Vec<_> = items
            .iter()
            .map(|item| {
                (item.operation, &*item.index, item.id.as_deref(), item.pipeline.as_deref(), item.document)
            })
            .collect();
        assert_eq!(
            facts,
            [
                (Operation::Create, "a", None, Some("q"), b"{\"a\":1}".as_slice()),
                (Operation::Delete, "b", Some("7"), Some("q"), b""),
                (Operation::Index, "c", None, Some("p"), b"{}"),
            ]
        );
    }
}
