//! What readers of candidates and their judgements share.

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{
    Content, DecodeError, DecodeErrorKind, Fields, Group, GroupKind, JsonView, Key, Limits, Message, RawJson,
    Role, ScoreValue, Text, Tool, Trace, digest,
};

use crate::record::object;

/// A value that was read before it was known what it is, and where it stands.
#[derive(Debug)]
pub(crate) struct Early<'a, T> {
    pub(crate) span: Span<'a>,
    pub(crate) read: Result<T, DecodeError>,
}

/// A value that was checked, duplicate keys included, and is read later, when other keys of its object have said what
/// it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    text: &'a str,
    start: usize,
    kind: Kind,
    limits: Limits,
}

impl<'a> Span<'a> {
    /// Passes over the next value of `cursor`, which reads `record`.
    pub(crate) fn skip(record: &'a str, cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let kind = cursor.peek()?;
        let start = cursor.offset();
        cursor.skip()?;
        Ok(Span {
            text: record.get(start..cursor.offset()).unwrap_or_default(),
            start,
            kind,
            limits: *cursor.limits(),
        })
    }

    /// Reads the next value of `cursor`, which reads `record`, or passes over it: whether it had to be read so is known when
    /// other keys of its object have said what it is.
    pub(crate) fn early<T>(
        record: &'a str,
        cursor: &mut Cursor<'a>,
        read: impl FnOnce(&mut Cursor<'a>) -> Result<T, DecodeError>,
    ) -> Result<Early<'a, T>, DecodeError> {
        let kind = cursor.peek()?;
        let (mark, start, limits) = (cursor.mark(), cursor.offset(), *cursor.limits());
        let read = read(cursor);
        if read.is_err() {
            cursor.rewind(mark);
            cursor.skip()?;
        }
        let span = Span {
            text: record.get(start..cursor.offset()).unwrap_or_default(),
            start,
            kind,
            limits,
        };
        Ok(Early { span, read })
    }

    /// The type of the value.
    pub(crate) fn kind(self) -> Kind {
        self.kind
    }

    /// Whether the value is an object with this key.
    pub(crate) fn has(self, wanted: &str) -> bool {
        let mut found = false;
        // The span was checked when it was made: this cannot fail, except that the value is no object.
        let _ = self.cursor().object(|cursor, key| {
            found |= key.body() == wanted;
            cursor.skip()
        });
        found
    }

    /// Reads the value; errors point into the record.
    pub(crate) fn read<T>(
        self,
        read: impl FnOnce(&mut Cursor<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        read(&mut self.cursor()).map_err(|error| moved(&error, self.start))
    }

    /// The value as it is.
    pub(crate) fn raw(self) -> Result<RawJson<'a>, DecodeError> {
        self.cursor().raw()
    }

    /// An error at the beginning of the value.
    pub(crate) fn error(self, kind: DecodeErrorKind, message: impl Into<String>) -> DecodeError {
        DecodeError::new(kind, self.start, message)
    }

    /// The error for a value of another type than `wanted`.
    pub(crate) fn expected(self, wanted: &str) -> DecodeError {
        let message = format!("expected {wanted}, found {}", self.kind.noun());
        self.error(DecodeErrorKind::WrongType, message)
    }

    fn cursor(self) -> Cursor<'a> {
        Cursor::with_limits(self.text, self.limits)
    }
}

/// An error in a text that begins at this offset of the record.
pub(crate) fn moved(error: &DecodeError, start: usize) -> DecodeError {
    let offset = start + error.column() - 1;
    let moved = DecodeError::new(error.kind(), offset, error.message());
    below(moved, &error.path())
}

/// The error for a next value of another type than `wanted`, unless it is no value at all.
pub(crate) fn wrong_type(cursor: &mut Cursor<'_>, wanted: &str) -> DecodeError {
    let error = cursor.expected(wanted);
    cursor.skip().err().unwrap_or(error)
}

/// The error with a path that is already written, such as `a.b[3]["c d"]`.
fn below(error: DecodeError, path: &str) -> DecodeError {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return error;
    }
    if let Some((key, rest)) = path.strip_prefix("[\"").and_then(|path| path.split_once("\"]")) {
        return below(error, rest).in_key(key);
    }
    let listed = path.strip_prefix('[').and_then(|path| path.split_once(']'));
    if let Some((index, rest)) = listed.and_then(|(index, rest)| Some((index.parse().ok()?, rest))) {
        return below(error, rest).in_index(index);
    }
    let (key, rest) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
    below(error, rest).in_key(key)
}

/// Reads what a model saw: nothing, one thing a user says, or messages.
pub(crate) fn read_prompt<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Message<'a>>, DecodeError> {
    match cursor.peek()? {
        Kind::Null => cursor.skip().map(|()| Vec::new()),
        Kind::String => {
            // Room for the answer, which will follow.
            let mut prompt = Vec::with_capacity(2);
            prompt.push(said(Role::User, cursor.text()?));
            Ok(prompt)
        }
        Kind::Array => read_messages(cursor),
        _ => Err(cursor.expected("a prompt: a string or a list of messages")),
    }
}

/// Reads what a model answered: text, nothing, content of any kind, a message, or messages.
pub(crate) fn read_response<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Message<'a>>, DecodeError> {
    let kind = cursor.peek()?;
    if kind == Kind::Array && cursor.first_has_ahead("role") {
        return read_messages(cursor);
    }
    let message = if kind == Kind::Object && cursor.has_ahead("role") {
        Message::read(cursor)?
    } else {
        answer(read_content(cursor)?)
    };
    Ok(vec![message])
}

fn read_messages<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Message<'a>>, DecodeError> {
    let mut trace = Trace::new();
    trace.read_messages(cursor)?;
    Ok(std::mem::take(trace.messages_mut()))
}

/// Reads what was said, whatever it is: a number or a boolean is its text.
pub(crate) fn read_content<'a>(cursor: &mut Cursor<'a>) -> Result<Content<'a>, DecodeError> {
    match cursor.peek()? {
        Kind::Number | Kind::Bool => Ok(Text::new(cursor.raw()?.as_str().to_owned()).into()),
        _ => Content::read(cursor),
    }
}

/// A message of nothing but text.
pub(crate) fn said<'a>(role: Role<'a>, text: Text<'a>) -> Message<'a> {
    let mut message = Message::new(role);
    message.set_content(text);
    message
}

/// What the assistant said.
pub(crate) fn answer(content: Content<'_>) -> Message<'_> {
    let mut message = Message::new(Role::Assistant);
    message.set_content(content);
    message
}

/// Reads a judgement that may be written as text: `"4.5"` is a number, and `"N/A"` or `"NaN"` is none.
pub(crate) fn read_score<'a>(cursor: &mut Cursor<'a>) -> Result<ScoreValue<'a>, DecodeError> {
    Ok(match ScoreValue::read(cursor)? {
        ScoreValue::Label(label) => judgement(label),
        value => value,
    })
}

/// The words with which files say that nobody judged.
const NOTHING: [&str; 6] = ["n/a", "na", "none", "null", "-", "unknown"];

fn judgement(label: Text<'_>) -> ScoreValue<'_> {
    let decoded = label.decode();
    let word = decoded.trim();
    if word.is_empty() {
        return ScoreValue::Missing(Text::new("empty text"));
    }
    if NOTHING.iter().any(|nothing| word.eq_ignore_ascii_case(nothing)) {
        return ScoreValue::Missing(label);
    }
    let Ok(number) = word.parse::<f64>() else {
        return ScoreValue::Label(label);
    };
    if !number.is_finite() {
        return ScoreValue::Missing(label);
    }
    // As it was written if that is JSON; `.5` and `+1` are not.
    let written = RawJson::parse(word).map(RawJson::into_owned);
    match written.or_else(|_| RawJson::parse(&number.to_string()).map(RawJson::into_owned)) {
        Ok(number) => ScoreValue::Number(number),
        Err(_) => ScoreValue::Label(label),
    }
}

/// An ordinal, perhaps written as text.
pub(crate) fn ordinal(value: JsonView<'_>) -> Option<u64> {
    match value.as_text() {
        Some(text) => text.decode().trim().parse().ok(),
        None => value.as_str().parse().ok(),
    }
}

/// The group of all answers to one prompt: its key is a hash of messages and tools, as `openai-chat` has it.
pub(crate) fn prompt_group(messages: &[Message<'_>], tools: Option<&[Tool<'_>]>) -> Group<'static> {
    let mut canonical = Vec::with_capacity(1024);
    Trace::write_said(messages, tools, &mut canonical);
    hash_group(&canonical)
}

/// The group whose key is the hash of these bytes.
pub(crate) fn hash_group(bytes: &[u8]) -> Group<'static> {
    let key = Text::new(hexadecimal(digest(bytes)));
    Group::new(Key::new(key.into()), GroupKind::Prompt)
}

/// The 32 digits of a digest, without the machinery of formatting: there is one for every prompt.
fn hexadecimal(digest: u128) -> String {
    let digit = |place: u32| (digest >> (4 * place)) as u32 & 15;
    let digits = (0..32).rev().map(digit);
    digits.filter_map(|digit| char::from_digit(digit, 16)).collect()
}

/// An identity out of steps that are text already.
pub(crate) fn joined_key(steps: &[String]) -> Key<'static> {
    Key::new(Text::new(steps.join("/")).into())
}

/// A value as a step of such a path: a string without its quotes.
pub(crate) fn step(value: JsonView<'_>) -> String {
    Key::new(value.raw()).to_string()
}

/// Keeps fields that nobody took, if there are any, as one field of the trace.
pub(crate) fn keep(
    trace: &mut Trace<'_>,
    key: &'static str,
    rest: &Fields<'_>,
    limits: Limits,
) -> Result<(), DecodeError> {
    if !rest.is_empty() {
        insert(trace, key, object(rest, limits)?);
    }
    Ok(())
}

/// Keeps a value as a field of the trace, under `key` or, if the record has such a field, with underscores behind it.
pub(crate) fn insert<'a>(trace: &mut Trace<'a>, key: impl Into<Text<'a>>, value: RawJson<'a>) {
    let mut key = key.into();
    while trace.extra().get(&key.decode()).is_some() {
        key = Text::new(format!("{key}_"));
    }
    trace.extra_mut().insert(key, value);
}

/// Refuses a second conversation in a record that has its own elsewhere.
pub(crate) fn refuse_messages(trace: &Trace<'_>, place: &str) -> Result<(), DecodeError> {
    if trace.messages().is_empty() {
        return Ok(());
    }
    Err(second_conversation(place))
}

/// The error for a record that has its conversation elsewhere, and one in `messages` too.
pub(crate) fn second_conversation(place: &str) -> DecodeError {
    let message = format!("the record has its conversation in {place}, not in `messages` too");
    DecodeError::new(DecodeErrorKind::WrongValue, 0, message).in_key("messages")
}

/// Whether what stands under `system`, beside the messages, goes before them: text, or blocks of text, unless it is empty
/// or the messages have instructions of their own.
pub(crate) fn instructs(messages: &[Message<'_>], system: JsonView<'_>) -> bool {
    let first = messages.first();
    if first.is_some_and(|first| matches!(first.role(), Role::System | Role::Developer)) {
        return false;
    }
    let is_text = |value: Option<JsonView<'_>>| value.is_some_and(|value| value.kind() == Kind::String);
    match system.kind() {
        Kind::String => system.as_str() != "\"\"",
        Kind::Array => {
            let mut blocks = system.elements().peekable();
            blocks.peek().is_some() && blocks.all(|block| is_text(block.get("text")))
        }
        _ => false,
    }
}

/// The system message of what [`instructs`].
pub(crate) fn instruction(system: RawJson<'_>) -> Result<Message<'_>, DecodeError> {
    let content = match system.into_text() {
        Ok(text) => Content::Text(text),
        Err(blocks) => Content::read(&mut blocks.cursor())?.into_owned(),
    };
    let mut message = Message::new(Role::System);
    message.set_content(content);
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> String {
        match read_score(&mut Cursor::new(json)) {
            Ok(ScoreValue::Number(number)) => number.to_string(),
            Ok(ScoreValue::Missing(reason)) => format!("missing: {reason}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn numbers_in_text_are_numbers_as_they_were_written() {
        let cases = [
            ("0.70", "0.70"),
            ("\"0.70\"", "0.70"),
            ("\" 4 \"", "4"),
            ("\".5\"", "0.5"),
            ("\"+1\"", "1"),
            ("\"-1e-3\"", "-1e-3"),
        ];
        for (json, number) in cases {
            assert_eq!(value(json), number, "{json}");
        }
    }

    #[test]
    fn words_for_nothing_are_missing_scores_and_others_are_labels() {
        let cases = [
            ("null", "missing: null"),
            ("\"NaN\"", "missing: NaN"),
            ("\"-inf\"", "missing: -inf"),
            ("\"1e999\"", "missing: 1e999"),
            ("\"N/A\"", "missing: N/A"),
            ("\"None\"", "missing: None"),
            ("\" \"", "missing: empty text"),
            ("\"good\"", "Ok(Label(\"good\"))"),
            ("\"4/5\"", "Ok(Label(\"4/5\"))"),
            ("true", "Ok(Bool(true))"),
        ];
        for (json, expected) in cases {
            assert_eq!(value(json), expected, "{json}");
        }
    }

    #[test]
    fn errors_in_a_span_point_into_the_record() {
        let record = r#"{"a": {"b": [1, {"c": 7}]}}"#;
        let mut cursor = Cursor::new(record);
        let mut span = None;
        cursor
            .object(|cursor, _| {
                span = Some(Span::skip(record, cursor)?);
                Ok(())
            })
            .unwrap();
        let span = span.unwrap();
        assert!(span.has("b") && !span.has("c"));
        let error = span
            .read(|cursor| cursor.object(|cursor, _| cursor.array(|cursor, _| cursor.number().map(drop))))
            .unwrap_err();
        assert_eq!(error.path(), "b[1]");
        assert_eq!(error.column(), 17);
    }

    #[test]
    fn what_is_no_value_is_none_of_another_type_either() {
        let kind = |json: &str| wrong_type(&mut Cursor::new(json), "a list").kind();
        assert_eq!(kind("true"), DecodeErrorKind::WrongType);
        assert_eq!(kind("trve"), DecodeErrorKind::Syntax);
        assert_eq!(kind("tru"), DecodeErrorKind::Truncated);
    }

    #[test]
    fn written_paths_are_taken_apart() {
        for path in [
            "",
            "a",
            "[3]",
            "[3].a[1].b",
            "[3][4].a",
            "a.b[2]",
            "a[\"b c\"][1].d",
            "[\"b.c\"]",
        ] {
            let error = DecodeError::new(DecodeErrorKind::WrongValue, 0, "no");
            assert_eq!(below(error, path).path(), path);
        }
    }
}
