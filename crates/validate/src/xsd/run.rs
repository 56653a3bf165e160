//! One document through one compiled set.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use amtsbote_problem::{Bilingual, Finding, Findings};
use xsd_schema::SchemaSet;
use xsd_schema::validation::{
    DriveWithError, ElementStartView, EndElementInfo, EndOfAttributesView, PathStep,
    SchemaValidator, ValidationError, ValidationEventHandler, ValidationSink, ValidationWarning,
    drive_quick_xml_with,
};
use xsd_schema::xml::ParseLimits;

use super::wording::Misplaced;
use super::{Options, Report, Severity, wording};
use crate::json::FINDINGS_MAX;
use crate::xml;

const NAME_MAX_BYTES: usize = 1000;
const TEXT_MAX_BYTES: usize = 16 << 20;
/// For how many misplaced elements the expected ones are looked up: each costs one more pass.
const EXPECTED_MAX: usize = 3;
const ALLOWED_MAX: usize = 30;
const MISPLACED: &str = "cvc-complex-type.2.4";
const UNKNOWN: &str = "cvc-elt.1";

/// Where the run is.
#[derive(Default)]
struct Place {
    // Number of hooks passed.
    step: Cell<usize>,
    // Is the last hook the begin of an element?
    beginning: Cell<bool>,
    // Byte offsets of the open elements.
    open: RefCell<Vec<usize>>,
}

/// An error with where it happened.
struct Seen {
    error: ValidationError,
    offset: Option<usize>,
    step: usize,
    misplaced: Misplaced,
}

struct Sink {
    place: Rc<Place>,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl ValidationSink for Sink {
    fn on_error(&mut self, error: ValidationError) {
        let mut seen = self.seen.borrow_mut();
        if seen.len() <= FINDINGS_MAX {
            let offset = self.place.open.borrow().last().copied();
            let misplaced = if self.place.beginning.get() {
                Misplaced::Child
            } else {
                Misplaced::End
            };
            seen.push(Seen {
                error,
                offset,
                step: self.place.step.get(),
                misplaced,
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
        self.place.open.borrow_mut().push(offset);
        Ok(())
    }

    fn before_element(&mut self, _: ElementStartView<'_>) -> Result<(), Stopped> {
        self.step()?;
        self.place.beginning.set(true);
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
        if repeats(&seen[..index], one) {
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
