//! From what a snapshot says to a stream, if one of this shape could be as it says.
//!
//! Checked is what the correlator relies on, and what would otherwise be found wrongly and in silence.

use watchfire_events::Timestamp;

use super::form::{CandidateForm, CountsForm, Document, HitForm, KeyForm, LeadForm, MachineForm, SlotForm};
use crate::correlate::age::{AgeQueue, Aged, Stamp};
use crate::correlate::hit::{HitStage, Ordinal, StageHit};
use crate::correlate::key::{KeyTuple, KeyValue};
use crate::correlate::machine::{Candidate, Lead, Machine, Partial};
use crate::correlate::sequence::{Evicted, SequenceCorrelator, end_of_millisecond};
use crate::correlate::shape::{Role, SequenceShape};
use crate::correlate::stream::{SequenceStream, StreamSettings, Tally};
use crate::correlate::waiting::Waiting;

/// Stamps and counts are below it, so that none overflows: at a thousand million a second it lasts for 292 years.
const MAX_COUNT: u64 = 1 << 63;

type Checked<T> = Result<T, &'static str>;

fn ensure(holds: bool, otherwise: &'static str) -> Checked<()> {
    if holds { Ok(()) } else { Err(otherwise) }
}

pub(super) fn restored<T: Clone>(
    document: Document<'_, T>,
    shape: SequenceShape,
    settings: StreamSettings,
) -> Checked<SequenceStream<T>> {
    let tally = tally(&document.counts, document.waiting.len())?;
    let mut correlator = SequenceCorrelator::new(shape, settings.sequence);
    correlator.evicted = evicted(&document.counts)?;
    correlator.watermark = document.watermark.map(Timestamp::from);
    if let Some(latest) = document.latest {
        let stage = HitStage::from(latest.stage);
        ensure(
            is_known(&correlator.shape, stage),
            "the hit taken last is of a stage that the query has not",
        )?;
        correlator.latest = Some((latest.at.try_into()?, stage));
    }
    ensure(
        (tally.fed > 0) == correlator.latest.is_some(),
        "a hit was fed and none was taken, or the other way round",
    )?;

    let mut entries: Vec<Aged> = Vec::new();
    for form in document.machines {
        restore_machine(&mut correlator, form, &mut entries)?;
    }
    entries.sort_unstable_by_key(|aged| aged.stamp);
    ensure(entries.windows(2).all(|pair| pair[0].stamp < pair[1].stamp), "two things have one stamp")?;
    let is_next = entries.last().is_none_or(|aged| aged.stamp.0 < document.next_stamp);
    ensure(is_next && document.next_stamp < MAX_COUNT, "a stamp is used that was not given yet")?;
    correlator.ages = AgeQueue::with_entries(entries, document.next_stamp);
    correlator.held = correlator.count_held();
    correlator.make_room();

    let waiting = waiting(document.waiting, &correlator)?;
    Ok(SequenceStream::with_state(correlator, waiting, tally, settings))
}

fn tally(counts: &CountsForm, waiting: usize) -> Checked<Tally> {
    let &CountsForm { pushed, fed, fed_early, late, .. } = counts;
    let sum = fed.checked_add(late).and_then(|sum| sum.checked_add(waiting as u64));
    ensure(pushed < MAX_COUNT && sum == Some(pushed), "hits fed, late and waiting are not those pushed")?;
    ensure(fed_early <= fed, "more hits were fed early than were fed")?;
    Ok(Tally { pushed, fed, fed_early, late })
}

fn evicted(counts: &CountsForm) -> Checked<Evicted> {
    let &CountsForm {
        evicted_partials: partials,
        evicted_candidates: candidates,
        evicted_leading: leading,
        ..
    } = counts;
    let most = partials.max(candidates).max(leading);
    ensure(most < MAX_COUNT, "more was given up than there can have been")?;
    Ok(Evicted { partials, candidates, leading })
}

fn is_known(shape: &SequenceShape, stage: HitStage) -> bool {
    match stage {
        HitStage::Stage(number) => shape.role(number).is_some(),
        HitStage::Until => true,
    }
}

fn keys(form: Vec<KeyForm<'_>>) -> Checked<KeyTuple> {
    form.into_iter().map(KeyValue::try_from).collect()
}

fn restore_machine<T: Clone>(
    correlator: &mut SequenceCorrelator<T>,
    form: MachineForm<'_, T>,
    entries: &mut Vec<Aged>,
) -> Checked<()> {
    let keys = keys(form.keys)?;
    let mut machine = Machine::default();
    let mut enter = |stamp, useful_until| {
        entries.push(Aged { stamp, keys: KeyTuple::clone(&keys), useful_until });
    };
    for slot in form.slots {
        let (position, stamp, partial) = partial(slot, correlator)?;
        enter(stamp, correlator.useful_until(&partial));
        ensure(machine.put(position, stamp, partial).is_none(), "a slot holds two begun sequences")?;
    }
    for form in form.candidates {
        let candidate = candidate(form, correlator)?;
        enter(candidate.stamp, Some(end_of_millisecond(candidate.deadline)));
        correlator.deadlines.insert((candidate.deadline, candidate.stamp, KeyTuple::clone(&keys)));
        machine.candidates.push(candidate);
    }
    if let Some(form) = form.lead {
        let lead = lead(&form, correlator)?;
        enter(lead.stamp, Some(correlator.lead_useful_until(lead.latest)));
        machine.lead = Some(lead);
    }
    ensure(!machine.is_empty(), "a machine holds nothing")?;
    ensure(correlator.machines.insert(keys, machine).is_none(), "two machines have the same keys")
}

fn partial<T: Clone>(
    form: SlotForm<'_, T>,
    correlator: &SequenceCorrelator<T>,
) -> Checked<(u16, Stamp, Partial<T>)> {
    let shape = &correlator.shape;
    let SlotForm { position, stamp, events, first, last, lead, barrier, spoiled } = form;
    ensure(position < shape.last_position(), "a slot is none that the query has")?;
    ensure(events.len() == usize::from(position) + 1, "a slot holds too many events, or too few")?;
    let partial = Partial { events, first: first.into(), last: last.try_into()?, lead, barrier, spoiled };
    let Partial { first, last, .. } = &partial;
    ensure(is_taken(last, correlator), "an event is held that was not taken yet")?;
    let in_time = correlator.useful_until(&partial).is_none_or(|until| last.time <= until);
    ensure(
        *first <= last.time && in_time,
        "the first and the last event of a begun sequence do not go together",
    )?;
    let lead_fits = lead.is_none_or(|lead| shape.has_leading() && lead < first.millis());
    ensure(lead_fits, "a leading event does not lie before the sequence")?;
    let barrier_fits = barrier.is_none_or(|at| {
        shape.roles().contains(&Role::Between(position + 1))
            && last.time.millis() < at
            && correlator.latest.as_ref().is_some_and(|(latest, _)| at <= latest.time.millis())
    });
    ensure(barrier_fits, "an event of a missing clause does not lie behind the sequence")?;
    let may_be_spoiled =
        shape.roles().iter().any(|role| matches!(role, Role::Between(behind) if *behind <= position));
    ensure(!spoiled || may_be_spoiled, "a sequence is spoiled where no clause is")?;
    Ok((position, Stamp(stamp), partial))
}

fn candidate<T: Clone>(
    form: CandidateForm<'_, T>,
    correlator: &SequenceCorrelator<T>,
) -> Checked<Candidate<T>> {
    let shape = &correlator.shape;
    let CandidateForm { stamp, events, last, deadline } = form;
    let last: Ordinal = last.try_into()?;
    ensure(shape.has_trailing(), "a complete sequence waits for nothing")?;
    let whole = usize::from(shape.last_position()) + 1;
    ensure(events.len() == whole, "a complete sequence has too many events, or too few")?;
    ensure(is_taken(&last, correlator), "an event is held that was not taken yet")?;
    let in_window = deadline <= correlator.in_maxspan_from(last.time.millis());
    ensure(in_window, "a complete sequence waits for too long")?;
    Ok(Candidate { stamp: Stamp(stamp), events, last, deadline })
}

fn lead<T: Clone>(form: &LeadForm, correlator: &SequenceCorrelator<T>) -> Checked<Lead> {
    let &LeadForm { stamp, latest, before } = form;
    ensure(correlator.shape.has_leading(), "a leading event is held where no clause is")?;
    let is_taken = correlator.latest.as_ref().is_some_and(|(taken, _)| latest <= taken.time.millis());
    ensure(is_taken, "an event is held that was not taken yet")?;
    ensure(before.is_none_or(|before| before < latest), "leading events are not in order")?;
    Ok(Lead { stamp: Stamp(stamp), latest, before })
}

fn is_taken<T>(ordinal: &Ordinal, correlator: &SequenceCorrelator<T>) -> bool {
    correlator.latest.as_ref().is_some_and(|(latest, _)| ordinal <= latest)
}

fn waiting<T: Clone>(forms: Vec<HitForm<'_, T>>, correlator: &SequenceCorrelator<T>) -> Checked<Waiting<T>> {
    let mut waiting = Waiting::default();
    for form in forms {
        let HitForm { at, stage, keys: tuple, payload } = form;
        let hit = StageHit { ordinal: at.try_into()?, stage: stage.into(), keys: keys(tuple)?, payload };
        ensure(
            is_known(&correlator.shape, hit.stage),
            "a hit waits that is of a stage that the query has not",
        )?;
        ensure(!correlator.is_past(&hit.ordinal), "a hit waits although it is late")?;
        waiting.insert(hit);
    }
    Ok(waiting)
}
