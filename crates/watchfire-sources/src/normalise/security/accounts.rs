//! Who did it and to whom: users, groups, computers, sessions (sources §2).

use std::borrow::Cow;

use super::events;
use crate::fields::part;
use crate::normalise::draft::Draft;

/// The three data that name an account.
struct Account<'a> {
    id: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    domain: Option<Cow<'a, str>>,
}

impl<'a> Account<'a> {
    fn subject(draft: &mut Draft<'a, '_>) -> Self {
        Self::read(draft, &["SubjectUserSid"], "SubjectUserName", "SubjectDomainName")
    }

    fn target(draft: &mut Draft<'a, '_>) -> Self {
        Self::read(draft, &["TargetUserSid", "TargetSid"], "TargetUserName", "TargetDomainName")
    }

    fn read(
        draft: &mut Draft<'a, '_>,
        ids: &[&'static str],
        name: &'static str,
        domain: &'static str,
    ) -> Self {
        Self {
            id: ids.iter().find_map(|id| draft.copy(id)),
            name: draft.copy(name),
            domain: draft.copy(domain),
        }
    }

    fn write(self, draft: &mut Draft<'a, '_>, prefix: &'static str) {
        if let Some(name) = &self.name {
            draft.relate_user(name);
        }
        self.write_unrelated(draft, prefix);
    }

    fn write_unrelated(self, draft: &mut Draft<'a, '_>, prefix: &'static str) {
        for (part, value) in [("id", self.id), ("name", self.name), ("domain", self.domain)] {
            if let Some(value) = value {
                draft.set_below(prefix, part, value);
            }
        }
    }
}

pub(super) fn map(draft: &mut Draft<'_, '_>) {
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
            if let Some(name) = draft.copy(datum) {
                draft.relate_user(&name);
                draft.set(field, name);
            }
        }
    }
}

/// The session that the action belongs to: the subject's, in a few events the target's.
pub(super) fn logon_id(draft: &mut Draft<'_, '_>) {
    let id = match draft.code {
        4634 | 4647 => draft.copy("TargetLogonId"),
        4778 | 4779 => draft.copy("LogonID"),
        1102 => draft.user_datum("SubjectLogonId"),
        _ => draft.copy("SubjectLogonId"),
    };
    if let Some(id) = id {
        draft.set("winlog.logon.id", id);
    }
}

fn user_of_user_data(draft: &mut Draft<'_, '_>) {
    let account = Account {
        id: draft.user_datum("SubjectUserSid"),
        name: draft.user_datum("SubjectUserName"),
        domain: draft.user_datum("SubjectDomainName"),
    };
    account.write(draft, "user");
}

fn target_user(draft: &mut Draft<'_, '_>) {
    let mut target = Account::target(draft);
    // Tickets name the account with its realm.
    target.name = target.name.and_then(|name| part(&name, |name| name.split('@').next()));
    target.write(draft, "user");
    if draft.code == 4624
        && let Some(subject) = draft.copy("SubjectUserName")
    {
        draft.relate_user(&subject);
    }
}

fn group(draft: &mut Draft<'_, '_>) {
    Account::target(draft).write_unrelated(draft, "group");
    let Some(member) = draft.copy("MemberName") else {
        return;
    };
    // `CN=name,CN=Users,DC=domain,DC=tld`: the reference takes the first and the fourth part, whatever they are.
    let nth = |at: usize| {
        let value = part(&member, |member| {
            member.split(',').nth(at).map(|part| part.split_once('=').map_or(part, |(_, value)| value))
        });
        value.filter(|value| !value.is_empty())
    };
    if let Some(name) = nth(0) {
        draft.relate_user(&name);
        draft.set("user.target.name", name);
    }
    if let Some(domain) = nth(3) {
        draft.set("user.target.domain", domain);
    }
    Account::target(draft).write_unrelated(draft, "user.target.group");
}
