//! Data sets by their `dataset_info.json` against the same files read on their own; the recorded ones where
//! `TRACEMILL_CORPORA` names the folder that holds them.

use std::path::{Path, PathBuf};

use tracemill::io::Input;
use tracemill::sources::{DatasetInfo, SourceOptions};
use tracemill::{AllowedLosses, Encoded, ErrorKind, Mill};

fn read(path: &Path, dataset: Option<&str>, format: &str) -> Result<Encoded, tracemill::Error> {
    let mut builder = Mill::builder();
    builder.format(format)?.allow_losses(AllowedLosses::all());
    if let Some(dataset) = dataset {
        builder.source_options(SourceOptions::new().with_dataset(dataset));
    }
    builder.build()?.collect([Input::path(path)])
}

fn corpus() -> Option<PathBuf> {
    let corpora = std::env::var_os("TRACEMILL_CORPORA")?;
    Some(Path::new(&corpora).join("llamafactory"))
}

#[test]
fn recorded_data_sets_are_read_as_their_files_are() {
    let Some(folder) = corpus() else { return };
    let info = folder.join("dataset_info.json");
    for name in ["glaive_toolcall_en_demo", "dpo_en_demo", "kto_en_demo"] {
        let by_name = read(&info, Some(name), "openai").unwrap();
        let file = folder.join(format!("{name}.json"));
        let by_file = read(&file, None, "openai").unwrap();
        assert_eq!(by_name.ledger.records, by_file.ledger.records, "{name}");
        assert!(by_name.ledger.traces.read >= 300, "{name}");
        let lines = |encoded: &Encoded| String::from_utf8(encoded.bytes.clone()).unwrap();
        for (left, right) in lines(&by_name).lines().zip(lines(&by_file).lines()) {
            assert_eq!(left, right, "{name}");
        }
        // Scores, too.
        let scores = |encoded: &Encoded| lines(encoded).matches("\"scores\":[{\"name\":").count();
        let canonical = read(&info, Some(name), "tracemill").unwrap();
        let other = read(&file, None, "tracemill").unwrap();
        assert_eq!(scores(&canonical), scores(&other), "{name}");
    }
}

#[test]
fn every_recorded_name_is_a_file_or_says_where_it_is() {
    let Some(folder) = corpus() else { return };
    let path = folder.join("dataset_info.json");
    let info = DatasetInfo::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let (mut files, mut elsewhere) = (0, 0);
    for name in info.names() {
        let Err(error) = info.get(name) else {
            files += 1;
            continue;
        };
        elsewhere += 1;
        assert!(error.to_string().contains(" hub of "), "{error}");
    }
    assert_eq!((files, elsewhere), (14, 90));
    let error = read(&path, Some("identity"), "openai").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(
        error
            .to_string()
            .ends_with("identity.json: no such file or folder"),
        "{error}"
    );
    let error = read(&path, Some("wiki_demo"), "openai").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_description_without_its_folder_is_refused() {
    let mut builder = Mill::builder();
    builder.format("openai").unwrap();
    builder.source_options(SourceOptions::new().with_dataset("a"));
    let input = Input::bytes("dataset_info.json", r#"{"a":{"file_name":"a.json"}}"#);
    let error = builder.build().unwrap().collect([input]).unwrap_err();
    assert!(error.to_string().contains("give its path"), "{error}");
}

#[test]
fn no_cut_and_no_missing_column_of_a_record_panics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracemill-cli/tests/cmd/datasets.in");
    let info = std::fs::read_to_string(folder.join("dataset_info.json")).unwrap();
    let info = DatasetInfo::from_json(&info).unwrap();
    let context = tracemill::sources::Context::default();
    let mut records = 0;
    for dataset in info.names().filter_map(|name| info.get(name).ok()) {
        let Ok(text) = std::fs::read_to_string(folder.join(dataset.file())) else {
            continue;
        };
        let source = dataset.source();
        let decode = |record: &str| {
            let texts = tracemill::sources::Texts::new();
            let mut batch = tracemill::sources::Batch::new(&texts);
            source.decode(&context, record, &mut batch).is_ok()
        };
        let values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        for value in values.map_while(Result::ok) {
            let rows = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            for row in rows {
                let record = row.to_string();
                for end in (0..record.len()).filter(|&end| record.is_char_boundary(end)) {
                    assert!(!decode(&record[..end]));
                }
                for key in row.as_object().unwrap().keys() {
                    for other in [serde_json::Value::Null, 7.into(), serde_json::json!([[], {}, ""])] {
                        let mut row = row.clone();
                        row[key] = other;
                        decode(&row.to_string());
                    }
                }
                records += 1;
            }
        }
    }
    assert!(records >= 9, "{records}");
}
