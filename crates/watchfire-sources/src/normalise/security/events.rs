//! What each event of the Security log is, and which parts its data have (the tables of sources §2).

use crate::normalise::table::EventRow;

const IAM: &[&str] = &["iam"];
const IAM_CONFIGURATION: &[&str] = &["iam", "configuration"];
const CONFIGURATION: &[&str] = &["configuration"];
const AUTHENTICATION: &[&str] = &["authentication"];
const SESSION: &[&str] = &["authentication", "session"];
const NETWORK: &[&str] = &["network"];
const PROCESS: &[&str] = &["process"];
const DRIVER: &[&str] = &["driver"];

/// Action, category and type by event id. An event that is not here keeps what the collector gave it.
pub(super) const EVENTS: &[EventRow] = &[
    EventRow::new(&[1100], &["logging-service-shutdown"], PROCESS, &["end"]),
    EventRow::new(&[1102], &["audit-log-cleared"], IAM, &["admin", "change"]),
    EventRow::new(&[1104], &["logging-full"], IAM, &["admin"]),
    // The reference's own spelling.
    EventRow::new(&[1105], &["auditlog-archieved"], IAM, &["admin"]),
    EventRow::new(&[1108], &["logging-processing-error"], IAM, &["admin"]),
    EventRow::new(&[4610], &["authentication-package-loaded"], CONFIGURATION, &["access"]),
    EventRow::new(&[4611], &["trusted-logon-process-registered"], CONFIGURATION, &["change"]),
    EventRow::new(&[4614], &["notification-package-loaded"], CONFIGURATION, &["access"]),
    EventRow::new(&[4616], &["system-time-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4622], &["security-package-loaded"], CONFIGURATION, &["access"]),
    EventRow::new(&[4624], &["logged-in"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4625], &["logon-failed"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4634, 4647], &["logged-out"], AUTHENTICATION, &["end"]),
    EventRow::new(&[4648], &["logged-in-explicit"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4657], &["registry-value-modified"], &["registry", "configuration"], &["change"]),
    EventRow::new(&[4662], &["object-operation-performed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4670], &["permissions-changed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4672], &["logged-in-special"], IAM, &["admin"]),
    EventRow::new(&[4673], &["privileged-service-called"], IAM, &["admin"]),
    EventRow::new(&[4674], &["privileged-operation"], IAM, &["admin"]),
    EventRow::new(&[4688], &["created-process"], PROCESS, &["start"]),
    EventRow::new(&[4689], &["exited-process"], PROCESS, &["end"]),
    EventRow::new(&[4697], &["service-installed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4698], &["scheduled-task-created"], IAM_CONFIGURATION, &["creation", "admin"]),
    EventRow::new(&[4699], &["scheduled-task-deleted"], IAM_CONFIGURATION, &["deletion", "admin"]),
    EventRow::new(&[4700], &["scheduled-task-enabled"], IAM_CONFIGURATION, &["change", "admin"]),
    EventRow::new(&[4701], &["scheduled-task-disabled"], IAM_CONFIGURATION, &["change", "admin"]),
    EventRow::new(&[4702], &["scheduled-task-updated"], IAM_CONFIGURATION, &["change", "admin"]),
    EventRow::new(&[4706], &["domain-trust-added"], CONFIGURATION, &["creation"]),
    EventRow::new(&[4707], &["domain-trust-removed"], CONFIGURATION, &["deletion"]),
    EventRow::new(&[4713], &["kerberos-policy-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4714], &["encrypted-data-recovery-policy-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4715], &["object-audit-policy-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4716], &["trusted-domain-information-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4717], &["system-security-access-granted"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4718], &["system-security-access-removed"], IAM_CONFIGURATION, &["admin", "deletion"]),
    EventRow::new(&[4719], &["changed-audit-config"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4720], &["added-user-account"], IAM, &["user", "creation"]),
    EventRow::new(&[4722], &["enabled-user-account"], IAM, &["user", "change"]),
    EventRow::new(&[4723], &["changed-password"], IAM, &["user", "change"]),
    EventRow::new(&[4724], &["reset-password"], IAM, &["user", "change"]),
    EventRow::new(&[4725], &["disabled-user-account"], IAM, &["user", "deletion"]),
    EventRow::new(&[4726], &["deleted-user-account"], IAM, &["user", "deletion"]),
    EventRow::new(&[4727, 4731, 4754], &["added-group-account"], IAM, &["group", "creation"]),
    EventRow::new(&[4728, 4732, 4756], &["added-member-to-group"], IAM, &["group", "change"]),
    EventRow::new(&[4729, 4733, 4757], &["removed-member-from-group"], IAM, &["group", "change"]),
    EventRow::new(&[4730, 4734, 4758], &["deleted-group-account"], IAM, &["group", "deletion"]),
    EventRow::new(&[4735, 4737, 4755], &["modified-group-account"], IAM, &["group", "change"]),
    EventRow::new(&[4738], &["modified-user-account"], IAM, &["user", "change"]),
    EventRow::new(&[4739], &["domain-policy-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4740], &["locked-out-user-account"], IAM, &["user", "change"]),
    EventRow::new(&[4741], &["added-computer-account"], IAM, &["creation", "admin"]),
    EventRow::new(&[4742], &["changed-computer-account"], IAM, &["change", "admin"]),
    EventRow::new(&[4743], &["deleted-computer-account"], IAM, &["deletion", "admin"]),
    EventRow::new(&[4744, 4749, 4759], &["added-distribution-group-account"], IAM, &["group", "creation"]),
    EventRow::new(&[4745, 4750, 4760], &["changed-distribution-group-account"], IAM, &["group", "change"]),
    EventRow::new(&[4746, 4751, 4761], &["added-member-to-distribution-group"], IAM, &["group", "change"]),
    EventRow::new(
        &[4747, 4752, 4762],
        &["removed-member-from-distribution-group"],
        IAM,
        &["group", "change"],
    ),
    EventRow::new(&[4748, 4753, 4763], &["deleted-distribution-group-account"], IAM, &["group", "deletion"]),
    EventRow::new(&[4764], &["type-changed-group-account"], IAM, &["group", "change"]),
    EventRow::new(&[4767], &["unlocked-user-account"], IAM, &["user", "change"]),
    EventRow::new(&[4768], &["kerberos-authentication-ticket-requested"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4769], &["kerberos-service-ticket-requested"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4770], &["kerberos-service-ticket-renewed"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4771], &["kerberos-preauth-failed"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4776], &["credential-validated"], AUTHENTICATION, &["start"]),
    EventRow::new(&[4778], &["session-reconnected"], SESSION, &["start"]),
    EventRow::new(&[4779], &["session-disconnected"], SESSION, &["end"]),
    EventRow::new(&[4781], &["renamed-user-account"], IAM, &["user", "change"]),
    EventRow::new(&[4797], &["query-existence-of-blank-password"], IAM, &["user", "info"]),
    EventRow::new(&[4798], &["group-membership-enumerated"], IAM, &["user", "info"]),
    EventRow::new(&[4799], &["user-member-enumerated"], IAM, &["group", "info"]),
    EventRow::new(&[4817], &["object-audit-changed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4902], &["user-audit-policy-created"], IAM_CONFIGURATION, &["admin", "creation"]),
    EventRow::new(&[4904], &["security-event-source-added"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4905], &["security-event-source-removed"], IAM_CONFIGURATION, &["admin", "deletion"]),
    EventRow::new(&[4906], &["crash-on-audit-changed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4907], &["audit-setting-changed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4908], &["special-group-table-changed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4912], &["per-user-audit-policy-changed"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[4950], &["windows-firewall-setting-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4954], &["windows-firewall-group-policy-changed"], CONFIGURATION, &["change"]),
    EventRow::new(&[4964], &["logged-in-special"], IAM, &["admin", "group"]),
    EventRow::new(&[5024], &["windows-firewall-service-started"], PROCESS, &["start"]),
    EventRow::new(&[5025], &["windows-firewall-service-stopped"], PROCESS, &["end"]),
    EventRow::new(&[5033], &["windows-firewall-driver-started"], DRIVER, &["start"]),
    EventRow::new(&[5034], &["windows-firewall-driver-stopped"], DRIVER, &["end"]),
    EventRow::new(&[5037], &["windows-firewall-driver-error"], DRIVER, &["end"]),
    EventRow::new(&[5136], &["directory-service-object-modified"], IAM_CONFIGURATION, &["admin", "change"]),
    EventRow::new(&[5137], &["directory-service-object-created"], IAM_CONFIGURATION, &["admin", "creation"]),
    EventRow::new(&[5140], &["network-share-object-accessed"], &["network", "file"], &["info", "access"]),
    EventRow::new(&[5141], &["directory-service-object-deleted"], IAM_CONFIGURATION, &["admin", "deletion"]),
    EventRow::new(
        &[5145],
        &["network-share-object-access-checked"],
        &["network", "file"],
        &["info", "access"],
    ),
    EventRow::new(&[5152], &["windows-firewall-packet-drop"], NETWORK, &["connection", "info", "denied"]),
    EventRow::new(&[5156], &["windows-firewall-connection"], NETWORK, &["connection", "info", "allowed"]),
    EventRow::new(&[5157], &["windows-firewall-packet-block"], NETWORK, &["connection", "info", "denied"]),
    EventRow::new(&[5158], &["windows-firewall-bind-local-port"], NETWORK, &["info"]),
    EventRow::new(&[5379], &["credential-manager-credentials-were-read"], IAM, &["user", "info"]),
    EventRow::new(&[5380], &["vault-credential-find"], IAM, &["user", "info"]),
    EventRow::new(&[5381, 5382], &["vault-credentials-were-read"], IAM, &["user", "info"]),
];

/// Events about the account that logs on or asks for a ticket: their target is the user.
pub(super) const TARGET_IS_USER: &[u32] = &[4624, 4625, 4634, 4647, 4768, 4769, 4770, 4771, 4776, 4964];
/// Events about another account: their target is `user.target`.
pub(super) const TARGET_IS_ACCOUNT: &[u32] =
    &[4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740, 4767, 4797, 4798];
/// Events about a group: their target is the group.
pub(super) const TARGET_IS_GROUP: &[u32] = &[
    4727, 4728, 4729, 4730, 4731, 4732, 4733, 4734, 4735, 4737, 4744, 4745, 4746, 4747, 4748, 4749, 4750,
    4751, 4752, 4753, 4754, 4755, 4756, 4757, 4758, 4759, 4760, 4761, 4762, 4763, 4764, 4799,
];
/// Events about a computer account.
pub(super) const TARGET_IS_COMPUTER: &[u32] = &[4741, 4742, 4743];
/// Events about a terminal session: the account has names of its own.
pub(super) const SESSION_EVENTS: &[u32] = &[4778, 4779];
/// The firewall's events: their process and addresses have names of their own.
pub(super) const FIREWALL: &[u32] = &[5152, 5156, 5157, 5158];
/// Scheduled tasks.
pub(super) const TASKS: &[u32] = &[4698, 4699, 4700, 4701, 4702];
/// Kerberos tickets.
pub(super) const TICKETS: &[u32] = &[4768, 4769, 4770, 4771];
/// Events whose list of privileges becomes a list.
pub(super) const PRIVILEGES: &[u32] = &[4672, 4673, 4674, 4741, 4742, 4743];
