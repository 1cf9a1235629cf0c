//! What should not be in a text that a model is trained on.

mod people;
mod shapes;
mod trace;
mod words;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind, packed};
use memchr::{memchr_iter, memmem};

use crate::error::CurateError;
use people::{Numbers, Run};
pub use trace::{Finding, Unfit};

/// What is looked for inside of texts: contents, reasoning, and arguments of calls.
///
/// ```
/// use tracemill_curate::Screen;
/// assert_eq!(Screen::SpecialToken.find("a <|im_end|> b"), Some(2..12));
/// assert_eq!(Screen::Email.find("write to ana@firm.io."), Some(9..20));
/// assert_eq!(Screen::Secret.find("sk-learn is no key"), None);
/// assert_eq!("phone".parse(), Ok(Screen::Phone));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Screen {
    /// A key in a well-known shape: AWS, GitHub, GitLab, Google, Hugging Face, OpenAI and Anthropic, Slack, Stripe, npm, `PyPI`,
    /// `SendGrid`, Square, JSON web tokens, and private keys in PEM.
    Secret,
    /// An e-mail address; those of reserved domains (RFC 2606), such as `example.com`, are nobody's.
    Email,
    /// What is written as telephone numbers are, in the international form or that of North America.
    Phone,
    /// The number of a payment card: of a known network, and right by Luhn's check.
    Card,
    /// A token that divides turns in the template of some model, such as `<|im_end|>`.
    SpecialToken,
    /// What the validator of Nova refuses in any text, such as `User:`.
    ForbiddenNova,
    /// What Bedrock refuses for Claude: a line that begins with `Human:` or `Assistant:`.
    ForbiddenClaude,
}

impl Screen {
    /// Every one.
    pub const ALL: [Screen; 7] = [
        Screen::Secret,
        Screen::Email,
        Screen::Phone,
        Screen::Card,
        Screen::SpecialToken,
        Screen::ForbiddenNova,
        Screen::ForbiddenClaude,
    ];

    /// Those that matter wherever the data go: all but what single services forbid.
    pub const USUAL: [Screen; 5] = [
        Screen::Secret,
        Screen::Email,
        Screen::Phone,
        Screen::Card,
        Screen::SpecialToken,
    ];

    /// Its name, in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Screen::Secret => "secret",
            Screen::Email => "email",
            Screen::Phone => "phone",
            Screen::Card => "card",
            Screen::SpecialToken => "special-token",
            Screen::ForbiddenNova => "forbidden-nova",
            Screen::ForbiddenClaude => "forbidden-claude",
        }
    }

    /// What people call it.
    pub fn summary(self) -> &'static str {
        match self {
            Screen::Secret => "what looks like a key",
            Screen::Email => "an e-mail address",
            Screen::Phone => "what looks like a telephone number",
            Screen::Card => "what looks like the number of a card",
            Screen::SpecialToken => "a token that templates divide turns with",
            Screen::ForbiddenNova => "a word that Nova refuses",
            Screen::ForbiddenClaude => "a line that Bedrock refuses for Claude",
        }
    }

    /// Where it first is in a text, in bytes. To look into many texts, make one [`Screening`].
    pub fn find(self, text: &str) -> Option<Range<usize>> {
        Screening::new([self]).find(text).map(|found| found.range())
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// By its name.
impl FromStr for Screen {
    type Err = CurateError;

    fn from_str(name: &str) -> Result<Self, CurateError> {
        let found = Screen::ALL.into_iter().find(|screen| screen.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Screen::ALL.iter().map(|screen| screen.name()).collect();
            CurateError::new(format!(
                "nothing is screened for `{name}`; there are {}",
                names.join(", ")
            ))
        })
    }
}

/// Something that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    screen: Screen,
    code: &'static str,
    range: (usize, usize),
}

impl Found {
    fn new(screen: Screen, code: &'static str, range: Range<usize>) -> Self {
        Found {
            screen,
            code,
            range: (range.start, range.end),
        }
    }

    /// What it was found as.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// What exactly it is, such as `github-token`: stable, for reports.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where it is, in bytes.
    pub fn range(&self) -> Range<usize> {
        self.range.0..self.range.1
    }
}

/// A search for several of these at once. Making one costs some microseconds, and cloning it nothing.
///
/// Texts are looked at as they stand in JSON: they are not decoded, nothing is allocated where nothing is found, and
/// most are left after one look for the beginnings of words.
///
/// ```
/// use tracemill_curate::{Screen, Screening};
/// let screening = Screening::new(Screen::USUAL);
/// let text = "Ana (ana@firm.io, +49 30 1234567) pays with 4111 1111 1111 1111.";
/// let found: Vec<_> = screening.all(text).iter().map(|found| found.code()).collect();
/// assert_eq!(found, ["email", "phone", "card"]);
/// ```
#[derive(Clone)]
pub struct Screening {
    wanted: u8,
    exact: Option<Words>,
    folded: Option<Words>,
}

/// Words that are looked for, and what to do where one is.
#[derive(Clone)]
struct Words {
    search: Search,
    needles: Arc<[Needle]>,
}

/// How words are looked for.
#[derive(Clone)]
enum Search {
    /// With vectors: several times as fast, where the processor has them.
    Packed(Arc<packed::Searcher>),
    Automaton(Arc<AhoCorasick>),
}

#[derive(Clone, Copy)]
enum Needle {
    Shape(&'static shapes::Shape),
    PrivateKey,
    WebToken,
    AwsSecret,
    Token,
    Nova,
    Claude,
}

impl Screening {
    /// A search for these.
    pub fn new(screens: impl IntoIterator<Item = Screen>) -> Self {
        let wanted = screens.into_iter().fold(0, |bits, screen| bits | screen.bit());
        let mut exact: Vec<(&str, Needle)> = Vec::new();
        if wanted & Screen::Secret.bit() != 0 {
            exact.extend(
                shapes::SHAPES
                    .iter()
                    .map(|shape| (shape.prefix, Needle::Shape(shape))),
            );
            exact.extend([(shapes::PEM, Needle::PrivateKey), (shapes::JWT, Needle::WebToken)]);
            exact.extend(shapes::AWS.map(|name| (name, Needle::AwsSecret)));
        }
        if wanted & Screen::SpecialToken.bit() != 0 {
            exact.extend(words::TOKENS.map(|word| (word, Needle::Token)));
        }
        if wanted & Screen::ForbiddenClaude.bit() != 0 {
            exact.extend(words::CLAUDE.map(|word| (word, Needle::Claude)));
        }
        let mut folded = Vec::new();
        if wanted & Screen::ForbiddenNova.bit() != 0 {
            folded.extend(words::NOVA.map(|word| (word, Needle::Nova)));
        }
        Screening {
            wanted,
            exact: Words::exact(&exact),
            folded: Words::automaton(&folded, Case::Any),
        }
    }

    /// The first that is in a text.
    pub fn find(&self, text: &str) -> Option<Found> {
        self.all(text).into_iter().next()
    }

    /// Everything that is in a text, in order; of what overlaps, what begins first.
    pub fn all(&self, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        self.collect(text, &mut found);
        found
    }

    fn wants(&self, screen: Screen) -> bool {
        self.wanted & screen.bit() != 0
    }

    fn collect(&self, text: &str, found: &mut Vec<Found>) {
        for words in [&self.exact, &self.folded].into_iter().flatten() {
            words.each(text, |one| found.push(one));
        }
        if self.wants(Screen::SpecialToken) {
            // Two bytes are too few for a search with the others: each of them would be slow.
            let begins = memmem::find_iter(text.as_bytes(), words::PIPE);
            found.extend(begins.filter_map(|at| piped(text, at)));
        }
        if self.wants(Screen::Email) {
            let emails = memchr_iter(b'@', text.as_bytes()).filter_map(|at| people::email(text, at));
            found.extend(emails);
        }
        let numbers = Numbers {
            cards: self.wants(Screen::Card),
            phones: self.wants(Screen::Phone),
        };
        if numbers.cards || numbers.phones {
            each_number(text, numbers, |one| found.push(one));
        }
        if found.len() > 1 {
            found.sort_by_key(|one| one.range);
            let mut upto = 0;
            found.retain(|one| {
                let stays = one.range.0 >= upto;
                upto = upto.max(one.range.1);
                stays
            });
        }
    }
}

impl fmt::Debug for Screening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = Screen::ALL.into_iter().filter(|&screen| self.wants(screen));
        f.debug_list().entries(wanted).finish()
    }
}

impl PartialEq for Screening {
    fn eq(&self, other: &Self) -> bool {
        self.wanted == other.wanted
    }
}

impl Words {
    fn exact(words: &[(&str, Needle)]) -> Option<Words> {
        if words.is_empty() {
            return None;
        }
        let packed = packed::Config::new()
            .match_kind(packed::MatchKind::LeftmostFirst)
            .builder()
            .extend(words.iter().map(|(word, _)| word.as_bytes()))
            .build();
        match packed {
            Some(packed) => Some(Words::new(Search::Packed(Arc::new(packed)), words)),
            None => Words::automaton(words, Case::Kept),
        }
    }

    fn automaton(words: &[(&str, Needle)], case: Case) -> Option<Words> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .ascii_case_insensitive(case == Case::Any)
            .build(words.iter().map(|(word, _)| word))
            .ok()
            .filter(|_| !words.is_empty())?;
        Some(Words::new(Search::Automaton(Arc::new(automaton)), words))
    }

    fn new(search: Search, words: &[(&str, Needle)]) -> Words {
        Words {
            search,
            needles: words.iter().map(|&(_, needle)| needle).collect(),
        }
    }

    fn each(&self, text: &str, mut visit: impl FnMut(Found)) {
        let mut at = |pattern: aho_corasick::PatternID, range| {
            if let Some(found) = self.needles[pattern.as_usize()].at(text, range) {
                visit(found);
            }
        };
        match &self.search {
            Search::Packed(packed) => packed
                .find_iter(text)
                .for_each(|word| at(word.pattern(), word.range())),
            Search::Automaton(automaton) => automaton
                .find_iter(text)
                .for_each(|word| at(word.pattern(), word.range())),
        }
    }
}

/// Whether capitals matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Any,
}

impl Needle {
    fn at(self, text: &str, range: Range<usize>) -> Option<Found> {
        let start = range.start;
        match self {
            Needle::Shape(shape) => shape.at(text, start),
            Needle::PrivateKey => shapes::private_key(text, start),
            Needle::WebToken => shapes::web_token(text, start),
            Needle::AwsSecret => shapes::aws_secret(text, start),
            Needle::Token => Some(Found::new(Screen::SpecialToken, "special-token", range)),
            Needle::Nova => Some(Found::new(Screen::ForbiddenNova, "forbidden-nova", range)),
            Needle::Claude => words::begins_line(text, start)
                .then(|| Found::new(Screen::ForbiddenClaude, "forbidden-claude", range)),
        }
    }
}

/// The token that begins with `<|` at `start`, if there is such a one.
fn piped(text: &str, start: usize) -> Option<Found> {
    let rest = &text[start..];
    let token = words::PIPED.iter().find(|token| rest.starts_with(*token))?;
    let range = start..start + token.len();
    Some(Found::new(Screen::SpecialToken, "special-token", range))
}

/// Digits that are groups of a number: in every one of three or more there is a byte whose place can be divided by three.
fn each_number(text: &str, wanted: Numbers, mut visit: impl FnMut(Found)) {
    const STEP: usize = 3;
    let bytes = text.as_bytes();
    let (mut at, mut from) = (STEP - 1, 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += STEP;
            continue;
        }
        let run = Run::around(bytes, from, at);
        run.each(text, wanted, &mut visit);
        from = run.end();
        at = from + STEP - 1;
    }
}
