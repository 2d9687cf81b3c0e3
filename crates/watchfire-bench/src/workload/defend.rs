//! Generated telemetry of Elastic Defend: an ordinary day on several hosts, with a suspicious document now and then.
//!
//! The documents have the shape and the size of the endpoint's own. What repeats in real telemetry repeats here (hosts,
//! users, programs, their signers and hashes, command lines but for a number), and what does not is made anew
//! (identifiers, times, process ids, ports). Processes are started, act, and end.

mod catalogue;
mod process;

use serde_json::{Map, Value, json};
use watchfire_events::Timestamp;

use self::catalogue::{
    LIBRARIES, LINUX, LINUX_FILES, NAMES, Program, REGISTRY, SUSPICIOUS, System, USERS, WINDOWS,
    WINDOWS_FILES,
};
use self::process::Process;
use super::dice::Dice;

/// Hosts; every fourth runs Linux.
const HOSTS: usize = 24;
/// Processes that a host has at most.
const MOST_PROCESSES: usize = 60;
/// Processes that always run, and start the others.
const STARTERS: usize = 3;
/// One document in so many is suspicious.
const SUSPICIOUS_ONCE_IN: u64 = 5_000;
/// Processes above one that are told, at most.
const ANCESTRY: usize = 5;
/// 2026-03-02T08:00:00Z, in milliseconds.
const START_MS: i64 = 1_772_438_400_000;
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The documents, one after the other, without an end.
pub(super) struct Documents {
    dice: Dice,
    hosts: Vec<Host>,
    milliseconds: i64,
}

struct Host {
    system: System,
    agent: String,
    /// `host`, as it stands in every document.
    document: Value,
    address: String,
    user: &'static str,
    /// The first ones are those of [`Program::starter`].
    processes: Vec<Process>,
    sequence: u64,
}

/// What a document tells; its category is the name of its data set.
struct Kind<'a> {
    dataset: &'a str,
    action: &'a str,
    types: &'a [&'a str],
}

impl Documents {
    /// The documents of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let hosts = (0..HOSTS).map(|number| Host::new(number, &mut dice)).collect();
        Self { dice, hosts, milliseconds: START_MS }
    }

    /// The next document.
    pub(super) fn next_document(&mut self) -> Value {
        let dice = &mut self.dice;
        self.milliseconds += 1 + dice.below(40) as i64;
        let at = self.hosts.len() as u64;
        let host = &mut self.hosts[dice.below(at) as usize];
        let time = Timestamp::from_millis(self.milliseconds).to_iso_millis();
        if host.system == System::Windows && dice.once_in(SUSPICIOUS_ONCE_IN) {
            let (path, arguments) = *dice.one(&SUSPICIOUS);
            return host.suspicious(path, arguments, &time, dice);
        }
        let is_windows = host.system == System::Windows;
        match dice.below(100) {
            0..22 => host.start(&time, dice),
            22..40 => host.end(&time, dice),
            40..62 => host.file(&time, dice),
            62..72 if is_windows => host.registry(&time, dice),
            72..79 if is_windows => host.library(&time, dice),
            79..88 => host.lookup(&time, dice),
            _ => host.connection(&time, dice),
        }
    }
}

impl Host {
    fn new(number: usize, dice: &mut Dice) -> Self {
        let system = if number % 4 == 3 { System::Linux } else { System::Windows };
        let address = format!("10.30.{}.{}", 2 + number / 8, 20 + number);
        let (name, os) = match system {
            System::Windows => {
                let version = "10.0.22631.4751";
                let full = format!("Windows 11 Enterprise 23H2 ({version})");
                (
                    format!("md-pc-{number:02}"),
                    json!({"Ext": {"variant": "Windows 11 Enterprise 23H2"}, "family": "windows", "full": full,
                        "kernel": version, "name": "Windows", "platform": "windows", "type": "windows",
                        "version": version}),
                )
            }
            System::Linux => (
                format!("md-srv-{number:02}"),
                json!({"Ext": {"variant": "Debian"}, "family": "debian", "full": "Debian 12.8",
                    "kernel": "6.1.0-28-amd64 #1 SMP Debian 6.1.119-1", "name": "Linux", "platform": "debian",
                    "type": "linux", "version": "12.8"}),
            ),
        };
        let document = json!({
            "architecture": "x86_64", "hostname": name, "id": dice.uuid(),
            "ip": [address, "127.0.0.1", "::1", format!("fe80::{:x}:{:x}", 0x1a00 + number, 0x20 + number)],
            "mac": [format!("00-00-5e-00-53-{number:02x}")], "name": format!("{name}.meadow.example"), "os": os,
        });
        let agent = dice.uuid();
        let user = USERS[number % USERS.len()];
        let mut host = Self { system, agent, document, address, user, processes: Vec::new(), sequence: 1000 };
        for program in &host.programs()[..STARTERS] {
            let process = host.process(program, None, dice);
            host.processes.push(process);
        }
        for _ in 0..10 {
            host.begin(dice);
        }
        host
    }

    fn programs(&self) -> &'static [Program] {
        match self.system {
            System::Windows => &WINDOWS,
            System::Linux => &LINUX,
        }
    }

    fn process(&self, program: &Program, parent: Option<&Process>, dice: &mut Dice) -> Process {
        let mut ancestry: Vec<String> = parent.map(|parent| parent.entity.clone()).into_iter().collect();
        ancestry.extend(parent.iter().flat_map(|parent| parent.ancestry.iter().cloned()));
        ancestry.truncate(ANCESTRY);
        let number = dice.below(90_000) + 10_000;
        Process {
            // The same beginning for all of an agent, as its id stands in it.
            entity: format!("{}{}", self.agent.replace('-', ""), dice.text(44, BASE64)),
            pid: 4 * (250 + dice.below(7_000)),
            path: program.path,
            signer: program.signer,
            is_service: program.is_service,
            arguments: dice.often_first(program.arguments).replace("{}", &number.to_string()),
            ancestry,
        }
    }

    /// Starts a process, below one of the first ones or below one of the same program; the place of its parent.
    fn begin(&mut self, dice: &mut Dice) -> usize {
        let program = dice.often_first(&self.programs()[STARTERS..]);
        let starter = program.starter();
        let own = self.processes.iter().position(|process| process.path == program.path);
        let parent = own.filter(|_| starter == 1).unwrap_or(starter);
        let process = self.process(program, Some(&self.processes[parent]), dice);
        self.processes.push(process);
        parent
    }

    fn start(&mut self, time: &str, dice: &mut Dice) -> Value {
        if self.processes.len() >= MOST_PROCESSES {
            return self.end(time, dice);
        }
        let parent = self.begin(dice);
        let at = self.processes.len() - 1;
        self.process_event(at, parent, "start", time, dice)
    }

    fn end(&mut self, time: &str, dice: &mut Dice) -> Value {
        if self.processes.len() <= 2 * STARTERS {
            return self.start(time, dice);
        }
        // What was started last ends first, mostly; the first ones stay.
        let at = self.processes.len() - 1 - dice.below(self.processes.len() as u64 / 2) as usize;
        let ancestor = self.processes[at].ancestry.first();
        let parent = self.processes.iter().position(|process| Some(&process.entity) == ancestor).unwrap_or(0);
        let document = self.process_event(at, parent, "end", time, dice);
        self.processes.remove(at);
        document
    }

    /// Another program than usual, below the person's shell.
    fn suspicious(&mut self, path: &'static str, arguments: &str, time: &str, dice: &mut Dice) -> Value {
        let shell = self.processes[1].clone();
        let mut process = self.process(&WINDOWS[1], Some(&shell), dice);
        process.path = path;
        arguments.clone_into(&mut process.arguments);
        self.processes.push(process);
        let document = self.process_event(self.processes.len() - 1, 1, "start", time, dice);
        self.processes.pop();
        document
    }

    fn process_event(
        &mut self,
        at: usize,
        parent: usize,
        action: &str,
        time: &str,
        dice: &mut Dice,
    ) -> Value {
        let (process, parent) = (&self.processes[at], &self.processes[parent]);
        let mut value = process.actor();
        let mut hashes = Dice::of(process.path);
        value["args"] = json!(process.argument_list());
        value["args_count"] = json!(process.argument_list().len());
        value["command_line"] = json!(process.command_line());
        value["hash"] = json!({"md5": hashes.hex(32), "sha1": hashes.hex(40), "sha256": hashes.hex(64)});
        value["parent"] = json!({
            "args": parent.argument_list(), "args_count": parent.argument_list().len(),
            "code_signature": parent.signature(), "command_line": parent.command_line(), "entity_id": parent.entity,
            "executable": parent.path, "name": parent.name(), "pid": parent.pid,
        });
        if self.system == System::Windows {
            value["pe"] = json!({"original_file_name": process.name()});
            let level = if process.is_service { "system" } else { "medium" };
            value["Ext"]["authentication_id"] = json!(if process.is_service { "0x3e7" } else { "0x5b2f1" });
            value["Ext"]["code_signature"] = json!([process.signature()]);
            value["Ext"]["token"] = json!({"elevation": process.is_service, "elevation_level": "default",
                "integrity_level_name": level});
        }
        value["working_directory"] = json!(match self.system {
            System::Windows => r"C:\Windows\system32\",
            System::Linux => "/",
        });
        if action == "end" {
            value["exit_code"] = json!(0);
        }
        let rest = json!({"process": value});
        let kind = Kind { dataset: "process", action, types: &[action] };
        self.document(&kind, at, time, rest, dice)
    }

    fn file(&mut self, time: &str, dice: &mut Dice) -> Value {
        let at = self.any(dice);
        let (files, separator): (&[_], _) = match self.system {
            System::Windows => (&WINDOWS_FILES, '\\'),
            System::Linux => (&LINUX_FILES, '/'),
        };
        let (folder, name) = dice.often_first(files);
        let folder = folder.replace('%', self.user);
        let name = name.replace("{}", &format!("{:06}", dice.below(2_000)));
        let (action, change) = *dice.often_first(&[
            ("creation", "creation"),
            ("modification", "change"),
            ("deletion", "deletion"),
        ]);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let file = json!({
            "Ext": {"entropy": f64::from(dice.below(8_000) as u32) / 1000.0, "header_bytes": dice.hex(32)},
            "extension": extension, "name": name, "path": format!("{folder}{separator}{name}"),
            "size": dice.below(400_000),
        });
        let rest = json!({"process": self.processes[at].actor(), "file": without_null(file)});
        let kind = Kind { dataset: "file", action, types: &[change] };
        self.document(&kind, at, time, rest, dice)
    }

    fn registry(&mut self, time: &str, dice: &mut Dice) -> Value {
        let at = self.any(dice);
        let (key, value) = *dice.often_first(&REGISTRY);
        let value = value.replace("{}", &dice.below(50).to_string());
        let registry = json!({
            "data": {"strings": [dice.below(100_000).to_string()], "type": "REG_SZ"}, "hive": "HKLM", "key": key,
            "path": format!(r"HKLM\{key}\{value}"), "value": value,
        });
        let rest = json!({"process": self.processes[at].actor(), "registry": registry});
        let kind = Kind { dataset: "registry", action: "modification", types: &["change"] };
        self.document(&kind, at, time, rest, dice)
    }

    fn library(&mut self, time: &str, dice: &mut Dice) -> Value {
        let at = self.any(dice);
        let name = *dice.often_first(&LIBRARIES);
        let mut hashes = Dice::of(name);
        let signature = json!({"exists": true, "status": "trusted", "subject_name": "Microsoft Windows", "trusted": true});
        let library = json!({
            "Ext": {"code_signature": [signature.clone()], "load_index": 1 + dice.below(3), "size": 98_304},
            "code_signature": signature,
            "hash": {"md5": hashes.hex(32), "sha1": hashes.hex(40), "sha256": hashes.hex(64)},
            "name": name, "path": format!(r"C:\Windows\System32\{name}"), "pe": {"original_file_name": name},
        });
        let rest = json!({"process": self.processes[at].actor(), "dll": library});
        let kind = Kind { dataset: "library", action: "load", types: &["start"] };
        self.document(&kind, at, time, rest, dice)
    }

    fn lookup(&mut self, time: &str, dice: &mut Dice) -> Value {
        let at = self.any(dice);
        let (name, address) = *dice.often_first(&NAMES);
        let rest = json!({
            "process": self.processes[at].actor(),
            "dns": {"Ext": {"status": 0}, "question": {"name": name, "type": "A"}, "resolved_ip": [address]},
            "network": {"protocol": "dns"},
        });
        let kind = Kind { dataset: "network", action: "lookup_result", types: &["info", "protocol"] };
        self.document(&kind, at, time, rest, dice)
    }

    fn connection(&mut self, time: &str, dice: &mut Dice) -> Value {
        let at = self.any(dice);
        let (_, address) = *dice.often_first(&NAMES);
        let rest = json!({
            "process": self.processes[at].actor(),
            "source": {"address": self.address, "ip": self.address, "port": 49_152 + dice.below(16_000)},
            "destination": {"address": address, "ip": address, "port": 443},
            "network": {"direction": "egress", "transport": "tcp", "type": "ipv4"},
        });
        let kind = Kind { dataset: "network", action: "connection_attempted", types: &["start"] };
        self.document(&kind, at, time, rest, dice)
    }

    /// The place of a process that does something.
    fn any(&self, dice: &mut Dice) -> usize {
        dice.below(self.processes.len() as u64) as usize
    }

    /// The whole document: what stands in all of them, then the rest.
    fn document(&mut self, kind: &Kind<'_>, at: usize, time: &str, rest: Value, dice: &mut Dice) -> Value {
        let Kind { dataset, action, types } = kind;
        self.sequence += 1 + dice.below(40);
        let is_service = self.processes.get(at).is_some_and(|process| process.is_service);
        let user = match (self.system, is_service) {
            (System::Windows, true) => json!({"domain": "NT AUTHORITY", "id": "S-1-5-18", "name": "SYSTEM"}),
            (System::Windows, false) => json!({"domain": "MEADOW",
                "id": format!("S-1-5-21-3120948811-2209114327-418220975-{}", 1100 + self.user.len()), "name": self.user}),
            (System::Linux, true) => json!({"id": "0", "name": "root"}),
            (System::Linux, false) => json!({"id": "1001", "name": self.user}),
        };
        let stream = format!("endpoint.events.{dataset}");
        let mut document = json!({
            "@timestamp": time,
            "agent": {"id": self.agent, "type": "endpoint", "version": "9.3.0"},
            "data_stream": {"dataset": stream, "namespace": "default", "type": "logs"},
            "ecs": {"version": "8.10.0"},
            "event": {
                "action": action, "agent_id_status": "verified", "category": [dataset], "created": time,
                "dataset": stream, "id": dice.text(20, BASE64), "ingested": time, "kind": "event",
                "module": "endpoint", "sequence": self.sequence, "type": types,
            },
            "host": self.document,
            "message": format!("Endpoint {dataset} event"),
            "user": user,
        });
        if let (Value::Object(document), Value::Object(rest)) = (&mut document, rest) {
            document.extend(rest);
        }
        document
    }
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_those_of_the_seed_and_of_their_size() {
        let texts = |seed| {
            let mut documents = Documents::new(seed);
            (0..1_000).map(|_| documents.next_document().to_string()).collect::<Vec<_>>()
        };
        let all = texts(1);
        assert_eq!(all, texts(1));
        assert_ne!(all, texts(2));
        let mean = all.iter().map(String::len).sum::<usize>() / all.len();
        assert!((1_800..2_600).contains(&mean), "{mean} bytes a document");
    }

    #[test]
    fn every_kind_of_document_is_there() {
        let mut documents = Documents::new(1);
        let mut kinds = std::collections::BTreeMap::<String, usize>::new();
        for _ in 0..5_000 {
            let event = documents.next_document()["event"].take();
            *kinds
                .entry(format!("{} {}", event["dataset"], event["action"]).replace('"', ""))
                .or_default() += 1;
        }
        assert!(kinds.values().all(|number| *number > 50), "{kinds:#?}");
        assert_eq!(kinds.len(), 9, "{kinds:#?}");
    }
}
