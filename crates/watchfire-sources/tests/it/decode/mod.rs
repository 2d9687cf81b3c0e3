//! The decoders: cases as files, agreement of all ways to give a file, hostile bytes, lists of files, real logs.

mod archives;
mod cases;
mod evtx_builder;
mod listing;
mod outcome;
mod properties;
mod recipe;
mod satisfied;
mod shared_logs;
