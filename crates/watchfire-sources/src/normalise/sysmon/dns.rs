//! DNS queries (event 22): answers, resolved addresses and the status.

use std::borrow::Cow;

use watchfire_events::parse_ip;

use crate::fields::TextMembers;
use crate::normalise::draft::{Draft, plain_address};

/// Record types by number, as IANA lists them.
const RECORD_TYPES: &[(u32, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAPPTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (31, "EID"),
    (32, "NIMLOC"),
    (33, "SRV"),
    (34, "ATMA"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (38, "A6"),
    (39, "DNAME"),
    (40, "SINK"),
    (41, "OPT"),
    (43, "DS"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (248, "ADDRS"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (257, "CAA"),
    (65281, "WINS"),
    (65282, "WINSR"),
];

/// Names of the statuses that a query ends with, from `winerror.h`.
const STATUSES: &[(u32, &str)] = &[
    (0, "SUCCESS"),
    (5, "ERROR_ACCESS_DENIED"),
    (8, "ERROR_NOT_ENOUGH_MEMORY"),
    (13, "ERROR_INVALID_DATA"),
    (14, "ERROR_OUTOFMEMORY"),
    (87, "ERROR_INVALID_PARAMETER"),
    (123, "ERROR_INVALID_NAME"),
    (1214, "ERROR_INVALID_NETNAME"),
    (1223, "ERROR_CANCELLED"),
    (1460, "ERROR_TIMEOUT"),
    (4312, "ERROR_OBJECT_NOT_FOUND"),
    (9001, "DNS_ERROR_RCODE_FORMAT_ERROR"),
    (9002, "DNS_ERROR_RCODE_SERVER_FAILURE"),
    (9003, "DNS_ERROR_RCODE_NAME_ERROR"),
    (9004, "DNS_ERROR_RCODE_NOT_IMPLEMENTED"),
    (9005, "DNS_ERROR_RCODE_REFUSED"),
    (9006, "DNS_ERROR_RCODE_YXDOMAIN"),
    (9007, "DNS_ERROR_RCODE_YXRRSET"),
    (9008, "DNS_ERROR_RCODE_NXRRSET"),
    (9009, "DNS_ERROR_RCODE_NOTAUTH"),
    (9010, "DNS_ERROR_RCODE_NOTZONE"),
    (9016, "DNS_ERROR_RCODE_BADSIG"),
    (9017, "DNS_ERROR_RCODE_BADKEY"),
    (9018, "DNS_ERROR_RCODE_BADTIME"),
    (9101, "DNS_ERROR_KEYMASTER_REQUIRED"),
    (9102, "DNS_ERROR_NOT_ALLOWED_ON_SIGNED_ZONE"),
    (9103, "DNS_ERROR_NSEC3_INCOMPATIBLE_WITH_RSA_SHA1"),
    (9104, "DNS_ERROR_NOT_ENOUGH_SIGNING_KEY_DESCRIPTORS"),
    (9105, "DNS_ERROR_UNSUPPORTED_ALGORITHM"),
    (9106, "DNS_ERROR_INVALID_KEY_SIZE"),
    (9501, "DNS_INFO_NO_RECORDS"),
    (9502, "DNS_ERROR_BAD_PACKET"),
    (9503, "DNS_ERROR_NO_PACKET"),
    (9504, "DNS_ERROR_RCODE"),
    (9505, "DNS_ERROR_UNSECURE_PACKET"),
    (9506, "DNS_REQUEST_PENDING"),
    (9551, "DNS_ERROR_INVALID_TYPE"),
    (9552, "DNS_ERROR_INVALID_IP_ADDRESS"),
    (9553, "DNS_ERROR_INVALID_PROPERTY"),
    (9554, "DNS_ERROR_TRY_AGAIN_LATER"),
    (9555, "DNS_ERROR_NOT_UNIQUE"),
    (9556, "DNS_ERROR_NON_RFC_NAME"),
    (9557, "DNS_STATUS_FQDN"),
    (9558, "DNS_STATUS_DOTTED_NAME"),
    (9559, "DNS_STATUS_SINGLE_PART_NAME"),
    (9560, "DNS_ERROR_INVALID_NAME_CHAR"),
    (9561, "DNS_ERROR_NUMERIC_NAME"),
    (9565, "DNS_ERROR_CANNOT_FIND_ROOT_HINTS"),
    (9601, "DNS_ERROR_ZONE_DOES_NOT_EXIST"),
    (9602, "DNS_ERROR_NO_ZONE_INFO"),
    (9603, "DNS_ERROR_INVALID_ZONE_OPERATION"),
    (9604, "DNS_ERROR_ZONE_CONFIGURATION_ERROR"),
    (9605, "DNS_ERROR_ZONE_HAS_NO_SOA_RECORD"),
    (9606, "DNS_ERROR_ZONE_HAS_NO_NS_RECORDS"),
    (9607, "DNS_ERROR_ZONE_LOCKED"),
    (9609, "DNS_ERROR_ZONE_ALREADY_EXISTS"),
    (9701, "DNS_ERROR_RECORD_DOES_NOT_EXIST"),
    (9702, "DNS_ERROR_RECORD_FORMAT"),
    (9703, "DNS_ERROR_NODE_CREATION_FAILED"),
    (9704, "DNS_ERROR_UNKNOWN_RECORD_TYPE"),
    (9705, "DNS_ERROR_RECORD_TIMED_OUT"),
    (9706, "DNS_ERROR_NAME_NOT_IN_ZONE"),
    (9707, "DNS_ERROR_CNAME_LOOP"),
    (9708, "DNS_ERROR_NODE_IS_CNAME"),
    (9709, "DNS_ERROR_CNAME_COLLISION"),
    (9710, "DNS_ERROR_RECORD_ONLY_AT_ZONE_ROOT"),
    (9711, "DNS_ERROR_RECORD_ALREADY_EXISTS"),
    (9712, "DNS_ERROR_SECONDARY_DATA"),
    (9714, "DNS_ERROR_NAME_DOES_NOT_EXIST"),
    (9715, "DNS_WARNING_PTR_CREATE_FAILED"),
    (9717, "DNS_ERROR_DS_UNAVAILABLE"),
    (9751, "DNS_INFO_AXFR_COMPLETE"),
    (9752, "DNS_ERROR_AXFR"),
    (9753, "DNS_INFO_ADDED_LOCAL_WINS"),
    (9801, "DNS_STATUS_CONTINUE_NEEDED"),
    (9851, "DNS_ERROR_NO_TCPIP"),
    (9852, "DNS_ERROR_NO_DNS_SERVERS"),
    (10022, "WSAEINVAL"),
    (10054, "WSAECONNRESET"),
    (10055, "WSAENOBUFS"),
    (10060, "WSAETIMEDOUT"),
    (11001, "WSAHOST_NOT_FOUND"),
    (11002, "WSATRY_AGAIN"),
    (11003, "WSANO_RECOVERY"),
    (11004, "WSANO_DATA"),
];

pub(super) fn map(draft: &mut Draft<'_, '_>) {
    draft.set("network.protocol", "dns");
    if let Some(status) = draft.take("QueryStatus") {
        let name = status.parse().ok().and_then(|number: u32| find(STATUSES, number));
        draft.set("sysmon.dns.status", name.map_or(status, Cow::Borrowed));
    }
    if let Some(results) = draft.take("QueryResults") {
        let Resolution { records, addresses, whole } = resolution(draft, &results);
        if !records.is_empty() {
            draft.set("dns.answers", records);
        }
        if !addresses.is_empty() {
            draft.set("dns.resolved_ip", addresses);
        }
        if !whole {
            draft.set_datum("QueryResults", results);
        }
    }
    if let Some(question) = draft.copy_text("dns.question.name") {
        draft.relate_host(&question);
    }
}

/// What a query resulted in.
struct Resolution<'a> {
    records: Vec<TextMembers<'a>>,
    addresses: Vec<Cow<'a, str>>,
    /// Whether all of the text was understood. Sysmon cuts long results in the middle of an address.
    whole: bool,
}

/// The answers of a result such as `type:  5 www.example.org;::ffff:192.0.2.1;`, and the addresses among them.
fn resolution<'a>(draft: &mut Draft<'a, '_>, results: &str) -> Resolution<'a> {
    let mut records = Vec::new();
    let mut addresses: Vec<Cow<'_, str>> = Vec::new();
    let mut whole = true;
    for result in results.split(';').map(str::trim).filter(|result| !result.is_empty()) {
        if let Some(typed) = result.strip_prefix("type:") {
            let typed = typed.trim_start();
            let (number, data) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
            let data = data.trim();
            let kind = record_type(number).map_or_else(|| Cow::Owned(number.to_owned()), Cow::Borrowed);
            let data = Cow::Owned(data.to_owned());
            draft.relate_host(&data);
            records.push(vec![("type", kind), ("data", data)]);
            continue;
        }
        let address = plain_address(result);
        if parse_ip(address).is_none() {
            whole = false;
            continue;
        }
        let kind = if address.contains(':') { "AAAA" } else { "A" };
        let address: Cow<'_, str> = Cow::Owned(address.to_owned());
        records.push(vec![("type", Cow::Borrowed(kind)), ("data", address.clone())]);
        draft.relate_address(&address);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Resolution { records, addresses, whole }
}

/// The name of a record type by its number as a text.
pub(in crate::normalise) fn record_type(number: &str) -> Option<&'static str> {
    find(RECORD_TYPES, number.parse().ok()?)
}

fn find(table: &'static [(u32, &'static str)], number: u32) -> Option<&'static str> {
    table.binary_search_by_key(&number, |(key, _)| *key).ok().map(|at| table[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(RECORD_TYPES.is_sorted_by_key(|(number, _)| *number));
        assert!(STATUSES.is_sorted_by_key(|(number, _)| *number));
        assert_eq!(find(RECORD_TYPES, 28), Some("AAAA"));
        assert_eq!(find(STATUSES, 9003), Some("DNS_ERROR_RCODE_NAME_ERROR"));
        assert_eq!(find(STATUSES, 1), None);
    }
}
