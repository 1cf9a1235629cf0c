//! Templates of models, against what jinja2 makes of them; and what templates drop.
//!
//! `tests/templates/render.py` wrote what is wanted.
#![cfg(feature = "template")]

use std::fs;
use std::path::Path;

use tracemill_formats::{ChatTemplate, EncodeOptions, FormatSpec, Loss, Scratch, SpecError};
use tracemill_model::{Conversation, Example, RawJson, Trace};

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn options(template: ChatTemplate) -> EncodeOptions {
    let template = template
        .with_variable("eos_token", "\"</s>\"")
        .unwrap()
        .with_day("2025-06-28".parse().unwrap());
    EncodeOptions::default().with_template(template)
}

/// The record of a trace with its losses, or why there is none.
fn encode(spec: &str, template: &str, line: &str) -> Result<(String, Vec<Loss>), String> {
    let spec: FormatSpec = spec.parse().unwrap();
    let encoder = spec.encoder(&options(ChatTemplate::new(template))).unwrap();
    let trace = Trace::from_json(line).unwrap();
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let example = Example::Conversation(Conversation::whole(&trace));
    encoder
        .encode(&example, &mut scratch, &mut out)
        .map_err(|error| error.to_string())?;
    let losses = scratch.losses.iter().map(|(loss, ..)| loss).collect();
    Ok((String::from_utf8(out).unwrap(), losses))
}

#[test]
fn templates_of_models_make_what_jinja_makes() {
    let names = [
        "chatml",
        "deepseekv3",
        "gemma4",
        "gptoss",
        "lfm2_2_5",
        "llama3",
        "llama3_1",
        "nemotron_3_nano",
        "qwen3_instruct_2507",
        "qwen3_training",
    ];
    for name in names {
        let template = read(&format!("{name}.jinja"));
        let wanted = read(&format!("{name}.txt"));
        for (line, wanted) in read("conversations.jsonl").lines().zip(wanted.lines()) {
            let made = encode("text-template", &template, line);
            if wanted == "null" {
                assert!(
                    made.unwrap_err().contains("the template refuses"),
                    "{name}: {line}"
                );
                continue;
            }
            let (record, _) = made.unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
            let record = RawJson::parse(&record).unwrap();
            let text = record.get("text").unwrap();
            let wanted: String = serde_json::from_str(wanted).unwrap();
            assert_eq!(text.as_text().unwrap().decode(), wanted, "{name}: {line}");
        }
    }
}

#[test]
fn what_a_template_drops_is_a_loss() {
    let line = r#"{"messages":[{"role":"system","content":"Use tools."},{"role":"user","content":"Weather?"},{"role":"assistant","content":"I look.","reasoning":"Hm.","tool_calls":[{"id":"a","name":"f","arguments":{"city":"Oslo"}},{"id":"b","name":"f","arguments":{"city":"Lyon"}}]},{"role":"tool","tool_call_id":"a","content":"4 C"},{"role":"tool","tool_call_id":"b","content":"17 C"},{"role":"assistant","content":"Both."}],"tools":[{"name":"f","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#;
    let losses = |template: &str| encode("text-template", template, line).unwrap().1;
    let roles = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    assert_eq!(losses(roles), [Loss::Reasoning, Loss::Tools, Loss::ToolCalls]);
    let nothing = "Be good.";
    assert_eq!(
        losses(nothing),
        [
            Loss::Reasoning,
            Loss::Tools,
            Loss::ToolCalls,
            Loss::ToolResults,
            Loss::TextBesideCall,
            Loss::SystemMessage,
            Loss::MessageText,
        ]
    );
    // The template of gpt-oss shows the first of several calls alone, and results under its name.
    let silent = line.replace("I look.", "");
    let (_, of_gptoss) = encode("text-template", &read("gptoss.jinja"), &silent).unwrap();
    assert_eq!(of_gptoss, [Loss::Reasoning, Loss::ToolCalls]);
    let of_qwen = losses(&read("qwen3_training.jinja"));
    assert!(of_qwen.is_empty(), "{of_qwen:?}");
}

#[test]
fn generation_marks_say_what_is_learnt() {
    let line = r#"{"messages":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Cusco.","train":false},{"role":"user","content":"Sure?"},{"role":"assistant","content":"Lima."}]}"#;
    let template = "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}\n{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}";
    let (record, losses) = encode("text-template+segments", template, line).unwrap();
    assert_eq!(
        record,
        r#"{"segments":[{"label":false,"text":"<user>Capital of Peru?<assistant>Cusco.\n<user>Sure?<assistant>"},{"label":true,"text":"Lima.\n"}]}"#
    );
    assert!(losses.is_empty());
    let uneven = template.replace("'assistant'", "'user'");
    let error = encode(
        "text-template+segments",
        &uneven,
        &line.replace("Sure?\"},", "Sure?\"},{\"role\":\"user\",\"content\":\"Hm?\"},"),
    );
    assert!(error.unwrap_err().contains("another number of turns"));
}

#[test]
fn what_a_template_needs_is_asked_for() {
    let spec: FormatSpec = "text-template".parse().unwrap();
    let refusal = |options: &EncodeOptions| match spec.encoder(options) {
        Err(SpecError::Conflict { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let with = |source: &str| EncodeOptions::default().with_template(ChatTemplate::new(source));
    assert!(refusal(&EncodeOptions::default()).contains("`--template FILE`"));
    assert!(refusal(&with("{{ eos_token }}")).contains("`eos_token`"));
    assert!(refusal(&with("{% if %}")).contains("cannot be read: line 1"));
    let line = r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}"#;
    let error = encode("text-template", "{{ raise_exception('Not so.') }}", line).unwrap_err();
    assert_eq!(error, "the template refuses the conversation: line 1: Not so.");
    let trace = Trace::from_json(line).unwrap();
    let example = Example::Conversation(Conversation::whole(&trace));
    let encoder = spec.encoder(&with("{{ strftime_now('%Y') }}")).unwrap();
    let error = encoder.encode(&example, &mut Scratch::new(), &mut Vec::new());
    assert!(error.unwrap_err().to_string().contains("name a day"));
    let (dated, _) = encode("text-template", "{{ strftime_now('%d %b %Y') }}", line).unwrap();
    assert_eq!(dated, r#"{"text":"28 Jun 2025"}"#);
}
