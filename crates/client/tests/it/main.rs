//! What this crate promises, against a scripted service on loopback.

#[cfg(test)]
mod event_logs;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod receiving;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tokens;
