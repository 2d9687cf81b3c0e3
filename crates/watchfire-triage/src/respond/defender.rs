//! Microsoft Defender for Endpoint.

use serde_json::{Value, json};

use super::managed::Managed;
use super::plan::{FollowUp, Killing, Order, Step, Steps, Taken, needed, same_host, text_at};
use super::request::{Authorization, Body, FormValue, Request, Setting, encoded};

const URL: &str = "DEFENDER_API_URL";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";
const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::or(URL, "https://api.security.microsoft.com", "the address of the API"),
    Setting::or(AUTHORITY, "https://login.microsoftonline.com", "where tokens are given out"),
    Setting::needed(TENANT, "the id of your tenant"),
    Setting::needed(CLIENT, "the id of an application"),
    Setting::secret(SECRET, "its secret"),
];

pub(super) fn steps(managed: &Managed, order: &Order, comment: &str) -> Result<Steps, String> {
    let token = Step::new(
        "get a token",
        |_| {
            let form = vec![
                ("grant_type", FormValue::Plain("client_credentials")),
                ("client_id", FormValue::Setting(CLIENT)),
                ("client_secret", FormValue::Setting(SECRET)),
                (
                    "scope",
                    FormValue::Plain("https://securitycenter.onmicrosoft.com/windowsatpservice/.default"),
                ),
            ];
            let path = format!("/{{{TENANT}}}/oauth2/v2.0/token");
            Request::post(AUTHORITY, path, Authorization::None, Body::Form(form))
        },
        |answer, taken| {
            taken.put("token", needed(answer, "/access_token")?);
            Ok(())
        },
    );
    let (machine, host) = (encoded(&managed.agent), managed.host.clone());
    let look = Step::new(
        "ask which host this is",
        move |taken| {
            Request::get(URL, format!("/api/machines/{machine}"), Authorization::Bearer(taken.token()))
        },
        move |answer, _| same_host(host.as_deref(), text_at(answer, "/computerDnsName")),
    );
    let mut steps = Steps { each: vec![token, look], follow_up: None, notes: Vec::new() };
    let (action, body) = match order {
        Order::Isolate => ("isolate", json!({ "Comment": comment, "IsolationType": "Full" })),
        Order::Release => ("unisolate", json!({ "Comment": comment })),
        Order::Kill { process, script } => {
            let script = script.as_deref().ok_or(
                "Defender ends a process by a script of your library (`--script NAME`); it gets `-ProcessId` and `-Name`",
            )?;
            ("runliveresponse", kill(process, script, comment, &mut steps)?)
        }
    };
    let machine = encoded(&managed.agent);
    let act = Step::new(
        "ask for it",
        move |taken| {
            let path = format!("/api/machines/{machine}/{action}");
            Request::post(URL, path, Authorization::Bearer(taken.token()), Body::Json(body.clone()))
        },
        |answer, taken| {
            taken.put("action", needed(answer, "/id")?);
            Ok(())
        },
    );
    steps.each.push(act.acting());
    steps.follow_up = Some(FollowUp {
        request: Box::new(|taken: &Taken| {
            let path = format!("/api/machineactions/{}", taken.encoded("action"));
            Request::get(URL, path, Authorization::Bearer(taken.token()))
        }),
        is_done: Box::new(|answer: &Value| match text_at(answer, "/status") {
            Some("Succeeded") => Ok(true),
            Some(status @ ("Failed" | "TimeOut" | "Cancelled")) => {
                let why = text_at(answer, "/errorHResult").unwrap_or_default();
                Err(crate::value_text::harmless(format!("{status} {why}").trim()))
            }
            _ => Ok(false),
        }),
    });
    Ok(steps)
}

/// The body that runs a script of the library, which is looked for before.
fn kill(process: &Killing, script: &str, comment: &str, steps: &mut Steps) -> Result<Value, String> {
    let pid = process.pid.ok_or("the alert has no `process.pid`")?;
    let arguments = match process.plain_name() {
        Some(name) => format!("-ProcessId {pid} -Name {name}"),
        None => {
            steps.notes.push(
                "the process has no name that can stand in arguments: the script gets its number alone"
                    .to_owned(),
            );
            format!("-ProcessId {pid}")
        }
    };
    let wanted = script.to_owned();
    steps.each.push(Step::new(
        "look whether the library has the script",
        |taken| Request::get(URL, "/api/libraryfiles".to_owned(), Authorization::Bearer(taken.token())),
        move |answer, _| {
            let files = answer.pointer("/value").and_then(Value::as_array);
            let has_it = files.into_iter().flatten().any(|file| {
                text_at(file, "/fileName").is_some_and(|name| name.eq_ignore_ascii_case(&wanted))
            });
            if has_it { Ok(()) } else { Err(format!("the library has no `{wanted}`")) }
        },
    ));
    Ok(json!({
        "Comment": comment,
        "Commands": [{
            "type": "RunScript",
            "params": [
                { "key": "ScriptName", "value": script },
                { "key": "Args", "value": arguments },
            ],
        }],
    }))
}
