//! The tokenizer of a model of one's own: a `tokenizer.json`.

use std::fmt;

use super::Tokenizer;
use crate::error::CurateError;

/// The tokenizer that stands beside the weights of a model, as Hugging Face's `tokenizers` reads it.
///
/// Truncation and padding that the file asks for are left out, and so are the tokens it puts around a text: a chat template,
/// which the file does not know, says what comes around messages.
///
/// ```
/// use tracemill_curate::{LocalTokenizer, Tokenizer};
/// let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
///   "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
///   "model":{"type":"WordLevel","vocab":{"<unk>":0,"hello":1},"unk_token":"<unk>"}}"#;
/// let tokenizer = LocalTokenizer::from_json("tokenizer.json", json)?;
/// assert_eq!((tokenizer.name(), tokenizer.count("hello, world")), ("tokenizer.json", 3));
/// assert!(LocalTokenizer::from_json("tokenizer.json", "{}").is_err());
/// # Ok::<(), tracemill_curate::CurateError>(())
/// ```
pub struct LocalTokenizer {
    name: String,
    tokenizer: tokenizers::Tokenizer,
}

impl LocalTokenizer {
    /// Reads the contents of a `tokenizer.json`; `name` is what reports call it.
    ///
    /// # Errors
    /// If it is no tokenizer, or one that cannot take every text.
    pub fn from_json(name: impl Into<String>, json: impl AsRef<[u8]>) -> Result<Self, CurateError> {
        let name = name.into();
        let wrong = |error: &dyn fmt::Display| CurateError::new(format!("`{name}` is no tokenizer: {error}"));
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(json).map_err(|error| wrong(&error))?;
        tokenizer.with_truncation(None).map_err(|error| wrong(&error))?;
        tokenizer.with_padding(None);
        // A vocabulary without a token for what it does not know fails at texts like this, and would fail in the middle of a run.
        tokenizer
            .encode_fast(UNUSUAL, false)
            .map_err(|error| wrong(&error))?;
        Ok(LocalTokenizer { name, tokenizer })
    }
}

const UNUSUAL: &str = "a\u{e9}\u{6f22}\u{1f642}\u{10fffd}\u{1}\n";

/// By its name: the vocabulary says nothing to anybody.
impl fmt::Debug for LocalTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalTokenizer").field(&self.name).finish()
    }
}

impl Tokenizer for LocalTokenizer {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> u64 {
        let encoded = self.tokenizer.encode_fast(text, false);
        // What the tokenizer refuses after all is not less than this, so that no limit is passed unseen.
        encoded.map_or(text.len(), |encoded| encoded.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = r#"{"version":"1.0","truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0},
        "padding":{"strategy":{"Fixed":8},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"<unk>"},
        "added_tokens":[{"id":2,"content":"<|im_end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
        "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<unk>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
            "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
            "special_tokens":{"<unk>":{"id":"<unk>","ids":[0],"tokens":["<unk>"]}}},
        "decoder":null,"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":1},"unk_token":"<unk>"}}"#;

    #[test]
    fn what_the_file_does_to_batches_does_not_count() {
        let tokenizer = LocalTokenizer::from_json("words", WORDS).unwrap();
        assert_eq!(tokenizer.count(""), 0);
        assert_eq!(tokenizer.count("a"), 1);
        assert_eq!(tokenizer.count("a b c d e"), 5);
        assert_eq!(tokenizer.count("a <|im_end|> b"), 3);
    }

    #[test]
    fn a_vocabulary_that_does_not_take_every_text_is_refused() {
        let json = WORDS.replace(r#","unk_token":"<unk>""#, r#","unk_token":"missing""#);
        let error = LocalTokenizer::from_json("words", json).unwrap_err();
        assert!(error.to_string().contains("`words` is no tokenizer"), "{error}");
    }
}
