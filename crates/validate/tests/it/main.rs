//! What people read of the findings, and what they never read.

#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod services;
#[cfg(test)]
mod wording;
