//! What procedures sent into a message box, for whoever brings it back to its sender.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{Fault, Inbound, ParcelFile, Piece, Reply, Return, ReturnId, Said, Settled};
use amtsbote_model::Clock;

use crate::fault::disk;
use crate::mailbox::{Mailbox, Record, Tray};
use crate::outbound::within;
use crate::source::file_source;
use crate::spool::blocking;
use crate::steps;

/// The inbox of one account. Facts of its answers: `message-id`, `author`, `reader`, `service`, `business-scenario`,
/// `message-type`, `payload-schema`.
#[derive(Clone)]
pub struct XtaInbound {
    mailbox: Mailbox,
    clock: Arc<dyn Clock>,
}

impl XtaInbound {
    /// Opens the message box at `path`; made if missing.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let mailbox = Mailbox::open(path).map_err(|error| disk(steps::OPEN_BOX, &error))?;
        Ok(Self { mailbox, clock })
    }

    fn answer(&self, record: Record) -> Result<Return, Fault> {
        let key = record.key();
        let file = |(index, item): (usize, &crate::mailbox::Item)| ParcelFile {
            // The sender's names stay in the record: they are no safe paths.
            path: format!("{index:04}")
                .parse()
                .expect("digits are a safe path"),
            media_type: item.media_type.clone(),
            pieces: vec![Piece::Attachment(file_source(
                self.mailbox.file(Tray::Inbox, &key, index),
                item.size,
            ))],
        };
        let files = record.files.iter().enumerate().map(file).collect();
        let id = ReturnId::try_from(record.message_id.clone()).map_err(|_| {
            Fault::unavailable(
                "ein Eintrag des Eingangs ist beschädigt",
                "a record of the inbox is damaged",
            )
        })?;
        let cover = record.cover;
        let facts = vec![
            ("message-id", record.message_id),
            ("author", cover.author.id),
            ("reader", cover.reader.id),
            ("service", cover.service),
            ("business-scenario", cover.business_scenario.code),
            ("message-type", cover.message_type.code),
            ("payload-schema", cover.message_type.payload_schema),
        ];
        Ok(Return {
            id,
            facts,
            said: Said::Unread,
            files,
        })
    }
}

impl Inbound for XtaInbound {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        let mailbox = self.mailbox.clone();
        Box::pin(within(limit, async move {
            let listed = blocking(move || mailbox.list(Tray::Inbox)).await;
            let records = listed.map_err(|error| disk(steps::READ_INBOX, &error))?;
            records
                .into_iter()
                .take(max)
                .map(|record| self.answer(record))
                .collect()
        }))
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        let (mailbox, id, now) = (
            self.mailbox.clone(),
            id.as_str().to_owned(),
            self.clock.now(),
        );
        Box::pin(within(limit, async move {
            let ended = blocking(move || match outcome {
                Settled::Kept => mailbox.end(&id, Tray::Inbox, now),
                Settled::Refused => mailbox.set_aside(&id),
            });
            ended
                .await
                .map_err(|error| disk(steps::WRITE_INBOX, &error))
        }))
    }
}
