//! What to do by hand, for a host that no product can act on.

use std::fmt::Write as _;

use serde_json::Value;
use watchfire_events::Document;
use watchfire_rules::page::{code, plain};

use super::managed::{Managed, System};
use crate::block_list::indicators_of;
use crate::evidence::{DeedKind, Evidence};
use crate::fields::{text_in, values_of};
use crate::value_text::{harmless, text_of};

/// Most things of a kind that are listed.
const MOST_LISTED: usize = 30;

/// How a system is cut off by hand, let back, and how a process is looked at and ended.
struct Commands {
    isolate: &'static str,
    release: &'static str,
    keep: &'static str,
}

impl Commands {
    fn of(system: System) -> Self {
        match system {
            System::Windows => Self {
                // A rule that blocks wins over all that allow.
                isolate: "New-NetFirewallRule -DisplayName 'Watchfire isolation (in)' -Direction Inbound -Action Block -Profile Any\n\
                          New-NetFirewallRule -DisplayName 'Watchfire isolation (out)' -Direction Outbound -Action Block -Profile Any\n\
                          Set-NetFirewallProfile -All -Enabled True",
                release: "Get-NetFirewallRule -DisplayName 'Watchfire isolation*' | Remove-NetFirewallRule\n\
                          # firewall-profiles.csv has which profiles were off before",
                keep: "Get-NetFirewallProfile | Export-Csv -NoTypeInformation firewall-profiles.csv\n\
                       Get-Process -IncludeUserName | Export-Csv -NoTypeInformation processes.csv\n\
                       Get-NetTCPConnection | Export-Csv -NoTypeInformation connections.csv",
            },
            System::Linux => Self {
                isolate: "nft add table inet watchfire_isolation\n\
                          nft add chain inet watchfire_isolation in '{ type filter hook input priority -300; policy drop; }'\n\
                          nft add chain inet watchfire_isolation out '{ type filter hook output priority -300; policy drop; }'\n\
                          nft add rule inet watchfire_isolation in iif lo accept\n\
                          nft add rule inet watchfire_isolation out oif lo accept",
                release: "nft delete table inet watchfire_isolation",
                keep: "ps -eo pid,ppid,user,lstart,args > processes.txt\nss -tunap > connections.txt",
            },
            System::MacOs => Self {
                isolate: "printf 'set skip on lo0\\nblock drop quick all\\n' | sudo pfctl -E -f -",
                release: "sudo pfctl -f /etc/pf.conf",
                keep: "ps -axo pid,ppid,user,lstart,args > processes.txt\nlsof -nP -i > connections.txt",
            },
        }
    }
}

/// A value as a literal of the system's shell; nothing if it has characters that no literal should have.
fn quoted(text: &str, system: System) -> Option<String> {
    if text.chars().any(char::is_control) || harmless(text) != text {
        return None;
    }
    Some(match system {
        // PowerShell takes typographic quotes for quotes.
        System::Windows if text.contains(['\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}']) => return None,
        System::Windows => format!("'{}'", text.replace('\'', "''")),
        System::Linux | System::MacOs => format!("'{}'", text.replace('\'', r"'\''")),
    })
}

/// What to do by hand about the host and the process of an alert, in Markdown: evidence first, then containment with what undoes it.
/// `most_hosts` as in [`indicators_of`].
pub fn runbook(alert: &Document, evidence: &Evidence, most_hosts: usize) -> String {
    let text = |field: &str| text_in(alert, field).map(harmless);
    let host = text("host.name").or_else(|| text("host.hostname")).or_else(|| text("host.id"));
    let host = host.unwrap_or_else(|| "the host of the alert (it names none)".to_owned());
    let mut out = format!("# Runbook: {}\n\n", plain(&host));
    let rule = text("kibana.alert.rule.name").unwrap_or_default();
    let _ = writeln!(
        out,
        "For alert {} of rule {}.\n",
        code(&text("kibana.alert.uuid").unwrap_or_default()),
        plain(&rule)
    );
    match Managed::of(alert) {
        Ok(managed) => {
            let _ = writeln!(
                out,
                "{} looks after this host: `watchfire respond isolate` is faster and leaves you a way in.\n",
                managed.product.label()
            );
        }
        Err(why) => {
            let _ = writeln!(out, "No call can contain this host: {}.\n", plain(&why.to_string()));
        }
    }
    for (label, field) in [
        ("addresses", "host.ip"),
        ("user", "user.name"),
        ("process", "process.executable"),
        ("process id", "process.pid"),
        ("parent", "process.parent.executable"),
    ] {
        let values: Vec<String> = values_of(alert, field)
            .into_iter()
            .take(MOST_LISTED)
            .map(|value| code(&text_of(value)))
            .collect();
        if !values.is_empty() {
            let _ = writeln!(out, "- {label}: {}", values.join(", "));
        }
    }
    let Some(system) = System::of(alert) else {
        out.push_str("\nThe alert does not tell the operating system (`host.os.type`), so commands are left out: cut the host off at its switch, access point or hypervisor, and go on from 3.\n");
        remains(&mut out, alert, evidence, None, most_hosts);
        return out;
    };
    let commands = Commands::of(system);
    let block = |commands: &str| format!("```{}\n{commands}\n```\n", commands_shell(system));
    let _ = writeln!(
        out,
        "\n## 1. Keep what will be lost\n\nDo not restart the host. Take an image of its memory if you can; then, with rights of an administrator:\n\n{}",
        block(commands.keep)
    );
    let _ = writeln!(
        out,
        "## 2. Cut it off\n\nAt its switch, access point or hypervisor, if that is in reach: nothing on the host can undo it. Else on the host itself, at its console, since this ends remote sessions too:\n\n{}\nThis is undone by:\n\n{}",
        block(commands.isolate),
        block(commands.release)
    );
    remains(&mut out, alert, evidence, Some(system), most_hosts);
    out
}

fn commands_shell(system: System) -> &'static str {
    match system {
        System::Windows => "powershell",
        System::Linux | System::MacOs => "sh",
    }
}

fn remains(
    out: &mut String,
    alert: &Document,
    evidence: &Evidence,
    system: Option<System>,
    most_hosts: usize,
) {
    out.push_str("\n## 3. End the process\n\n");
    let pid = values_of(alert, "process.pid").into_iter().find_map(Value::as_u64);
    match (pid, system) {
        (None, _) => out.push_str("The alert has no `process.pid`.\n"),
        (Some(pid), None) => {
            let _ = writeln!(out, "Its number is {pid}; look first whether it still is the same process.");
        }
        (Some(pid), Some(system)) => {
            let (look, kill) = match system {
                System::Windows => (
                    format!("Get-Process -Id {pid} | Format-List Id, Path, StartTime"),
                    format!("Stop-Process -Id {pid} -Force"),
                ),
                System::Linux | System::MacOs => {
                    (format!("ps -o pid,lstart,args -p {pid}"), format!("kill -9 {pid}"))
                }
            };
            let shell = commands_shell(system);
            let _ = writeln!(
                out,
                "Numbers are used again. Compare path and start with the alert:\n\n```{shell}\n{look}\n```\n\nIf it still is this process (this cannot be undone):\n\n```{shell}\n{kill}\n```"
            );
        }
    }
    out.push_str("\n## 4. Take away what it left\n\nCopy each file with its hash before it goes.\n\n");
    let mut paths: Vec<&str> = ["process.executable", "file.path", "dll.path"]
        .into_iter()
        .filter_map(|field| text_in(alert, field))
        .collect();
    let written = evidence.deeds.of_kind(DeedKind::File).iter().filter(|deed| !deed.action.contains("delet"));
    paths.extend(written.map(|deed| deed.object.as_str()));
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.to_lowercase()));
    for path in paths.iter().take(MOST_LISTED) {
        let hash = system.and_then(|system| {
            let path = quoted(path, system)?;
            Some(match system {
                System::Windows => format!("Get-FileHash -LiteralPath {path}"),
                System::Linux => format!("sha256sum -- {path}"),
                System::MacOs => format!("shasum -a 256 -- {path}"),
            })
        });
        let hash = hash.map_or_else(String::new, |hash| format!(": {}", code(&hash)));
        let _ = writeln!(out, "- {}{hash}", code(&harmless(path)));
    }
    if paths.len() > MOST_LISTED {
        let _ =
            writeln!(out, "- … and {} more files (`watchfire triage` has them)", paths.len() - MOST_LISTED);
    }
    if paths.is_empty() {
        out.push_str("No event tells of a file.\n");
    }
    let lasting: Vec<_> = evidence.deeds.all().filter(|deed| deed.persistence.is_some()).collect();
    if !lasting.is_empty() {
        out.push_str("\nThis brings it back after a restart:\n\n");
    }
    for deed in lasting.iter().take(MOST_LISTED) {
        let what = deed.persistence.map_or_else(String::new, harmless);
        let _ = writeln!(out, "- {}: {}", plain(&what), code(&harmless(&deed.object)));
    }
    out.push_str("\n## 5. Block what it talked to\n\n");
    let (indicators, _) = indicators_of(alert, evidence, most_hosts);
    for indicator in indicators.iter().take(MOST_LISTED) {
        let _ = writeln!(out, "- {}: {}", indicator.kind.name(), code(&indicator.value));
    }
    out.push_str(if indicators.is_empty() {
        "No event tells of anything that could be blocked.\n"
    } else {
        "\n`watchfire block from-alerts` makes lists of it.\n"
    });
    out.push_str("\n## 6. Look whether it is elsewhere\n\n`watchfire sweep` looks for the same on all other hosts. Change the passwords of who was logged in.\n");
    if let Some(system) = system {
        let _ = writeln!(
            out,
            "\n## 7. Let it back\n\nOnce the host is clean or set up anew:\n\n```{}\n{}\n```",
            commands_shell(system),
            Commands::of(system).release
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_stay_literals() {
        for (text, system, expected) in [
            ("C:\\a b\\x.exe", System::Windows, Some("'C:\\a b\\x.exe'")),
            ("C:\\o'neil\\x.exe", System::Windows, Some("'C:\\o''neil\\x.exe'")),
            ("C:\\o\u{2019}; calc\\x.exe", System::Windows, None),
            ("/tmp/o'neil; rm -rf ~", System::Linux, Some("'/tmp/o'\\''neil; rm -rf ~'")),
            ("/tmp/a\nb", System::Linux, None),
            ("/tmp/\u{202e}cod.exe", System::MacOs, None),
        ] {
            assert_eq!(quoted(text, system).as_deref(), expected, "{text}");
        }
    }
}
