//! What every format makes of files that come with a turn: the table of `docs/attachments.md`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tracemill --test attachments` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tracemill::build::{Attachment, Turn, conversation};
use tracemill::formats::formats;
use tracemill::model::{Shape, Trace};
use tracemill::{AllowedLosses, Encoded, ErrorKind, Mill, OnError, WhenEmpty};

/// The smallest picture: one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
/// A document whose bytes are text too.
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n";

fn attachments() -> [(&'static str, Attachment); 5] {
    let named = |bytes: &[u8], name| Attachment::from_bytes(bytes).named(name);
    [
        ("picture", named(PNG, "dot.png")),
        ("PDF", named(PDF, "paper.pdf")),
        ("UTF-8 text", named(b"a,b\n1,2\n", "table.csv")),
        ("sound", named(b"RIFF\x24\0\0\0WAVEfmt ", "hum.wav")),
        (
            "other file",
            named(b"PK\x03\x04\0\x01", "files.zip").typed("application/zip"),
        ),
    ]
}

fn with(attachment: Attachment) -> Trace<'static> {
    conversation([
        Turn::user("What is this?").with(attachment),
        Turn::assistant("A file."),
    ])
}

/// The parts that formats write, by what a record holds; the first that fits names what was made.
const FORMS: [(&str, &str); 12] = [
    ("\"inlineData\"", "`inlineData`"),
    ("\"type\":\"document\"", "`document` block"),
    ("\"document\":", "`document` block"),
    ("\"image_url\"", "`image_url`"),
    ("\"input_audio\"", "`input_audio`"),
    ("\"type\":\"file\"", "`file` part"),
    ("\"type\":\"image\"", "`image` part"),
    ("\"image\":", "`image` part"),
    ("\"images\":[", "`images`"),
    ("\"audios\":[", "`audios`"),
    ("\"type\":\"audio\"", "`audio` part"),
    ("a,b", "text"),
];

/// What a format makes of a file: the part it writes, or the losses without which it refuses.
fn cell(format: &str, trace: &Trace<'static>) -> String {
    let mut builder = Mill::builder();
    builder.format(format).unwrap();
    if let Ok(Encoded { bytes, ledger, .. }) = builder.build().unwrap().encode(std::slice::from_ref(trace)) {
        assert_eq!(ledger.losses.total(), 0);
        let record = String::from_utf8(bytes).unwrap();
        let form = FORMS.iter().find(|(mark, _)| record.contains(mark));
        return form.map_or_else(|| panic!("{format}: {record}"), |(_, name)| (*name).to_owned());
    }
    builder
        .allow_losses(AllowedLosses::all())
        .on_error(OnError::Skip)
        .when_empty(WhenEmpty::Allow);
    let ledger = builder
        .build()
        .unwrap()
        .encode(std::slice::from_ref(trace))
        .unwrap()
        .ledger;
    let rejected: Vec<_> = ledger
        .traces
        .rejected
        .iter()
        .map(|(code, _)| format!("refused: `{code}`"))
        .collect();
    if !rejected.is_empty() {
        return rejected.join(", ");
    }
    let lost: Vec<_> = ledger
        .losses
        .iter()
        .map(|(code, _)| format!("loss `{code}`"))
        .collect();
    assert!(!lost.is_empty(), "{format} lost something without a code");
    lost.join(", ")
}

fn table() -> String {
    let mut table = String::from("| format |");
    for (name, _) in attachments() {
        write!(table, " {name} |").unwrap();
    }
    table.push_str("\n|---|---|---|---|---|---|\n");
    for format in formats() {
        // Templates are the user's.
        if !format.shapes().contains(&Shape::Conversation) || format.name() == "text-template" {
            continue;
        }
        write!(table, "| `{}` |", format.name()).unwrap();
        for (_, attachment) in attachments() {
            write!(table, " {} |", cell(format.name(), &with(attachment))).unwrap();
        }
        table.push('\n');
    }
    table
}

const BEGIN: &str = "<!-- attachments -->\n";
const END: &str = "<!-- end -->\n";

#[test]
fn the_table_says_what_formats_make_of_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attachments.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (shown, tail) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, [head, BEGIN, &table, END, tail].concat()).unwrap();
        return;
    }
    assert_eq!(shown, table, "UPDATE_GOLDEN=1 writes the table anew");
}

#[test]
fn no_format_writes_a_document_as_text() {
    for format in formats() {
        if !format.shapes().contains(&Shape::Conversation) || format.name() == "text-template" {
            continue;
        }
        let [_, (_, pdf), ..] = attachments();
        let mut builder = Mill::builder();
        builder.format(format.name()).unwrap();
        builder
            .allow_losses(AllowedLosses::all())
            .on_error(OnError::Skip)
            .when_empty(WhenEmpty::Allow);
        let encoded = builder.build().unwrap().encode(&[with(pdf)]).unwrap();
        let record = String::from_utf8(encoded.bytes).unwrap();
        assert!(
            !record.contains("%PDF") && !record.contains("Catalog"),
            "{}: {record}",
            format.name()
        );
    }
}

#[test]
fn files_stand_before_the_text_in_their_order() {
    let [(_, picture), _, (_, text), ..] = attachments();
    let trace = conversation([
        Turn::user("Compare.").with(text).with(picture),
        Turn::assistant("Done."),
    ]);
    let mill = Mill::builder().format("openai").unwrap().build().unwrap();
    let record = String::from_utf8(mill.encode(&[trace]).unwrap().bytes).unwrap();
    let at = |what: &str| record.find(what).unwrap_or_else(|| panic!("{what} in {record}"));
    assert!(at("a,b") < at("image/png") && at("image/png") < at("Compare."));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Attachment::from_path("no/such.png").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().starts_with("no/such.png: "), "{error}");
}

#[test]
fn containers_of_one_kind_hold_several() {
    for (brand, media_type) in [
        ("isom", "video/mp4"),
        ("heic", "image/heic"),
        ("avif", "image/avif"),
        ("M4A ", "audio/mp4"),
        ("what", "application/octet-stream"),
    ] {
        let bytes = format!("\0\0\0\x18ftyp{brand}\0");
        assert_eq!(Attachment::from_bytes(bytes).media_type(), media_type, "{brand}");
    }
}

#[test]
fn a_text_keeps_the_name_of_its_file() {
    let [_, _, (_, text), ..] = attachments();
    let mut builder = Mill::builder();
    let mill = builder.format("tracemill").unwrap().build().unwrap();
    let record = String::from_utf8(mill.encode(&[with(text)]).unwrap().bytes).unwrap();
    assert!(record.contains(r#""name":"table.csv""#), "{record}");
}

#[test]
fn a_file_keeps_its_name() {
    let folder = std::env::temp_dir().join(format!("tracemill-attachment-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("dot.png"), PNG).unwrap();
    let picture = Attachment::from_path(folder.join("dot.png")).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        (picture.name(), picture.media_type()),
        (Some("dot.png"), "image/png")
    );
}
