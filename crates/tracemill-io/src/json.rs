//! The structure of a JSON document, found without parsing the values in it.
//!
//! Only what stands between records is read token by token. The records themselves are passed over 64
//! bytes at a time, looking at quotes, backslashes and brackets alone: whether their content is JSON is the business of who decodes them.

mod cursor;
mod masks;
mod pointer;
mod string;
mod structure;

pub(crate) use cursor::{Cursor, Discard, Found, Keep, Kind, Nth, Sink};
pub(crate) use pointer::{Pointer, index, key_is};
