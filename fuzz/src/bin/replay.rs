//! Runs every target over its corpus, then over mutations of it, on a stable toolchain and for a given time.
//!
//! It is no substitute for a fuzzer: it knows no coverage. It holds the ground that fuzzing won, and finds what breaks
//! near it. The sequence of mutations depends on nothing but the seed and the corpus.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use watchfire_fuzz::{TARGETS, Target};

const HELP: &str = "\
Runs the fuzz targets over their corpora and over mutations of these.

  replay [--seconds N] [--seed N] [TARGET…]     all targets for 30 seconds together
  replay TARGET FILE                            one input, such as a finding
";

/// An input that takes longer than this is a finding.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest input that mutation makes, in bytes.
const MAX_INPUT_BYTES: usize = 1 << 16;
/// Stack of the thread that runs the targets, in bytes: what any thread of a Rust program gets.
const STACK_BYTES: usize = 2 << 20;

/// What the user asked for.
struct Settings {
    time: Duration,
    seed: u64,
    targets: Vec<Target>,
    /// One input instead of the corpus.
    input: Option<PathBuf>,
}

fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
    let mut settings = Settings { time: Duration::from_secs(30), seed: 1, targets: Vec::new(), input: None };
    let number = |name: &str, value: Option<String>| {
        let value = value.ok_or_else(|| format!("{name} needs a number"))?;
        value.parse::<u64>().map_err(|error| format!("{name} {value}: {error}"))
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => settings.time = Duration::from_secs(number("--seconds", arguments.next())?),
            "--seed" => settings.seed = number("--seed", arguments.next())?,
            "--help" | "-h" => return Err(String::new()),
            name => match TARGETS.iter().find(|target| target.name == name) {
                Some(target) => settings.targets.push(*target),
                None if Path::new(name).is_file() && settings.targets.len() == 1 => {
                    settings.input = Some(name.into());
                }
                None => return Err(format!("there is neither a target nor a file `{name}`")),
            },
        }
    }
    if settings.targets.is_empty() {
        settings.targets = TARGETS.to_vec();
    }
    Ok(settings)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its streams")]
fn main() -> ExitCode {
    let settings = match settings(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(problem) if problem.is_empty() => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("replay: {problem}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    match replay(settings) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the running thread tells the waiting one.
enum Message {
    /// An input is about to be run.
    Begins,
    /// All is done; whether it went well.
    Ends(std::io::Result<bool>),
}

/// Runs everything on a thread of its own, and gives up when one input takes too long.
#[expect(clippy::print_stderr, reason = "a command-line tool speaks on its streams")]
fn replay(settings: Settings) -> std::io::Result<bool> {
    let (sender, receiver): (Sender<Message>, Receiver<Message>) = channel();
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let outcome = run_all(&settings, &sender);
        // Nobody listens only if the time is up already.
        let _ = sender.send(Message::Ends(outcome));
    })?;
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(Message::Begins) => {}
            Ok(Message::Ends(outcome)) => return outcome,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("took more than {} s: {}", PATIENCE.as_secs(), current_input().display());
                return Ok(false);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command-line tool speaks on its streams")]
fn run_all(settings: &Settings, sender: &Sender<Message>) -> std::io::Result<bool> {
    keep_panics_quiet();
    std::fs::create_dir_all(artifacts())?;
    println!("seed {}; the input at work is in {}", settings.seed, current_input().display());
    println!("{:<16} {:>7} {:>11} {:>9}  result", "target", "inputs", "executions", "seconds");
    let end = Instant::now() + settings.time;
    let mut all_well = true;
    for (at, target) in settings.targets.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(settings.targets.len() - at).expect("there are few targets");
        let corpus = match &settings.input {
            Some(input) => vec![std::fs::read(input)?],
            None => corpus(target)?,
        };
        let start = Instant::now();
        let mut run = Run { target: *target, sender, executions: 0 };
        let mutate_for = if settings.input.is_some() { Duration::ZERO } else { share };
        let finding = run.all(&corpus, settings.seed, mutate_for)?;
        let seconds = start.elapsed().as_secs_f64();
        let result = match &finding {
            None => "ok".to_owned(),
            Some(finding) => finding.clone(),
        };
        println!("{:<16} {:>7} {:>11} {:>9.1}  {result}", target.name, corpus.len(), run.executions, seconds);
        all_well &= finding.is_none();
    }
    Ok(all_well)
}

/// One target at work.
struct Run<'a> {
    target: Target,
    sender: &'a Sender<Message>,
    executions: u64,
}

impl Run<'_> {
    /// The corpus, then mutations of it while time is left. The first finding ends it, and is returned in words.
    fn all(&mut self, corpus: &[Vec<u8>], seed: u64, time: Duration) -> std::io::Result<Option<String>> {
        let start = Instant::now();
        for input in corpus {
            if let Some(finding) = self.one(input)? {
                return Ok(Some(finding));
            }
        }
        let mut random = Random(seed);
        while start.elapsed() < time {
            let input = mutate(corpus, &mut random);
            if let Some(finding) = self.one(&input)? {
                return Ok(Some(finding));
            }
        }
        Ok(None)
    }

    /// One input. It lies in a file while it runs: whatever ends the process, the input is there.
    fn one(&mut self, input: &[u8]) -> std::io::Result<Option<String>> {
        std::fs::write(current_input(), input)?;
        // The other side ends only with the process.
        let _ = self.sender.send(Message::Begins);
        self.executions += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        if outcome.is_ok() {
            return Ok(None);
        }
        let path = artifacts().join(format!("{}-replay-{:016x}", self.target.name, hash(input)));
        std::fs::write(&path, input)?;
        let said = PANIC.with_borrow(Clone::clone);
        Ok(Some(format!("FAILED on {}\n{said}", path.display())))
    }
}

thread_local! {
    /// What the last panic of this thread said.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic is remembered instead of printed: it is shown once, with its input.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        PANIC.with_borrow_mut(|said| {
            said.clear();
            for line in panic.to_string().lines() {
                writeln!(said, "    {line}").expect("a text takes all");
            }
        });
    }));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where findings go, as those of cargo-fuzz do.
fn artifacts() -> PathBuf {
    root().join("artifacts")
}

fn current_input() -> PathBuf {
    artifacts().join("replay-current")
}

/// The inputs of a target, in the order of their names.
fn corpus(target: &Target) -> std::io::Result<Vec<Vec<u8>>> {
    let folder = root().join("corpus").join(target.name);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// An input made from the corpus by a few small changes.
fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = random.pick(corpus).cloned().unwrap_or_default();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(16)).min(input.len());
        match random.below(8) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.byte(),
            2 => input.insert(at, random.byte()),
            3 => drop(input.drain(at..end)),
            4 => {
                let piece = input[at..end].to_vec();
                let times = 1 + random.below(64);
                input.splice(at..at, piece.repeat(times));
            }
            5 => input.truncate(at),
            6 => {
                // The end of one input on the beginning of another one.
                if let Some(other) = random.pick(corpus) {
                    input.truncate(at);
                    input.extend_from_slice(&other[random.below(other.len() + 1)..]);
                }
            }
            _ => {
                // A piece of another one in between.
                if let Some(other) = random.pick(corpus) {
                    let from = random.below(other.len() + 1);
                    let to = (from + 1 + random.below(32)).min(other.len());
                    input.splice(at..at, other[from..to].iter().copied());
                }
            }
        }
    }
    input.truncate(MAX_INPUT_BYTES);
    input
}

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        (!list.is_empty()).then(|| &list[self.below(list.len())])
    }
}

/// FNV-1a, to name findings by.
fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}
