//! Reads the sample and finds all its faults.

use serde_json::{Map, Value};

use super::lines::Lines;
use super::{Content, DEPTH_MAX, Node, SAMPLE_MAX_BYTES, SAMPLE_NODES_MAX, below};
use crate::codes::CodeMaps;
use crate::fault::{Fault, FaultKind, Faults};
use crate::word::{Missing, Scope, Words};

const WORDS: [&str; 7] = [
    "$from", "$as", "$codes", "$missing", "$each", "$if", "$empty",
];

pub(super) fn read(file: &str, bytes: &[u8], codes: &CodeMaps) -> Result<Node, Faults> {
    let whole = |line, kind| {
        Faults::one(Fault {
            file: file.to_owned(),
            line,
            at: String::new(),
            kind,
        })
    };
    if bytes.len() > SAMPLE_MAX_BYTES {
        let (bytes, max) = (bytes.len(), SAMPLE_MAX_BYTES);
        return Err(whole(None, FaultKind::TooLarge { bytes, max }));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole(None, FaultKind::NotUtf8))?;
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let line = u32::try_from(error.line()).ok();
        whole(
            line,
            FaultKind::Malformed {
                reason: error.to_string(),
            },
        )
    })?;
    let mut builder = Builder {
        file,
        codes,
        lines: Lines::of(text),
        faults: Vec::new(),
        nodes: 0,
    };
    let root = builder.node(value, "", Spot::Root, 0);
    Faults::unless_none(builder.faults, root)
}

/// Where in the sample a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Root,
    Member,
    Item,
}

struct Builder<'f> {
    file: &'f str,
    codes: &'f CodeMaps,
    lines: Lines,
    faults: Vec<Fault>,
    nodes: usize,
}

impl Builder<'_> {
    fn fault(&mut self, at: &str, kind: FaultKind) {
        self.faults.push(Fault {
            file: self.file.to_owned(),
            line: self.lines.at(at),
            at: at.to_owned(),
            kind,
        });
    }

    fn node(&mut self, value: Value, at: &str, spot: Spot, depth: usize) -> Node {
        self.nodes += 1;
        if self.nodes == SAMPLE_NODES_MAX + 1 {
            self.fault(
                at,
                FaultKind::TooMany {
                    max: SAMPLE_NODES_MAX,
                },
            );
        }
        if depth > DEPTH_MAX {
            self.fault(at, FaultKind::TooDeep { max: DEPTH_MAX });
            return Node {
                line: self.lines.at(at),
                scope: Scope::default(),
                content: Content::Constant(Value::Null),
            };
        }
        match value {
            Value::Object(members) => self.object(members, at, spot, depth),
            Value::Array(items) => {
                let item = |(index, item): (usize, Value)| {
                    self.node(item, &format!("{at}/{index}"), Spot::Item, depth + 1)
                };
                let items = items.into_iter().enumerate().map(item).collect();
                Node {
                    line: self.lines.at(at),
                    scope: Scope::default(),
                    content: Content::List(items),
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Node {
                line: self.lines.at(at),
                scope: Scope::default(),
                content: Content::Constant(value),
            },
        }
    }

    fn object(&mut self, members: Map<String, Value>, at: &str, spot: Spot, depth: usize) -> Node {
        let (words, members) = self.split(members, at);
        let word = |name: &str| words.get(name).and_then(Value::as_str);
        let binding_words = Words {
            from: word("$from"),
            convert: word("$as"),
            codes: word("$codes"),
            missing: word("$missing"),
        };
        let mut kinds = Vec::new();
        let scope = Scope::read(word("$each"), word("$if"), word("$empty"), &mut kinds);
        let binding = binding_words.read(self.lines.at(at), self.codes, &mut kinds);
        if let Some(word) = binding_words.orphan() {
            kinds.push(FaultKind::Needs {
                word: format!("${word}"),
                needs: "$from".to_owned(),
            });
        }
        let misplaced = |word: &str, reason: &str| FaultKind::Misplaced {
            word: word.to_owned(),
            reason: reason.to_owned(),
        };
        if scope.each.is_some() && spot != Spot::Item {
            kinds.push(misplaced("$each", "only items of a list are repeated"));
        }
        let scoped = word("$if").is_some() || word("$empty").is_some();
        let dropped = binding
            .as_ref()
            .is_some_and(|binding| binding.missing == Missing::Drop);
        if spot == Spot::Root && (scoped || dropped) {
            kinds.push(misplaced(
                "$if, $empty or $missing",
                "the root cannot be left out",
            ));
        }
        if binding.is_some() && !members.is_empty() {
            kinds.push(misplaced("$from", "a binding has no other members"));
        }
        for kind in kinds {
            self.fault(at, kind);
        }
        let content = if let Some(binding) = binding {
            Content::Bound(binding)
        } else {
            let member = |(name, value): (String, Value)| {
                let node = self.node(value, &below(at, &name), Spot::Member, depth + 1);
                (name, node)
            };
            Content::Object(members.into_iter().map(member).collect())
        };
        Node {
            line: self.lines.at(at),
            scope,
            content,
        }
    }

    /// Words apart from members.
    fn split(
        &mut self,
        object: Map<String, Value>,
        at: &str,
    ) -> (Map<String, Value>, Map<String, Value>) {
        let (mut words, mut members) = (Map::new(), Map::new());
        for (name, value) in object {
            if let Some(escaped) = name.strip_prefix("$$") {
                members.insert(format!("${escaped}"), value);
            } else if !name.starts_with('$') {
                members.insert(name, value);
            } else if !WORDS.contains(&name.as_str()) {
                self.fault(
                    at,
                    FaultKind::UnknownWord {
                        word: name,
                        known: WORDS.join(", "),
                    },
                );
            } else if value.is_string() {
                words.insert(name, value);
            } else {
                let allowed = "a text".to_owned();
                self.fault(
                    at,
                    FaultKind::BadValue {
                        word: name,
                        text: "…".to_owned(),
                        allowed,
                    },
                );
            }
        }
        (words, members)
    }
}
