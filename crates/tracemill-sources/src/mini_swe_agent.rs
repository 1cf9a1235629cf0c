//! `mini-swe-agent`: trajectories of mini-SWE-agent, with or without an envelope.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, Framing, Group, GroupKind, JsonView, Message, Outcome, Role, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::{Head, HeadShape};
use crate::parts::insert;
use crate::registry::{Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::walk;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "mini-swe-agent",
    summary: "trajectories of mini-SWE-agent, and any file that is one bare list of messages",
    suffixes: JSON,
    reads: "The object of version 2 (`trajectory_format`, `info`, `messages`), and the bare list of messages of version 1, \
            which is one trace. The last message is a mark of the end if its role is `exit`, or if it is an empty user message: it is kept \
            under `exit`. `id` is `instance_id`, else the name of the `.traj.json` file, and the group is the same. The \
            model is that of `info.config`, and `info.exit_status` the outcome: `Submitted` is completed, a limit is \
            truncated, the name of an exception is errored. Whether the patch resolved the issue is not in the file: join \
            the report of SWE-bench with `--scores`. Everything else is kept.",
    skips: &[Skip::new(NO_CONVERSATION, "the run has no messages")],
    notes: &[Note::new(EXIT, "messages that only mark the end of the run")],
    options: &[],
    make: |_| Box::new(MiniSweAgent),
};

const JSON: &[&str] = crate::registry::JSON;
const NO_CONVERSATION: &str = "no-conversation";
const EXIT: &str = "exit-marker";

/// Trajectories of mini-SWE-agent.
#[derive(Clone, Copy, Debug)]
struct MiniSweAgent;

impl Source for MiniSweAgent {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines, Framing::Document]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        evidence(head)
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let run = batch.read(record, context.limits(), Cursor::indexed)?;
        let run = batch.keep(run);
        let mut trace = Trace::new();
        if run.kind() == Kind::Array {
            *trace.messages_mut() = read(run, context)?;
        } else {
            walk::expect(run, Kind::Object)?;
            let [list, info, format] = run.pick(["messages", "info", "trajectory_format"]);
            let list = walk::required(list, "messages", Kind::Array)?;
            *trace.messages_mut() = read(list, context).map_err(|error| error.in_key("messages"))?;
            describe(run, info, format, &mut trace);
        }
        if trace.messages().is_empty() {
            batch.skip(NO_CONVERSATION);
            return Ok(());
        }
        take_exit(&mut trace, batch);
        let instance = walk::text(run, "/instance_id").map(|id| id.decode().into_owned());
        let instance =
            instance.or_else(|| walk::stem(context.path(), &[".traj.json", ".traj"]).map(str::to_owned));
        if let Some(instance) = instance {
            trace.set_id(walk::key(&instance));
            trace.set_group(Group::new(walk::key(&instance), GroupKind::Task));
        }
        batch.push(trace);
        Ok(())
    }
}

/// What speaks for it. Also asked by `tracemill`, as the newer files have `messages`.
pub(crate) fn evidence(head: &Head) -> Option<Evidence> {
    let format = head
        .text("/trajectory_format")
        .is_some_and(|format| format.starts_with("mini-swe-agent"));
    if format && head.has("/messages") {
        return Some(Evidence::keys(&["/trajectory_format", "/messages"]));
    }
    let is_list = head.shape() == HeadShape::Array && head.kind("/role") == Some(Kind::String);
    let bare = is_list && head.has("/content") && !head.has("/messages");
    bare.then(|| Evidence::new("a list whose elements are messages"))
}

fn read<'v>(list: JsonView<'v>, context: &Context) -> Result<Vec<Message<'v>>, DecodeError> {
    walk::messages(list, context.limits(), |turn, said| {
        said.push(walk::message(turn)?)
    })
}

/// What the envelope says.
fn describe<'v>(
    run: JsonView<'v>,
    info: Option<JsonView<'v>>,
    format: Option<JsonView<'v>>,
    trace: &mut Trace<'v>,
) {
    let [status, config] = info.map_or([None, None], |info| info.pick(["exit_status", "config"]));
    let outcome = status.map(|status| match status.as_text().as_ref().map_or("", Text::body) {
        "Submitted" => Outcome::Completed,
        "LimitsExceeded" | "TimeExceeded" => Outcome::Truncated,
        "" => Outcome::Unknown,
        _ => Outcome::Errored,
    });
    trace.set_outcome(outcome);
    trace.set_model(config.and_then(|config| walk::text(config, "/model/model_name")));
    walk::keep_rest(
        trace,
        run,
        INFO.name,
        &["messages", "trajectory_format", "instance_id"],
    );
    // Under its own name it would be taken for the envelope again.
    if let Some(format) = format {
        insert(trace, "mini-swe-agent.trajectory_format", format.raw());
    }
}

/// Takes the message that only marks the end.
fn take_exit(trace: &mut Trace<'_>, batch: &mut Batch<'_>) {
    let is_exit = trace.messages().last().is_some_and(|last| {
        let named = matches!(last.role(), Role::Other(name) if *name == "exit");
        let empty = *last.role() == Role::User && last.content().is_empty();
        trace.messages().len() > 1 && (named || empty)
    });
    if !is_exit {
        return;
    }
    let Some(last) = trace.messages_mut().pop() else {
        return;
    };
    insert(trace, "exit", last.to_json());
    batch.note(EXIT, 1);
}
