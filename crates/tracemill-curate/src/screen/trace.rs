//! Screening the texts of a trace, and taking out what was found.

use std::fmt;

use tracemill_model::{Arguments, Content, Message, Part, RawJson, Reasoning, Text, TextPart, Trace};

use super::{Found, Screen, Screening};

/// Something that was found in a trace. What it says is not repeated: reports are read by more people than data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    screen: Screen,
    code: &'static str,
    message: usize,
    field: Field,
}

/// Which text of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Content,
    Part(usize),
    /// A part that is no text, as it came.
    OtherPart(usize),
    Reasoning,
    Call(usize),
}

impl Finding {
    /// What it was found as.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// What exactly it is, such as `github-token`: stable.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The index of the message.
    pub fn message(&self) -> usize {
        self.message
    }

    /// The text that holds it, as a JSON pointer into the canonical form of the trace.
    pub fn pointer(&self) -> impl fmt::Display + '_ {
        Pointer(self)
    }
}

struct Pointer<'f>(&'f Finding);

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/messages/{}", self.0.message)?;
        match self.0.field {
            Field::Content => f.write_str("/content"),
            Field::Part(part) => write!(f, "/content/{part}/text"),
            Field::OtherPart(part) => write!(f, "/content/{part}"),
            Field::Reasoning => f.write_str("/reasoning"),
            Field::Call(call) => write!(f, "/tool_calls/{call}/arguments"),
        }
    }
}

/// What was found stands where nothing can take its place: as the name of a member, twice, or as a number of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(Finding);

impl Unfit {
    /// What was found.
    pub fn finding(&self) -> Finding {
        self.0
    }
}

impl Screening {
    /// Whether something is in a text of a trace.
    pub fn is_in(&self, trace: &Trace<'_>) -> bool {
        let mut any = false;
        self.screen(trace, |_| any = true);
        any
    }

    /// Calls `visit` with all that is in the texts of a trace, in their order.
    pub fn screen(&self, trace: &Trace<'_>, mut visit: impl FnMut(Finding)) {
        let mut found = Vec::new();
        for (index, message) in trace.messages().iter().enumerate() {
            each(message, |field, body| {
                self.collect(body, &mut found);
                for one in found.drain(..) {
                    visit(finding(&one, index, field));
                }
            });
        }
    }

    /// Replaces all that is in the texts of a trace, and calls `visit` with it.
    ///
    /// Secrets become `[SECRET]`, addresses `[EMAIL]`, telephone numbers `[PHONE]`, cards `[CARD]`; in arguments, where a number
    /// may have to stay one, digits of the last two become 1. Tokens and forbidden words get a space before their last
    /// character, which makes them ordinary text.
    ///
    /// # Errors
    /// If arguments, or content that is JSON, would no longer be JSON; then the trace is left half replaced, and is of no use.
    pub fn replace(&self, trace: &mut Trace<'_>, mut visit: impl FnMut(Finding)) -> Result<(), Unfit> {
        let mut found = Vec::new();
        for (index, message) in trace.messages_mut().iter_mut().enumerate() {
            // Most messages hold nothing: they are looked at, and only what is in the others is put together anew.
            let mut any = false;
            each(message, |_, body| {
                self.collect(body, &mut found);
                any |= !found.is_empty();
                found.clear();
            });
            if any {
                let mut note = |one: &Found, field| {
                    let finding = finding(one, index, field);
                    visit(finding);
                    finding
                };
                self.replace_message(message, &mut note)?;
            }
        }
        Ok(())
    }

    fn replace_message(
        &self,
        message: &mut Message<'_>,
        note: &mut impl FnMut(&Found, Field) -> Finding,
    ) -> Result<(), Unfit> {
        match message.content() {
            Content::Text(text) => {
                if let Some(text) = self.text(text, Field::Content, Place::Text, note)? {
                    message.set_content(text);
                }
            }
            Content::Parts(parts) => {
                let mut parts = parts.clone();
                for (index, part) in parts.iter_mut().enumerate() {
                    self.part(part, index, note)?;
                }
                message.set_content(Content::Parts(parts));
            }
            Content::Other(raw) => {
                if let Some(raw) = self.raw(raw, Field::Content, note)? {
                    message.set_content(Content::Other(raw));
                }
            }
            _ => {}
        }
        if let Some(Reasoning::Text(text)) = message.reasoning()
            && let Some(text) = self.text(text, Field::Reasoning, Place::Text, note)?
        {
            message.set_reasoning(Reasoning::Text(text));
        }
        for index in 0..message.tool_calls().len() {
            let arguments = match message.tool_calls()[index].arguments() {
                Arguments::Text(text) => self.arguments(text, index, note)?.map(Arguments::Text),
                Arguments::Value(raw) => self.raw(raw, Field::Call(index), note)?.map(Arguments::Value),
                _ => None,
            };
            if let Some(arguments) = arguments {
                message.tool_calls_mut()[index].set_arguments(arguments);
            }
        }
        Ok(())
    }

    fn part(
        &self,
        part: &mut Part<'_>,
        index: usize,
        note: &mut impl FnMut(&Found, Field) -> Finding,
    ) -> Result<(), Unfit> {
        match part {
            Part::Text(old) => {
                if let Some(text) = self.text(old.text(), Field::Part(index), Place::Text, note)? {
                    let mut new = TextPart::new(text);
                    std::mem::swap(new.extra_mut(), old.extra_mut());
                    *old = new;
                }
            }
            Part::Other(raw) => {
                if let Some(new) = self.raw(raw, Field::OtherPart(index), note)? {
                    *raw = new;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A text with what is in it replaced; none if nothing is.
    fn text(
        &self,
        text: &Text<'_>,
        field: Field,
        place: Place,
        note: &mut impl FnMut(&Found, Field) -> Finding,
    ) -> Result<Option<Text<'static>>, Unfit> {
        let Some((body, first)) = self.body(text.body(), field, place, note) else {
            return Ok(None);
        };
        // What takes the place of something needs no escape, and what is left stands as it stood.
        let quoted = format!("\"{body}\"");
        let parsed = RawJson::parse(&quoted).ok().and_then(|raw| raw.into_text().ok());
        parsed.map(|text| Some(text.into_owned())).ok_or(Unfit(first))
    }

    /// Arguments that are text; what was JSON stays JSON.
    fn arguments(
        &self,
        text: &Text<'_>,
        call: usize,
        note: &mut impl FnMut(&Found, Field) -> Finding,
    ) -> Result<Option<Text<'static>>, Unfit> {
        let mut first = None;
        let mut note = |one: &Found, field| {
            let finding = note(one, field);
            first.get_or_insert(finding);
            finding
        };
        let replaced = self.text(text, Field::Call(call), Place::Json, &mut note)?;
        let is_json = |text: &Text<'_>| RawJson::parse(&text.decode()).is_ok();
        match (first, &replaced) {
            (Some(first), Some(new)) if is_json(text) && !is_json(new) => Err(Unfit(first)),
            _ => Ok(replaced),
        }
    }

    /// JSON with what is in it replaced.
    fn raw(
        &self,
        raw: &RawJson<'_>,
        field: Field,
        note: &mut impl FnMut(&Found, Field) -> Finding,
    ) -> Result<Option<RawJson<'static>>, Unfit> {
        let Some((body, first)) = self.body(raw.as_str(), field, Place::Json, note) else {
            return Ok(None);
        };
        let parsed = RawJson::parse(&body).map(RawJson::into_owned);
        parsed.map(Some).map_err(|_| Unfit(first))
    }

    /// A text as it stands in JSON with what is in it replaced, and the first of that.
    fn body(
        &self,
        body: &str,
        field: Field,
        place: Place,
        note: &mut impl FnMut(&Found, Field) -> Finding,
    ) -> Option<(String, Finding)> {
        let all = self.all(body);
        let mut first = None;
        let (mut out, mut upto) = (String::with_capacity(body.len()), 0);
        for one in &all {
            let finding = note(one, field);
            first.get_or_insert(finding);
            out.push_str(&body[upto..one.range().start]);
            stand_in(one, &body[one.range()], place, &mut out);
            upto = one.range().end;
        }
        out.push_str(&body[upto..]);
        first.map(|first| (out, first))
    }
}

/// Whether a number may have to stay a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Json,
}

/// Appends what takes the place of `found`.
fn stand_in(one: &Found, found: &str, place: Place, out: &mut String) {
    match (one.screen, place) {
        (Screen::Secret, _) => out.push_str("[SECRET]"),
        (Screen::Email, _) => out.push_str("[EMAIL]"),
        (Screen::Phone | Screen::Card, Place::Json) => {
            out.extend(found.chars().map(|c| if c.is_ascii_digit() { '1' } else { c }));
        }
        (Screen::Phone, _) => out.push_str("[PHONE]"),
        (Screen::Card, _) => out.push_str("[CARD]"),
        (Screen::SpecialToken | Screen::ForbiddenNova | Screen::ForbiddenClaude, _) => {
            let last = found.char_indices().next_back().map_or(0, |(at, _)| at);
            out.push_str(&found[..last]);
            out.push(' ');
            out.push_str(&found[last..]);
        }
    }
}

fn finding(one: &Found, message: usize, field: Field) -> Finding {
    Finding {
        screen: one.screen,
        code: one.code,
        message,
        field,
    }
}

/// Calls `visit` with every text of a message as it stands in JSON, and where.
fn each(message: &Message<'_>, mut visit: impl FnMut(Field, &str)) {
    match message.content() {
        Content::Text(text) => visit(Field::Content, text.body()),
        Content::Parts(parts) => {
            for (index, part) in parts.iter().enumerate() {
                match part {
                    Part::Text(part) => visit(Field::Part(index), part.text().body()),
                    Part::Other(raw) => visit(Field::OtherPart(index), raw.as_str()),
                    _ => {}
                }
            }
        }
        Content::Other(raw) => visit(Field::Content, raw.as_str()),
        _ => {}
    }
    if let Some(text) = message.reasoning().and_then(Reasoning::as_text) {
        visit(Field::Reasoning, text.body());
    }
    for (index, call) in message.tool_calls().iter().enumerate() {
        match call.arguments() {
            Arguments::Text(text) => visit(Field::Call(index), text.body()),
            Arguments::Value(raw) => visit(Field::Call(index), raw.as_str()),
            _ => {}
        }
    }
}
