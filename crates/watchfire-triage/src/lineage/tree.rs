//! The tree around a process: what led to it, and what it led to.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use watchfire_events::Timestamp;

use super::processes::{Image, Lineage, Parent, Process, ProcessId};

/// Most processes above one (detection-engine §5.5).
pub const MOST_ANCESTORS: usize = 200;

/// Most processes below one (detection-engine §5.5).
pub const MOST_DESCENDANTS: usize = 500;

/// How a node came to be in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Events tell of its start.
    Recorded,
    /// Events mention it, but there is none of its start.
    Mentioned,
    /// There is no event of it: its child tells of it.
    Outside,
}

/// Other children of a process, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// What they run.
    pub name: String,
    /// How many there are.
    pub count: usize,
}

/// A process in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// The process, if there are events of it.
    pub id: Option<ProcessId>,
    /// What is known of it.
    pub process: Process,
    /// How it is known.
    pub standing: Standing,
    /// What it ran when the alert's event happened.
    pub image: Image,
    /// The number of its parent in the tree.
    pub parent: Option<usize>,
    /// The numbers of its children in the tree, in the order of their start.
    pub children: Vec<usize>,
    /// Its other children.
    pub folded: Vec<Folded>,
}

/// The tree around the process of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessTree {
    /// The processes; the first is the root.
    pub nodes: Vec<TreeNode>,
    /// The number of the process that the alert is about.
    pub alerted: usize,
    /// Whether events say that a process is its own ancestor; the tree is cut there.
    pub has_loop: bool,
    /// Whether there are more processes above.
    pub more_above: bool,
    /// How many processes below are left out.
    pub more_below: usize,
}

impl ProcessTree {
    /// The tree around a process, as it was at an instant.
    pub fn new(lineage: &Lineage, alerted: ProcessId, at: Option<Timestamp>) -> Self {
        let mut tree =
            Self { nodes: Vec::new(), alerted: 0, has_loop: false, more_above: false, more_below: 0 };
        let path = tree.ancestors(lineage, alerted);
        // The path is walked from below; the tree stands on its root.
        if let Parent::Outside { entity_id, pid, image } = lineage.parent(*path.last().unwrap_or(&alerted))
            && !tree.more_above
            && !tree.has_loop
        {
            let host = lineage.process(alerted).host;
            let process = Process {
                host,
                entity_ids: entity_id.into_iter().collect(),
                pid,
                started: None,
                ended: None,
                images: vec![image.clone()],
                user: None,
            };
            tree.nodes.push(TreeNode {
                id: None,
                process,
                standing: Standing::Outside,
                image,
                parent: None,
                children: Vec::new(),
                folded: Vec::new(),
            });
        }
        for (place, &id) in path.iter().enumerate().rev() {
            let parent = tree.nodes.len().checked_sub(1);
            let number = tree.push(lineage, id, parent, at);
            if let Some(next) = place.checked_sub(1).map(|below| path[below]) {
                let others = lineage.children(id).iter().filter(|child| **child != next);
                tree.nodes[number].folded = folded(lineage, others, at);
            }
        }
        tree.alerted = tree.nodes.len() - 1;
        tree.descend(lineage, alerted, &path, at);
        tree
    }

    /// A process and those above it.
    fn ancestors(&mut self, lineage: &Lineage, from: ProcessId) -> Vec<ProcessId> {
        let (mut path, mut seen) = (vec![from], FxHashSet::default());
        seen.insert(from);
        while let Parent::Known(parent) = lineage.parent(path[path.len() - 1]) {
            if !seen.insert(parent) {
                self.has_loop = true;
                break;
            }
            if path.len() > MOST_ANCESTORS {
                self.more_above = true;
                break;
            }
            path.push(parent);
        }
        path
    }

    fn push(
        &mut self,
        lineage: &Lineage,
        id: ProcessId,
        parent: Option<usize>,
        at: Option<Timestamp>,
    ) -> usize {
        let process = lineage.process(id);
        let standing = if process.started.is_some() { Standing::Recorded } else { Standing::Mentioned };
        let image = process.image_at(at).cloned().unwrap_or_default();
        let number = self.nodes.len();
        self.nodes.push(TreeNode {
            id: Some(id),
            process,
            standing,
            image,
            parent,
            children: Vec::new(),
            folded: Vec::new(),
        });
        if let Some(parent) = parent {
            self.nodes[parent].children.push(number);
        }
        number
    }

    /// Adds what is below a process, level by level.
    fn descend(&mut self, lineage: &Lineage, from: ProcessId, path: &[ProcessId], at: Option<Timestamp>) {
        let mut seen: FxHashSet<ProcessId> = path.iter().copied().collect();
        let mut next = std::collections::VecDeque::from([(from, self.alerted)]);
        let mut added = 0;
        while let Some((id, number)) = next.pop_front() {
            for &child in lineage.children(id) {
                if !seen.insert(child) {
                    self.has_loop = true;
                } else if added == MOST_DESCENDANTS {
                    self.more_below += 1;
                } else {
                    added += 1;
                    let child_number = self.push(lineage, child, Some(number), at);
                    next.push_back((child, child_number));
                }
            }
        }
    }
}

/// Children by what they run, those of which there are most first.
fn folded<'i>(
    lineage: &Lineage,
    children: impl Iterator<Item = &'i ProcessId>,
    at: Option<Timestamp>,
) -> Vec<Folded> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for &child in children {
        let process = lineage.process(child);
        let name =
            process.image_at(at).and_then(|image| image.name.as_deref().or(image.executable.as_deref()));
        *counts.entry(name.unwrap_or("?").to_owned()).or_default() += 1;
    }
    let mut folded: Vec<Folded> = counts.into_iter().map(|(name, count)| Folded { name, count }).collect();
    folded.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
    folded
}
