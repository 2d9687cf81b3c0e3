//! What people change: revisions, the schedule of rules, and the audit log, which is written with each change or not at all.

use serde_json::{Value, json};
use watchfire_rules::model::Rule;
use watchfire_state::{Actor, StateChange, StateDatabase, StateError, Triage, Triaged};

use crate::any_grid::{rules, start};
use crate::support::{databases, minutes, run};

fn put(rule: &Rule) -> StateChange {
    StateChange::PutRule { rule: Box::new(rule.clone()), source: "test".to_owned() }
}

/// What was noted, the first first: who, what, of which kind.
async fn noted(database: &StateDatabase) -> Vec<(String, String, String)> {
    let entries = database.audit(0, 100).await.expect("the audit log can be read");
    assert_eq!(database.audit_count().await.expect("it can be counted"), entries.len() as u64);
    let mut noted: Vec<_> =
        entries.into_iter().map(|entry| (entry.actor, entry.action, entry.kind)).collect();
    noted.reverse();
    noted
}

#[test]
fn what_a_rule_is_counts_and_whether_it_runs_does_not() {
    run(async {
        for options in databases().await {
            let database = StateDatabase::open(&options.options).await.expect("it can be opened");
            let mut rule = rules()[0].clone();
            rule.enabled = Some(false);
            let by = |name, minute| Actor { name, at: start().plus_nanos(minutes(minute)) };
            database.apply(vec![put(&rule)], &by("ana", 0)).await.expect("it is made");
            let rule_id = rule.rule_id.as_ref().expect("it has an id").to_string();
            let kept = || async {
                let found = database.rule_by_rule_id(&rule_id).await.expect("rules can be read");
                found.expect("it is there")
            };
            let first = kept().await;
            assert_eq!((first.revision, first.scheduled_from), (0, None));
            assert_eq!(first.rule.server.created_by.as_deref(), Some("ana"));

            rule.enabled = Some(true);
            database.apply(vec![put(&rule)], &by("ben", 1)).await.expect("it is changed");
            let second = kept().await;
            assert_eq!((second.revision, second.scheduled_from), (0, Some(by("ben", 1).at)));
            assert_eq!(second.rule.server.created_by.as_deref(), Some("ana"));
            assert_eq!(second.rule.server.updated_by.as_deref(), Some("ben"));

            rule.name.push_str(", changed");
            database.apply(vec![put(&rule), put(&rule)], &by("ana", 2)).await.expect("it is changed");
            let third = kept().await;
            assert_eq!((third.revision, third.scheduled_from), (1, second.scheduled_from));
            assert_eq!(third.created, first.created);

            database
                .apply(vec![StateChange::RemoveRule(third.id)], &by("ben", 3))
                .await
                .expect("it is there");
            let triple = |who: &str, what: &str| (who.to_owned(), what.to_owned(), "rule".to_owned());
            let expected = [
                triple("ana", "created"),
                triple("ben", "enabled"),
                triple("ana", "changed"),
                triple("ben", "removed"),
            ];
            assert_eq!(noted(&database).await, expected, "{}", options.name);
            database.close().await;
        }
    });
}

#[test]
fn changes_are_made_together_or_not_at_all() {
    run(async {
        for options in databases().await {
            let database = StateDatabase::open(&options.options).await.expect("it can be opened");
            let by = Actor { name: "ana", at: start() };
            let list = json!({ "list_id": "l", "type": "detection", "name": "L", "description": "" });
            let item = json!({ "list_id": "l", "item_id": "i", "name": "I", "entries": [] });
            let changes = vec![
                StateChange::PutException(list.clone()),
                StateChange::PutException(item.clone()),
                StateChange::RemoveRule("none".to_owned()),
            ];
            let error = database.apply(changes, &by).await.expect_err("there is no such rule");
            assert!(matches!(error, StateError::Absent { .. }), "{error:?}");
            assert_eq!(database.exception_objects().await.expect("they can be read"), Vec::<Value>::new());
            assert_eq!(noted(&database).await, []);

            let about = json!({ "id": "names", "type": "keyword" });
            let changes = vec![
                StateChange::PutException(item.clone()),
                StateChange::PutException(list.clone()),
                StateChange::PutValueList { about: about.clone(), text: "a\nb\n".to_owned() },
                StateChange::PutConnector(json!({ "id": "c" })),
            ];
            database.apply(changes, &by).await.expect("they can be made");
            let kept = database.exception_objects().await.expect("they can be read");
            assert_eq!(kept, [list, item], "lists come first");
            assert_eq!(database.value_lists().await.expect("they can be read"), [about]);
            let text = database.value_list_text("names").await.expect("it can be read");
            assert_eq!(text.as_deref(), Some("a\nb\n"));
            assert_eq!(database.connectors().await.expect("they can be read"), [json!({ "id": "c" })]);

            let single = "single".to_owned();
            let changes = vec![
                StateChange::RemoveExceptionList { namespace: single, list_id: "l".to_owned() },
                StateChange::RemoveValueList("names".to_owned()),
            ];
            database.apply(changes, &by).await.expect("they are there");
            assert_eq!(database.exception_objects().await.expect("they can be read"), Vec::<Value>::new());
            assert_eq!(database.value_list_text("names").await.expect("it can be read"), None);
            let entries = database.audit(0, 1).await.expect("the audit log can be read");
            assert_eq!((entries[0].number, &*entries[0].object), (6, "names"));
            database.close().await;
        }
    });
}

#[test]
fn alerts_that_are_not_there_are_counted() {
    run(async {
        for options in databases().await {
            let database = StateDatabase::open(&options.options).await.expect("it can be opened");
            let by = Actor { name: "ana", at: start() };
            let change = Triage::Note("seen".to_owned());
            let triaged = database.triage_those_there(&["none".to_owned()], &change, &by).await;
            assert_eq!(triaged.expect("it is no error"), Triaged { changed: 0, unchanged: 0, absent: 1 });
            assert_eq!(noted(&database).await, [], "nothing was changed");
            database.close().await;
        }
    });
}
