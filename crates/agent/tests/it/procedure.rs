//! A procedure that does what its script says, and a mapping that obeys the data.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_adapter::placement::Names;
use amtsbote_adapter::{
    Arrival, Fault, Mapping, Opened, Outbound, Parcel, ParcelFile, Piece, Product, Receipt, Reply,
};
use amtsbote_model::{ParcelId, Personal};
use amtsbote_problem::{Bilingual, Finding, Findings};
use bytes::Bytes;

use crate::ways::Fuse;

/// What the procedure does at a try.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Unavailable(Option<Duration>),
    Misconfigured,
    Rejected,
    /// Says nothing for ever.
    Silent,
    /// Waits for the test's word first.
    Waits(Arc<tokio::sync::Notify>),
}

/// Files of a parcel: path and bytes.
pub(crate) type Arrived = Vec<(String, Vec<u8>)>;

#[derive(Default)]
pub(crate) struct Procedure {
    pub(crate) script: Mutex<VecDeque<Act>>,
    /// Parcels that always end in a panic.
    pub(crate) poison: Mutex<Vec<ParcelId>>,
    pub(crate) parcels: Mutex<BTreeMap<ParcelId, Arrived>>,
    /// Every call.
    pub(crate) calls: Mutex<Vec<ParcelId>>,
    /// Told when a call has begun.
    pub(crate) called: tokio::sync::Notify,
    pub(crate) fuse: Option<Arc<Fuse>>,
    /// How it has documents call files.
    pub(crate) names: Mutex<Names>,
}

impl Procedure {
    pub(crate) fn will(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.lock().unwrap().extend(acts);
    }

    pub(crate) fn arrived(&self, id: ParcelId) -> Option<Arrived> {
        self.parcels.lock().unwrap().get(&id).cloned()
    }

    pub(crate) fn count(&self) -> usize {
        self.parcels.lock().unwrap().len()
    }

    pub(crate) fn calls_of(&self, id: ParcelId) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|called| **called == id).count()
    }

    async fn take(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        self.calls.lock().unwrap().push(parcel.id);
        self.called.notify_one();
        let is_poison = self.poison.lock().unwrap().contains(&parcel.id);
        assert!(!is_poison, "poison with {}", crate::trace::MARKER);
        let act = self.script.lock().unwrap().pop_front();
        match act {
            Some(Act::Unavailable(retry_after)) => {
                let reason = Bilingual::new("beschäftigt", "busy");
                return Err(Fault::Unavailable {
                    reason,
                    retry_after,
                });
            }
            Some(Act::Misconfigured) => {
                return Err(Fault::misconfigured(
                    "diesen Ordner gibt es nicht",
                    "no such folder",
                ));
            }
            Some(Act::Rejected) => {
                let text = Bilingual::new("wird nicht angenommen", "is not taken");
                let findings = vec![Finding::new("/art", "procedure", text)];
                return Err(Fault::Rejected { findings });
            }
            Some(Act::Silent) => std::future::pending().await,
            Some(Act::Waits(word)) => word.notified().await,
            None => {}
        }
        let mut files = Arrived::new();
        for file in &parcel.files {
            let (mut reader, mut bytes) = (file.read(), Vec::new());
            while let Some(piece) = reader.next().await? {
                bytes.extend_from_slice(&piece);
            }
            files.push((file.path.to_string(), bytes));
        }
        if let Some(fuse) = &self.fuse {
            fuse.pass("before the effect").await;
        }
        let before = self.parcels.lock().unwrap().insert(parcel.id, files);
        if let Some(fuse) = &self.fuse {
            fuse.pass("after the effect").await;
        }
        let arrival = match before {
            None => Arrival::New,
            Some(_) => Arrival::Repeated,
        };
        Ok(Receipt {
            place: format!("inbox/{}", parcel.id),
            arrival,
            file_number: None,
        })
    }
}

impl Outbound for Procedure {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        _limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(self.take(parcel))
    }

    fn probe(&self, _limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn names(&self) -> Names {
        self.names.lock().unwrap().clone()
    }
}

/// The data as it is, and the attachments; where files are called otherwise than their paths, a document that names one. `zahl` 666 panics, 13 is a finding, 14 one that is ours to mend.
pub(crate) struct AsItIs;

impl Mapping for AsItIs {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        let data = opened.data.reveal();
        assert!(
            data["zahl"] != 666,
            "the mapping breaks at {}",
            data["name"]
        );
        if data["zahl"] == 13 {
            let text = Bilingual::new("gibt es hier nicht", "does not exist here");
            return Err(vec![Finding::new("/zahl", "code-map", text)]);
        }
        if data["zahl"] == 14 {
            let text = Bilingual::new("steht in keiner Codeabbildung", "is in no code map");
            return Err(vec![
                Finding::new("/name", "too-wide", text.clone()),
                Finding::new("/zahl", "code-map", text).of_receiver(),
            ]);
        }
        let bytes = Bytes::copy_from_slice(opened.data_bytes.reveal());
        let mut files = vec![ParcelFile {
            path: "antrag.json".parse().unwrap(),
            media_type: "application/json".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(bytes))],
        }];
        for (nr, attachment) in opened.attachments.iter().enumerate() {
            files.push(ParcelFile {
                path: format!("anlagen/{nr}.bin").parse().unwrap(),
                media_type: attachment.media_type.clone(),
                pieces: vec![Piece::Attachment(attachment.source.clone())],
            });
        }
        if opened.names.rule().is_some() {
            let called = opened.called("antrag.json").into_owned();
            files.push(ParcelFile {
                path: "steuer.txt".parse().unwrap(),
                media_type: "text/plain".to_owned(),
                pieces: vec![Piece::Bytes(Personal::new(called.into()))],
            });
        }
        Ok(Product {
            files,
            lineage: Vec::new(),
            losses: Vec::new(),
        })
    }
}
