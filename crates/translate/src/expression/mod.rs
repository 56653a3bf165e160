//! Expressions: jq in a closed form (docs/adr/0003). A plain path (`.a.b[0]`, `$receiver.ags`) is walked here and knows its
//! exact place; everything else is a [`program`].

mod builtin;
mod mentions;
mod print;
mod program;
mod simple;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use jaq_json::Val;

use crate::fault::FaultKind;
use crate::place::Place;
use crate::source::{Root, Sources};
use crate::value;
use program::Program;
use simple::{Head, Simple};
use tree::Tree;

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
    Program(Arc<Program>),
}

/// What an expression gave.
pub(crate) struct Evaluated {
    pub(crate) spots: Vec<Spot>,
    /// Single values it looked at on the way (conditions …), beside the places of the spots.
    pub(crate) reads: BTreeSet<Place>,
    /// Single values that went into computed spots.
    pub(crate) results: BTreeSet<Place>,
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

/// Which repeat this is, of the nearest `each` and of the one around it.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub(crate) nr: Val,
    pub(crate) outer_nr: Val,
}

/// The sources as the expression library's values, in the order of [`Root::ALL`].
pub(crate) struct World(Vec<Val>);

impl World {
    pub(crate) fn new(sources: &Sources) -> Self {
        let value = |root: Root| value::from_json(sources.value(root));
        Self(Root::ALL.into_iter().map(value).collect())
    }

    fn values(&self) -> Vec<Val> {
        self.0.clone()
    }

    /// `$nr` and `$outer_nr` as they are here.
    pub(crate) fn numbers(&self) -> Numbers {
        Numbers {
            nr: self.root(Root::Nr).value,
            outer_nr: self.root(Root::OuterNr).value,
        }
    }

    /// Sets `$nr` and `$outer_nr`.
    pub(crate) fn number(&mut self, numbers: Numbers) {
        self.set(Root::Nr, numbers.nr);
        self.set(Root::OuterNr, numbers.outer_nr);
    }

    fn set(&mut self, root: Root, value: Val) {
        let at = Root::ALL.iter().position(|known| *known == root);
        if let Some(known) = at.and_then(|at| self.0.get_mut(at)) {
            *known = value;
        }
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
    /// It ended with an error, or its values grew too large.
    Failed,
    /// It needed too many steps.
    TooLong,
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, FaultKind> {
        let refused = |reason: String| FaultKind::Expression { reason };
        if text.len() > EXPRESSION_MAX_BYTES {
            return Err(refused(format!("longer than {EXPRESSION_MAX_BYTES} bytes")));
        }
        if let Some(simple) = Simple::parse(text) {
            return Ok(Self {
                form: Form::Simple(simple),
            });
        }
        let program = Tree::parse(text)
            .and_then(Program::compile)
            .map_err(refused)?;
        Ok(Self {
            form: Form::Program(Arc::new(program)),
        })
    }

    /// The values, in order. `steps_left` is what may still be spent.
    pub(crate) fn evaluate(
        &self,
        world: &World,
        here: &Spot,
        steps_left: &mut u64,
    ) -> Result<Evaluated, Failure> {
        match &self.form {
            Form::Simple(simple) => {
                let start = match simple.head() {
                    Head::Here => here.clone(),
                    Head::Root(root) => world.root(root),
                };
                let spot = simple.walk(start)?;
                let results = match &spot.trail {
                    Trail::At(_) => BTreeSet::new(),
                    Trail::From(places) => places.iter().cloned().collect(),
                };
                Ok(Evaluated {
                    spots: vec![spot],
                    reads: BTreeSet::new(),
                    results,
                })
            }
            Form::Program(program) => program.evaluate(world, here, steps_left),
        }
    }
}

/// The index from the front; none if it points before the first item.
fn absolute(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}
