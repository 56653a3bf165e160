//! The gateway in a box: memory store, memory blobs, a clock turned by hand, one request after the other.

mod access;
mod attachments;
mod bench;
mod callbacks;
mod deadlines;
mod destinations;
mod events;
mod keys;
mod outage;
mod pickup;
mod problems;
mod routing;
mod submissions;
mod token;
