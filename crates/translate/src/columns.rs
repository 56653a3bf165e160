//! Column lists.
