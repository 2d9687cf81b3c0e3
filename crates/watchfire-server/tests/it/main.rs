//! The server, request by request, over a log in memory.

mod echo;
mod encrypted;
mod exchanges;
mod memory_log;
mod serving;
mod syslog;
mod watch;
