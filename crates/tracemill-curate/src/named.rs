//! Filters by the names that Kiln gives them.

use std::fmt;
use std::str::FromStr;

use tracemill_model::Trace;

use crate::condition::has_tag;
use crate::error::CurateError;

/// A filter of Kiln (`kiln_ai.datamodel.dataset_filters` of kiln-ai 1.2.0), by its id.
///
/// `all`, `high_rating`, `thinking_model`, `thinking_model_high_rated`, `tag::NAME`, and `multi_filter::A&B`, in which `\&`
/// is an ampersand of a name. A high rating is a score that counts of at least 4, Kiln's bound for five stars, the rating
/// that it uses unless told otherwise; thinking is reasoning in words in an assistant turn.
///
/// ```
/// use tracemill_curate::NamedFilter;
/// use tracemill_model::Trace;
/// let line = r#"{"messages":[{"role":"assistant","content":"a"}],"metadata":{"tags":["r&d"]}}"#;
/// let trace = Trace::from_json(line)?;
/// let accepts = |id: &str, score| id.parse::<NamedFilter>().map(|filter| filter.accepts(&trace, score));
/// assert_eq!(accepts("high_rating", Some(4.0)), Ok(true));
/// assert_eq!(accepts(r"multi_filter::tag::r\&d&high_rating", Some(3.9)), Ok(false));
/// assert_eq!(accepts(r"multi_filter::tag::r\&d&all", None), Ok(true));
/// assert!(accepts("multi_filter::", None).is_err() && accepts("tag::", None).is_err());
/// # Ok::<(), tracemill_model::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedFilter {
    /// Everything stays.
    All,
    /// The score that counts is at least 4.
    HighRating,
    /// An assistant turn has reasoning.
    ThinkingModel,
    /// Both of these.
    ThinkingModelHighRated,
    /// The trace has a tag.
    Tag(String),
    /// All of several.
    Multi(Vec<NamedFilter>),
}

/// Kiln's bound of a high rating, of five stars.
const HIGH: f64 = 4.0;

impl NamedFilter {
    /// Whether a trace stays; `score` is the one that counts.
    pub fn accepts(&self, trace: &Trace<'_>, score: Option<f64>) -> bool {
        let high = || score.is_some_and(|score| score >= HIGH);
        let thinking = || {
            trace
                .messages()
                .iter()
                .any(|message| message.reasoning().is_some_and(|r| r.as_text().is_some()))
        };
        match self {
            NamedFilter::All => true,
            NamedFilter::HighRating => high(),
            NamedFilter::ThinkingModel => thinking(),
            NamedFilter::ThinkingModelHighRated => thinking() && high(),
            NamedFilter::Tag(tag) => has_tag(trace, tag),
            NamedFilter::Multi(filters) => filters.iter().all(|filter| filter.accepts(trace, score)),
        }
    }

    /// The code under which what it takes out is counted.
    pub fn code(&self) -> &'static str {
        match self {
            NamedFilter::All => "all",
            NamedFilter::HighRating => "high-rating",
            NamedFilter::ThinkingModel => "thinking-model",
            NamedFilter::ThinkingModelHighRated => "thinking-model-high-rated",
            NamedFilter::Tag(_) => "tag",
            NamedFilter::Multi(_) => "multi-filter",
        }
    }

    /// Whether it looks at the score that counts.
    pub fn looks_at_scores(&self) -> bool {
        match self {
            NamedFilter::HighRating | NamedFilter::ThinkingModelHighRated => true,
            NamedFilter::Multi(filters) => filters.iter().any(NamedFilter::looks_at_scores),
            _ => false,
        }
    }
}

impl FromStr for NamedFilter {
    type Err = CurateError;

    fn from_str(id: &str) -> Result<Self, CurateError> {
        if let Some(tag) = id.strip_prefix("tag::").filter(|tag| !tag.is_empty()) {
            return Ok(NamedFilter::Tag(tag.to_owned()));
        }
        if let Some(list) = id.strip_prefix("multi_filter::").filter(|list| !list.is_empty()) {
            let parts = divided(list);
            return parts
                .iter()
                .map(|part| part.parse())
                .collect::<Result<_, _>>()
                .map(NamedFilter::Multi);
        }
        match id {
            "all" => Ok(NamedFilter::All),
            "high_rating" => Ok(NamedFilter::HighRating),
            "thinking_model" => Ok(NamedFilter::ThinkingModel),
            "thinking_model_high_rated" => Ok(NamedFilter::ThinkingModelHighRated),
            _ => Err(CurateError::new(format!(
                "there is no filter `{id}`; there are all, high_rating, thinking_model, thinking_model_high_rated, tag::NAME \
                 and multi_filter::A&B"
            ))),
        }
    }
}

/// Divides at ampersands that no backslash precedes.
fn divided(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in list.chars() {
        let Some(part) = parts.last_mut() else { break };
        match c {
            '&' if part.ends_with('\\') => {
                part.pop();
                part.push('&');
            }
            '&' => parts.push(String::new()),
            c => part.push(c),
        }
    }
    parts
}

impl fmt::Display for NamedFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamedFilter::All => f.write_str("all"),
            NamedFilter::HighRating => f.write_str("high_rating"),
            NamedFilter::ThinkingModel => f.write_str("thinking_model"),
            NamedFilter::ThinkingModelHighRated => f.write_str("thinking_model_high_rated"),
            NamedFilter::Tag(tag) => write!(f, "tag::{tag}"),
            NamedFilter::Multi(filters) => {
                f.write_str("multi_filter::")?;
                for (index, filter) in filters.iter().enumerate() {
                    let and = if index == 0 { "" } else { "&" };
                    write!(f, "{and}{}", filter.to_string().replace('&', r"\&"))?;
                }
                Ok(())
            }
        }
    }
}
