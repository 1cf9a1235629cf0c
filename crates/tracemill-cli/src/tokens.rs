//! The option that says what counts tokens.

use std::path::Path;
use std::sync::Arc;

use tracemill::curate::Tokenizer;

use crate::args::TokenArgs;
use crate::failure::Failure;

/// What counts tokens, if anything does: a file if there is one of that name, or if it is called like one, else an encoding.
pub(crate) fn tokenizer(args: &TokenArgs) -> Result<Option<Arc<dyn Tokenizer>>, Failure> {
    let Some(name) = &args.tokenizer else {
        return Ok(None);
    };
    let path = Path::new(name);
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    if is_json || path.exists() {
        local(path).map(Some)
    } else {
        encoding(name).map(Some)
    }
}

#[cfg(feature = "openai-encodings")]
fn encoding(name: &str) -> Result<Arc<dyn Tokenizer>, Failure> {
    let encoding = name.parse::<tracemill::curate::OpenAiEncoding>();
    let encoding = encoding.map_err(|error| {
        Failure::Usage(format!(
            "--tokenizer: {error}; for the tokenizer of a model of your own give the path of its `tokenizer.json`"
        ))
    })?;
    Ok(Arc::new(encoding))
}

#[cfg(not(feature = "openai-encodings"))]
fn encoding(name: &str) -> Result<Arc<dyn Tokenizer>, Failure> {
    Err(not_built("openai-encodings", name))
}

#[cfg(feature = "tokenizer-json")]
fn local(path: &Path) -> Result<Arc<dyn Tokenizer>, Failure> {
    let json = crate::job::read("--tokenizer", path)?;
    let name = path.display().to_string();
    let tokenizer = tracemill::curate::LocalTokenizer::from_json(name, json);
    Ok(Arc::new(tokenizer.map_err(|error| {
        Failure::Usage(format!("--tokenizer: {error}"))
    })?))
}

#[cfg(not(feature = "tokenizer-json"))]
fn local(path: &Path) -> Result<Arc<dyn Tokenizer>, Failure> {
    Err(not_built("tokenizer-json", &path.display().to_string()))
}

#[cfg(not(all(feature = "openai-encodings", feature = "tokenizer-json")))]
fn not_built(feature: &str, name: &str) -> Failure {
    Failure::Usage(format!(
        "--tokenizer: this program was built without what reads `{name}`; build it with `cargo install tracemill-cli --features {feature}`"
    ))
}
