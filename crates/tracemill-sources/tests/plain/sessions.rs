//! Sessions that are spread over lines, put together a second time.

use serde_json::Value;

use super::{Turn, Turns, agents, list, text, turn};

/// The sources that are read here.
pub(crate) const SOURCES: [&str; 2] = ["claude-code", "codex"];

/// The conversations in all the lines of the files of one input.
pub(crate) fn conversations(source: &str, lines: &[Value]) -> Vec<Turns> {
    match source {
        "claude-code" => claude_code(lines),
        "codex" => codex(lines),
        _ => Vec::new(),
    }
}

fn claude_code(lines: &[Value]) -> Vec<Turns> {
    let is_event = |line: &&Value| line["uuid"].is_string() || line["message"].is_object();
    let lines: Vec<&Value> = lines.iter().filter(is_event).collect();
    let mut sessions: Vec<&Value> = Vec::new();
    for line in &lines {
        if !sessions.contains(&&line["sessionId"]) {
            sessions.push(&line["sessionId"]);
        }
    }
    let mut all = Vec::new();
    for session in sessions {
        let mut of: Vec<&Value> = Vec::new();
        for &line in lines.iter().filter(|line| line["sessionId"] == *session) {
            let again = |other: &&Value| {
                other["uuid"] == line["uuid"] && other["message"]["content"] == line["message"]["content"]
            };
            if line["uuid"].is_null() || !of.iter().any(again) {
                of.push(line);
            }
        }
        for side in [false, true] {
            let part: Vec<&Value> = of
                .iter()
                .filter(|line| (line["isSidechain"] == true) == side)
                .copied()
                .collect();
            all.extend(trees(&part));
        }
    }
    all
}

/// One conversation for each root, along the parents of what was said last.
fn trees(lines: &[&Value]) -> Vec<Turns> {
    if lines.iter().all(|line| line["parentUuid"].is_null()) {
        return vec![spoken(lines, lines)];
    }
    let parent = |at: usize| {
        let name = lines[at]["parentUuid"].as_str()?;
        let before = (0..at).rev().chain(at + 1..lines.len());
        before.into_iter().find(|&other| lines[other]["uuid"] == name)
    };
    let climb = |mut at: usize| {
        let mut path = vec![at];
        while let Some(above) = parent(at).filter(|above| !path.contains(above)) {
            path.push(above);
            at = above;
        }
        path.reverse();
        path
    };
    // In a ring, whoever stands first in the file.
    let root_of = |at: usize| {
        let path = climb(at);
        let is_ring = parent(path[0]).is_some();
        let least = path.iter().copied().min().filter(|_| is_ring);
        least.unwrap_or(path[0])
    };
    let mut roots: Vec<usize> = (0..lines.len()).map(root_of).collect();
    roots.sort_unstable();
    roots.dedup();
    let mut all = Vec::new();
    for root in roots {
        let tree: Vec<usize> = (0..lines.len()).filter(|&at| root_of(at) == root).collect();
        let said = |at: &usize| lines[*at]["type"] == "user" || lines[*at]["type"] == "assistant";
        let last = tree.iter().copied().rfind(said).unwrap_or(root);
        let of: Vec<&Value> = climb(last).into_iter().map(|at| lines[at]).collect();
        let tree: Vec<&Value> = tree.into_iter().map(|at| lines[at]).collect();
        all.push(spoken(&of, &tree));
    }
    all
}

fn spoken(path: &[&Value], tree: &[&Value]) -> Turns {
    let mut turns = Turns::new();
    let mut seen: Vec<&Value> = Vec::new();
    for line in path {
        let message = &line["message"];
        let content = if message.is_object() {
            &message["content"]
        } else {
            message
        };
        let first = match content {
            Value::Array(blocks) => blocks.first().map(|block| text(&block["text"])),
            other => Some(text(other)),
        };
        let tag = first.unwrap_or_default();
        let is_command = ["<command-", "<local-command-"]
            .iter()
            .any(|start| tag.starts_with(start));
        if line["isMeta"] == true {
            continue;
        }
        if line["type"] == "user" && !is_command {
            turns.extend(user(content));
        } else if line["type"] == "assistant" && !seen.contains(&&message["id"]) {
            let own = |other: &&&Value| other["message"]["id"] == message["id"] && !message["id"].is_null();
            let mut parts: Vec<&Value> = tree
                .iter()
                .filter(own)
                .map(|line| &line["message"]["content"])
                .collect();
            if parts.is_empty() {
                parts.push(content);
            }
            seen.extend(Some(&message["id"]).filter(|id| !id.is_null()));
            let said = assistant(&parts);
            turns.push(said);
            // Results that stand beside the path.
            let blocks = parts.iter().flat_map(|part| list(part));
            for call in blocks.filter(|block| block["type"] == "tool_use") {
                let answers = |line: &&&Value| {
                    list(&line["message"]["content"])
                        .iter()
                        .any(|block| block["tool_use_id"] == call["id"])
                };
                if !path.iter().any(|line| answers(&line)) {
                    let beside = tree.iter().filter(answers).take(1);
                    turns.extend(beside.flat_map(|line| user(&line["message"]["content"])));
                }
            }
        }
    }
    turns
}

fn user(content: &Value) -> Turns {
    let results = list(content)
        .iter()
        .filter(|block| block["type"] == "tool_result");
    let mut turns: Turns = results.map(|block| turn("tool", &block["content"])).collect();
    let says = list(content).iter().any(|block| block["type"] != "tool_result");
    if turns.is_empty() || says {
        turns.push(turn("user", content));
    }
    turns
}

fn assistant(contents: &[&Value]) -> Turn {
    let mut said = turn("assistant", &Value::Null);
    for content in contents {
        said.text += &text(content);
        let calls = list(content).iter().filter(|block| block["type"] == "tool_use");
        said.calls
            .extend(calls.map(|block| agents::named(block, &block["input"])));
    }
    said
}

fn codex(lines: &[Value]) -> Vec<Turns> {
    let mut parts = vec![Vec::new()];
    for line in lines {
        let payload = &line["payload"];
        match line["type"].as_str() {
            Some("response_item") if payload["type"] != "ghost_snapshot" => {
                parts.last_mut().expect("a part").push(payload.clone());
            }
            Some("compacted") => parts.push(match payload["replacement_history"].as_array() {
                Some(history) => history.clone(),
                None => vec![
                    serde_json::json!({"role": "assistant", "content": payload["message"], "closed": true}),
                ],
            }),
            _ => {}
        }
    }
    parts.iter().map(|items| agents::items(items)).collect()
}
