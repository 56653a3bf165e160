//! JSON pointers (RFC 6901) that are fit to be shown: a member's name is sender data unless the schema has it.

use std::fmt::Write as _;

/// What stands in for a name that must not be repeated.
pub(crate) const UNSHOWN: &str = "…";

/// Is this name of a member harmless enough to be repeated? At most 64 of `[A-Za-z0-9_-]`.
pub(crate) fn showable(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Appends one step to a pointer.
pub(crate) fn push(pointer: &mut String, name: &str) {
    let escaped = name.replace('~', "~0").replace('/', "~1");
    // Writing to a string cannot fail.
    let _ = write!(pointer, "/{escaped}");
}

/// The steps of a pointer, unescaped.
pub(crate) fn steps(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
}
