//! Tests of the command as its users see it: one binary, a module per topic.

mod case;
mod cases;
mod check_corpus;
mod code_examples;
mod completions;
#[cfg(unix)]
mod detections_as_code;
mod forms;
mod hostile;
#[cfg(feature = "lake")]
mod lake;
mod netsupport;
mod pipes;
mod read_again;
mod report;
#[cfg(feature = "serve")]
mod respond;
mod sarif;
mod scan;
#[cfg(all(feature = "serve", unix))]
mod serve;
