//! Runs an expression with the library, with a count of steps.

use std::cell::Cell;
use std::fmt;

use jaq_core::box_iter::box_once;
use jaq_core::data::HasLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{self, bome, v};
use jaq_core::{Compiler, Ctx, DataT, Error, Exn, Filter, Lut, Native, Vars};
use jaq_json::{Num, Val};

use super::builtin::{Kind, NATIVES, PRELUDE};
use super::print::{self, PrintHead};
use super::simple::Head;
use super::tree::{Optional, Step, Tree};
use super::{Evaluated, Failure, Spot, Trail, World, mentions};
use crate::place::Place;
use crate::source::Root;

/// Steps one evaluation may take.
pub(crate) const STEPS_MAX: u64 = 1_000_000;
/// The most values one evaluation gives.
const OUTPUTS_MAX: usize = 20_000;
/// The longest text an expression makes or searches, in bytes.
const TEXT_MAX_BYTES: usize = 64 * 1024;
/// The most values in a list an expression makes.
const LIST_MAX: u64 = 100_000;
/// The largest whole number, in bits.
const NUMBER_MAX_BITS: u64 = 1024;

/// The longest text `tonumber` takes, but for whole numbers of 64 bits: more digits a number with a fraction does not keep.
const DIGITS_MAX: usize = 16;

/// A compiled expression that is more than a plain path.
pub(super) struct Program {
    tree: Tree,
    /// If it only chooses places: where it begins. Then the library gives the exact place of each output.
    chooses_from: Option<Head>,
    filter: Filter<Counted>,
}

/// The library's parameter: our values, a step counter at hand.
struct Counted;

#[derive(Clone)]
struct Steps<'a> {
    lut: &'a Lut<Counted>,
    left: &'a Cell<u64>,
}

impl DataT for Counted {
    type V<'a> = Val;
    type Data<'a> = Steps<'a>;
}

impl<'a> HasLut<'a, Counted> for Steps<'a> {
    fn lut(&self) -> &'a Lut<Counted> {
        self.lut
    }
}

impl Program {
    pub(super) fn compile(tree: Tree) -> Result<Self, String> {
        let chooses_from = chooses_from(&tree);
        let code = match chooses_from {
            Some(Head::Here) => format!("path_value({})", print::print(&tree, PrintHead::AsIs)),
            Some(Head::Root(_)) => {
                format!("path_value({})", print::print(&tree, PrintHead::AsInput))
            }
            None => print::print(&tree, PrintHead::AsIs),
        };
        let filter = compile(&code)?;
        Ok(Self {
            tree,
            chooses_from,
            filter,
        })
    }

    /// `left` is what may still be spent, and afterwards what is left.
    pub(super) fn evaluate(
        &self,
        world: &World,
        here: &Spot,
        left: &mut u64,
    ) -> Result<Evaluated, Failure> {
        let start = match self.chooses_from {
            Some(Head::Root(root)) => world.root(root),
            Some(Head::Here) | None => here.clone(),
        };
        let allowed = STEPS_MAX.min(*left);
        let steps = Cell::new(allowed);
        let outcome = self.outputs(world, &start, &steps);
        *left -= allowed - steps.get();
        if steps.get() == 0 {
            return Err(Failure::TooLong);
        }
        let outputs = outcome?;
        let mentions = mentions::mentions(&self.tree, world, here);
        let mut reads = mentions.used_reads;
        let spots = if self.chooses_from.is_some() {
            outputs
                .into_iter()
                .map(|pair| located(&start, pair).ok_or(Failure::Failed))
                .collect::<Result<_, _>>()?
        } else {
            let places: Vec<Place> = mentions.reads.into_iter().chain(mentions.results).collect();
            let trail = Trail::From(in_order(places));
            outputs
                .into_iter()
                .map(|value| Spot {
                    value,
                    trail: trail.clone(),
                })
                .collect()
        };
        let results = if self.chooses_from.is_some() {
            std::collections::BTreeSet::new()
        } else {
            mentions.used_results
        };
        reads.retain(|place| place.root() == Root::Data);
        Ok(Evaluated {
            spots,
            reads,
            results,
        })
    }

    fn outputs(&self, world: &World, start: &Spot, steps: &Cell<u64>) -> Result<Vec<Val>, Failure> {
        let data = Steps {
            lut: &self.filter.lut,
            left: steps,
        };
        let context = Ctx::<Counted>::new(data, Vars::new(world.values()));
        let mut outputs = Vec::new();
        for output in self.filter.id.run((context, start.value.clone())) {
            if outputs.len() >= OUTPUTS_MAX {
                return Err(Failure::TooLong);
            }
            // The library's error may hold values of the submission: it ends here.
            outputs.push(output.map_err(|_| Failure::Failed)?);
        }
        Ok(outputs)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}

fn in_order(mut places: Vec<Place>) -> Vec<Place> {
    places.sort();
    places.dedup();
    places
}

fn compile(code: &str) -> Result<Filter<Counted>, String> {
    let prelude = load::parse(PRELUDE, |parser| parser.defs()).ok_or("the prelude is broken")?;
    let arena = Arena::default();
    let refused = || "the expression library refuses it".to_owned();
    let modules = Loader::new(prelude)
        .load(&arena, File { code, path: () })
        .map_err(|_| refused())?;
    Compiler::default()
        .with_funs(functions())
        .with_global_vars(Root::ALL.map(Root::variable))
        .compile(modules)
        .map_err(|_| refused())
}

/// Whether the library takes the regular expression.
pub(super) fn check_regex(regex: &str) -> Result<(), String> {
    let quoted = serde_json::Value::String(regex.to_owned());
    let filter = compile(&format!("\"\" | test({quoted})"))?;
    let steps = Cell::new(STEPS_MAX);
    let data = Steps {
        lut: &filter.lut,
        left: &steps,
    };
    let context = Ctx::<Counted>::new(data, Vars::new(Root::ALL.map(|_| Val::Null)));
    let sound = filter
        .id
        .run((context, Val::Null))
        .all(|output| output.is_ok());
    sound
        .then_some(())
        .ok_or_else(|| "the regular expression is malformed".to_owned())
}

fn functions() -> impl Iterator<Item = native::Fun<Counted>> {
    let library = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    let known = |name: &str| NATIVES.contains(&name);
    let ours: [native::Fun<Counted>; 5] = [
        (
            "one_step",
            v(0),
            Native::new(|cv| bome(spend(cv.0.data(), 1).map(|()| cv.1)))
                .with_paths(|cv| box_once(spend(cv.0.data(), 1).map(|()| cv.1).map_err(Exn::from))),
        ),
        (
            "fits",
            v(0),
            Native::new(|cv| bome(fits(cv.0.data(), &cv.1).map(|()| cv.1))),
        ),
        (
            "a_text",
            v(0),
            Native::new(|cv| bome(short_text(cv.0.data(), &cv.1).map(|()| cv.1))),
        ),
        (
            "a_number",
            v(0),
            Native::new(|cv| bome(number(&cv.1).map(|()| cv.1))),
        ),
        ("to_number", v(0), Native::new(|cv| bome(to_number(&cv.1)))),
    ];
    library.filter(move |(name, _, _)| known(name)).chain(ours)
}

type Checked = Result<(), Error<Val>>;

fn error<T>(text: &'static str) -> Result<T, Error<Val>> {
    Err(Error::str(text))
}

fn spend(steps: &Steps<'_>, cost: u64) -> Checked {
    match steps.left.get().checked_sub(cost) {
        Some(left) if left > 0 => {
            steps.left.set(left);
            Ok(())
        }
        _ => {
            steps.left.set(0);
            error("too many steps")
        }
    }
}

fn fits(steps: &Steps<'_>, value: &Val) -> Checked {
    let mut cost = 1;
    measure(value, &mut cost)?;
    spend(steps, cost)
}

/// Adds up what `value` weighs; stops at the limit, so shared parts cannot make it long.
fn measure(value: &Val, cost: &mut u64) -> Checked {
    *cost += 1;
    if *cost > LIST_MAX {
        return error("too many values");
    }
    match value {
        Val::Num(Num::BigInt(int)) if int.bits() > NUMBER_MAX_BITS => error("too large a number"),
        // jq's infinity and NaN have no place in a document.
        Val::Num(Num::Float(float)) if !float.is_finite() => error("not a finite number"),
        Val::Null | Val::Bool(_) | Val::Num(_) => Ok(()),
        Val::TStr(text) | Val::BStr(text) if text.len() > TEXT_MAX_BYTES => {
            error("too long a text")
        }
        Val::TStr(text) | Val::BStr(text) => {
            *cost += u64::try_from(text.len() / 64).unwrap_or(u64::MAX);
            Ok(())
        }
        Val::Arr(items) => items.iter().try_for_each(|item| measure(item, cost)),
        Val::Obj(members) => members
            .values()
            .try_for_each(|member| measure(member, cost)),
    }
}

/// Texts are searched at their length's cost.
fn short_text(steps: &Steps<'_>, value: &Val) -> Checked {
    match value {
        Val::TStr(text) if text.len() <= TEXT_MAX_BYTES => {
            spend(steps, 1 + u64::try_from(text.len()).unwrap_or(u64::MAX))
        }
        Val::TStr(_) => error("too long a text"),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => {
            error("not a text")
        }
    }
}

fn number(value: &Val) -> Checked {
    match value {
        Val::Num(_) => Ok(()),
        Val::Null | Val::Bool(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) | Val::Obj(_) => {
            error("not a number")
        }
    }
}

/// Refuses what would lose digits.
fn to_number(value: &Val) -> Result<Val, Error<Val>> {
    match value {
        Val::Num(_) => Ok(value.clone()),
        Val::TStr(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| serde_json::from_str::<serde_json::Number>(text.trim()).ok())
            .filter(|number| number.is_i64() || text.len() <= DIGITS_MAX)
            .map_or_else(
                || error("not a number"),
                |number| Ok(crate::value::from_json(&serde_json::Value::Number(number))),
            ),
        Val::Null | Val::Bool(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => {
            error("not a number")
        }
    }
}

/// Where an expression begins that only chooses places; none if it computes.
fn chooses_from(tree: &Tree) -> Option<Head> {
    match tree {
        Tree::Here => Some(Head::Here),
        Tree::Root(root) => Some(Head::Root(*root)),
        Tree::Path(start, steps) => {
            let plain = |(step, _): &(Step, Optional)| !matches!(step, Step::Slice(..));
            steps.iter().all(plain).then(|| chooses_from(start))?
        }
        Tree::Pipe(left, right) => {
            (chooses_from(right)? == Head::Here).then(|| chooses_from(left))?
        }
        Tree::Comma(left, right) | Tree::Else(left, right) => {
            let head = chooses_from(left)?;
            (chooses_from(right)? == head).then_some(head)
        }
        Tree::Bind(_, _, right) => chooses_from(right).filter(|head| *head == Head::Here),
        Tree::Try(of) => chooses_from(of).filter(|head| *head == Head::Here),
        Tree::If(branches, otherwise) => {
            let here = |tree: &Tree| chooses_from(tree) == Some(Head::Here);
            let all = branches.iter().all(|(_, then)| here(then))
                && otherwise.as_deref().is_none_or(here);
            all.then_some(Head::Here)
        }
        Tree::Call(builtin, arguments) => match builtin.kind {
            Kind::Nothing | Kind::Filter | Kind::Item => Some(Head::Here),
            Kind::Argument => {
                let here = |argument: &Tree| chooses_from(argument) == Some(Head::Here);
                arguments.iter().all(here).then_some(Head::Here)
            }
            Kind::Constant
            | Kind::PerItem
            | Kind::Items
            | Kind::Consumes
            | Kind::ConsumesArgument
            | Kind::ConsumesItems
            | Kind::Regex => None,
        },
        Tree::Variable(_)
        | Tree::Number(_)
        | Tree::Text(_)
        | Tree::List(_)
        | Tree::Negative(_)
        | Tree::Logic(..)
        | Tree::Plus(..)
        | Tree::Arithmetic(..)
        | Tree::Compare(..) => None,
    }
}

/// The spot of one `[path, value]` the library gave.
fn located(start: &Spot, pair: Val) -> Option<Spot> {
    let Val::Arr(pair) = pair else { return None };
    let (Some(Val::Arr(path)), Some(value)) = (pair.first(), pair.get(1)) else {
        return None;
    };
    let Trail::At(place) = &start.trail else {
        return Some(Spot {
            value: value.clone(),
            trail: start.trail.clone(),
        });
    };
    let (mut place, mut at) = (place.clone(), start.value.clone());
    for key in path.iter() {
        (place, at) = match (key, &at) {
            (Val::TStr(_), _) => {
                let key = crate::value::key_text(key);
                (place.key(&key), crate::value::member(&at, &key)?)
            }
            (Val::Num(index), Val::Arr(items)) => {
                let index = super::absolute(i64::try_from(index.as_isize()?).ok()?, items.len())?;
                (
                    place.index(index),
                    items.get(index).cloned().unwrap_or_default(),
                )
            }
            (Val::Num(index), Val::Null) => (
                place.index(usize::try_from(index.as_isize()?).ok()?),
                Val::Null,
            ),
            _ => return None,
        };
    }
    Some(Spot {
        value: value.clone(),
        trail: Trail::At(place),
    })
}
