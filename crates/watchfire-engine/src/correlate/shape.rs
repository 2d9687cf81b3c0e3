//! The form of a sequence query without its conditions: what each stage's hits do, and what a result looks like.
//!
//! Stages are numbered as written. Spelled out (`runs`), the ordinary ones are the *positions* of the state machine; the
//! missing clauses lie in the *gaps* around them:
//!
//! ```text
//! written      ![a]   [b] with runs=2   ![c]   [d]   ![e]
//! stage         0           1            2      3     4
//! positions             0       1               2
//! gaps         leading                  2           trailing
//! ```

use std::fmt;

use watchfire_ir::SequencePlan;

/// What a stage is, its condition and keys aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageForm {
    /// `![ … ]`: that no such event happened.
    pub missing: bool,
    /// How many times the stage repeats; at least 1.
    pub runs: u32,
}

/// What is wrong with the form of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// Every stage is a missing clause.
    NothingButMissing,
    /// A missing clause, and no `maxspan` that says for how long.
    MissingWithoutMaxspan,
    /// There are too many stages, repetitions spelled out.
    TooManyPlaces {
        /// How many there may be.
        most: usize,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingButMissing => f.write_str("a sequence needs a stage that is not missing"),
            Self::MissingWithoutMaxspan => f.write_str("a missing event needs `maxspan`"),
            Self::TooManyPlaces { most } => write!(f, "more than {most} stages"),
        }
    }
}

impl std::error::Error for ShapeError {}

/// What a hit of a stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It fills any position of this range.
    Fills {
        /// The first position.
        first: u16,
        /// One past the last position.
        end: u16,
    },
    /// It must not lie before the first position.
    Leading,
    /// It must not lie directly before this position, which is not the first.
    Between(u16),
    /// It must not lie behind the last position.
    Trailing,
}

/// The form of a sequence query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceShape {
    stages: Vec<StageForm>,
    roles: Vec<Role>,
    /// For each place of a result, whether it is a missing one.
    places: Vec<bool>,
    positions: u16,
    maxspan_ms: Option<u64>,
}

impl SequenceShape {
    /// Most stages of a query, repetitions spelled out.
    pub const MAX_PLACES: usize = 10_000;

    /// The form of these stages, and the longest time in milliseconds from first to last event.
    pub fn new(stages: &[StageForm], maxspan_ms: Option<u64>) -> Result<Self, ShapeError> {
        let places: u64 = stages.iter().map(|stage| u64::from(stage.runs)).sum();
        if places > Self::MAX_PLACES as u64 {
            return Err(ShapeError::TooManyPlaces { most: Self::MAX_PLACES });
        }
        let ordinary = stages.iter().filter(|stage| !stage.missing);
        let positions = ordinary.map(|stage| stage.runs as u16).sum();
        if positions == 0 {
            return Err(ShapeError::NothingButMissing);
        }
        if maxspan_ms.is_none() && stages.iter().any(|stage| stage.missing) {
            return Err(ShapeError::MissingWithoutMaxspan);
        }
        let (mut roles, mut places, mut next) = (Vec::new(), Vec::new(), 0_u16);
        for stage in stages {
            places.extend(std::iter::repeat_n(stage.missing, stage.runs as usize));
            roles.push(match (stage.missing, next) {
                (true, 0) => Role::Leading,
                (true, next) if next == positions => Role::Trailing,
                (true, next) => Role::Between(next),
                (false, first) => {
                    next += stage.runs as u16;
                    Role::Fills { first, end: next }
                }
            });
        }
        Ok(Self { stages: stages.to_vec(), roles, places, positions, maxspan_ms })
    }

    /// The form of a plan.
    pub fn of_plan(plan: &SequencePlan) -> Result<Self, ShapeError> {
        let form = |stage: &watchfire_ir::StagePlan| StageForm { missing: stage.missing, runs: stage.runs };
        Self::new(&plan.stages.iter().map(form).collect::<Vec<_>>(), plan.maxspan_ms)
    }

    /// What hits of all stages do.
    pub(super) fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// What hits of a stage do; `None` for a number that no stage has.
    pub(super) fn role(&self, stage: u16) -> Option<Role> {
        self.roles.get(stage as usize).copied()
    }

    /// The last position: its event completes a sequence.
    pub(super) fn last_position(&self) -> u16 {
        self.positions - 1
    }

    /// For each place of a result, whether it is a missing one.
    pub(super) fn places(&self) -> &[bool] {
        &self.places
    }

    /// Longest time from the first event to the last, in milliseconds.
    pub(super) fn maxspan_ms(&self) -> Option<i128> {
        self.maxspan_ms.map(i128::from)
    }

    /// Whether there is a missing clause behind the last position: whether a result has to wait.
    pub(super) fn has_trailing(&self) -> bool {
        self.roles.contains(&Role::Trailing)
    }

    /// Whether there is a missing clause before the first position.
    pub(super) fn has_leading(&self) -> bool {
        self.roles.contains(&Role::Leading)
    }
}

/// As a query would be written, without what is in the brackets. Shapes of equal text are equal.
impl fmt::Display for SequenceShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sequence")?;
        if let Some(maxspan) = self.maxspan_ms {
            write!(f, " with maxspan={maxspan}ms")?;
        }
        for stage in &self.stages {
            f.write_str(if stage.missing { " ![]" } else { " []" })?;
            if stage.runs != 1 {
                write!(f, " with runs={}", stage.runs)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(missing: bool, runs: u32) -> StageForm {
        StageForm { missing, runs }
    }

    #[test]
    fn clauses_lie_in_the_gaps_between_spelled_out_stages() {
        let stages = [stage(true, 1), stage(false, 2), stage(true, 2), stage(false, 1), stage(true, 1)];
        let shape = SequenceShape::new(&stages, Some(5)).unwrap();
        let fills = |first, end| Role::Fills { first, end };
        assert_eq!(shape.roles, [Role::Leading, fills(0, 2), Role::Between(2), fills(2, 3), Role::Trailing]);
        assert_eq!(shape.places, [true, false, false, true, true, false, true]);
        assert_eq!(shape.to_string(), "sequence with maxspan=5ms ![] [] with runs=2 ![] with runs=2 [] ![]");
    }

    #[test]
    fn forms_that_mean_nothing_are_refused() {
        assert_eq!(SequenceShape::new(&[stage(true, 1)], Some(1)), Err(ShapeError::NothingButMissing));
        assert_eq!(
            SequenceShape::new(&[stage(false, 1), stage(true, 1)], None),
            Err(ShapeError::MissingWithoutMaxspan)
        );
        assert!(matches!(
            SequenceShape::new(&[stage(false, u32::MAX)], None),
            Err(ShapeError::TooManyPlaces { .. })
        ));
    }
}
