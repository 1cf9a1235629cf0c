//! Conditions on one trace, in a small syntax.

use std::fmt;
use std::str::FromStr;

use tracemill_model::{JsonView, RawJson, Role, Trace};

use crate::error::CurateError;
use crate::screen::{Screen, Screening};
use crate::script;
use crate::text::texts;

/// A condition on a trace: `FIELD OP VALUE`, a bare `FIELD`, or either behind `!`, which negates it.
///
/// Fields that are numbers take `=`, `!=`, `>=`, `<=`, `>` and `<`: `messages`, `turns` (of the assistant), `bytes` and
/// `characters` (of all texts), `tokens` (what a [`Tokenizer`](crate::Tokenizer) counts), `score` (the one that counts), `score:NAME`. Fields that are texts take `=` and `!=`:
/// `outcome`, `model`, `tag`, `script` (of most letters, by its name in Unicode). A JSON pointer, such as `/metadata/lang`, takes all of them: values are compared as numbers if
/// both sides are, else as texts; JSON such as `true` is compared as written. Bare are `tools`, `reasoning`, `ends-with-assistant`,
/// `secret`, `email`, `phone`, `card`, `special-token`, `forbidden-nova` and `forbidden-claude` (what a [`Screen`] finds somewhere in the texts; `!secret` keeps traces without), and a
/// pointer, which asks that there is something other than `null`. What a trace does not have fulfils no condition but `!=` and `!`.
///
/// ```
/// use tracemill_curate::{Condition, Measured};
/// use tracemill_model::Trace;
/// let trace = Trace::from_json(
///     r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}],"score":0.5,"metadata":{"lang":"en","n":2}}"#,
/// )?;
/// let measured = Measured { score: Some(0.5), tokens: Some(12) };
/// let holds = |condition: &str| condition.parse::<Condition>().map(|condition| condition.accepts(&trace, measured));
/// for condition in ["messages>=2", "tokens<=12", "turns=1", "/metadata/lang=en", "/metadata/n<3", "!tools", "score>=0.5", "model!=x"] {
///     assert_eq!(holds(condition), Ok(true), "{condition}");
/// }
/// for condition in ["messages<2", "/metadata/lang!=en", "/metadata/other", "reasoning", "model=x"] {
///     assert_eq!(holds(condition), Ok(false), "{condition}");
/// }
/// assert!(holds("mesages>2").is_err());
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    written: String,
    field: Field,
    test: Test,
    wanted: bool,
}

/// What is known of a trace that it does not say itself; whoever asks says it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// The score that counts.
    pub score: Option<f64>,
    /// How many tokens it is.
    pub tokens: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    Messages,
    Turns,
    Bytes,
    Characters,
    Tokens,
    Score,
    ScoreNamed(String),
    Outcome,
    Model,
    Tag,
    Script,
    Tools,
    Reasoning,
    EndsWithAssistant,
    Screen(Screen, Screening),
    Pointer(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// It is there, or true.
    Is,
    Compare(Operator, String, Option<f64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Condition {
    /// Whether a trace fulfils it.
    pub fn accepts(&self, trace: &Trace<'_>, measured: Measured) -> bool {
        self.holds(trace, measured) == self.wanted
    }

    /// The code under which what it takes out is counted.
    pub fn code(&self) -> &'static str {
        match self.field {
            Field::Messages => "where-messages",
            Field::Turns => "where-turns",
            Field::Bytes => "where-bytes",
            Field::Characters => "where-characters",
            Field::Tokens => "where-tokens",
            Field::Score | Field::ScoreNamed(_) => "where-score",
            Field::Outcome => "where-outcome",
            Field::Model => "where-model",
            Field::Tag => "where-tag",
            Field::Script => "where-script",
            Field::Tools => "where-tools",
            Field::Reasoning => "where-reasoning",
            Field::EndsWithAssistant => "where-ends-with-assistant",
            Field::Screen(Screen::Secret, _) => "where-secret",
            Field::Screen(Screen::Email, _) => "where-email",
            Field::Screen(Screen::Phone, _) => "where-phone",
            Field::Screen(Screen::Card, _) => "where-card",
            Field::Screen(Screen::SpecialToken, _) => "where-special-token",
            Field::Screen(Screen::ForbiddenNova, _) => "where-forbidden-nova",
            Field::Screen(Screen::ForbiddenClaude, _) => "where-forbidden-claude",
            Field::Pointer(_) => "where-pointer",
        }
    }

    /// Whether it looks at the score that counts.
    pub fn looks_at_scores(&self) -> bool {
        self.field == Field::Score
    }

    /// Whether it looks at the number of tokens.
    pub fn looks_at_tokens(&self) -> bool {
        self.field == Field::Tokens
    }

    #[expect(clippy::cast_precision_loss, reason = "no trace has 2^53 messages or bytes")]
    fn holds(&self, trace: &Trace<'_>, measured: Measured) -> bool {
        match &self.field {
            Field::Messages => self.number(trace.messages().len() as f64),
            Field::Turns => self.number(turns(trace) as f64),
            Field::Bytes => self.number(length(trace, |said| said.body().len()) as f64),
            Field::Characters => {
                let mut text = String::new();
                let characters = |said: &crate::text::Said<'_>| {
                    text.clear();
                    said.decode_into(&mut text);
                    text.chars().count()
                };
                self.number(length(trace, characters) as f64)
            }
            Field::Tokens => measured.tokens.is_some_and(|tokens| self.number(tokens as f64)),
            Field::Score => measured.score.is_some_and(|score| self.number(score)),
            Field::ScoreNamed(name) => {
                let named = |score: &&tracemill_model::Score<'_>| {
                    score.name().is_some_and(|own| own.decode() == *name)
                };
                let score = trace
                    .scores()
                    .iter()
                    .find(named)
                    .and_then(tracemill_model::Score::number);
                score.is_some_and(|score| self.number(score))
            }
            Field::Outcome => trace.outcome().is_some_and(|outcome| self.text(outcome.name())),
            Field::Model => trace.model().is_some_and(|model| self.text(&model.decode())),
            Field::Tag => matches!(&self.test, Test::Compare(_, tag, _) if has_tag(trace, tag)),
            Field::Script => script::of(trace).is_some_and(|script| self.text(script.full_name())),
            Field::Tools => trace.tools().is_some_and(|tools| !tools.is_empty()),
            Field::Reasoning => trace
                .messages()
                .iter()
                .any(|message| message.reasoning().is_some()),
            Field::EndsWithAssistant => trace
                .messages()
                .last()
                .is_some_and(|last| *last.role() == Role::Assistant),
            Field::Screen(_, screening) => screening.is_in(trace),
            Field::Pointer(pointer) => at(trace, pointer).is_some_and(|value| self.value(&value)),
        }
    }

    fn number(&self, is: f64) -> bool {
        match &self.test {
            Test::Compare(operator, _, Some(bound)) => operator.holds(is, *bound),
            _ => false,
        }
    }

    fn text(&self, is: &str) -> bool {
        match &self.test {
            Test::Compare(Operator::Equal, text, _) => is == text,
            _ => false,
        }
    }

    fn value(&self, value: &RawJson<'_>) -> bool {
        match (&self.test, value.as_f64(), value.as_text()) {
            (Test::Is, ..) => !value.is_null(),
            (Test::Compare(operator, _, Some(bound)), Some(number), _) => operator.holds(number, *bound),
            (_, _, Some(text)) => self.text(&text.decode()),
            _ => self.text(value.as_str()),
        }
    }
}

impl Operator {
    fn holds(self, is: f64, bound: f64) -> bool {
        match self {
            #[expect(clippy::float_cmp, reason = "numbers are compared as they are written")]
            Operator::Equal => is == bound,
            Operator::AtLeast => is >= bound,
            Operator::AtMost => is <= bound,
            Operator::Above => is > bound,
            Operator::Below => is < bound,
        }
    }
}

fn turns(trace: &Trace<'_>) -> usize {
    trace
        .messages()
        .iter()
        .filter(|message| *message.role() == Role::Assistant)
        .count()
}

fn length(trace: &Trace<'_>, mut of: impl FnMut(&crate::text::Said<'_>) -> usize) -> usize {
    let mut sum = 0;
    for message in trace.messages() {
        texts(message, |said| sum += of(&said));
    }
    sum
}

/// Whether a tag is in the list `tags` of the metadata, or of the trace itself.
pub(crate) fn has_tag(trace: &Trace<'_>, tag: &str) -> bool {
    let holds = |tags: JsonView<'_>| {
        tags.elements()
            .any(|one| one.as_text().is_some_and(|text| text.decode() == tag))
    };
    trace
        .metadata()
        .and_then(|metadata| metadata.get("tags"))
        .is_some_and(holds)
        || trace.extra().get("tags").is_some_and(|tags| holds(tags.view()))
}

/// The value at a pointer into the metadata or the fields that the trace does not name.
fn at(trace: &Trace<'_>, pointer: &str) -> Option<RawJson<'static>> {
    let path = pointer.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    let (first, rest) = path.split_at(end);
    let first = first.replace("~1", "/").replace("~0", "~");
    let field = match first.as_str() {
        "metadata" => trace.metadata()?.borrowed(),
        name => trace.extra().get(name)?.borrowed(),
    };
    field.pointer(rest).map(JsonView::into_owned)
}

/// Two characters first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator, bool); 6] = [
    ("!=", Operator::Equal, false),
    (">=", Operator::AtLeast, true),
    ("<=", Operator::AtMost, true),
    ("=", Operator::Equal, true),
    (">", Operator::Above, true),
    ("<", Operator::Below, true),
];

impl FromStr for Condition {
    type Err = CurateError;

    fn from_str(written: &str) -> Result<Self, CurateError> {
        let (negated, text) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let first = text.find(['!', '>', '<', '=']).unwrap_or(text.len());
        let (name, rest) = text.split_at(first);
        let field = Field::named(name.trim()).ok_or_else(|| unknown(name))?;
        let found = OPERATORS.iter().find(|(sign, ..)| rest.starts_with(sign));
        let (asked, positive) = match found {
            None if rest.is_empty() => (Test::Is, true),
            None => {
                return Err(CurateError::new(format!(
                    "`{written}`: the operators are = != >= <= > <"
                )));
            }
            Some(&(sign, operator, positive)) => {
                let value = match rest[sign.len()..].trim() {
                    name if field == Field::Script => script::named(name)?.full_name(),
                    value => value,
                };
                let value = value.to_owned();
                let number = value.parse().ok().filter(|number: &f64| number.is_finite());
                (Test::Compare(operator, value, number), positive)
            }
        };
        field
            .check(&asked)
            .map_err(|why| CurateError::new(format!("`{written}`: {why}")))?;
        Ok(Condition {
            written: written.to_owned(),
            field,
            test: asked,
            wanted: positive != negated,
        })
    }
}

fn unknown(name: &str) -> CurateError {
    CurateError::new(format!(
        "there is no field `{name}`; there are messages, turns, bytes, characters, tokens, score, score:NAME, outcome, model, tag, script, \
         tools, reasoning, ends-with-assistant, secret, email, phone, card, special-token, forbidden-nova, forbidden-claude and JSON pointers such as /metadata/lang"
    ))
}

impl Field {
    fn named(name: &str) -> Option<Field> {
        Some(match name {
            "messages" => Field::Messages,
            "turns" => Field::Turns,
            "bytes" => Field::Bytes,
            "characters" => Field::Characters,
            "tokens" => Field::Tokens,
            "score" => Field::Score,
            "outcome" => Field::Outcome,
            "model" => Field::Model,
            "tag" => Field::Tag,
            "script" => Field::Script,
            "tools" => Field::Tools,
            "reasoning" => Field::Reasoning,
            "ends-with-assistant" => Field::EndsWithAssistant,
            _ if name.starts_with('/') => Field::Pointer(name.to_owned()),
            _ => match name.parse() {
                Ok(screen) => Field::Screen(screen, Screening::new([screen])),
                Err(_) => Field::ScoreNamed(name.strip_prefix("score:")?.to_owned()),
            },
        })
    }

    /// Why a test makes no sense for the field, if so.
    fn check(&self, test: &Test) -> Result<(), &'static str> {
        match (self, test) {
            (Field::Pointer(_), Test::Is | Test::Compare(Operator::Equal, ..))
            | (Field::Tools | Field::Reasoning | Field::EndsWithAssistant | Field::Screen(..), Test::Is)
            | (
                Field::Outcome | Field::Model | Field::Tag | Field::Script,
                Test::Compare(Operator::Equal, ..),
            ) => Ok(()),
            (Field::Tools | Field::Reasoning | Field::EndsWithAssistant | Field::Screen(..), _) => {
                Err("it stands alone, or behind `!`")
            }
            (Field::Outcome | Field::Model | Field::Tag | Field::Script, _) => {
                Err("it is compared with `=` or `!=`")
            }
            (_, Test::Compare(_, _, Some(_))) => Ok(()),
            _ => Err("it is compared with a number"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, line: &str) -> bool {
        condition
            .parse::<Condition>()
            .unwrap()
            .accepts(&Trace::from_json(line).unwrap(), Measured::default())
    }

    #[test]
    fn lengths_are_those_of_the_texts() {
        let line = r#"{"messages":[{"role":"user","content":"é\n"},{"role":"assistant","content":"ab","reasoning":"c"}]}"#;
        assert!(holds("characters=5", line));
        assert!(holds("bytes=7", line));
        assert!(holds("turns=1", line) && holds("ends-with-assistant", line) && holds("reasoning", line));
    }

    #[test]
    fn values_are_compared_as_what_they_are() {
        let line = r#"{"messages":[],"outcome":"errored","scores":[{"name":"a","value":2}],"metadata":{"t":true,"s":"10","tags":["x"],"n":null}}"#;
        for condition in [
            "/metadata/t=true",
            "/metadata/s=10",
            "!/metadata/n",
            "/metadata/no!=1",
            "outcome=errored",
            "tag=x",
            "tag!=y",
            "score:a>=2",
            "!score:b>=2",
            "!/metadata/s=11",
            "script!=latin",
        ] {
            assert!(holds(condition, line), "{condition}");
        }
        for condition in [
            "/metadata/t=false",
            "/metadata/n",
            "outcome!=errored",
            "score:a>2",
            "tag=y",
        ] {
            assert!(!holds(condition, line), "{condition}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for condition in [
            "",
            "messages",
            "messages>many",
            "tools=1",
            "model>3",
            "what=1",
            "script",
            "script=klingon",
            "script>latin",
            "/metadata/a>b",
            "messages!2",
        ] {
            assert!(condition.parse::<Condition>().is_err(), "{condition}");
        }
    }
}
