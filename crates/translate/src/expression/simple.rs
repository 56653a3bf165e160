//! Plain paths: a head and steps by name or number. The only form whose exact place is known without running jq.

use jaq_json::Val;

use super::{Failure, Spot, Trail};
use crate::source::Root;
use crate::value;

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// `.`
    Here,
    /// `$root`, `$message` …
    Root(Root),
}

/// A plain path.
#[derive(Debug, Clone)]
pub(super) struct Simple {
    head: Head,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Index(usize),
}

impl Simple {
    /// None if `text` is anything but a plain path.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (head, mut rest) = match text.strip_prefix('$') {
            Some(after) => {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, rest) = text.split_at(end + 1);
                (Head::Root(Root::named(name)?), rest)
            }
            None => (Head::Here, text),
        };
        if head == Head::Here && rest == "." {
            rest = "";
        } else if head == Head::Here && !rest.starts_with('.') {
            return None;
        }
        let mut steps = Vec::new();
        if let Some(bracket) = rest.strip_prefix(".[") {
            rest = &rest[rest.len() - bracket.len() - 1..];
        }
        while !rest.is_empty() {
            let (step, after) = Step::parse(rest)?;
            steps.push(step);
            rest = after;
        }
        Some(Self { head, steps })
    }

    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// As jq walks: `null` has every member and item, as `null`; other values of the wrong kind fail.
    pub(super) fn walk(&self, start: Spot) -> Result<Spot, Failure> {
        self.steps.iter().try_fold(start, |spot, step| {
            let value = step.of(&spot.value).ok_or(Failure::Failed)?;
            let trail = match (spot.trail, step) {
                (Trail::At(place), Step::Key(key)) => Trail::At(place.key(key)),
                (Trail::At(place), Step::Index(index)) => Trail::At(place.index(*index)),
                (from @ Trail::From(_), _) => from,
            };
            Ok(Spot { value, trail })
        })
    }
}

impl Step {
    /// The first step of `text` and what follows it.
    fn parse(text: &str) -> Option<(Self, &str)> {
        if let Some(after) = text
            .strip_prefix("[\"")
            .or_else(|| text.strip_prefix(".\""))
        {
            let (key, after) = after.split_once('"')?;
            let after = if text.starts_with('[') {
                after.strip_prefix(']')?
            } else {
                after
            };
            return (!key.contains('\\')).then(|| (Self::Key(key.to_owned()), after));
        }
        if let Some(after) = text.strip_prefix('[') {
            let (index, after) = after.split_once(']')?;
            let plain = index.bytes().all(|byte| byte.is_ascii_digit());
            return plain.then(|| index.parse().ok().map(|index| (Self::Index(index), after)))?;
        }
        let after = text.strip_prefix('.')?;
        let end = after
            .find(|char: char| !char.is_ascii_alphanumeric() && char != '_')
            .unwrap_or(after.len());
        let (key, after) = after.split_at(end);
        let named = !key.is_empty() && !key.starts_with(|char: char| char.is_ascii_digit());
        named.then(|| (Self::Key(key.to_owned()), after))
    }

    fn of(&self, value: &Val) -> Option<Val> {
        match (self, value) {
            (_, Val::Null) => Some(Val::Null),
            (Self::Key(key), _) => value::member(value, key),
            (Self::Index(index), Val::Arr(items)) => {
                Some(items.get(*index).cloned().unwrap_or_default())
            }
            (Self::Index(_), _) => None,
        }
    }
}
