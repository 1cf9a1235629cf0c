//! The beginning of a file, and what it shows.
/// (to be written)
#[derive(Debug)]
pub struct Head;
/// (to be written)
#[derive(Debug)]
pub struct Evidence;
