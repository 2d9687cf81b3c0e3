//! Each case is a file: what is configured, what happens, and beside it what was sent.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use watchfire_actions::ActionSettings;
use watchfire_detect::ExecutionWindow;
use watchfire_state::{Actor, Arrived, DeadDelivery, DeliveryStatus, StateOptions};
use watchfire_test_support::{postgres_database, text_cases};

use crate::receivers::Receivers;
use crate::world::{World, WrittenConnector, at, event, run};

/// How long anything may take: much longer than it does.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows.
    about: String,
    rules: Vec<String>,
    #[serde(default)]
    connectors: Vec<WrittenConnector>,
    #[serde(default)]
    settings: Settings,
    /// Answers by HTTP, one after another.
    #[serde(default)]
    answers: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    back_fills: bool,
    public_url: Option<String>,
    most_attempts: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: String,
    /// Events that arrive a second before.
    #[serde(default)]
    events: Vec<String>,
    /// They are looked at when they arrive.
    #[serde(default)]
    look: bool,
    /// Whether nothing is executed.
    #[serde(default)]
    idle: bool,
    /// Rules that are changed before.
    #[serde(default)]
    rules: Vec<String>,
    /// All rules run over the minutes before this time.
    by_hand_minutes: Option<i64>,
    /// What is done with dead deliveries before.
    #[serde(default)]
    retry: bool,
    #[serde(default)]
    drop: bool,
    /// Rules that are taken away before.
    #[serde(default)]
    remove_rules: bool,
}

#[test]
fn what_is_sent_is_what_stands_beside_the_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, text) in text_cases(&folder, "toml") {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}/state.db", folder.path().display());
        let shown = run(show(&text, url));
        settings.bind(|| insta::assert_snapshot!(&*name, shown));
        if let Some(url) = run(postgres_database()) {
            assert_eq!(run(show(&text, url)), shown, "{name} on PostgreSQL");
        }
    }
}

async fn show(text: &str, url: String) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let receivers = Receivers::start().await;
    let here = folder.path().display().to_string();
    let text = [
        ("{HTTP}", format!("http://127.0.0.1:{}", receivers.http)),
        ("{SMTP}", receivers.smtp.to_string()),
        ("{UDP}", receivers.udp.to_string()),
        ("{TCP}", receivers.tcp.to_string()),
        ("{FOLDER}", here.clone()),
    ]
    .iter()
    .fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    receivers.answer(case.answers);
    let world = World::open(&StateOptions::new(url), &Arc::default()).await;
    let settings = ActionSettings {
        back_fills: case.settings.back_fills,
        public_url: case.settings.public_url,
        most_attempts: case.settings.most_attempts.unwrap_or(12),
        timeout: Duration::from_secs(20),
        ..ActionSettings::default()
    };
    let mut shown = format!("{}\n", case.about.trim());
    let mut syslog_seen = 0;
    let first = at(&case.steps.first().expect("something happens").at);
    let start = first.plus_nanos(-300_000_000_000);
    world.clock.set(start);
    for rule in &case.rules {
        world.install(rule, start).await;
    }
    for step in &case.steps {
        let now = at(&step.at);
        world.clock.set(now);
        let by = Actor { name: "analyst", at: now };
        for rule in &step.rules {
            world.install(rule, now).await;
        }
        let dead = world.database.deliveries(DeliveryStatus::Dead, 0, 100).await.expect("they can be read");
        let dead: std::collections::BTreeSet<String> = dead.into_iter().map(|dead| dead.id).collect();
        let wanted = [(step.retry, DeadDelivery::TriedAgain), (step.drop, DeadDelivery::Dropped)];
        for (_, to) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            let done = world.database.change_dead_deliveries(&dead, to, &by).await.expect("they are changed");
            assert_eq!((done.changed, done.unchanged, done.absent), (dead.len() as u64, 0, 0));
        }
        if step.remove_rules {
            for rule in world.database.rules().await.expect("rules can be read") {
                world.database.remove_rule(&rule.id, now).await.expect("it goes");
            }
        }
        let arrives = now.plus_nanos(-1_000_000_000);
        let events: Vec<_> = step.events.iter().map(|document| event(document, arrives)).collect();
        events.iter().for_each(|event| world.events.push(event.clone()));
        if step.look {
            let events = events.into_iter().map(Into::into).collect();
            world.scheduler.look(Arrived { events, left_out: 0 }, now).await.expect("the look ends");
        } else if !step.idle {
            world.scheduler.tick().await.expect("the tick ends");
        }
        if let Some(minutes) = step.by_hand_minutes {
            let rules = world.database.rules().await.expect("rules can be read");
            let rules: Vec<String> = rules.into_iter().map(|rule| rule.id).collect();
            let from = now.plus_nanos(-i128::from(minutes) * 60_000_000_000);
            let span = ExecutionWindow { from, to: now };
            world.scheduler.run_range(&rules, span).await.expect("the run ends");
        }
        // A server that starts anew with each step: nothing may depend on what it remembers.
        let received = receivers.received.clone();
        let log = Arc::new(move |line: &Value| received.add(format!("log\n  {line}")));
        let dispatcher = world.dispatcher(settings.clone(), &case.connectors, log);
        let report = dispatcher.step(now).await.expect("the step ends");
        let sent = world.database.deliveries(DeliveryStatus::Sent, 0, 1_000).await.expect("they can be read");
        let of_syslog = sent.iter().filter(|delivery| {
            let is_its = |one: &&WrittenConnector| one.id == delivery.connector;
            case.connectors.iter().find(is_its).is_some_and(|one| one.connector_type == ".syslog")
        });
        let of_syslog = of_syslog.count();
        write_step(&mut shown, step, &report, &settle(&receivers, of_syslog - syslog_seen).await, &here);
        syslog_seen = of_syslog;
    }
    for status in DeliveryStatus::ALL {
        for delivery in world.database.deliveries(status, 0, 100).await.expect("they can be read") {
            let due = if status == DeliveryStatus::Waiting {
                format!(", next at {}", delivery.due.to_iso_millis())
            } else {
                String::new()
            };
            let why = if delivery.error.is_empty() { String::new() } else { format!(": {}", delivery.error) };
            let _ = writeln!(
                shown,
                "\n{}: to {}, of {} alerts, {} attempts{due}{}",
                status.name(),
                delivery.connector,
                delivery.alerts,
                delivery.attempts,
                why.replace(&here, "FOLDER")
            );
        }
    }
    if let Ok(lines) = fs::read_to_string(folder.path().join("alerts.ndjson")) {
        let _ = writeln!(shown, "\nalerts.ndjson\n{}", lines.trim_end());
    }
    shown
}

/// What receivers got, when so many messages of syslog have come: nobody answers these.
async fn settle(receivers: &Receivers, of_syslog: usize) -> Vec<String> {
    let until = Instant::now() + PATIENCE;
    let mut got = receivers.received.take();
    while got.iter().filter(|message| message.starts_with("syslog")).count() < of_syslog {
        assert!(Instant::now() < until, "{of_syslog} messages of syslog were sent: {got:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        got.extend(receivers.received.take());
    }
    // Connectors do not wait for each other; what goes to one comes in order.
    got.sort_by_key(|message| message.lines().next().map(str::to_owned));
    got
}

fn write_step(
    shown: &mut String,
    step: &Step,
    report: &watchfire_actions::StepReport,
    got: &[String],
    here: &str,
) {
    let _ = write!(shown, "\n== {}", step.at);
    for (number, what) in [
        (report.decided, "decided"),
        (report.sent, "sent"),
        (report.put_off, "put off"),
        (report.filtered, "left out by a filter"),
        (report.of_runs_by_hand, "alerts of runs by hand"),
        (report.without_rule, "alerts without their rule"),
    ] {
        if number > 0 {
            let _ = write!(shown, " · {number} {what}");
        }
    }
    shown.push('\n');
    for (_, why) in &report.dead {
        let _ = writeln!(shown, "dead: {}", why.replace(here, "FOLDER"));
    }
    for note in &report.notes {
        let _ = writeln!(shown, "note: {note}");
    }
    for message in got {
        let _ = writeln!(shown, "{message}");
    }
}
