//! `watchfire sources list`.

use std::io::{self, Write};

use serde_json::{Value, json};
use watchfire_sources::normalise::{SourceFields, SourceKind, fields};

use super::Format;
use crate::exit::Exit;
use crate::source_tables::SourceTables;
use crate::terminal::escape_controls;

/// Lists the sources that are known, each with the data streams that its events go to.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// How the sources are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    tables: SourceTables,
}

impl List {
    pub(super) fn list(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let tables = self.tables.load()?;
        let mut rows: Vec<(&'static str, &'static str, &'static str)> = Vec::new();
        for source in SourceKind::all(&tables) {
            if rows.iter().any(|(name, _, _)| *name == source.name()) {
                continue;
            }
            let of_source = |fields: &&SourceFields| fields.source == source;
            let streams = match source {
                SourceKind::Table(table) => table.fields().data_stream_pattern,
                _ => fields().iter().find(of_source).map_or("", |fields| fields.data_stream_pattern),
            };
            rows.push((source.name(), streams, source.title()));
        }
        match self.format {
            Format::Text => {
                let width = rows.iter().map(|(name, _, _)| name.len()).max().unwrap_or_default();
                let stream_width = rows.iter().map(|(_, streams, _)| streams.len()).max().unwrap_or_default();
                for (name, streams, title) in &rows {
                    writeln!(out, "{name:width$}  {streams:stream_width$}  {}", escape_controls(title))?;
                }
            }
            Format::Json => {
                let row = |(name, streams, title): &(&str, &str, &str)| {
                    let streams = if streams.is_empty() { Value::Null } else { (*streams).into() };
                    json!({"name": name, "data_streams": streams, "title": title})
                };
                serde_json::to_writer_pretty(&mut *out, &rows.iter().map(row).collect::<Vec<_>>())?;
                writeln!(out)?;
            }
        }
        out.flush()?;
        Ok(Exit::Success)
    }
}
