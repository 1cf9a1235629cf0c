//! Prompts from a file of their own.

use std::collections::BTreeMap;

use tracemill_model::json::{Cursor, Kind};
use tracemill_model::{DecodeError, DecodeErrorKind, Limits, Text};

use crate::record::Once;

/// What the cases of evaluation sets ask, for results that do not say it.
///
/// Read from the definition of an evaluation set of `swink-agent-eval`, `{"id", "cases": [{"id", "system_prompt",
/// "user_messages"}]}`, or from a list of such definitions.
///
/// ```
/// use tracemill_sources::Prompts;
/// let prompts = Prompts::from_json(r#"{"id":"s","cases":[{"id":"c","system_prompt":"","user_messages":["2+2?"]}]}"#)?;
/// assert_eq!(prompts.len(), 1);
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    /// By case; of each, the sets that have it.
    cases: BTreeMap<String, Vec<(Option<String>, CasePrompt)>>,
}

/// What one case asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct CasePrompt {
    pub(crate) system: Option<Text<'static>>,
    pub(crate) users: Vec<Text<'static>>,
}

impl Prompts {
    /// Reads definitions of evaluation sets.
    ///
    /// # Errors
    /// If the text is not JSON, is no definition, or has one case twice; with column and path.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::with_limits(text, Limits::default());
        let mut prompts = Prompts::default();
        match cursor.peek()? {
            Kind::Array => cursor.array(|cursor, _| prompts.read_set(cursor))?,
            _ => prompts.read_set(&mut cursor)?,
        }
        cursor.finish()?;
        Ok(prompts)
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.cases.values().map(Vec::len).sum()
    }

    /// Whether there is no case.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// What a case asks: of its own set if that is known, else of the only set that has it.
    pub(crate) fn of(&self, set: Option<&str>, case: &str) -> Option<&CasePrompt> {
        let sets = self.cases.get(case)?;
        let known = |id: &Option<String>| id.is_some() && id.as_deref() == set;
        match sets.as_slice() {
            [(id, only)] if set.is_none() || id.is_none() || known(id) => Some(only),
            several => several.iter().find(|(id, _)| known(id)).map(|(_, prompt)| prompt),
        }
    }

    fn read_set(&mut self, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        let (mut id, mut cases) = (None, None);
        let mut once = Once::of(&["id", "cases"]);
        cursor.object(|cursor, key| {
            once.note(cursor, key)?;
            match key.body() {
                "id" => id = cursor.optional_text()?.map(|id| id.decode().into_owned()),
                "cases" => cases = Some(read_cases(cursor)?),
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        let message = "the definition of an evaluation set needs `cases`";
        let cases = cases.ok_or_else(|| cursor.error(DecodeErrorKind::MissingField, message))?;
        for (case, prompt) in cases {
            let sets = self.cases.entry(case).or_default();
            if sets.iter().any(|(other, _)| *other == id) {
                let message = "a case of an evaluation set is defined twice";
                return Err(cursor.error(DecodeErrorKind::WrongValue, message));
            }
            sets.push((id.clone(), prompt));
        }
        Ok(())
    }
}

fn read_cases(cursor: &mut Cursor<'_>) -> Result<Vec<(String, CasePrompt)>, DecodeError> {
    let mut cases = Vec::new();
    cursor.array(|cursor, _| {
        cases.push(read_case(cursor)?);
        Ok(())
    })?;
    Ok(cases)
}

fn read_case(cursor: &mut Cursor<'_>) -> Result<(String, CasePrompt), DecodeError> {
    let (mut id, mut prompt) = (None, CasePrompt::default());
    let mut once = Once::of(&["id", "system_prompt", "user_messages"]);
    cursor.object(|cursor, key| {
        once.note(cursor, key)?;
        match key.body() {
            "id" => id = Some(cursor.text()?.decode().into_owned()),
            "system_prompt" => prompt.system = read_system(cursor)?.map(Text::into_owned),
            "user_messages" => {
                let users = read_users(cursor)?;
                prompt.users = users.into_iter().map(Text::into_owned).collect();
            }
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    let id = id.ok_or_else(|| cursor.error(DecodeErrorKind::MissingField, "a case needs an `id`"))?;
    Ok((id, prompt))
}

/// A system prompt; an empty one is none, because that is what the field holds when there is none.
pub(crate) fn read_system<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Text<'a>>, DecodeError> {
    Ok(cursor.optional_text()?.filter(|text| !text.is_empty()))
}

/// The list of what the user says.
pub(crate) fn read_users<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Text<'a>>, DecodeError> {
    let mut users = Vec::new();
    if !cursor.null()? {
        cursor.array(|cursor, _| {
            users.push(cursor.text()?);
            Ok(())
        })?;
    }
    Ok(users)
}
