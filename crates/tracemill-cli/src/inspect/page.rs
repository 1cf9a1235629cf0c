//! The account as one HTML page that needs nothing else: no network, no other file.

use tracemill::Inspected;
use tracemill::formats::Loss;
use tracemill::model::JsonWriter;

use super::Cost;

const TEMPLATE: &str = include_str!("page.html");

/// The page, with the account and the sample put into it.
pub(super) fn html(inspected: &Inspected, cost: Option<Cost>) -> String {
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_object();
    w.key("account");
    super::json::write(inspected, cost, &mut w);
    // Beside the account, because every loss has one meaning, whichever format has it.
    w.key("meanings").begin_object();
    for loss in Loss::ALL {
        w.key(loss.code()).str(loss.summary());
    }
    w.end_object();
    w.key("samples").begin_array();
    for sample in inspected.samples() {
        // Canonical JSON, as it was written.
        w.paste(sample.as_bytes());
    }
    w.end_array();
    w.end_object();
    // Inside a script, `<` could end it or begin a comment; in JSON it can be spelled otherwise.
    let data = String::from_utf8_lossy(&out).replace('<', "\\u003c");
    TEMPLATE.replace("{{data}}", &data)
}
