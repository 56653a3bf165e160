//! The agent against a gateway in the same process, over loopback.

#[cfg(test)]
mod back;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod large;
#[cfg(test)]
mod listening;
#[cfg(test)]
mod names;
#[cfg(test)]
mod packed;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod procedure;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod ways;
