//! The paths, by the role that they need.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get, post, put};
use watchfire_server::{FurtherRoutes, Role};

use crate::answer::refuse;
use crate::exceptions::{items, lists, transfer};
use crate::request::check_origin;
use crate::rules::{bulk, crud, export, find, import, prebuilt, preview};
use crate::service::DetectionApi;
use crate::{about, alerts, audit, deliveries, openapi, triage, value_lists};

type Routes = Router<Arc<DetectionApi>>;

/// The paths of the detection API, for [`watchfire_server::Server::with_routes`]: at their own places and, as clients that
/// name a space send them, below `/s/default`.
pub fn routes(api: &Arc<DetectionApi>) -> Vec<FurtherRoutes> {
    let all = [
        (None, of_any()),
        (Some(Role::Reader), of_readers()),
        (Some(Role::Analyst), of_analysts()),
        (Some(Role::Engineer), of_engineers()),
    ];
    let further = |(role, routes): (Option<Role>, Routes)| {
        let in_space =
            Router::new().nest("/s/{space}", routes.clone()).route_layer(from_fn(about::check_space));
        let routes = routes.merge(in_space).route_layer(from_fn(check_origin));
        FurtherRoutes { role, routes: routes.with_state(Arc::clone(api)), refuse }
    };
    all.into_iter().map(further).collect()
}

fn of_any() -> Routes {
    Router::new()
        .route("/api/status", get(about::status))
        .route("/api/spaces/space", get(about::spaces))
        .route("/internal/security/me", get(about::me))
        .route("/logout", get(about::logout))
        .route("/api/detection_engine/privileges", get(about::privileges))
        .route("/api/lists/privileges", get(about::list_privileges))
        .route("/api/watchfire/openapi.json", get(openapi::document))
        .route("/api/detection_engine/{*rest}", any(about::nothing_here))
}

fn of_readers() -> Routes {
    Router::new()
        .route("/api/detection_engine/rules", get(crud::read))
        .route("/api/detection_engine/rules/_find", get(find::rules))
        .route("/api/detection_engine/rules/_export", post(export::export))
        // Who may only read can only export by it.
        .route("/api/detection_engine/rules/_bulk_action", post(bulk::action))
        .route("/api/detection_engine/rules/prepackaged/_status", get(prebuilt::status))
        .route("/api/detection_engine/tags", get(crud::tags))
        .route("/api/detection_engine/index", get(about::index))
        .route("/api/detection_engine/signals/search", post(alerts::search))
        .route("/api/exception_lists", get(lists::read))
        .route("/api/exception_lists/_find", get(lists::find_lists))
        .route("/api/exception_lists/summary", get(lists::summary))
        .route("/api/exception_lists/_export", post(transfer::export))
        .route("/api/exception_lists/items", get(items::read))
        .route("/api/exception_lists/items/_find", get(items::find_items))
        .route("/api/endpoint_list/items", get(items::read_of_endpoint))
        .route("/api/endpoint_list/items/_find", get(items::find_of_endpoint))
        .route("/api/lists", get(value_lists::read))
        .route("/api/lists/_find", get(value_lists::find_lists))
        .route("/api/lists/index", get(value_lists::index))
        .route("/api/lists/items", get(value_lists::read_value))
        .route("/api/lists/items/_find", get(value_lists::find_values))
        .route("/api/lists/items/_export", post(value_lists::export))
        .route("/api/watchfire/alerts/{id}/triage", get(triage::answer))
        .route("/api/watchfire/alerts/{id}/sweep", get(triage::sweep))
        .route("/api/watchfire/audit", get(audit::entries))
        .route("/api/watchfire/deliveries", get(deliveries::list))
}

fn of_analysts() -> Routes {
    Router::new()
        .route("/api/detection_engine/signals/status", post(alerts::set_status))
        .route("/api/detection_engine/signals/tags", post(alerts::set_tags))
        .route("/api/detection_engine/signals/assignees", post(alerts::set_assignees))
        .route("/api/detection_engine/rules/preview", post(preview::preview))
        .route("/api/watchfire/deliveries/_retry", post(deliveries::retry))
        .route("/api/watchfire/deliveries/_drop", post(deliveries::drop_them))
}

fn of_engineers() -> Routes {
    Router::new()
        .route(
            "/api/detection_engine/rules",
            post(crud::create).put(crud::replace).patch(crud::patch).delete(crud::remove),
        )
        .route("/api/detection_engine/rules/_bulk_create", post(crud::create_many))
        .route("/api/detection_engine/rules/_bulk_update", put(crud::replace_many).patch(crud::patch_many))
        .route("/api/detection_engine/rules/_bulk_delete", post(crud::remove_many).delete(crud::remove_many))
        .route("/api/detection_engine/rules/_import", post(import::import))
        .route("/api/detection_engine/rules/prepackaged", put(prebuilt::install))
        .route("/api/detection_engine/rules/{id}/exceptions", post(items::create_of_rule))
        .route("/api/detection_engine/index", post(about::acknowledge).delete(about::keep_index))
        .route("/api/exception_lists", post(lists::create).put(lists::replace).delete(lists::remove))
        .route("/api/exception_lists/_import", post(transfer::import))
        .route("/api/exception_lists/_duplicate", post(transfer::duplicate))
        .route("/api/exception_lists/items", post(items::create).put(items::replace).delete(items::remove))
        .route("/api/exceptions/shared", post(lists::create_shared))
        .route("/api/endpoint_list", post(lists::create_endpoint_list))
        .route(
            "/api/endpoint_list/items",
            post(items::create_of_endpoint).put(items::replace_of_endpoint).delete(items::remove_of_endpoint),
        )
        .route(
            "/api/lists",
            post(value_lists::create)
                .put(value_lists::change)
                .patch(value_lists::change)
                .delete(value_lists::remove),
        )
        .route("/api/lists/index", post(about::acknowledge).delete(value_lists::keep_index))
        .route("/api/lists/items", post(value_lists::add_value).delete(value_lists::remove_value))
        .route("/api/lists/items/_import", post(value_lists::import))
}
