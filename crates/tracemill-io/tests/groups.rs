//! An index gives the same groups whatever memory it has.

use proptest::prelude::*;
use tracemill_io::{GroupIndex, Groups, IndexEntry, MemoryBudget, TemporaryFiles};

/// An entry that knows its number, and has an odd size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u64, u8);

impl IndexEntry for Entry {
    const SIZE: usize = 9;

    fn write_to(&self, bytes: &mut [u8]) {
        let (number, rest) = bytes.split_at_mut(8);
        number.copy_from_slice(&self.0.to_le_bytes());
        rest[0] = self.1;
    }

    fn read_from(bytes: &[u8]) -> Self {
        Entry(u64::from_le_bytes(bytes[..8].try_into().unwrap()), bytes[8])
    }
}

fn index(keys: &[u128], budget: usize) -> Groups<Entry> {
    let mut index = GroupIndex::new(MemoryBudget::new(budget), TemporaryFiles::new());
    for (number, &key) in (0..).zip(keys) {
        if number % 3 == 1 {
            let rest = &keys[number as usize..];
            index.expect(rest.iter().copied().take(3));
        }
        index.push(key, &Entry(number, key as u8)).unwrap();
    }
    assert_eq!(index.len(), keys.len() as u64);
    index.finish().unwrap()
}

fn all(mut groups: Groups<Entry>) -> Vec<Vec<Entry>> {
    let (mut all, mut members) = (Vec::new(), Vec::new());
    while groups.next_group(&mut members).unwrap() {
        all.push(members.clone());
    }
    assert!(members.is_empty());
    assert!(!groups.next_group(&mut members).unwrap());
    // Again, from the middle of it.
    for rounds in [all.len() / 2, all.len()] {
        groups.rewind().unwrap();
        for expected in &all[..rounds] {
            assert!(groups.next_group(&mut members).unwrap());
            assert!(members == *expected);
        }
    }
    all
}

/// The groups, found in the plainest way.
fn expected(keys: &[u128]) -> Vec<Vec<Entry>> {
    let mut groups: Vec<(u128, Vec<Entry>)> = Vec::new();
    for (number, &key) in (0..).zip(keys) {
        let entry = Entry(number, key as u8);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(entry),
            None => groups.push((key, vec![entry])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

fn key() -> impl Strategy<Value = u128> {
    // Small ones, and ones that agree in one half.
    prop_oneof![
        0..6_u128,
        (0..3_u128).prop_map(|high| high << 64),
        Just(u128::MAX),
        Just(u128::from(u64::MAX)),
        any::<u128>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn groups_are_the_same_with_any_budget(keys in prop::collection::vec(key(), 0..200)) {
        let expected = expected(&keys);
        for budget in [1, 90, 500, 3000, 1 << 20] {
            let groups = index(&keys, budget);
            let largest = keys.len() * (Entry::SIZE + 4 + 36);
            prop_assert!(!groups.is_on_disk() || keys.len() > 1 && budget < largest, "budget {}", budget);
            prop_assert!(groups.is_on_disk() || keys.len() < 2 || budget > keys.len() * Entry::SIZE, "budget {}", budget);
            prop_assert_eq!(&all(groups), &expected, "budget {}", budget);
        }
    }
}

#[test]
fn many_entries_come_through_pieces_tables_and_runs() {
    // More than a piece, a table's growth and a buffer's length; groups of one, of few, and one large.
    let key = |n: u128| match n % 4 {
        0 => u128::MAX,
        1 => n,
        _ => (n * n) % 1009 + (1 << 100),
    };
    let keys: Vec<u128> = (0..60_000).map(key).collect();
    let in_memory = index(&keys, 1 << 30);
    assert!(!in_memory.is_on_disk());
    let in_memory = all(in_memory);
    assert_eq!(in_memory.iter().map(Vec::len).sum::<usize>(), keys.len());
    assert_eq!(in_memory[0].len(), 15_000);
    assert!(in_memory.windows(2).all(|pair| pair[0][0].0 < pair[1][0].0));
    assert!(
        in_memory
            .iter()
            .flat_map(|group| group.windows(2))
            .all(|pair| pair[0].0 < pair[1].0)
    );
    let on_disk = index(&keys, 400_000);
    assert!(on_disk.is_on_disk());
    assert!(all(on_disk) == in_memory);
}

#[test]
fn a_group_that_does_not_fit_is_an_error_that_says_what_to_do() {
    let keys = vec![7; 5000];
    let mut groups = index(&keys, 10_000);
    let error = groups.next_group(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("a group has more than 4096 members"), "{error}");
    assert!(error.contains("`--memory`"), "{error}");
    assert_eq!(all(index(&keys, 1 << 20)).len(), 1);
}

#[test]
fn temporary_files_have_no_name_and_need_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let files = TemporaryFiles::inside(folder.path());
    let mut index = GroupIndex::new(MemoryBudget::new(100), files.clone());
    for number in 0..100 {
        index.push(3, &Entry(number, 0)).unwrap();
    }
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left(), 0);
    let mut groups = index.finish().unwrap();
    assert_eq!(left(), 0);
    assert!(groups.next_group(&mut Vec::new()).unwrap());

    let nowhere = TemporaryFiles::inside(folder.path().join("nowhere"));
    let mut index = GroupIndex::new(MemoryBudget::new(1), nowhere);
    index.push(1, &Entry(0, 0)).unwrap();
    let error = index.push(1, &Entry(1, 0)).unwrap_err().to_string();
    assert!(
        error.contains("nowhere") && error.contains("the variable `TMPDIR`"),
        "{error}"
    );
}
