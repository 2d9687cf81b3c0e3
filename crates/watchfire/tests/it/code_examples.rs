//! The examples of codes that are files and a command: what is said of them is what `data/diagnostic_examples.toml` says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// One example; those of a text alone have no command, and are held by a test of the program itself.
#[derive(Deserialize)]
struct Example {
    command: Option<String>,
    #[serde(default)]
    says: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

#[test]
fn commands_say_what_the_examples_of_codes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/diagnostic_examples.toml");
    let text = fs::read_to_string(path).expect("readable");
    let examples: BTreeMap<String, Example> = toml::from_str(&text).expect("TOML");
    let mut run = 0;
    for (code, Example { command, says, files }) in examples {
        let Some(command) = command else { continue };
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder can be made");
            fs::write(path, expanded(&text)).expect("writable");
        }
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(command.split(' '))
            .current_dir(folder.path())
            .output()
            .expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let wanted = format!("[{code}]: {says}\n");
        assert!(said.contains(&wanted), "{code}: `{command}` says\n{said}");
        run += 1;
    }
    assert!(run > 0);
}

/// The text with `⟪text × 3⟫` written out.
fn expanded(text: &str) -> String {
    let mut parts = text.split('⟪');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (repeated, behind) = part.split_once('⟫').expect("it is closed");
        let (repeated, times) = repeated.rsplit_once(" × ").expect("it says how often");
        whole.push_str(&format!("{repeated} ").repeat(times.parse().expect("a number")));
        whole.push_str(behind);
    }
    whole
}
