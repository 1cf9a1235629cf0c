//! Tool definitions.

use tracemill_model::{Function, JsonWriter, Tool, Trace};

use crate::loss::{Loss, Losses};

/// The functions that a trace defines; `None` if it defines none. Notes tools that are no functions.
pub(crate) fn functions<'t>(
    trace: &'t Trace<'t>,
    losses: &mut Losses,
) -> Option<impl Iterator<Item = &'t Function<'t>> + use<'t>> {
    let tools = trace.tools().unwrap_or_default();
    for _ in tools.iter().filter(|tool| tool.as_function().is_none()) {
        losses.note(Loss::ToolKind, 0);
    }
    let mut functions = tools.iter().filter_map(Tool::as_function).peekable();
    functions.peek()?;
    Some(functions)
}

/// Writes the field `tools` as a list in the nesting of the OpenAI API; nothing if there is no function.
pub(crate) fn nested_list(trace: &Trace<'_>, w: &mut JsonWriter<'_>, losses: &mut Losses) {
    if let Some(functions) = functions(trace, losses) {
        nest(functions, w.key("tools"));
    }
}

/// Writes the same list alone; nothing if there is no function.
pub(crate) fn nested(trace: &Trace<'_>, w: &mut JsonWriter<'_>, losses: &mut Losses) {
    if let Some(functions) = functions(trace, losses) {
        nest(functions, w);
    }
}

fn nest<'t>(functions: impl Iterator<Item = &'t Function<'t>>, w: &mut JsonWriter<'_>) {
    w.begin_array();
    for function in functions {
        nested_function(function, w);
    }
    w.end_array();
}

/// Writes the column `tools`: a list of functions, not nested, as JSON text, by way of `json`; says whether there is any.
pub(crate) fn column(
    trace: &Trace<'_>,
    json: &mut Vec<u8>,
    w: &mut JsonWriter<'_>,
    losses: &mut Losses,
) -> bool {
    let Some(functions) = functions(trace, losses) else {
        return false;
    };
    json.clear();
    let mut list = JsonWriter::new(json);
    list.begin_array();
    for function in functions {
        list.begin_object();
        function.write_members(&mut list);
        list.end_object();
    }
    list.end_array();
    w.key("tools").begin_string().written(json).end();
    true
}

/// Writes one definition in the nesting of the OpenAI API.
pub(crate) fn nested_function(function: &Function<'_>, w: &mut JsonWriter<'_>) {
    w.begin_object();
    w.key("type").str("function");
    w.key("function").begin_object();
    function.write_members(w);
    w.end_object();
    w.end_object();
}

/// Notes that the tool definitions of a trace are left out.
pub(crate) fn note_lost(trace: &Trace<'_>, losses: &mut Losses) {
    if trace.tools().is_some_and(|tools| !tools.is_empty()) {
        losses.note(Loss::Tools, 0);
    }
}
