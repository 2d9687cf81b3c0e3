//! The texts behind the `%%` codes that stand in the data of Security events (from `msobjs.dll`, in English).
//!
//! A bare event has the codes; a collector that renders messages, as Winlogbeat does, has put the texts in their place.

use std::borrow::Cow;

use crate::fields::{FieldValue, Fields};

/// The text behind a code, without its `%%`.
pub(crate) fn text(code: &str) -> Option<&'static str> {
    Some(match code.trim() {
        "1537" => "DELETE",
        "1538" => "READ_CONTROL",
        "1539" => "WRITE_DAC",
        "1540" => "WRITE_OWNER",
        "1541" => "SYNCHRONIZE",
        "1542" => "ACCESS_SYS_SEC",
        "1543" => "MAX_ALLOWED",
        "1601" => "Not used",
        "1603" => "Assign Primary Token Privilege",
        "1792" => "<value changed, but not displayed>",
        "1793" => "<value not set>",
        "1794" => "<never>",
        "1795" => "Enabled",
        "1796" => "Disabled",
        "1797" => "All",
        "1798" => "None",
        "1801" => "Granted by",
        "1802" => "Denied by",
        "1803" => "Denied by Integrity Policy check",
        "1804" => "Granted by Ownership",
        "1805" => "Not granted",
        "1832" => "Identification",
        "1833" => "Impersonation",
        "1840" => "Delegation",
        "1842" => "Yes",
        "1843" => "No",
        "1844" => "System",
        "1845" => "Not Available",
        "1846" => "Default",
        "1936" => "TokenElevationTypeDefault (1)",
        "1937" => "TokenElevationTypeFull (2)",
        "1938" => "TokenElevationTypeLimited (3)",
        "2048" => "Account Enabled",
        "2049" => "'Home Directory Required' - Disabled",
        "2050" => "'Password Not Required' - Disabled",
        "2051" => "'Temp Duplicate Account' - Disabled",
        "2052" => "'Normal Account' - Disabled",
        "2053" => "'MNS Logon Account' - Disabled",
        "2054" => "'Interdomain Trust Account' - Disabled",
        "2055" => "'Workstation Trust Account' - Disabled",
        "2056" => "'Server Trust Account' - Disabled",
        "2057" => "'Don't Expire Password' - Disabled",
        "2058" => "Account Unlocked",
        "2059" => "'Encrypted Text Password Allowed' - Disabled",
        "2060" => "'Smartcard Required' - Disabled",
        "2061" => "'Trusted For Delegation' - Disabled",
        "2062" => "'Not Delegated' - Disabled",
        "2063" => "'Use DES Key Only' - Disabled",
        "2064" => "'Don't Require Preauth' - Disabled",
        "2065" => "'Password Expired' - Disabled",
        "2066" => "'Trusted To Authenticate For Delegation' - Disabled",
        "2080" => "Account Disabled",
        "2081" => "'Home Directory Required' - Enabled",
        "2082" => "'Password Not Required' - Enabled",
        "2083" => "'Temp Duplicate Account' - Enabled",
        "2084" => "'Normal Account' - Enabled",
        "2085" => "'MNS Logon Account' - Enabled",
        "2086" => "'Interdomain Trust Account' - Enabled",
        "2087" => "'Workstation Trust Account' - Enabled",
        "2088" => "'Server Trust Account' - Enabled",
        "2089" => "'Don't Expire Password' - Enabled",
        "2090" => "Account Locked",
        "2091" => "'Encrypted Text Password Allowed' - Enabled",
        "2092" => "'Smartcard Required' - Enabled",
        "2093" => "'Trusted For Delegation' - Enabled",
        "2094" => "'Not Delegated' - Enabled",
        "2095" => "'Use DES Key Only' - Enabled",
        "2096" => "'Don't Require Preauth' - Enabled",
        "2097" => "'Password Expired' - Enabled",
        "2098" => "'Trusted To Authenticate For Delegation' - Enabled",
        "2304" => "An Error occured during Logon.",
        "2305" => "The specified user account has expired.",
        "2306" => "The NetLogon component is not active.",
        "2307" => "Account locked out.",
        "2308" => "The user has not been granted the requested logon type at this machine.",
        "2309" => "The specified account's password has expired.",
        "2310" => "Account currently disabled.",
        "2311" => "Account logon time restriction violation.",
        "2312" => "User not allowed to logon at this computer.",
        "2313" => "Unknown user name or bad password.",
        "2314" => "Domain sid inconsistent.",
        "2315" => "Smartcard logon is required and was not used.",
        "4416" => "ReadData (or ListDirectory)",
        "4417" => "WriteData (or AddFile)",
        "4418" => "AppendData (or AddSubdirectory or CreatePipeInstance)",
        "4419" => "ReadEA",
        "4420" => "WriteEA",
        "4421" => "Execute/Traverse",
        "4422" => "DeleteChild",
        "4423" => "ReadAttributes",
        "4424" => "WriteAttributes",
        "4432" => "Query key value",
        "4433" => "Set key value",
        "4434" => "Create sub-key",
        "4435" => "Enumerate sub-keys",
        "4436" => "Notify about changes to keys",
        "4437" => "Create Link",
        "4480" => "Force process termination",
        "4481" => "Create new thread in process",
        "4482" => "Set process session ID",
        "4483" => "Perform virtual memory operation",
        "4484" => "Read from process memory",
        "4485" => "Write to process memory",
        "4486" => "Duplicate handle into or out of process",
        "4487" => "Create a subprocess of process",
        "4488" => "Set process quotas",
        "4489" => "Set process information",
        "4490" => "Query process information",
        "4491" => "Set process termination port",
        "4496" => "Force thread termination",
        "4497" => "Suspend or resume thread",
        "4498" => "Send an alert to thread",
        "4499" => "Get thread context",
        "4500" => "Set thread context",
        "4501" => "Set thread information",
        "4502" => "Query thread information",
        "4503" => "Assign a token to the thread",
        "4528" => "AssignAsPrimary",
        "4529" => "Duplicate",
        "4530" => "Impersonate",
        "4531" => "Query",
        "4532" => "QuerySource",
        "4533" => "AdjustPrivileges",
        "4534" => "AdjustGroups",
        "4535" => "AdjustDefaultDacl",
        "4536" => "AdjustSessionID",
        "5376" => "ConnectToServer",
        "5377" => "ShutdownServer",
        "5378" => "InitializeServer",
        "5379" => "CreateDomain",
        "5380" => "EnumerateDomains",
        "5381" => "LookupDomain",
        "7168" => "Connect to service controller",
        "7169" => "Create a new service",
        "7170" => "Enumerate services",
        "7171" => "Lock service database for exclusive access",
        "7172" => "Query service database lock state",
        "7173" => "Set last-known-good state of service database",
        "7184" => "Query service configuration information",
        "7185" => "Set service configuration information",
        "7186" => "Query status of service",
        "7187" => "Enumerate dependencies of service",
        "7188" => "Start the service",
        "7189" => "Stop the service",
        "7190" => "Pause or continue the service",
        "7191" => "Query information from service",
        "7192" => "Issue service-specific control commands",
        "7680" => "Create Child",
        "7681" => "Delete Child",
        "7682" => "List Contents",
        "7683" => "Write Self",
        "7684" => "Read Property",
        "7685" => "Write Property",
        "7686" => "Delete Tree",
        "7687" => "List Object",
        "7688" => "Control Access",
        "8448" => "Success removed",
        "8449" => "Success Added",
        "8450" => "Failure removed",
        "8451" => "Failure Added",
        "14592" => "Inbound",
        "14593" => "Outbound",
        "14596" => "IP Packet",
        "14597" => "Transport",
        "14598" => "Forward",
        "14599" => "Stream",
        "14600" => "Datagram Data",
        "14601" => "ICMP Error",
        "14602" => "MAC 802.3",
        "14603" => "MAC Native",
        "14604" => "vSwitch",
        "14608" => "Resource Assignment",
        "14609" => "Listen",
        "14610" => "Receive/Accept",
        "14611" => "Connect",
        "14612" => "Flow Established",
        "14614" => "Resource Release",
        "14615" => "Endpoint Closure",
        "14616" => "Connect Redirect",
        "14617" => "Bind Redirect",
        "14624" => "Stream Packet",
        _ => return None,
    })
}

/// Puts the texts in the place of the codes that are known, as a collector that renders messages does.
pub(crate) fn render(data: &mut Fields<'_>) {
    for value in data.values_mut() {
        if let FieldValue::Text(text) = value
            && text.contains("%%")
        {
            *text = Cow::Owned(rendered(text));
        }
    }
}

fn rendered(text: &str) -> String {
    let mut pieces = text.split("%%");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        match self::text(&piece[..digits]) {
            Some(known) if digits > 0 => result.push_str(known),
            _ => {
                result.push_str("%%");
                result.push_str(&piece[..digits]);
            }
        }
        result.push_str(&piece[digits..]);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_are_rendered_in_place() {
        assert_eq!(rendered("%%1937"), "TokenElevationTypeFull (2)");
        assert_eq!(rendered("\n\t%%2080\n\t%%9999 %%"), "\n\tAccount Disabled\n\t%%9999 %%");
        assert_eq!(rendered("%PATH%%TEMP%"), "%PATH%%TEMP%");
    }
}
