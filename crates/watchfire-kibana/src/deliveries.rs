//! Messages of alerts: how it stands with them, and what is done with those that could not be sent.

use std::collections::BTreeSet;

use axum::extract::State;
use serde_json::json;
use watchfire_state::{ChangedDeliveries, DeadDelivery, Delivery, DeliveryStatus};

use crate::answer::{Answer, ApiError, document};
use crate::request::{Api, Call, texts};

/// Messages that one request changes at most.
const MAX_CHANGED: usize = 10_000;

/// `GET /api/watchfire/deliveries`: messages of a status, those that were decided last first.
pub(crate) async fn list(State(api): Api, call: Call) -> Answer {
    let name = call.parameters.get("status").unwrap_or("dead");
    let status = DeliveryStatus::of(name).ok_or_else(|| {
        ApiError::bad(format!("`status` is `waiting`, `sent`, `dead` or `dropped`, not `{name}`"))
    })?;
    let page = call.parameters.page()?;
    let limit = u32::try_from(page.per_page).unwrap_or(u32::MAX);
    let skip = u32::try_from((page.page - 1).saturating_mul(page.per_page)).unwrap_or(u32::MAX);
    let database = api.database();
    let deliveries = database.deliveries(status, skip, limit).await?;
    let total = database.outbox_counts().await?.deliveries.get(&status).copied().unwrap_or_default();
    document(json!({
        "page": page.page,
        "per_page": page.per_page,
        "total": total,
        "data": deliveries.iter().map(described).collect::<Vec<_>>(),
    }))
}

/// `POST /api/watchfire/deliveries/_retry`: messages that were given up are tried again.
pub(crate) async fn retry(State(api): Api, call: Call) -> Answer {
    change(&api, call, DeadDelivery::TriedAgain).await
}

/// `POST /api/watchfire/deliveries/_drop`: messages that were given up are not to be sent.
pub(crate) async fn drop_them(State(api): Api, call: Call) -> Answer {
    change(&api, call, DeadDelivery::Dropped).await
}

async fn change(api: &crate::service::DetectionApi, call: Call, to: DeadDelivery) -> Answer {
    let (_, caller, object) = call.object().await?;
    let ids = texts(object.get("ids"), "ids")?;
    if ids.is_empty() || ids.len() > MAX_CHANGED {
        return Err(ApiError::bad(format!(
            "`ids` names {} messages, and may name 1 to {MAX_CHANGED}",
            ids.len()
        )));
    }
    let ids: BTreeSet<String> = ids.into_iter().collect();
    let ChangedDeliveries { changed, unchanged, absent } =
        api.database().change_dead_deliveries(&ids, to, &api.actor(&caller)).await?;
    document(json!({ "changed": changed, "unchanged": unchanged, "absent": absent }))
}

fn described(delivery: &Delivery) -> serde_json::Value {
    let mut described = json!({
        "id": delivery.id,
        "rule": delivery.rule,
        "action": delivery.action,
        "connector": delivery.connector,
        "alerts": delivery.alerts,
        "status": delivery.status.name(),
        "attempts": delivery.attempts,
        "created": delivery.created.to_iso_millis(),
        "params": delivery.body,
    });
    if delivery.status == DeliveryStatus::Waiting {
        described["next"] = json!(delivery.due.to_iso_millis());
    }
    if let Some(ended) = delivery.ended {
        described["ended"] = json!(ended.to_iso_millis());
    }
    if !delivery.error.is_empty() {
        described["error"] = json!(delivery.error);
    }
    described
}
