//! Evaluations: scores of spans.

use tracemill_model::{JsonView, Score, ScoreValue, Text};

use super::is_agent;
use crate::spans::Tree;
use crate::spans::calls::{Call, Made, agent_of, parent_agent};

const EVENT: &str = "gen_ai.evaluation.result";

/// An evaluation, and what it judges.
struct Evaluation {
    span: String,
    response: Option<String>,
    score: Score<'static>,
}

/// Gives each score to the traces that it judges; the number of those that judge none.
pub(super) fn attach(tree: &Tree<'_>, made: &mut Made) -> u64 {
    let mut unmatched = 0;
    for evaluation in all(tree) {
        let judged = judged(&evaluation, tree, &made.calls, &made.heads);
        let mut found = false;
        for (_, trace) in made.traces.iter_mut().filter(|(chat, _)| judged.contains(chat)) {
            trace.push_score(evaluation.score.clone());
            found = true;
        }
        unmatched += u64::from(!found);
    }
    unmatched
}

/// The evaluations of all spans: their events, and those of logs.
fn all(tree: &Tree<'_>) -> Vec<Evaluation> {
    let mut all = Vec::new();
    for span in tree.spans() {
        for (_, attributes) in span.events().iter().filter(|(name, _)| name == EVENT) {
            all.push(read(&span.id, attributes.view()));
        }
    }
    for log in tree
        .logs()
        .iter()
        .filter(|log| log.event.as_deref() == Some(EVENT))
    {
        if let Some(attributes) = log.attributes() {
            all.push(read(&log.id, attributes));
        }
    }
    all
}

/// The calls whose traces an evaluation is about: the one it names, or those of the agent whose span it belongs to.
fn judged(evaluation: &Evaluation, tree: &Tree<'_>, chats: &[Call], heads: &[usize]) -> Vec<usize> {
    let named = chats.iter().position(|chat| {
        let response = chat.response.is_some() && chat.response == evaluation.response;
        response || !evaluation.span.is_empty() && chat.span(tree).id == evaluation.span
    });
    if let Some(named) = named {
        return vec![heads[named]];
    }
    let Some(span) = tree.position(&evaluation.span) else {
        return Vec::new();
    };
    let agent = agent_of(tree, span, is_agent);
    let own: Vec<usize> = (0..chats.len()).filter(|&at| chats[at].agent == agent).collect();
    if !own.is_empty() || agent.is_some() {
        return own;
    }
    // What judges the whole judges its outermost agents.
    let outermost = |at: &usize| {
        let agent = chats[*at].agent;
        agent.is_some_and(|agent| parent_agent(tree, agent, is_agent).is_none())
    };
    (0..chats.len()).filter(outermost).collect()
}

fn read(span: &str, attributes: JsonView<'_>) -> Evaluation {
    let text = |key: &str| attributes.get(key)?.as_text().map(Text::into_owned);
    let value = attributes.get("gen_ai.evaluation.score.value");
    let number = value
        .filter(|value| value.as_f64().is_some())
        .map(JsonView::into_owned);
    let label = text("gen_ai.evaluation.score.label");
    let failed = text("error.type");
    let value = match (number, &label) {
        (Some(number), _) => ScoreValue::Number(number),
        (None, Some(label)) => ScoreValue::Label(label.clone()),
        (None, None) => ScoreValue::Missing(failed.unwrap_or_else(|| Text::from("no value"))),
    };
    let labelled = !matches!(value, ScoreValue::Label(_));
    let mut score = Score::new(text("gen_ai.evaluation.name"), value);
    if let Some(label) = label.filter(|_| labelled) {
        score.extra_mut().insert(Text::from("label"), label.into());
    }
    if let Some(explanation) = text("gen_ai.evaluation.explanation") {
        score
            .extra_mut()
            .insert(Text::from("explanation"), explanation.into());
    }
    let response = text("gen_ai.response.id").map(|id| id.decode().into_owned());
    Evaluation {
        span: span.to_owned(),
        response,
        score,
    }
}
