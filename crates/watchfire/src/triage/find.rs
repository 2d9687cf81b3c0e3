//! What events say of alerts, in two readings.

use std::io;

use watchfire_engine::ReadFields;
use watchfire_events::Document;
use watchfire_triage::{Answers, Evidence, Gathered, Gathering, Inquiry, Lineage, Weighing, Weights};

use super::alerts::batch_of;
use super::reading::EventReader;
use super::workers::{Asking, WeighingWorker};
use crate::intake::{Account, Worker};

/// What was found.
pub(crate) struct Found {
    /// By alert, what answers the searches of its guide.
    pub(crate) answers: Vec<Answers>,
    /// By alert, its evidence.
    pub(crate) evidence: Vec<Evidence>,
    /// By alert, the events of its own process.
    pub(crate) own_events: Vec<Gathered>,
    /// What was read.
    pub(crate) account: Account,
}

/// Asks all events what the guides of some alerts ask, and what evidence is made of. `all` are the alerts that are known.
pub(crate) fn find(
    reader: &EventReader<'_>,
    inquiries: &[Inquiry],
    alerts: &[&Document],
    all: &[Document],
    most_findings: usize,
) -> io::Result<Found> {
    let gathering = Gathering::new(alerts, &reader.catalogue);
    let mut fields = ReadFields::default();
    inquiries.iter().for_each(|inquiry| inquiry.add_fields(&mut fields));
    gathering.add_fields(&mut fields);
    let conditions = inquiries.iter().flat_map(Inquiry::conditions).chain(gathering.conditions());
    let mut of_alerts = Asking::new(inquiries, &gathering, &reader.catalogue);
    let (workers, account) = reader.read(&fields, conditions, || of_alerts.another())?;
    of_alerts.batch(&batch_of(all, &reader.catalogue))?;
    let mut answers: Vec<Answers> = inquiries.iter().map(Inquiry::answers).collect();
    let mut gathers = gathering.nothing();
    for worker in workers.into_iter().chain([of_alerts]) {
        for (answers, part) in answers.iter_mut().zip(worker.answers) {
            answers.merge(part, most_findings);
        }
        gathers.merge(worker.gathers);
    }
    let lineage = Lineage::new(gathers.processes);
    let gathered = alerts.iter().zip(&gathers.of_alerts);
    let mut evidence: Vec<Evidence> =
        gathered.map(|(alert, gathered)| Evidence::new(alert, &lineage, gathered, all)).collect();
    let weights = weights_of(&evidence, reader)?;
    evidence.iter_mut().for_each(|evidence| evidence.weigh(&weights));
    Ok(Found { answers, evidence, own_events: gathers.of_alerts, account })
}

/// How often the values of evidence are met in all events.
fn weights_of(evidence: &[Evidence], reader: &EventReader<'_>) -> io::Result<Weights> {
    let mut values: Vec<(String, String)> = evidence.iter().flat_map(Evidence::weighed).collect();
    values.sort();
    values.dedup();
    let weighing = Weighing::of_values(&values, &reader.catalogue);
    let mut fields = ReadFields::default();
    weighing.add_fields(&mut fields);
    let mut weigher = weighing.nothing();
    if !values.is_empty() {
        let worker = || WeighingWorker::new(&weighing, &reader.catalogue);
        let (workers, _) = reader.read(&fields, weighing.conditions(), worker)?;
        workers.into_iter().for_each(|worker| weigher.merge(worker.weigher));
    }
    Ok(Weights::new(values, weigher, reader.reads_all()))
}
