//! Words for the numbers of Security events, from Microsoft's documentation of its audit events.

use crate::windows::values::{guid, integer_text};

/// Kinds of logon.
pub(super) fn logon_type(number: &str) -> Option<&'static str> {
    Some(match number {
        "2" => "Interactive",
        "3" => "Network",
        "4" => "Batch",
        "5" => "Service",
        "7" => "Unlock",
        "8" => "NetworkCleartext",
        "9" => "NewCredentials",
        "10" => "RemoteInteractive",
        "11" => "CachedInteractive",
        _ => return None,
    })
}

/// What a logon's status says.
pub(super) fn logon_status(status: &str) -> Option<&'static str> {
    Some(match integer_text(status)? {
        0x0 => "Status OK.",
        0xc000_005e => "There are currently no logon servers available to service the logon request.",
        0xc000_0064 => "User logon with misspelled or bad user account",
        0xc000_006a => "User logon with misspelled or bad password",
        0xc000_006d => "This is either due to a bad username or authentication information",
        0xc000_006e => "Unknown user name or bad password.",
        0xc000_006f => "User logon outside authorized hours",
        0xc000_0070 => "User logon from unauthorized workstation",
        0xc000_0071 => "User logon with expired password",
        0xc000_0072 => "User logon to account disabled by administrator",
        0xc000_00dc => "Indicates the Sam Server was in the wrong state to perform the desired operation.",
        0xc000_0133 => "Clocks between DC and other computer too far out of sync",
        0xc000_015b => {
            "The user has not been granted the requested logon type (aka logon right) at this machine"
        }
        0xc000_018c => {
            "The logon request failed because the trust relationship between the primary domain and the trusted domain failed."
        }
        0xc000_0192 => "An attempt was made to logon, but the Netlogon service was not started.",
        0xc000_0193 => "User logon with expired account",
        0xc000_0224 => "User is required to change password at next logon",
        0xc000_0225 => "Evidently a bug in Windows and not a risk",
        0xc000_0234 => "User logon with account locked",
        0xc000_02ee => "Failure Reason: An Error occurred during Logon",
        0xc000_0371 => "The local account store does not contain secret material for the specified account",
        0xc000_0413 => {
            "Logon Failure: The machine you are logging on to is protected by an authentication firewall. The specified account is not allowed to authenticate to the machine."
        }
        _ => return None,
    })
}

/// Rights of a directory object's access mask.
pub(super) fn access_rights(mask: u64) -> impl Iterator<Item = &'static str> {
    const RIGHTS: &[(u64, &str)] = &[
        (0x1, "Create Child"),
        (0x2, "Delete Child"),
        (0x4, "List Contents"),
        (0x8, "SELF"),
        (0x10, "Read Property"),
        (0x20, "Write Property"),
        (0x40, "Delete Treee"),
        (0x80, "List Object"),
        (0x100, "Control Access"),
        (0x1_0000, "DELETE"),
        (0x2_0000, "READ_CONTROL"),
        (0x4_0000, "WRITE_DAC"),
        (0x8_0000, "WRITE_OWNER"),
        (0x10_0000, "SYNCHRONIZE"),
        (0x100_0000, "ADS_RIGHT_ACCESS_SYSTEM_SECURITY"),
        (0x1000_0000, "ADS_RIGHT_GENERIC_ALL"),
        (0x2000_0000, "ADS_RIGHT_GENERIC_EXECUTE"),
        (0x4000_0000, "ADS_RIGHT_GENERIC_WRITE"),
        (0x8000_0000, "ADS_RIGHT_GENERIC_READ"),
    ];
    RIGHTS.iter().filter(move |(bit, _)| mask & bit != 0).map(|&(_, name)| name)
}

/// Flags of an account.
pub(super) fn account_control(value: u64) -> impl Iterator<Item = &'static str> {
    const FLAGS: &[(u64, &str)] = &[
        (0x1, "USER_ACCOUNT_DISABLED"),
        (0x2, "USER_HOME_DIRECTORY_REQUIRED"),
        (0x4, "USER_PASSWORD_NOT_REQUIRED"),
        (0x8, "USER_TEMP_DUPLICATE_ACCOUNT"),
        (0x10, "USER_NORMAL_ACCOUNT"),
        (0x20, "USER_MNS_LOGON_ACCOUNT"),
        (0x40, "USER_INTERDOMAIN_TRUST_ACCOUNT"),
        (0x80, "USER_WORKSTATION_TRUST_ACCOUNT"),
        (0x100, "USER_SERVER_TRUST_ACCOUNT"),
        (0x200, "USER_DONT_EXPIRE_PASSWORD"),
        (0x400, "USER_ACCOUNT_AUTO_LOCKED"),
        (0x800, "USER_ENCRYPTED_TEXT_PASSWORD_ALLOWED"),
        (0x1000, "USER_SMARTCARD_REQUIRED"),
        (0x2000, "USER_TRUSTED_FOR_DELEGATION"),
        (0x4000, "USER_NOT_DELEGATED"),
        (0x8000, "USER_USE_DES_KEY_ONLY"),
        (0x1_0000, "USER_DONT_REQUIRE_PREAUTH"),
        (0x2_0000, "USER_PASSWORD_EXPIRED"),
        (0x4_0000, "USER_TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION"),
        (0x8_0000, "USER_NO_AUTH_DATA_REQUIRED"),
        (0x10_0000, "USER_PARTIAL_SECRETS_ACCOUNT"),
        (0x20_0000, "USER_USE_AES_KEYS"),
    ];
    FLAGS.iter().filter(move |(bit, _)| value & bit != 0).map(|&(_, name)| name)
}

/// Options of a Kerberos ticket; RFC 4120 counts bits from the most significant one.
pub(super) fn ticket_options(options: u64) -> impl Iterator<Item = &'static str> {
    const OPTIONS: &[(u64, &str)] = &[
        (0x8000_0000, "Reserved"),
        (0x4000_0000, "Forwardable"),
        (0x2000_0000, "Forwarded"),
        (0x1000_0000, "Proxiable"),
        (0x0800_0000, "Proxy"),
        (0x0400_0000, "Allow-postdate"),
        (0x0200_0000, "Postdated"),
        (0x0100_0000, "Invalid"),
        (0x0080_0000, "Renewable"),
        (0x0040_0000, "Initial"),
        (0x0020_0000, "Pre-authent"),
        (0x0010_0000, "Opt-hardware-auth"),
        (0x0008_0000, "Transited-policy-checked"),
        (0x0004_0000, "Ok-as-delegate"),
        (0x0002_0000, "Request-anonymous"),
        (0x0001_0000, "Name-canonicalize"),
        (0x0000_0020, "Disable-transited-check"),
        (0x0000_0010, "Renewable-ok"),
        (0x0000_0008, "Enc-tkt-in-skey"),
        (0x0000_0002, "Renew"),
        (0x0000_0001, "Validate"),
    ];
    OPTIONS.iter().filter(move |(bit, _)| options & bit != 0).map(|&(_, name)| name)
}

/// Encryption types of tickets.
pub(super) fn ticket_encryption(number: &str) -> Option<&'static str> {
    Some(match integer_text(number)? {
        0x1 => "DES-CBC-CRC",
        0x3 => "DES-CBC-MD5",
        0x11 => "AES128-CTS-HMAC-SHA1-96",
        0x12 => "AES256-CTS-HMAC-SHA1-96",
        0x17 => "RC4-HMAC",
        0x18 => "RC4-HMAC-EXP",
        0xffff_ffff => "FAIL",
        _ => return None,
    })
}

/// Kerberos error codes by the names of RFC 4120 and of Microsoft's documentation.
pub(super) fn kerberos_status(number: &str) -> Option<&'static str> {
    Some(match integer_text(number)? {
        0x0 => "KDC_ERR_NONE",
        0x1 => "KDC_ERR_NAME_EXP",
        0x2 => "KDC_ERR_SERVICE_EXP",
        0x3 => "KDC_ERR_BAD_PVNO",
        0x4 => "KDC_ERR_C_OLD_MAST_KVNO",
        0x5 => "KDC_ERR_S_OLD_MAST_KVNO",
        0x6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        0x7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        0x8 => "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
        0x9 => "KDC_ERR_NULL_KEY",
        0xa => "KDC_ERR_CANNOT_POSTDATE",
        0xb => "KDC_ERR_NEVER_VALID",
        0xc => "KDC_ERR_POLICY",
        0xd => "KDC_ERR_BADOPTION",
        0xe => "KDC_ERR_ETYPE_NOTSUPP",
        0xf => "KDC_ERR_SUMTYPE_NOSUPP",
        0x10 => "KDC_ERR_PADATA_TYPE_NOSUPP",
        0x11 => "KDC_ERR_TRTYPE_NO_SUPP",
        0x12 => "KDC_ERR_CLIENT_REVOKED",
        0x13 => "KDC_ERR_SERVICE_REVOKED",
        0x14 => "KDC_ERR_TGT_REVOKED",
        0x15 => "KDC_ERR_CLIENT_NOTYET",
        0x16 => "KDC_ERR_SERVICE_NOTYET",
        0x17 => "KDC_ERR_KEY_EXPIRED",
        0x18 => "KDC_ERR_PREAUTH_FAILED",
        0x19 => "KDC_ERR_PREAUTH_REQUIRED",
        0x1a => "KDC_ERR_SERVER_NOMATCH",
        0x1b => "KDC_ERR_MUST_USE_USER2USER",
        0x1c => "KDC_ERR_PATH_NOT_ACCEPTED",
        0x1d => "KDC_ERR_SVC_UNAVAILABLE",
        0x1f => "KRB_AP_ERR_BAD_INTEGRITY",
        0x20 => "KRB_AP_ERR_TKT_EXPIRED",
        0x21 => "KRB_AP_ERR_TKT_NYV",
        0x22 => "KRB_AP_ERR_REPEAT",
        0x23 => "KRB_AP_ERR_NOT_US",
        0x24 => "KRB_AP_ERR_BADMATCH",
        0x25 => "KRB_AP_ERR_SKEW",
        0x26 => "KRB_AP_ERR_BADADDR",
        0x27 => "KRB_AP_ERR_BADVERSION",
        0x28 => "KRB_AP_ERR_MSG_TYPE",
        0x29 => "KRB_AP_ERR_MODIFIED",
        0x2a => "KRB_AP_ERR_BADORDER",
        0x2c => "KRB_AP_ERR_BADKEYVER",
        0x2d => "KRB_AP_ERR_NOKEY",
        0x2e => "KRB_AP_ERR_MUT_FAIL",
        0x2f => "KRB_AP_ERR_BADDIRECTION",
        0x30 => "KRB_AP_ERR_METHOD",
        0x31 => "KRB_AP_ERR_BADSEQ",
        0x32 => "KRB_AP_ERR_INAPP_CKSUM",
        0x33 => "KRB_AP_PATH_NOT_ACCEPTED",
        0x34 => "KRB_ERR_RESPONSE_TOO_BIG",
        0x3c => "KRB_ERR_GENERIC",
        0x3d => "KRB_ERR_FIELD_TOOLONG",
        0x3e => "KDC_ERR_CLIENT_NOT_TRUSTED",
        0x3f => "KDC_ERR_KDC_NOT_TRUSTED",
        0x40 => "KDC_ERR_INVALID_SIG",
        0x41 => "KDC_ERR_KEY_TOO_WEAK",
        0x42 => "KRB_AP_ERR_USER_TO_USER_REQUIRED",
        0x43 => "KRB_AP_ERR_NO_TGT",
        0x44 => "KDC_ERR_WRONG_REALM",
        _ => return None,
    })
}

/// Kinds of services.
pub(super) fn service_type(number: &str) -> Option<&'static str> {
    Some(match integer_text(number)? {
        0x1 => "Kernel Driver",
        0x2 => "File System Driver",
        0x8 => "Recognizer Driver",
        0x10 => "Win32 Own Process",
        0x20 => "Win32 Share Process",
        0x110 => "Interactive Own Process",
        0x120 => "Interactive Share Process",
        _ => return None,
    })
}

/// Transport protocols by their IANA number, in the spelling of ECS.
pub(super) fn transport(number: &str) -> Option<&'static str> {
    Some(match number {
        "1" => "icmp",
        "2" => "igmp",
        "6" => "tcp",
        "17" => "udp",
        "41" => "ipv6",
        "47" => "gre",
        "50" => "esp",
        "58" => "ipv6-icmp",
        "132" => "sctp",
        _ => return None,
    })
}

/// Directions of a domain trust.
pub(super) const TRUST_DIRECTIONS: &[(i64, &str)] = &[
    (0, "TRUST_DIRECTION_DISABLED"),
    (1, "TRUST_DIRECTION_INBOUND"),
    (2, "TRUST_DIRECTION_OUTBOUND"),
    (3, "TRUST_DIRECTION_BIDIRECTIONAL"),
];
/// Kinds of a domain trust.
pub(super) const TRUST_TYPES: &[(i64, &str)] =
    &[(1, "TRUST_TYPE_DOWNLEVEL"), (2, "TRUST_TYPE_UPLEVEL"), (3, "TRUST_TYPE_MIT"), (4, "TRUST_TYPE_DCE")];
/// Attributes of a domain trust.
pub(super) const TRUST_ATTRIBUTES: &[(i64, &str)] = &[
    (0, "UNDEFINED"),
    (1, "TRUST_ATTRIBUTE_NON_TRANSITIVE"),
    (2, "TRUST_ATTRIBUTE_UPLEVEL_ONLY"),
    (4, "TRUST_ATTRIBUTE_QUARANTINED_DOMAIN"),
    (8, "TRUST_ATTRIBUTE_FOREST_TRANSITIVE"),
    (16, "TRUST_ATTRIBUTE_CROSS_ORGANIZATION"),
    (32, "TRUST_ATTRIBUTE_WITHIN_FOREST"),
    (64, "TRUST_ATTRIBUTE_TREAT_AS_EXTERNAL"),
    (128, "TRUST_ATTRIBUTE_USES_RC4_ENCRYPTION"),
    (512, "TRUST_ATTRIBUTE_CROSS_ORGANIZATION_NO_TGT_DELEGATION"),
    (1024, "TRUST_ATTRIBUTE_PIM_TRUST"),
];

/// Names of accounts and groups that are the same everywhere.
pub(super) fn well_known_sid(sid: &str) -> Option<&'static str> {
    Some(match sid {
        "S-1-0-0" => "Nobody",
        "S-1-1-0" => "Everyone",
        "S-1-3-0" => "Creator Owner",
        "S-1-3-1" => "Creator Group",
        "S-1-5-2" => "Network",
        "S-1-5-3" => "Batch",
        "S-1-5-4" => "Interactive",
        "S-1-5-6" => "Service",
        "S-1-5-7" => "Anonymous",
        "S-1-5-9" => "Enterprise Domain Controllers",
        "S-1-5-10" => "Self",
        "S-1-5-11" => "Authenticated Users",
        "S-1-5-12" => "Restricted Code",
        "S-1-5-13" => "Terminal Server Users",
        "S-1-5-14" => "Remote Interactive Logon",
        "S-1-5-17" => "This Organization",
        "S-1-5-18" => "Local System",
        "S-1-5-19" => "NT Authority Local Service",
        "S-1-5-20" => "NT Authority Network Service",
        "S-1-5-32-544" => "Administrators",
        "S-1-5-32-545" => "Users",
        "S-1-5-32-546" => "Guests",
        "S-1-5-32-547" => "Power Users",
        "S-1-5-32-548" => "Account Operators",
        "S-1-5-32-549" => "Server Operators",
        "S-1-5-32-550" => "Print Operators",
        "S-1-5-32-551" => "Backup Operators",
        "S-1-5-32-552" => "Replicators",
        "S-1-5-32-555" => "Remote Desktop Users",
        "S-1-5-32-556" => "Network Configuration Operators",
        "S-1-5-32-573" => "Event Log Readers",
        "S-1-5-32-580" => "Remote Management Users",
        _ => return None,
    })
}

/// Category and name of an audit policy's subcategory. Their GUIDs differ in two digits only.
pub(super) fn audit_subcategory(text: &str) -> Option<(&'static str, &'static str)> {
    let guid = guid(text)?;
    let digits = guid.strip_prefix("{0cce92")?.strip_suffix("-69ae-11d9-bed3-505054503030}")?;
    let (category, name) = match digits {
        "10" => ("System", "Security State Change"),
        "11" => ("System", "Security System Extension"),
        "12" => ("System", "System Integrity"),
        "13" => ("System", "IPsec Driver"),
        "14" => ("System", "Other System Events"),
        "15" => ("Logon/Logoff", "Logon"),
        "16" => ("Logon/Logoff", "Logoff"),
        "17" => ("Logon/Logoff", "Account Lockout"),
        "18" => ("Logon/Logoff", "IPsec Main Mode"),
        "19" => ("Logon/Logoff", "IPsec Quick Mode"),
        "1a" => ("Logon/Logoff", "IPsec Extended Mode"),
        "1b" => ("Logon/Logoff", "Special Logon"),
        "1c" => ("Logon/Logoff", "Other Logon/Logoff Events"),
        "43" => ("Logon/Logoff", "Network Policy Server"),
        "47" => ("Logon/Logoff", "User / Device Claims"),
        "49" => ("Logon/Logoff", "Group Membership"),
        "1d" => ("Object Access", "File System"),
        "1e" => ("Object Access", "Registry"),
        "1f" => ("Object Access", "Kernel Object"),
        "20" => ("Object Access", "SAM"),
        "21" => ("Object Access", "Certification Services"),
        "22" => ("Object Access", "Application Generated"),
        "23" => ("Object Access", "Handle Manipulation"),
        "24" => ("Object Access", "File Share"),
        "25" => ("Object Access", "Filtering Platform Packet Drop"),
        "26" => ("Object Access", "Filtering Platform Connection"),
        "27" => ("Object Access", "Other Object Access Events"),
        "44" => ("Object Access", "Detailed File Share"),
        "45" => ("Object Access", "Removable Storage"),
        "46" => ("Object Access", "Central Policy Staging"),
        "28" => ("Privilege Use", "Sensitive Privilege Use"),
        "29" => ("Privilege Use", "Non Sensitive Privilege Use"),
        "2a" => ("Privilege Use", "Other Privilege Use Events"),
        "2b" => ("Detailed Tracking", "Process Creation"),
        "2c" => ("Detailed Tracking", "Process Termination"),
        "2d" => ("Detailed Tracking", "DPAPI Activity"),
        "2e" => ("Detailed Tracking", "RPC Events"),
        "48" => ("Detailed Tracking", "Plug and Play Events"),
        "4a" => ("Detailed Tracking", "Token Right Adjusted Events"),
        "2f" => ("Policy Change", "Audit Policy Change"),
        "30" => ("Policy Change", "Authentication Policy Change"),
        "31" => ("Policy Change", "Authorization Policy Change"),
        "32" => ("Policy Change", "MPSSVC Rule-Level Policy Change"),
        "33" => ("Policy Change", "Filtering Platform Policy Change"),
        "34" => ("Policy Change", "Other Policy Change Events"),
        "35" => ("Account Management", "User Account Management"),
        "36" => ("Account Management", "Computer Account Management"),
        "37" => ("Account Management", "Security Group Management"),
        "38" => ("Account Management", "Distribution Group Management"),
        "39" => ("Account Management", "Application Group Management"),
        "3a" => ("Account Management", "Other Account Management Events"),
        "3b" => ("DS Access", "Directory Service Access"),
        "3c" => ("DS Access", "Directory Service Changes"),
        "3d" => ("DS Access", "Directory Service Replication"),
        "3e" => ("DS Access", "Detailed Directory Service Replication"),
        "3f" => ("Account Logon", "Credential Validation"),
        "40" => ("Account Logon", "Kerberos Service Ticket Operations"),
        "41" => ("Account Logon", "Other Account Logon Events"),
        "42" => ("Account Logon", "Kerberos Authentication Service"),
        _ => return None,
    };
    Some((category, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_words_in_any_spelling() {
        assert_eq!(kerberos_status("0x12"), Some("KDC_ERR_CLIENT_REVOKED"));
        assert_eq!(kerberos_status("18"), Some("KDC_ERR_CLIENT_REVOKED"));
        assert_eq!(logon_status("0xC000006D"), logon_status("0xc000006d"));
        assert_eq!(
            ticket_options(0x4081_0000).collect::<Vec<_>>(),
            ["Forwardable", "Renewable", "Name-canonicalize"]
        );
        assert_eq!(
            audit_subcategory("{0CCE922B-69AE-11D9-BED3-505054503030}"),
            Some(("Detailed Tracking", "Process Creation"))
        );
        assert_eq!(audit_subcategory("{0CCE9299-69AE-11D9-BED3-505054503030}"), None);
    }
}
