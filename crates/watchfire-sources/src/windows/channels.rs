//! Channels as Windows spells them, and what a channel tells about a record that names no provider.
//!
//! Exports write `security` for `Security`, but rules compare `winlog.channel` with the true spelling; and some leave the
//! provider out, which most of these channels have only one of.

use std::borrow::Cow;

/// The channels that mappings and rules know.
const KNOWN: &[&str] = &[
    "Application",
    "ForwardedEvents",
    "Microsoft-Windows-PowerShell/Operational",
    SYSMON,
    "Microsoft-Windows-Windows Defender/Operational",
    SECURITY,
    "System",
    "Windows PowerShell",
];
const SECURITY: &str = "Security";
const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

/// A channel in its true spelling, as far as it is known.
pub(crate) fn true_spelling(channel: Cow<'_, str>) -> Cow<'_, str> {
    KNOWN
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&channel))
        .map_or(channel, |known| Cow::Borrowed(*known))
}

/// The provider that writes an event of this id to a channel (in its true spelling), where there can be only one.
pub(crate) fn provider(channel: &str, code: &str) -> Option<&'static str> {
    Some(match (channel, code) {
        (SYSMON, _) => "Microsoft-Windows-Sysmon",
        ("Microsoft-Windows-PowerShell/Operational", _) => "Microsoft-Windows-PowerShell",
        ("Windows PowerShell", _) => "PowerShell",
        ("Microsoft-Windows-Windows Defender/Operational", _) => "Microsoft-Windows-Windows Defender",
        // The log about itself; all other events of four digits are audits.
        (SECURITY, "1100" | "1101" | "1102" | "1104" | "1105" | "1108") => "Microsoft-Windows-Eventlog",
        (SECURITY, code) if code.len() == 4 && code.starts_with(['4', '5', '6']) => {
            "Microsoft-Windows-Security-Auditing"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_and_writers() {
        let channel = true_spelling("SECURITY".into());
        assert_eq!(channel, "Security");
        assert_eq!(provider(&channel, "4688"), Some("Microsoft-Windows-Security-Auditing"));
        assert_eq!(provider(&channel, "1102"), Some("Microsoft-Windows-Eventlog"));
        // A certificate authority, a federation service and others may write any other id.
        assert_eq!(provider(&channel, "403"), None);
        assert_eq!(provider("System", "7045"), None);
        assert_eq!(true_spelling("Vendor/Log".into()), "Vendor/Log");
    }
}
