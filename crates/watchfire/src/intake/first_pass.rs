//! The pass over files that goes before the first event is made: it gathers what records tell of others
//! ([`watchfire_sources::normalise::Knowledge`]).
//!
//! Of a file without such records no more is read than its beginning. Standard input can be read only once, so nothing is
//! gathered from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use watchfire_sources::decode::read_file;
use watchfire_sources::normalise::{Gatherer, Gathering, KnowledgeSize, NormaliseOptions};

use super::Input;

/// Gathers what the files tell and gives it to the options; nothing if they tell nothing.
pub(super) fn gather(
    inputs: &[Input],
    threads: usize,
    options: &mut NormaliseOptions,
) -> Option<KnowledgeSize> {
    let source = options.source;
    let gathering = Gathering::default();
    let next = AtomicUsize::new(0);
    let part = || {
        let Some(mut gatherer) = Gatherer::new(&gathering, source) else { return };
        while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Input::File(path, name, ..) = input {
                // The pass that makes events reports what is wrong with a file.
                read_file(path, name, &mut gatherer);
            }
        }
    };
    std::thread::scope(|scope| {
        // A thread that panics ends the run, as everywhere: the scope sees to it.
        for _ in 1..threads {
            scope.spawn(part);
        }
        part();
    });
    let (knowledge, size) = gathering.finish();
    if knowledge.is_empty() {
        return None;
    }
    options.knowledge = Some(Arc::new(knowledge));
    Some(size)
}
