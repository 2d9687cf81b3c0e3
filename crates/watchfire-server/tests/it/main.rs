//! The server, request by request, over a log in memory.

mod exchanges;
mod memory_log;
mod serving;
