//! Threads that each own a compiled set: preparing a set for a run takes far longer than the run, and what is prepared
//! can neither be shared nor moved.
//!
//! ```text
//!  Set::report ──Job──► queue ──► worker: compile, prepare, (run, reply)*, compile again when its names grew
//! ```

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use amtsbote_problem::Findings;
use xsd_schema::validation::{SchemaValidator, ValidationFlags};

use super::locate::Locations;
use super::{Options, Report, compiled, run};
use crate::xml;

/// A compiled set keeps every name it ever met in a document; past this growth it is compiled anew.
const NAMES_GROWTH_MAX_BYTES: usize = 16 << 20;

pub(super) struct Job {
    text: String,
    reply: Sender<Report>,
}

type Queue = Mutex<Receiver<Job>>;

/// Who checks.
pub(super) enum Workers {
    /// Threads, which end when this is dropped.
    Threads(Sender<Job>),
    /// Whoever asks, where there are no threads (WebAssembly): the set is compiled for each document.
    Nobody(Worker),
}

impl Workers {
    /// Starts `options.workers` threads; ready when this returns.
    pub(super) fn start(locations: &Locations, options: Options) -> Result<Self, Findings> {
        let (sender, receiver) = channel();
        let queue = Arc::new(Mutex::new(receiver));
        for _ in 0..options.workers.max(1) {
            let worker = Worker {
                locations: locations.clone(),
                options,
            };
            let queue = Arc::clone(&queue);
            let (ready, prepared) = channel();
            let started = thread::Builder::new()
                .name("amtsbote-xsd".into())
                .spawn(move || worker.work(&queue, &ready));
            if started
                .as_ref()
                .is_err_and(|error| error.kind() == ErrorKind::Unsupported)
            {
                return Self::nobody(locations, options);
            }
            match started.ok().and_then(|_| prepared.recv().ok()) {
                Some(answer) => answer?,
                None => {
                    return Err(xml::refusal(
                        "xsd",
                        "",
                        "konnte nicht geladen werden",
                        "could not be loaded",
                    ));
                }
            }
        }
        Ok(Self::Threads(sender))
    }

    /// Without threads; the set is compiled once to know that it can be.
    pub(super) fn nobody(locations: &Locations, options: Options) -> Result<Self, Findings> {
        compiled(locations)?;
        Ok(Self::Nobody(Worker {
            locations: locations.clone(),
            options,
        }))
    }

    /// Waits for a free worker and its report.
    pub(super) fn report(&self, text: &str) -> Report {
        let jobs = match self {
            Self::Threads(jobs) => jobs,
            Self::Nobody(worker) => return worker.alone(text).unwrap_or_else(unchecked),
        };
        let (reply, answer) = channel();
        let job = Job {
            text: text.to_owned(),
            reply,
        };
        let report = jobs.send(job).ok().and_then(|()| answer.recv().ok());
        report.unwrap_or_else(unchecked)
    }
}

// No answer is no licence to go on.
fn unchecked() -> Report {
    Report {
        errors: xml::refusal(
            "xsd",
            "",
            "konnte nicht geprüft werden",
            "could not be checked",
        ),
        warnings: Findings::new(),
    }
}

pub(super) struct Worker {
    locations: Locations,
    options: Options,
}

fn flags() -> ValidationFlags {
    ValidationFlags::default() & !ValidationFlags::BUILD_PSVI_TYPED_VALUES
}

enum Ended {
    NoMoreJobs,
    NamesGrew,
}

impl Worker {
    /// One document by a set of its own; none if the set cannot be compiled any more.
    fn alone(&self, text: &str) -> Option<Report> {
        let set = compiled(&self.locations).ok()?;
        let validator = SchemaValidator::new(&set, flags());
        let is_whole = validator.content_model_failures().is_empty();
        is_whole.then(|| run::report(&validator, &set, text, &self.options))
    }

    fn work(&self, queue: &Queue, ready: &Sender<Result<(), Findings>>) {
        // The first answer is waited for; later ones go nowhere, and a set that compiled once compiles again.
        while matches!(self.serve(queue, ready), Some(Ended::NamesGrew)) {}
    }

    fn serve(&self, queue: &Queue, ready: &Sender<Result<(), Findings>>) -> Option<Ended> {
        let set = match compiled(&self.locations) {
            Ok(set) => set,
            Err(findings) => {
                let _ = ready.send(Err(findings));
                return None;
            }
        };
        let validator = SchemaValidator::new(&set, flags());
        if !validator.content_model_failures().is_empty() {
            let (de, en) = (
                "ein Inhaltsmodell ist zu groß",
                "a content model is too large",
            );
            let _ = ready.send(Err(xml::refusal("xsd", "", de, en)));
            return None;
        }
        let _ = ready.send(Ok(()));
        let names_max = set.name_table.heap_bytes() + NAMES_GROWTH_MAX_BYTES;
        while set.name_table.heap_bytes() < names_max {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { text, reply }) = next else {
                return Some(Ended::NoMoreJobs);
            };
            // A fault of the library must cost this document only; its answer is the dropped `reply`.
            let report = catch_unwind(AssertUnwindSafe(|| {
                run::report(&validator, &set, &text, &self.options)
            }));
            if let Ok(report) = report {
                // An error: nobody waits any more.
                let _ = reply.send(report);
            }
        }
        Some(Ended::NamesGrew)
    }
}
