//! Hashes and signatures of files, libraries and drivers.

use std::borrow::Cow;

use super::Publication;
use crate::fields::part;
use crate::normalise::draft::Draft;
use crate::normalise::path;

/// Whose hashes an event carries (sources §1, the column "hash goes to").
fn owners(code: u32, publication: Publication) -> &'static [&'static str] {
    match (code, publication) {
        (1 | 23 | 24 | 25, _) | (26, Publication::Winlogbeat) => &["process"],
        (7, Publication::Winlogbeat) | (6 | 15 | 26 | 29, _) => &["file"],
        (7, _) => &["file", "dll"],
        _ => &[],
    }
}

/// `SHA256=…,IMPHASH=…` to the fields of its owners and to `related.hash`; hashes of nothing but zeros are dropped.
pub(super) fn hashes(draft: &mut Draft<'_, '_>, publication: Publication) {
    let Some(text) = draft.take("Hashes").or_else(|| draft.take("Hash")) else {
        return;
    };
    for pair in text.split(',') {
        // Old versions write the bare SHA-1.
        let (kind, value) = pair.split_once('=').unwrap_or(("SHA1", pair));
        let kind = kind.trim().to_lowercase();
        let value: Cow<'_, str> = Cow::Owned(value.trim().to_lowercase());
        if value.bytes().all(|byte| byte == b'0') {
            continue;
        }
        draft.relate_hash(&value);
        for owner in owners(draft.code, publication) {
            let (holder, name) = match kind.as_str() {
                "imphash" => ("pe", "imphash"),
                _ => ("hash", kind.as_str()),
            };
            draft.set_named_below(owner, &format!("{holder}.{name}"), value.clone());
        }
    }
}

/// Who signed what was loaded, and whether that holds; for libraries in the current mapping also under `dll`.
pub(super) fn signature(draft: &mut Draft<'_, '_>, publication: Publication) {
    let library = draft.code == 7 && publication != Publication::Winlogbeat;
    let loaded = draft.copy("ImageLoaded");
    if library && let Some(loaded) = loaded {
        if let Some(name) = part(&loaded, path::name) {
            draft.set("dll.name", name);
        }
        draft.set("dll.path", loaded);
    }
    if let Some(original) = draft.take("OriginalFileName") {
        if library {
            draft.set("dll.pe.original_file_name", original.clone());
        }
        draft.set("file.pe.original_file_name", original);
    }
    if let Some(subject) = draft.copy("Signature") {
        if library {
            draft.set("dll.code_signature.subject_name", subject.clone());
        }
        draft.set("file.code_signature.subject_name", subject);
    }
    let status = draft.copy("SignatureStatus");
    if let Some(status) = &status {
        if status == "Valid" {
            draft.set("file.code_signature.valid", true);
        }
        draft.set("file.code_signature.status", status.clone());
    }
    let Some(signed) = draft.copy("Signed") else {
        return;
    };
    let is_true = signed.eq_ignore_ascii_case("true");
    if publication == Publication::Winlogbeat {
        if is_true {
            draft.set("file.code_signature.signed", true);
        }
        return;
    }
    draft.set("file.code_signature.trusted", is_true);
    if !library {
        return;
    }
    if is_true || signed.eq_ignore_ascii_case("false") {
        draft.set("dll.code_signature.trusted", is_true);
    }
    if is_true {
        draft.set("dll.code_signature.status", "trusted");
    } else if status.as_deref() == Some("Unavailable") {
        draft.set("dll.code_signature.status", "Unavailable");
    } else if signed.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("failed:")) {
        draft.set("dll.code_signature.status", signed);
    }
}
