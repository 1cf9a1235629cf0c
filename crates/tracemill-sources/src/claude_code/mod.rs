//! `claude-code`: sessions of Claude Code, one event a line.

mod line;
mod talk;
mod tree;

use tracemill_model::json::Kind;
use tracemill_model::{DecodeError, Framing, Outcome, RawJson, Text, Trace};

use crate::detect::Evidence;
use crate::head::{Head, HeadShape};
use crate::pieces::{PieceError, Pieces};
use crate::record::raw;
use crate::registry::{Note, Skip, SourceInfo};
use crate::source::{Batch, Context, Source};
use crate::walk;

use line::Line;
use talk::Talk;
use tree::Branch;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "claude-code",
    summary: "sessions of Claude Code (`~/.claude/projects/*/*.jsonl`): one event a line, joined by `uuid` and `parentUuid`",
    suffixes: &[".jsonl", ".ndjson"],
    reads: "Lines are put together by `sessionId`, also out of several files. From the last message back to its root along \
            `parentUuid` is one trace, and its `id` is that of the session; messages on other branches are not read. Where \
            a session has several roots, as after a compaction, each is a trace (`session/uuid of the root`, the last one \
            alone has the id of the session); where no line has a parent, the lines are in order. Lines with \
            `isSidechain` are traces of their own (`session/agent`), with the session in `parent`. Assistant lines of one \
            `message.id` are one message; results of its calls that stand on another branch are taken in. \
            Content is read as in `anthropic`. Messages keep `uuid`, `timestamp`, `usage`, `toolUseResult` and whatever else their line says, \
            and in `earlier_lines` what other lines of the same message say otherwise; what is the same in the whole \
            session (`cwd`, `version`, `gitBranch`, `userType`) is kept once. A last `stop_reason` of `end_turn` is \
            `completed`, of `max_tokens` is `truncated`; so is a trace whose first parent is not there. There is no \
            system prompt and no tool definition in these files: a data set made of them has none either.",
    skips: &[
        Skip::new(
            NO_TURN,
            "summaries, snapshots of files, queue operations and other lines without a place in the conversation",
        ),
        Skip::new(NO_EVENT, "the line is no object, or has no `type`"),
        Skip::new(NO_CONVERSATION, "nothing is left but lines that are no turns"),
    ],
    notes: &[
        Note::new(META, "lines that the program wrote for itself (`isMeta`)"),
        Note::new(
            COMMANDS,
            "commands of the program and what they printed, in tags such as `<command-name>`",
        ),
        Note::new(
            EVENTS,
            "lines of the conversation that are neither of the user nor of the assistant",
        ),
        Note::new(
            BRANCHES,
            "messages that were taken back: they stand on another branch than the last message",
        ),
        Note::new(
            REPEATED,
            "messages that are in the session a second time, as in a session that was resumed",
        ),
        Note::new(
            LOST,
            "conversations whose first line names a parent that is not there",
        ),
    ],
    options: &[],
    make: |_| Box::new(ClaudeCode),
};

const NO_TURN: &str = "no-turn";
const NO_EVENT: &str = "no-event";
const NO_CONVERSATION: &str = "no-conversation";
const META: &str = "meta-lines";
const COMMANDS: &str = "command-lines";
const EVENTS: &str = "event-lines";
const BRANCHES: &str = "other-branches";
const REPEATED: &str = "repeated-lines";
const LOST: &str = "lost-beginning";

/// Sessions of Claude Code.
#[derive(Clone, Copy, Debug)]
struct ClaudeCode;

impl Source for ClaudeCode {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        vec![Framing::Lines]
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        // The first line may be any event; those that are no messages are known by what only they have.
        let message = ["/uuid", "/isSidechain", "/message"];
        let others = [
            ("summary", "/leafUuid"),
            ("file-history-snapshot", "/snapshot"),
            ("queue-operation", "/sessionId"),
            ("system", "/parentUuid"),
            ("progress", "/parentUuid"),
        ];
        let kind = head.text("/type")?;
        if ["user", "assistant"].contains(&kind) && message.iter().all(|key| head.has(key)) {
            return Some(Evidence::keys(&message));
        }
        if let Some((_, key)) = others.iter().find(|(name, key)| *name == kind && head.has(key)) {
            return Some(Evidence::keys(&["/type", key]));
        }
        // Versions differ in what else they write; the lines behind tell.
        let told = ["\"parentUuid\"", "\"isSidechain\"", "\"sessionId\""];
        let later = head.shape() == HeadShape::Lines && told.iter().all(|key| head.mentions(key));
        later.then(|| Evidence::new("lines with `parentUuid`, `isSidechain` and `sessionId`"))
    }

    fn assembles(&self) -> bool {
        true
    }

    fn pieces<'a>(
        &self,
        context: &Context,
        record: &'a str,
        pieces: &mut Pieces<'a>,
    ) -> Result<(), DecodeError> {
        let event = walk::value(context, record)?;
        let event = event.view();
        if event.kind() != Kind::Object || event.get("type").is_none() {
            pieces.skip(NO_EVENT);
            return Ok(());
        }
        let line = Line::read(0, record, context.limits())?;
        if line.uuid.is_none() && !line.is_turn() {
            pieces.skip(NO_TURN);
            return Ok(());
        }
        match walk::text(event, "/sessionId") {
            Some(session) => pieces.push(session.decode().as_bytes(), record),
            None => pieces.push_to_input(record),
        }
        Ok(())
    }

    fn assemble<'a>(
        &self,
        context: &Context,
        pieces: &[&'a str],
        batch: &mut Batch<'a>,
    ) -> Result<(), PieceError> {
        let limits = context.limits();
        let read = |(index, piece): (usize, &&'a str)| {
            Line::read(index, piece, limits).map_err(|error| PieceError::new(index, error))
        };
        let lines: Vec<Line<'a>> = pieces.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let first = RawJson::parse(pieces.first().unwrap_or(&""))?;
        let session = walk::text(first.view(), "/sessionId");
        let (lines, repeated) = tree::without_repetitions(lines);
        batch.note(REPEATED, repeated);
        let (side, main): (Vec<_>, Vec<_>) = (0..lines.len()).partition(|&at| lines[at].is_sidechain);
        let branches = tree::branches(&lines, &main);
        let count = branches.len();
        let mut is_empty = true;
        for (number, branch) in branches.iter().enumerate() {
            let id = match &session {
                Some(session) if number + 1 == count => session.decode().into_owned(),
                _ => joined(session.as_ref(), &lines[branch.root]),
            };
            is_empty &= !push(&lines, branch, &id, None, context, batch)?;
        }
        for branch in tree::branches(&lines, &side) {
            let id = joined(session.as_ref(), &lines[branch.root]);
            is_empty &= !push(&lines, &branch, &id, session.as_ref(), context, batch)?;
        }
        if is_empty {
            batch.skip(NO_CONVERSATION);
        }
        Ok(())
    }
}

/// The id of a part of a session: of the agent, or of the line at its beginning.
fn joined(session: Option<&Text<'_>>, root: &Line<'_>) -> String {
    let own = root.agent.as_ref().or(root.uuid.as_ref());
    let steps = [session.map(Text::decode), own.map(Text::decode)];
    let steps: Vec<_> = steps.iter().flatten().map(|step| &**step).collect();
    steps.join("/")
}

/// Adds the trace of a branch, if there is a turn in it.
fn push(
    lines: &[Line<'_>],
    branch: &Branch,
    id: &str,
    parent: Option<&Text<'_>>,
    context: &Context,
    batch: &mut Batch<'_>,
) -> Result<bool, PieceError> {
    batch.note(BRANCHES, branch.others);
    let mut talk = Talk::new(context.limits());
    for at in branch.lines.iter().copied() {
        talk.read(lines, branch, at)
            .map_err(|error| PieceError::new(lines[at].piece, error))?;
    }
    for (code, count) in [
        (META, talk.meta),
        (COMMANDS, talk.commands),
        (EVENTS, talk.events),
    ] {
        batch.note(code, count);
    }
    let mut trace = Trace::new();
    talk.finish(&mut trace);
    if trace.messages().is_empty() {
        return Ok(false);
    }
    if branch.is_lost {
        batch.note(LOST, 1);
        trace.set_outcome(Outcome::Truncated);
    }
    if !id.is_empty() {
        trace.set_id(walk::key(id));
    }
    if let Some(parent) = parent {
        let parent = raw(context.limits(), |w| {
            w.begin_object();
            w.key("id").text(parent);
            w.end_object();
        })?;
        trace.extra_mut().insert(Text::new("parent"), parent);
    }
    batch.push_from(lines[branch.root].piece, trace);
    Ok(true)
}
