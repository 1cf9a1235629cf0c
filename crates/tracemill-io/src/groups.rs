//! What belongs together, wherever in the input it stands: an index by key.

mod rings;
mod runs;
mod store;

use crate::budget::{MemoryBudget, TemporaryFiles};
use crate::error::{Error, ErrorKind};
use rings::Rings;
use runs::{MAX_KEY, Merge, Runs};
use std::fmt;
use std::marker::PhantomData;
use store::Store;

/// What an index keeps of a record: a fixed number of bytes.
///
/// ```
/// use tracemill_io::IndexEntry;
///
/// struct Place(u64);
///
/// impl IndexEntry for Place {
///     const SIZE: usize = 8;
///
///     fn write_to(&self, bytes: &mut [u8]) {
///         bytes.copy_from_slice(&self.0.to_le_bytes());
///     }
///
///     fn read_from(bytes: &[u8]) -> Self {
///         Place(bytes.first_chunk().copied().map_or(0, u64::from_le_bytes))
///     }
/// }
///
/// let mut bytes = [0; Place::SIZE];
/// Place(7).write_to(&mut bytes);
/// assert_eq!(Place::read_from(&bytes).0, 7);
/// ```
pub trait IndexEntry {
    /// The number of bytes.
    const SIZE: usize;

    /// Writes all of them; `bytes` has [`SIZE`](IndexEntry::SIZE) of them, and holds anything before.
    fn write_to(&self, bytes: &mut [u8]);

    /// Reads what was written.
    fn read_from(bytes: &[u8]) -> Self;
}

/// Collects entries by key in input order, and gives the groups of those with the same key.
///
/// In memory an entry takes its [`SIZE`](IndexEntry::SIZE) and 4 bytes, a group 20, and 5 to 11 until all entries are
/// there. Beyond the budget entries go to a temporary file: sorted runs, merged by key to find the groups, sorted and
/// merged again by where the groups begin. What comes out is the same.
///
/// ```
/// use tracemill_io::{GroupIndex, IndexEntry, MemoryBudget, TemporaryFiles};
///
/// struct Line(u64);
/// # impl IndexEntry for Line {
/// #     const SIZE: usize = 8;
/// #     fn write_to(&self, bytes: &mut [u8]) { bytes.copy_from_slice(&self.0.to_le_bytes()) }
/// #     fn read_from(bytes: &[u8]) -> Self { Line(bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)) }
/// # }
/// # impl std::fmt::Debug for Line {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}", self.0) }
/// # }
///
/// for budget in [MemoryBudget::default(), MemoryBudget::new(1)] {
///     let mut index = GroupIndex::new(budget, TemporaryFiles::new());
///     for (line, key) in [(1, 9), (2, 4), (3, 9), (4, 9), (5, 4)] {
///         index.push(key, &Line(line))?;
///     }
///     let mut groups = index.finish()?;
///     let mut members = Vec::new();
///     assert!(groups.next_group(&mut members)?);
///     assert_eq!(format!("{members:?}"), "[1, 3, 4]");
///     assert!(groups.next_group(&mut members)?);
///     assert_eq!(format!("{members:?}"), "[2, 5]");
///     assert!(!groups.next_group(&mut members)?);
/// }
/// # Ok::<(), tracemill_io::Error>(())
/// ```
pub struct GroupIndex<E> {
    /// The entries behind those on disk.
    rings: Rings,
    /// By key and order: key, order, entry.
    runs: Option<Runs>,
    budget: MemoryBudget,
    files: TemporaryFiles,
    entries: PhantomData<fn(E)>,
}

/// A key, most significant byte first: so their order is that of the numbers.
type Key = [u8; KEY];

/// The bytes of a key.
const KEY: usize = 16;

/// The bytes of the number of an entry, in input order.
const ORDER: usize = 8;

fn key_of(record: &[u8]) -> Key {
    record.first_chunk().copied().unwrap_or_default()
}

impl<E: IndexEntry> GroupIndex<E> {
    /// An empty index.
    pub fn new(budget: MemoryBudget, files: TemporaryFiles) -> Self {
        GroupIndex {
            rings: Rings::new(E::SIZE, budget.bytes()),
            runs: None,
            budget,
            files,
            entries: PhantomData,
        }
    }

    /// Adds the entry of the next record.
    ///
    /// # Errors
    ///
    /// When the budget is used up and the temporary file cannot be written.
    pub fn push(&mut self, key: u128, entry: &E) -> Result<(), Error> {
        // Even in the smallest budget one entry fits.
        if self.rings.is_full(self.budget.bytes()) && self.rings.len() > 0 {
            self.spill()?;
        }
        entry.write_to(self.rings.push(key.to_be_bytes()));
        Ok(())
    }

    /// Prepares for entries with these keys: pushing many is quicker if the index has seen their keys together before. It
    /// changes nothing else.
    pub fn expect(&self, keys: impl Iterator<Item = u128> + Clone) {
        self.rings.touch(keys.map(u128::to_be_bytes));
    }

    /// The number of entries.
    pub fn len(&self) -> u64 {
        self.rings.len() as u64 + self.runs.as_ref().map_or(0, Runs::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves what is in memory to disk.
    fn spill(&mut self) -> Result<(), Error> {
        let runs = match &mut self.runs {
            Some(runs) => runs,
            None => self
                .runs
                .insert(Runs::create(KEY + ORDER + E::SIZE, &self.files)?),
        };
        let before = runs.len();
        let mut record = vec![0; KEY + ORDER + E::SIZE];
        for group in self.rings.by_key() {
            record[..KEY].copy_from_slice(&self.rings.key(group as usize));
            for (number, entry) in self.rings.members(group as usize) {
                let order = before + u64::from(number);
                record[KEY..KEY + ORDER].copy_from_slice(&order.to_be_bytes());
                record[KEY + ORDER..].copy_from_slice(entry);
                runs.write(&record)?;
            }
        }
        runs.end_run();
        self.rings.clear();
        Ok(())
    }

    /// Ends collecting and finds the groups.
    ///
    /// # Errors
    ///
    /// When a temporary file cannot be written or read.
    pub fn finish(mut self) -> Result<Groups<E>, Error> {
        if self.runs.is_some() {
            self.spill()?;
        }
        let Some(runs) = self.runs else {
            self.rings.close();
            return Ok(Groups::new(Found::InMemory {
                rings: self.rings,
                next: 0,
            }));
        };
        drop(self.rings);
        let merge = runs.merge(KEY + ORDER, self.budget.quarters(1))?;
        let runs = by_first(merge, E::SIZE, self.budget.quarters(3), &self.files)?;
        Ok(Groups::new(Found::OnDisk {
            merge: runs.merge(2 * ORDER, self.budget.quarters(1))?,
            limit: (self.budget.bytes() / size_of::<E>().max(1)).max(MIN_GROUP),
            budget: self.budget,
        }))
    }
}

/// What a record takes besides itself while records are sorted.
const SORTING: usize = 16;

/// Sorts entries that come by key and order by the order of the first of their group, then by their own.
fn by_first(
    mut merge: Merge,
    entry: usize,
    budget: MemoryBudget,
    files: &TemporaryFiles,
) -> Result<Runs, Error> {
    let record = 2 * ORDER + entry;
    let capacity = (budget.bytes() / (record + SORTING)).clamp(1, u32::MAX as usize);
    let mut store = Store::new(record, capacity);
    let mut runs = Runs::create(record, files)?;
    let mut group = None;
    while let Some(next) = merge.peek() {
        let (key, numbered) = next.split_at(KEY);
        let first: [u8; ORDER] = match group {
            Some((known, first)) if known == key_of(key) => first,
            _ => numbered.first_chunk().copied().unwrap_or_default(),
        };
        group = Some((key_of(key), first));
        if store.len() == capacity {
            write_run(&store, &mut runs)?;
            store.clear();
        }
        let (head, rest) = store.push().split_at_mut(ORDER);
        head.copy_from_slice(&first);
        rest.copy_from_slice(numbered);
        merge.advance()?;
    }
    write_run(&store, &mut runs)?;
    Ok(runs)
}

fn write_run(store: &Store, runs: &mut Runs) -> Result<(), Error> {
    for index in store.sorted(2 * ORDER) {
        runs.write(store.get(index as usize))?;
    }
    runs.end_run();
    Ok(())
}

const _: () = assert!(KEY + ORDER <= MAX_KEY && 2 * ORDER <= MAX_KEY);

/// The groups of a [`GroupIndex`], in the order in which their first members came; the members of each in input order.
pub struct Groups<E> {
    found: Found,
    entries: PhantomData<fn() -> E>,
}

enum Found {
    InMemory {
        rings: Rings,
        /// The group that comes next.
        next: usize,
    },
    OnDisk {
        /// By the order of the first of their group and by their own: the two orders, entry.
        merge: Merge,
        /// How many members a group may have to fit in the budget.
        limit: usize,
        budget: MemoryBudget,
    },
}

/// A group of so many members fits in any budget.
const MIN_GROUP: usize = 4096;

impl<E: IndexEntry> Groups<E> {
    fn new(found: Found) -> Self {
        Groups {
            found,
            entries: PhantomData,
        }
    }

    /// Puts the members of the next group in place of what `members` held; `false`, and none, behind the last group.
    ///
    /// # Errors
    ///
    /// When a temporary file cannot be read, or one group alone does not fit in the budget.
    pub fn next_group(&mut self, members: &mut Vec<E>) -> Result<bool, Error> {
        members.clear();
        match &mut self.found {
            Found::InMemory { rings, next } => {
                let group = *next;
                if group == rings.groups() {
                    return Ok(false);
                }
                *next += 1;
                members.extend(rings.members(group).map(|(_, entry)| E::read_from(entry)));
                Ok(true)
            }
            Found::OnDisk { merge, limit, budget } => {
                let mut group = None;
                while let Some(record) = merge.peek() {
                    let first: Option<[u8; ORDER]> = record.first_chunk().copied();
                    if group.is_some() && group != first {
                        break;
                    }
                    group = first;
                    if members.len() == *limit {
                        return Err(too_large(*limit, *budget));
                    }
                    members.push(E::read_from(&record[2 * ORDER..]));
                    merge.advance()?;
                }
                Ok(group.is_some())
            }
        }
    }

    /// Begins again with the first group.
    ///
    /// # Errors
    ///
    /// When a temporary file cannot be read.
    pub fn rewind(&mut self) -> Result<(), Error> {
        match &mut self.found {
            Found::InMemory { next, .. } => *next = 0,
            Found::OnDisk { merge, .. } => merge.rewind()?,
        }
        Ok(())
    }

    /// Whether the budget was used up and a temporary file holds the entries.
    pub fn is_on_disk(&self) -> bool {
        matches!(self.found, Found::OnDisk { .. })
    }
}

fn too_large(limit: usize, budget: MemoryBudget) -> Error {
    let message = format!(
        "a group has more than {limit} members, which do not fit in {budget} of memory; check what the records are \
         grouped by, or raise `--memory`"
    );
    Error::new(ErrorKind::Unsupported, message)
}

impl<E> fmt::Debug for GroupIndex<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupIndex")
            .field("in_memory", &self.rings.len())
            .field("on_disk", &self.runs.as_ref().map_or(0, Runs::len))
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for Groups<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.found {
            Found::InMemory { .. } => "memory",
            Found::OnDisk { .. } => "disk",
        };
        f.debug_struct("Groups")
            .field("in", &place)
            .finish_non_exhaustive()
    }
}
