//! Cut, damaged and foreign input: nothing panics, nothing incomplete passes.

mod common;

use common::{cases, read_alone};
use tracemill_model::{DecodeErrorKind, Limits};
use tracemill_sources::{Context, Head, HeadShape, detect, framing_for, sources};

/// Asks a head everything it can be asked. That the file is complete changes little; long ones are asked once.
fn look(bytes: &[u8]) {
    let complete: &[bool] = if bytes.len() < 2000 {
        &[true, false]
    } else {
        &[false]
    };
    for &complete in complete {
        let head = Head::new(bytes, complete);
        detect(&head);
        for info in sources() {
            framing_for(&*info.make(), &head);
        }
        assert!(head.record_keys().all(|key| key.len() <= bytes.len() * 3));
    }
}

#[test]
fn a_head_may_be_cut_at_every_byte() {
    for case in cases() {
        for end in 0..=case.input.len() {
            look(&case.input[..end]);
        }
    }
}

#[test]
fn a_head_may_have_any_byte_anywhere() {
    let small = cases().into_iter().filter(|case| case.input.len() < 1000);
    for case in small {
        let mut input = case.input;
        for at in 0..input.len() {
            let old = input[at];
            for new in [0, b'"', b'\\', b'{', b']', b',', b'\n', b'x', 0x80, 0xff] {
                input[at] = new;
                look(&input);
            }
            input[at] = old;
        }
    }
}

#[test]
fn a_record_cut_at_any_byte_is_an_error() {
    for case in cases() {
        let reader = case.reader();
        for record in case.records().1 {
            let record = record.trim_end();
            if reader.read_alone(record).is_err() {
                continue;
            }
            let cuts = (0..record.len()).filter(|&end| record.is_char_boundary(end));
            for end in cuts {
                let result = reader.read_alone(&record[..end]);
                assert!(result.is_err(), "{}: read {:?}", case.name(), &record[..end]);
            }
        }
    }
}

#[test]
fn a_record_with_any_byte_damaged_does_not_panic() {
    for case in cases() {
        let reader = case.reader();
        for record in case.records().1.iter().filter(|record| record.len() < 2000) {
            for at in 0..record.len() {
                let mut bytes = record.clone().into_bytes();
                for new in *b"\"\\{]:,0n " {
                    bytes[at] = new;
                    if let Ok(record) = std::str::from_utf8(&bytes) {
                        let _ = reader.read_alone(record);
                    }
                }
            }
        }
    }
}

/// The same for products that record model calls.
fn product(source: &str, list: &str, rest: &str) -> Option<String> {
    Some(match source {
        "langsmith" => {
            let outputs = r#"{"choices":[{"message":{"role":"assistant","content":"ho"}}]}"#;
            let own = r#""id":"a","run_type":"llm","trace_id":"a""#;
            format!(r#"{{{own},"inputs":{{"messages":{list}}},"outputs":{outputs}{rest}}}"#)
        }
        "langfuse" => {
            let own = r#""id":"o","traceId":"t","type":"GENERATION","startTime":"2025""#;
            let said = format!(r#""input":{{"messages":{list}}},"output":"ho""#);
            format!(r#"{{"trace":{{"id":"t","projectId":"p"}},"observations":[{{{own},{said}}}]{rest}}}"#)
        }
        "mlflow" => {
            let inputs = serde_json::to_string(&format!(r#"{{"messages":{list}}}"#)).expect("text");
            let said = format!(r#""mlflow.spanInputs":{inputs},"mlflow.spanOutputs":"\"ho\"""#);
            let span = format!(
                r#"{{"span_id":"AAAAAAAAAAE=","attributes":{{"mlflow.spanType":"\"LLM\"",{said}}}}}"#
            );
            format!(r#"{{"info":{{"trace_id":"t"}},"data":{{"spans":[{span}]}}{rest}}}"#)
        }
        _ => return None,
    })
}

/// A record of a source with this list of messages, or as many turns, and `rest` behind it.
fn record(source: &str, messages: &[&str], rest: &str) -> String {
    let list = format!("[{}]", messages.join(","));
    if let Some(record) = product(source, &list, rest) {
        return record;
    }
    match source {
        "tau-bench" => format!(r#"{{"traj":{list}{rest}}}"#),
        "nat" => {
            let data = format!(r#"{{"turn_id":1,"score":1,"input":{list}}}"#);
            let step = format!(r#"{{"payload":{{"event_type":"TTC_END","data":{data}}}}}"#);
            format!(r#"{{"id":1,"trajectory":[{step}]{rest}}}"#)
        }
        "swink" => {
            let turn = r#"{"turn_index":0,"assistant_message":{"content":[]}}"#;
            let turns = vec![turn; messages.len()].join(",");
            format!(r#"{{"case_id":"c","invocation":{{"turns":[{turns}]}}{rest}}}"#)
        }
        "otel-genai" => {
            let said = format!(
                r#""gen_ai.input.messages":{list},"gen_ai.output.messages":[{{"role":"assistant"}}]"#
            );
            let ids = r#""trace_id":"0x1","span_id":"0x2""#;
            format!(r#"{{"context":{{{ids}}},"attributes":{{{said}}}{rest}}}"#)
        }
        "openinference" => {
            let input =
                (0..messages.len()).map(|n| format!(r#""llm.input_messages.{n}.message.role":"user","#));
            let said = input.collect::<String>() + r#""llm.output_messages.0.message.role":"assistant""#;
            let ids = r#""trace_id":"0x1","span_id":"0x2""#;
            format!(r#"{{"context":{{{ids}}},"attributes":{{{said}}}{rest}}}"#)
        }
        "gemini" => {
            let said = vec![r#"{"role":"user","parts":[{"text":"hi"}]}"#; messages.len()].join(",");
            let answer = r#"{"candidates":[{"content":{"parts":[{"text":"ho"}]}}]}"#;
            format!(r#"{{"request":{{"contents":[{said}]}},"response":{answer}{rest}}}"#)
        }
        "openai-responses" => {
            let answer = r#"{"output":[{"type":"message","role":"assistant","content":"ho"}]}"#;
            format!(r#"{{"request":{{"input":{list}}},"response":{answer}{rest}}}"#)
        }
        "tau2-bench" => format!(r#"{{"id":"1","task_id":"1","messages":{list}{rest}}}"#),
        "swe-agent" => format!(r#"{{"history":{list},"trajectory":[],"info":{{}}{rest}}}"#),
        "openhands" => {
            let event = r#"{"source":"user","action":"message","args":{"content":"hi"}}"#;
            let history = vec![event; messages.len()].join(",");
            format!(r#"{{"instance_id":"a","metadata":{{}},"history":[{history}]{rest}}}"#)
        }
        "atif" => {
            let step = r#"{"source":"user","message":"hi"}"#;
            let steps = vec![step; messages.len()].join(",");
            format!(r#"{{"schema_version":"ATIF-v1.7","agent":{{}},"steps":[{steps}]{rest}}}"#)
        }
        "toolbench" => format!(r#"{{"answer_generation":{{"train_messages":[{list}]}}{rest}}}"#),
        "who-and-when" => format!(r#"{{"history":{list}{rest}}}"#),
        "bfcl" => format!(r#"{{"id":"a","question":[{list}]{rest}}}"#),
        "sharegpt" => {
            let turns = vec![r#"{"from":"human","value":"hi"}"#; messages.len()].join(",");
            format!(r#"{{"conversations":[{turns}]{rest}}}"#)
        }
        "alpaca" => {
            let history = vec![r#"["hi","ho"]"#; messages.len()].join(",");
            format!(r#"{{"instruction":"i","output":"o","history":[{history}]{rest}}}"#)
        }
        "prompt-completion" => {
            let answer = r#"[{"role":"assistant","content":"ho"}]"#;
            format!(r#"{{"prompt":{list},"completion":{answer}{rest}}}"#)
        }
        "arena-hard" => {
            let turns = [
                r#"{"role":"user","content":"hi"}"#,
                r#"{"role":"assistant","content":{"answer":"ho"}}"#,
            ];
            let turns = turns
                .iter()
                .cycle()
                .take(messages.len())
                .copied()
                .collect::<Vec<_>>()
                .join(",");
            format!(r#"{{"uid":"u","ans_id":"a","model":"m","messages":[{turns}]{rest}}}"#)
        }
        "mt-bench" => {
            let turns = vec![r#""hi""#; messages.len()].join(",");
            format!(r#"{{"question_id":1,"turns":[{turns}]{rest}}}"#)
        }
        "kiln" => format!(r#"{{"v":1,"id":"1","model_type":"task_run","trace":{list}{rest}}}"#),
        "candidates" => format!(r#"{{"example_id":1,"response":"","prompt":{list}{rest}}}"#),
        "completions" => format!(r#"{{"completions":[""],"prompt":{list}{rest}}}"#),
        "preference" => format!(r#"{{"label":true,"messages":{list}{rest}}}"#),
        _ => session(source, messages, rest).unwrap_or_else(|| format!(r#"{{"messages":{list}{rest}}}"#)),
    }
}

/// The same for the sessions of programs.
fn session(source: &str, messages: &[&str], rest: &str) -> Option<String> {
    Some(match source {
        "claude-code" => {
            let block = r#"{"type":"tool_result","tool_use_id":"t","content":"hi"}"#;
            let blocks = vec![block; messages.len()].join(",");
            format!(r#"{{"type":"user","uuid":"u","message":{{"content":[{blocks}]}}{rest}}}"#)
        }
        "codex" => format!(r#"{{"type":"response_item","payload":{{"type":"reasoning"}}{rest}}}"#),
        "codex-exec" => {
            format!(r#"{{"type":"item.completed","item":{{"type":"agent_message","text":"hi"}}{rest}}}"#)
        }
        "gemini-cli" => {
            let said = vec![r#"{"type":"user","content":"hi"}"#; messages.len()].join(",");
            format!(r#"{{"sessionId":"s","messages":[{said}]{rest}}}"#)
        }
        "google-adk" => {
            let event = r#"{"author":"user","content":{"parts":[{"text":"hi"}]}}"#;
            let events = vec![event; messages.len()].join(",");
            format!(r#"{{"id":"s","app_name":"a","events":[{events}]{rest}}}"#)
        }
        _ => return None,
    })
}

/// Sources whose records hold a question and an answer, or one item of a session, and never more.
const FEW: [&str; 4] = ["terminal-bench", "alpaca-eval", "codex", "codex-exec"];

#[test]
fn deep_nesting_and_many_messages_are_errors() {
    let limited = Context::new(Limits::default().with_messages(2));
    for info in sources() {
        let source = info.make();
        let brackets = format!(",\"a\":{}{}", "[".repeat(1000), "]".repeat(1000));
        let deep = record(info.name(), &[], &brackets);
        let error = read_alone(&*source, &Context::default(), &deep);
        assert_eq!(error.err(), Some(DecodeErrorKind::TooDeep), "{}", info.name());

        if FEW.contains(&info.name()) {
            continue;
        }
        let message = r#"{"role":"user","content":"hi"}"#;
        let many = record(info.name(), &[message; 3], "");
        let error = read_alone(&*source, &limited, &many);
        assert_eq!(error.err(), Some(DecodeErrorKind::OverLimit), "{}", info.name());
    }
}

#[test]
fn a_head_of_nothing_but_brackets_is_looked_at() {
    for bracket in ["[", "{\"a\":", "[{\"a\":["] {
        look(bracket.repeat(50_000).as_bytes());
    }
    assert_eq!(
        Head::new("[".repeat(9).as_bytes(), false).shape(),
        HeadShape::Array
    );
}
