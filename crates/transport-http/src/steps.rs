//! A delivery in several calls: the application, each attachment, the end.
//!
//! ```text
//!  look up / POST application ─► id ─► closed already? ── yes ──► Receipt, Repeated
//!                                       └ no ─► each attachment (look up / PUT) ─► close (look up / POST) ─► Receipt
//! ```
//!
//! Nothing is noted here between two calls. Whoever goes on after a death begins at the top: the procedure gives the id again, because
//! it is asked by the parcel's id or knows the key of the first call, and each further call has a look-up or a key of its own.

use amtsbote_adapter::{Arrival, Fault, Parcel, ParcelFile, ParcelPath, Receipt};
use amtsbote_model::ParcelId;
use uuid::Uuid;

use crate::answer::{Answer, Meaning, Presence};
use crate::outbound::{HttpOutbound, Question};
use crate::settings::{Body, FileNumber};
use crate::step_settings::{Spot, Step, StepLookup, StepMethod, StepUrl, Steps};
use crate::wire::Letter;

/// A call of one step.
struct Call<'a> {
    step: &'a Step,
    spot: Spot<'a>,
    /// What says at the procedure that it is the same call.
    key: String,
}

impl HttpOutbound {
    /// Brings the parcel by `steps`.
    pub(crate) async fn in_steps(&self, parcel: &Parcel, steps: &Steps) -> Result<Receipt, Fault> {
        let (application, others) = parts(parcel, steps)?;
        let (first, mut arrival, place) = self.announced(&application, steps).await?;
        let id = id_of(&first, place)?;
        let spot = Spot {
            parcel: parcel.id,
            id: &id,
            file: None,
        };
        amtsbote_names::fail_point!(ApplicationSent);
        // What is closed takes nothing more, so this is asked before anything is sent.
        if let Some(done) = self.closed(steps, spot).await? {
            return self.told(parcel.id, &[&done, &first], Arrival::Repeated);
        }
        let refused: fn(&Answer) -> Fault = match steps.close {
            Some(_) => Answer::refused,
            // The procedure has the application and works on it: the applicant must not hear that it was refused.
            None => refused_too_late,
        };
        for (index, file) in others.iter().enumerate() {
            if let Some(step) = &steps.attachment {
                let at = (file, index + 1);
                arrival = self.attach(step, (spot, at), refused).await?;
                amtsbote_names::fail_point!(AttachmentSent);
            }
        }
        let Some(step) = &steps.close else {
            return self.told(parcel.id, &[&first], arrival);
        };
        let letter = Letter::of_text(step.content.as_deref(), &step.content_type);
        let call = Call {
            step,
            spot,
            key: key(parcel.id, "close"),
        };
        let (last, arrival) = self.send_step(&call, &letter, Answer::refused).await?;
        self.told(parcel.id, &[&last, &first], arrival)
    }

    /// The answer of the call that brings the application, or of the look-up, and where it has the id.
    async fn announced<'s>(
        &self,
        application: &Parcel,
        steps: &'s Steps,
    ) -> Result<(Answer, Arrival, &'s FileNumber), Fault> {
        let letter = Letter::of(&self.settings.body, application)?;
        if let Some(answer) = self.found(application.id).await? {
            let place = steps.lookup_id.as_ref().unwrap_or(&steps.id);
            return Ok((answer, Arrival::Repeated, place));
        }
        amtsbote_names::fail_point!(LookedUp);
        let (answer, arrival) = self.send_first(application.id, &letter).await?;
        Ok((answer, arrival, &steps.id))
    }

    /// The answer that says so, if the procedure can be asked and has it whole.
    async fn closed(&self, steps: &Steps, spot: Spot<'_>) -> Result<Option<Answer>, Fault> {
        let Some(step) = &steps.close else {
            return Ok(None);
        };
        let call = Call {
            step,
            spot,
            key: key(spot.parcel, "close"),
        };
        self.looked_up(&call).await
    }

    async fn attach<'a>(
        &self,
        step: &'a Step,
        (spot, (file, nr)): (Spot<'a>, (&'a ParcelFile, usize)),
        refused: fn(&Answer) -> Fault,
    ) -> Result<Arrival, Fault> {
        let alone = Parcel {
            id: spot.parcel,
            files: vec![ParcelFile {
                path: last_part(&file.path)?,
                ..file.clone()
            }],
        };
        let letter = Letter::of(step.body.as_ref().unwrap_or(&Body::File), &alone)?;
        let call = Call {
            step,
            spot: Spot {
                file: Some((&file.path, nr)),
                ..spot
            },
            key: key(spot.parcel, &format!("attachment/{nr}")),
        };
        let (_, arrival) = self.send_step(&call, &letter, refused).await?;
        Ok(arrival)
    }

    /// The step's answer, or that of its look-up.
    async fn send_step(
        &self,
        call: &Call<'_>,
        letter: &Letter<'_>,
        refused: impl Fn(&Answer) -> Fault,
    ) -> Result<(Answer, Arrival), Fault> {
        if let Some(answer) = self.looked_up(call).await? {
            return Ok((answer, Arrival::Repeated));
        }
        let method = match call.step.method {
            StepMethod::Post => reqwest::Method::POST,
            StepMethod::Put => reqwest::Method::PUT,
            StepMethod::Patch => reqwest::Method::PATCH,
        };
        let answer = self
            .ask(&Question {
                method,
                url: url_of(&call.step.url, call.spot)?,
                key: call.key.clone(),
                letter: Some(letter),
            })
            .await?;
        match answer.meaning(&call.step.answers) {
            Meaning::Accepted => Ok((answer, Arrival::New)),
            Meaning::Repeated => Ok((answer, Arrival::Repeated)),
            Meaning::Refused => Err(refused(&answer)),
            Meaning::Busy => Err(answer.busy()),
            Meaning::Misconfigured => Err(answer.misconfigured()),
        }
    }

    async fn looked_up(&self, call: &Call<'_>) -> Result<Option<Answer>, Fault> {
        let Some(lookup) = &call.step.lookup else {
            return Ok(None);
        };
        let answer = self
            .ask(&Question {
                method: reqwest::Method::GET,
                url: url_of(&lookup.url, call.spot)?,
                key: call.key.clone(),
                letter: None,
            })
            .await?;
        let presence = answer.presence_in((&lookup.found, &lookup.absent), &call.step.answers)?;
        Ok(match presence {
            Presence::There if is_done(lookup, &answer)? => Some(answer),
            Presence::There | Presence::Absent => None,
        })
    }

    /// The receipt, with the file number of the first of `answers` that has one.
    fn told(
        &self,
        parcel: ParcelId,
        answers: &[&Answer],
        arrival: Arrival,
    ) -> Result<Receipt, Fault> {
        let place = self.settings.file_number.as_ref();
        let has = |answer: &&&Answer| answer.file_number(place).is_some();
        let answer = answers.iter().find(has).or_else(|| answers.last());
        let answer = answer.ok_or_else(|| {
            Fault::misconfigured("steps hat keine Antwort", "steps has no answer")
        })?;
        self.receipt(parcel, answer, arrival)
    }
}

/// The parcel of the first call, and the files that have calls of their own.
fn parts<'p>(parcel: &'p Parcel, steps: &Steps) -> Result<(Parcel, &'p [ParcelFile]), Fault> {
    let findings = amtsbote_adapter::placement::clashes(&parcel.files);
    if !findings.is_empty() {
        return Err(Fault::Rejected { findings });
    }
    let (with, others) = match &steps.attachment {
        None => (&parcel.files[..], &parcel.files[..0]),
        Some(step) => {
            let parted = parcel.files.split_at(1);
            names_differ(step, parted.1)?;
            parted
        }
    };
    let application = Parcel {
        id: parcel.id,
        files: with.to_vec(),
    };
    Ok((application, others))
}

/// `{name}` is the last part of a path: in two folders there may be two of one name.
fn names_differ(step: &Step, files: &[ParcelFile]) -> Result<(), Fault> {
    let mut seen = std::collections::BTreeSet::new();
    let mut is_twice = false;
    for file in files {
        is_twice |= !seen.insert(last_part(&file.path)?.as_str().to_lowercase());
    }
    let mut urls = std::iter::once(&step.url).chain(step.lookup.iter().map(|lookup| &lookup.url));
    if is_twice && urls.any(StepUrl::tells_by_name_alone) {
        return Err(Fault::misconfigured(
            "zwei Dateien der Sendung haben denselben Namen in verschiedenen Ordnern: steps.attachment braucht {nr} in seinen URLs",
            "two files of the parcel have one name in different folders: steps.attachment needs {nr} in its urls",
        ));
    }
    Ok(())
}

/// What a file is called where it is alone.
fn last_part(path: &ParcelPath) -> Result<ParcelPath, Fault> {
    let last = path.as_str().rsplit('/').next().unwrap_or_default();
    last.parse().map_err(|_| {
        Fault::misconfigured(
            "der Name einer Datei ist ohne seinen Ordner nicht sicher",
            "a file's name is not safe alone",
        )
    })
}

/// The same at each repeat, and another for each step.
fn key(parcel: ParcelId, step: &str) -> String {
    Uuid::new_v5(&parcel.uuid(), step.as_bytes()).to_string()
}

/// The procedure's id for what it was sent: a text, or the last part of a location.
fn id_of(answer: &Answer, place: &FileNumber) -> Result<String, Fault> {
    let text = answer.file_number(Some(place));
    let whole = text.as_ref().map_or("", |text| text.reveal().as_str());
    let path = whole.split(['?', '#']).next().unwrap_or_default();
    let id = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    if id.is_empty() || id == "." || id == ".." {
        return Err(Fault::misconfigured(
            format!(
                "das Fachverfahren antwortete {} ohne Kennung dort, wo steps.id (oder lookup_id) hinzeigt; die Stelle berichtigen",
                answer.status
            ),
            format!(
                "the procedure answered {} without an id where steps.id (or lookup_id) says; correct its place",
                answer.status
            ),
        ));
    }
    Ok(id.to_owned())
}

fn is_done(lookup: &StepLookup, answer: &Answer) -> Result<bool, Fault> {
    let Some(state) = &lookup.state else {
        return Ok(true);
    };
    let word = answer.file_number(Some(&state.at));
    let word = word.ok_or_else(|| {
        Fault::misconfigured(
            "die Antwort auf die Nachfrage hat keinen Zustand dort, wo state.at hinzeigt; die Stelle berichtigen",
            "the look-up's answer has no state where state.at says; correct its place",
        )
    })?;
    Ok(state.done.contains(word.reveal()))
}

fn refused_too_late(answer: &Answer) -> Fault {
    let status = answer.status;
    Fault::misconfigured(
        format!(
            "das Fachverfahren hat den Antrag und antwortete {status} auf eine Anlage: ein Mensch muss den Fall dort ansehen. Mit einem letzten Aufruf (steps.close) würde der Antrag erst zählen, wenn er vollständig ist"
        ),
        format!(
            "the procedure has the application and answered {status} to an attachment: a person has to look at the case there. With a last call (steps.close) it would count only when it is whole"
        ),
    )
}

fn url_of(template: &StepUrl, spot: Spot<'_>) -> Result<url::Url, Fault> {
    template.of(spot).ok_or_else(|| {
        Fault::misconfigured(
            "eine URL von steps ist mit der Kennung des Fachverfahrens nicht brauchbar",
            "a URL of steps is not usable with the procedure's id",
        )
    })
}
