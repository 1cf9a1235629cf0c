//! The arguments of calls, as an object or as text.

use tracemill_model::json::{EmbeddedJson, Kind};
use tracemill_model::{Arguments, JsonView, JsonWriter};

use crate::loss::{Loss, Losses};

/// Writes arguments as an object. Text is read as JSON; what is no object is written as it is, and noted.
pub(crate) fn object(
    arguments: &Arguments<'_>,
    index: usize,
    embedded: &mut EmbeddedJson,
    w: &mut JsonWriter<'_>,
    losses: &mut Losses,
) {
    match arguments {
        Arguments::Value(value) => checked(value.view(), index, w, losses),
        Arguments::Text(text) => {
            if let Ok(value) = embedded.read(text) {
                checked(value.view(), index, w, losses);
            } else {
                losses.note(Loss::UnparsableArguments, index);
                w.text(text);
            }
        }
        // There were none, and an object without members says so.
        _ => {
            w.begin_object().end_object();
        }
    }
}

fn checked(value: JsonView<'_>, index: usize, w: &mut JsonWriter<'_>, losses: &mut Losses) {
    if value.kind() != Kind::Object {
        losses.note(Loss::NonObjectArguments, index);
    }
    w.raw(value);
}

/// Writes arguments as a JSON string: recorded text byte for byte, a recorded value as its JSON text.
pub(crate) fn text(arguments: &Arguments<'_>, w: &mut JsonWriter<'_>) {
    match arguments {
        Arguments::Text(text) => {
            w.text(text);
        }
        Arguments::Value(value) => w.begin_string().json(value).end(),
        _ => {
            w.str("{}");
        }
    }
}
