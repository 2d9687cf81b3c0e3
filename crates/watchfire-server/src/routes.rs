//! The paths, and who may take them.

mod about;
mod documents;
mod raw;
mod search;
mod set_up;
mod streams;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post, put};

use crate::api_key::Role;
use crate::error::{ApiError, json_answer};
use crate::filter_path::FilterPath;
use crate::media;
use crate::state::Server;

/// The parameters of a request, the unknown ones among them: they are not looked at, as shippers send many.
type Parameters = Query<BTreeMap<String, String>>;

/// Who may take a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Who has any key.
    AnyKey,
    /// Who has a key of this role, or of one that includes it.
    Of(Role),
}

/// Who sends a request. Handlers of [`FurtherRoutes`] find it among the extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the key, or `local` where nobody is asked for one.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
}

impl Caller {
    /// Who is there where nobody is asked for a key.
    fn local() -> Self {
        Self { name: "local".into(), role: Role::Admin }
    }
}

/// Paths of another interface, which a server serves beside its own.
#[derive(Clone, Debug)]
pub struct FurtherRoutes {
    /// Who may take them; without it, whoever has a key.
    pub role: Option<Role>,
    /// The paths.
    pub routes: Router,
    /// How a request is refused that has no key, or one of another role: the status and why.
    pub refuse: Refuse,
}

/// An answer that refuses a request: of its status, and why.
pub type Refuse = fn(StatusCode, &str) -> Response;

fn refuse(status: StatusCode, reason: &str) -> Response {
    ApiError::new(status, "security_exception", reason).into_response()
}

/// All paths of a server.
pub fn router(server: Arc<Server>) -> Router {
    let guarded_by = |access: Access, refuse: Refuse, router: Router<Arc<Server>>| {
        router.route_layer(from_fn_with_state((Arc::clone(&server), access, refuse), guard))
    };
    let guarded = |access: Access, router: Router<Arc<Server>>| guarded_by(access, refuse, router);
    let open = Router::new()
        .route("/api/watchfire/health", get(about::health))
        .route("/api/watchfire/ready", get(about::ready));
    let of_any = guarded(
        Access::AnyKey,
        Router::new()
            .route("/", get(about::root))
            .route("/_license", get(about::license))
            .route("/_xpack", get(about::features))
            .route("/_cluster/health", get(about::cluster_health))
            .route("/_cat/health", get(about::cat_health))
            .route("/{index}", get(set_up::index))
            .route("/_index_template", get(set_up::all))
            .route("/_component_template", get(set_up::all))
            .route("/_template", get(set_up::all))
            .route("/_ilm/policy", get(set_up::all))
            .route("/_ingest/pipeline", get(set_up::all))
            .route("/_data_stream", get(set_up::all))
            .route("/_index_template/{name}", get(set_up::one))
            .route("/_component_template/{name}", get(set_up::one))
            .route("/_template/{name}", get(set_up::one))
            .route("/_ilm/policy/{name}", get(set_up::one))
            .route("/_ingest/pipeline/{name}", get(set_up::one))
            .route("/_data_stream/{name}", get(set_up::one)),
    );
    let of_readers = guarded(
        Access::Of(Role::Reader),
        Router::new()
            .route("/_cat/indices", get(streams::cat))
            .route("/_cat/indices/{names}", get(streams::cat_some))
            .route("/_resolve/index/{names}", get(streams::resolve))
            .route("/api/watchfire/streams", get(streams::list))
            .route("/metrics", get(streams::metrics)),
    );
    let of_shippers = guarded(
        Access::Of(Role::Shipper),
        Router::new()
            .route("/_bulk", writing(documents::bulk))
            .route("/_bulk/", writing(documents::bulk))
            .route("/{index}", put(set_up::put_index))
            .route("/{index}/_bulk", writing(documents::bulk_of_index))
            .route("/{index}/_bulk/", writing(documents::bulk_of_index))
            .route("/{index}/_doc", post(documents::without_id))
            .route("/{index}/_doc/{id}", writing(documents::with_id))
            .route("/{index}/_create/{id}", writing(documents::create))
            .route("/_index_template/{name}", writing(set_up::put).delete(set_up::delete))
            .route("/_component_template/{name}", writing(set_up::put).delete(set_up::delete))
            .route("/_template/{name}", writing(set_up::put).delete(set_up::delete))
            .route("/_ilm/policy/{name}", writing(set_up::put).delete(set_up::delete))
            .route("/_ingest/pipeline/{name}", writing(set_up::put).delete(set_up::delete))
            .route("/_data_stream/{name}", writing(set_up::put).delete(set_up::delete))
            .route("/api/watchfire/ingest", writing(raw::any_source))
            .route("/api/watchfire/ingest/{source}", writing(raw::of_source)),
    );
    let of_readers = if server.searches.is_some() {
        of_readers.merge(guarded(Access::Of(Role::Reader), search::routes()))
    } else {
        of_readers
    };
    let own = open.merge(of_any).merge(of_readers).merge(of_shippers);
    let all = server.further.iter().fold(own, |all, FurtherRoutes { role, routes, refuse }| {
        let access = role.map_or(Access::AnyKey, Access::Of);
        all.merge(guarded_by(access, *refuse, routes.clone().with_state(())))
    });
    all.fallback(any(nothing_here))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(media::with_headers))
        .with_state(server)
}

/// A handler of `POST` and `PUT`, which mean the same here.
fn writing<H, T>(handler: H) -> MethodRouter<Arc<Server>>
where
    H: axum::handler::Handler<T, Arc<Server>>,
    T: 'static,
{
    post(handler.clone()).put(handler)
}

/// Lets a request through if its key allows it.
async fn guard(
    State((server, access, refuse)): State<(Arc<Server>, Access, Refuse)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(keys) = &server.keys else {
        request.extensions_mut().insert(Caller::local());
        return next.run(request).await;
    };
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = header.and_then(|header| {
        let keys = keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.holder(header).map(|(name, role)| Caller { name: name.into(), role })
    });
    match (caller, access) {
        // Whoever has a key is not kept out by those who try.
        (None, _) if server.has_too_many_failures() => {
            ApiError::busy("too many requests came without a valid key").into_response()
        }
        (None, _) => {
            server.count_failure();
            let reason = if header.is_none() { "the request has no key" } else { "the key is not valid" };
            let mut response = refuse(StatusCode::UNAUTHORIZED, reason);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
            response
        }
        (Some(Caller { role, .. }), Access::Of(needed)) if !role.includes(needed) => refuse(
            StatusCode::FORBIDDEN,
            &format!("a key of the role `{role}` may not do what a {needed} may"),
        ),
        (Some(caller), _) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    }
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is nothing at `{}`", uri.path()))
}

async fn wrong_method(uri: Uri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed_exception",
        format!("`{}` does not take this method", uri.path()),
    )
}

/// An answer with the parts that were asked for.
fn answer(
    status: StatusCode,
    document: serde_json::Value,
    parameters: &BTreeMap<String, String>,
) -> Response {
    match parameters.get("filter_path") {
        Some(filter) => json_answer(status, &FilterPath::new(filter).apply(document)),
        None => json_answer(status, &document),
    }
}
