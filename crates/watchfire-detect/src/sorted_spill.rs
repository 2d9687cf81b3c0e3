//! Sorting more than fits into memory.
//!
//! What is found in the order of the input is wanted in an order of its own. Entries are kept until they exceed
//! the given memory, then sorted and put aside in a temporary file; at the end the files are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Says that bytes read back from a temporary file are not those that were written.
pub fn damaged_spill() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file has changed under our hands")
}

/// What an entry costs beside its bytes: its part of a list that doubles as it grows.
const ENTRY_OVERHEAD: usize = 2 * size_of::<Entry>();
/// Bytes of entries that are kept together.
const BLOCK_BYTES: usize = 1 << 20;
/// Read and write buffers of a file.
const BUFFER: usize = 64 * 1024;

/// Entries with a key, to be read back in the order of the keys. Of entries with equal keys only the one with the least
/// payload is kept, so that the order in which they were found does not show.
#[derive(Debug)]
pub struct SortedSpill {
    memory_limit: usize,
    memory: usize,
    entries: Entries,
    runs: Vec<File>,
    pushed: u64,
}

/// What a [`SortedSpill`] held at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpillMark {
    runs: usize,
    pushed: u64,
}

/// Entries in memory: their bytes one behind the other, as there can be millions of some dozen bytes each.
#[derive(Debug, Default)]
struct Entries {
    blocks: Vec<Vec<u8>>,
    list: Vec<Entry>,
}

/// Where an entry is: its key, and its payload behind it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// What its key begins with, as a number that sorts as these bytes do: it decides between most keys.
    head: u128,
    block: u32,
    at: u32,
    key: u32,
    payload: u32,
}

/// The first bytes of a key; one that is shorter sorts as if it ended in zeros, before it is looked at as a whole.
fn head_of(key: &[u8]) -> u128 {
    let mut head = [0; size_of::<u128>()];
    let length = key.len().min(head.len());
    head[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(head)
}

impl Entries {
    fn push(&mut self, key: &[u8], payload: [&[u8]; 2]) {
        let payload_bytes = payload.iter().map(|part| part.len()).sum::<usize>();
        let bytes = key.len() + payload_bytes;
        let has_room = |block: &&mut Vec<u8>| block.capacity() - block.len() >= bytes;
        if self.blocks.last_mut().as_ref().is_none_or(|block| !has_room(block)) {
            self.blocks.push(Vec::with_capacity(BLOCK_BYTES.max(bytes)));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        let at = block.len() as u32;
        block.extend_from_slice(key);
        payload.iter().for_each(|part| block.extend_from_slice(part));
        let head = head_of(key);
        let (block, key, payload) = (number as u32, key.len() as u32, payload_bytes as u32);
        self.list.push(Entry { head, block, at, key, payload });
    }

    fn key(&self, entry: Entry) -> &[u8] {
        &self.blocks[entry.block as usize][entry.at as usize..][..entry.key as usize]
    }

    fn payload(&self, entry: Entry) -> &[u8] {
        let start = entry.at as usize + entry.key as usize;
        &self.blocks[entry.block as usize][start..][..entry.payload as usize]
    }

    /// By key, then by payload.
    fn sort(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        list.sort_unstable_by(|one, other| {
            let keys = one.head.cmp(&other.head).then_with(|| self.key(*one).cmp(self.key(*other)));
            keys.then_with(|| self.payload(*one).cmp(self.payload(*other)))
        });
        self.list = list;
    }

    fn retain(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        let mut list = std::mem::take(&mut self.list);
        list.retain(|entry| wanted(self.key(*entry)));
        self.list = list;
    }

    /// Takes all away, and keeps the memory of one block.
    fn clear(&mut self) {
        self.list.clear();
        self.blocks.truncate(1);
        self.blocks.iter_mut().for_each(Vec::clear);
    }
}

impl SortedSpill {
    /// An empty one that keeps at most about `memory_limit` bytes in memory.
    pub fn new(memory_limit: usize) -> Self {
        Self { memory_limit, memory: 0, entries: Entries::default(), runs: Vec::new(), pushed: 0 }
    }

    /// Number of entries given to it so far, repetitions included.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> io::Result<()> {
        self.push_parts(key, [payload, &[]])
    }

    /// As [`Self::push`], with a payload in two parts.
    pub(crate) fn push_parts(&mut self, key: &[u8], payload: [&[u8]; 2]) -> io::Result<()> {
        self.pushed += 1;
        self.memory += key.len() + payload[0].len() + payload[1].len() + ENTRY_OVERHEAD;
        self.entries.push(key, payload);
        if self.memory > self.memory_limit { self.spill() } else { Ok(()) }
    }

    /// Remembers what has been given to it so far, to come back to.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub(crate) fn mark(&mut self) -> io::Result<SpillMark> {
        if !self.entries.list.is_empty() {
            self.spill()?;
        }
        Ok(SpillMark { runs: self.runs.len(), pushed: self.pushed })
    }

    /// Takes away what was given to it behind a mark.
    pub(crate) fn return_to(&mut self, mark: SpillMark) {
        self.entries.clear();
        self.memory = 0;
        self.runs.truncate(mark.runs);
        self.pushed = mark.pushed;
    }

    /// As [`Self::finish_with`], of what has been given to it so far; it can be read again, and more be given to it, when
    /// this has been read.
    ///
    /// # Errors
    /// If a temporary file cannot be written or read.
    pub(crate) fn so_far(
        &mut self,
        wanted: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> io::Result<SortedEntries> {
        self.mark()?;
        let again = |file: &File| {
            let mut file = file.try_clone()?;
            file.rewind()?;
            Ok(file)
        };
        let runs = self.runs.iter().map(again).collect::<io::Result<_>>()?;
        Self { runs, ..Self::new(self.memory_limit) }.finish_with(wanted)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.entries.sort();
        let mut file = BufWriter::with_capacity(BUFFER, tempfile::tempfile()?);
        for entry in &self.entries.list {
            for part in [self.entries.key(*entry), self.entries.payload(*entry)] {
                file.write_all(&(part.len() as u64).to_le_bytes())?;
                file.write_all(part)?;
            }
        }
        self.entries.clear();
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        self.memory = 0;
        Ok(())
    }

    /// The entries in order.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    pub fn finish(self) -> io::Result<SortedEntries> {
        self.finish_with(|_| true)
    }

    /// The entries whose keys are wanted, in order. The others are not sorted any more.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    pub fn finish_with(
        mut self,
        wanted: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> io::Result<SortedEntries> {
        self.entries.retain(&wanted);
        self.entries.sort();
        let mut runs: Vec<Run> =
            self.runs.into_iter().map(|file| Run::File(BufReader::with_capacity(BUFFER, file))).collect();
        runs.push(Run::Memory(self.entries, 0));
        let mut heads = BinaryHeap::new();
        for (at, run) in runs.iter_mut().enumerate() {
            if let Some((key, payload)) = run.next(&wanted)? {
                heads.push(Reverse((key, payload, at)));
            }
        }
        Ok(SortedEntries { runs, heads, last: None, duplicates: 0, wanted: Wanted(Box::new(wanted)) })
    }
}

#[derive(Debug)]
enum Run {
    File(BufReader<File>),
    /// Those in memory, and the number of the next one.
    Memory(Entries, usize),
}

impl Run {
    /// The next entry whose key is wanted. Those in memory all are.
    fn next(&mut self, wanted: &IsWanted) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let file = match self {
            Self::Memory(entries, next) => {
                let entry = entries.list.get(*next).copied();
                *next += 1;
                return Ok(entry.map(|entry| (entries.key(entry).to_vec(), entries.payload(entry).to_vec())));
            }
            Self::File(file) => file,
        };
        let mut key = Vec::new();
        loop {
            let mut length = [0; 8];
            match file.read_exact(&mut length) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                other => other?,
            }
            key.resize(u64::from_le_bytes(length) as usize, 0);
            file.read_exact(&mut key)?;
            file.read_exact(&mut length)?;
            let length = u64::from_le_bytes(length);
            if wanted(&key) {
                let mut payload = vec![0; length as usize];
                file.read_exact(&mut payload)?;
                return Ok(Some((key, payload)));
            }
            file.seek_relative(length as i64)?;
        }
    }
}

/// The next entry of a run: key, payload, number of the run.
type Head = (Vec<u8>, Vec<u8>, usize);

/// The entries of a [`SortedSpill`] in the order of their keys.
#[derive(Debug)]
pub struct SortedEntries {
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<Head>>,
    last: Option<Vec<u8>>,
    duplicates: u64,
    wanted: Wanted,
}

/// Which keys are wanted.
type IsWanted = dyn Fn(&[u8]) -> bool + Send;

struct Wanted(Box<IsWanted>);

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

impl SortedEntries {
    /// Number of entries left out so far because their key had come before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The payload of the next entry.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    pub fn next_payload(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.next_entry()?.map(|(_, payload)| payload))
    }

    /// The key and the payload of the next entry.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    pub fn next_entry(&mut self) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        while let Some(Reverse((key, payload, at))) = self.heads.pop() {
            if let Some((key, payload)) = self.runs[at].next(&self.wanted.0)? {
                self.heads.push(Reverse((key, payload, at)));
            }
            if self.last.as_ref() == Some(&key) {
                self.duplicates += 1;
                continue;
            }
            self.last = Some(key.clone());
            return Ok(Some((key, payload)));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wanted_is_left_out() {
        for limit in [usize::MAX, 2_000] {
            let mut spill = SortedSpill::new(limit);
            for number in (0..500_u32).rev() {
                let payload = vec![0; number as usize % 300];
                spill.push(&number.to_be_bytes(), &payload).expect("temporary files can be written");
            }
            let wanted = |key: &[u8]| key.last().is_some_and(|byte| byte % 3 == 0);
            let mut entries = spill.finish_with(wanted).expect("temporary files can be read");
            let mut found = Vec::new();
            while let Some((key, payload)) = entries.next_entry().expect("temporary files can be read") {
                found.push((key, payload.len()));
            }
            let all = (0..500_u32).map(|number| (number.to_be_bytes().to_vec(), number as usize % 300));
            assert_eq!(found, all.filter(|(key, _)| wanted(key)).collect::<Vec<_>>());
        }
    }

    fn sorted(limit: usize) -> (Vec<String>, u64, usize) {
        let mut spill = SortedSpill::new(limit);
        for number in 0..500_u32 {
            let key = (number * 7919 % 250).to_be_bytes();
            spill.push(&key, number.to_string().as_bytes()).expect("temporary files can be written");
        }
        let runs = spill.runs.len();
        let mut entries = spill.finish().expect("temporary files can be read");
        let mut found = Vec::new();
        while let Some(payload) = entries.next_payload().expect("temporary files can be read") {
            found.push(String::from_utf8(payload).expect("written as text"));
        }
        (found, entries.duplicates(), runs)
    }

    #[test]
    fn what_is_behind_a_mark_can_be_taken_away() {
        let read = |spill: &mut SortedSpill| {
            let mut entries = spill.so_far(|_| true).expect("temporary files can be used");
            std::iter::from_fn(|| entries.next_payload().expect("they can be read"))
                .map(|payload| payload[0])
                .collect::<Vec<u8>>()
        };
        for limit in [usize::MAX, 0] {
            let mut spill = SortedSpill::new(limit);
            let push = |spill: &mut SortedSpill, number: u8| {
                spill.push(&[number], &[number]).expect("temporary files can be written");
            };
            [3, 1].into_iter().for_each(|number| push(&mut spill, number));
            let mark = spill.mark().expect("temporary files can be written");
            [2, 4].into_iter().for_each(|number| push(&mut spill, number));
            assert_eq!(read(&mut spill), [1, 2, 3, 4]);
            assert_eq!(read(&mut spill), [1, 2, 3, 4], "again");
            push(&mut spill, 0);
            spill.return_to(mark);
            assert_eq!((read(&mut spill), spill.pushed()), (vec![1, 3], 2));
            push(&mut spill, 5);
            assert_eq!(read(&mut spill), [1, 3, 5]);
        }
    }

    #[test]
    fn gives_the_same_with_and_without_files() {
        let (in_memory, duplicates, runs) = sorted(usize::MAX);
        assert_eq!((in_memory.len(), duplicates, runs), (250, 250, 0));
        let (spilled, duplicates, runs) = sorted(2_000);
        assert!(runs > 5);
        assert_eq!(duplicates, 250);
        assert_eq!(in_memory, spilled);
        // Of two entries with one key the lesser payload stays, though the greater one came first.
        assert!(in_memory.contains(&"10".to_owned()) && !in_memory.contains(&"260".to_owned()));
    }
}
