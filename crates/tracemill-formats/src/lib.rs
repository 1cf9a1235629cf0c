//! One encoder per fine-tuning dataset format: traces in, training records out, every loss accounted for.
//!
//! This crate is a part of [tracemill](https://docs.rs/tracemill), which turns scored agent traces into fine-tuning
//! datasets. It takes examples of [`tracemill_model`] and appends records to a buffer. It does *not* read files or other
//! dialects, choose traces, build pairs, or decide whether a loss is acceptable: it says what was lost, and its caller
//! decides. It starts no thread, prints nothing and keeps no global state.
//!
//! # The main types
//!
//! [`formats`] lists what there is. A [`FormatSpec`] names a format with its extensions (`hf+prompt-completion`); with
//! [`EncodeOptions`] it makes an [`Encoder`], which is immutable and shared by all threads. What an encoder needs for
//! one record lives in a [`Scratch`]; in the long run encoding allocates nothing.
//!
//! Each record leaves an account in [`Losses`]: a [`Loss`] is training content that the format cannot hold, an
//! [`Omission`] is anything else that it leaves out. An [`EncodeError`] says that the example has no place in the format
//! whatever may be lost. What each format can hold is its [`Capability`] row, what its records keep are its [`Rule`]s,
//! each with the consumer and version that was seen to ask for it.
//!
//! # Example
//!
//! ```
//! use tracemill_formats::{EncodeOptions, FormatSpec, Loss, Scratch};
//! use tracemill_model::{Conversation, Example, Trace};
//!
//! let line = r#"{"messages":[
//!     {"role":"user","content":"Weather in Oslo?"},
//!     {"role":"assistant","content":"Let me look.","tool_calls":[
//!         {"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}]},
//!     {"role":"tool","tool_call_id":"c1","content":"4 C"},
//!     {"role":"assistant","content":"4 C in Oslo."}],
//!   "score":0.9}"#;
//! let trace = Trace::from_json(line)?;
//! let example = Example::Conversation(Conversation::whole(&trace));
//!
//! let spec: FormatSpec = "sharegpt".parse()?;
//! let encoder = spec.encoder(&EncodeOptions::default())?;
//! let (mut scratch, mut out) = (Scratch::new(), Vec::new());
//! encoder.encode(&example, &mut scratch, &mut out)?;
//!
//! assert_eq!(
//!     String::from_utf8(out)?,
//!     concat!(
//!         r#"{"conversations":[{"from":"human","value":"Weather in Oslo?"},"#,
//!         r#"{"from":"function_call","value":"{\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}}"},"#,
//!         r#"{"from":"observation","value":"4 C"},{"from":"gpt","value":"4 C in Oslo."}]}"#,
//!     )
//! );
//! // LLaMA-Factory has no place for text beside a call: a caller that does not allow the loss throws the record away.
//! assert_eq!(scratch.losses.iter().collect::<Vec<_>>(), [(Loss::TextBesideCall, 1, 1)]);
//! assert_eq!(scratch.losses.omitted().map(|omission| omission.code()).collect::<Vec<_>>(), ["scores"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Another format
//!
//! An own format is a type that implements [`Encoder`]; there is no registration. A format of this crate is one file with
//! everything about it, and one line in the registry.
#![forbid(unsafe_code)]

mod alpaca;
mod anthropic;
mod axolotl;
mod axolotl_preference;
mod bedrock_claude;
mod bedrock_converse;
mod capability;
mod chatml;
mod check;
mod companion;
mod encoder;
mod fastchat;
mod fireworks;
mod fireworks_dpo;
mod gemini;
mod gemini_preference;
mod harmony;
mod hermes;
mod hf;
mod llama3;
mod loss;
mod mistral;
mod ms_swift;
mod ms_swift_preference;
mod names;
mod nat_trajectory;
mod nemo_dpo;
mod nemo_rl;
mod nemo_sft;
mod nova_dpo;
mod openai;
mod openai_preference;
mod openai_rft;
mod openrlhf;
mod options;
mod preset;
mod registry;
mod shared;
mod sharegpt;
mod sharegpt_kto;
mod sharegpt_preference;
mod spec;
mod template;
mod text_template;
mod together;
mod together_preference;
mod tracemill;
mod trl_kto;
mod trl_preference;
mod trl_prompt_completion;
mod trl_prompt_only;
mod trl_reward;
mod verl;

pub use capability::{Capability, Feature, Holds};
pub use check::{FileFacts, FileRule, Finding, Findings, common_rules};
pub use companion::{Columns, Companion};
pub use encoder::{EncodeError, EncodeErrorKind, Encoder, Scratch};
pub use loss::{Loss, Losses, Omission};
pub use names::{OtherName, Standing, other_names};
pub use options::{EncodeOptions, MetadataMode, ReasoningMode};
pub use preset::MetadataKeys;
pub use registry::{Extension, Format, Rule, format, formats};
pub use spec::{FormatSpec, SpecError};
pub use template::{ChatTemplate, Day};
