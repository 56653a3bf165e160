//! Expressions: jq in a closed form (docs/adr/0003). A plain path (`.a.b[0]`, `$receiver.ags`) is walked here and knows its
//! exact place; everything else is a [`program`].

mod simple;

use jaq_json::Val;

use crate::fault::FaultKind;
use crate::place::Place;
use crate::source::{Root, Sources};
use crate::value;
use simple::{Head, Simple};

/// The longest expression, in bytes.
pub(crate) const EXPRESSION_MAX_BYTES: usize = 1000;

/// A parsed expression.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Simple(Simple),
}

/// A value and where it came from.
#[derive(Clone)]
pub(crate) struct Spot {
    pub(crate) value: Val,
    pub(crate) trail: Trail,
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub(crate) enum Trail {
    /// It stands exactly there.
    At(Place),
    /// It was computed from these.
    From(Vec<Place>),
}

impl Spot {
    /// The best known place.
    pub(crate) fn place(&self) -> Option<&Place> {
        match &self.trail {
            Trail::At(place) => Some(place),
            Trail::From(places) => places.first(),
        }
    }

    /// Its items if it is a list, nothing if it is `null`, itself otherwise.
    pub(crate) fn items(self) -> Vec<Self> {
        match &self.value {
            Val::Null => Vec::new(),
            Val::Arr(items) => {
                let item = |(index, value): (usize, &Val)| Self {
                    value: value.clone(),
                    trail: match &self.trail {
                        Trail::At(place) => Trail::At(place.index(index)),
                        Trail::From(places) => Trail::From(places.clone()),
                    },
                };
                items.iter().enumerate().map(item).collect()
            }
            Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Obj(_) => vec![self],
        }
    }
}

/// The sources as the expression library's values, in the order of [`Root::ALL`].
pub(crate) struct World(Vec<Val>);

impl World {
    pub(crate) fn new(sources: &Sources) -> Self {
        let value = |root: Root| value::from_json(sources.value(root));
        Self(Root::ALL.into_iter().map(value).collect())
    }

    pub(crate) fn root(&self, root: Root) -> Spot {
        let at = Root::ALL.iter().position(|known| *known == root);
        Spot {
            value: at
                .and_then(|at| self.0.get(at))
                .cloned()
                .unwrap_or_default(),
            trail: Trail::At(Place::of(root)),
        }
    }
}

/// Why an expression gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It ended with an error.
    Failed,
    /// It needed too many steps, or its values grew too large.
    TooLong,
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, FaultKind> {
        let refused = |reason: String| FaultKind::Expression { reason };
        if text.len() > EXPRESSION_MAX_BYTES {
            return Err(refused(format!("longer than {EXPRESSION_MAX_BYTES} bytes")));
        }
        Simple::parse(text)
            .map(|simple| Self {
                form: Form::Simple(simple),
            })
            .ok_or_else(|| refused("only plain paths are supported yet".to_owned()))
    }

    /// The values, in order.
    pub(crate) fn evaluate(&self, world: &World, here: &Spot) -> Result<Vec<Spot>, Failure> {
        match &self.form {
            Form::Simple(simple) => {
                let start = match simple.head() {
                    Head::Here => here.clone(),
                    Head::Root(root) => world.root(root),
                };
                simple.walk(start).map(|spot| vec![spot])
            }
        }
    }
}
