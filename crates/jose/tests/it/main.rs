//! What this crate promises, as seen from outside.

#[cfg(test)]
mod jwks;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod parsers;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod traps;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod vectors;
