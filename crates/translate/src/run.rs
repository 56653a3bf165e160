//! One translation under way: how a binding becomes a text, what was read, what was missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use amtsbote_model::Personal;
use jaq_json::Val;

use crate::codes::Mapped;
use crate::convert::Misfit;
use crate::expression::{Evaluated, Expression, Failure, Numbers, Spot, Trail, World};
use crate::finding::{Finding, Rule};
use crate::lineage::{self, Ignored, Lineage, Origin, Trace};
use crate::place::Place;
use crate::source::{Root, Sources};
use crate::value;
use crate::word::{Binding, Missing, Scope};

/// What one translation may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Elements and attributes, JSON members, or cells.
    pub nodes_max: usize,
    /// Bytes of the document.
    pub document_max_bytes: usize,
    /// Steps of all expressions together.
    pub steps_max: u64,
}

impl Default for Limits {
    /// 200 000 nodes, 32 MiB, 20 million steps.
    fn default() -> Self {
        Self {
            nodes_max: 200_000,
            document_max_bytes: 32 * 1024 * 1024,
            steps_max: 20_000_000,
        }
    }
}

/// A finished document, and where it came from.
#[derive(Debug, Clone)]
pub struct Translation<D = Vec<u8>> {
    /// The document.
    pub document: Personal<D>,
    /// Every output, in the document's order; then what decided over parts without being in one.
    pub lineage: Vec<Lineage>,
    /// Inputs no output and no condition used, in the data's order.
    pub losses: Vec<Place>,
}

/// Why there is no document to hand over.
#[derive(Debug, thiserror::Error)]
pub enum Refusal<D = Vec<u8>> {
    /// The submission lacks something the template needs. `draft` is what came out anyway: for previews only.
    #[error("the submission lacks {} value(s) the template needs", findings.len())]
    Incomplete {
        /// Everything that is missing or does not fit, in the document's order; never empty.
        findings: Vec<Finding>,
        /// The incomplete document.
        draft: Box<Translation<D>>,
    },
    /// The document would have more elements and attributes than allowed.
    #[error("the document would have more than {max} nodes")]
    TooManyNodes {
        /// The limit.
        max: usize,
    },
    /// The document would be larger than allowed.
    #[error("the document would be larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
}

/// Each place that was used, with the output and line of the template that asked for it first.
pub(crate) type Used = BTreeMap<Place, (Arc<str>, Option<u32>)>;

/// The outcome with `file` as the template of every output.
pub(crate) fn from_template<D>(
    mut outcome: Result<Translation<D>, Refusal<D>>,
    file: &Arc<str>,
) -> Result<Translation<D>, Refusal<D>> {
    let translation = match &mut outcome {
        Ok(translation) => translation,
        Err(Refusal::Incomplete { draft, .. }) => draft,
        Err(Refusal::TooManyNodes { .. } | Refusal::TooLarge { .. }) => return outcome,
    };
    for one in &mut translation.lineage {
        one.template = Some(file.clone());
    }
    outcome
}

/// A limit was passed; the run ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Halt {
    Nodes,
    Bytes,
}

impl Halt {
    pub(crate) const fn refusal<D>(self, limits: &Limits) -> Refusal<D> {
        match self {
            Self::Nodes => Refusal::TooManyNodes {
                max: limits.nodes_max,
            },
            Self::Bytes => Refusal::TooLarge {
                max_bytes: limits.document_max_bytes,
            },
        }
    }
}

/// What a binding gave.
pub(crate) enum Bound {
    /// A value of the input, converted; `typed` is what it was before it became text.
    Value {
        text: String,
        typed: Val,
        origin: Origin,
    },
    /// The template's word for no value.
    Substitute { text: String, origin: Origin },
    /// Leave it out.
    Absent,
    /// A finding was recorded.
    Faulty,
}

/// The state of one translation.
pub(crate) struct Run<'a> {
    pub(crate) world: World,
    pub(crate) limits: &'a Limits,
    findings: Vec<Finding>,
    used: Used,
    nodes: usize,
    /// Bytes of all texts so far: the tree is bounded before it is written.
    bytes: usize,
    steps_left: u64,
    /// Values of the input that arrived, counted to know whether a part stayed empty.
    arrived: usize,
}

/// What a part stands for: its value, and which repeat it is.
pub(crate) struct Context {
    pub(crate) spot: Spot,
    /// From 1, if the part is repeated.
    pub(crate) nr: Option<usize>,
}

/// A point to come back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    findings: usize,
    arrived: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(sources: &Sources, limits: &'a Limits) -> Self {
        Self {
            world: World::new(sources),
            limits,
            findings: Vec::new(),
            used: Used::new(),
            nodes: 0,
            bytes: 0,
            steps_left: limits.steps_max,
            arrived: 0,
        }
    }

    pub(crate) fn start(&self) -> Spot {
        self.world.root(Root::Data)
    }

    pub(crate) fn count_node(&mut self) -> Result<(), Halt> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return Err(Halt::Nodes);
        }
        if self.bytes > self.limits.document_max_bytes {
            return Err(Halt::Bytes);
        }
        Ok(())
    }

    pub(crate) const fn mark(&self) -> Mark {
        Mark {
            findings: self.findings.len(),
            arrived: self.arrived,
        }
    }

    /// Whether no value of the input arrived since `mark`; if so, what was found missing since is forgotten.
    pub(crate) fn stayed_empty_since(&mut self, mark: Mark) -> bool {
        let empty = self.arrived == mark.arrived;
        if empty {
            self.findings.truncate(mark.findings);
        }
        empty
    }

    /// The contexts a part stands in: none if it is left out.
    pub(crate) fn contexts(&mut self, scope: &Scope, here: &Spot, at: Asked<'_>) -> Vec<Context> {
        let mut contexts: Vec<Context> = match &scope.each {
            None => vec![Context {
                spot: here.clone(),
                nr: None,
            }],
            Some(each) => {
                let evaluated = self.evaluate(each, here, at);
                self.use_all(evaluated.iter().flat_map(|found| found.reads.clone()), at);
                let spots = evaluated.map(|found| found.spots).unwrap_or_default();
                let items = spots.into_iter().flat_map(Spot::items);
                let numbered = |(index, spot)| Context {
                    spot,
                    nr: Some(index + 1),
                };
                items.enumerate().map(numbered).collect()
            }
        };
        if let Some(condition) = &scope.condition {
            contexts.retain(|context| {
                let outer = self.enter(context);
                let holds = self.holds(condition, &context.spot, at);
                self.world.number(outer);
                holds
            });
        }
        contexts
    }

    /// Sets `$nr` and `$outer_nr` for a repeated part; gives what they were around it, to be set again behind it.
    pub(crate) fn enter(&mut self, context: &Context) -> Numbers {
        let outer = self.world.numbers();
        if let Some(nr) = context.nr {
            self.world.number(Numbers {
                nr: Val::from(nr),
                outer_nr: outer.nr.clone(),
            });
        }
        outer
    }

    /// jq's truth: everything but `null` and `false`; no value at all is false.
    fn holds(&mut self, condition: &Expression, here: &Spot, at: Asked<'_>) -> bool {
        let Some(found) = self.evaluate(condition, here, at) else {
            return false;
        };
        self.use_all(found.reads.into_iter().chain(found.results), at);
        for spot in &found.spots {
            self.use_condition(spot, at);
        }
        let truth = |spot: &Spot| !matches!(spot.value, Val::Null | Val::Bool(false));
        found.spots.first().is_some_and(truth)
    }

    /// A condition uses single values; that a list or object is there does not use what is in it.
    fn use_condition(&mut self, spot: &Spot, at: Asked<'_>) {
        if let Trail::At(place) = &spot.trail
            && !matches!(spot.value, Val::Arr(_) | Val::Obj(_))
        {
            self.use_all([place.clone()], at);
        }
    }

    fn use_all(&mut self, places: impl IntoIterator<Item = Place>, at: Asked<'_>) {
        let mut output: Option<Arc<str>> = None;
        for place in places {
            self.used.entry(place).or_insert_with(|| {
                let output = output.get_or_insert_with(|| at.output.into());
                (output.clone(), at.line)
            });
        }
    }

    fn evaluate(
        &mut self,
        expression: &Expression,
        here: &Spot,
        at: Asked<'_>,
    ) -> Option<Evaluated> {
        match expression.evaluate(&self.world, here, &mut self.steps_left) {
            Ok(found) => Some(found),
            Err(failure) => {
                let rule = match failure {
                    Failure::Failed => Rule::ExpressionFailed,
                    Failure::TooLong => Rule::ExpressionTooLong,
                };
                self.arrived += 1;
                self.find(rule, here.place(), at, "");
                None
            }
        }
    }

    /// One text for `binding` in the context `here`.
    pub(crate) fn bind(&mut self, binding: &Binding, here: &Spot, output: &str) -> Bound {
        let at = Asked {
            output,
            line: binding.line,
        };
        let Some(found) = self.evaluate(&binding.from, here, at) else {
            return Bound::Faulty;
        };
        self.use_all(found.reads.into_iter().chain(found.results), at);
        let mut spots = found.spots;
        let asked = spots.first().or(Some(here)).and_then(Spot::place).cloned();
        spots.retain(|spot| !value::is_blank(&spot.value));
        if spots.len() > 1 {
            self.arrived += 1;
            return self.faulty(Rule::Several, asked.as_ref(), at, "");
        }
        match spots.pop() {
            None => self.substitute(binding, asked, at),
            Some(spot) => self.convert(binding, spot, at),
        }
    }

    fn substitute(&mut self, binding: &Binding, asked: Option<Place>, at: Asked<'_>) -> Bound {
        let text = match &binding.missing {
            Missing::Report => {
                let is_of_data = asked
                    .as_ref()
                    .is_some_and(|place| place.to_string().starts_with('/'));
                let rule = if binding.is_of_attachment && is_of_data {
                    Rule::Unattached
                } else {
                    Rule::Missing
                };
                return self.faulty(rule, asked.as_ref(), at, "");
            }
            Missing::Drop => return Bound::Absent,
            Missing::Empty => String::new(),
            Missing::Default(text) => text.clone(),
        };
        let origin = Origin {
            sources: asked.into_iter().collect(),
            template_line: binding.line,
            trace: Trace::Default,
            conversion: None,
        };
        Bound::Substitute { text, origin }
    }

    fn convert(&mut self, binding: &Binding, spot: Spot, at: Asked<'_>) -> Bound {
        self.arrived += 1;
        let place = spot.place().cloned();
        if let Trail::At(place) = &spot.trail {
            self.use_all([place.clone()], at);
        }
        let mut typed = spot.value;
        for conversion in &binding.conversions {
            match conversion.apply(&typed) {
                Ok(text) => typed = Val::utf8_str(text.into_bytes()),
                Err(misfit) => {
                    let rule = match misfit {
                        Misfit::NotOneValue => Rule::NotOneValue,
                        Misfit::Unconvertible => Rule::Unconvertible,
                    };
                    return self.faulty(rule, place.as_ref(), at, conversion.text());
                }
            }
        }
        let Some(mut text) = value::one_text(&typed) else {
            return self.faulty(Rule::NotOneValue, place.as_ref(), at, "");
        };
        if let Some(map) = &binding.codes {
            match map.map(&text) {
                Mapped::To(code) => text = code,
                Mapped::Drop => return Bound::Absent,
                Mapped::Unknown => {
                    return self.faulty(Rule::UnmappedCode, place.as_ref(), at, map.name());
                }
            }
            typed = Val::utf8_str(text.clone().into_bytes());
        }
        let (sources, trace) = match spot.trail {
            Trail::At(place) => (vec![place], Trace::Exact),
            Trail::From(places) => (places, Trace::Computed),
        };
        let origin = Origin {
            sources,
            template_line: binding.line,
            trace,
            conversion: binding.conversion_text(),
        };
        self.bytes = self.bytes.saturating_add(text.len());
        Bound::Value {
            text,
            typed,
            origin,
        }
    }

    pub(crate) fn faulty(
        &mut self,
        rule: Rule,
        place: Option<&Place>,
        at: Asked<'_>,
        expected: &str,
    ) -> Bound {
        self.find(rule, place, at, expected);
        Bound::Faulty
    }

    pub(crate) fn find(
        &mut self,
        rule: Rule,
        place: Option<&Place>,
        at: Asked<'_>,
        expected: &str,
    ) {
        self.findings.push(Finding {
            at: place.map(Place::to_string).unwrap_or_default(),
            rule,
            output: at.output.to_owned(),
            template_line: at.line,
            expected: expected.to_owned(),
        });
    }

    /// The result around `document`.
    pub(crate) fn finish<D>(
        self,
        document: D,
        mut lineage: Vec<Lineage>,
        ignored: &Ignored,
    ) -> Result<Translation<D>, Refusal<D>> {
        let losses = lineage::losses(&self.start().value, &self.used, ignored);
        lineage.extend(lineage::deciding(&lineage, &self.used));
        let translation = Translation {
            document: Personal::new(document),
            lineage,
            losses,
        };
        if self.findings.is_empty() {
            return Ok(translation);
        }
        Err(Refusal::Incomplete {
            findings: self.findings,
            draft: Box::new(translation),
        })
    }
}

/// What asks for a value: for findings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'o> {
    pub(crate) output: &'o str,
    pub(crate) line: Option<u32>,
}
