//! The encodings of OpenAI's models.

use std::fmt;
use std::str::FromStr;

use tiktoken_rs::CoreBPE;
use tiktoken_rs::tokenizer::{Tokenizer as Encoding, get_tokenizer};

use super::{Marks, Tokenizer};
use crate::error::CurateError;

/// An encoding of OpenAI's, by its name or that of a model, as the library `tiktoken` has it.
///
/// Around texts come the tokens that OpenAI's cookbook counts ("How to count tokens with tiktoken", function
/// `num_tokens_from_messages`): three and the role for each message, one beside a name, three for the answer.
///
/// ```
/// use tracemill_curate::{OpenAiEncoding, TokenCounts, Tokenizer};
/// use tracemill_model::Trace;
/// let encoding: OpenAiEncoding = "o200k_base".parse()?;
/// assert_eq!(encoding.count("tiktoken is great!"), 6);
/// assert_eq!("gpt-4o".parse::<OpenAiEncoding>()?.name(), "o200k_base");
/// assert!("no-such-model".parse::<OpenAiEncoding>().is_err());
///
/// let trace = Trace::from_json(r#"{"messages":[{"role":"user","content":"tiktoken is great!"}]}"#)?;
/// assert_eq!(TokenCounts::of(&trace, &encoding).total(), 3 + 1 + 6 + 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OpenAiEncoding {
    name: &'static str,
    ranks: CoreBPE,
}

/// Each with its name in `tiktoken`.
const ENCODINGS: [(&str, Encoding); 5] = [
    ("o200k_base", Encoding::O200kBase),
    ("o200k_harmony", Encoding::O200kHarmony),
    ("cl100k_base", Encoding::Cl100kBase),
    ("p50k_base", Encoding::P50kBase),
    ("r50k_base", Encoding::R50kBase),
];

impl OpenAiEncoding {
    /// The names of the encodings.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ENCODINGS.iter().map(|(name, _)| *name)
    }
}

impl FromStr for OpenAiEncoding {
    type Err = CurateError;

    fn from_str(name: &str) -> Result<Self, CurateError> {
        let of_model = get_tokenizer(name);
        let is_meant = |(known, encoding): &&(&str, Encoding)| *known == name || Some(*encoding) == of_model;
        let Some(&(name, encoding)) = ENCODINGS.iter().find(is_meant) else {
            let known: Vec<_> = OpenAiEncoding::names().collect();
            return Err(CurateError::new(format!(
                "there is no encoding and no model of OpenAI `{name}`; encodings are {}",
                known.join(", ")
            )));
        };
        let ranks = match encoding {
            Encoding::O200kBase => tiktoken_rs::o200k_base(),
            Encoding::O200kHarmony => tiktoken_rs::o200k_harmony(),
            Encoding::Cl100kBase => tiktoken_rs::cl100k_base(),
            Encoding::P50kBase => tiktoken_rs::p50k_base(),
            _ => tiktoken_rs::r50k_base(),
        };
        let ranks = ranks.map_err(|error| CurateError::new(format!("encoding `{name}`: {error}")))?;
        Ok(OpenAiEncoding { name, ranks })
    }
}

/// By its name: the table of ranks says nothing to anybody.
impl fmt::Debug for OpenAiEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenAiEncoding").field(&self.name).finish()
    }
}

impl Tokenizer for OpenAiEncoding {
    fn name(&self) -> &str {
        self.name
    }

    fn count(&self, text: &str) -> u64 {
        self.ranks.count_ordinary(text) as u64
    }

    fn marks(&self) -> Marks {
        Marks {
            message: 3 + 1,
            name: 1,
            conversation: 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of `tiktoken` 0.14.0 for Python.
    #[test]
    fn counts_are_those_of_the_library_for_python() {
        let texts = [
            "",
            "hello world",
            "def f(x):\n    return x**2\n",
            "naïve café — 漢字 🙂",
            "<|im_end|>",
        ];
        for (name, expected) in [
            ("o200k_base", [0, 2, 10, 9, 6]),
            ("o200k_harmony", [0, 2, 10, 9, 6]),
            ("cl100k_base", [0, 2, 10, 10, 6]),
            ("p50k_base", [0, 2, 12, 10, 7]),
            ("r50k_base", [0, 2, 14, 10, 7]),
        ] {
            let encoding: OpenAiEncoding = name.parse().unwrap();
            assert_eq!(texts.map(|text| encoding.count(text)), expected, "{name}");
        }
    }

    #[test]
    fn models_have_the_encodings_that_they_were_made_with() {
        for (model, name) in [
            ("gpt-4o-mini-2024-07-18", "o200k_base"),
            ("gpt-4.1-mini", "o200k_base"),
            ("gpt-3.5-turbo", "cl100k_base"),
            ("text-davinci-002", "p50k_base"),
        ] {
            assert_eq!(model.parse::<OpenAiEncoding>().unwrap().name(), name, "{model}");
        }
    }
}
