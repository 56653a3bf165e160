//! The gateway in a box: memory store, memory blobs, a clock turned by hand, one request after the other.

#[cfg(test)]
mod access;
#[cfg(test)]
mod attachments;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod callbacks;
mod chain;
#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod destinations;
#[cfg(test)]
mod dropped;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod events;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod intake_api;
#[cfg(test)]
mod intake_repeat;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod life;
#[cfg(test)]
mod mails;
#[cfg(test)]
mod noting;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod pickup;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod rival;
#[cfg(test)]
mod rollover;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod spellings;
#[cfg(test)]
mod submissions;
#[cfg(test)]
mod token;
mod tricked;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod uplink;
