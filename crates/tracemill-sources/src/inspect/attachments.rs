//! Long texts, which a log keeps once and refers to.

use std::collections::BTreeMap;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, JsonView, JsonWriter, Limits, RawJson};

use crate::record::raw;

/// What a text that is kept elsewhere begins with; its hash follows.
const PROTOCOL: &str = "attachment://";

/// The attachments of a sample.
#[derive(Debug)]
pub(super) struct Attachments<'s> {
    texts: BTreeMap<String, JsonView<'s>>,
    missing: u64,
}

impl<'s> Attachments<'s> {
    pub(super) fn of(list: Option<JsonView<'s>>) -> Self {
        let members = list.into_iter().flat_map(JsonView::members);
        Attachments {
            texts: members
                .map(|(hash, text)| (hash.body().to_owned(), text))
                .collect(),
            missing: 0,
        }
    }

    /// How many references led nowhere.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// The value with every text that is a reference replaced by what it stands for.
    pub(super) fn resolve<'v>(&mut self, value: JsonView<'v>) -> Result<RawJson<'v>, DecodeError> {
        if !value.as_str().contains(PROTOCOL) {
            return Ok(value.raw());
        }
        raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
            self.write(value, w);
        })
    }

    fn write(&mut self, value: JsonView<'_>, w: &mut JsonWriter<'_>) {
        match value.kind() {
            Kind::Object => {
                w.begin_object();
                for (key, value) in value.members() {
                    w.text_key(&key);
                    self.write(value, w);
                }
                w.end_object();
            }
            Kind::Array => {
                w.begin_array();
                for element in value.elements() {
                    self.write(element, w);
                }
                w.end_array();
            }
            _ => {
                let text = value.as_text();
                let hash = text.as_ref().and_then(|text| text.body().strip_prefix(PROTOCOL));
                match hash.map(|hash| self.texts.get(hash)) {
                    Some(Some(text)) => drop(w.raw(*text)),
                    Some(None) => {
                        self.missing += 1;
                        w.raw(value);
                    }
                    None => drop(w.raw(value)),
                }
            }
        }
    }
}
