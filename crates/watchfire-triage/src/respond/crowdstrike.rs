//! CrowdStrike Falcon.

use serde_json::{Value, json};

use super::managed::{Managed, System};
use super::plan::{FollowUp, Killing, Order, Step, Steps, Taken, needed, same_host, text_at};
use super::request::{Authorization, Body, FormValue, Request, Setting, encoded};

const URL: &str = "FALCON_BASE_URL";
const CLIENT: &str = "FALCON_CLIENT_ID";
const SECRET: &str = "FALCON_CLIENT_SECRET";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::or(URL, "https://api.crowdstrike.com", "the address of your cloud's API"),
    Setting::needed(CLIENT, "the id of an API client"),
    Setting::secret(SECRET, "its secret"),
];

const DEVICES: &str = "/devices/entities/devices/v2?ids=";

pub(super) fn steps(managed: &Managed, order: &Order, comment: &str) -> Result<Steps, String> {
    let token = Step::new(
        "get a token",
        |_| {
            let form = vec![("grant_type", FormValue::Plain("client_credentials"))];
            let authorization = Authorization::Basic(CLIENT, SECRET);
            Request::post(URL, "/oauth2/token".to_owned(), authorization, Body::Form(form))
        },
        |answer, taken| {
            taken.put("token", needed(answer, "/access_token")?);
            Ok(())
        },
    );
    let (device, host) = (encoded(&managed.agent), managed.host.clone());
    let look = Step::new(
        "ask which host this is",
        move |taken| Request::get(URL, format!("{DEVICES}{device}"), Authorization::Bearer(taken.token())),
        move |answer, _| {
            no_errors(answer)?;
            if answer.pointer("/resources/0").is_none() {
                return Err("there is no such device".to_owned());
            }
            same_host(host.as_deref(), text_at(answer, "/resources/0/hostname"))
        },
    );
    let mut steps = Steps { each: vec![token, look], follow_up: None, notes: Vec::new() };
    match order {
        Order::Isolate => contain(managed, ("contain", "contained"), comment, &mut steps),
        Order::Release => contain(managed, ("lift_containment", "normal"), comment, &mut steps),
        Order::Kill { process, .. } => kill(managed, process, &mut steps)?,
    }
    Ok(steps)
}

/// Changes the containment by an action, after which a device has this state.
fn contain(
    managed: &Managed,
    (action, reached): (&'static str, &'static str),
    comment: &str,
    steps: &mut Steps,
) {
    let body = json!({
        "ids": [managed.agent],
        "action_parameters": [{ "name": "comment", "value": comment }],
    });
    let act = Step::new(
        "ask for it",
        move |taken| {
            let path = format!("/devices/entities/devices-actions/v2?action_name={action}");
            Request::post(URL, path, Authorization::Bearer(taken.token()), Body::Json(body.clone()))
        },
        |answer, _| no_errors(answer),
    );
    steps.each.push(act.acting());
    let device = encoded(&managed.agent);
    steps.follow_up = Some(FollowUp {
        request: Box::new(move |taken: &Taken| {
            Request::get(URL, format!("{DEVICES}{device}"), Authorization::Bearer(taken.token()))
        }),
        is_done: Box::new(move |answer: &Value| {
            Ok(text_at(answer, "/resources/0/status").is_some_and(|status| status == reached))
        }),
    });
}

/// Runs a script on the host that ends the process, if the number still is that of a process of the same name.
fn kill(managed: &Managed, process: &Killing, steps: &mut Steps) -> Result<(), String> {
    let pid = process.pid.ok_or("the alert has no `process.pid`")?;
    let system = managed.system.ok_or("the alert does not tell the operating system (`host.os.type`)")?;
    let name = process.plain_name();
    if name.is_none() {
        steps.notes.push(
            "the process has no name that can stand in a script: whichever process has this number by then will end"
                .to_owned(),
        );
    }
    let script = match (system, name) {
        (System::Windows, Some(name)) => {
            // Windows' own names of processes leave out the ending.
            let name = name.strip_suffix(".exe").or_else(|| name.strip_suffix(".EXE")).unwrap_or(name);
            format!(
                "$p = Get-Process -Id {pid} -ErrorAction Stop; if ($p.ProcessName -ne '{name}') {{ throw \"$($p.ProcessName) has this number now\" }}; Stop-Process -Id {pid} -Force -ErrorAction Stop"
            )
        }
        (System::Windows, None) => format!("Stop-Process -Id {pid} -Force -ErrorAction Stop"),
        (System::Linux | System::MacOs, Some(name)) => format!(
            "n=$(basename \"$(ps -p {pid} -o comm=)\"); [ \"$n\" = '{}' ] || {{ echo \"$n has this number now\" >&2; exit 1; }}; kill -9 {pid}",
            // What `ps` has of a name on Linux.
            if system == System::Linux { &name[..name.len().min(15)] } else { name }
        ),
        (System::Linux | System::MacOs, None) => format!("kill -9 {pid}"),
    };
    let command = format!("runscript -Raw=```{script}```");
    let agent = managed.agent.clone();
    let session = Step::new(
        "open a session on the host",
        move |taken| {
            let body = json!({ "host_ids": [agent], "queue_offline": false });
            let path = "/real-time-response/combined/batch-init-session/v1".to_owned();
            Request::post(URL, path, Authorization::Bearer(taken.token()), Body::Json(body))
        },
        |answer, taken| {
            no_errors(answer)?;
            no_errors_of_hosts(answer.pointer("/resources"))?;
            taken.put("batch", needed(answer, "/batch_id")?);
            Ok(())
        },
    );
    let run = Step::new(
        "run the script",
        move |taken| {
            let body = json!({
                "base_command": "runscript",
                "command_string": command,
                "batch_id": taken.get("batch"),
                "persist_all": false,
            });
            let path = "/real-time-response/combined/batch-admin-command/v1".to_owned();
            Request::post(URL, path, Authorization::Bearer(taken.token()), Body::Json(body))
        },
        |answer, _| {
            no_errors(answer)?;
            no_errors_of_hosts(answer.pointer("/combined/resources"))
        },
    );
    steps.each.extend([session, run.acting()]);
    Ok(())
}

/// An answer may be of status 2xx and have errors.
fn no_errors(answer: &Value) -> Result<(), String> {
    match answer.pointer("/errors").and_then(Value::as_array) {
        Some(errors) if !errors.is_empty() => Err(crate::value_text::harmless(&json!(errors).to_string())),
        _ => Ok(()),
    }
}

/// What each host of a session says: errors of its own, and what a script wrote to its error stream.
fn no_errors_of_hosts(hosts: Option<&Value>) -> Result<(), String> {
    let Some(hosts) = hosts.and_then(Value::as_object).filter(|hosts| !hosts.is_empty()) else {
        return Err("no host answered".to_owned());
    };
    for said in hosts.values() {
        no_errors(said)?;
        if let Some(stderr) = text_at(said, "/stderr") {
            return Err(crate::value_text::harmless(stderr));
        }
    }
    Ok(())
}
