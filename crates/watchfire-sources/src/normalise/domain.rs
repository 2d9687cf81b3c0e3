//! The parts of a domain name, by the public suffix list: who registered it, under which suffix, and what is below.
//!
//! The list is that of the crate `psl`, compiled in: the same name has the same parts on every machine, with no file to
//! fetch. Suffixes that companies give out names below (`github.io`) count as suffixes too. A name under no suffix of the
//! list, as networks have of their own, has no parts.

use std::borrow::Cow;

use crate::fields::part;
use watchfire_events::parse_ip;

/// The fields that hold a domain name, and what the parts of it go below.
pub(crate) const HOLDERS: [(&str, &str); 6] = [
    ("dns.question", "dns.question.name"),
    ("url", "url.domain"),
    ("server", "server.domain"),
    ("destination", "destination.domain"),
    ("client", "client.domain"),
    ("source", "source.domain"),
];

/// What the parts are called, below their holder.
pub(crate) const PARTS: [&str; 3] = ["registered_domain", "subdomain", "top_level_domain"];

/// The parts of the name of each holder, in the order of [`HOLDERS`] and [`PARTS`]. None has a type that not all texts fit.
pub(crate) const FIELDS: &[&str] = &[
    "dns.question.registered_domain",
    "dns.question.subdomain",
    "dns.question.top_level_domain",
    "url.registered_domain",
    "url.subdomain",
    "url.top_level_domain",
    "server.registered_domain",
    "server.subdomain",
    "server.top_level_domain",
    "destination.registered_domain",
    "destination.subdomain",
    "destination.top_level_domain",
    "client.registered_domain",
    "client.subdomain",
    "client.top_level_domain",
    "source.registered_domain",
    "source.subdomain",
    "source.top_level_domain",
];

/// The longest name that DNS has. Others are not looked at.
const LONGEST: usize = 253;

/// The parts of a domain name in the order of [`PARTS`]; `None` if it has no registered one.
pub(crate) fn parts<'a>(name: &Cow<'a, str>) -> Option<[Option<Cow<'a, str>>; 3]> {
    let plain = name.strip_suffix('.').unwrap_or(name);
    let has_empty_label = plain.starts_with('.') || plain.contains("..");
    if has_empty_label || plain.len() > LONGEST || !plain.is_ascii() || parse_ip(plain).is_some() {
        return None;
    }
    // The list is in small letters.
    let folded = plain.to_ascii_lowercase();
    let domain = psl::domain(folded.as_bytes())?;
    let suffix = domain.suffix();
    if !suffix.is_known() {
        return None;
    }
    let (end, suffix) = (plain.len(), suffix.as_bytes().len());
    let start = end - domain.as_bytes().len();
    Some([
        part(name, |name| name.get(start..end)),
        part(name, |name| name.get(..start.checked_sub(1)?)),
        part(name, |name| name.get(end - suffix..end)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str) -> Option<[Option<String>; 3]> {
        let parts = parts(&Cow::Borrowed(name))?;
        Some(parts.map(|part| part.map(Cow::into_owned)))
    }

    #[test]
    fn names_are_cut_where_the_list_says() {
        for (name, expected) in [
            ("example.com", Some(["example.com", "", "com"])),
            ("a.b.Example.COM", Some(["Example.COM", "a.b", "COM"])),
            ("shop.example.co.uk.", Some(["example.co.uk", "shop", "co.uk"])),
            ("ana.github.io", Some(["ana.github.io", "", "github.io"])),
            ("x.ana.github.io", Some(["ana.github.io", "x", "github.io"])),
            ("www.city.kawasaki.jp", Some(["city.kawasaki.jp", "www", "kawasaki.jp"])),
            ("xn--bcher-kva.example.de", Some(["example.de", "xn--bcher-kva", "de"])),
            ("com", None),
            ("wpad", None),
            ("dc.corp.lan", None),
            ("192.0.2.7", None),
            ("2001:db8::1", None),
            ("", None),
            (".", None),
            ("..com", None),
            ("b\u{fc}cher.de", None),
        ] {
            let expected =
                expected.map(|parts| parts.map(|part| Some(part.to_owned()).filter(|p| !p.is_empty())));
            assert_eq!(of(name), expected, "{name}");
        }
        let long = Cow::Owned(format!("{}.com", "a.".repeat(200)));
        assert_eq!(parts(&long), None);
    }

    #[test]
    fn each_field_is_a_part_of_a_holder() {
        let all =
            HOLDERS.iter().flat_map(|(holder, _)| PARTS.iter().map(move |part| format!("{holder}.{part}")));
        assert!(all.eq(FIELDS.iter().map(|field| (*field).to_owned())));
    }
}
