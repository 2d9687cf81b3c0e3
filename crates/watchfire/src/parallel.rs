//! The same done with many things, on several threads.

/// What comes of each item, in the order of the items; what comes out does not depend on the number of threads.
pub(crate) fn map_in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    make: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    map_in_order_with(&mut vec![(); threads.max(1)], items, |(), item| make(item))
}

/// As [`map_in_order`], on as many threads as there are tools, of which each thread has one.
pub(crate) fn map_in_order_with<W: Send, T: Sync, R: Send>(
    tools: &mut [W],
    items: &[T],
    make: impl Fn(&mut W, &T) -> R + Sync,
) -> Vec<R> {
    let make_all = |tool: &mut W, part: &[T]| part.iter().map(|item| make(tool, item)).collect::<Vec<R>>();
    if let [tool] = tools {
        return make_all(tool, items);
    }
    let make_all = &make_all;
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(tools.len()).max(1));
        let handles: Vec<_> =
            tools.iter_mut().zip(parts).map(|(tool, part)| scope.spawn(|| make_all(tool, part))).collect();
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
