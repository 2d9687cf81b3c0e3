//! The names of tasks, in English, of the providers whose tasks rules read.
//!
//! An event has the number of its task, the same on every machine; its collector looks the name up in the provider's
//! resources and publishes it as `event.action` wherever no mapping knows a better word. Rules read some of these names,
//! so an event that nobody rendered needs them as well. A name that the record carries wins.

/// The audit subcategories of `Microsoft-Windows-Security-Auditing`.
const SECURITY_AUDITING: &[(u32, &str)] = &[
    (12288, "Security State Change"),
    (12289, "Security System Extension"),
    (12290, "System Integrity"),
    (12291, "IPsec Driver"),
    (12292, "Other System Events"),
    (12544, "Logon"),
    (12545, "Logoff"),
    (12546, "Account Lockout"),
    (12547, "IPsec Main Mode"),
    (12548, "Special Logon"),
    (12549, "IPsec Quick Mode"),
    (12550, "IPsec Extended Mode"),
    (12551, "Other Logon/Logoff Events"),
    (12552, "Network Policy Server"),
    (12553, "User / Device Claims"),
    (12554, "Group Membership"),
    (12800, "File System"),
    (12801, "Registry"),
    (12802, "Kernel Object"),
    (12803, "SAM"),
    (12804, "Other Object Access Events"),
    (12805, "Certification Services"),
    (12806, "Application Generated"),
    (12807, "Handle Manipulation"),
    (12808, "File Share"),
    (12809, "Filtering Platform Packet Drop"),
    (12810, "Filtering Platform Connection"),
    (12811, "Detailed File Share"),
    (12812, "Removable Storage"),
    (12813, "Central Access Policy Staging"),
    (13056, "Sensitive Privilege Use"),
    (13057, "Non Sensitive Privilege Use"),
    (13058, "Other Privilege Use Events"),
    (13312, "Process Creation"),
    (13313, "Process Termination"),
    (13314, "DPAPI Activity"),
    (13315, "RPC Events"),
    (13316, "Plug and Play Events"),
    (13317, "Token Right Adjusted Events"),
    (13568, "Audit Policy Change"),
    (13569, "Authentication Policy Change"),
    (13570, "Authorization Policy Change"),
    (13571, "MPSSVC Rule-Level Policy Change"),
    (13572, "Filtering Platform Policy Change"),
    (13573, "Other Policy Change Events"),
    (13824, "User Account Management"),
    (13825, "Computer Account Management"),
    (13826, "Security Group Management"),
    (13827, "Distribution Group Management"),
    (13828, "Application Group Management"),
    (13829, "Other Account Management Events"),
    (14080, "Directory Service Access"),
    (14081, "Directory Service Changes"),
    (14082, "Directory Service Replication"),
    (14083, "Detailed Directory Service Replication"),
    (14336, "Credential Validation"),
    (14337, "Kerberos Service Ticket Operations"),
    (14338, "Other Account Logon Events"),
    (14339, "Kerberos Authentication Service"),
];

/// The event log service itself, in the channels Security and System.
const EVENT_LOG: &[(u32, &str)] = &[
    (101, "Event processing"),
    (103, "Service shutdown"),
    (104, "Log clear"),
    (105, "Log automatic backup"),
];

/// The classic PowerShell log.
const POWERSHELL_CLASSIC: &[(u32, &str)] =
    &[(4, "Engine Lifecycle"), (6, "Provider Lifecycle"), (8, "Pipeline Execution Details")];

/// The operational PowerShell log.
const POWERSHELL: &[(u32, &str)] = &[
    (1, "Connect"),
    (2, "Execute a Remote Command"),
    (4, "PowerShell Console Startup"),
    (102, "Starting Command"),
    (103, "Stopping Command"),
    (106, "Executing Pipeline"),
    (111, "PowerShell Named Pipe IPC"),
];

const PROVIDERS: &[(&str, &[(u32, &str)])] = &[
    ("Microsoft-Windows-Security-Auditing", SECURITY_AUDITING),
    ("Microsoft-Windows-Eventlog", EVENT_LOG),
    ("PowerShell", POWERSHELL_CLASSIC),
    ("Microsoft-Windows-PowerShell", POWERSHELL),
];

/// The name of a task: the record's own where it is rendered, else the one that the provider gives this number. None for
/// a number that is not known.
pub(crate) fn name<'a>(provider: &str, task: &'a str) -> Option<&'a str> {
    let Ok(number) = task.parse::<u32>() else {
        return Some(task);
    };
    let (_, tasks) = PROVIDERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(provider))?;
    tasks.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_of_their_provider() {
        assert_eq!(name("microsoft-windows-eventlog", "104"), Some("Log clear"));
        assert_eq!(name("PowerShell", "4"), Some("Engine Lifecycle"));
        assert_eq!(name("Microsoft-Windows-PowerShell", "4"), Some("PowerShell Console Startup"));
        assert_eq!(name("Microsoft-Windows-PowerShell", "104"), None);
        assert_eq!(name("Somebody-Else", "104"), None);
        assert_eq!(name("Somebody-Else", "Protokoll gelöscht"), Some("Protokoll gelöscht"));
    }
}
