//! A search that answers what it was asked.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use watchfire_server::{Search, SearchRefusal, SearchRequest};

/// Answers with the request, refuses what asks for it, and waits where the index is `waiting`.
#[derive(Default)]
pub(crate) struct Echo {
    began: Arc<Notify>,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Echo {
    /// Begins a search that waits; when this is done, it has its turn.
    pub(crate) async fn begin_waiting(&self, router: Router) -> JoinHandle<u16> {
        let began = Arc::clone(&self.began);
        let request = Request::get("/waiting/_search").body(Body::empty()).expect("a request");
        let answer =
            tokio::spawn(async move { router.oneshot(request).await.expect("an answer").status().as_u16() });
        began.notified().await;
        answer
    }

    /// Lets it end.
    pub(crate) fn end_waiting(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl Search for Echo {
    fn answer(&self, request: &SearchRequest) -> Result<Value, SearchRefusal> {
        if request.index.as_deref() == Some("waiting") {
            self.began.notify_one();
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.changed.wait_while(ended, |ended| !*ended).unwrap_or_else(PoisonError::into_inner));
        }
        if let Some(reason) = request.parameters.get("refuse") {
            let kind = "parsing_exception";
            return Err(SearchRefusal { status: 400, kind, reason: reason.clone() });
        }
        Ok(json!({
            "endpoint": format!("{:?}", request.endpoint),
            "index": request.index,
            "name": request.name,
            "parameters": request.parameters,
            "body": String::from_utf8_lossy(&request.body),
            "now": request.now.to_iso_millis(),
            "seconds": request.time_limit.as_secs(),
        }))
    }
}
