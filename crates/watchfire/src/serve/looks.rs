//! Looks at events as they arrive, between executions of rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use watchfire_state::{Scheduler, StateError};

use super::arrivals::Arrivals;
use super::counts::ServerCounts;
use super::lake_events::LakeEvents;
use super::log;
use super::upkeep::{Told, chain};
use crate::time_argument;

/// How long is waited for events before it is seen whether to stop.
const PATIENCE: Duration = Duration::from_millis(250);
/// The time between two looks: what arrives within it is looked at together.
const STEP: Duration = Duration::from_millis(250);

/// Looks at events.
pub(super) struct Looks {
    pub(super) scheduler: Arc<Scheduler<LakeEvents>>,
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) counts: Arc<ServerCounts>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Looks {
    /// Runs until it is told to stop. It blocks.
    pub(super) fn run(&self, runtime: &tokio::runtime::Handle) {
        let mut failing = String::new();
        let mut told = Told::default();
        while !self.stop.load(Ordering::Acquire) {
            let arrived = self.arrivals.take(PATIENCE);
            if arrived.events.is_empty() && arrived.left_out == 0 {
                continue;
            }
            let began = Instant::now();
            if arrived.left_out > 0 {
                log::line(&format!(
                    "problem: {} events were not looked at when they arrived; rules find them at their executions",
                    arrived.left_out
                ));
            }
            let (number, left_out) = (arrived.events.len() as u64, arrived.left_out);
            match runtime.block_on(self.scheduler.look(arrived, time_argument::now().to_millisecond())) {
                Ok(report) => {
                    failing.clear();
                    told.tell(&report.found);
                    self.counts.looked(&report, began.elapsed(), left_out);
                }
                // Rules were changed at that moment: the next look has them.
                Err(StateError::Overtaken { .. }) => self.counts.not_looked(number + left_out),
                Err(error) => {
                    self.counts.not_looked(number + left_out);
                    let error = chain(&error);
                    if error != failing {
                        log::line(&format!(
                            "problem: no look at what arrived: {error}; rules find it at their executions"
                        ));
                        failing = error;
                    }
                }
            }
            self.arrivals.done();
            std::thread::sleep(STEP.saturating_sub(began.elapsed()));
        }
    }
}
