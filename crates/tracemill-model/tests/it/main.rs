//! The model as its users meet it: every test goes through the public API.

mod damage;
mod errors;
mod golden;
mod json;
mod links;
mod schema;
mod strategies;
mod text;
mod trace;
mod traces;
mod tree;
mod writer;
