//! `_msearch`: several searches in one request, a line for the header of each and a line for its body.

use serde_json::{Map, Value, json};

use crate::body::Object;
use crate::{Call, SearchError, Searcher};

/// Most searches of one request.
pub const MAX_SEARCHES: usize = 100;

impl Searcher {
    pub(crate) fn multi_search(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["rest_total_hits_as_int"])?;
        let text = std::str::from_utf8(call.body).map_err(|_| SearchError::parsing("the body is no text"))?;
        let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        if lines.is_empty() || lines.len() % 2 == 1 {
            return Err(SearchError::illegal("each search is a line with a header and a line with a body"));
        }
        if lines.len() / 2 > MAX_SEARCHES {
            return Err(SearchError::illegal(format!("a request has at most {MAX_SEARCHES} searches")));
        }
        let mut searches = Vec::new();
        for pair in lines.chunks_exact(2) {
            // The header of a search may be left empty.
            let header = if pair[0].is_empty() { Map::new() } else { object(pair[0])? };
            searches.push((header, object(pair[1])?));
        }
        let one = |(header, body): (Object, Object)| match self.search_one(call, &header, &body) {
            Ok(Value::Object(mut answer)) => {
                answer.insert("status".to_owned(), json!(200));
                Value::Object(answer)
            }
            Ok(answer) => answer,
            Err(error) => error.document(),
        };
        let responses: Vec<Value> = searches.into_iter().map(one).collect();
        Ok(json!({ "took": call.took(), "responses": responses }))
    }
}

fn object(line: &str) -> Result<Object, SearchError> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(SearchError::parsing("a line of the body is not an object")),
        Err(error) => Err(SearchError::parsing(format!("a line of the body is not JSON: {error}"))),
    }
}
