//! Ids for calls that have none, or whose ids a consumer refuses.

use tracemill_model::{CallRef, JsonWriter, Message, Text, ToolCall};

use crate::encoder::{EncodeError, EncodeErrorKind};

/// Numbers for the calls of a record, from which missing ids are made: `call_0`, `call_1`, ….
///
/// Deterministic, and no id comes out twice: numbering starts behind the largest recorded id of that form.
#[derive(Debug, Default)]
pub(crate) struct CallIds {
    /// The number of the first call.
    first: u64,
    /// Per message, how many calls stand before it.
    before: Vec<u64>,
    /// Whether recorded ids give way to numbers.
    replaces: bool,
}

impl CallIds {
    /// Numbers the calls of a conversation if one of them has no id.
    pub(crate) fn compute(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.before.clear();
        self.replaces = false;
        let mut calls = messages.iter().flat_map(Message::tool_calls);
        if calls.all(|call| call.id().is_some()) {
            return Ok(());
        }
        self.number_all(messages)
    }

    /// Numbers the calls of a conversation if one has no id, an empty one, or one that stands twice: for consumers that
    /// want each once.
    /// In the second case no recorded id is used.
    pub(crate) fn compute_unique(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.compute(messages)?;
        let calls = || messages.iter().flat_map(Message::tool_calls);
        let twice = |(index, call): (usize, &ToolCall<'_>)| {
            call.id()
                .is_some_and(|id| id.is_empty() || calls().take(index).any(|other| other.id() == Some(id)))
        };
        if calls().enumerate().any(twice) {
            self.replaces = true;
            self.number_all(messages)?;
        }
        Ok(())
    }

    /// Whether numbers take the place of recorded ids too.
    pub(crate) fn replaces_recorded(&self) -> bool {
        self.replaces
    }

    fn number_all(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.before.clear();
        let mut total = 0;
        for message in messages {
            self.before.push(total);
            total += message.tool_calls().len() as u64;
        }
        self.first = first_free(messages, total)?;
        Ok(())
    }

    /// The number of one more call, from 1. Only after the conversation was computed.
    pub(crate) fn next(&self, messages: &[Message<'_>]) -> Result<u64, EncodeError> {
        let made = messages.iter().flat_map(Message::tool_calls).count() as u64;
        let free = first_free(messages, made + 1)?;
        Ok(if self.before.is_empty() { free } else { free + made }.max(1))
    }

    /// The number of a call. Only calls of the conversation that was computed, and only if one had no id.
    pub(crate) fn number(&self, call: CallRef) -> u64 {
        let before = self.before.get(call.message).copied().unwrap_or_default();
        self.first + before + call.call as u64
    }
}

/// The number behind the largest that a recorded id holds, with room for `total` more.
fn first_free(messages: &[Message<'_>], total: u64) -> Result<u64, EncodeError> {
    let calls = messages.iter().flat_map(Message::tool_calls);
    let numbers = calls.filter_map(|call| call.id()?.body().strip_prefix("call_")?.parse::<u64>().ok());
    let first = match numbers.max() {
        None => Some(0),
        Some(largest) => largest.checked_add(1),
    };
    first
        .filter(|first| first.checked_add(total).is_some())
        .ok_or_else(|| {
            let text = "calls without an id need one, but the recorded ids leave no number free; give every call an id";
            EncodeError::new(EncodeErrorKind::Limit, text)
        })
}

/// Ids of nine letters and digits, as Mistral's tokenizers before version 13 ask for.
///
/// Recorded ids stay if all of a record have that form and differ. Else all are made anew, from the recorded id and
/// the place of the call: the same in every run, and no two of a record alike.
#[derive(Debug, Default)]
pub(crate) struct NineIds {
    /// Per message, how many calls stand before it.
    before: Vec<usize>,
    ids: Vec<Nine>,
    sorted: Vec<Nine>,
}

/// An id of nine letters and digits.
pub(crate) type Nine = [u8; 9];

impl NineIds {
    /// Takes or makes the ids of a conversation.
    ///
    /// # Errors
    /// If there are more calls than ids can be made for.
    pub(crate) fn compute(&mut self, messages: &[Message<'_>]) -> Result<(), EncodeError> {
        self.before.clear();
        self.ids.clear();
        let mut total = 0;
        for message in messages {
            self.before.push(total);
            total += message.tool_calls().len();
        }
        let calls = || messages.iter().flat_map(Message::tool_calls);
        self.ids.extend(calls().map_while(|call| recorded(call.id()?)));
        self.sorted.clear();
        self.sorted.extend_from_slice(&self.ids);
        self.sorted.sort_unstable();
        let differ = self.sorted.windows(2).all(|pair| pair[0] != pair[1]);
        if self.ids.len() == total && differ {
            return Ok(());
        }
        self.ids.clear();
        for (place, call) in calls().enumerate() {
            self.ids.push(nine(call.id().map_or("", Text::body), place)?);
        }
        Ok(())
    }

    /// Writes the id of a call of the conversation that was computed.
    pub(crate) fn write(&self, call: CallRef, w: &mut JsonWriter<'_>) {
        let before = self.before.get(call.message).copied().unwrap_or_default();
        let id = self.ids.get(before + call.call);
        w.str(id.and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default());
    }
}

fn recorded(id: &Text<'_>) -> Option<Nine> {
    let id: Nine = id.body().as_bytes().try_into().ok()?;
    id.iter().all(u8::is_ascii_alphanumeric).then_some(id)
}

/// Whether an id has nine letters and digits.
pub(crate) fn is_nine(id: &str) -> bool {
    id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An id made from a seed and a place. Ids of different places differ, whatever their seeds.
pub(crate) fn nine(seed: &str, place: usize) -> Result<Nine, EncodeError> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const PLACES: u64 = 62 * 62 * 62;
    const SEEDS: u64 = PLACES * PLACES;
    const ALL: u128 = SEEDS as u128 * PLACES as u128;
    // Prime to 62, so that multiplying mixes the digits and keeps ids apart.
    const MIX: u128 = 6_364_136_223_846_793_005;
    let place = u64::try_from(place)
        .ok()
        .filter(|place| *place < PLACES)
        .ok_or_else(|| {
            let text =
                format!("more than {PLACES} calls in one record, for which there are no ids of nine letters");
            EncodeError::new(EncodeErrorKind::Limit, text)
        })?;
    let number = u128::from(place) * u128::from(SEEDS) + u128::from(fnv(seed) % SEEDS);
    let mut rest = number * MIX % ALL;
    let mut id = [0; 9];
    for digit in id.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    Ok(id)
}

/// An id for one more call than a conversation has, which none of them has.
pub(crate) fn unused(messages: &[Message<'_>]) -> Result<Nine, EncodeError> {
    let calls = || messages.iter().flat_map(Message::tool_calls);
    let mut place = calls().count();
    loop {
        let id = nine("", place)?;
        if calls()
            .filter_map(|call| recorded(call.id()?))
            .all(|taken| taken != id)
        {
            return Ok(id);
        }
        place += 1;
    }
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use tracemill_model::{Arguments, Role, ToolCall};

    use super::*;

    #[test]
    fn ids_that_stand_twice_give_way_to_numbers() {
        let mut ids = CallIds::default();
        ids.compute_unique(&[message(&[Some("a"), Some("b")]), message(&[Some("c")])])
            .unwrap();
        assert!(!ids.replaces_recorded());
        let twice = [message(&[Some("a"), Some("call_4")]), message(&[Some("a")])];
        ids.compute_unique(&twice).unwrap();
        assert!(ids.replaces_recorded());
        let at = |message, call| ids.number(CallRef { message, call });
        assert_eq!([at(0, 0), at(0, 1), at(1, 0)], [5, 6, 7]);
    }

    fn message(ids: &[Option<&'static str>]) -> Message<'static> {
        let mut message = Message::new(Role::Assistant);
        for id in ids {
            let call = ToolCall::new(Text::new("f"), Arguments::Missing);
            message.push_tool_call(call.with_id(id.map(Text::new)));
        }
        message
    }

    fn numbers(messages: &[Message<'_>]) -> Result<Vec<u64>, EncodeError> {
        let mut ids = CallIds::default();
        ids.compute(messages)?;
        let calls = messages
            .iter()
            .enumerate()
            .flat_map(|(message, it)| (0..it.tool_calls().len()).map(move |call| CallRef { message, call }));
        Ok(calls.map(|call| ids.number(call)).collect())
    }

    #[test]
    fn numbers_start_behind_the_recorded_ones() {
        let plain = [message(&[None, None]), message(&[]), message(&[None])];
        assert_eq!(numbers(&plain).unwrap(), [0, 1, 2]);
        let mixed = [
            message(&[Some("call_7"), None]),
            message(&[Some("call_x"), Some("c")]),
            message(&[None]),
        ];
        assert_eq!(numbers(&mixed).unwrap(), [8, 9, 10, 11, 12]);
    }

    fn nines(messages: &[Message<'_>]) -> Vec<String> {
        let mut ids = NineIds::default();
        ids.compute(messages).unwrap();
        let all = ids.ids.iter().map(|id| String::from_utf8(id.to_vec()).unwrap());
        all.collect()
    }

    #[test]
    fn ids_of_nine_letters_stay_if_all_are_such_and_differ() {
        assert_eq!(
            nines(&[message(&[Some("Ab3dE6gH9"), Some("000000000")])]),
            ["Ab3dE6gH9", "000000000"]
        );
        for other in [
            Some("call_1234"),
            Some("Ab3dE6gH9"),
            Some("short"),
            Some("ABCDEFGHé"),
            None,
        ] {
            let made = nines(&[message(&[Some("Ab3dE6gH9")]), message(&[other])]);
            assert!(made.iter().all(|id| is_nine(id)), "{made:?}");
            assert_ne!(made[0], "Ab3dE6gH9");
            assert_ne!(made[0], made[1]);
        }
    }

    #[test]
    fn made_ids_differ_whatever_was_recorded_and_are_the_same_in_every_run() {
        let ids: std::collections::BTreeSet<_> = (0..5000)
            .map(|place| nine(["", "a", "b"][place % 3], place).unwrap())
            .collect();
        assert_eq!(ids.len(), 5000);
        assert_eq!(&nine("call_1", 0).unwrap(), b"ehXbu3KFx");
        assert_eq!(nine("a", 238_328).unwrap_err().kind(), EncodeErrorKind::Limit);
    }

    #[test]
    fn a_number_that_leaves_no_room_is_refused() {
        let full = [message(&[Some("call_18446744073709551615"), None])];
        assert_eq!(numbers(&full).unwrap_err().kind(), EncodeErrorKind::Limit);
        let nearly = [message(&[Some("call_18446744073709551613"), None, None])];
        assert_eq!(numbers(&nearly).unwrap_err().kind(), EncodeErrorKind::Limit);
    }
}
