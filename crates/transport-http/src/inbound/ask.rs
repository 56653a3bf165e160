//! By a question for each submission that waits.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use amtsbote_adapter::{Fault, OpenCase, OpenCases, Return, ReturnId, Settled};
use amtsbote_jose::sha256_hex;
use amtsbote_model::SubmissionId;

use super::{HttpInbound, Look, SPARE};
use crate::fields::Case;
use crate::inbound_settings::Ask;
use crate::settings::Status;

impl HttpInbound {
    pub(super) async fn ask_round(
        &self,
        ask: &Ask,
        open: &dyn OpenCases,
        (max, limit): (usize, Duration),
    ) -> Result<Vec<Return>, Fault> {
        let refused = self.ledger.refused().await?;
        let enough = tokio::time::sleep(limit / SPARE * (SPARE - 1));
        tokio::pin!(enough);
        let after = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cases = open.open_cases(after, max).await?;
        if cases.len() < max && after.is_some() {
            // Round again; who was asked in this look is not asked twice.
            let first = open.open_cases(None, max - cases.len()).await?;
            let first = first.into_iter();
            cases.extend(first.take_while(|case| after.is_some_and(|at| case.submission_id <= at)));
        }
        let mut look = Look::default();
        for case in cases {
            if look.is_full(max) {
                break;
            }
            let taken = tokio::select! {
                taken = self.ask_for(ask, &case, &refused) => taken,
                () = &mut enough => break,
            };
            // Whatever became of it, the others have their turn before it is asked for again.
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(case.submission_id);
            match taken {
                Ok(Some((one, bytes))) => look.add(one, bytes),
                Ok(None) => {}
                Err(fault @ Fault::Unavailable { .. }) => {
                    look.fault = Some(fault);
                    break;
                }
                Err(fault) => look.fault = look.fault.or(Some(fault)),
            }
        }
        look.ended()
    }

    /// Nothing if there is no answer yet, or the one that was settled last.
    async fn ask_for(
        &self,
        ask: &Ask,
        case: &OpenCase,
        refused: &BTreeSet<String>,
    ) -> Result<Option<(Return, usize)>, Fault> {
        let submission = case.submission_id.to_string();
        let url = ask.url.with(&[
            ("submission", &submission),
            ("case", &case.case_id.to_string()),
            ("message", &case.message.to_string()),
        ])?;
        let answer = self.caller.get(&url, self.body_max()).await?;
        if ask.absent.contains(&Status(answer.status)) {
            return Ok(None);
        }
        let (got, bytes) = self.got(&answer, Case::Known)?;
        let hash = sha256_hex(answer.body.as_deref().unwrap_or_default());
        let id = format!("{submission}.{hash}");
        let is_old = self
            .ledger
            .kept(&submission)
            .await?
            .is_some_and(|kept| kept == hash);
        if is_old || refused.contains(&id) {
            return Ok(None);
        }
        let id = ReturnId::try_from(id).map_err(|_| {
            Fault::unavailable(
                "eine unserer Kennungen ist zu lang",
                "an id of ours is too long",
            )
        })?;
        let facts = vec![("reference", submission)];
        self.returned((id, facts), (got, url), bytes)
            .await
            .map(Some)
    }

    pub(super) async fn end_asked(&self, id: &ReturnId, outcome: Settled) -> Result<(), Fault> {
        let parts = id.as_str().split_once('.');
        let is_ours = |(id, hash): &(&str, &str)| {
            id.parse::<SubmissionId>().is_ok() && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let Some((submission, hash)) = parts.filter(is_ours) else {
            return Ok(());
        };
        match outcome {
            Settled::Kept => self.ledger.keep(submission, hash).await,
            Settled::Refused => {
                if self
                    .ledger
                    .kept(submission)
                    .await?
                    .is_some_and(|kept| kept == hash)
                {
                    return Ok(());
                }
                self.ledger.refuse(id.as_str()).await
            }
        }
    }
}
