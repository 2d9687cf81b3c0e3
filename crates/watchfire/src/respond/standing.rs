//! `watchfire respond standing`: which hosts are cut off.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::Value;

use super::RECORD;
use crate::exit::Exit;
use crate::json_lines::read_json_lines;
use crate::terminal::escape_controls;

/// Tells which hosts were cut off by the record, and not let back.
#[derive(Debug, clap::Args)]
pub(super) struct Standing {
    /// The record.
    #[arg(long, value_name = "FILE", default_value = RECORD)]
    record: PathBuf,
}

impl Standing {
    pub(super) fn show(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let mut last: BTreeMap<(String, String), Value> = BTreeMap::new();
        for line in read_json_lines(&self.record)? {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let is_of_network = matches!(text("order").as_str(), "isolate" | "release");
            // One that failed for sure changed nothing. One that was approved and did not end may have.
            let may_count = match text("event").as_str() {
                "ended" => text("outcome") != "failed",
                "sending" => true,
                _ => false,
            };
            if is_of_network && may_count {
                last.insert((text("through"), text("agent")), line);
            }
        }
        let mut standing = 0;
        for ((through, agent), line) in &last {
            let text = |name: &str| escape_controls(line[name].as_str().unwrap_or_default());
            let how = match (line["event"].as_str(), line["outcome"].as_str()) {
                (Some("ended"), Some("done")) => "done",
                (Some("ended"), Some("accepted")) => "accepted, not confirmed",
                _ => "UNCERTAIN: look in the product",
            };
            let is_isolation = line["order"] == "isolate";
            if !is_isolation && how == "done" {
                continue;
            }
            standing += 1;
            let host =
                line["host"].as_str().map_or_else(|| "a host without a name".to_owned(), escape_controls);
            let what = if is_isolation { "isolated" } else { "released" };
            writeln!(
                out,
                "{host}  {what} {} ({how}) by {}, approved by {}; through {}, {}",
                text("at"),
                text("by"),
                text("approved_by"),
                escape_controls(through),
                escape_controls(agent)
            )?;
        }
        if standing == 0 {
            writeln!(out, "by `{}` no host is cut off", self.record.display())?;
        }
        Ok(Exit::Success)
    }
}
