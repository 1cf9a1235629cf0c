//! Places that are known before the cursor comes to them.

use crate::json::index::Node;

/// Where the tokens of a value stand that was indexed before: reading it again need not look for their ends, nor compare
/// its keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    nodes: &'a [Node],
    /// Where the value begins in the text that was indexed.
    base: usize,
    /// The node of the next token, or one before it.
    next: usize,
}

impl<'a> Known<'a> {
    /// The places of a value: its own, and those of all that is inside of it.
    pub(super) fn of(nodes: &'a [Node]) -> Self {
        Known {
            nodes,
            base: nodes.first().map_or(0, |node| node.start()),
            next: 0,
        }
    }

    /// Whether nothing is known.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The offset behind the key or value that begins at `at`, if it is known.
    #[inline]
    pub(super) fn end(&mut self, at: usize) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let node = self.find(at + self.base)?;
        self.next += node.size();
        Some(node.end() - self.base)
    }

    fn find(&mut self, start: usize) -> Option<Node> {
        while let Some(node) = self.nodes.get(self.next)
            && node.start() <= start
        {
            if node.start() == start {
                return Some(*node);
            }
            self.next += 1;
        }
        // The cursor went back, which it hardly ever does.
        self.next = self.nodes.partition_point(|node| node.start() < start);
        let node = self.nodes.get(self.next)?;
        (node.start() == start).then_some(*node)
    }
}
