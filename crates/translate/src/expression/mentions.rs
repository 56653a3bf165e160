//! Which places an expression mentions, on one submission: it is walked over *sets of places* instead of values. Both branches of
//! a condition count, every item a filter looks at counts. So the answer may name too many places, never too few.

use std::collections::BTreeSet;

use jaq_json::Val;

use super::builtin::Kind;
use super::tree::{Step, TextPart, Tree};
use super::{Spot, Trail, World};
use crate::place::Place;
use crate::value;

/// Sets beyond this size stop growing.
const SET_MAX: usize = 20_000;

/// What an expression mentions.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// Places whose values are compared, joined, counted …
    pub(super) reads: BTreeSet<Place>,
    /// Places whose values may be among the outputs.
    pub(super) results: BTreeSet<Place>,
    /// Those of both that stand for single values, or flat lists and objects of them.
    pub(super) used_reads: BTreeSet<Place>,
    /// The same of the results.
    pub(super) used_results: BTreeSet<Place>,
}

/// A value at a place, perhaps wrapped in lists the expression made.
#[derive(Clone)]
struct Seen {
    places: Vec<Place>,
    located: bool,
    value: Val,
    wrapped: usize,
}

pub(super) fn mentions(tree: &Tree, world: &World, here: &Spot) -> Mentions {
    let mut walk = Walk {
        world,
        variables: Vec::new(),
        mentions: Mentions::default(),
    };
    let start = vec![Seen::of(here.clone())];
    let results = walk.walk(tree, &start);
    for seen in &results {
        walk.mentions.results.extend(seen.places.iter().cloned());
        if seen.is_flat() {
            walk.mentions
                .used_results
                .extend(seen.places.iter().cloned());
        }
    }
    walk.mentions
}

struct Walk<'w> {
    world: &'w World,
    variables: Vec<(String, Vec<Seen>)>,
    mentions: Mentions,
}

impl Walk<'_> {
    fn walk(&mut self, tree: &Tree, here: &[Seen]) -> Vec<Seen> {
        let mut found = match tree {
            Tree::Here => here.to_vec(),
            Tree::Root(root) => vec![Seen::of(self.world.root(*root))],
            Tree::Variable(name) => {
                let bound = self.variables.iter().rev().find(|(known, _)| known == name);
                bound.map(|(_, seen)| seen.clone()).unwrap_or_default()
            }
            Tree::Number(_) | Tree::List(None) => Vec::new(),
            Tree::Text(parts) => {
                for part in parts {
                    if let TextPart::Tree(tree) = part {
                        self.consume(tree, here);
                    }
                }
                Vec::new()
            }
            Tree::List(Some(items)) => self
                .walk(items, here)
                .into_iter()
                .map(Seen::wrapped)
                .collect(),
            Tree::Negative(of) => self.consume(of, here),
            Tree::Pipe(left, right) => {
                let left = self.walk(left, here);
                self.walk(right, &left)
            }
            Tree::Bind(left, name, right) => {
                let left = self.walk(left, here);
                self.variables.push((name.clone(), left));
                let right = self.walk(right, here);
                self.variables.pop();
                right
            }
            Tree::Comma(left, right) | Tree::Else(left, right) => {
                let mut both = self.walk(left, here);
                both.extend(self.walk(right, here));
                both
            }
            Tree::Plus(left, right)
            | Tree::Logic(left, _, right)
            | Tree::Arithmetic(left, _, right)
            | Tree::Compare(left, _, right) => {
                self.consume(left, here);
                self.consume(right, here)
            }
            Tree::If(branches, otherwise) => self.branches(branches, otherwise.as_deref(), here),
            Tree::Try(of) => self.walk(of, here),
            Tree::Call(builtin, arguments) => self.call(builtin.kind, arguments, here),
            Tree::Path(start, steps) => {
                let mut seen = self.walk(start, here);
                for (step, _) in steps {
                    seen = seen
                        .iter()
                        .flat_map(|seen| seen.step(step))
                        .take(SET_MAX)
                        .collect();
                }
                seen
            }
        };
        found.truncate(SET_MAX);
        found
    }

    /// Notes what `tree` gives as read. What is made of it has no place of its own any more.
    fn consume(&mut self, tree: &Tree, here: &[Seen]) -> Vec<Seen> {
        let seen = self.walk(tree, here);
        self.read(&seen);
        Vec::new()
    }

    fn read(&mut self, seen: &[Seen]) {
        for seen in seen {
            self.mentions.reads.extend(seen.places.iter().cloned());
            if seen.is_flat() {
                self.mentions.used_reads.extend(seen.places.iter().cloned());
            }
        }
    }

    fn branches(
        &mut self,
        branches: &[(Tree, Tree)],
        otherwise: Option<&Tree>,
        here: &[Seen],
    ) -> Vec<Seen> {
        let mut all = Vec::new();
        for (condition, then) in branches {
            self.consume(condition, here);
            all.extend(self.walk(then, here));
        }
        match otherwise {
            Some(otherwise) => all.extend(self.walk(otherwise, here)),
            None => all.extend_from_slice(here),
        }
        all
    }

    fn call(&mut self, kind: Kind, arguments: &[Tree], here: &[Seen]) -> Vec<Seen> {
        let items = || -> Vec<Seen> {
            here.iter()
                .flat_map(|seen| seen.step(&Step::All))
                .take(SET_MAX)
                .collect()
        };
        match kind {
            Kind::Nothing | Kind::Constant => Vec::new(),
            Kind::Filter => {
                for argument in arguments {
                    self.consume(argument, here);
                }
                here.to_vec()
            }
            Kind::Item => items(),
            Kind::Argument => arguments
                .iter()
                .flat_map(|argument| self.walk(argument, here))
                .collect(),
            Kind::PerItem => {
                let items = items();
                let given = arguments
                    .iter()
                    .flat_map(|argument| self.walk(argument, &items));
                given.map(Seen::wrapped).collect()
            }
            Kind::Items => {
                let items = items();
                for argument in arguments {
                    self.consume(argument, &items);
                }
                items.into_iter().map(Seen::wrapped).collect()
            }
            Kind::Consumes | Kind::Regex => {
                for argument in arguments {
                    self.consume(argument, here);
                }
                self.read(here);
                Vec::new()
            }
            Kind::ConsumesArgument => {
                for argument in arguments {
                    self.consume(argument, here);
                }
                Vec::new()
            }
            Kind::ConsumesItems => {
                let items = items();
                for argument in arguments {
                    self.consume(argument, &items);
                }
                if arguments.is_empty() {
                    self.read(&items);
                }
                Vec::new()
            }
        }
    }
}

impl Seen {
    fn of(spot: Spot) -> Self {
        let (places, located) = match spot.trail {
            Trail::At(place) => (vec![place], true),
            Trail::From(places) => (places, false),
        };
        Self {
            places,
            located,
            value: spot.value,
            wrapped: 0,
        }
    }

    fn wrapped(mut self) -> Self {
        self.wrapped += 1;
        self
    }

    fn at(&self, place: impl FnOnce(&Place) -> Place, value: Val) -> Self {
        let places = match (self.located, self.places.as_slice()) {
            (true, [at]) => vec![place(at)],
            _ => self.places.clone(),
        };
        Self {
            places,
            located: self.located,
            value,
            wrapped: 0,
        }
    }

    fn step(&self, step: &Step) -> Vec<Self> {
        if self.wrapped > 0 {
            let inside = match step {
                Step::Slice(..) => self.wrapped,
                Step::All | Step::Index(_) | Step::Key(_) => self.wrapped - 1,
            };
            return vec![Self {
                wrapped: inside,
                ..self.clone()
            }];
        }
        match (step, &self.value) {
            (Step::Slice(..), _) => vec![self.clone()],
            (Step::Key(key), value) => {
                let member = value::member(value, key);
                member
                    .map(|member| self.at(|at| at.key(key), member))
                    .into_iter()
                    .collect()
            }
            (Step::Index(index), Val::Arr(items)) => {
                let at = super::absolute(*index, items.len());
                let item = at.map(|at| {
                    self.at(
                        |place| place.index(at),
                        items.get(at).cloned().unwrap_or_default(),
                    )
                });
                item.into_iter().collect()
            }
            (Step::All, Val::Arr(items)) => {
                let item =
                    |(index, item): (usize, &Val)| self.at(|at| at.index(index), item.clone());
                items.iter().enumerate().map(item).collect()
            }
            (Step::All, Val::Obj(members)) => {
                let member = |(key, member): (&Val, &Val)| {
                    self.at(|at| at.key(&value::key_text(key)), member.clone())
                };
                members.iter().map(member).collect()
            }
            (Step::Index(_) | Step::All, _) => Vec::new(),
        }
    }

    /// A single value, or a list or object of nothing but single values.
    fn is_flat(&self) -> bool {
        let single = |value: &Val| !matches!(value, Val::Arr(_) | Val::Obj(_));
        match &self.value {
            Val::Arr(items) => items.iter().all(single),
            Val::Obj(members) => members.values().all(single),
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => true,
        }
    }
}
