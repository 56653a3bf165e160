//! Laws every transport keeps.
