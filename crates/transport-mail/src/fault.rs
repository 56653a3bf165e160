//! Whose fault it is.

use amtsbote_adapter::Fault;

pub(crate) fn unavailable(reason: &str) -> Fault {
    Fault::Unavailable {
        reason: reason.to_owned(),
        retry_after: None,
    }
}

pub(crate) fn misconfigured(what: &str) -> Fault {
    Fault::Misconfigured {
        what: what.to_owned(),
    }
}
