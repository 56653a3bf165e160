//! One document through one compiled set.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use amtsbote_problem::{Bilingual, Finding, Findings};
use xsd_schema::SchemaSet;
use xsd_schema::validation::{
    AttributeView, DriveWithError, ElementStartView, EndElementInfo, EndOfAttributesView, PathStep,
    SchemaInfo, SchemaValidator, TextKind, ValidationError, ValidationEventHandler, ValidationSink,
    ValidationWarning, drive_quick_xml_with,
};
use xsd_schema::xml::ParseLimits;

use super::people::{self, Declared};
use super::wording::Misplaced;
use super::{Options, Report, Severity, wording};
use crate::json::FINDINGS_MAX;
use crate::xml;

const NAME_MAX_BYTES: usize = 1000;
const TEXT_MAX_BYTES: usize = 16 << 20;
/// For how many misplaced elements the expected ones are looked up: each costs one more pass.
const EXPECTED_MAX: usize = 3;
const ALLOWED_MAX: usize = 30;
/// The shape of a text tells lengths up to 1000 characters; "more" beyond.
const SHAPE_MAX_BYTES: usize = 5000;
const MISPLACED: &str = "cvc-complex-type.2.4";
const UNKNOWN: &str = "cvc-elt.1";

/// Where the run is.
#[derive(Default)]
struct Place {
    // Number of hooks passed.
    step: Cell<usize>,
    // Is the last hook the begin of an element?
    beginning: Cell<bool>,
    open: RefCell<Vec<Open>>,
    // The attribute under the eyes of the validator.
    attribute: RefCell<Option<(String, String)>>,
}

/// An element that is not closed yet.
struct Open {
    offset: usize,
    declared: Declared,
}

/// An error with where it happened.
struct Seen {
    error: ValidationError,
    offset: Option<usize>,
    // Where the element begins whose content is out of order.
    parent: Option<usize>,
    step: usize,
    misplaced: Misplaced,
    declared: Declared,
}

struct Sink {
    place: Rc<Place>,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl ValidationSink for Sink {
    fn on_error(&mut self, error: ValidationError) {
        let mut seen = self.seen.borrow_mut();
        if seen.len() <= FINDINGS_MAX {
            let open = self.place.open.borrow();
            let last = open.last();
            let offset = last.map(|open| open.offset);
            let mut declared = last.map(|open| open.declared.clone()).unwrap_or_default();
            declared
                .attribute
                .clone_from(&self.place.attribute.borrow());
            let misplaced = if self.place.beginning.get() {
                Misplaced::Child
            } else {
                Misplaced::End
            };
            let parent = match misplaced {
                Misplaced::Child => open.iter().nth_back(1).map(|open| open.offset),
                Misplaced::End => offset,
            };
            seen.push(Seen {
                error,
                offset,
                parent,
                step: self.place.step.get(),
                misplaced,
                declared,
            });
        }
    }

    fn on_warning(&mut self, _: ValidationWarning) {}
}

/// Counts steps; stops the run at one of them.
struct Steps {
    place: Rc<Place>,
    stop_at: Option<usize>,
}

struct Stopped;

/// Of a text no more is kept than its shape needs.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(SHAPE_MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Steps {
    fn step(&self) -> Result<(), Stopped> {
        let step = self.place.step.get() + 1;
        self.place.step.set(step);
        self.place.beginning.set(false);
        if self.stop_at == Some(step) {
            Err(Stopped)
        } else {
            Ok(())
        }
    }
}

impl ValidationEventHandler for Steps {
    type Error = Stopped;

    fn on_element_start_offset(&mut self, offset: usize) -> Result<(), Stopped> {
        let mut open = self.place.open.borrow_mut();
        if let Some(parent) = open.last_mut() {
            parent.declared.has_children = true;
        }
        open.push(Open {
            offset,
            declared: Declared::default(),
        });
        Ok(())
    }

    fn before_element(&mut self, _: ElementStartView<'_>) -> Result<(), Stopped> {
        self.step()?;
        self.place.beginning.set(true);
        Ok(())
    }

    fn after_element(&mut self, _: ElementStartView<'_>, info: &SchemaInfo) -> Result<(), Stopped> {
        if let Some(open) = self.place.open.borrow_mut().last_mut() {
            open.declared.element = info.element_decl;
            open.declared.kind = info.schema_type;
        }
        Ok(())
    }

    fn before_attribute(&mut self, view: AttributeView<'_>) -> Result<(), Stopped> {
        let about = (view.local_name.to_owned(), shortened(view.value).to_owned());
        if let Some(open) = self.place.open.borrow_mut().last_mut() {
            open.declared.attributes.push(view.local_name.to_owned());
        }
        *self.place.attribute.borrow_mut() = Some(about);
        Ok(())
    }

    fn after_attribute(&mut self, _: AttributeView<'_>, _: &SchemaInfo) -> Result<(), Stopped> {
        *self.place.attribute.borrow_mut() = None;
        Ok(())
    }

    fn on_text(&mut self, _: TextKind, text: &str) -> Result<(), Stopped> {
        if let Some(open) = self.place.open.borrow_mut().last_mut()
            && open.declared.text.len() < SHAPE_MAX_BYTES
        {
            open.declared.text.push_str(shortened(text));
        }
        Ok(())
    }

    fn after_end_of_attributes(&mut self, _: EndOfAttributesView<'_>) -> Result<(), Stopped> {
        self.step()
    }

    fn after_end_element(&mut self, _: &EndElementInfo, _: usize) -> Result<(), Stopped> {
        self.place.open.borrow_mut().pop();
        self.step()
    }
}

/// One run of a document.
struct Run<'s> {
    validator: &'s SchemaValidator<'s>,
    set: &'s SchemaSet,
    text: &'s str,
    options: &'s Options,
}

pub(super) fn report(
    validator: &SchemaValidator<'_>,
    set: &SchemaSet,
    text: &str,
    options: &Options,
) -> Report {
    let run = Run {
        validator,
        set,
        text,
        options,
    };
    let seen = Rc::default();
    let ended = run.drive(&seen, None).map(|_| ());
    let seen = seen.take();
    let line_ends = if seen.is_empty() {
        Vec::new()
    } else {
        line_ends(text)
    };
    let mut report = Report::default();
    let mut looked_up = 0;
    for (index, one) in seen.iter().enumerate() {
        if repeats(&seen[..index], one) || follows(&seen[..index], one) {
            continue;
        }
        // A misplaced child that the schema does not know comes with an error of its own, which has its path.
        let place = seen
            .get(index + 1)
            .filter(|next| repeats(std::slice::from_ref(one), next));
        let mut finding = finding(&line_ends, one, place.unwrap_or(one));
        if one.error.constraint == MISPLACED && looked_up < EXPECTED_MAX {
            looked_up += 1;
            finding.allowed = run.expected(one.step);
        }
        if one.error.constraint == UNKNOWN && place.is_none() {
            finding.hint = run.other_namespaces(one);
        }
        let path = place.unwrap_or(one).error.instance_path();
        people::tell(set, &mut finding, path, &one.declared);
        if report.errors.last() == Some(&finding) {
            continue;
        }
        match severity(one.error.constraint, options) {
            Severity::Error => report.errors.push(finding),
            Severity::Warning => report.warnings.push(finding),
        }
    }
    if let Err(findings) = ended {
        report.errors.extend(findings);
    }
    if report.errors.len() > FINDINGS_MAX {
        report.errors.truncate(FINDINGS_MAX);
        report.errors.push(crate::more());
    }
    report
}

fn severity(code: &str, options: &Options) -> Severity {
    match code {
        "cvc-id.1" => options.dangling_references,
        "cvc-schema-location" => options.schema_location,
        _ => Severity::Error,
    }
}

impl Run<'_> {
    // Runs to the end or to a step; gives the local names expected where it stopped.
    fn drive(
        &self,
        seen: &Rc<RefCell<Vec<Seen>>>,
        stop_at: Option<usize>,
    ) -> Result<Vec<String>, Findings> {
        let place = Rc::new(Place::default());
        let (text, options, set) = (self.text, self.options, self.set);
        let mut runtime = self.validator.start_run(Sink {
            place: Rc::clone(&place),
            seen: Rc::clone(seen),
        });
        runtime.set_parse_limits(
            ParseLimits::none()
                .with_max_depth(options.limits.depth_max)
                .with_max_name_bytes(NAME_MAX_BYTES)
                .with_max_namespace_uri_bytes(NAME_MAX_BYTES)
                .with_max_attributes(options.limits.attributes_max)
                .with_max_namespace_declarations(options.limits.attributes_max)
                .with_max_namespaces_in_scope(500)
                .with_max_attribute_value_bytes(TEXT_MAX_BYTES)
                .with_max_text_bytes(TEXT_MAX_BYTES)
                .with_max_nodes(options.limits.nodes_max),
        );
        let mut steps = Steps { place, stop_at };
        match drive_quick_xml_with(text.as_bytes(), &mut runtime, set, &mut steps) {
            Ok(_) => {
                // What is left to say goes to the sink; if nothing does, the document is not thereby good.
                let ended = runtime.end_validation();
                if ended.is_err() && seen.borrow().is_empty() {
                    return Err(xml::refusal(
                        "xsd",
                        "",
                        "konnte nicht geprüft werden",
                        "could not be checked",
                    ));
                }
                Ok(Vec::new())
            }
            Err(DriveWithError::Hook(Stopped)) => {
                let expected = runtime.get_expected_elements();
                Ok(expected
                    .iter()
                    .map(|element| set.name_table.resolve(element.local_name))
                    .collect())
            }
            Err(DriveWithError::NotWellFormed(fault)) => {
                let line = xml::line(
                    text,
                    usize::try_from(fault.position()).unwrap_or(usize::MAX),
                );
                let (de, en) = (
                    format!("ist kein wohlgeformtes XML (Zeile {line})"),
                    format!("is not well-formed XML (line {line})"),
                );
                Err(xml::refusal("xml", "", &de, &en))
            }
            Err(_) => Err(xml::refusal(
                "size",
                "",
                "überschreitet eine Grenze für XML-Dokumente",
                "exceeds a limit for XML documents",
            )),
        }
    }

    /// For a root of another namespace, as of another version: the namespaces in which the set knows it.
    fn other_namespaces(&self, seen: &Seen) -> Option<Bilingual> {
        let path = seen.error.instance_path()?;
        let name = path.last()?.name().local_name();
        let mut known: Vec<String> = Vec::new();
        for (namespace, table) in &self.set.namespaces {
            let mut names = table.elements.keys();
            if names.any(|id| self.set.name_table.resolve_ref(*id) == name) {
                known
                    .push(namespace.map_or_else(String::new, |id| self.set.name_table.resolve(id)));
            }
        }
        known.sort();
        (path.len() == 1 && !known.is_empty()).then(|| {
            let known = known.join(", ");
            Bilingual::new(
                format!("das Schema kennt das Element nur in diesem Namensraum: {known}; passt die Version?"),
                format!("the schema knows the element in this namespace only: {known}; is it the right version?"),
            )
        })
    }

    fn expected(&self, step: usize) -> Vec<String> {
        let mut names = self.drive(&Rc::default(), Some(step)).unwrap_or_default();
        names.sort();
        names.dedup();
        if names.len() > ALLOWED_MAX {
            Vec::new()
        } else {
            names
        }
    }
}

// The same misplaced child once more, now as an unknown element.
fn repeats(before: &[Seen], one: &Seen) -> bool {
    one.error.constraint == UNKNOWN
        && before.last().is_some_and(|last| {
            last.error.constraint == MISPLACED
                && last.misplaced == Misplaced::Child
                && last.step == one.step
        })
}

/// What is out of place in an element where something was out of place already: it says no more than the first.
fn follows(before: &[Seen], one: &Seen) -> bool {
    let is_misplaced = |seen: &Seen| seen.error.constraint == MISPLACED;
    is_misplaced(one)
        && before
            .iter()
            .any(|other| is_misplaced(other) && other.parent == one.parent)
}

fn line_ends(text: &str) -> Vec<usize> {
    text.bytes()
        .enumerate()
        .filter(|(_, byte)| *byte == b'\n')
        .map(|(at, _)| at)
        .collect()
}

fn finding(line_ends: &[usize], seen: &Seen, place: &Seen) -> Finding {
    let error = &seen.error;
    let at = place
        .error
        .instance_path()
        .map(|path| path.steps().map(step).collect::<String>())
        .unwrap_or_default();
    let mut detail = if error.constraint == MISPLACED {
        wording::misplaced(seen.misplaced)
    } else {
        wording::detail(error.constraint)
    };
    if let Some(offset) = seen.offset {
        let line = line_ends.partition_point(|end| *end < offset) + 1;
        detail = Bilingual::new(
            format!("{} (Zeile {line})", detail.de),
            format!("{} (line {line})", detail.en),
        );
    }
    Finding::new(at, error.constraint, detail)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may add kinds of steps"
)]
fn step(step: &PathStep) -> String {
    let name = xml::shown_name(step.name().local_name());
    match step {
        PathStep::Element { position, .. } if *position > 1 => format!("/{name}[{position}]"),
        PathStep::Element { .. } => format!("/{name}"),
        _ => format!("/@{name}"),
    }
}
