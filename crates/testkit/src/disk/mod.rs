//! A disk whose power can be cut: a file system in this process's memory, mounted by FUSE.
//!
//! ```text
//!  processes under test ──system calls──► kernel ──/dev/fuse──► [`Disk`] ──► [`Platter`]: what is there, and what is durable
//!                                                                  │ power_off, fsync fails, no room
//!                                                                  └ Platter::after_power_cut(dice) ──► the next Disk
//! ```
//!
//! It promises less than any real file system, and nothing beyond what POSIX says: what was not fsynced may be there, may be
//! missing, and may be there in part, in any order. See [`Platter`] for the rules.
//!
//! Needs `/dev/fuse` and the right to mount (root, or root of a user namespace).

mod channel;
mod node;
mod pending;
mod platter;
mod serve;
#[cfg(test)]
mod tests;
mod wire;

pub use channel::{Disk, Unusable};
pub use platter::{Platter, Promise, Shortage};
