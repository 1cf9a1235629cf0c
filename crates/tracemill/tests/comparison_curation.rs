//! What `docs/comparison-curation.md` says of the data sets of ractogateway and of Kiln: rows name tests of this file, or of
//! the files that they link.

use std::num::NonZeroUsize;

use serde_json::Value;
use tracemill::build::{Attachment, Turn, conversation, pair, pairs};
use tracemill::curate::{Choosing, Condition, NamedFilter, Order, Shares, SplitBy};
use tracemill::formats::FormatSpec;
use tracemill::io::{Digest, Input, Output, OutputFolder, Overwrite, Target, Threads};
use tracemill::{Checking, Curation, ErrorKind, Inspecting, Mill, Run, Trace};

/// What ractogateway 0.2.1 made of a conversation, by the name of its class of records.
fn theirs(case: &str, form: &str) -> Value {
    let recorded = include_str!("data/ractogateway.jsonl");
    let lines = recorded
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut found = lines.filter(|line| line["case"] == case);
    found.next().unwrap()[form].clone()
}

fn ours(trace: &Trace<'_>, format: &str) -> Value {
    let mut builder = Mill::builder();
    let mill = builder.format(format).unwrap().build().unwrap();
    let bytes = mill.encode(std::slice::from_ref(trace)).unwrap().bytes;
    serde_json::from_slice(&bytes).unwrap()
}

fn long() -> Trace<'static> {
    conversation([
        ("system", "Be brief."),
        ("user", "Hi é"),
        ("assistant", "Hello!"),
        ("user", "Bye"),
        ("assistant", "Bye."),
    ])
}

fn with_file(question: &str, bytes: &[u8], answer: &str) -> Trace<'static> {
    let file = Attachment::from_bytes(bytes);
    conversation([Turn::user(question).with(file), Turn::assistant(answer)])
}

fn picture() -> Trace<'static> {
    with_file("What is on it?", b"\x89PNG\r\n\x1a\nand so on", "Very little.")
}

fn table() -> Trace<'static> {
    with_file("How many rows?", b"a,b\n1,2\n", "One.")
}

fn document() -> Trace<'static> {
    with_file("Sum up.", b"%PDF-1.4\n", "It is short.")
}

#[test]
fn pairs_and_turns_become_the_records_of_openai() {
    assert_eq!(ours(&pair("2+2?", "4"), "racto-openai"), theirs("pair", "openai"));
    let with_system = pairs([("2+2?", "4")], "You are a calculator.");
    assert_eq!(ours(&with_system[0], "racto-openai"), theirs("system", "openai"));
    for format in ["racto-openai", "racto-generic"] {
        assert_eq!(ours(&long(), format), theirs("conversation", "openai"));
        assert_eq!(ours(&picture(), format), theirs("picture", "openai"));
        assert_eq!(ours(&table(), format), theirs("table", "openai"));
    }
}

/// A record of Anthropic's with blocks in place of texts, which mean the same; here they are always blocks.
fn in_blocks(mut record: Value) -> Value {
    for message in record["messages"].as_array_mut().unwrap() {
        if let Some(text) = message["content"].as_str().map(ToOwned::to_owned) {
            message["content"] = serde_json::json!([{"type": "text", "text": text}]);
        }
    }
    record
}

#[test]
fn pairs_and_turns_become_the_records_of_anthropic() {
    let cases = [
        ("pair", pair("2+2?", "4")),
        ("conversation", long()),
        ("picture", picture()),
        ("table", table()),
        ("pdf", document()),
    ];
    for (case, trace) in cases {
        assert_eq!(
            ours(&trace, "racto-anthropic"),
            in_blocks(theirs(case, "anthropic"))
        );
    }
}

#[test]
fn pairs_and_turns_become_the_records_of_gemini() {
    // The system prompt, which is dropped there, is the one difference.
    let mut own = ours(&long(), "racto-gemini");
    let system = own.as_object_mut().unwrap().remove("systemInstruction").unwrap();
    assert_eq!(system["parts"][0]["text"], "Be brief.");
    assert_eq!(own, theirs("conversation", "gemini"));
    assert_eq!(ours(&table(), "racto-gemini"), theirs("table", "gemini"));
    assert_eq!(
        ours(&pair("2+2?", "4"), "gemini+legacy"),
        theirs("pair", "gemini")
    );
}

#[test]
fn a_document_is_no_text_for_openai() {
    let mut builder = Mill::builder();
    let mill = builder.format("racto-openai").unwrap().build().unwrap();
    let error = mill.encode(&[document()]).unwrap_err();
    assert!(error.to_string().contains("`files`"), "{error}");
    assert_eq!(
        theirs("pdf", "openai")["messages"][0]["content"][0]["text"],
        "%PDF-1.4\n"
    );
}

#[test]
fn lines_of_three_providers_are_read_back() {
    for format in ["racto-openai", "racto-anthropic", "racto-gemini", "gemini+legacy"] {
        let trace = match format {
            "gemini+legacy" => pair("2+2?", "4"),
            _ => long(),
        };
        let record = ours(&trace, format);
        let mut builder = Mill::builder();
        let mill = builder.format(format).unwrap().build().unwrap();
        let encoded = mill
            .collect([Input::bytes("lines.jsonl", format!("{record}\n"))])
            .unwrap();
        let again: Value = serde_json::from_slice(&encoded.bytes).unwrap();
        assert_eq!(again, record, "{format}");
    }
}

fn lines(count: usize) -> String {
    (0..count)
        .map(|n| {
            let mut line = Vec::new();
            pair(format!("q{n}"), format!("a{n}")).write_json(&mut line);
            String::from_utf8(line).unwrap() + "\n"
        })
        .collect()
}

fn chosen(choosing: &Choosing, text: String) -> (Vec<String>, u64) {
    let mut builder = Mill::builder();
    builder
        .format("openai")
        .unwrap()
        .curation(Curation::new().with_choosing(choosing.clone()))
        .threads(Threads::exactly(NonZeroUsize::MIN));
    let encoded = builder
        .build()
        .unwrap()
        .collect([Input::bytes("a.jsonl", text)])
        .unwrap();
    let text = String::from_utf8(encoded.bytes).unwrap();
    (
        text.lines().map(ToOwned::to_owned).collect(),
        encoded.ledger.examples,
    )
}

#[test]
fn examples_are_added_and_counted() {
    let mut builder = Mill::builder();
    let mill = builder.format("openai").unwrap().build().unwrap();
    let inputs = [
        Input::bytes("a.jsonl", lines(3)),
        Input::bytes("b.jsonl", lines(2)),
    ];
    assert_eq!(mill.collect(inputs).unwrap().ledger.examples, 5);
}

#[test]
fn a_shuffle_is_reproducible() {
    let mut choosing = Choosing::new();
    choosing.order(Order::Shuffled).seed(7);
    let (once, examples) = chosen(&choosing, lines(50));
    assert_eq!((examples, &once), (50, &chosen(&choosing, lines(50)).0));
    assert_ne!(once, chosen(choosing.seed(8), lines(50)).0);
}

/// How many examples are on each side of a split of `count` pairs.
fn split(count: usize, shares: &str, by: SplitBy) -> Vec<u64> {
    let shares: Shares = shares.parse().unwrap();
    let mut choosing = Choosing::new();
    choosing.split(shares.clone(), by).seed(42);
    let place = std::env::temp_dir().join(format!(
        "tracemill-parity-{}-{shares}-{count}",
        std::process::id()
    ));
    let folder = OutputFolder::create(&place, Overwrite::Allow).unwrap();
    let run = Run::into_folder(
        [Input::bytes("a.jsonl", lines(count))],
        folder,
        &shares,
        Digest::None,
    )
    .unwrap();
    let mut builder = Mill::builder();
    builder
        .format("openai")
        .unwrap()
        .curation(Curation::new().with_choosing(choosing));
    let ledger = builder.build().unwrap().execute(run).unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    ledger.outputs.iter().map(|output| output.records).collect()
}

#[test]
fn a_split_is_exact() {
    assert_eq!(split(10, "train=0.8,validation=0.2", SplitBy::Shuffled), [8, 2]);
    assert_eq!(split(10, "train=0.8,test=0.2", SplitBy::Shuffled), [8, 2]);
    assert_eq!(split(10, "train=0.8,val=0.2", SplitBy::Positional), [8, 2]);
    assert_eq!(
        split(10, "train=0.6,test=0.2,val=0.2", SplitBy::Shuffled),
        [6, 2, 2]
    );
    assert_eq!(
        split(10, "train=0.8,test=0.1,val=0.1", SplitBy::Shuffled),
        [8, 1, 1]
    );
}

#[test]
fn ratios_that_are_none_are_refused() {
    for wrong in [
        "train=0,validation=1",
        "train=1.5,validation=-0.5",
        "train=0.8,test=0.3",
        "train=0.5,test=0.2",
    ] {
        assert!(wrong.parse::<Shares>().is_err(), "{wrong}");
    }
}

#[test]
fn what_is_invalid_is_found() {
    let codes = |record: &str, format: &str| {
        let spec: FormatSpec = format.parse().unwrap();
        let mut codes = Vec::new();
        let checking = Checking::new(spec);
        let input = Input::bytes("a.jsonl", format!("{record}\n"));
        checking
            .run([input], |found| {
                // Of the file it is known that it is too short.
                if found.line().is_some() {
                    codes.push(found.code());
                }
                Ok(())
            })
            .unwrap();
        codes
    };
    let valid = r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]}"#;
    assert!(codes(valid, "openai").is_empty() && codes(valid, "anthropic").is_empty());
    let no_answer = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;
    // Messages is the API of requests, which end with a user; docs/losses.md says so.
    assert_eq!(codes(no_answer, "openai"), ["target"]);
    assert!(codes(no_answer, "anthropic").is_empty());
    let system = r#"{"messages":[{"role":"system","content":"Be brief."}]}"#;
    assert_eq!(codes(system, "openai"), ["target"]);
    assert_eq!(codes(system, "anthropic"), ["roles"]);
    assert!(!codes(r#"{"contents":[]}"#, "gemini").is_empty());
}

#[test]
fn an_output_that_exists_is_not_overwritten() {
    let place = std::env::temp_dir().join(format!("tracemill-exists-{}.jsonl", std::process::id()));
    std::fs::write(&place, "mine\n").unwrap();
    let target = Target::Path(place.clone());
    let error = Output::create(&target, Overwrite::Refuse, Digest::None).unwrap_err();
    assert_eq!(tracemill::Error::from(error).kind(), ErrorKind::Output);
    assert_eq!(std::fs::read_to_string(&place).unwrap(), "mine\n");
    std::fs::remove_file(&place).unwrap();
}

#[test]
fn a_summary_counts_the_same() {
    // Their summary of the six recorded conversations: 6 examples, 16 messages, 2.67 on average, 3 with files. Here a text that
    // came as a file is text, so that only the picture and the document count.
    let with_system = pairs([("2+2?", "4")], "You are a calculator.").remove(0);
    let mut text = Vec::new();
    for trace in [
        pair("2+2?", "4"),
        with_system,
        long(),
        picture(),
        table(),
        document(),
    ] {
        trace.write_json(&mut text);
        text.push(b'\n');
    }
    let inspected = Inspecting::new(Mill::builder())
        .run([Input::bytes("a.jsonl", text)])
        .unwrap();
    let statistics = inspected.statistics();
    let messages: u64 = statistics
        .messages()
        .by_count()
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(
        (statistics.traces(), messages, statistics.multimodal()),
        (6, 16, 2)
    );
}

/// The ids of the traces that a filter keeps.
fn kept(filter: &str) -> Vec<String> {
    let line = |id: &str, score: &str, reasoning: bool, tags: &str| {
        let thought = if reasoning { r#","reasoning":"Hm.""# } else { "" };
        format!(
            r#"{{"id":"{id}","messages":[{{"role":"user","content":"{id}?"}},{{"role":"assistant","content":"{id}!"{thought}}}]{score},"metadata":{{"tags":{tags}}}}}"#
        ) + "\n"
    };
    let text = [
        line("good", r#","score":5"#, false, r#"["golden"]"#),
        line("bad", r#","score":2"#, false, r#"["golden","a&b"]"#),
        line("thought", r#","score":3"#, true, "[]"),
        line("both", r#","score":4"#, true, r#"["golden","a&b"]"#),
        line("unrated", "", false, "[]"),
    ];
    let filter: NamedFilter = filter.parse().unwrap();
    let mut builder = Mill::builder();
    builder
        .format("tracemill")
        .unwrap()
        .curation(Curation::new().with_filter(filter));
    let encoded = builder
        .build()
        .unwrap()
        .collect([Input::bytes("a.jsonl", text.concat())])
        .unwrap();
    let text = String::from_utf8(encoded.bytes).unwrap();
    let id = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    text.lines().map(id).collect()
}

#[test]
fn filters_keep_what_those_of_kiln_keep() {
    assert_eq!(kept("all"), ["good", "bad", "thought", "both", "unrated"]);
    assert_eq!(kept("high_rating"), ["good", "both"]);
    assert_eq!(kept("thinking_model"), ["thought", "both"]);
    assert_eq!(kept("thinking_model_high_rated"), ["both"]);
    assert_eq!(kept("tag::golden"), ["good", "bad", "both"]);
    assert_eq!(kept("multi_filter::high_rating&tag::golden"), ["good", "both"]);
    assert_eq!(kept(r"multi_filter::thinking_model&tag::a\&b"), ["both"]);
}

#[test]
fn a_tag_is_a_condition_too() {
    assert!("tag=golden".parse::<Condition>().is_ok());
}

#[test]
fn formats_of_kiln_are_presets() {
    let trace = conversation([
        ("system", "Answer in JSON."),
        ("user", "2+2?"),
        ("assistant", r#"{"answer": 4}"#),
    ]);
    let last = |format: &str| ours(&trace, format)["messages"][2].clone();
    assert_eq!(last("kiln-openai-chat-jsonl")["content"], r#"{"answer": 4}"#);
    assert_eq!(
        last("kiln-openai-chat-json-schema-jsonl")["content"],
        r#"{"answer":4}"#
    );
    let call = &last("kiln-openai-chat-toolcall-jsonl")["tool_calls"][0]["function"];
    assert_eq!(call["name"], "task_response");
    assert_eq!(call["arguments"], r#"{"answer":4}"#);
    let record = ours(&trace, "kiln-huggingface-chat-template-jsonl");
    assert_eq!(record["conversations"][2]["content"], r#"{"answer": 4}"#);
    let record = ours(&trace, "kiln-huggingface-chat-template-toolcall-jsonl");
    let call = &record["conversations"][2]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"]["answer"], 4);
    assert_eq!(call["id"].as_str().unwrap().len(), 9);
    let record = ours(&trace, "kiln-vertex-gemini");
    assert_eq!(record["systemInstruction"]["parts"][0]["text"], "Answer in JSON.");
    assert_eq!(record["contents"][1]["role"], "model");
}

#[test]
fn every_row_of_the_tables_names_a_test() {
    let page = include_str!("../../../docs/comparison-curation.md");
    let tests = [
        include_str!("comparison_curation.rs"),
        include_str!("attachments.rs"),
        include_str!("thinking.rs"),
    ]
    .concat();
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| there "))
        .collect();
    assert!(rows.len() > 25);
    for row in rows {
        let name = row.trim_end_matches(" |").rsplit('`').nth(1).unwrap();
        assert!(tests.contains(&format!("fn {name}()")), "{row}");
    }
}
