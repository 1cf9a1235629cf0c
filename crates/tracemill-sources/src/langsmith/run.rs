//! Runs: whose they are, and what was said in them.

use std::collections::BTreeMap;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, JsonView, JsonWriter, Limits, RawJson, Score, Text};

use super::feedback;
use crate::pieces::{PieceError, Pieces};
use crate::shapes;
use crate::spans::calls::Call;
use crate::spans::{Facts, Span, Tree};
use crate::walk;

/// Whether an object is a run, or what is said of one later.
pub(super) fn is_run(value: JsonView<'_>) -> bool {
    value.get("id").is_some()
        && ["run_type", "dotted_order"]
            .iter()
            .any(|key| value.get(key).is_some())
}

/// The trace of a run: named, or that of the outermost run, which begins its `dotted_order`.
pub(super) fn trace(run: JsonView<'_>) -> Result<String, DecodeError> {
    let id = walk::text(run, "/id").ok_or_else(|| walk::missing("id"))?;
    if let Some(trace) = walk::text(run, "/trace_id") {
        return Ok(trace.decode().into_owned());
    }
    if let Some(order) = walk::text(run, "/dotted_order") {
        let order = order.decode();
        let first = order.split('.').next().unwrap_or_default();
        if let Some((_, root)) = first.split_once('Z') {
            return Ok(root.to_owned());
        }
    }
    let is_root = walk::present(run, "/parent_run_id").is_none();
    is_root
        .then(|| id.decode().into_owned())
        .ok_or_else(|| walk::missing("trace_id"))
}

/// Divides a run from those inside of it, all of which belong to its trace.
pub(super) fn divide(run: JsonView<'_>, pieces: &mut Pieces<'_>) -> Result<(), DecodeError> {
    walk::expect(run, Kind::Object)?;
    let trace = trace(run)?;
    divide_in(run, &trace, None, pieces)
}

fn divide_in(
    run: JsonView<'_>,
    trace: &str,
    parent: Option<&Text<'_>>,
    pieces: &mut Pieces<'_>,
) -> Result<(), DecodeError> {
    let id = walk::text(run, "/id").ok_or_else(|| walk::missing("id"))?;
    let mut out = Vec::new();
    let mut w = JsonWriter::new(&mut out);
    w.begin_object();
    for (key, value) in run.members().filter(|(key, _)| key.body() != "child_runs") {
        w.text_key(&key).raw(value);
    }
    if let Some(parent) = parent.filter(|_| run.get("parent_run_id").is_none()) {
        w.key("parent_run_id").text(parent);
    }
    w.end_object();
    pieces.push(trace.as_bytes(), String::from_utf8(out).unwrap_or_default());
    let children = run.get("child_runs");
    for (index, child) in children.into_iter().flat_map(JsonView::elements).enumerate() {
        divide_in(child, trace, Some(&id), pieces)
            .map_err(|error| error.in_index(index).in_key("child_runs"))?;
    }
    Ok(())
}

/// The runs of one trace, and what was said of them.
#[derive(Debug, Default)]
pub(super) struct Runs<'a> {
    /// Each with the piece that it began with.
    pub(super) list: Vec<(String, usize, RawJson<'a>)>,
    index: BTreeMap<String, usize>,
    feedback: Vec<(String, Score<'static>)>,
}

impl<'a> Runs<'a> {
    pub(super) fn read(pieces: &[&'a str]) -> Result<Self, PieceError> {
        let mut runs = Runs::default();
        for (index, piece) in pieces.iter().enumerate() {
            runs.read_piece(index, piece)
                .map_err(|error| PieceError::new(index, error))?;
        }
        Ok(runs)
    }

    fn read_piece(&mut self, index: usize, piece: &'a str) -> Result<(), DecodeError> {
        let limits = Limits::default().with_depth(Limits::MAX_DEPTH);
        let raw = Cursor::with_limits(piece, limits).raw()?;
        if !is_run(raw.view()) {
            self.feedback.push(feedback::read(raw.view())?);
            return Ok(());
        }
        let id = walk::text(raw.view(), "/id").map(|id| id.decode().into_owned());
        let id = id.ok_or_else(|| walk::missing("id"))?;
        if let Some(&at) = self.index.get(&id) {
            let known = &mut self.list[at].2;
            *known = merged(known.view(), raw.view())?;
        } else {
            self.index.insert(id.clone(), self.list.len());
            self.list.push((id, index, raw));
        }
        Ok(())
    }

    /// The runs as a tree, where each stands among the pieces, and the feedback.
    pub(super) fn into_tree(self) -> (Tree<'a>, BTreeMap<String, usize>, Vec<(String, Score<'static>)>) {
        let mut places = BTreeMap::new();
        let mut spans = Vec::with_capacity(self.list.len());
        for (id, piece, raw) in self.list {
            places.insert(id.clone(), piece);
            let owned =
                |pointer: &str| walk::text(raw.view(), pointer).map(|text| text.decode().into_owned());
            let order = owned("/dotted_order");
            let last = order.as_ref().and_then(|order| order.rsplit('.').next());
            let facts = Facts {
                trace: trace(raw.view()).unwrap_or_default(),
                id,
                parent: owned("/parent_run_id"),
                failed: walk::present(raw.view(), "/error").is_some(),
                moment: last
                    .map(str::to_owned)
                    .or_else(|| owned("/start_time"))
                    .unwrap_or_default(),
            };
            spans.push(Span::of(raw, facts));
        }
        (Tree::of(spans, Vec::new()), places, self.feedback)
    }
}

/// A run with what was said of it later: that goes first, unless it says nothing.
fn merged(run: JsonView<'_>, later: JsonView<'_>) -> Result<RawJson<'static>, DecodeError> {
    let says = |value: JsonView<'_>| !matches!(value.as_str(), "null" | "{}" | "[]");
    crate::record::raw(Limits::default().with_depth(Limits::MAX_DEPTH), |w| {
        w.begin_object();
        for (key, value) in run.members() {
            let newer = later.get(key.body()).filter(|value| says(*value));
            w.text_key(&key).raw(&newer.unwrap_or(value).raw());
        }
        for (key, value) in later.members().filter(|(key, _)| run.get(key.body()).is_none()) {
            w.text_key(&key).raw(value);
        }
        w.end_object();
    })
}

/// The model call that a run is; none if it is another run, or holds nothing.
pub(super) fn call(span: &Span<'_>, at: usize) -> Result<Option<Call>, DecodeError> {
    let Some(run) = span
        .attributes()
        .filter(|run| walk::says(*run, "/run_type", "llm"))
    else {
        return Ok(None);
    };
    let (inputs, outputs) = (("inputs", run.get("inputs")), ("outputs", run.get("outputs")));
    let Some(mut call) = shapes::call(at, None, inputs, outputs)? else {
        return Ok(None);
    };
    if call.tools.is_none() {
        for key in ["tools", "functions"] {
            let list = run.pointer(&format!("/extra/invocation_params/{key}"));
            if let Some(list) = list.filter(|_| call.tools.is_none()) {
                call.tools = shapes::tools(list).map_err(|error| error.in_key(key))?;
            }
        }
    }
    let named = ["/extra/metadata/ls_model_name", "/extra/invocation_params/model"];
    let named = || {
        named
            .iter()
            .find_map(|pointer| walk::text(run, pointer).map(Text::into_owned))
    };
    call.model = call.model.or_else(named);
    Ok(Some(call))
}

/// The members that say whose a run is, which the trace has elsewhere.
const IDS: [&str; 3] = ["id", "trace_id", "child_runs"];

/// Writes a run without what was said in it.
pub(super) fn keep(span: &Span<'_>, w: &mut JsonWriter<'_>) {
    w.begin_object();
    for (key, value) in span.attributes().into_iter().flat_map(JsonView::members) {
        let left = match key.body() {
            "inputs" => shapes::rest(value, shapes::OF_REQUESTS),
            "outputs" => shapes::rest(value, shapes::OF_RESPONSES),
            key if IDS.contains(&key) || value.is_null() => None,
            _ => Some(value.into_owned()),
        };
        if let Some(left) = left {
            w.text_key(&key).raw(&left);
        }
    }
    w.end_object();
}

/// What the outermost run says, without what was said in it and how it went.
pub(super) fn root(fields: JsonView<'_>) -> Option<RawJson<'static>> {
    let taken = [&IDS[..], &["inputs", "outputs", "events", "serialized"]].concat();
    shapes::rest(fields, &taken)
}
