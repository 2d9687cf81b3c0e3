//! `watchfire completions` gives each shell a script that knows the options.

use std::process::Command;

#[test]
fn every_shell_learns_the_options() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["completions", shell])
            .output()
            .expect("the command runs");
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8(output.stdout).expect("a script is text");
        for word in ["watchfire", "check", "fail-on", "explain"] {
            assert!(script.contains(word), "{shell} does not know `{word}`");
        }
    }
}
