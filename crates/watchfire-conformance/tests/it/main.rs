//! The report, held by the gate.

mod report;
