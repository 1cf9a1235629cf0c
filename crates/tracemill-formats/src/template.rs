//! Chat templates of users, as options.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tracemill_model::RawJson;

/// A chat template in the manner of transformers, with what it needs to be told.
///
/// ```
/// use tracemill_formats::ChatTemplate;
/// let template = ChatTemplate::new("{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}")
///     .with_variable("eos_token", "\"</s>\"")?
///     .with_day("2025-06-28".parse()?);
/// assert_eq!(template.day().map(|day| day.to_string()).as_deref(), Some("2025-06-28"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatTemplate {
    source: Arc<str>,
    variables: Vec<(String, String)>,
    day: Option<Day>,
}

impl ChatTemplate {
    /// A template from its source. It is read when an encoder is made.
    pub fn new(source: impl Into<Arc<str>>) -> Self {
        ChatTemplate {
            source: source.into(),
            variables: Vec::new(),
            day: None,
        }
    }

    /// Gives a variable of the template a value, as JSON: a special token such as `eos_token`, or what transformers takes
    /// as `chat_template_kwargs`.
    ///
    /// # Errors
    /// If the value is no JSON.
    pub fn with_variable(mut self, name: impl Into<String>, json: &str) -> Result<Self, String> {
        let name = name.into();
        let value =
            RawJson::parse(json).map_err(|error| format!("the value of `{name}` is no JSON: {error}"))?;
        self.variables.push((name, value.as_str().to_owned()));
        Ok(self)
    }

    /// Says what day it is when the template asks; without, a template that asks fails.
    #[must_use]
    pub fn with_day(mut self, day: Day) -> Self {
        self.day = Some(day);
        self
    }

    /// The source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables and their values, as JSON.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, json)| (&**name, &**json))
    }

    /// What day it is.
    pub fn day(&self) -> Option<Day> {
        self.day
    }
}

/// A day, as `YYYY-MM-DD`.
///
/// ```
/// use tracemill_formats::Day;
/// assert_eq!("2024-02-29".parse::<Day>()?.to_string(), "2024-02-29");
/// assert!("2023-02-29".parse::<Day>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    year: u16,
    month: u8,
    date: u8,
}

const MONTHS: [(&str, u8); 12] = [
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

#[cfg(feature = "template")]
impl Day {
    pub(crate) fn year(self) -> u16 {
        self.year
    }

    pub(crate) fn month(self) -> u8 {
        self.month
    }

    pub(crate) fn day(self) -> u8 {
        self.date
    }

    pub(crate) fn month_name(self) -> &'static str {
        MONTHS[usize::from(self.month) - 1].0
    }

    pub(crate) fn weekday_name(self) -> &'static str {
        const NAMES: [&str; 7] = [
            "Sunday",
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
        ];
        // Sakamoto's method: what the months before add to the days of a year that begins in March.
        const SHIFTS: [u16; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = self.year - u16::from(self.month < 3);
        let leaps = year / 4 - year / 100 + year / 400;
        let shift = SHIFTS[usize::from(self.month) - 1];
        NAMES[usize::from((year + leaps + shift + u16::from(self.date)) % 7)]
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("a day is written as `2025-06-28`, not `{text}`");
        let mut parts = text.splitn(3, '-');
        let mut part = |width: usize| {
            let digits = parts.next().filter(|part| part.len() == width);
            digits
                .and_then(|digits| digits.parse::<u16>().ok())
                .ok_or_else(wrong)
        };
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let &(_, length) = usize::from(month)
            .checked_sub(1)
            .and_then(|index| MONTHS.get(index))
            .ok_or_else(wrong)?;
        let length = u16::from(length) + u16::from(is_leap && month == 2);
        if year == 0 || !(1..=length).contains(&day) {
            return Err(wrong());
        }
        let narrow = |number| u8::try_from(number).map_err(|_| wrong());
        Ok(Day {
            year,
            month: narrow(month)?,
            date: narrow(day)?,
        })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.date)
    }
}

#[cfg(all(test, feature = "template"))]
mod tests {
    use super::*;

    #[test]
    fn days_have_names() {
        for (day, month, weekday) in [
            ("2025-06-28", "June", "Saturday"),
            ("2024-02-29", "February", "Thursday"),
            ("2000-01-01", "January", "Saturday"),
            ("1999-12-31", "December", "Friday"),
        ] {
            let day: Day = day.parse().unwrap();
            assert_eq!((day.month_name(), day.weekday_name()), (month, weekday));
        }
    }
}
