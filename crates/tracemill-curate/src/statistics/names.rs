use std::collections::BTreeMap;

/// How often each name was met.
///
/// Up to ten thousand names are kept apart; further ones are counted together, so that memory is bounded.
#[derive(Clone, Debug, Default)]
pub struct Names {
    counts: BTreeMap<String, u64>,
    others: u64,
}

const MOST: usize = 10_000;

impl Names {
    /// Counts one more of a name.
    pub fn add(&mut self, name: &str) {
        self.add_many(name, 1);
    }

    fn add_many(&mut self, name: &str, many: u64) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += many;
        } else if self.counts.len() < MOST {
            self.counts.insert(name.to_owned(), many);
        } else {
            self.others += many;
        }
    }

    pub(super) fn merge(&mut self, other: &Names) {
        for (name, &count) in &other.counts {
            self.add_many(name, count);
        }
        self.others += other.others;
    }

    /// The number met of a name.
    pub fn get(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// The sum over all names.
    pub fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.others
    }

    /// The number met of names beyond those that are kept apart.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The names, most frequent first, equal ones in the order of the names.
    pub fn by_count(&self) -> Vec<(&str, u64)> {
        let mut names: Vec<_> = self
            .counts
            .iter()
            .map(|(name, &count)| (name.as_str(), count))
            .collect();
        names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        names
    }
}
