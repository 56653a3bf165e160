//! The gateway in a box: memory store, memory blobs, a clock turned by hand, one request after the other.

mod access;
mod attachments;
mod bench;
mod events;
mod pickup;
mod submissions;
mod token;
