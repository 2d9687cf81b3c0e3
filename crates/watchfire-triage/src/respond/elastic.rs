//! Elastic Defend, through Kibana's API of response actions.

use serde_json::{Map, Value, json};

use super::managed::Managed;
use super::plan::{FollowUp, Order, Step, Steps, Taken, needed, same_host, text_at};
use super::request::{Authorization, Body, Request, Setting, encoded};

const URL: &str = "KIBANA_URL";
const KEY: &str = "KIBANA_API_KEY";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::needed(URL, "the address of Kibana, with its space if that is not the default one"),
    Setting::secret(KEY, "an API key, encoded"),
];

pub(super) fn steps(managed: &Managed, order: &Order, comment: &str) -> Result<Steps, String> {
    let mut notes = Vec::new();
    let mut body = Map::new();
    body.insert("endpoint_ids".to_owned(), json!([managed.agent]));
    body.insert("agent_type".to_owned(), json!("endpoint"));
    body.insert("comment".to_owned(), json!(comment));
    let action = match order {
        Order::Isolate => "isolate",
        Order::Release => "unisolate",
        Order::Kill { process, .. } => {
            let parameters = match (&process.entity_id, process.pid) {
                (Some(id), _) => json!({ "entity_id": id }),
                (None, Some(pid)) => {
                    notes.push(
                        "the alert has no entity id: whichever process has this number by then will end"
                            .to_owned(),
                    );
                    json!({ "pid": pid })
                }
                (None, None) => {
                    return Err("the alert has neither `process.entity_id` nor `process.pid`".to_owned());
                }
            };
            body.insert("parameters".to_owned(), parameters);
            "kill_process"
        }
    };
    let body = Value::Object(body);
    let agent = encoded(&managed.agent);
    let host = managed.host.clone();
    let look = Step::new(
        "ask which host this is",
        move |_| request_of(Request::get(URL, format!("/api/endpoint/metadata/{agent}"), AUTHORIZATION)),
        move |answer, _| {
            let name = ["/metadata/host/hostname", "/metadata/host/name"];
            same_host(host.as_deref(), name.into_iter().find_map(|place| text_at(answer, place)))
        },
    );
    let act = Step::new(
        "ask for it",
        move |_| {
            let path = format!("/api/endpoint/action/{action}");
            request_of(Request::post(URL, path, AUTHORIZATION, Body::Json(body.clone())))
        },
        |answer, taken| {
            taken.put("action", needed(answer, "/data/id")?);
            Ok(())
        },
    );
    let follow_up = FollowUp {
        request: Box::new(|taken: &Taken| {
            let path = format!("/api/endpoint/action/{}", taken.encoded("action"));
            request_of(Request::get(URL, path, AUTHORIZATION))
        }),
        is_done: Box::new(|answer: &Value| {
            if answer.pointer("/data/isCompleted") != Some(&json!(true)) {
                return match answer.pointer("/data/isExpired") {
                    Some(Value::Bool(true)) => Err("it expired: the host did not take it in time".to_owned()),
                    _ => Ok(false),
                };
            }
            match answer.pointer("/data/wasSuccessful") {
                Some(Value::Bool(false)) => {
                    let errors = answer.pointer("/data/errors").map(Value::to_string).unwrap_or_default();
                    Err(format!("the host says that it failed {}", crate::value_text::harmless(&errors)))
                }
                _ => Ok(true),
            }
        }),
    };
    Ok(Steps { each: vec![look, act.acting()], follow_up: Some(follow_up), notes })
}

const AUTHORIZATION: Authorization = Authorization::ApiKey(KEY);

/// A request as Kibana takes it, which wants to know that no page of another site sent it.
fn request_of(mut request: Request) -> Request {
    request.headers.push(("kbn-xsrf", "watchfire"));
    request.headers.push(("elastic-api-version", "2023-10-31"));
    request
}
