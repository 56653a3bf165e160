//! JSON samples.
