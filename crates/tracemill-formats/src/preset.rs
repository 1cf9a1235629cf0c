//! Records of another tool: those of a format of this crate, with identity and scores under the keys of that tool.

use tracemill_model::{Conversation, Example, JsonWriter, Message, Role, Shape};

use crate::companion::{Columns, Companion};
use crate::encoder::{EncodeError, Encoder, Scratch};
use crate::loss::Omission;
use crate::shared::metadata;

/// The keys under `metadata` of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataKeys {
    pub(crate) id: &'static str,
    pub(crate) score: &'static str,
    pub(crate) model: &'static str,
    pub(crate) turns: &'static str,
}

/// An encoder whose records get a last member `metadata`.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) inner: Box<dyn Encoder>,
    pub(crate) keys: MetadataKeys,
}

impl Encoder for Preset {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn accepts(&self, shape: Shape) -> bool {
        self.inner.accepts(shape)
    }

    fn encode(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.inner.encode(example, scratch, out)?;
        let Example::Conversation(conversation) = example else {
            return Ok(());
        };
        // The record is an object, which is opened again.
        out.pop();
        out.extend_from_slice(b",\"metadata\":");
        self.keys.write(conversation, scratch, &mut JsonWriter::new(out));
        out.push(b'}');
        Ok(())
    }

    fn companions(&self, file_name: &str, columns: Columns) -> Vec<Companion> {
        self.inner.companions(file_name, columns)
    }
}

impl MetadataKeys {
    /// Writes what the trace has. Of several scores none is *the* score: then they stay left out.
    fn write(&self, conversation: &Conversation<'_>, scratch: &mut Scratch, w: &mut JsonWriter<'_>) {
        let trace = conversation.trace();
        w.begin_object();
        if let Some(id) = trace.id() {
            w.key(self.id).raw(id.as_json());
            scratch.losses.keep(Omission::Id);
        }
        if let [score] = trace.scores() {
            w.key(self.score);
            metadata::value(score, w);
            scratch.losses.keep(Omission::Scores);
        }
        if let Some(model) = trace.model() {
            w.key(self.model).text(model);
            scratch.losses.keep(Omission::Model);
        }
        let is_turn = |message: &&Message<'_>| *message.role() == Role::Assistant;
        let turns = conversation.messages().iter().filter(is_turn).count();
        w.key(self.turns).number(turns as u64);
        w.end_object();
    }
}
