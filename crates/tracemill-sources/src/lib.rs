//! One reader per dialect of agent log or evaluation run: records in, [`Trace`]s out.
//!
//! Part of [tracemill](https://docs.rs/tracemill), which turns scored agent traces into fine-tuning datasets. This crate
//! knows dialects: what their files look like, where the messages, calls, scores and identities are, and what breaks.
//! It does *not* read files: whoever uses it hands over the beginning of a file, then one record after the other, as text. It
//! starts no thread, prints nothing and keeps no global state, and it does not decide what a trace is good for.
//!
//! # The main types
//!
//! [`Head`] is the beginning of a file. [`detect`] asks every registered source about it and says which one it is for, and
//! why; [`framing_for`] says how the file divides into records. [`Source::decode`] reads one record into a [`Batch`]:
//! traces, or a code that says why there is none. A [`Context`] carries what all records of a file need.
//!
//! [`sources`] is the list of dialects, each with its documentation ([`SourceInfo`]). Others implement [`Source`].
//! [`SourceOptions`] says of a file what its source cannot know, such as the names of its fields.
//!
//! Sources whose traces are spread over several records, such as the lines of a session, divide each record into
//! [`Pieces`] and put together those with the same key ([`Source::assembles`]).
//!
//! Some logs repeat the conversation so far in every record. [`ChainKeys`] and [`ChainIndex`] find the records that a
//! later one contains.
//!
//! Nothing is dropped: what a trace has no name for stays in its extra fields, verbatim and in order.
//!
//! # Example
//!
//! ```
//! use tracemill_model::Limits;
//! use tracemill_sources::{Batch, Context, Detection, Head, Texts, detect, detect_with, framing_for};
//!
//! let file = r#"{"request":{"messages":[{"role":"user","content":"2+2?"}]},"response":{"id":"c1","choices":[
//! {"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"4"}}]}}"#.replace('\n', "");
//!
//! let head = Head::new(file.as_bytes(), true);
//! let Detection::One { info, evidence } = detect(&head) else {
//!     return Err("one source reads it".into());
//! };
//! assert_eq!(info.name(), "openai-chat");
//! assert_eq!(evidence.to_string(), "keys `request.messages`, `response.choices`");
//!
//! let source = info.make();
//! assert_eq!(framing_for(&*source, &head).unwrap().to_string(), "lines");
//!
//! let context = Context::new(Limits::default());
//! for line in file.lines() {
//!     let texts = Texts::new();
//!     let mut batch = Batch::new(&texts);
//!     source.decode(&context, line, &mut batch)?;
//!     assert_eq!(batch.traces()[0].messages().len(), 2);
//!     assert_eq!(batch.traces()[0].id().unwrap().to_string(), "c1");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to add a source
//!
//! 1. One file beside this one, named like the source (`tau_bench.rs` for `tau-bench`); a folder of that name when one file
//!    gets long. `tau_bench.rs` shows a record that is one object, `openai_chat` one with an envelope.
//! 2. In it, `INFO`: what the source is, what it reads, every code under which it skips records or counts something
//!    inside of them ([`Batch::note`]), and the options it takes. The documentation of the source is made from it.
//! 3. `detect` looks for keys that no other source has. Records of two sources must not fit both: somebody would have to
//!    choose.
//! 4. `decode` reads with a [`Cursor`](tracemill_model::json::Cursor), key by key, without a tree. Keys that it does not take
//!    go to [`Trace::read_field`], which reads those of a canonical trace and keeps the others.
//! 5. One line in `registry.rs`.
//! 6. Cases in `tests/golden/<name>/`: a small real file with its origin in the table there, and everything that is known
//!    to break readers of the dialect. Tests fail for a source without cases, and for a code or an option without one.
//!
//! [`Trace`]: tracemill_model::Trace
//! [`Trace::read_field`]: tracemill_model::Trace::read_field
#![forbid(unsafe_code)]

mod alpaca;
mod alpaca_eval;
mod anthropic;
mod arena_hard;
mod atif;
mod bedrock_converse;
mod bfcl;
mod blocks;
mod candidates;
mod chain;
mod claude_code;
mod codex;
mod codex_exec;
mod completions;
mod detect;
mod exchange;
mod gemini;
mod gemini_cli;
mod gemini_contents;
mod genai;
mod google_adk;
mod head;
mod inspect;
mod kiln;
mod langchain;
mod langfuse;
mod langsmith;
mod llamafactory;
mod mini_swe_agent;
mod mlflow;
mod mt_bench;
mod nat;
mod openai_chat;
mod openai_responses;
mod openhands;
mod openinference;
mod options;
mod otel_genai;
mod parts;
mod pieces;
mod preference;
mod prompt_completion;
mod prompts;
mod record;
mod registry;
mod responses_items;
mod shapes;
mod sharegpt;
mod source;
mod spans;
mod swe_agent;
mod swink;
mod tau2_bench;
mod tau_bench;
mod terminal_bench;
mod texts;
mod toolbench;
mod tracemill;
mod turns;
mod walk;
mod who_and_when;

pub use chain::{ChainIndex, ChainKeys, Superseded};
pub use detect::{Detection, Evidence, Seen, detect, detect_with, framing_for};
pub use head::{Head, HeadShape};
pub use llamafactory::{Dataset, DatasetError, DatasetInfo};
pub use options::{OptionError, SourceOption, SourceOptions};
pub use pieces::{Piece, PieceError, PieceKey, Pieces};
pub use prompts::Prompts;
pub use registry::{Note, Skip, SourceInfo, source, sources};
pub use source::{Batch, Context, Earlier, Reference, Source};
pub use texts::Texts;
