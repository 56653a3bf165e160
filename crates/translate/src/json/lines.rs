//! On which line each value of a JSON text begins.

use std::collections::BTreeMap;

use super::below;

/// Line (from 1) of each value, by the JSON pointer it has in the sample: `$$name` is the member `$name`.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<String, u32>);

impl Lines {
    /// Of a text that is known to be JSON; of anything else, whatever could be told apart.
    pub(super) fn of(text: &str) -> Self {
        let mut scan = Scan {
            text,
            at: 0,
            line: 1,
            open: Vec::new(),
            lines: Self::default(),
        };
        while scan.step().is_some() {}
        scan.lines
    }

    pub(super) fn at(&self, pointer: &str) -> Option<u32> {
        self.0.get(pointer).copied()
    }
}

/// An object or list that is not closed yet.
struct Open {
    pointer: String,
    /// The next item of a list; none for objects.
    index: Option<usize>,
    /// The member whose value comes next.
    name: Option<String>,
}

/// Flat, so that no nesting of the text deepens the stack.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    open: Vec<Open>,
    lines: Lines,
}

impl Scan<'_> {
    /// One token; none at the end.
    fn step(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let first = rest.chars().next()?;
        match first {
            '\n' => {
                self.line += 1;
                self.at += 1;
            }
            '{' | '[' => {
                let pointer = self.value();
                let index = (first == '[').then_some(0);
                let name = None;
                self.open.push(Open {
                    pointer,
                    index,
                    name,
                });
                self.at += 1;
            }
            '}' | ']' => {
                self.open.pop();
                self.at += 1;
            }
            '"' => self.string(rest),
            _ if first.is_whitespace() || matches!(first, ',' | ':') => {
                self.at += first.len_utf8();
            }
            _ => {
                self.value();
                let length = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '}' | ']'))
                    .unwrap_or(rest.len());
                self.at += length.max(first.len_utf8());
            }
        }
        Some(())
    }

    /// A text: a member's name where one is due, else a value.
    fn string(&mut self, rest: &str) {
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find_map(|(at, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(at + 1)
        });
        let end = end.unwrap_or(rest.len());
        let due = |open: &&mut Open| open.index.is_none() && open.name.is_none();
        if let Some(open) = self.open.last_mut().filter(due) {
            let name: String = serde_json::from_str(&rest[..end]).unwrap_or_default();
            open.name = Some(match name.strip_prefix("$$") {
                Some(escaped) => format!("${escaped}"),
                None => name,
            });
        } else {
            self.value();
        }
        self.at += end;
    }

    /// A value begins here: its pointer.
    fn value(&mut self) -> String {
        let pointer = self.open.last_mut().map_or_else(String::new, |open| {
            let name = open.name.take().unwrap_or_default();
            match &mut open.index {
                Some(index) => {
                    let pointer = format!("{}/{index}", open.pointer);
                    *index += 1;
                    pointer
                }
                None => below(&open.pointer, &name),
            }
        });
        self.lines.0.insert(pointer.clone(), self.line);
        pointer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_known_by_its_line() {
        let text = "{\n \"a/b\": [1,\n  \"x\\\\\\\"}\", {\"$$c\": null}\n ],\n\"d\": true }";
        let lines = Lines::of(text);
        let found: Vec<(&str, u32)> = lines.0.iter().map(|(at, n)| (at.as_str(), *n)).collect();
        let expected = [
            ("", 1),
            ("/a~1b", 2),
            ("/a~1b/0", 2),
            ("/a~1b/1", 3),
            ("/a~1b/2", 3),
            ("/a~1b/2/$c", 3),
            ("/d", 5),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn no_text_stops_the_scan() {
        for text in [
            "",
            "\"",
            "\"\\",
            "]]]{{",
            "{\"a\"",
            "[1 2 ä \u{a0}",
            "{1:2}",
        ] {
            let _ = Lines::of(text);
        }
    }
}
