//! `GET /api/watchfire/audit`: who changed what, when; the latest first.

use axum::extract::State;
use serde_json::json;

use crate::answer::{Answer, document};
use crate::request::{Api, Call};

/// The handler.
pub(crate) async fn entries(State(api): Api, call: Call) -> Answer {
    let page = call.parameters.page()?;
    let skip = u32::try_from((page.page - 1).saturating_mul(page.per_page)).unwrap_or(u32::MAX);
    let entries = api.database().audit(skip, page.per_page as u32).await?;
    let entry = |entry: &watchfire_state::AuditEntry| {
        json!({
            "number": entry.number,
            "at": entry.at.to_iso_millis(),
            "actor": entry.actor,
            "action": entry.action,
            "kind": entry.kind,
            "object": entry.object,
            "body": entry.body,
        })
    };
    document(json!({
        "page": page.page,
        "per_page": page.per_page,
        "total": api.database().audit_count().await?,
        "data": entries.iter().map(entry).collect::<Vec<_>>(),
    }))
}
