//! Unpaired preference data for TRL: a prompt, a completion, and whether it is good.
//!
//! Read by the KTO trainer of TRL 1.16.0 (`trainer/kto_trainer.py`, `data_utils.py`). Messages look as in the format
//! `hf`; a completion is a list, and all of it is trained on. TRL estimates its reference term from pairs of
//! *neighbouring* records, so the order of a file matters. Identity and the score stand under `metadata`.

use tracemill_model::{Example, JsonWriter, Shape};

use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{lists, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ARGUMENTS, CAPABILITY, CONTENT, LIST_LOSSES, RESULT_NAME};

pub(crate) const FORMAT: Format = Format {
    name: "trl-kto",
    summary: "single completions with a verdict for TRL's KTO: `prompt`, `completion`, `label`",
    shapes: &[Shape::Labelled],
    extensions: &[],
    capability: CAPABILITY,
    losses: LIST_LOSSES,
    rules: &[
        Rule::new("columns", "`prompt`, `completion` and `label`", TRL),
        Rule::new("label", "`label` is true or false, never a number or text", TRL),
        ARGUMENTS,
        CONTENT,
        RESULT_NAME,
    ],
    example: r#"{"prompt":[{"role":"user","content":"Capital of Peru?"}],"completion":[{"role":"assistant","content":"Cusco."}],"label":false}"#,
    make,
};

const TRL: &str = "trl 1.16.0, trainer/kto_trainer.py";

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the registry asks for"
)]
fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(TrlKto {
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct TrlKto {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for TrlKto {
    fn name(&self) -> &str {
        FORMAT.name
    }

    fn accepts(&self, shape: Shape) -> bool {
        FORMAT.shapes.contains(&shape)
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let labelled = pair::labelled(example)?;
        let completion = labelled.completion.completion;
        let trace = completion.trace();
        pair::account_for(trace, self.metadata, &[], &mut scratch.losses);
        let prompt = Passage::prompt(labelled.prompt, completion);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        w.key("prompt");
        lists::prompt(prompt, self.reasoning, scratch, &mut w)?;
        w.key("completion");
        lists::completion(Passage::completion(completion), self.reasoning, scratch, &mut w)?;
        w.key("label").boolean(labelled.label);
        tools::nested_list(trace, &mut w, &mut scratch.losses);
        if self.metadata == MetadataMode::Include {
            pair::side_metadata(&labelled.completion, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
