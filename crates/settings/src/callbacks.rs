//! How callbacks are sent.

use serde::Deserialize;

use crate::{SettingsFault, Span, fault};

/// `[gateway.callbacks]`; every value has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callbacks {
    /// Longest wait after the first failure; doubles with each, and any wait up to it may be drawn (10s).
    pub wait_first: Option<Span>,
    /// Longest wait between two tries; a foreign `Retry-After` is heard up to this (1h).
    pub wait_max: Option<Span>,
    /// A callback that could not be delivered for so long is given up (3d).
    pub give_up_after: Option<Span>,
    /// Calls at a time (32).
    pub concurrency: Option<usize>,
    /// Calls to one host at a time (4).
    pub per_host: Option<usize>,
    /// Failures in a row after which a host is asked by one call at a time only (5).
    pub circuit_failures: Option<u32>,
    /// How long such a host is left alone at first; doubles with each failed call (1m).
    pub circuit_wait: Option<Span>,
    /// How long such a host is left alone at most (30m).
    pub circuit_wait_max: Option<Span>,
}

impl Callbacks {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        let zero = |span: Option<Span>| span.is_some_and(|Span(span)| span.is_zero());
        for (key, is_zero) in [
            ("wait_first", zero(self.wait_first)),
            ("wait_max", zero(self.wait_max)),
            ("give_up_after", zero(self.give_up_after)),
            ("concurrency", self.concurrency == Some(0)),
            ("per_host", self.per_host == Some(0)),
            ("circuit_failures", self.circuit_failures == Some(0)),
            ("circuit_wait", zero(self.circuit_wait)),
            ("circuit_wait_max", zero(self.circuit_wait_max)),
        ] {
            if is_zero {
                faults.push(fault(
                    &format!("gateway.callbacks.{key}"),
                    "must not be zero",
                ));
            }
        }
    }
}
