//! The library of tables is asynchronous; the lake's own interface is not.

use std::future::Future;
use std::path::Path;

use tokio::runtime::{Builder, Runtime};

use crate::LakeError;

/// Runs futures to their end on threads of its own.
#[derive(Debug)]
pub(crate) struct Blocking(Option<Runtime>);

impl Blocking {
    /// Threads that fetch and decode.
    const THREADS: usize = 2;

    pub(crate) fn new(lake: &Path) -> Result<Self, LakeError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(Self::THREADS)
            .thread_name("lake")
            .enable_all()
            .build()
            .map_err(LakeError::io("cannot start threads for", lake))?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for Blocking {
    /// Does not wait for its threads: that is not allowed in asynchronous code, where a server may end.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
