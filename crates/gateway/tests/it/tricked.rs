//! A store in front of another one, that plays a trick with commits.

use std::sync::Arc;

use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, ReplyId, Subject, SubmissionId, Timestamp,
};
use amtsbote_store::{
    Batch, Case, CaseFilter, Cases, Committed, Content, DestinationFilter, Directory, Error, Event,
    KeyRecord, Leases, Ledger, Listed, LogOf, Mail, MemoryStore, Notice, Outbox, Page, Remembered,
    Reply, ReplyFilter, ReplyRecord, ReplyRef, Submission, SubmissionFilter, SubmissionRef,
};

/// What happens instead.
pub(crate) trait Trick: Send + Sync + 'static {
    fn commit<'a>(
        &'a self,
        whole: &'a MemoryStore,
        batch: Batch,
    ) -> Reply<'a, Result<Committed, Error>>;

    /// What happens just before a log is read.
    fn before_log<'a>(&'a self, _whole: &'a MemoryStore) -> Reply<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Whether a submission can be asked for.
    fn asked(&self) -> Result<(), Error> {
        Ok(())
    }
}

pub(crate) struct Tricked<T> {
    pub(crate) whole: Arc<MemoryStore>,
    pub(crate) trick: T,
}

impl<T: Trick> Ledger for Tricked<T> {
    fn commit(&self, batch: Batch) -> Reply<'_, Result<Committed, Error>> {
        self.trick.commit(&self.whole, batch)
    }

    fn submission(&self, id: SubmissionId) -> Reply<'_, Result<Option<Submission>, Error>> {
        if let Err(error) = self.trick.asked() {
            return Box::pin(async { Err(error) });
        }
        self.whole.submission(id)
    }

    fn content(&self, of: Subject) -> Reply<'_, Result<Option<Content>, Error>> {
        self.whole.content(of)
    }

    fn submissions<'a>(
        &'a self,
        filter: &'a SubmissionFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<SubmissionRef>, Error>> {
        self.whole.submissions(filter, page)
    }

    fn events(&self, of: LogOf, page: Page) -> Reply<'_, Result<Listed<Event>, Error>> {
        Box::pin(async move {
            self.trick.before_log(&self.whole).await?;
            self.whole.events(of, page).await
        })
    }

    fn remembered<'a>(
        &'a self,
        client: &'a ClientId,
        key: &'a str,
    ) -> Reply<'a, Result<Option<Remembered>, Error>> {
        self.whole.remembered(client, key)
    }

    fn quiet_cases(&self, before: Timestamp, max: u32) -> Reply<'_, Result<Vec<CaseId>, Error>> {
        self.whole.quiet_cases(before, max)
    }

    fn last_round(&self) -> Reply<'_, Result<Option<Timestamp>, Error>> {
        self.whole.last_round()
    }
}

impl<T: Trick> Cases for Tricked<T> {
    fn case(&self, id: CaseId) -> Reply<'_, Result<Option<Case>, Error>> {
        self.whole.case(id)
    }

    fn cases<'a>(
        &'a self,
        filter: &'a CaseFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Case>, Error>> {
        self.whole.cases(filter, page)
    }

    fn reply(&self, id: ReplyId) -> Reply<'_, Result<Option<ReplyRecord>, Error>> {
        self.whole.reply(id)
    }

    fn replies<'a>(
        &'a self,
        filter: &'a ReplyFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<ReplyRef>, Error>> {
        self.whole.replies(filter, page)
    }
}

impl<T: Trick> Directory for Tricked<T> {
    fn destination(&self, id: DestinationId) -> Reply<'_, Result<Option<Destination>, Error>> {
        self.whole.destination(id)
    }

    fn destinations<'a>(
        &'a self,
        filter: &'a DestinationFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Destination>, Error>> {
        self.whole.destinations(filter, page)
    }

    fn keys(&self, id: DestinationId) -> Reply<'_, Result<Vec<KeyRecord>, Error>> {
        self.whole.keys(id)
    }
}

impl<T: Trick> Leases for Tricked<T> {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        self.whole.hold(name, owner, now, until)
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        self.whole.leave(name, owner)
    }
}

impl<T: Trick> Outbox for Tricked<T> {
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Notice>, Error>> {
        self.whole.due(now, max)
    }

    fn due_mails(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Mail>, Error>> {
        self.whole.due_mails(now, max)
    }
}
