//! Which lines differ between two texts.

/// A line that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Only in the first text; its line from 1.
    Gone(usize, String),
    /// Only in the second.
    New(usize, String),
}

/// Longer texts are compared without the common parts in the middle.
const TABLE_MAX: usize = 4_000_000;
const LINE_MAX_CHARS: usize = 300;

/// The differing lines, in order.
pub(crate) fn differing(before: &str, after: &str) -> Vec<Line> {
    let (mut old, mut new): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let start = old
        .iter()
        .zip(&new)
        .take_while(|(one, other)| one == other)
        .count();
    let rest = old.len().min(new.len()) - start;
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(one, other)| one == other)
        .count();
    old.truncate(old.len() - end);
    new.truncate(new.len() - end);
    let (old, new) = (&old[start..], &new[start..]);
    let is_common = if old.len().saturating_mul(new.len()) <= TABLE_MAX {
        common(old, new)
    } else {
        (vec![false; old.len()], vec![false; new.len()])
    };
    let mut lines = Vec::new();
    let (mut at, mut to) = (0, 0);
    while at < old.len() || to < new.len() {
        if at < old.len() && !is_common.0[at] {
            lines.push(Line::Gone(start + at + 1, cut(old[at])));
            at += 1;
        } else if to < new.len() && !is_common.1[to] {
            lines.push(Line::New(start + to + 1, cut(new[to])));
            to += 1;
        } else {
            at += 1;
            to += 1;
        }
    }
    lines
}

fn cut(line: &str) -> String {
    line.chars().take(LINE_MAX_CHARS).collect()
}

/// Which lines of each belong to a longest common subsequence.
fn common(old: &[&str], new: &[&str]) -> (Vec<bool>, Vec<bool>) {
    let width = new.len() + 1;
    let mut table = vec![0_u32; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            table[at * width + to] = if old[at] == new[to] {
                table[(at + 1) * width + to + 1] + 1
            } else {
                table[(at + 1) * width + to].max(table[at * width + to + 1])
            };
        }
    }
    let (mut of_old, mut of_new) = (vec![false; old.len()], vec![false; new.len()]);
    let (mut at, mut to) = (0, 0);
    while at < old.len() && to < new.len() {
        if old[at] == new[to] {
            (of_old[at], of_new[to]) = (true, true);
            at += 1;
            to += 1;
        } else if table[(at + 1) * width + to] >= table[at * width + to + 1] {
            at += 1;
        } else {
            to += 1;
        }
    }
    (of_old, of_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_told() {
        let found = differing("a\nb\nc\nd\n", "a\nc\nx\nd\ne\n");
        let expected = [
            Line::Gone(2, "b".into()),
            Line::New(3, "x".into()),
            Line::New(5, "e".into()),
        ];
        assert_eq!(found, expected);
        assert_eq!(differing("a\n", "a\n"), []);
        assert_eq!(differing("", "a"), [Line::New(1, "a".into())]);
    }
}
