//! Unpaired preference data for TRL: a prompt, a completion, and whether it is good.
//!
//! Read by the KTO trainer of TRL 1.16.0 (`trainer/kto_trainer.py`, `data_utils.py`). Messages look as in the format
//! `hf`; a completion is a list, and all of it is trained on. TRL estimates its reference term from pairs of
//! *neighbouring* records, so the order of a file matters. Identity and the score stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::check::Findings;
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{lists, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{
    ARGUMENTS, ASKED, CAPABILITY, CONTENT, LIST_LOSSES, LISTS, RESULT_NAME, check_asked,
};

pub(crate) const FORMAT: Format = Format {
    name: "trl-kto",
    summary: "single completions with a verdict for TRL's KTO: `prompt`, `completion`, `label`",
    shapes: &[Shape::Labelled],
    extensions: &[],
    capability: CAPABILITY,
    losses: LIST_LOSSES,
    rules: &[COLUMNS, LABEL, ARGUMENTS, CONTENT, RESULT_NAME, ASKED],
    file_rules: &[],
    check,
    example: r#"{"prompt":[{"role":"user","content":"Capital of Peru?"}],"completion":[{"role":"assistant","content":"Cusco."}],"label":false}"#,
    make,
};

const TRL: &str = "trl 1.16.0, trainer/kto_trainer.py";

const COLUMNS: Rule = Rule::new("columns", "`prompt`, `completion` and `label`", TRL);
const LABEL: Rule = Rule::new("label", "`label` is true or false, never a number or text", TRL);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    for key in ["prompt", "completion"] {
        match record.get(key) {
            None => findings.note(&COLUMNS, format!("`{key}` is missing")),
            Some(value) if value.kind() == Kind::String => {}
            Some(_) => findings.member(record, key, |findings, list| LISTS.check(list, findings)),
        }
    }
    check_asked(record, findings);
    match record.get("label") {
        Some(label) if label.as_bool().is_some() => {}
        Some(label) => findings.note_at("label", &LABEL, format!("`label` is {}", label.kind().noun())),
        None => findings.note(&COLUMNS, "`label` is missing"),
    }
}

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
        lists::check_asked(labelled.prompt.messages())?;
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
