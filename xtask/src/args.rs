//! Options of a command: `--name value`, `--name=value` and `--name`.

use crate::Result;

/// What stands after the command and has not been asked for yet.
pub(crate) struct Args {
    rest: Vec<String>,
}

impl Args {
    pub(crate) fn new(words: &[String]) -> Self {
        Args { rest: words.to_vec() }
    }

    /// Whether `--name` is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let found = self.rest.iter().position(|word| word == name);
        found.map(|at| self.rest.remove(at)).is_some()
    }

    /// The value of `--name`.
    pub(crate) fn option(&mut self, name: &str) -> Result<Option<String>> {
        let is_named = |word: &String| {
            word.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        let Some(at) = self.rest.iter().position(is_named) else {
            return Ok(None);
        };
        let word = self.rest.remove(at);
        if let Some((_, value)) = word.split_once('=') {
            return Ok(Some(value.to_owned()));
        }
        if at == self.rest.len() || self.rest[at].starts_with("--") {
            return Err(format!("`{name}` wants a value").into());
        }
        Ok(Some(self.rest.remove(at)))
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result {
        match self.rest.first() {
            None => Ok(()),
            Some(word) => Err(format!("`{word}` is not an option here; see `cargo xtask`").into()),
        }
    }
}

/// A number of bytes: `1500`, `64KB`, `200MB` or `1GB`, in powers of ten.
pub(crate) fn parse_size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        other => return Err(format!("`{other}` is not a unit of size; use KB, MB or GB").into()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{text}` is not a size such as 200MB"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| format!("`{text}` is too large").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args {
            rest: line.split_whitespace().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn options_take_both_forms() {
        let mut args = args("--size=1GB --seed 7 --check");
        assert_eq!(args.option("--seed").unwrap().as_deref(), Some("7"));
        assert_eq!(args.option("--size").unwrap().as_deref(), Some("1GB"));
        assert_eq!(args.option("--out").unwrap(), None);
        assert!(args.flag("--check"));
        assert!(!args.flag("--check"));
        args.finish().unwrap();
    }

    #[test]
    fn a_missing_value_is_refused() {
        assert!(args("--size").option("--size").is_err());
        assert!(args("--size --seed 1").option("--size").is_err());
    }

    #[test]
    fn longer_names_are_other_options() {
        let mut args = args("--sizes 3");
        assert_eq!(args.option("--size").unwrap(), None);
        assert!(args.finish().is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("1500").unwrap(), 1_500);
        assert_eq!(parse_size("200MB").unwrap(), 200_000_000);
        assert_eq!(parse_size("1GB").unwrap(), 1_000_000_000);
        for wrong in ["", "MB", "1MiB", "-1", "1.5GB", "99999999999GB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
