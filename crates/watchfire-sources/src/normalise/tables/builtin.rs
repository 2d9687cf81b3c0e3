//! The sources of the program that are tables, and the functions of those for which a table does not suffice.

use std::sync::LazyLock;

use super::{Function, Recogniser, TableRef};

/// One source: its file, its function, and what its records have to pass beside the tests of the table.
struct Builtin {
    name: &'static str,
    text: &'static str,
    function: Option<Function>,
    accepts: Option<Recogniser>,
}

macro_rules! builtin {
    ($($name:literal $(, $function:path $(, if $accepts:path)?)?;)*) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tables/", $name, ".toml")),
            function: builtin!(@some $($function)?),
            accepts: builtin!(@some $($($accepts)?)?),
        }),*]
    };
    (@some) => { None };
    (@some $function:path) => { Some($function) };
}

/// In the order in which records are tried.
const BUILTIN: &[Builtin] = builtin![
    "endgame.native", crate::normalise::endgame::refine;
    "crowdstrike.fdr", crate::normalise::crowdstrike::refine;
    "m365_defender.event", crate::normalise::m365_defender::refine;
    "sentinel_one_cloud_funnel.event", crate::normalise::sentinel_one::refine;
    "auditd_manager.auditd", crate::normalise::auditd::refine;
    "auditd.log", crate::normalise::auditd::log::refine;
    "system.auth", crate::normalise::system_log::refine_auth, if crate::normalise::system_log::is_auth;
    "system.syslog", crate::normalise::system_log::refine;
    "zeek", crate::normalise::zeek::refine;
    "azure.signinlogs", crate::normalise::azure::refine_sign_in;
    "azure.auditlogs", crate::normalise::azure::refine_audit;
    "azure.identity_protection", crate::normalise::azure::refine_identity_protection;
    "azure.activitylogs", crate::normalise::azure::refine_activity;
    "o365.audit", crate::normalise::office::refine;
    "aws.cloudtrail";
    "okta.system", crate::normalise::okta::refine;
    "gcp.audit", crate::normalise::gcp::refine;
    "kubernetes.audit_logs", crate::normalise::kubernetes::refine;
    "github.audit", crate::normalise::github::refine;
    "suricata.eve", crate::normalise::suricata::refine;
    "google_workspace.admin", crate::normalise::google::refine_admin;
    "google_workspace.alert", crate::normalise::google::refine_alert;
    "google_workspace.device", crate::normalise::google::refine_device;
    "google_workspace.drive", crate::normalise::google::refine_drive;
    "google_workspace.group_enterprise", crate::normalise::google::refine_group_enterprise;
    "google_workspace.groups", crate::normalise::google::refine_groups;
    "google_workspace.login", crate::normalise::google::refine_login;
    "google_workspace.rules", crate::normalise::google::refine_rules;
    "google_workspace.token", crate::normalise::google::refine_token;
    "google_workspace.saml";
    "google_workspace.user_accounts";
];

static TABLES: LazyLock<Vec<TableRef>> = LazyLock::new(|| {
    let table = |source: &Builtin| {
        TableRef::compile(source.text, source.function, source.accepts).unwrap_or_else(|problems| {
            let problems: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
            unreachable!("the table of `{}` is checked by a test: {}", source.name, problems.join("; "))
        })
    };
    BUILTIN.iter().map(table).collect()
});

pub(super) fn all() -> &'static [TableRef] {
    &TABLES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_can_be_read_and_is_under_its_name() {
        for source in BUILTIN {
            let table = TableRef::compile(source.text, source.function, source.accepts);
            let table = table.unwrap_or_else(|problems| panic!("{}: {problems:#?}", source.name));
            assert_eq!(table.name(), source.name);
        }
    }
}
