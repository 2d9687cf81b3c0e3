//! `GET …/rules/_find`.

use axum::extract::State;
use serde_json::{Map, Value, json};

use super::object::{execution_summary, findable};
use crate::answer::{Answer, ApiError, document};
use crate::objects::{Findable, find};
use crate::request::{Api, Call};
use crate::service::DetectionApi;

/// The handler.
pub(crate) async fn rules(State(api): Api, call: Call) -> Answer {
    let all = api.database().rules().await?.into_iter().map(findable);
    let found = find(all.collect::<Result<Vec<_>, ApiError>>()?, &call.parameters)?;
    let fields = call.parameters.values("fields");
    let mut data = Vec::new();
    for one in found.objects {
        let mut object = api.with_summary(one).await?;
        if !fields.is_empty() {
            object.retain(|key, _| fields.contains(key));
        }
        data.push(object);
    }
    document(json!({
        "page": found.page.page,
        "perPage": found.page.per_page,
        "total": found.total,
        "data": data,
    }))
}

impl DetectionApi {
    async fn with_summary(
        &self,
        one: Findable<watchfire_state::KeptRule>,
    ) -> Result<Map<String, Value>, ApiError> {
        let mut object = one.shown;
        if let Some(last) = self.database().executions(Some(&one.object.id), 1).await?.first() {
            object.insert("execution_summary".to_owned(), execution_summary(last));
        }
        Ok(object)
    }
}
