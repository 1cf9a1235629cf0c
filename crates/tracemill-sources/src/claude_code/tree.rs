//! Which lines of a session make one conversation.

use std::collections::{BTreeMap, BTreeSet};

use tracemill_model::Text;

use super::line::{Line, Speaker};

/// One conversation: from a root to the last message below it.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) root: usize,
    /// Its lines, in order.
    pub(super) lines: Vec<usize>,
    /// The lines of each message by its id, also those that stand beside the path.
    messages: BTreeMap<String, Vec<usize>>,
    /// The line with the result of a call, by the id of the call, where it stands beside the path.
    results: BTreeMap<String, usize>,
    /// How many messages are on other branches.
    pub(super) others: u64,
    /// Whether the parent of the root is not there.
    pub(super) is_lost: bool,
}

impl Branch {
    /// The lines of the message with this id.
    pub(super) fn message(&self, id: &Text<'_>) -> &[usize] {
        self.messages.get(&*id.decode()).map_or(&[], Vec::as_slice)
    }

    /// The result, beside the path, of the call with this id.
    pub(super) fn result(&self, id: &Text<'_>) -> Option<usize> {
        self.results.get(&*id.decode()).copied()
    }
}

/// The lines without those that are there a second time: the same line, or the same message under the same id.
pub(super) fn without_repetitions(lines: Vec<Line<'_>>) -> (Vec<Line<'_>>, u64) {
    let before = lines.len();
    let mut kept: Vec<Line<'_>> = Vec::with_capacity(before);
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for line in lines {
        let Some(uuid) = line.uuid.as_ref().map(|uuid| uuid.decode().into_owned()) else {
            kept.push(line);
            continue;
        };
        let known = seen.entry(uuid).or_default();
        let same = |&at: &usize| kept[at].speaker == line.speaker && kept[at].content == line.content;
        if known.iter().any(same) {
            continue;
        }
        known.push(kept.len());
        kept.push(line);
    }
    let repeated = (before - kept.len()) as u64;
    (kept, repeated)
}

/// The conversations of some of the lines, in the order of their roots.
pub(super) fn branches(lines: &[Line<'_>], some: &[usize]) -> Vec<Branch> {
    let Some(&first) = some.first() else {
        return Vec::new();
    };
    if some.iter().all(|&at| lines[at].parent.is_none()) {
        return vec![branch(lines, first, some.to_vec(), some)];
    }
    let parents = parents(lines, some);
    let mut roots = BTreeMap::new();
    let mut trees: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &at in some {
        let root = root_of(&parents, &mut roots, at, some.len());
        trees.entry(root).or_default().push(at);
    }
    let whole = |(root, tree): (usize, Vec<usize>)| {
        // What was written last is a leaf of those who speak, whatever the program wrote below it.
        let last = tree.iter().rev().find(|&&at| lines[at].is_turn());
        let last = last.or(tree.last()).copied().unwrap_or(root);
        branch(lines, root, path_to(&parents, last, root, tree.len()), &tree)
    };
    trees.into_iter().map(whole).collect()
}

/// Of each line the one that it follows.
fn parents(lines: &[Line<'_>], some: &[usize]) -> BTreeMap<usize, usize> {
    let mut by_uuid: BTreeMap<String, usize> = BTreeMap::new();
    let mut parents = BTreeMap::new();
    let mut open = Vec::new();
    for &at in some {
        let name = lines[at]
            .parent
            .as_ref()
            .map(|parent| parent.decode().into_owned());
        match name.as_ref().map(|name| by_uuid.get(name)) {
            Some(Some(&parent)) => drop(parents.insert(at, parent)),
            Some(None) => open.push((at, name)),
            None => {}
        }
        if let Some(uuid) = &lines[at].uuid {
            by_uuid.insert(uuid.decode().into_owned(), at);
        }
    }
    // A parent may stand behind its child.
    for (at, name) in open {
        let parent = name.and_then(|name| by_uuid.get(&name).copied());
        if let Some(parent) = parent.filter(|&parent| parent != at) {
            parents.insert(at, parent);
        }
    }
    parents
}

/// The line at the top. In a ring, which only damaged files have, it is the first of those that lead round.
fn root_of(
    parents: &BTreeMap<usize, usize>,
    roots: &mut BTreeMap<usize, usize>,
    from: usize,
    limit: usize,
) -> usize {
    let mut path = Vec::new();
    let mut at = from;
    let root = loop {
        if let Some(&root) = roots.get(&at) {
            break root;
        }
        if path.len() > limit {
            break path.iter().copied().min().unwrap_or(at);
        }
        path.push(at);
        match parents.get(&at) {
            Some(&parent) => at = parent,
            None => break at,
        }
    };
    roots.extend(path.into_iter().map(|at| (at, root)));
    root
}

/// The lines from a root down to one of its tree.
fn path_to(parents: &BTreeMap<usize, usize>, last: usize, root: usize, limit: usize) -> Vec<usize> {
    let mut path = vec![last];
    let mut at = last;
    while let Some(&parent) = parents.get(&at).filter(|_| at != root && path.len() < limit) {
        path.push(parent);
        at = parent;
    }
    path.reverse();
    path
}

/// A path with the lines that belong to its messages, wherever they stand in the tree.
fn branch(lines: &[Line<'_>], root: usize, path: Vec<usize>, tree: &[usize]) -> Branch {
    let name = |id: &Text<'_>| id.decode().into_owned();
    let on_path: BTreeSet<usize> = path.iter().copied().collect();
    let ids = path.iter().filter_map(|&at| lines[at].message_id.as_ref());
    let mut messages: BTreeMap<String, Vec<usize>> = ids.map(|id| (name(id), Vec::new())).collect();
    let mut results = BTreeMap::new();
    let mut taken = on_path.clone();
    let (mut calls, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for &at in tree.iter().filter(|&&at| lines[at].is_turn()) {
        let line = &lines[at];
        if line.speaker == Speaker::Assistant {
            let id = line.message_id.as_ref().map(name);
            if let Some(of) = id.and_then(|id| messages.get_mut(&id)) {
                of.push(at);
                taken.insert(at);
            }
            if taken.contains(&at) {
                calls.extend(line.calls().iter().map(name));
            }
        } else if on_path.contains(&at) {
            answered.extend(line.results().iter().map(name));
        }
    }
    for &at in tree {
        if taken.contains(&at) || lines[at].speaker != Speaker::User {
            continue;
        }
        let mut ids = lines[at].results().into_iter().map(|id| name(&id));
        if let Some(id) = ids.find(|id| calls.contains(id) && !answered.contains(id)) {
            answered.insert(id.clone());
            results.insert(id, at);
            taken.insert(at);
        }
    }
    let is_other = |at: &&usize| !taken.contains(at) && lines[**at].is_turn();
    Branch {
        root,
        others: tree.iter().filter(is_other).count() as u64,
        is_lost: lines[root].parent.is_some(),
        lines: path,
        messages,
        results,
    }
}
