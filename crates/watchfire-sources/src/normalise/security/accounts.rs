//! Who did it and to whom: users, groups, computers, sessions (sources §2).

use super::events;
use crate::normalise::draft::Draft;

/// The three data that name an account.
struct Account {
    id: Option<String>,
    name: Option<String>,
    domain: Option<String>,
}

impl Account {
    fn subject(draft: &Draft) -> Self {
        Self::read(draft, &["SubjectUserSid"], "SubjectUserName", "SubjectDomainName")
    }

    fn target(draft: &Draft) -> Self {
        Self::read(draft, &["TargetUserSid", "TargetSid"], "TargetUserName", "TargetDomainName")
    }

    fn read(draft: &Draft, ids: &[&str], name: &str, domain: &str) -> Self {
        let datum = |name: &str| draft.datum(name).map(str::to_owned);
        Self { id: ids.iter().find_map(|id| datum(id)), name: datum(name), domain: datum(domain) }
    }

    fn write(self, draft: &mut Draft, prefix: &str) {
        if let Some(name) = &self.name {
            draft.relate_user(name);
        }
        self.write_unrelated(draft, prefix);
    }

    fn write_unrelated(self, draft: &mut Draft, prefix: &str) {
        for (part, value) in [("id", self.id), ("name", self.name), ("domain", self.domain)] {
            if let Some(value) = value {
                draft.set(&format!("{prefix}.{part}"), value);
            }
        }
    }
}

pub(super) fn map(draft: &mut Draft) {
    logon_id(draft);
    let code = draft.code;
    if code == 1102 {
        user_of_user_data(draft);
    } else if events::TARGET_IS_USER.contains(&code) {
        target_user(draft);
    } else if events::SESSION_EVENTS.contains(&code) {
        Account::read(draft, &[], "AccountName", "AccountDomain").write(draft, "user");
    } else {
        Account::subject(draft).write(draft, "user");
    }
    if events::TARGET_IS_ACCOUNT.contains(&code) {
        Account::target(draft).write(draft, "user.target");
    } else if events::TARGET_IS_GROUP.contains(&code) {
        group(draft);
    } else if events::TARGET_IS_COMPUTER.contains(&code) {
        Account::target(draft).write_unrelated(draft, "winlog.computerObject");
    } else if code == 4648 || code == 4688 {
        Account::target(draft).write(draft, "user.effective");
    } else if code == 4781 {
        for (datum, field) in
            [("OldTargetUserName", "user.target.name"), ("NewTargetUserName", "user.changes.name")]
        {
            if let Some(name) = draft.datum(datum).map(str::to_owned) {
                draft.relate_user(&name);
                draft.set(field, name);
            }
        }
    }
}

/// The session that the action belongs to: the subject's, in a few events the target's.
pub(super) fn logon_id(draft: &mut Draft) {
    let id = match draft.code {
        4634 | 4647 => draft.datum("TargetLogonId"),
        4778 | 4779 => draft.datum("LogonID"),
        1102 => draft.user_datum("SubjectLogonId"),
        _ => draft.datum("SubjectLogonId"),
    };
    if let Some(id) = id.map(str::to_owned) {
        draft.set("winlog.logon.id", id);
    }
}

fn user_of_user_data(draft: &mut Draft) {
    let datum = |name: &str| draft.user_datum(name).map(str::to_owned);
    let account = Account {
        id: datum("SubjectUserSid"),
        name: datum("SubjectUserName"),
        domain: datum("SubjectDomainName"),
    };
    account.write(draft, "user");
}

fn target_user(draft: &mut Draft) {
    let mut target = Account::target(draft);
    // Tickets name the account with its realm.
    target.name = target.name.map(|name| name.split('@').next().unwrap_or_default().to_owned());
    target.write(draft, "user");
    if draft.code == 4624
        && let Some(subject) = draft.datum("SubjectUserName").map(str::to_owned)
    {
        draft.relate_user(&subject);
    }
}

fn group(draft: &mut Draft) {
    Account::target(draft).write_unrelated(draft, "group");
    let Some(member) = draft.datum("MemberName").map(str::to_owned) else {
        return;
    };
    // `CN=name,CN=Users,DC=domain,DC=tld`: the reference takes the first and the fourth part, whatever they are.
    let mut parts = member.split(',').map(|part| part.split_once('=').map_or(part, |(_, value)| value));
    if let Some(name) = parts.next().filter(|name| !name.is_empty()) {
        draft.relate_user(name);
        draft.set("user.target.name", name);
    }
    if let Some(domain) = parts.nth(2).filter(|domain| !domain.is_empty()) {
        draft.set("user.target.domain", domain);
    }
    Account::target(draft).write_unrelated(draft, "user.target.group");
}
