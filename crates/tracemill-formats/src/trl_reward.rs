//! Pairs for the reward trainer of TRL: two whole conversations, and by how much one is better.
//!
//! Read by the reward trainer of TRL 1.16.0 (`trainer/reward_trainer.py`, `data_utils.py`). Messages look as in the format
//! `hf`; both sides begin with the prompt, in the same bytes. `margin` is the difference of the scores in decimals
//! (0.9 and 0.2 give 0.7), and stands there when both scores are known. Identity and scores stand under `metadata`.

use tracemill_model::json::Kind;
use tracemill_model::{Example, JsonView, JsonWriter, Shape};

use crate::check::{FileRule, Findings};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::options::{EncodeOptions, MetadataMode};
use crate::registry::{Format, Rule};
use crate::shared::pair::{self, Passage};
use crate::shared::reasoning::Placement;
use crate::shared::{lists, tools};
use crate::spec::{FormatSpec, SpecError};
use crate::trl_preference::{ARGUMENTS, CAPABILITY, CONTENT, LIST_LOSSES, LISTS, RESULT_NAME};

pub(crate) const FORMAT: Format = Format {
    name: "trl-reward",
    summary: "pairs for TRL's reward models: `chosen` and `rejected` as whole conversations, `margin`",
    shapes: &[Shape::Preference],
    extensions: &[],
    capability: CAPABILITY,
    losses: LIST_LOSSES,
    rules: &[COLUMNS, MARGIN, ARGUMENTS, CONTENT, RESULT_NAME],
    file_rules: &[FileRule::AllOrNone(MARGINS, "margin")],
    check,
    example: r#"{"chosen":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Lima."}],"rejected":[{"role":"user","content":"Capital of Peru?"},{"role":"assistant","content":"Cusco."}],"margin":0.8}"#,
    make,
};

const TRL: &str = "trl 1.16.0, trainer/reward_trainer.py";

const COLUMNS: Rule = Rule::new(
    "columns",
    "`chosen` and `rejected` hold the prompt and the completion",
    TRL,
);
const MARGIN: Rule = Rule::new("margin", "`margin` is a number", TRL);

const MARGINS: Rule = Rule::new("margins", "`margin` stands in every record or in none", TRL);

fn check(_: &FormatSpec, record: JsonView<'_>, findings: &mut Findings) {
    if !findings.is(record, Kind::Object) {
        return;
    }
    for key in ["chosen", "rejected"] {
        match record.get(key) {
            None => findings.note(&COLUMNS, format!("`{key}` is missing")),
            Some(value) if value.kind() == Kind::String => {}
            Some(_) => findings.member(record, key, |findings, list| LISTS.check(list, findings)),
        }
    }
    check_margin(record, &MARGIN, findings);
}

/// Checks `margin`, a number where there is one.
pub(crate) fn check_margin(record: JsonView<'_>, rule: &Rule, findings: &mut Findings) {
    findings.member_if_any(record, "margin", |findings, margin| {
        if margin.as_f64().is_none() {
            findings.note(
                rule,
                format!("the margin is {}, and has to be a number", margin.kind().noun()),
            );
        }
    });
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that the registry asks for"
)]
fn make(_: &FormatSpec, options: &EncodeOptions) -> Result<Box<dyn Encoder>, SpecError> {
    Ok(Box::new(TrlReward {
        reasoning: Placement::with_field(options.reasoning()),
        metadata: options.metadata(),
    }))
}

#[derive(Debug)]
struct TrlReward {
    reasoning: Placement,
    metadata: MetadataMode,
}

impl Encoder for TrlReward {
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
        let pair = pair::preference(example)?;
        lists::check_asked(pair.prompt.messages())?;
        pair::account(pair, self.metadata, &[], &mut scratch.losses);
        let mut w = JsonWriter::new(out);
        w.begin_object();
        let completions = [&pair.chosen, &pair.rejected].map(|side| Passage::completion(side.completion));
        lists::whole_conversations(pair, completions, self.reasoning, scratch, &mut w)?;
        if let Some(margin) = pair::score_difference(&pair.chosen, &pair.rejected) {
            w.key("margin").float(margin);
        }
        tools::nested_list(pair.prompt.trace(), &mut w, &mut scratch.losses);
        if self.metadata == MetadataMode::Include {
            pair::metadata(pair, &mut w);
        }
        w.end_object();
        Ok(())
    }
}
