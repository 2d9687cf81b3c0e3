//! Places that outlive a restart: what is written there comes back by itself.

/// Parts of paths of files, in lower case and with slashes, with what they are.
const FILES: [(&str, &str); 20] = [
    ("/start menu/programs/startup/", "startup folder"),
    ("/system32/tasks/", "scheduled task"),
    ("/windows/tasks/", "scheduled task"),
    ("/system32/wbem/repository/", "WMI repository"),
    ("/system32/drivers/", "driver"),
    ("/microsoft/word/startup/", "Office start-up folder"),
    ("/microsoft/excel/xlstart/", "Office start-up folder"),
    ("/windowspowershell/profile.ps1", "PowerShell profile"),
    ("/etc/cron", "cron"),
    ("/var/spool/cron", "cron"),
    ("/etc/systemd/system/", "systemd unit"),
    ("/lib/systemd/system/", "systemd unit"),
    ("/.config/systemd/user/", "systemd unit"),
    ("/.config/autostart/", "desktop autostart"),
    ("/etc/init.d/", "init script"),
    ("/etc/rc.local", "init script"),
    ("/etc/ld.so.preload", "preloaded library"),
    ("/.ssh/authorized_keys", "SSH key"),
    ("/library/launchagents/", "launch agent"),
    ("/library/launchdaemons/", "launch daemon"),
];

/// Ends of paths of files that a shell reads when it starts.
const SHELL_FILES: [&str; 8] = [
    "/.bashrc",
    "/.bash_profile",
    "/.profile",
    "/.zshrc",
    "/.zprofile",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/zshrc",
];

/// Parts of paths of the registry, in lower case and with slashes, with what they are.
const KEYS: [(&str, &str); 17] = [
    ("/currentversion/run/", "run key"),
    ("/currentversion/runonce", "run key"),
    ("/currentversion/policies/explorer/run", "run key"),
    ("/currentversion/explorer/shell folders/startup", "startup folder"),
    ("/currentversion/explorer/user shell folders/startup", "startup folder"),
    ("/winlogon/shell", "logon shell"),
    ("/winlogon/userinit", "logon program"),
    ("/winlogon/notify", "logon library"),
    ("/image file execution options/", "debugger of a program"),
    ("/silentprocessexit/", "monitor of a program"),
    ("/currentversion/windows/appinit_dlls", "library of all programs"),
    ("/session manager/appcertdlls", "library of all programs"),
    ("/control/lsa/", "authentication package"),
    ("/schedule/taskcache/", "scheduled task"),
    ("/active setup/installed components/", "active setup"),
    ("/control/print/monitors/", "print monitor"),
    ("/environment/userinitmprlogonscript", "logon script"),
];

/// Ends of paths of values of services that say what a service runs.
const SERVICE_VALUES: [&str; 3] = ["/imagepath", "/parameters/servicedll", "/failurecommand"];

/// What a file at this path makes come back.
pub(super) fn of_file(path: &str) -> Option<&'static str> {
    let path = plain(path);
    let place = FILES.iter().find(|(part, _)| path.contains(part)).map(|(_, what)| *what);
    place.or_else(|| SHELL_FILES.iter().any(|end| path.ends_with(end)).then_some("shell start-up file"))
}

/// What a value of the registry at this path makes come back.
pub(super) fn of_registry(path: &str) -> Option<&'static str> {
    let path = plain(path);
    let place = KEYS.iter().find(|(part, _)| path.contains(part)).map(|(_, what)| *what);
    place.or_else(|| {
        let is_service = path.contains("/services/") && SERVICE_VALUES.iter().any(|end| path.ends_with(end));
        is_service.then_some("service")
    })
}

fn plain(path: &str) -> String {
    path.to_lowercase().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_outlive_a_restart_are_known() {
        for (path, what) in [
            (
                "C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp\\x.lnk",
                Some("startup folder"),
            ),
            ("C:\\Windows\\System32\\Tasks\\Updater", Some("scheduled task")),
            ("/etc/cron.d/x", Some("cron")),
            ("/home/nora/.bashrc", Some("shell start-up file")),
            ("/home/nora/notes.txt", None),
        ] {
            assert_eq!(of_file(path), what, "{path}");
        }
        for (path, what) in [
            ("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\x", Some("run key")),
            ("HKLM\\SYSTEM\\ControlSet001\\Services\\x\\ImagePath", Some("service")),
            ("HKLM\\SYSTEM\\ControlSet001\\Services\\x\\Start", None),
            ("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Runtime", None),
        ] {
            assert_eq!(of_registry(path), what, "{path}");
        }
    }
}
