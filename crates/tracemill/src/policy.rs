//! What may go wrong, and what happens then.

use std::str::FromStr;

use tracemill_formats::Loss;

/// What a bad record does to the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The run fails at the first one.
    #[default]
    Fail,
    /// The run goes on without it; it is counted, and written to the reject file if there is one.
    Skip,
}

/// Which losses are allowed: none unless named.
///
/// ```
/// use tracemill::{AllowedLosses, formats::Loss};
/// let allowed: AllowedLosses = "reasoning,text-beside-call".parse()?;
/// assert!(allowed.contains(Loss::Reasoning));
/// assert!(!allowed.contains(Loss::Tools));
/// let error = "resoning".parse::<AllowedLosses>().unwrap_err();
/// assert!(error.contains("`reasoning`"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedLosses([bool; Loss::ALL.len()]);

// By hand: arrays of more than 32 elements have no default.
impl Default for AllowedLosses {
    fn default() -> Self {
        AllowedLosses([false; Loss::ALL.len()])
    }
}

impl AllowedLosses {
    /// None is allowed.
    pub fn none() -> Self {
        AllowedLosses([false; Loss::ALL.len()])
    }

    /// Every one is allowed.
    pub fn all() -> Self {
        AllowedLosses([true; Loss::ALL.len()])
    }

    /// Allows one more.
    #[must_use]
    pub fn with(mut self, loss: Loss) -> Self {
        self.0[loss as usize] = true;
        self
    }

    /// Allows what `other` allows, too.
    #[must_use]
    pub fn union(mut self, other: &AllowedLosses) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
        self
    }

    /// Whether a loss is allowed.
    pub fn contains(&self, loss: Loss) -> bool {
        self.0[loss as usize]
    }

    /// The codes that are allowed.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        Loss::ALL
            .into_iter()
            .filter(|&loss| self.contains(loss))
            .map(Loss::code)
    }
}

/// Reads codes with commas between them, or `all`.
impl FromStr for AllowedLosses {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut allowed = AllowedLosses::none();
        for code in list.split(',').map(str::trim).filter(|code| !code.is_empty()) {
            if code == "all" {
                return Ok(AllowedLosses::all());
            }
            allowed = allowed.with(Loss::from_code(code).ok_or_else(|| unknown_loss(code))?);
        }
        Ok(allowed)
    }
}

fn unknown_loss(code: &str) -> String {
    let known: Vec<_> = Loss::ALL
        .iter()
        .map(|loss| format!("`{}`", loss.code()))
        .collect();
    format!(
        "there is no loss `{code}`; known codes: {}, or `all`",
        known.join(", ")
    )
}

/// What is done with logs that repeat the conversation so far in every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chains {
    /// Only the last record of each conversation is kept; the others count as superseded. The input is read twice.
    #[default]
    Last,
    /// Every record is kept.
    All,
}
