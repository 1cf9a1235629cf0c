//! `completions`: one line per prompt, with several completions and their ratings.

mod completion;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    DecodeError, DecodeErrorKind, Framing, Limits, Message, RawJson, Score, ScoreValue, Text, Trace,
};

use crate::detect::Evidence;
use crate::head::Head;
use crate::options::{SourceOption, SourceOptions};
use crate::parts::{joined_key, prompt_group, read_prompt, read_score, refuse_messages, step};
use crate::registry::{JSON, Note, Skip, SourceInfo, json_framings};
use crate::source::{Batch, Context, Source};

use completion::Completion;

pub(crate) const INFO: SourceInfo = SourceInfo {
    name: "completions",
    summary: "one line per prompt with several completions and their ratings, as UltraFeedback has them",
    suffixes: JSON,
    reads: "A prompt (`instruction`, `prompt` or `raw_text`; a string is one user message, a list is messages) and its \
            `completions`: objects as in UltraFeedback, `{model, response, overall_score, fine-grained_score, \
            annotations}`, or plain strings beside a list of `models`, as mixes for annotation have them. One trace per \
            completion; `trial` is its place, `id` that of the record followed by `/` and the place. The group is the \
            prompt: its key is a hash of the messages, as `openai-chat` makes it. Every rating is a score under its own \
            name, those of `annotations` under that of the aspect with the rest of the annotation beside it; a rating is a \
            number, or one written as text, and `N/A` and `NaN` are missing. A list of numbers beside the completions \
            is read when `field.ratings` names it. The rest of the completion is kept in the field `completion`, that of \
            the record as it is.",
    skips: &[Skip::new(NO_COMPLETION, "the list of completions is empty")],
    notes: &[Note::new(
        NO_PROMPT,
        "completions whose prompt is `null`: nothing stands before them",
    )],
    options: &[
        SourceOption::new(
            "field.prompt",
            "instruction, prompt or raw_text",
            "the key of the prompt",
        ),
        SourceOption::new(
            "field.completions",
            "completions",
            "the key of the list of completions",
        ),
        SourceOption::new(
            "field.response",
            "response",
            "the key of the text within a completion",
        ),
        SourceOption::new(
            "field.score",
            "overall_score",
            "the key of the overall rating within a completion",
        ),
        SourceOption::new(
            "field.models",
            "models",
            "the key of the models beside completions that are strings",
        ),
        SourceOption::new(
            "field.ratings",
            "none",
            "the key of a list of ratings beside the completions",
        ),
    ],
    make: |options| Box::new(Completions::new(options)),
};

const NO_COMPLETION: &str = "no-completion";
const NO_PROMPT: &str = "no-prompt";

/// Where prompts are unless somebody says otherwise.
const PROMPT_KEYS: [&str; 3] = ["instruction", "prompt", "raw_text"];

/// One line per prompt, with several completions.
#[derive(Clone, Debug)]
struct Completions {
    /// The keys of the prompt, of which a record has one.
    prompts: Vec<String>,
    /// The key of the completions.
    list: String,
    models: String,
    ratings: Option<String>,
    inner: Inner,
}

/// The keys within a completion.
#[derive(Clone, Debug)]
struct Inner {
    response: String,
    score: String,
}

impl Completions {
    fn new(options: &SourceOptions) -> Self {
        let prompts = match options.field("prompt") {
            Some(key) => vec![key.to_owned()],
            None => PROMPT_KEYS.map(str::to_owned).to_vec(),
        };
        Completions {
            prompts,
            list: options.key_of("completions", "completions"),
            models: options.key_of("models", "models"),
            ratings: options.field("ratings").map(str::to_owned),
            inner: Inner {
                response: options.key_of("response", "response"),
                score: options.key_of("score", "overall_score"),
            },
        }
    }
}

impl Source for Completions {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn framings(&self) -> Vec<Framing> {
        json_framings()
    }

    fn detect(&self, head: &Head) -> Option<Evidence> {
        let pointer = |key: &str| format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let mut prompts = self.prompts.iter().map(|key| pointer(key));
        let prompt = prompts.find(|key| matches!(head.kind(key), Some(Kind::String | Kind::Array)))?;
        let completions = pointer(&self.list);
        let beside = match head.kind(&format!("{completions}/0"))? {
            Kind::Object => format!("{completions}/0{}", pointer(&self.inner.response)),
            // Strings alone are also the steps of a solution, each with its label.
            Kind::String => pointer(self.ratings.as_deref().unwrap_or(&self.models)),
            _ => return None,
        };
        head.has(&beside)
            .then(|| Evidence::keys(&[&prompt, &completions, &beside]))
    }

    fn decode<'a>(
        &self,
        context: &Context,
        record: &'a str,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let asked = batch.read(record, context.limits(), |cursor| self.read(cursor))?;
        self.deliver(asked, context.limits(), batch)
    }
}

/// One prompt and what was made of it.
#[derive(Debug, Default)]
struct Asked<'a> {
    base: Trace<'a>,
    prompt: Option<(usize, Vec<Message<'a>>)>,
    completions: Option<Vec<Completion<'a>>>,
    models: Option<RawJson<'a>>,
    ratings: Option<Vec<ScoreValue<'a>>>,
}

impl Completions {
    fn read<'a>(&self, cursor: &mut Cursor<'a>) -> Result<Asked<'a>, DecodeError> {
        let mut asked = Asked::default();
        cursor.object(|cursor, key| {
            let name = &*key.decode();
            if let Some(number) = self.prompts.iter().position(|known| known == name) {
                self.read_prompt(cursor, key, number, &mut asked)
            } else if name == self.list {
                unseen(cursor, asked.completions.is_none())?;
                asked.completions = Some(self.read_list(cursor)?);
                Ok(())
            } else if name == self.models {
                unseen(cursor, asked.models.is_none())?;
                asked.models = Some(cursor.raw()?);
                Ok(())
            } else if self.ratings.as_deref() == Some(name) {
                unseen(cursor, asked.ratings.is_none())?;
                asked.ratings = Some(read_ratings(cursor)?);
                Ok(())
            } else {
                asked.base.read_field(cursor, key)
            }
        })?;
        let missing = |what: &str, keys: &[String], field: &str| {
            let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
            let keys = keys.join(" or ");
            let message =
                format!("a record needs its {what} under {keys}: name another key with `field.{field}`");
            cursor.error(DecodeErrorKind::MissingField, message)
        };
        if asked.prompt.is_none() {
            return Err(missing("prompt", &self.prompts, "prompt"));
        }
        if asked.completions.is_none() {
            return Err(missing(
                "completions",
                std::slice::from_ref(&self.list),
                "completions",
            ));
        }
        Ok(asked)
    }

    /// Reads the prompt; a usual key with another thing under it is a field.
    fn read_prompt<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        key: &Text<'a>,
        number: usize,
        asked: &mut Asked<'a>,
    ) -> Result<(), DecodeError> {
        match &asked.prompt {
            Some((other, _)) if *other != number => {
                let other = &self.prompts[*other];
                let message =
                    format!("the record has a prompt under `{other}` too: say which with `field.prompt`");
                Err(cursor.error(DecodeErrorKind::WrongValue, message))
            }
            Some(_) => unseen(cursor, false),
            None if !matches!(cursor.peek()?, Kind::String | Kind::Array | Kind::Null) => {
                asked.base.read_field(cursor, key)
            }
            None => {
                asked.prompt = Some((number, read_prompt(cursor)?));
                Ok(())
            }
        }
    }

    fn read_list<'a>(&self, cursor: &mut Cursor<'a>) -> Result<Vec<Completion<'a>>, DecodeError> {
        let limit = cursor.limits().messages();
        let mut completions = Vec::new();
        if cursor.null()? {
            return Ok(completions);
        }
        cursor.array(|cursor, _| {
            if completions.len() >= limit {
                let message = format!("more than {limit} completions of one prompt");
                return Err(cursor.error(DecodeErrorKind::OverLimit, message));
            }
            completions.push(Completion::read(cursor, &self.inner)?);
            Ok(())
        })?;
        Ok(completions)
    }

    fn deliver<'a>(
        &self,
        asked: Asked<'a>,
        limits: Limits,
        batch: &mut Batch<'a>,
    ) -> Result<(), DecodeError> {
        let Asked {
            mut base,
            prompt,
            completions,
            models,
            ratings,
        } = asked;
        let (prompt, completions) = (prompt.unwrap_or_default().1, completions.unwrap_or_default());
        if completions.is_empty() {
            batch.skip(NO_COMPLETION);
            return Ok(());
        }
        refuse_messages(&base, "a prompt and its completions")?;
        let ratings = self.parallel(ratings, completions.len())?;
        let mut models = self.models(models, &completions, &mut base);
        if base.group().is_none() {
            base.set_group(prompt_group(&prompt, base.tools()));
        }
        if prompt.is_empty() {
            batch.note(NO_PROMPT, completions.len() as u64);
        }
        base.messages_mut().extend(prompt);
        let id = base.id().map(|id| step(id.as_json().view()));
        for (place, (completion, rating)) in completions.into_iter().zip(ratings).enumerate() {
            let mut trace = base.clone();
            if let Some(id) = &id {
                trace.set_id(joined_key(&[id.clone(), place.to_string()]));
            }
            trace.set_trial(place as u64);
            if let Some(model) = models.next() {
                trace.set_model(model);
            }
            completion.add_to(&mut trace, limits)?;
            if let Some((name, rating)) = rating {
                trace.push_score(Score::new(Some(name), rating));
            }
            batch.push(trace);
        }
        Ok(())
    }

    /// The ratings beside the completions, one for each.
    fn parallel<'a>(
        &self,
        ratings: Option<Vec<ScoreValue<'a>>>,
        count: usize,
    ) -> Result<Vec<Option<(Text<'a>, ScoreValue<'a>)>>, DecodeError> {
        let (Some(ratings), Some(key)) = (ratings, &self.ratings) else {
            return Ok(std::iter::repeat_with(|| None).take(count).collect());
        };
        if ratings.len() != count {
            let message = format!("{} ratings of {count} completions", ratings.len());
            return Err(DecodeError::new(DecodeErrorKind::WrongValue, 0, message).in_key(key));
        }
        let named = |rating| Some((Text::new(key.clone()), rating));
        Ok(ratings.into_iter().map(named).collect())
    }

    /// The models beside the completions, if they are what names them; else they are a field.
    fn models<'a>(
        &self,
        models: Option<RawJson<'a>>,
        completions: &[Completion<'a>],
        base: &mut Trace<'a>,
    ) -> std::vec::IntoIter<Text<'a>> {
        let Some(models) = models else {
            return Vec::new().into_iter();
        };
        let names = models.elements().map(|name| name.as_text().map(Text::into_owned));
        match names.collect::<Option<Vec<_>>>() {
            Some(names)
                if names.len() == completions.len() && completions.iter().all(Completion::is_anonymous) =>
            {
                names.into_iter()
            }
            _ => {
                base.extra_mut().insert(Text::new(self.models.clone()), models);
                Vec::new().into_iter()
            }
        }
    }
}

fn read_ratings<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<ScoreValue<'a>>, DecodeError> {
    let mut ratings = Vec::new();
    cursor.array(|cursor, _| {
        ratings.push(read_score(cursor)?);
        Ok(())
    })?;
    Ok(ratings)
}

fn unseen(cursor: &Cursor<'_>, unseen: bool) -> Result<(), DecodeError> {
    if unseen {
        return Ok(());
    }
    Err(cursor.error(DecodeErrorKind::DuplicateKey, "the record has this twice"))
}
