//! The state of sequences as text, and from what a text says to a correlator, if one of this shape could be as it says.
//!
//! Checked is what the correlator relies on, and what would otherwise be found wrongly and in silence.

use serde::Serialize;
use serde::de::DeserializeOwned;
use watchfire_events::Timestamp;

use super::form::{CandidateForm, EvictedForm, LeadForm, MachineForm, SequenceForm, SlotForm};
use super::hit_stream::{Checked, MAX_COUNT, StatefulCorrelator, ensure, keys};
use crate::correlate::age::{AgeQueue, Aged, Stamp};
use crate::correlate::hit::{HitStage, Ordinal};
use crate::correlate::key::KeyTuple;
use crate::correlate::machine::{Candidate, Lead, Machine, Partial};
use crate::correlate::sequence::{Evicted, MissingDecision, SequenceCorrelator, end_of_millisecond};
use crate::correlate::shape::Role;

impl<T: Clone + Serialize + DeserializeOwned> StatefulCorrelator<T> for SequenceCorrelator<T> {
    type Written<'a>
        = SequenceForm<'a, &'a T>
    where
        Self: 'a;
    type Read = SequenceForm<'static, T>;

    fn shape_text(&self) -> String {
        match self.settings.missing {
            MissingDecision::WindowClosed => self.shape.to_string(),
            MissingDecision::AtOnce => format!("{}, missing events decided at once", self.shape),
        }
    }

    fn state(&self) -> SequenceForm<'_, &T> {
        SequenceForm::of(self)
    }

    fn take_over(
        &mut self,
        state: SequenceForm<'static, T>,
        evicted: u64,
        latest: Option<&Ordinal>,
        watermark: Option<Timestamp>,
    ) -> Checked<()> {
        self.evicted = self::evicted(&state.evicted, evicted)?;
        self.watermark = watermark;
        // All hits of that event were fed, and this is the last that one can be.
        self.latest = latest.map(|latest| (latest.clone(), HitStage::Until));
        let mut entries: Vec<Aged> = Vec::new();
        for form in state.machines {
            restore_machine(self, form, &mut entries)?;
        }
        entries.sort_unstable_by_key(|aged| aged.stamp);
        ensure(entries.windows(2).all(|pair| pair[0].stamp < pair[1].stamp), "two things have one stamp")?;
        let is_next = entries.last().is_none_or(|aged| aged.stamp.0 < state.next_stamp);
        ensure(is_next && state.next_stamp < MAX_COUNT, "a stamp is used that was not given yet")?;
        self.ages = AgeQueue::with_entries(entries, state.next_stamp);
        self.held = self.count_held();
        self.make_room();
        Ok(())
    }
}

fn evicted(form: &EvictedForm, sum: u64) -> Checked<Evicted> {
    let &EvictedForm { partials, candidates, leading } = form;
    let parts = partials.checked_add(candidates).and_then(|both| both.checked_add(leading));
    ensure(parts == Some(sum), "what was given up is not the sum of its kinds")?;
    Ok(Evicted { partials, candidates, leading })
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
