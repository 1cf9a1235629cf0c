//! Names under which people ask for a format: those of other tools, and those of trainers that read a format of this crate.

use crate::preset::MetadataKeys;

/// A name that is no format of its own, and what it stands for.
#[derive(Debug, PartialEq, Eq)]
pub struct OtherName {
    name: &'static str,
    summary: &'static str,
    standing: Standing,
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// A format of another tool, written by one of this crate with the defects of the other mended.
    #[non_exhaustive]
    Preset {
        /// The format that writes it.
        spec: &'static str,
        /// What comes out otherwise than with the other tool, and why.
        differs: &'static str,
        /// The keys of the other tool for identity and scores, where it writes them.
        metadata: Option<MetadataKeys>,
    },
    /// The name of a trainer that reads a format of this crate.
    #[non_exhaustive]
    ServedBy {
        /// The format that it reads.
        spec: &'static str,
        /// What to know of the trainer.
        note: &'static str,
    },
    /// There is nothing to write.
    #[non_exhaustive]
    Declined {
        /// Why, and what to do instead.
        reason: &'static str,
    },
}

impl OtherName {
    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What people mean by it: tool and version.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// What it stands for.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The format that stands behind it; none for what is declined.
    pub fn spec(&self) -> Option<&'static str> {
        match self.standing {
            Standing::Preset { spec, .. } | Standing::ServedBy { spec, .. } => Some(spec),
            Standing::Declined { .. } => None,
        }
    }
}

/// Every other name, in the order of tables.
///
/// ```
/// use tracemill_formats::{FormatSpec, other_names};
/// for name in other_names() {
///     let parsed = name.name().parse::<FormatSpec>();
///     assert_eq!(parsed.is_ok(), name.spec().is_some(), "{}", name.name());
/// }
/// assert_eq!("kiln-openai-chat-toolcall-jsonl".parse::<FormatSpec>()?.to_string(), "openai+toolcall-response");
/// assert!("cohere".parse::<FormatSpec>().unwrap_err().to_string().contains("deprecated"));
/// # Ok::<(), tracemill_formats::SpecError>(())
/// ```
pub fn other_names() -> &'static [OtherName] {
    // A new name is one entry here.
    NAMES
}

const SWINK: MetadataKeys = MetadataKeys {
    id: "case_id",
    score: "score",
    model: "model_id",
    turns: "turns",
};

const fn preset(
    name: &'static str,
    summary: &'static str,
    spec: &'static str,
    metadata: Option<MetadataKeys>,
    differs: &'static str,
) -> OtherName {
    OtherName {
        name,
        summary,
        standing: Standing::Preset {
            spec,
            differs,
            metadata,
        },
    }
}

const fn served(
    name: &'static str,
    summary: &'static str,
    spec: &'static str,
    note: &'static str,
) -> OtherName {
    OtherName {
        name,
        summary,
        standing: Standing::ServedBy { spec, note },
    }
}

const fn declined(name: &'static str, summary: &'static str, reason: &'static str) -> OtherName {
    OtherName {
        name,
        summary,
        standing: Standing::Declined { reason },
    }
}

static NAMES: &[OtherName] = &[
    preset(
        "swink-chatml-sft",
        "`chatml_sft` of swink-agent-eval 0.14",
        "openai",
        Some(SWINK),
        "tool definitions and results are written too, and no empty system or user message is put in",
    ),
    preset(
        "swink-sharegpt",
        "`sharegpt` of swink-agent-eval 0.14",
        "sharegpt",
        Some(SWINK),
        "calls and results are turns of their own, the system prompt stands under `system`, where LLaMA-Factory looks for it, \
         and the order that it wants is enforced",
    ),
    preset(
        "swink-dpo-pairs",
        "`dpo_pairs` of swink-agent-eval 0.14",
        "trl-preference+implicit-prompt",
        None,
        "`chosen` and `rejected` are the lists of messages themselves, which trainers read, not objects around them; ties never pair",
    ),
    preset(
        "kiln-openai-chat-jsonl",
        "`openai_chat_jsonl` of Kiln 1.2",
        "openai",
        None,
        "nothing: text beside a call is kept, and `content` is `null` where there is none",
    ),
    preset(
        "kiln-openai-chat-json-schema-jsonl",
        "`openai_chat_json_schema_jsonl` of Kiln 1.2",
        "openai+json-schema",
        None,
        "the last answer is checked against the schema of its task, and numbers stay as they were written",
    ),
    preset(
        "kiln-openai-chat-toolcall-jsonl",
        "`openai_chat_toolcall_jsonl` of Kiln 1.2",
        "openai+toolcall-response",
        None,
        "`task_response` is declared under `tools`: Kiln calls a tool that nobody defined",
    ),
    preset(
        "kiln-huggingface-chat-template-jsonl",
        "`huggingface_chat_template_jsonl` of Kiln 1.2",
        "hf+conversations",
        None,
        "tool definitions are kept, which Kiln leaves out",
    ),
    preset(
        "kiln-huggingface-chat-template-toolcall-jsonl",
        "`huggingface_chat_template_toolcall_jsonl` of Kiln 1.2",
        "hf+conversations+toolcall-response",
        None,
        "tools are kept, `task_response` is declared, and the id stands beside `function`, where templates look for it",
    ),
    preset(
        "kiln-vertex-gemini",
        "`vertex_gemini` of Kiln 1.2",
        "gemini",
        None,
        "text beside a call is kept as a part, and each answer carries the name of its function",
    ),
    preset(
        "racto-generic",
        "`generic` of ractogateway 0.2.1",
        "openai",
        None,
        "a second system message stays, PDFs are not decoded as text, and tools are written",
    ),
    preset(
        "racto-openai",
        "`openai` of ractogateway 0.2.1",
        "openai",
        None,
        "a second system message stays, PDFs are not decoded as text, and tools are written",
    ),
    preset(
        "racto-anthropic",
        "`anthropic` of ractogateway 0.2.1",
        "anthropic",
        None,
        "a second system message is a loss that has to be allowed, it does not replace the first; tools are written",
    ),
    preset(
        "racto-gemini",
        "`gemini` of ractogateway 0.2.1",
        "gemini",
        None,
        "the system prompt is kept as `systemInstruction`, files at addresses stand under `fileData`, and single turns are \
         `contents` too, as Vertex wants them; `gemini+legacy` writes `text_input` and `output`",
    ),
    preset(
        "nat-dpo",
        "the DPO records that NVIDIA NeMo Agent Toolkit 1.9.0 sends to NeMo Customizer",
        "nemo-dpo",
        None,
        "ties never pair, and the prompt keeps calls and results; `nat-trajectory` is the form of its own files",
    ),
    served(
        "sagemaker-rlvr",
        "SageMaker's reinforcement learning with verifiable rewards",
        "verl",
        "it takes the record of verl as JSON Lines",
    ),
    served(
        "trl-text",
        "TRL's language modeling (`text`)",
        "chatml",
        "text is rendered in the manner of one model: `chatml`, `hermes`, `llama3` and `harmony` are such; with `hf` TRL \
         renders it by the template of the model itself",
    ),
    served(
        "nemo-customizer",
        "NeMo Customizer (`messages`)",
        "openai",
        "whether it takes tools is not known; `nemo-sft` is the older form of NeMo-Aligner",
    ),
    served(
        "openrlhf-sft",
        "SFT of OpenRLHF 0.11.2 (`--data.input_key messages --data.apply_chat_template`)",
        "hf",
        "the last message is trained on, and with `--data.multiturn` every assistant message, whatever its `train` flag; \
         `trl-prompt-completion` is read with `--data.input_key prompt --data.output_key completion \
         --data.apply_chat_template`, never with `--data.multiturn`, which fails beside an output key; tool definitions \
         are not passed to the template",
    ),
    served(
        "torchtune",
        "torchtune 0.6.1 (`chat_dataset`, `conversation_style=openai`)",
        "openai",
        "it ignores calls and repeats the text before a `null` content: use it for plain chat alone; for preferences \
         `trl-preference+implicit-prompt`",
    ),
    served(
        "tinker",
        "Tinker cookbook 0.6.1 (`messages` with arguments as text)",
        "openai",
        "its own weights are `trainable`, which it does not need",
    ),
    served(
        "slime",
        "slime (2026-08; `--input-key messages --tool-key tools`)",
        "hf",
        "lines that it cannot read are skipped with a message",
    ),
    served(
        "prime-rl",
        "prime-rl (2026-08; rows with `messages`, or `prompt` and `completion`)",
        "hf",
        "with `+prompt-completion` only the last answer is trained on",
    ),
    served(
        "unsloth",
        "Unsloth (zoo 2026.10.9), which trains with TRL",
        "hf",
        "its own `standardize_data_formats` takes two text keys a message and nothing else; do not call it on data with tools",
    ),
    declined(
        "cohere",
        "Cohere's chat fine-tuning",
        "deprecated since 2025-09-15, without tools, and its documentation disagrees on the names of roles; train an open \
         model with `hf`",
    ),
    declined(
        "trl-stepwise",
        "TRL's stepwise supervision (`prompt`, `completions`, `labels`)",
        "a trace has scores of the whole run, none of its steps; use `trl-kto` or `trl-preference`",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use crate::spec::FormatSpec;

    #[test]
    fn no_name_hides_a_format_and_each_is_there_once() {
        for (index, other) in NAMES.iter().enumerate() {
            assert_eq!(registry::format(other.name), None, "{}", other.name);
            let again = NAMES[index + 1..].iter().find(|later| later.name == other.name);
            assert_eq!(again, None);
        }
    }

    #[test]
    fn what_stands_behind_a_name_is_a_format() {
        for spec in NAMES.iter().filter_map(OtherName::spec) {
            assert_eq!(spec.parse::<FormatSpec>().unwrap().to_string(), spec);
        }
    }

    #[test]
    fn a_preset_takes_the_extensions_of_its_format() {
        let spec: FormatSpec = "swink-sharegpt+v1".parse().unwrap();
        assert_eq!(spec.to_string(), "sharegpt+v1");
        assert!("racto-gemini+tools-text".parse::<FormatSpec>().is_err());
    }
}
