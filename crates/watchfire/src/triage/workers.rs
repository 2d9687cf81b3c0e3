//! What is asked of batches of events.

use std::io;

use watchfire_engine::Matcher;
use watchfire_events::EventBatch;
use watchfire_ir::Catalogue;
use watchfire_triage::{Answers, Gathering, Gathers, Inquiry, Weigher, Weighing};

use crate::intake::Worker;

/// Asks the questions of all guides, and gathers what evidence is made of.
pub(super) struct Asking<'a> {
    inquiries: &'a [Inquiry],
    gathering: &'a Gathering,
    matchers: Vec<Matcher<'a>>,
    gatherer: Matcher<'a>,
    catalogue: &'a Catalogue,
    pub(super) answers: Vec<Answers>,
    pub(super) gathers: Gathers,
}

impl<'a> Asking<'a> {
    pub(super) fn new(inquiries: &'a [Inquiry], gathering: &'a Gathering, catalogue: &'a Catalogue) -> Self {
        Self {
            inquiries,
            gathering,
            matchers: inquiries.iter().map(Inquiry::matcher).collect(),
            gatherer: gathering.matcher(),
            catalogue,
            answers: inquiries.iter().map(Inquiry::answers).collect(),
            gathers: gathering.nothing(),
        }
    }

    /// One for another thread.
    pub(super) fn another(&self) -> Self {
        Self::new(self.inquiries, self.gathering, self.catalogue)
    }
}

impl Worker for Asking<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        for ((inquiry, matcher), answers) in
            self.inquiries.iter().zip(&mut self.matchers).zip(&mut self.answers)
        {
            inquiry.ask(matcher, batch, self.catalogue, answers);
        }
        self.gathering.gather(&mut self.gatherer, batch, self.catalogue, &mut self.gathers);
        Ok(())
    }
}

/// Counts how often values are met.
pub(super) struct WeighingWorker<'a> {
    weighing: &'a Weighing,
    matcher: Matcher<'a>,
    catalogue: &'a Catalogue,
    pub(super) weigher: Weigher,
}

impl<'a> WeighingWorker<'a> {
    pub(super) fn new(weighing: &'a Weighing, catalogue: &'a Catalogue) -> Self {
        Self { weighing, matcher: weighing.matcher(), catalogue, weigher: weighing.nothing() }
    }
}

impl Worker for WeighingWorker<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        self.weighing.weigh(&mut self.matcher, batch, self.catalogue, &mut self.weigher, &mut |_| {});
        Ok(())
    }
}
