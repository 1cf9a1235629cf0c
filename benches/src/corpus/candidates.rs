//! Scored candidates: eight responses to each prompt.

use std::io::Write;

use super::random::{Median, Random, Stream};
use super::text::{Nesting, Style, Text, Texts};

/// Candidates of one turn.
const PER_TURN: u32 = 8;
/// Turns of one example.
const TURNS_PER_EXAMPLE: u32 = 4;
/// The mean length of a line, which decides how many turns fit in a size.
const MEAN_LINE: u64 = 2_100;
/// No prompt or response is longer.
const LONGEST: usize = 20_000;

/// Whether the candidates of a turn stand together.
#[derive(Clone, Copy)]
pub(super) enum Order {
    Random,
    Grouped,
}

/// The numbers of the candidates of a file, in the order of their lines.
pub(super) fn in_order(size: u64, seed: u64, order: Order) -> Vec<u32> {
    let turns = (size / (MEAN_LINE * u64::from(PER_TURN))).max(1);
    let turns = u32::try_from(turns)
        .unwrap_or(u32::MAX / PER_TURN)
        .min(u32::MAX / PER_TURN);
    let mut candidates: Vec<u32> = (0..turns * PER_TURN).collect();
    if let Order::Random = order {
        shuffle(&mut candidates, &mut Random::new(seed, Stream::Order, 0));
    }
    candidates
}

fn shuffle(items: &mut [u32], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
}

/// Appends the record of one candidate, without a line end.
pub(super) fn write_record(out: &mut Vec<u8>, texts: &Texts, seed: u64, candidate: u32) {
    let turn = candidate / PER_TURN;
    let mut prompt = Random::new(seed, Stream::Prompt, u64::from(turn));
    let mut response = Random::new(seed, Stream::Response, u64::from(candidate));
    write!(
        out,
        r#"{{"example_id":"ex-{:06}","turn_id":"t{}","candidate_index":{},"score":{},"prompt":""#,
        turn / TURNS_PER_EXAMPLE,
        turn % TURNS_PER_EXAMPLE,
        candidate % PER_TURN,
        Thousandths(response.below(1_001)),
    )
    .expect("a vector takes every write");
    write_text(out, texts, &mut prompt, Median::PROMPT);
    out.extend_from_slice(br#"","response":""#);
    write_text(out, texts, &mut response, Median::MESSAGE);
    out.extend_from_slice(br#""}"#);
}

fn write_text(out: &mut Vec<u8>, texts: &Texts, random: &mut Random, median: Median) {
    let style = if random.percent(45) {
        Style::Code
    } else {
        Style::Prose
    };
    let chars = random.length(median, LONGEST);
    texts.write(
        out,
        random,
        Text {
            style,
            nesting: Nesting::String,
            chars,
        },
    );
}

/// A score from 0 to 1 with three decimals, so that one pair in a thousand is a tie.
struct Thousandths(usize);

impl std::fmt::Display for Thousandths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_order_holds_every_candidate_once() {
        let grouped = in_order(1_000_000, 1, Order::Grouped);
        let mut random = in_order(1_000_000, 1, Order::Random);
        assert_ne!(random, grouped);
        random.sort_unstable();
        assert_eq!(random, grouped);
        assert_eq!(grouped.len() % PER_TURN as usize, 0);
    }

    #[test]
    fn scores_are_decimals() {
        assert_eq!(Thousandths(7).to_string(), "0.007");
        assert_eq!(Thousandths(1_000).to_string(), "1.000");
    }
}
