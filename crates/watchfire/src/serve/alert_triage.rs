//! What the events of the lake say of an alert of the server.

use std::io;
use std::path::PathBuf;

use serde_json::Value;
use watchfire_detect::ExecutionWindow;
use watchfire_events::Document;
use watchfire_kibana::{AlertTriage, Later};
use watchfire_sources::normalise::catalogue_with;
use watchfire_state::{AlertQuery, KeptAlert, StateDatabase, StateError};
use watchfire_triage::{RELATED_HOURS, to_json};

use super::upkeep::chain;
use crate::intake::IntakeOptions;
use crate::reading::Reading;
use crate::sweep::{self, sweep};
use crate::triage::{EventReader, MOST_KNOWN, answer, without_rule};

/// Memory for records on their way, in bytes. Events of a lake need none.
const MEMORY: u64 = 64 << 20;

/// Looks into alerts.
pub(super) struct LakeTriage {
    pub(super) database: StateDatabase,
    /// The folder of the lake.
    pub(super) lake: PathBuf,
}

impl AlertTriage for LakeTriage {
    fn answer<'a>(&'a self, id: &'a str, most_events: usize) -> Later<'a, Result<Option<Value>, String>> {
        Box::pin(self.of_alert(id, move |reader, alert, known| {
            let (answered, _) = answer(reader, &[alert], known, &[], most_events)?;
            Ok(answered.first().map(to_json).unwrap_or_default())
        }))
    }

    fn sweep<'a>(&'a self, id: &'a str) -> Later<'a, Result<Option<Value>, String>> {
        Box::pin(self.of_alert(id, |reader, alert, known| {
            let (swept, _) = sweep(reader, &[alert], known)?;
            Ok(swept.first().map(|swept| sweep::to_json(alert, swept)).unwrap_or_default())
        }))
    }
}

impl LakeTriage {
    /// Asks something of an alert, beside those that were made within the time in which alerts are related.
    async fn of_alert(
        &self,
        id: &str,
        ask: impl FnOnce(&EventReader<'_>, &Document, &[Document]) -> io::Result<Value> + Send + 'static,
    ) -> Result<Option<Value>, String> {
        let alert = match self.database.alert(id).await {
            Ok(alert) => alert,
            Err(StateError::Absent { .. }) => return Ok(None),
            Err(error) => return Err(chain(&error)),
        };
        let (known, left_out) = self.around(&alert).await.map_err(|error| chain(&error))?;
        let lake = self.lake.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let normalise = Reading::default().normalise()?;
            let catalogue = catalogue_with(&normalise.tables);
            let options = IntakeOptions {
                normalise,
                enrich: false,
                // The rest of the machine is for what arrives.
                threads: 1,
                memory: MEMORY,
                window: Reading::default().window()?,
                fields: None,
                timed: false,
                count_unmapped: false,
            };
            let reader = EventReader::again(&[], Some(&lake), catalogue, options);
            let mut found = ask(&reader, &alert.document, &known)?;
            found["alerts_left_out"] = left_out.into();
            Ok(found)
        });
        match asked.await {
            Ok(found) => found.map(Some).map_err(|error: io::Error| error.to_string()),
            Err(error) => Err(format!("it has failed: {error}")),
        }
    }

    /// Alerts that were made around an alert, and whether there are more: at least how many.
    async fn around(&self, alert: &KeptAlert) -> Result<(Vec<Document>, u64), StateError> {
        let span = RELATED_HOURS * 3_600_000_000_000;
        let made = ExecutionWindow { from: alert.made.plus_nanos(-span), to: alert.made.plus_nanos(span) };
        let limit = u32::try_from(MOST_KNOWN).unwrap_or(u32::MAX);
        let query = AlertQuery { made: Some(made), limit: limit.saturating_add(1), ..AlertQuery::default() };
        let mut kept = self.database.alerts(&query).await?;
        let left_out = kept.len().saturating_sub(MOST_KNOWN) as u64;
        kept.truncate(MOST_KNOWN);
        Ok((kept.into_iter().map(|alert| without_rule(alert.document)).collect(), left_out))
    }
}
