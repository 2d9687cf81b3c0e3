//! The same done with many things, on several threads.

/// What comes of each item, in the order of the items; what comes out does not depend on the number of threads.
pub(crate) fn map_in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    make: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let make_all = |part: &[T]| part.iter().map(&make).collect::<Vec<R>>();
    if threads <= 1 {
        return make_all(items);
    }
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(threads).max(1));
        let handles: Vec<_> = parts.map(|part| scope.spawn(|| make_all(part))).collect();
        let joined = handles.into_iter().map(|handle| match handle.join() {
            Ok(part) => part,
            // A panic is a bug: it goes on as if there had been one thread.
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_depend_on_threads() {
        for (length, threads) in [(0, 4), (1, 4), (7, 3), (8, 1), (9, 100)] {
            let items: Vec<usize> = (0..length).collect();
            assert_eq!(
                map_in_order(&items, threads, |item| item * 2),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
        }
    }
}
