//! What audit events are called: by the kind of their record, or the call of the system that it is about.
//!
//! The words are those of the audit tools of Elastic, which the rules are written for.

use super::action::{Action, From};

/// By the name of the call.
pub(super) const CALLS: &[(&[&str], Action)] = &[
    (&["creat"], Action::new("opened-file", "file", &["file"], &["creation"])),
    (&["fallocate", "truncate", "ftruncate"], Action::new("opened-file", "file", &["file"], &["change"])),
    (&["open", "openat", "readlink", "readlinkat"], Action::new("opened-file", "file", &["file"], &["info"])),
    (&["read"], Action::new("read-file", "file", &["file"], &["info"])),
    (&["write"], Action::new("wrote-to-file", "file", &["file"], &["change"])),
    (
        &["setxattr", "fsetxattr", "lsetxattr", "removexattr", "fremovexattr", "lremovexattr"],
        Action::new("changed-file-attributes-of", "file", &["file"], &["change"]),
    ),
    (
        &["chmod", "fchmod", "fchmodat"],
        Action::new("changed-file-permissions-of", "file", &["file"], &["change"]),
    ),
    (
        &["chown", "fchown", "fchownat", "lchown"],
        Action::new("changed-file-ownership-of", "file", &["file"], &["change"]),
    ),
    (
        &["finit_module", "init_module"],
        Action::new("loaded-kernel-module", "file", &["driver"], &["start"]).object(&["name"]),
    ),
    (&["delete_module"], Action::new("unloaded-kernel-module", "file", &["driver"], &["end"])),
    (&["mkdir", "mkdirat"], Action::new("created-directory", "file", &["file"], &["creation"]).path(1)),
    (&["mount"], Action::new("mounted", "filesystem", &["file"], &["creation"]).path(1)),
    (&["rename", "renameat", "renameat2"], Action::new("renamed", "file", &["file"], &["change"]).path(2)),
    (
        &[
            "access",
            "faccessat",
            "fstatat",
            "newfstatat",
            "stat",
            "stat64",
            "fstat",
            "lstat",
            "getxattr",
            "lgetxattr",
            "fgetxattr",
        ],
        Action::new("checked-metadata-of", "file", &["file"], &["info"]),
    ),
    (
        &["statfs", "fstatfs"],
        Action::new("checked-filesystem-metadata-of", "filesystem", &["file"], &["info"]),
    ),
    (&["link", "linkat"], Action::new("linked", "file", &["file"], &["creation"])),
    (&["symlink", "symlinkat"], Action::new("symlinked", "file", &["file"], &["creation"])),
    (&["umount", "umount2"], Action::new("unmounted", "filesystem", &["file"], &["deletion"])),
    (&["rmdir", "unlink", "unlinkat"], Action::new("deleted", "file", &["file"], &["deletion"])),
    (
        &["utime", "utimes", "futimesat", "futimens", "utimensat"],
        Action::new("changed-timestamp-of", "file", &["file"], &["info"]),
    ),
    (&["execve", "execveat"], Action::new("executed", "file", &["process"], &["start"])),
    (&["listen"], Action::new("listen-for-connections", "socket", &["network"], &["start"])),
    (
        &["accept", "accept4"],
        Action::new("accepted-connection-from", "socket", &["network"], &["connection", "start"]),
    ),
    (&["bind"], Action::new("bound-socket", "socket", &["network"], &["start"])),
    (&["connect"], Action::new("connected-to", "socket", &["network"], &["connection", "start"])),
    (
        &["recv", "recvfrom", "recvmsg", "recvmmsg"],
        Action::new("received-from", "socket", &["network"], &["connection", "info"]),
    ),
    (
        &["send", "sendto", "sendmsg", "sendmmsg"],
        Action::new("sent-to", "socket", &["network"], &["connection", "info"]),
    ),
    (&["kill", "tkill", "tgkill"], Action::new("killed-pid", "process", &["process"], &["end"])),
    (
        &[
            "setuid",
            "seteuid",
            "setfsuid",
            "setreuid",
            "setgid",
            "setegid",
            "setfsgid",
            "setregid",
            "setresuid",
            "setresgid",
        ],
        Action::new("changed-identity-of", "process", &["process"], &["change"]).how(&["syscall"]),
    ),
    (
        &["settimeofday", "clock_settime", "stime", "adjtimex", "clock_adjtime"],
        Action::new("changed-system-time", "system", &["host"], &["change"]),
    ),
    (&["mknod", "mknodat"], Action::new("make-device", "file", &["file"], &["creation"])),
    (&["sethostname", "setdomainname"], Action::new("changed-system-name", "system", &["host"], &["change"])),
    (&["mmap", "mmap2", "brk"], Action::new("allocated-memory", "memory", &["process"], &["info"])),
    (
        &["sched_setparam", "sched_setscheduler", "sched_setattr"],
        Action::new("adjusted-scheduling-policy-of", "process", &["process"], &["change"]).how(&["syscall"]),
    ),
    (&["exit_group"], Action::new("end", "process", &["process"], &["end"]).how(&["syscall"])),
];

/// By the kind of the record. `AVC_APPARMOR` are records of the kind `AVC` that AppArmor writes.
pub(super) const RECORDS: &[(&[&str], Action)] = &[
    (
        &["KERN_MODULE"],
        Action::new("loaded-kernel-module", "file", &["driver"], &["start"]).object(&["name"]),
    ),
    (
        &["TIME_ADJNTPVAL", "TIME_INJOFFSET"],
        Action::new("changed-system-time", "system", &["host"], &["change"]),
    ),
    (&["ACCT_LOCK"], Action::new("locked-account", "", &["iam"], &["user", "info"])),
    (&["ACCT_UNLOCK"], Action::new("unlocked-account", "", &["iam"], &["user", "info"])),
    (
        &["ADD_GROUP"],
        Action::new("added-group-account-to", "account", &["iam"], &["group", "creation"])
            .object(&["id", "acct"])
            .entities(&[
                (From::Actor, "user"),
                (From::SecondActor, "user.effective"),
                (From::Object, "group"),
            ]),
    ),
    (
        &["ADD_USER"],
        Action::new("added-user-account", "account", &["iam"], &["user", "creation"])
            .object(&["id", "acct"])
            .entities(&[
                (From::Actor, "user"),
                (From::SecondActor, "user.effective"),
                (From::Object, "user.target"),
            ]),
    ),
    (
        &["DEL_GROUP"],
        Action::new("deleted-group-account-from", "account", &["iam"], &["group", "deletion"])
            .object(&["id", "acct"])
            .entities(&[
                (From::Actor, "user"),
                (From::SecondActor, "user.effective"),
                (From::Object, "group"),
            ]),
    ),
    (
        &["DEL_USER"],
        Action::new("deleted-user-account", "account", &["iam"], &["user", "deletion"])
            .object(&["id", "acct"])
            .entities(&[
                (From::Actor, "user"),
                (From::SecondActor, "user.effective"),
                (From::Object, "user.target"),
            ]),
    ),
    (
        &["GRP_MGMT"],
        Action::new("modified-group-account", "account", &["iam"], &["group", "change"])
            .object(&["id", "acct"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "group"), (From::Uid, "user.effective")]),
    ),
    (
        &["ROLE_ASSIGN"],
        Action::new("assigned-user-role-to", "account", &["iam"], &["user", "change"])
            .object(&["id", "acct"]),
    ),
    (&["ROLE_MODIFY"], Action::new("modified-role", "", &["iam"], &["change"])),
    (
        &["ROLE_REMOVE"],
        Action::new("removed-user-role-from", "account", &["iam"], &["user", "change"])
            .object(&["id", "acct"]),
    ),
    (
        &["USER_MGMT"],
        Action::new("modified-user-account", "user-session", &["iam"], &["user", "change"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[
                (From::Actor, "user"),
                (From::SecondActor, "user.target"),
                (From::Uid, "user.effective"),
            ]),
    ),
    (
        &["USER_CHAUTHTOK"],
        Action::new("changed-password", "user-session", &["iam"], &["user", "change"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[
                (From::Actor, "user"),
                (From::Uid, "user.effective"),
                (From::SecondActor, "user.target"),
            ]),
    ),
    (
        &["GRP_CHAUTHTOK"],
        Action::new("changed-group-password", "user-session", &["iam"], &["group", "change"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["acct"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::Uid, "user.effective"), (From::SecondActor, "group")]),
    ),
    (
        &["CRED_ACQ"],
        Action::new("acquired-credentials", "user-session", &["authentication"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["CRED_DISP"],
        Action::new("disposed-credentials", "user-session", &["authentication"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["CRED_REFR"],
        Action::new("refreshed-credentials", "user-session", &["authentication"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["GRP_AUTH"],
        Action::new("authenticated-to-group", "", &["authentication"], &["info"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["LOGIN"],
        Action::new("changed-login-id-to", "user-session", &["authentication"], &["start"])
            .actor(&["old_auid", "old-auid"])
            .second_actor(&["uid"])
            .object(&["new-auid", "new_auid", "auid"])
            .entities(&[(From::Actor, "user"), (From::Object, "user.effective")]),
    ),
    (
        &["USER_ACCT"],
        Action::new("was-authorized", "user-session", &["authentication"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["USER_AUTH"],
        Action::new("authenticated", "user-session", &["authentication"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["USER_END"],
        Action::new("ended-session", "user-session", &["session"], &["end"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["USER_ERR"],
        Action::new("error", "user-session", &["authentication"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .with_source()
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["USER_LOGIN"],
        Action::new("logged-in", "user-session", &["authentication"], &["start"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .with_source()
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["USER_LOGOUT"],
        Action::new("logged-out", "user-session", &["authentication"], &["end"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["USER_ROLE_CHANGE"],
        Action::new("changed-role-to", "user-session", &["mac"], &[])
            .second_actor(&["acct", "id", "uid"])
            .object(&["selected-context"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"]),
    ),
    (
        &["USER_START"],
        Action::new("started-session", "user-session", &["session"], &["start"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["terminal"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .with_source()
            .entities(&[(From::Actor, "user"), (From::SecondActor, "user.effective")]),
    ),
    (
        &["VIRT_CONTROL"],
        Action::new("issued-vm-control", "virtual-machine", &["host"], &["info"])
            .object(&["op"])
            .second_object(&["vm"]),
    ),
    (&["VIRT_CREATE"], Action::new("created-vm-image", "", &["host"], &["info"])),
    (&["VIRT_DESTROY"], Action::new("deleted-vm-image", "", &["host"], &["info"])),
    (&["VIRT_INTEGRITY_CHECK"], Action::new("checked-integrity-of", "", &["host"], &["info"])),
    (
        &["VIRT_MACHINE_ID"],
        Action::new("assigned-vm-id", "virtual-machine", &["host"], &["info"]).object(&["vm"]),
    ),
    (&["VIRT_MIGRATE_IN"], Action::new("migrated-vm-from", "", &["host"], &["info"])),
    (&["VIRT_MIGRATE_OUT"], Action::new("migrated-vm-to", "", &["host"], &["info"])),
    (
        &["VIRT_RESOURCE"],
        Action::new("assigned-vm-resource", "virtual-machine", &["host"], &["info"])
            .object(&["resrc"])
            .second_object(&["vm"]),
    ),
    (&["CHGRP_ID"], Action::new("changed-group", "", &["process"], &["change"])),
    (&["CHUSER_ID"], Action::new("changed-user-id", "", &["process"], &["change"])),
    (&["TEST"], Action::new("sent-test", "", &["process"], &["info"])),
    (&["TRUSTED_APP"], Action::new("unknown", "", &["process"], &["info"])),
    (&["USER_CMD"], Action::new("ran-command", "process", &["process"], &["start"]).object(&["cmd"])),
    (&["SYSTEM_BOOT"], Action::new("booted-system", "system", &["host"], &["start"])),
    (
        &["SYSTEM_RUNLEVEL"],
        Action::new("changed-to-runlevel", "system", &["host"], &["change"]).object(&["new-level"]),
    ),
    (&["SYSTEM_SHUTDOWN"], Action::new("shutdown-system", "system", &["host"], &["end"])),
    (
        &["SERVICE_START"],
        Action::new("started-service", "service", &["process"], &["start"]).object(&["unit"]),
    ),
    (&["SERVICE_STOP"], Action::new("stopped-service", "service", &["process"], &["end"]).object(&["unit"])),
    (
        &["CONFIG_CHANGE"],
        Action::new(
            "changed-audit-configuration",
            "audit-config",
            &["process", "configuration"],
            &["change"],
        )
        .object(&["op", "key", "audit_enabled", "audit_pid", "audit_backlog_limit", "audit_failure"]),
    ),
    (&["DAEMON_ABORT"], Action::new("aborted-auditd-startup", "service", &["process"], &["end"])),
    (
        &["DAEMON_ACCEPT"],
        Action::new("remote-audit-connected", "service", &["network"], &["connection", "start"]),
    ),
    (
        &["DAEMON_CLOSE"],
        Action::new("remote-audit-disconnected", "service", &["network"], &["connection", "start"]),
    ),
    (
        &["DAEMON_CONFIG"],
        Action::new("changed-auditd-configuration", "service", &["process", "configuration"], &["change"]),
    ),
    (&["DAEMON_END"], Action::new("shutdown-audit", "service", &["process"], &["end"])),
    (&["DAEMON_ERR"], Action::new("audit-error", "service", &["process"], &["info"])),
    (
        &["DAEMON_RECONFIG"],
        Action::new("reconfigured-auditd", "service", &["process", "configuration"], &["info"]),
    ),
    (&["DAEMON_RESUME"], Action::new("resumed-audit-logging", "service", &["process"], &["change"])),
    (&["DAEMON_ROTATE"], Action::new("rotated-audit-logs", "service", &["process"], &["change"])),
    (&["DAEMON_START"], Action::new("started-audit", "service", &["process"], &["start"])),
    (&["KERNEL"], Action::new("initialized-audit-subsystem", "", &["process"], &["info"])),
    (
        &["USYS_CONFIG"],
        Action::new("changed-configuration", "system", &["configuration"], &["change"]).object(&["op"]),
    ),
    (
        &["NETFILTER_CFG"],
        Action::new("loaded-firewall-rule-to", "firewall", &["configuration"], &["change"])
            .object(&["table"]),
    ),
    (
        &["FEATURE_CHANGE"],
        Action::new("changed-audit-feature", "system", &["configuration"], &["change"]).object(&["feature"]),
    ),
    (
        &["TTY", "USER_TTY"],
        Action::new("typed", "keystrokes", &["TTY"], &[]).object(&["data"]).how(&["comm", "exe"]),
    ),
    (
        &["AVC"],
        Action::new("violated-selinux-policy", "", &["mac-decision"], &[])
            .actor(&["scontext"])
            .object(&["tcontext"])
            .second_object(&["tclass"]),
    ),
    (
        &["AVC_APPARMOR"],
        Action::new("violated-apparmor-policy", "policy", &["mac-decision"], &[])
            .object(&["operation"])
            .second_object(&["requested_mask", "denied_mask", "capname"]),
    ),
    (&["FS_RELABEL"], Action::new("relabeled-filesystem", "mac-config", &["mac"], &[])),
    (
        &["LABEL_LEVEL_CHANGE"],
        Action::new("modified-level-of", "printer", &["mac"], &[]).object(&["printer"]),
    ),
    (&["LABEL_OVERRIDE"], Action::new("overrode-label-of", "mac-config", &["mac"], &[])),
    (&["MAC_CHECK"], Action::new("mac-permission", "", &["mac-decision"], &[])),
    (
        &["MAC_CONFIG_CHANGE"],
        Action::new("changed-selinux-boolean", "mac-config", &["configuration"], &["change"])
            .object(&["bool"]),
    ),
    (
        &["MAC_POLICY_LOAD"],
        Action::new("loaded-selinux-policy", "mac-config", &["configuration"], &["access"]),
    ),
    (
        &["MAC_STATUS"],
        Action::new("changed-selinux-enforcement", "mac-config", &["configuration"], &["change"])
            .object(&["enforcing"]),
    ),
    (&["USER_AVC"], Action::new("access-permission", "", &["mac-decision"], &[])),
    (
        &["USER_MAC_CONFIG_CHANGE"],
        Action::new("changed-mac-configuration", "mac-config", &["configuration"], &["change"]),
    ),
    (
        &["USER_MAC_POLICY_LOAD"],
        Action::new("loaded-mac-policy", "mac-config", &["configuration"], &["access"]),
    ),
    (&["USER_SELINUX_ERR"], Action::new("access-error", "", &["mac-decision"], &[])),
    (
        &["SECCOMP"],
        Action::new("violated-seccomp-policy", "process", &["dac-decision"], &[]).object(&["syscall"]),
    ),
    (&["SELINUX_ERR"], Action::new("caused-mac-policy-error", "system", &["mac"], &[])),
    (
        &["CRYPTO_KEY_USER"],
        Action::new("negotiated-crypto-key", "user-session", &["process"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["fp"])
            .second_object(&["addr", "hostname"])
            .how(&["exe", "terminal"])
            .with_source(),
    ),
    (&["CRYPTO_LOGIN"], Action::new("crypto-officer-logged-in", "", &["crypto"], &[])),
    (&["CRYPTO_LOGOUT"], Action::new("crypto-officer-logged-out", "", &["process"], &["info"])),
    (
        &["CRYPTO_SESSION"],
        Action::new("started-crypto-session", "user-session", &["process"], &["info"])
            .second_actor(&["acct", "id", "uid"])
            .object(&["addr"])
            .second_object(&["rport"])
            .how(&["exe", "terminal"])
            .with_source(),
    ),
    (&["DAC_CHECK"], Action::new("access-result", "", &["dac-decision"], &[])),
    (
        &["ANOM_ABEND"],
        Action::new("crashed-program", "process", &["process", "intrusion_detection"], &["end", "info"])
            .alert()
            .object(&["comm", "exe"])
            .second_object(&["pid"])
            .how(&["sig"]),
    ),
    (
        &["ANOM_EXEC"],
        Action::new(
            "attempted-execution-of-forbidden-program",
            "process",
            &["process", "intrusion_detection"],
            &["start", "info"],
        )
        .alert()
        .object(&["cmd"])
        .how(&["terminal"]),
    ),
    (
        &["ANOM_LINK"],
        Action::new("used-suspicious-link", "", &["file", "intrusion_detection"], &["access", "info"])
            .alert(),
    ),
    (
        &["ANOM_LOGIN_FAILURES"],
        Action::new(
            "failed-log-in-too-many-times-to",
            "user-session",
            &["authentication", "intrusion_detection"],
            &["start", "denied"],
        )
        .alert()
        .second_actor(&["acct", "id", "uid"])
        .object(&["terminal"])
        .second_object(&["addr", "hostname"])
        .how(&["exe", "terminal"]),
    ),
    (
        &["ANOM_LOGIN_LOCATION"],
        Action::new(
            "attempted-log-in-from-unusual-place-to",
            "user-session",
            &["authentication", "intrusion_detection"],
            &["start", "denied"],
        )
        .alert()
        .second_actor(&["acct", "id", "uid"])
        .object(&["terminal"])
        .second_object(&["addr", "hostname"])
        .how(&["exe", "terminal"]),
    ),
    (
        &["ANOM_LOGIN_SESSIONS"],
        Action::new(
            "opened-too-many-sessions-to",
            "user-session",
            &["authentication", "intrusion_detection"],
            &["start", "denied"],
        )
        .alert()
        .second_actor(&["acct", "id", "uid"])
        .object(&["terminal"])
        .second_object(&["addr", "hostname"])
        .how(&["exe", "terminal"]),
    ),
    (
        &["ANOM_LOGIN_TIME"],
        Action::new(
            "attempted-log-in-during-unusual-hour-to",
            "user-session",
            &["authentication", "intrusion_detection"],
            &["start", "denied"],
        )
        .alert()
        .second_actor(&["acct", "id", "uid"])
        .object(&["terminal"])
        .second_object(&["addr", "hostname"])
        .how(&["exe", "terminal"]),
    ),
    (
        &["ANOM_PROMISCUOUS"],
        Action::new(
            "changed-promiscuous-mode-on-device",
            "network-device",
            &["intrusion_detection"],
            &["info", "change"],
        )
        .alert()
        .object(&["dev"]),
    ),
    (
        &["ANOM_RBAC_INTEGRITY_FAIL"],
        Action::new("tested-file-system-integrity-of", "filesystem", &["intrusion_detection"], &["info"])
            .alert()
            .object(&["hostname"]),
    ),
    (
        &["ANOM_LOGIN_ACCT"],
        Action::new(
            "attempted-log-in-to-watched-account",
            "",
            &["authentication", "intrusion_detection"],
            &["start", "denied"],
        )
        .alert(),
    ),
    (
        &["ANOM_MAX_DAC"],
        Action::new(
            "max-discretionary-access-control-failures-reached",
            "",
            &["intrusion_detection"],
            &["info"],
        )
        .alert(),
    ),
    (
        &["ANOM_MAX_MAC"],
        Action::new("max-mandatory-access-control-failures-reached", "", &["intrusion_detection"], &["info"])
            .alert(),
    ),
    (
        &["ANOM_AMTU_FAIL"],
        Action::new("abstract-machine-test-utility-failure", "", &["intrusion_detection"], &["info"]).alert(),
    ),
    (
        &["ANOM_RBAC_FAIL"],
        Action::new("rbac-self-test-failure", "", &["intrusion_detection"], &["info"]).alert(),
    ),
    (
        &["ANOM_CRYPTO_FAIL"],
        Action::new("crypto-system-test-failure", "", &["intrusion_detection"], &["info"]).alert(),
    ),
    (
        &["ANOM_MK_EXE"],
        Action::new("made-an-executable", "", &["file", "intrusion_detection"], &["change", "info"]).alert(),
    ),
    (
        &["ANOM_ACCESS_FS"],
        Action::new(
            "accessed-watched-file-or-directory",
            "",
            &["file", "intrusion_detection"],
            &["access", "info"],
        )
        .alert(),
    ),
    (
        &["ANOM_ADD_ACCT"],
        Action::new("added-user-account", "", &["iam", "intrusion_detection"], &["user", "creation", "info"])
            .alert(),
    ),
    (
        &["ANOM_DEL_ACCT"],
        Action::new(
            "deleted-user-account",
            "",
            &["iam", "intrusion_detection"],
            &["user", "deletion", "info"],
        )
        .alert(),
    ),
    (
        &["ANOM_MOD_ACCT"],
        Action::new(
            "modified-user-account",
            "",
            &["iam", "intrusion_detection"],
            &["user", "change", "info"],
        )
        .alert(),
    ),
    (
        &["ANOM_ROOT_TRANS"],
        Action::new("user-became-root", "", &["authentication", "intrusion_detection"], &["start", "info"])
            .alert(),
    ),
    (
        &["ANOM_LOGIN_SERVICE"],
        Action::new(
            "service-account-attempted-login",
            "",
            &["authentication", "intrusion_detection"],
            &["start", "denied"],
        )
        .alert(),
    ),
    (&["USER"], Action::new("sent-message", "", &["unknown"], &[]).object(&["addr"])),
    (&["SOFTWARE_UPDATE"], Action::new("package-updated", "", &["package"], &["info"])),
];
