//! Tokens are counted once a trace where nothing changes it, and anew where something does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracemill::curate::Tokenizer;
use tracemill::io::Input;
use tracemill::{Curation, Encoded, Mill, MillBuilder, Thinking, ThinkingStrategy};

/// A word is a token; counts how often it was asked.
#[derive(Debug, Default)]
struct Words(AtomicUsize);

impl Tokenizer for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn count(&self, text: &str) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        text.split_whitespace().count() as u64
    }
}

/// Three words, four, and seven.
const LINES: &str = r#"{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two three"}]}
{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two","reasoning":"three four"}]}
{"messages":[{"role":"user","content":"one two three four"},{"role":"assistant","content":"five six seven"}]}
"#;

fn run(words: &Arc<Words>, set: impl FnOnce(&mut MillBuilder)) -> Encoded {
    let mut builder = Mill::builder();
    builder.format("tracemill").unwrap();
    builder.tokenizer(Arc::clone(words) as Arc<dyn Tokenizer>);
    set(&mut builder);
    let encoded = builder
        .build()
        .unwrap()
        .collect([Input::bytes("runs.jsonl", LINES)]);
    encoded.unwrap()
}

fn at_most(tokens: u64) -> Curation {
    Curation::new().with_condition(format!("tokens<={tokens}").parse().unwrap())
}

#[test]
fn a_filter_and_the_account_share_one_count() {
    let (all, some) = (Arc::<Words>::default(), Arc::<Words>::default());
    let everything = run(&all, |_| {});
    let filtered = run(&some, |builder| {
        builder.curation(at_most(4));
    });
    assert_eq!(everything.ledger.tokens.map(|tokens| tokens.sum()), Some(14));
    assert_eq!(filtered.ledger.tokens.map(|tokens| tokens.sum()), Some(7));
    assert_eq!(filtered.ledger.traces.filtered.get("where-tokens"), 1);
    assert_eq!(all.0.load(Ordering::Relaxed), some.0.load(Ordering::Relaxed));
}

#[test]
fn what_thinking_adds_is_counted_behind_the_filter() {
    let words = Arc::<Words>::default();
    let instructions = Some("think very hard".to_owned());
    let encoded = run(&words, |builder| {
        let thinking = Thinking::new(ThinkingStrategy::TwoMessage, instructions).unwrap();
        builder.thinking(thinking.with_final_answer_prompt("now answer"));
        builder.curation(at_most(4).with_condition("reasoning".parse().unwrap()));
    });
    // The words of the second trace, those that were asked for, and the five around the input.
    assert_eq!(encoded.ledger.examples, 1);
    let counted = encoded.ledger.tokens.map(|tokens| tokens.sum());
    let said = String::from_utf8(encoded.bytes).unwrap();
    assert!(
        said.contains("think very hard") && said.contains("now answer"),
        "{said}"
    );
    assert_eq!(counted, Some(4 + 3 + 2 + 5), "{said}");
}
