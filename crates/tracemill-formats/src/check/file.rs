//! Rules that only a whole file can break.

use tracemill_model::JsonView;

use crate::registry::Rule;

/// A rule that only a whole file can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileRule {
    /// There are at least so many records.
    AtLeast(Rule, u64),
    /// There are at most so many records.
    AtMost(Rule, u64),
    /// The file has at most so many bytes.
    Bytes(Rule, u64),
    /// A key stands in every record, or in none.
    AllOrNone(Rule, &'static str),
}

/// What is known of a file when all of its records were seen; facts of parts add up.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    records: u64,
    bytes: u64,
    /// In how many records each key of an [`FileRule::AllOrNone`] stands, by the index of the rule.
    present: Vec<u64>,
}

impl FileFacts {
    /// Counts a record of so many bytes.
    pub fn add(&mut self, rules: &[FileRule], record: JsonView<'_>, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
        self.present.resize(rules.len(), 0);
        for (rule, present) in rules.iter().zip(&mut self.present) {
            if let FileRule::AllOrNone(_, key) = rule {
                *present += u64::from(record.get(key).is_some());
            }
        }
    }

    /// Adds what is known of another part of the file.
    pub fn merge(&mut self, other: &FileFacts) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.present
            .resize(self.present.len().max(other.present.len()), 0);
        for (sum, more) in self.present.iter_mut().zip(&other.present) {
            *sum += more;
        }
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }
}

impl FileRule {
    /// The rule itself.
    pub fn rule(&self) -> &Rule {
        match self {
            FileRule::AtLeast(rule, _)
            | FileRule::AtMost(rule, _)
            | FileRule::Bytes(rule, _)
            | FileRule::AllOrNone(rule, _) => rule,
        }
    }

    /// What the file does against the rule, which stands at `index` among those of its format; `None` if it keeps it.
    pub fn broken(&self, index: usize, facts: &FileFacts) -> Option<String> {
        let FileFacts {
            records,
            bytes,
            present,
        } = facts;
        match *self {
            FileRule::AtLeast(_, least) if *records < least => Some(format!(
                "the file has {records} readable records, and at least {least} are wanted"
            )),
            FileRule::AtMost(_, most) if *records > most => Some(format!(
                "the file has {records} readable records, and at most {most} are taken"
            )),
            FileRule::Bytes(_, most) if *bytes > most => Some(format!(
                "the records have {bytes} bytes, and at most {most} are taken"
            )),
            FileRule::AllOrNone(_, key) => {
                let present = present.get(index).copied().unwrap_or(0);
                (present != 0 && present != *records)
                    .then(|| format!("`{key}` stands in {present} of {records} records"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tracemill_model::RawJson;

    use super::*;

    const RULE: Rule = Rule::new("rule", "a rule", "a test");

    #[test]
    fn facts_of_parts_add_up_to_those_of_the_whole() {
        let rules = [
            FileRule::AtLeast(RULE, 3),
            FileRule::AtMost(RULE, 1),
            FileRule::Bytes(RULE, 9),
            FileRule::AllOrNone(RULE, "margin"),
        ];
        let broken = |facts: &FileFacts| -> Vec<_> {
            (0..)
                .zip(&rules)
                .filter_map(|(index, rule)| rule.broken(index, facts))
                .collect()
        };
        let record = |text: &'static str| RawJson::parse(text).unwrap();
        let (mut first, mut second) = (FileFacts::default(), FileFacts::default());
        first.add(&rules, record(r#"{"margin":1}"#).view(), 5);
        assert_eq!(
            broken(&first),
            ["the file has 1 readable records, and at least 3 are wanted"]
        );
        second.add(&rules, record("{}").view(), 5);
        first.merge(&second);
        assert_eq!(first.records(), 2);
        assert_eq!(
            broken(&first),
            [
                "the file has 2 readable records, and at least 3 are wanted",
                "the file has 2 readable records, and at most 1 are taken",
                "the records have 10 bytes, and at most 9 are taken",
                "`margin` stands in 1 of 2 records",
            ]
        );
    }
}
