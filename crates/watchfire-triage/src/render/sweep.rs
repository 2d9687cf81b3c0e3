//! What a sweep found, as text.

use std::fmt::Write as _;

use crate::sweep::{HostTrace, Swept};
use crate::value_text::harmless;

/// Most hosts that are shown.
const MOST_HOSTS: usize = 100;

/// What a sweep found, as text for a terminal.
pub fn sweep_to_text(swept: &Swept) -> String {
    let mut out = String::new();
    if swept.traces.is_empty() {
        out.push_str("the alert has nothing that could be looked for\n");
    } else {
        out.push_str("looked for, with what the alert's own host has of it, and how many others:\n");
    }
    for (number, (trace, own)) in swept.traces.iter().zip(&swept.own).enumerate() {
        let others = swept.elsewhere.values().filter(|traces| traces.contains_key(&number)).count();
        let others = if others == 1 { "1 other host".to_owned() } else { format!("{others} other hosts") };
        let _ = writeln!(
            out,
            "  {:<13} {}  ({}; {others})",
            trace.kind.name(),
            harmless(&trace.value),
            events(own.events)
        );
    }
    for (what, why) in &swept.left_out {
        let _ = writeln!(out, "  not looked for: {}, since {why}", harmless(what));
    }
    if swept.nowhere > 0 {
        let _ = writeln!(out, "  {} that fit name no host", events(swept.nowhere));
    }
    let among = swept.hosts.map_or_else(String::new, |hosts| format!(" among {hosts}"));
    if swept.elsewhere.is_empty() {
        let _ = writeln!(out, "\nno other host{among} has any of it");
        return out;
    }
    let _ = writeln!(out, "\nother hosts{among}:");
    // Those with the most traces first: one of the right hash and path is nearer than one of the same signer.
    let mut hosts: Vec<_> = swept.elsewhere.iter().collect();
    hosts.sort_by_key(|(host, traces)| (std::cmp::Reverse(traces.len()), *host));
    for (host, traces) in hosts.iter().take(MOST_HOSTS) {
        let _ = writeln!(out, "  {}: {} of {} traces", harmless(host), traces.len(), swept.traces.len());
        for (&number, found) in *traces {
            let trace = &swept.traces[number];
            let _ = writeln!(
                out,
                "    {:<13} {}  {}",
                trace.kind.name(),
                harmless(&trace.value),
                found_words(found)
            );
        }
    }
    if hosts.len() > MOST_HOSTS {
        let _ = writeln!(out, "  … and {} more hosts", hosts.len() - MOST_HOSTS);
    }
    out
}

fn events(number: u64) -> String {
    if number == 1 { "1 event".to_owned() } else { format!("{number} events") }
}

fn found_words(found: &HostTrace) -> String {
    let mut words = events(found.events);
    if let (Some(first), Some(last)) = (found.first, found.last) {
        let _ = write!(words, ", first {}, last {}", first.to_iso_millis(), last.to_iso_millis());
    }
    if !found.users.is_empty() {
        let users: Vec<String> = found.users.iter().map(|user| harmless(user)).collect();
        let _ = write!(words, ", {}", users.join(", "));
    }
    words
}
