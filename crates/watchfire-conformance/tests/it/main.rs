//! The report, held by the gate.

mod eql_page;
mod esql_page;
mod esql_plans;
mod report;
