//! Replies: the calls of who sends them (the destination's subscriber) and of who gets them (who opened the case).
//!
//! How replies are spoken of is not publicly described; what our gateway does stands in `docs/spec/fit-connect.md`.

use std::io;
use std::time::Duration;

use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::event::{AuthenticationTags, EventProblem};
use amtsbote_fit_connect::reply::{
    AcceptReply, CreateReply, RejectReply, RepliesForPickup, Reply, ReplyReduced, ReplyRef,
};
use amtsbote_fit_connect::submission::SubmitSubmission;
use amtsbote_model::{AttachmentId, ReplyId};
use bytes::Bytes;
use futures_util::Stream;
use reqwest::Method;
use serde::Serialize;

use crate::exchange::Call;
use crate::{AttachmentStream, Fault, Posted, Sender, Subscriber};

/// Replying into a case.
impl Subscriber {
    /// Announces a reply. **Not repeatable**: every call opens another one, unfinished ones are deleted after a day.
    pub async fn announce_reply(&self, announcement: &CreateReply) -> Result<ReplyRef, Fault> {
        let url = self.session().versioned(&["replies"]);
        let body = announcement.body().to_string();
        let call = Call::new(Method::POST, url).body("application/json", body);
        let answer = self.session().call(&call).await?;
        ReplyRef::parse(answer.json()?)
            .map_err(|_| Fault::malformed("the ids of the reply were expected"))
    }

    /// Uploads a sealed attachment of a reply; see [`Sender::upload`].
    pub async fn upload_to_reply<S>(
        &self,
        reply: ReplyId,
        attachment: AttachmentId,
        sealed: S,
        length: Option<u64>,
    ) -> Result<(), Fault>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (reply, attachment) = (reply.to_string(), attachment.to_string());
        let path = ["replies", &reply, "attachments", &attachment];
        self.session().upload(&path, sealed, length).await
    }

    /// Completes a reply. May be repeated with the same content as long as it is not answered.
    pub async fn submit_reply(
        &self,
        reply: ReplyId,
        sealed: &SubmitSubmission,
    ) -> Result<ReplyReduced, Fault> {
        let url = self.session().versioned(&["replies", &reply.to_string()]);
        let body = written(sealed)?;
        let call = Call::new(Method::PUT, url).body("application/json", body);
        let answer = self.session().call(&call).await?;
        ReplyReduced::parse(answer.json()?).map_err(|_| Fault::malformed("the reply was expected"))
    }
}

/// Getting replies.
impl Sender {
    /// Replies that wait for us, in all our cases. For `wait` see [`Subscriber::pickup`].
    pub async fn replies(&self, paging: Paging, wait: Duration) -> Result<RepliesForPickup, Fault> {
        let mut url = self.session().versioned(&["replies"]);
        url.query_pairs_mut().extend_pairs(paging.pairs());
        let answer = self
            .session()
            .call(&Call::get(url).preferring(wait))
            .await?;
        RepliesForPickup::parse(answer.json()?)
            .map_err(|_| Fault::malformed("a list of replies was expected"))
    }

    /// A reply with metadata and data, sealed.
    pub async fn fetch_reply(&self, reply: ReplyId) -> Result<Reply, Fault> {
        let url = self.session().versioned(&["replies", &reply.to_string()]);
        let max = self.session().service().bounds().submission_bytes;
        let answer = self.session().call(&Call::get(url).answer_max(max)).await?;
        let read =
            Reply::parse(answer.json()?).map_err(|_| Fault::malformed("a reply was expected"))?;
        if read.reduced.ids.reply_id == reply {
            Ok(read)
        } else {
            Err(Fault::malformed("it is another reply than asked for"))
        }
    }

    /// A sealed attachment of a reply (a compact JWE), as a stream.
    pub async fn download_of_reply(
        &self,
        reply: ReplyId,
        attachment: AttachmentId,
    ) -> Result<AttachmentStream, Fault> {
        let (reply, attachment) = (reply.to_string(), attachment.to_string());
        let path = ["replies", &reply, "attachments", &attachment];
        self.session().download(&path).await
    }

    /// Says that a reply was opened and found valid, by the tags of what was opened. May be repeated.
    pub async fn accept_reply(
        &self,
        reply: ReplyId,
        tags: &AuthenticationTags,
    ) -> Result<Posted, Fault> {
        let body = AcceptReply {
            authentication_tags: tags.clone(),
        };
        self.answer_reply(reply, "accept", &body).await
    }

    /// Says that a reply cannot be taken, and why. May be repeated.
    pub async fn reject_reply(
        &self,
        reply: ReplyId,
        problems: Vec<EventProblem>,
    ) -> Result<Posted, Fault> {
        self.answer_reply(reply, "reject", &RejectReply { problems })
            .await
    }

    async fn answer_reply(
        &self,
        reply: ReplyId,
        answer: &str,
        body: &impl Serialize,
    ) -> Result<Posted, Fault> {
        let url = self
            .session()
            .versioned(&["replies", &reply.to_string(), answer]);
        let call = Call::new(Method::PUT, url).body("application/json", written(body)?);
        match self.session().call(&call).await {
            Ok(_) => Ok(Posted::Done),
            Err(Fault::Refused { status: 409, .. }) => Ok(Posted::IllegalStep),
            Err(fault) => Err(fault),
        }
    }
}

fn written(body: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(body).map_err(|_| Fault::malformed("the body could not be written"))
}
