//! One file per command.

pub(crate) mod backup;
mod chain;
pub(crate) mod connect;
pub(crate) mod destination;
pub(crate) mod incident;
pub(crate) mod keys;
pub(crate) mod package;
pub(crate) mod receipt;
pub(crate) mod reply;
pub(crate) mod restore;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod submit;
pub(crate) mod uplink;
pub(crate) mod validate;
pub(crate) mod verify;
