//! The closed set of functions. Each does bounded work for the size of its input; none reads clock, environment or files.

use super::tree::{TextPart, Tree};

/// A function of the closed set.
#[derive(Debug)]
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) arity: usize,
    /// Its name in the prelude.
    pub(super) code: &'static str,
    pub(super) kind: Kind,
}

/// What a function does with its input, for tracing sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gives nothing.
    Nothing,
    /// A constant.
    Constant,
    /// Gives its input or nothing; the argument is a condition on it.
    Filter,
    /// Gives one item of its input.
    Item,
    /// Gives outputs of its argument.
    Argument,
    /// A list of what its argument gives for each item.
    PerItem,
    /// A list of its items, chosen or ordered by what its argument gives for each.
    Items,
    /// Uses its input up; arguments see the input.
    Consumes,
    /// Uses up what its argument gives.
    ConsumesArgument,
    /// Uses its input up; the argument sees each item.
    ConsumesItems,
    /// Uses its input up; the first argument is a constant regular expression.
    Regex,
}

const fn builtin(name: &'static str, arity: usize, code: &'static str, kind: Kind) -> Builtin {
    Builtin {
        name,
        arity,
        code,
        kind,
    }
}

static BUILTINS: [Builtin; 50] = [
    builtin("empty", 0, "empty", Kind::Nothing),
    builtin("true", 0, "true", Kind::Constant),
    builtin("false", 0, "false", Kind::Constant),
    builtin("null", 0, "null", Kind::Constant),
    builtin("values", 0, "values", Kind::Filter),
    builtin("select", 1, "select", Kind::Filter),
    builtin("first", 0, "first", Kind::Item),
    builtin("last", 0, "last", Kind::Item),
    builtin("first", 1, "first", Kind::Argument),
    builtin("last", 1, "last", Kind::Argument),
    builtin("map", 1, "map", Kind::PerItem),
    builtin("sort", 0, "sort", Kind::Items),
    builtin("sort_by", 1, "sort_by", Kind::Items),
    builtin("unique", 0, "unique", Kind::Items),
    builtin("unique_by", 1, "unique_by", Kind::Items),
    builtin("reverse", 0, "reverse", Kind::Items),
    builtin("min", 0, "min", Kind::ConsumesItems),
    builtin("max", 0, "max", Kind::ConsumesItems),
    builtin("add", 0, "add", Kind::ConsumesItems),
    builtin("add", 1, "add_of", Kind::ConsumesArgument),
    builtin("any", 0, "any", Kind::ConsumesItems),
    builtin("all", 0, "all", Kind::ConsumesItems),
    builtin("any", 1, "any", Kind::ConsumesItems),
    builtin("all", 1, "all", Kind::ConsumesItems),
    builtin("not", 0, "not", Kind::Consumes),
    builtin("length", 0, "length", Kind::Consumes),
    builtin("keys", 0, "keys", Kind::Consumes),
    builtin("has", 1, "has", Kind::Consumes),
    builtin("tostring", 0, "tostring", Kind::Consumes),
    builtin("tonumber", 0, "to_number", Kind::Consumes),
    builtin("floor", 0, "floor", Kind::Consumes),
    builtin("ceil", 0, "ceil", Kind::Consumes),
    builtin("round", 0, "round", Kind::Consumes),
    builtin("abs", 0, "abs", Kind::Consumes),
    builtin("trim", 0, "trim", Kind::Consumes),
    builtin("ltrim", 0, "ltrim", Kind::Consumes),
    builtin("rtrim", 0, "rtrim", Kind::Consumes),
    builtin("ascii_downcase", 0, "ascii_downcase", Kind::Consumes),
    builtin("ascii_upcase", 0, "ascii_upcase", Kind::Consumes),
    builtin("startswith", 1, "startswith", Kind::Consumes),
    builtin("endswith", 1, "endswith", Kind::Consumes),
    builtin("ltrimstr", 1, "ltrimstr", Kind::Consumes),
    builtin("rtrimstr", 1, "rtrimstr", Kind::Consumes),
    builtin("contains", 1, "contains_text", Kind::Consumes),
    builtin("split", 1, "split", Kind::Consumes),
    builtin("join", 1, "join", Kind::Consumes),
    builtin("test", 1, "test", Kind::Regex),
    builtin("sub", 2, "sub", Kind::Regex),
    builtin("gsub", 2, "gsub", Kind::Regex),
    builtin("capture", 1, "capture", Kind::Regex),
];

/// The longest regular expression, in bytes.
const REGEX_MAX_BYTES: usize = 200;
/// What the counted repeats of one regular expression may multiply to.
const REGEX_REPEATS_MAX: usize = 500;

/// What the functions are made of. The library's own definitions are not loaded: some never end (`repeat`, `range`, `recurse`).
pub(super) const PRELUDE: &str = r#"
def empty: {}[] as $x | .;
def true: 0 == 0;
def false: 0 != 0;
def null: [][0];
def not: if . then false else true end;
def select(f): if f then . else empty end;
def values: select(. != null);
def first: .[0];
def last: .[-1];
def map(f): [.[] | one_step | f | one_step];
def any(f): first((.[] | one_step | if f then true else empty end), false);
def all(f): first((.[] | one_step | if f then empty else false end), true);
def any: any(.);
def all: all(.);
def add: reduce .[] as $x (null; . + $x | fits);
def add_of(f): reduce (f | one_step) as $x (null; . + $x | fits);
def unique_by(f): [group_by(f)[] | .[0]];
def unique: unique_by(.);
def min: reduce min_by_or_empty(.) as $x (null; $x);
def max: reduce max_by_or_empty(.) as $x (null; $x);
def keys: keys_unsorted | sort;
def tostring: "\(.)";
def abs: a_number | if . < 0 then -. else . end;
def contains_text($x): ($x | a_text) as $x | a_text | contains($x);
def split($x): ($x | a_text) as $x | a_text | . / $x;
def as_text: if . == null then "" else "\(.)" end;
def join($x): ($x | a_text) as $x
  | reduce .[] as $y ([]; [if . == [] then $y | as_text else .[0] + $x + ($y | as_text) end | fits])
  | if . == [] then "" else .[0] end;
def test(re): a_text | matches(re; "") | length > 0;
def groups: reduce (.[] | if .name then {(.name): .string} else empty end) as $x ({}; . + $x);
def capture(re): a_text | matches(re; "") | if length > 0 then .[0] | groups | fits else empty end;
def sub(re; f): a_text | reduce split_matches(re; "")[] as $x
  (""; . + ($x | if . < [] then . else groups | f end | a_text) | fits);
def gsub(re; f): a_text | reduce split_matches(re; "g")[] as $x
  (""; . + ($x | if . < [] then . else groups | f end | a_text) | fits);
"#;

/// The library's native functions the prelude and the set use.
pub(super) const NATIVES: [&str; 27] = [
    "path_value",
    "first",
    "last",
    "keys_unsorted",
    "sort",
    "sort_by",
    "group_by",
    "min_by_or_empty",
    "max_by_or_empty",
    "reverse",
    "startswith",
    "endswith",
    "ltrimstr",
    "rtrimstr",
    "trim",
    "ltrim",
    "rtrim",
    "ascii_downcase",
    "ascii_upcase",
    "floor",
    "round",
    "ceil",
    "length",
    "contains",
    "has",
    "matches",
    "split_matches",
];

impl Builtin {
    pub(super) fn named(name: &str, arity: usize) -> Option<&'static Self> {
        BUILTINS
            .iter()
            .find(|builtin| builtin.name == name && builtin.arity == arity)
    }

    /// All names, for messages.
    pub(super) fn names() -> String {
        let mut names: Vec<&str> = BUILTINS.iter().map(|builtin| builtin.name).collect();
        names.dedup();
        names.join(", ")
    }

    /// What a call needs beyond its number of arguments.
    pub(super) fn check(&self, arguments: &[Tree]) -> Result<(), String> {
        if self.kind != Kind::Regex {
            return Ok(());
        }
        let Some(Tree::Text(parts)) = arguments.first() else {
            return Err(format!(
                "`{}` needs a constant regular expression",
                self.name
            ));
        };
        let mut regex = String::new();
        for part in parts {
            match part {
                TextPart::Constant(text) => regex.push_str(text),
                TextPart::Tree(_) => {
                    return Err(format!(
                        "`{}` needs a constant regular expression",
                        self.name
                    ));
                }
            }
        }
        if regex.len() > REGEX_MAX_BYTES || repeats(&regex) > REGEX_REPEATS_MAX {
            return Err(format!(
                "the regular expression is too large: at most {REGEX_MAX_BYTES} bytes, and counted repeats that multiply to {REGEX_REPEATS_MAX}"
            ));
        }
        super::program::check_regex(&regex)
    }
}

/// The product of all numbers in braces: how much larger counted repeats can make the expression.
fn repeats(regex: &str) -> usize {
    regex
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .flat_map(|range| range.split(','))
        .filter_map(|count| count.trim().parse::<usize>().ok())
        .fold(1, |product, count| product.saturating_mul(count.max(1)))
}
