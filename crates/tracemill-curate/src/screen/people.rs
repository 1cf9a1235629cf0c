//! What leads to a person: addresses, telephone numbers, cards.

use super::shapes::word;
use super::{Found, Screen};

/// Endings of files, which stand behind an `@` in names such as `icon@2x.png`.
const FILES: [&str; 6] = ["png", "jpg", "jpeg", "gif", "svg", "webp"];

/// RFC 2606: nobody has these.
const RESERVED: [&str; 7] = [
    "example.com",
    "example.org",
    "example.net",
    ".example",
    ".test",
    ".invalid",
    ".localhost",
];

/// The address around the `@` at `at`, if it is one.
pub(super) fn email(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let local = |byte: u8| word(byte) || b".+%".contains(&byte);
    let host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let mut start = at - bytes[..at].iter().rev().take_while(|&&byte| local(byte)).count();
    if start > 0 && bytes[start - 1] == b'\\' {
        // The first letters are an escape's: they stay, or what is replaced would not decode.
        let is_code = bytes[start] == b'u' && start + 5 <= at;
        start += if is_code { 5 } else { 1 };
    }
    let length = bytes[at + 1..].iter().take_while(|&&byte| host(byte)).count();
    let domain = text[at + 1..at + 1 + length].trim_end_matches(['.', '-']);
    let (name, top) = domain.rsplit_once('.')?;
    let nobody = RESERVED.iter().any(|reserved| {
        let tail = domain.len().checked_sub(reserved.len());
        tail.is_some_and(|tail| domain[tail..].eq_ignore_ascii_case(reserved))
    });
    let is_domain = !name.is_empty()
        && !name.starts_with(['.', '-'])
        && !domain.contains("..")
        && top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !FILES.contains(&top);
    // `git@host` is how repositories are named.
    let somebody = start < at && &text[start..at] != "git" && bytes[start] != b'.';
    let fits = somebody && is_domain && !nobody;
    fits.then(|| Found::new(Screen::Email, "email", start..at + 1 + domain.len()))
}

/// Groups of digits in one run; numbers have no more, and what does is a table.
const GROUPS: usize = 24;

/// Groups of digits with one separator between any two of them.
#[derive(Debug)]
pub(super) struct Run {
    groups: [(usize, usize); GROUPS],
    count: usize,
    end: usize,
}

impl Run {
    /// The run that the digit at `at` is part of, as far as it lies behind `from`.
    pub(super) fn around(bytes: &[u8], from: usize, at: usize) -> Run {
        let mut start = at;
        loop {
            while start > from && bytes[start - 1].is_ascii_digit() {
                start -= 1;
            }
            let back = (1..=2).find(|&back| {
                let digit = start.checked_sub(back + 1);
                digit.is_some_and(|digit| digit >= from && bytes[digit].is_ascii_digit())
                    && separates(&bytes[start - back..start])
            });
            match back {
                Some(back) => start -= back,
                None => break,
            }
        }
        let mut run = Run {
            groups: [(0, 0); GROUPS],
            count: 0,
            end: start,
        };
        while run.count < GROUPS {
            let first = run.end;
            while bytes.get(run.end).is_some_and(u8::is_ascii_digit) {
                run.end += 1;
            }
            run.groups[run.count] = (first, run.end);
            run.count += 1;
            let next = (1..=2).find(|&ahead| {
                bytes.get(run.end + ahead).is_some_and(u8::is_ascii_digit)
                    && separates(&bytes[run.end..run.end + ahead])
            });
            match next {
                Some(ahead) if run.count < GROUPS => run.end += ahead,
                _ => break,
            }
        }
        run
    }

    /// Where it ends.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Calls `found` with the telephone numbers and cards in it.
    pub(super) fn each(&self, text: &str, wanted: Numbers, mut found: impl FnMut(Found)) {
        let mut first = 0;
        while first < self.count {
            let most = (first + 6).min(self.count);
            // The longest first: what begins a card is no telephone number.
            let number = (first..most)
                .rev()
                .find_map(|last| self.one(text, first, last, wanted).map(|one| (last, one)));
            first = match number {
                Some((last, one)) => {
                    found(one);
                    last + 1
                }
                None => first + 1,
            };
        }
    }

    fn one(&self, text: &str, first: usize, last: usize, wanted: Numbers) -> Option<Found> {
        let groups = &self.groups[first..=last];
        let digits: usize = groups.iter().map(|(start, end)| end - start).sum();
        if !(8..=19).contains(&digits) {
            return None;
        }
        let bytes = text.as_bytes();
        let (start, end) = (groups[0].0, groups[groups.len() - 1].1);
        if wanted.cards && alone(bytes, start, end) && is_card(&text[start..end], groups) {
            return Some(Found::new(Screen::Card, "card", start..end));
        }
        let opened = bytes[..start]
            .iter()
            .rev()
            .take_while(|&&byte| b"(+".contains(&byte))
            .count();
        let start = start - opened;
        let fits = wanted.phones && alone(bytes, start, end) && is_phone(&text[start..end], groups);
        fits.then(|| Found::new(Screen::Phone, "phone", start..end))
    }
}

/// Which numbers are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) cards: bool,
    pub(super) phones: bool,
}

fn separates(between: &[u8]) -> bool {
    matches!(between, b" " | b"-" | b"." | b")" | b") " | b")-" | b" (" | b"-(")
}

/// Whether nothing is tied to either end, as in `v1.2`, `id-555` and `5551234567x`.
fn alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let ties = |byte: u8| word(byte) || byte >= 0x80 || b"./+#$%".contains(&byte);
    let before = |back: usize| start.checked_sub(back).map(|at| bytes[at]);
    let escaped = before(2) == Some(b'\\');
    let free = before(1).is_none_or(|byte| !ties(byte)) || escaped;
    // A full stop ends a sentence.
    let stops = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_none_or(|&byte| !word(byte));
    free && (stops || bytes.get(end).is_none_or(|&byte| !ties(byte) && byte != b'('))
}

fn digits(written: &str) -> impl DoubleEndedIterator<Item = u8> + Clone {
    written.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0')
}

fn is_grouped(groups: &[(usize, usize)], as_in: &[usize]) -> bool {
    groups.len() == as_in.len()
        && groups
            .iter()
            .zip(as_in)
            .all(|((start, end), &length)| end - start == length)
}

/// Whether it is the number of a card: the digits of a network (ISO/IEC 7812), as many as it uses, in groups as they are
/// printed, and right by Luhn's check.
fn is_card(written: &str, groups: &[(usize, usize)]) -> bool {
    const PRINTED: [&[usize]; 5] = [
        &[4, 4, 4, 4],
        &[4, 6, 5],
        &[4, 6, 4],
        &[4, 4, 4, 1],
        &[4, 4, 4, 4, 3],
    ];
    let grouped = groups.len() == 1 || PRINTED.iter().any(|printed| is_grouped(groups, printed));
    let is_one = |separator: u8| {
        written
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == separator)
    };
    if !grouped || !(is_one(b' ') || is_one(b'-')) {
        return false;
    }
    let lead = digits(written)
        .take(4)
        .fold(0, |lead, digit| lead * 10 + u32::from(digit));
    let lengths: &[usize] = match lead {
        // Visa
        4000..=4999 => &[13, 16, 19],
        // Mastercard, Discover, JCB
        2221..=2720 | 5100..=5599 | 6011 | 6440..=6599 | 3528..=3589 => &[16],
        // American Express
        3400..=3499 | 3700..=3799 => &[15],
        // Diners Club
        3000..=3059 | 3600..=3699 | 3800..=3999 => &[14],
        _ => &[],
    };
    lengths.contains(&digits(written).count()) && luhn(digits(written))
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let weighed = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| match u32::from(digit) * 2 {
            _ if place % 2 == 0 => u32::from(digit),
            double if double > 9 => double - 9,
            double => double,
        });
    weighed.sum::<u32>() % 10 == 0
}

/// Whether it is written as telephone numbers are: `+` and a country (E.164, 8 to 15 digits), or the groups of North America
/// with something other than spaces between them.
///
/// The numbers of fiction, 555-01xx, are nobody's. Digits without separators and without `+` are any number.
fn is_phone(written: &str, groups: &[(usize, usize)]) -> bool {
    let count = digits(written).count();
    // What digits were replaced with is nobody's either.
    if is_fiction(written, count) || digits(written).all(|digit| digit == 1) {
        return false;
    }
    if let Some(rest) = written.strip_prefix('+') {
        let is_country = digits(written).next() != Some(0) && !rest.contains('+');
        return is_country && (groups.len() > 1 || count >= 10) && count <= 15;
    }
    let country = is_grouped(groups, &[1, 3, 3, 4]) && digits(written).next() == Some(1);
    if written.contains('+') || !(country || is_grouped(groups, &[3, 3, 4])) {
        return false;
    }
    let mut local = digits(written).skip(usize::from(country));
    // The area and the exchange of the North American plan begin with 2 to 9.
    let (area, exchange) = (local.next(), local.nth(2));
    let told = written.contains(['-', '.', '(']) && !(written.contains('.') && written.contains('-'));
    told && area >= Some(2) && exchange >= Some(2)
}

fn is_fiction(written: &str, count: usize) -> bool {
    count >= 7 && digits(written).skip(count - 7).take(5).eq([5, 5, 5, 0, 1])
}
