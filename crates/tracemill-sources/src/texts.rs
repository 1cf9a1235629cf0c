//! What records become when they are spelled anew.

use std::cell::OnceCell;

use tracemill_model::json::{CursorBuffers, IndexedJson, JsonIndex};
use tracemill_model::{JsonView, RawJson};

/// Texts, and places in texts, that are made while records are read and that traces borrow from, as they do from the records.
///
/// A record whose JSON is not canonical, because there are spaces in it for one, is spelled anew once, and its traces hold
/// pieces of that. Whoever drives a source keeps the texts as long as the traces: for a block of records they come to no
/// more than the block.
#[derive(Debug, Default)]
pub struct Texts {
    /// Empty if traces borrow from the record itself.
    text: OnceCell<RawJson<'static>>,
    index: OnceCell<JsonIndex>,
    next: OnceCell<Box<Texts>>,
}

impl Texts {
    /// No texts yet.
    pub fn new() -> Self {
        Texts::default()
    }

    /// The value where traces can borrow from it: what does not borrow already goes among the texts. Then `texts` is where the
    /// next one can go, so that nobody looks for that again.
    pub(crate) fn keep<'a>(texts: &mut &'a Texts, value: IndexedJson<'a>) -> JsonView<'a> {
        let (json, index) = value.into_parts();
        let json = match json.into_view() {
            Ok(view) if index.is_empty() => return view,
            json => json,
        };
        let free = texts.free();
        *texts = free;
        let view = json.unwrap_or_else(|owned| free.text.get_or_init(|| owned).view());
        free.index.get_or_init(|| index).of(view)
    }

    /// The first from here on that holds nothing.
    pub(crate) fn free(&self) -> &Texts {
        let mut free = self;
        while free.index.get().is_some() {
            free = free.next();
        }
        free
    }

    /// Gives the buffers to whoever reads the next record: nothing borrows from them any more.
    pub fn leave_to(self, buffers: &mut CursorBuffers) {
        let mut texts = self;
        loop {
            let next = texts.next.take();
            buffers.reclaim_indexed(texts.text.take(), texts.index.take());
            match next {
                Some(next) => texts = *next,
                None => return,
            }
        }
    }

    fn next(&self) -> &Texts {
        self.next.get_or_init(Box::default)
    }
}

impl Drop for Texts {
    /// One after another: as a chain they would be dropped one inside of the other.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut texts) = next {
            next = texts.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use tracemill_model::json::Cursor;

    use super::*;

    fn spelled(number: usize) -> IndexedJson<'static> {
        let text = format!("[ {number} ]");
        let spelled = RawJson::parse(&text).expect("it is JSON");
        spelled.into_owned().into()
    }

    #[test]
    fn what_is_kept_stays_where_it_is_whatever_comes_later() {
        let texts = Texts::new();
        let mut free = &texts;
        let views: Vec<_> = (0..100)
            .map(|number| Texts::keep(&mut free, spelled(number)))
            .collect();
        for (number, view) in views.iter().enumerate() {
            assert_eq!(view.as_str(), format!("[{number}]"));
        }
    }

    #[test]
    fn what_borrows_already_is_not_kept() {
        let (texts, record) = (Texts::new(), "[1]".to_owned());
        let view = Texts::keep(&mut &texts, RawJson::parse(&record).expect("it is JSON").into());
        assert!(std::ptr::eq(view.as_str(), record.as_str()));
        assert!(texts.index.get().is_none());
    }

    #[test]
    fn of_what_borrows_only_the_places_are_kept() {
        let (texts, record) = (Texts::new(), "[1,[2]]".to_owned());
        let indexed = Cursor::new(&record).indexed().expect("it is JSON");
        let view = Texts::keep(&mut &texts, indexed);
        assert!(std::ptr::eq(view.as_str(), record.as_str()));
        assert_eq!(view.pointer("/1/0").map(JsonView::as_str), Some("2"));
        assert!(texts.index.get().is_some());
    }

    #[test]
    fn a_long_chain_is_dropped_without_depth() {
        let texts = Texts::new();
        let mut free = &texts;
        for number in 0..200_000 {
            Texts::keep(&mut free, spelled(number));
        }
        assert!(free.free().index.get().is_none());
    }
}
