//! Packages of this format: their examples, the laws, and the official schemas.

mod laws;
mod official;
mod packages;
