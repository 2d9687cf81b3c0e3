//! SentinelOne Singularity.

use serde_json::{Value, json};

use super::managed::{Managed, System};
use super::plan::{FollowUp, Killing, Order, Step, Steps, Taken, needed, same_host, text_at};
use super::request::{Authorization, Body, Request, Setting, encoded};

const URL: &str = "SENTINELONE_URL";
const TOKEN: &str = "SENTINELONE_API_TOKEN";
const API: &str = "/web/api/v2.1";

pub(super) const SETTINGS: &[Setting] =
    &[Setting::needed(URL, "the address of your console"), Setting::secret(TOKEN, "an API token")];

const AUTHORIZATION: Authorization = Authorization::ApiToken(TOKEN);

pub(super) fn steps(managed: &Managed, order: &Order, comment: &str) -> Result<Steps, String> {
    let (uuid, host) = (encoded(&managed.agent), managed.host.clone());
    let look = Step::new(
        "ask which host this is",
        move |_| Request::get(URL, format!("{API}/agents?uuids={uuid}"), AUTHORIZATION),
        move |answer, taken| {
            match answer.pointer("/data").and_then(Value::as_array).map_or(0, Vec::len) {
                0 => return Err("there is no such agent".to_owned()),
                1 => {}
                several => return Err(format!("{several} agents have this id")),
            }
            same_host(host.as_deref(), text_at(answer, "/data/0/computerName"))?;
            taken.put("agent", needed(answer, "/data/0/id")?);
            Ok(())
        },
    );
    let mut steps = Steps { each: vec![look], follow_up: None, notes: Vec::new() };
    match order {
        Order::Isolate => switch("disconnect", "disconnected", &mut steps),
        Order::Release => switch("connect", "connected", &mut steps),
        Order::Kill { process, .. } => kill(managed, process, comment, &mut steps)?,
    }
    Ok(steps)
}

/// Changes whether the host has a network, after which it has this state.
fn switch(action: &'static str, reached: &'static str, steps: &mut Steps) {
    let act = Step::new(
        "ask for it",
        move |taken| {
            let body = json!({ "filter": { "ids": [taken.get("agent")] } });
            Request::post(URL, format!("{API}/agents/actions/{action}"), AUTHORIZATION, Body::Json(body))
        },
        |answer, _| affected(answer),
    );
    steps.each.push(act.acting());
    steps.notes.push("SentinelOne keeps no comment beside this action".to_owned());
    steps.follow_up = Some(FollowUp {
        request: Box::new(|taken: &Taken| {
            Request::get(URL, format!("{API}/agents?ids={}", taken.encoded("agent")), AUTHORIZATION)
        }),
        is_done: Box::new(move |answer: &Value| {
            Ok(text_at(answer, "/data/0/networkStatus").is_some_and(|status| status == reached))
        }),
    });
}

/// Runs SentinelOne's own script that ends processes by their name.
fn kill(managed: &Managed, process: &Killing, comment: &str, steps: &mut Steps) -> Result<(), String> {
    let name = process.name.as_deref().ok_or("the alert has no `process.name`")?;
    let name = process.plain_name().ok_or_else(|| {
        format!("`{}` cannot stand in the arguments of a script", crate::value_text::harmless(name))
    })?;
    let system = managed.system.ok_or("the alert does not tell the operating system (`host.os.type`)")?;
    let arguments = match system {
        System::Windows => format!("-Terminate -Processes \"{name}\" -Force"),
        System::Linux | System::MacOs => format!("--terminate --processes \"{name}\" --force"),
    };
    steps.notes.push("SentinelOne ends processes by name: all of this name on the host will end".to_owned());
    let find = Step::new(
        "look for SentinelOne's script that ends processes",
        move |_| {
            let path =
                format!("{API}/remote-scripts?query=terminate&scriptType=action&osTypes={}", system.name());
            Request::get(URL, path, AUTHORIZATION)
        },
        |answer, taken| {
            let scripts = answer.pointer("/data").and_then(Value::as_array);
            // One that a customer wrote may do anything.
            let is_it = |script: &&Value| {
                let input = text_at(script, "/inputInstructions").unwrap_or_default().to_lowercase();
                text_at(script, "/creator") == Some("SentinelOne")
                    && text_at(script, "/creatorId") == Some("-1")
                    && input.contains("-terminate")
                    && input.contains("-processes")
            };
            let script = scripts.into_iter().flatten().find(is_it);
            let script = script.ok_or("SentinelOne has no such script for this system")?;
            taken.put("script", needed(script, "/id")?);
            Ok(())
        },
    );
    // Consoles refuse longer ones.
    let description: String = comment.chars().take(99).collect();
    let run = Step::new(
        "run it",
        move |taken| {
            let body = json!({
                "filter": { "ids": [taken.get("agent")] },
                "data": {
                    "scriptId": taken.get("script"),
                    "taskDescription": description,
                    "inputParams": arguments,
                    "outputDestination": "SentinelCloud",
                    "requiresApproval": false,
                },
            });
            Request::post(URL, format!("{API}/remote-scripts/execute"), AUTHORIZATION, Body::Json(body))
        },
        |answer, taken| {
            affected(answer)?;
            taken.put("task", needed(answer, "/data/parentTaskId")?);
            Ok(())
        },
    );
    steps.each.extend([find, run.acting()]);
    steps.follow_up = Some(FollowUp {
        request: Box::new(|taken: &Taken| {
            let path = format!("{API}/remote-scripts/status?parent_task_id={}", taken.encoded("task"));
            Request::get(URL, path, AUTHORIZATION)
        }),
        is_done: Box::new(|answer: &Value| match text_at(answer, "/data/0/status") {
            Some("completed") => Ok(true),
            Some(status @ ("failed" | "canceled" | "expired")) => {
                let detail = text_at(answer, "/data/0/detailedStatus").unwrap_or_default();
                Err(crate::value_text::harmless(format!("{status} {detail}").trim()))
            }
            _ => Ok(false),
        }),
    });
    Ok(())
}

/// An answer says on how many agents there was an effect.
fn affected(answer: &Value) -> Result<(), String> {
    match answer.pointer("/data/affected").and_then(Value::as_u64) {
        Some(0) => Err("no agent was affected".to_owned()),
        Some(_) => Ok(()),
        None => Err("the answer has no `/data/affected`".to_owned()),
    }
}
