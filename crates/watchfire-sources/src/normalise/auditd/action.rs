//! What a kind of audit event means: its word, its categories, and which of its fields say who did what to what.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::words::{CALLS, RECORDS};

/// Whom a field of ECS is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Actor,
    SecondActor,
    Object,
    Uid,
}

/// What a kind of audit event means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action {
    /// `event.action`; empty where there is no word for it.
    pub(super) word: &'static str,
    /// What kind of thing it is done to.
    pub(super) what: &'static str,
    pub(super) category: &'static [&'static str],
    pub(super) types: &'static [&'static str],
    pub(super) kind: &'static str,
    /// Which of several paths the object is.
    pub(super) path: usize,
    /// Fields of which the first that there is says it.
    pub(super) actor: &'static [&'static str],
    pub(super) second_actor: &'static [&'static str],
    pub(super) object: &'static [&'static str],
    pub(super) second_object: &'static [&'static str],
    pub(super) how: &'static [&'static str],
    /// Whether `addr` is where it came from.
    pub(super) from_address: bool,
    pub(super) entities: &'static [(From, &'static str)],
}

impl Action {
    pub(super) const fn new(
        word: &'static str,
        what: &'static str,
        category: &'static [&'static str],
        types: &'static [&'static str],
    ) -> Self {
        Self {
            word,
            what,
            category,
            types,
            kind: "event",
            path: 0,
            actor: &[],
            second_actor: &[],
            object: &[],
            second_object: &[],
            how: &[],
            from_address: false,
            entities: &[],
        }
    }

    pub(super) const fn alert(self) -> Self {
        Self { kind: "alert", ..self }
    }

    pub(super) const fn path(self, path: usize) -> Self {
        Self { path, ..self }
    }

    pub(super) const fn actor(self, actor: &'static [&'static str]) -> Self {
        Self { actor, ..self }
    }

    pub(super) const fn second_actor(self, second_actor: &'static [&'static str]) -> Self {
        Self { second_actor, ..self }
    }

    pub(super) const fn object(self, object: &'static [&'static str]) -> Self {
        Self { object, ..self }
    }

    pub(super) const fn second_object(self, second_object: &'static [&'static str]) -> Self {
        Self { second_object, ..self }
    }

    pub(super) const fn how(self, how: &'static [&'static str]) -> Self {
        Self { how, ..self }
    }

    pub(super) const fn with_source(self) -> Self {
        Self { from_address: true, ..self }
    }

    pub(super) const fn entities(self, entities: &'static [(From, &'static str)]) -> Self {
        Self { entities, ..self }
    }
}

type Actions = FxHashMap<&'static str, &'static Action>;

fn by_name(table: &'static [(&'static [&'static str], Action)]) -> Actions {
    table.iter().flat_map(|(names, action)| names.iter().map(move |name| (*name, action))).collect()
}

/// What a call of the system means. Of any other call it is known that a process made it.
pub(super) fn of_call(name: &str) -> &'static Action {
    static KNOWN: LazyLock<Actions> = LazyLock::new(|| by_name(CALLS));
    static OTHER: Action = Action::new("", "", &["process"], &["info"]);
    KNOWN.get(name).copied().unwrap_or(&OTHER)
}

/// What a kind of record means.
pub(super) fn of_record(kind: &str) -> Option<&'static Action> {
    static KNOWN: LazyLock<Actions> = LazyLock::new(|| by_name(RECORDS));
    KNOWN.get(kind).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice() {
        for table in [CALLS, RECORDS] {
            let names = table.iter().map(|(names, _)| names.len()).sum::<usize>();
            assert_eq!(by_name(table).len(), names);
        }
        assert_eq!(of_call("execve").word, "executed");
        assert_eq!(of_call("getpid").category, ["process"]);
        assert_eq!(of_record("USER_LOGIN").map(|action| action.word), Some("logged-in"));
        assert!(of_record("NO_SUCH").is_none());
    }
}
