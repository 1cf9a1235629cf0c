//! The one list of formats. Tables, help, golden coverage and benchmarks are made from it.

use std::fmt;

use tracemill_model::Shape;

use crate::capability::Capability;
use crate::check::{Check, FileRule};
use crate::encoder::Encoder;
use crate::loss::Loss;
use crate::options::EncodeOptions;
use crate::preset::Preset;
use crate::spec::{FormatSpec, SpecError};
use crate::{
    alpaca, anthropic, axolotl, axolotl_preference, bedrock_claude, bedrock_converse, chatml, fastchat,
    fireworks, fireworks_dpo, gemini, gemini_preference, harmony, hermes, hf, llama3, mistral, ms_swift,
    ms_swift_preference, nat_trajectory, nemo_dpo, nemo_rl, nemo_sft, nova_dpo, openai, openai_preference,
    openai_rft, openrlhf, sharegpt, sharegpt_kto, sharegpt_preference, text_template, together,
    together_preference, tracemill, trl_kto, trl_preference, trl_prompt_completion, trl_prompt_only,
    trl_reward, verl,
};

/// Makes an encoder from a valid spec; fails only where an option asks for what the format has no place for.
pub(crate) type Make = fn(&FormatSpec, &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError>;

/// Everything the registry knows of one format.
pub struct Format {
    /// The short name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    /// What it takes.
    pub(crate) shapes: &'static [Shape],
    /// Its dialects.
    pub(crate) extensions: &'static [Extension],
    /// What it can hold.
    pub(crate) capability: Capability,
    /// What it may lose.
    pub(crate) losses: &'static [Loss],
    /// The rules its records keep, each with the consumer and version it was seen in.
    pub(crate) rules: &'static [Rule],
    /// The rules that only a whole file can break.
    pub(crate) file_rules: &'static [FileRule],
    /// Checks one record against the rules.
    pub(crate) check: Check,
    /// One record.
    pub(crate) example: &'static str,
    /// Makes the encoder.
    pub(crate) make: Make,
}

/// A switch of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// The name, as in `format+name`.
    pub name: &'static str,
    /// What it does when it is on.
    pub summary: &'static str,
    /// Whether it is on unless switched off.
    pub default: bool,
    /// The rules for whole files that hold instead of those of the format while it is on.
    pub(crate) file_rules: Option<&'static [FileRule]>,
}

/// A rule that the records of a format keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// What must hold.
    pub text: &'static str,
    /// Who says so: consumer and version.
    pub seen_in: &'static str,
    /// Whether a record can break it; others say what the consumer does.
    pub breakable: bool,
}

impl Extension {
    /// A switch that is off unless switched on.
    pub(crate) const fn off(name: &'static str, summary: &'static str) -> Self {
        Extension {
            name,
            summary,
            default: false,
            file_rules: None,
        }
    }

    /// One whose files keep rules of their own.
    pub(crate) const fn with_file_rules(self, rules: &'static [FileRule]) -> Self {
        Extension {
            file_rules: Some(rules),
            ..self
        }
    }
}

impl Rule {
    /// A rule with its evidence.
    pub(crate) const fn new(code: &'static str, text: &'static str, seen_in: &'static str) -> Self {
        Rule {
            code,
            text,
            seen_in,
            breakable: true,
        }
    }

    /// A rule that no record can break: what the consumer does with all of them.
    pub(crate) const fn told(code: &'static str, text: &'static str, seen_in: &'static str) -> Self {
        Rule {
            code,
            text,
            seen_in,
            breakable: false,
        }
    }
}

impl Format {
    /// The short name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// One sentence on what it is and who reads it.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The shapes of examples it takes.
    pub fn shapes(&self) -> &'static [Shape] {
        self.shapes
    }

    /// Its dialects.
    pub fn extensions(&self) -> &'static [Extension] {
        self.extensions
    }

    /// What it can hold.
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// What it may lose.
    pub fn losses(&self) -> &'static [Loss] {
        self.losses
    }

    /// The rules its records keep.
    pub fn rules(&self) -> &'static [Rule] {
        self.rules
    }

    /// One record, as JSON.
    pub fn example(&self) -> &'static str {
        self.example
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Format").field(&self.name).finish()
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl FormatSpec {
    /// The encoder of this format.
    ///
    /// # Errors
    /// If an option asks for what the format has no place for.
    pub fn encoder(&self, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
        let inner = (self.format().make)(self, options)?;
        Ok(match self.metadata_keys() {
            Some(keys) => Box::new(Preset { inner, keys }),
            None => inner,
        })
    }
}

/// Every format, in the order of tables.
///
/// ```
/// use tracemill_formats::{Feature, Holds, formats};
/// let with_weights = formats().iter().filter(|format| format.capability().get(Feature::Weights) == Holds::Yes);
/// assert!(with_weights.map(|format| format.name()).any(|name| name == "openai"));
/// ```
pub fn formats() -> &'static [Format] {
    // A new format is one line here and one file beside this.
    static FORMATS: &[Format] = &[
        openai::FORMAT,
        hf::FORMAT,
        sharegpt::FORMAT,
        gemini::FORMAT,
        anthropic::FORMAT,
        bedrock_claude::FORMAT,
        bedrock_converse::FORMAT,
        tracemill::FORMAT,
        trl_preference::FORMAT,
        trl_kto::FORMAT,
        trl_reward::FORMAT,
        openai_preference::FORMAT,
        together_preference::FORMAT,
        fireworks_dpo::FORMAT,
        sharegpt_preference::FORMAT,
        sharegpt_kto::FORMAT,
        nemo_dpo::FORMAT,
        nat_trajectory::FORMAT,
        nemo_rl::FORMAT,
        openrlhf::FORMAT,
        axolotl_preference::FORMAT,
        ms_swift_preference::FORMAT,
        gemini_preference::FORMAT,
        together::FORMAT,
        fireworks::FORMAT,
        mistral::FORMAT,
        alpaca::FORMAT,
        axolotl::FORMAT,
        fastchat::FORMAT,
        ms_swift::FORMAT,
        trl_prompt_completion::FORMAT,
        trl_prompt_only::FORMAT,
        openai_rft::FORMAT,
        chatml::FORMAT,
        hermes::FORMAT,
        llama3::FORMAT,
        harmony::FORMAT,
        text_template::FORMAT,
        verl::FORMAT,
        nemo_sft::FORMAT,
        nova_dpo::FORMAT,
    ];
    FORMATS
}

/// The format of this name.
///
/// ```
/// let format = tracemill_formats::format("sharegpt").unwrap();
/// assert!(format.rules().iter().any(|rule| rule.code == "order" && rule.seen_in.contains("LLaMA-Factory")));
/// assert_eq!(tracemill_formats::format("alpaca2"), None);
/// ```
pub fn format(name: &str) -> Option<&'static Format> {
    formats().iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tracemill_model::{Conversation, Example, Trace};

    use super::*;
    use crate::encoder::Scratch;
    use crate::template::ChatTemplate;

    #[test]
    fn entries_are_complete_and_names_stand_once() {
        let mut names = BTreeSet::new();
        for format in formats() {
            assert!(names.insert(format.name()), "{format:?}");
            assert!(
                !format.summary().is_empty() && !format.shapes().is_empty(),
                "{format:?}"
            );
            assert!(!format.rules().is_empty(), "{format:?}");
            let codes: BTreeSet<_> = format.rules().iter().map(|rule| rule.code).collect();
            assert_eq!(codes.len(), format.rules().len(), "{format:?}");
            assert!(format.losses().is_sorted() && format.extensions().is_sorted_by_key(|it| it.name));
            let example: serde_json::Value = serde_json::from_str(format.example()).unwrap();
            let is_list = format.name() == "nat-trajectory";
            assert!(
                example.is_object() || (is_list && example.is_array()),
                "{format:?}"
            );
        }
    }

    #[test]
    fn an_encoder_takes_the_shapes_of_its_entry_and_refuses_others() {
        let trace = Trace::new();
        let prompt = Example::Prompt(tracemill_model::Span::new(&trace, 0..0));
        let template = ChatTemplate::new("{% for message in messages %}{{ message.content }}{% endfor %}");
        let options = EncodeOptions::default().with_template(template);
        let is_built = |format: &&Format| cfg!(feature = "template") || format.name() != "text-template";
        for format in formats().iter().filter(is_built) {
            let spec = FormatSpec::of(format);
            let encoder = spec.encoder(&options).unwrap();
            assert_eq!(encoder.name(), format.name());
            for shape in [
                Shape::Conversation,
                Shape::Preference,
                Shape::Labelled,
                Shape::Ranked,
                Shape::Prompt,
            ] {
                assert_eq!(
                    encoder.accepts(shape),
                    format.shapes().contains(&shape),
                    "{format:?}"
                );
            }
            if !encoder.accepts(Shape::Prompt) {
                let error = encoder.encode(&prompt, &mut Scratch::new(), &mut Vec::new());
                assert_eq!(error.unwrap_err().kind().code(), "shape");
            }
        }
    }

    /// A format with rules on `messages` reads its own example back, so that the example cannot drift away.
    #[test]
    fn examples_of_message_lists_are_what_the_encoder_writes() {
        for name in ["openai", "hf", "tracemill"] {
            let format = format(name).unwrap();
            let trace = Trace::from_json(format.example()).unwrap();
            let encoder = FormatSpec::of(format).encoder(&EncodeOptions::default()).unwrap();
            let (mut scratch, mut out) = (Scratch::new(), Vec::new());
            let example = Example::Conversation(Conversation::whole(&trace));
            encoder.encode(&example, &mut scratch, &mut out).unwrap();
            assert_eq!(std::str::from_utf8(&out).unwrap(), format.example());
            assert!(scratch.losses.is_empty());
        }
    }
}
