//! The detection API, request by request, over SQLite and events in memory.

mod alert_search;
mod api_server;
mod conversations;
mod described;
