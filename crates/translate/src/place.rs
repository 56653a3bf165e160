//! A place in the sources.

use std::fmt;

use crate::source::Root;

/// Where a value stands: a JSON pointer (RFC 6901) into the data (`/antragsteller/0/name`), or into another source with
/// its variable in front (`$receiver/ags`). Names keys of the submission, never its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    root: Root,
    pointer: String,
}

impl Place {
    /// All of a source.
    pub const fn of(root: Root) -> Self {
        Self {
            root,
            pointer: String::new(),
        }
    }

    /// What the JSON pointer `pointer` names in a source.
    pub fn pointing(root: Root, pointer: impl Into<String>) -> Self {
        Self {
            root,
            pointer: pointer.into(),
        }
    }

    /// The member `key` below this place.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self {
            root: self.root,
            pointer: format!("{}/{escaped}", self.pointer),
        }
    }

    /// The item `index` (from 0) below this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self {
            root: self.root,
            pointer: format!("{}/{index}", self.pointer),
        }
    }

    /// The source it is in.
    pub const fn root(&self) -> Root {
        self.root
    }

    /// The JSON pointer inside its source; empty for the whole.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.root != Root::Data {
            f.write_str(self.root.variable())?;
        }
        f.write_str(&self.pointer)
    }
}
