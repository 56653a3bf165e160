//! The closed form of jq: parsed by the library, then taken over piece by piece. What is not listed here is refused: definitions,
//! `reduce`, `foreach`, `..`, labels, assignments, object construction, `try … catch`, formats, and every function but the closed set.

use jaq_core::load::lex::{Lexer, StrPart};
use jaq_core::load::parse::{BinaryOp, Parser, Pattern, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part};

use super::builtin::Builtin;
use crate::source::Root;

/// How deep brackets, and terms in terms, may be nested.
pub(super) const DEPTH_MAX: usize = 48;

/// A term of the closed form.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Here,
    Root(Root),
    Variable(String),
    Number(String),
    Text(Vec<TextPart>),
    List(Option<Box<Tree>>),
    Negative(Box<Tree>),
    Pipe(Box<Tree>, Box<Tree>),
    Bind(Box<Tree>, String, Box<Tree>),
    Comma(Box<Tree>, Box<Tree>),
    Else(Box<Tree>, Box<Tree>),
    Logic(Box<Tree>, &'static str, Box<Tree>),
    Plus(Box<Tree>, Box<Tree>),
    Arithmetic(Box<Tree>, &'static str, Box<Tree>),
    Compare(Box<Tree>, &'static str, Box<Tree>),
    If(Vec<(Tree, Tree)>, Option<Box<Tree>>),
    Try(Box<Tree>),
    Call(&'static Builtin, Vec<Tree>),
    Path(Box<Tree>, Vec<(Step, Optional)>),
}

#[derive(Debug, Clone)]
pub(super) enum TextPart {
    Constant(String),
    Tree(Tree),
}

/// A step of a path. Only constant keys and indices.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Key(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    All,
}

/// Whether a step that does not fit is silent (`?`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Optional {
    Yes,
    No,
}

impl Tree {
    /// Parses `text`, which is not too long; the error is the reason for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if bracket_depth(text) > DEPTH_MAX {
            return Err(format!("brackets are nested deeper than {DEPTH_MAX}"));
        }
        let tokens = Lexer::new(text).lex().map_err(|errors| {
            let rest = errors.first().map_or("", |(_, rest)| rest);
            format!(
                "unexpected character or unclosed bracket at `{}`",
                excerpt(rest)
            )
        })?;
        let term = Parser::new(&tokens).parse(Parser::term).map_err(|errors| {
            errors
                .first()
                .map_or_else(String::new, |(expected, found)| {
                    let found = found.map_or("the end", |token| token.0);
                    format!(
                        "expected {} but found `{}`",
                        expected.as_str(),
                        excerpt(found)
                    )
                })
        })?;
        Reading {
            bound: Vec::new(),
            depth: 0,
        }
        .term(&term)
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(20).collect()
}

fn bracket_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Takes terms over; knows the variables in scope and how deep it is.
struct Reading {
    bound: Vec<String>,
    depth: usize,
}

type Read<T> = Result<T, String>;

fn refused<T>(what: &str) -> Read<T> {
    Err(format!("{what} is not in the closed set"))
}

impl Reading {
    fn boxed(&mut self, term: &Term<&str>) -> Read<Box<Tree>> {
        self.term(term).map(Box::new)
    }

    fn term(&mut self, term: &Term<&str>) -> Read<Tree> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("terms are nested deeper than {DEPTH_MAX}"));
        }
        let tree = self.shallow(term);
        self.depth -= 1;
        tree
    }

    fn shallow(&mut self, term: &Term<&str>) -> Read<Tree> {
        match term {
            Term::Id => Ok(Tree::Here),
            Term::Num(text) => Ok(Tree::Number((*text).to_owned())),
            Term::Str(None, parts) => self.text(parts),
            Term::Str(Some(format), _) => refused(&format!("the format `{format}`")),
            Term::Arr(inner) => {
                let inner = inner
                    .as_deref()
                    .map(|inner| self.boxed(inner))
                    .transpose()?;
                Ok(Tree::List(inner))
            }
            Term::Neg(inner) => Ok(Tree::Negative(self.boxed(inner)?)),
            Term::BinOp(left, op, right) => self.operation(left, op, right),
            Term::TryCatch(inner, None) => Ok(Tree::Try(self.boxed(inner)?)),
            Term::IfThenElse(branches, otherwise) => {
                let branch = |(condition, then): &(Term<&str>, Term<&str>)| {
                    Ok((self.term(condition)?, self.term(then)?))
                };
                let branches = branches.iter().map(branch).collect::<Read<_>>()?;
                let otherwise = otherwise
                    .as_deref()
                    .map(|term| self.boxed(term))
                    .transpose()?;
                Ok(Tree::If(branches, otherwise))
            }
            Term::Call(name, arguments) => self.call(name, arguments),
            Term::Var(name) => self.variable(name),
            Term::Path(start, path) => {
                let start = self.boxed(start)?;
                let steps = path
                    .0
                    .iter()
                    .map(|(part, opt)| Ok((step(part)?, optional(*opt))));
                Ok(Tree::Path(start, steps.collect::<Read<_>>()?))
            }
            Term::Recurse => refused("`..`"),
            Term::Obj(_) => refused("an object `{…}`"),
            Term::Label(..) | Term::Break(_) => refused("`label`"),
            Term::Fold(name, ..) => refused(&format!("`{name}`")),
            Term::TryCatch(_, Some(_)) => refused("`catch`"),
            Term::Def(..) => refused("`def`"),
        }
    }

    fn text(&mut self, parts: &[StrPart<&str, Term<&str>>]) -> Read<Tree> {
        let part = |part: &StrPart<&str, Term<&str>>| match part {
            StrPart::Str(text) => Ok(TextPart::Constant((*text).to_owned())),
            StrPart::Char(char) => Ok(TextPart::Constant(char.to_string())),
            StrPart::Term(term) => self.term(term).map(TextPart::Tree),
        };
        parts.iter().map(part).collect::<Read<_>>().map(Tree::Text)
    }

    fn variable(&self, name: &str) -> Read<Tree> {
        if self.bound.iter().any(|bound| bound == name) {
            return Ok(Tree::Variable(name.to_owned()));
        }
        Root::named(name).map(Tree::Root).ok_or_else(|| {
            let known: Vec<&str> = Root::ALL.into_iter().map(Root::variable).collect();
            format!("unknown variable `{name}`; known are: {}", known.join(", "))
        })
    }

    fn call(&mut self, name: &str, arguments: &[Term<&str>]) -> Read<Tree> {
        let builtin = Builtin::named(name, arguments.len()).ok_or_else(|| {
            format!(
                "`{name}` with {} argument(s) is not in the closed set: {}",
                arguments.len(),
                Builtin::names()
            )
        })?;
        let arguments = arguments
            .iter()
            .map(|argument| self.term(argument))
            .collect::<Read<Vec<_>>>()?;
        builtin.check(&arguments)?;
        Ok(Tree::Call(builtin, arguments))
    }

    fn operation(
        &mut self,
        left: &Term<&str>,
        op: &BinaryOp<&str>,
        right: &Term<&str>,
    ) -> Read<Tree> {
        if let BinaryOp::Pipe(Some(pattern)) = op {
            let left = self.boxed(left)?;
            let Pattern::Var(name) = pattern else {
                return refused("`as` with a pattern");
            };
            if Root::named(name).is_some() {
                return Err(format!("`{name}` is a source and cannot be bound anew"));
            }
            self.bound.push((*name).to_owned());
            let right = self.boxed(right);
            self.bound.pop();
            return Ok(Tree::Bind(left, (*name).to_owned(), right?));
        }
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        Ok(match op {
            BinaryOp::Pipe(_) => Tree::Pipe(left, right),
            BinaryOp::Comma => Tree::Comma(left, right),
            BinaryOp::Alt => Tree::Else(left, right),
            BinaryOp::Or => Tree::Logic(left, "or", right),
            BinaryOp::And => Tree::Logic(left, "and", right),
            BinaryOp::Math(Math::Add) => Tree::Plus(left, right),
            BinaryOp::Math(Math::Sub) => Tree::Arithmetic(left, "-", right),
            BinaryOp::Math(Math::Mul) => Tree::Arithmetic(left, "*", right),
            BinaryOp::Math(Math::Div) => Tree::Arithmetic(left, "/", right),
            BinaryOp::Math(Math::Rem) => Tree::Arithmetic(left, "%", right),
            BinaryOp::Cmp(cmp) => Tree::Compare(left, comparison(*cmp), right),
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                return refused("an assignment");
            }
        })
    }
}

const fn comparison(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Lt => "<",
        Cmp::Le => "<=",
        Cmp::Gt => ">",
        Cmp::Ge => ">=",
        Cmp::Eq => "==",
        Cmp::Ne => "!=",
    }
}

const fn optional(opt: Opt) -> Optional {
    match opt {
        Opt::Optional => Optional::Yes,
        Opt::Essential => Optional::No,
    }
}

fn step(part: &Part<Term<&str>>) -> Read<Step> {
    let bound = |bound: &Option<Term<&str>>| bound.as_ref().map(integer).transpose();
    match part {
        Part::Range(None, None) => Ok(Step::All),
        Part::Range(from, to) => Ok(Step::Slice(bound(from)?, bound(to)?)),
        Part::Index(Term::Str(None, parts)) => {
            let mut key = String::new();
            for part in parts {
                match part {
                    StrPart::Str(text) => key.push_str(text),
                    StrPart::Char(char) => key.push(*char),
                    StrPart::Term(_) => return refused("a computed key"),
                }
            }
            Ok(Step::Key(key))
        }
        Part::Index(term) => integer(term).map(Step::Index),
    }
}

fn integer(term: &Term<&str>) -> Read<i64> {
    let number = if let Term::Num(text) = term {
        text.parse().ok()
    } else if let Term::Neg(inner) = term {
        integer(inner).ok().and_then(i64::checked_neg)
    } else {
        None
    };
    number.ok_or_else(|| "a computed index is not in the closed set".to_owned())
}
