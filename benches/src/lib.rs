//! The workloads that tracemill is measured on, made from a seed.
//!
//! The library is what both `cargo xtask corpus` and the criterion benchmarks of this package use; it has no
//! dependency. See [`corpus`].

#![forbid(unsafe_code)]

pub mod corpus;
