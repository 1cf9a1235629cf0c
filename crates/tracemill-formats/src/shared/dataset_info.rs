//! The description of a file that LLaMA-Factory asks for: a file without an entry there cannot be used.

use std::path::Path;

use tracemill_model::JsonWriter;

use crate::companion::{Columns, Companion};

/// What a file of ShareGPT conversations is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Supervised tuning.
    Sft,
    /// Pairs of a better and a worse answer.
    Ranking,
    /// Single answers with a verdict.
    Kto,
}

/// `dataset_info.json` with an entry for a file of instructions.
pub(crate) fn alpaca(file_name: &str, columns: Columns) -> Companion {
    let mut pairs = vec![
        ("prompt", "instruction"),
        ("query", "input"),
        ("response", "output"),
    ];
    let present = [("system", Columns::SYSTEM), ("history", Columns::HISTORY)];
    let present = present
        .into_iter()
        .filter(|(_, column)| columns.contains(*column));
    pairs.extend(present.map(|(name, _)| (name, name)));
    entry(file_name, "alpaca", "", &pairs)
}

/// `dataset_info.json` with one entry, named after the file. It names only columns that the file has: LLaMA-Factory
/// fails on others.
pub(crate) fn sharegpt(file_name: &str, stage: Stage, columns: Columns) -> Companion {
    let mut pairs = vec![("messages", "conversations")];
    let present = [("system", Columns::SYSTEM), ("tools", Columns::TOOLS)];
    pairs.extend(
        present
            .into_iter()
            .filter(|(_, column)| columns.contains(*column))
            .map(|(name, _)| (name, name)),
    );
    match stage {
        Stage::Sft => {}
        Stage::Ranking => pairs.extend([("chosen", "chosen"), ("rejected", "rejected")]),
        Stage::Kto => pairs.push(("kto_tag", "kto_tag")),
    }
    let ranking = if stage == Stage::Ranking {
        "    \"ranking\": true,\n"
    } else {
        ""
    };
    entry(file_name, "sharegpt", ranking, &pairs)
}

fn entry(file_name: &str, formatting: &str, ranking: &str, pairs: &[(&str, &str)]) -> Companion {
    let stem = Path::new(file_name)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let stem = stem.split('.').next().unwrap_or_default();
    let columns: Vec<_> = pairs
        .iter()
        .map(|(role, column)| format!("      {}: {}", quoted(role), quoted(column)))
        .collect();
    let contents = format!(
        "{{\n  {}: {{\n    \"file_name\": {},\n    \"formatting\": \"{formatting}\",\n{ranking}    \"columns\": {{\n{}\n    \
         }}\n  }}\n}}\n",
        quoted(stem),
        quoted(file_name),
        columns.join(",\n"),
    );
    Companion::new("dataset_info.json", contents)
}

/// A text in quotes, as JSON and YAML have it.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = Vec::new();
    JsonWriter::new(&mut json).str(text);
    String::from_utf8_lossy(&json).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_the_columns_of_the_stage_and_those_that_were_seen() {
        let both = Columns::SYSTEM | Columns::TOOLS;
        for (stage, columns, expected) in [
            (
                Stage::Sft,
                Columns::NONE,
                r#"{"a b":{"file_name":"a b.jsonl","formatting":"sharegpt","columns":{"messages":"conversations"}}}"#,
            ),
            (
                Stage::Ranking,
                both,
                r#"{"a b":{"file_name":"a b.jsonl","formatting":"sharegpt","ranking":true,"columns":{"messages":"conversations","system":"system","tools":"tools","chosen":"chosen","rejected":"rejected"}}}"#,
            ),
            (
                Stage::Kto,
                Columns::TOOLS,
                r#"{"a b":{"file_name":"a b.jsonl","formatting":"sharegpt","columns":{"messages":"conversations","tools":"tools","kto_tag":"kto_tag"}}}"#,
            ),
        ] {
            let companion = sharegpt("a b.jsonl", stage, columns);
            assert_eq!(companion.name(), "dataset_info.json");
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            let found: serde_json::Value = serde_json::from_str(companion.contents()).unwrap();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn file_names_are_quoted() {
        let companion = sharegpt("a\"\\b.jsonl", Stage::Sft, Columns::NONE);
        let found: serde_json::Value = serde_json::from_str(companion.contents()).unwrap();
        assert_eq!(found["a\"\\b"]["file_name"], "a\"\\b.jsonl");
    }
}
