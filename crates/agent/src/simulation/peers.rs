//! The delivery service and the procedures, as they are when things go wrong.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{
    Arrival, Fault as WayFault, Mapping, Opened, Outbound, Parcel, ParcelFile, Piece, Product,
    Receipt, Reply,
};
use amtsbote_client::{Fault, Posted, Silence};
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::event::{AuthenticationTags, Claims, EventKind};
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::{Cause, Failure, Verdict};
use amtsbote_model::{CaseId, DestinationId, Personal, SubmissionId, Timestamp};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_store::DeliveryRow;
use bytes::Bytes;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::life::Life;
use super::plan::{Flaw, Mood, Nature, Repeats};
use super::world::{World, number};
use crate::Served;
use crate::attachments::{Shelf, Spooled};
use crate::delivery::{Stopped, failure};
use crate::opening::Content;
use crate::service::DeliveryService;
use crate::verdict::Unposted;
use crate::work::Inner;

pub(super) const SERVICE: &str = "urn:de:fim:leika:leistung:99102013002000";
pub(super) const SCHEMA: &str = "https://schema.example.de/zahl/1.0.0.json";
/// The service hangs up after that.
const HANGS: Duration = Duration::from_secs(10);

/// The delivery service, as one life of an agent reaches it.
pub(super) struct Service(pub(super) Arc<Life>);

/// What becomes of a call that has its effect.
struct Call {
    answer_is_lost: bool,
}

fn unavailable(retry_after: Option<Duration>) -> Fault {
    Fault::Unavailable {
        retry_after,
        silence: Silence::Status(503),
    }
}

/// A fault of the service's own.
fn broken() -> Fault {
    Fault::Unavailable {
        retry_after: None,
        silence: Silence::Status(500),
    }
}

/// A foreign wish: sensible ones, and a day.
fn later(world: &World) -> Option<Duration> {
    let seconds = world.chance.pick(&[1, 7, 60, 86_400]);
    (!world.chance.one_in(3)).then(|| Duration::from_secs(seconds))
}

impl Service {
    fn world(&self) -> &World {
        &self.0.world
    }

    async fn called(&self) -> Result<Call, Fault> {
        self.0.pass().await;
        let world = self.world();
        sleep(world.chance.millis(60)).await;
        let whole = Call {
            answer_is_lost: false,
        };
        match world.plan.service.at(world.since()) {
            Mood::Well => Ok(whole),
            Mood::Moody => match world.chance.below(6) {
                0 => Err(unavailable(None)),
                1 => Ok(Call {
                    answer_is_lost: true,
                }),
                2 => {
                    sleep(world.chance.millis(6000)).await;
                    Ok(whole)
                }
                _ => Ok(whole),
            },
            Mood::Away => Err(unavailable(None)),
            Mood::Busy => Err(unavailable(later(world))),
            Mood::Silent => {
                sleep(HANGS).await;
                Err(unavailable(None))
            }
            Mood::Broken => Err(broken()),
        }
    }

    async fn ended<T>(&self, call: Call, answer: T) -> Result<T, Fault> {
        self.0.may_die().await;
        if call.answer_is_lost {
            Err(unavailable(None))
        } else {
            Ok(answer)
        }
    }

    fn waiting(&self, destination: Option<DestinationId>, paging: Paging) -> Vec<SubmissionRef> {
        let state = self.world().state();
        let open = state.submissions.iter().filter(|one| one.answer.is_none());
        let open = open.map(|one| one.ids);
        let here = open.filter(|ids| destination.is_none_or(|id| id == ids.destination_id));
        let open = here.skip(paging.offset as usize);
        open.take(paging.limit as usize).collect()
    }

    fn answered(&self, id: SubmissionId) -> Option<Verdict> {
        let state = self.world().state();
        let found = state.submissions.get(number(id));
        found.and_then(|one| one.answer)
    }

    fn take(&self, token: &str) -> Posted {
        let (id, verdict) = token.split_once(' ').expect("as it was signed");
        let id: SubmissionId = id.parse().expect("as it was signed");
        let verdict = if verdict == "accept" {
            Verdict::Accept
        } else {
            Verdict::Reject
        };
        let mut state = self.world().state();
        let found = state.submissions.get_mut(number(id));
        let one = found.expect("only what was sent is answered");
        if one.answer.is_some() {
            return Posted::IllegalStep;
        }
        one.answer = Some(verdict);
        let effects = one.effects;
        drop(state);
        let expected = u32::from(verdict == Verdict::Accept);
        self.world().demand(effects == expected, || {
            format!("{id} is answered with {verdict:?} and has {effects} effects")
        });
        Posted::Done
    }
}

fn content(nature: Nature) -> Content {
    let data = json!({ "refused": nature == Nature::Refused });
    Content {
        service: SERVICE.parse().expect("a service"),
        schema_uri: SCHEMA.to_owned(),
        received_at: Timestamp::from_seconds(0),
        tags: AuthenticationTags {
            metadata: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            data: None,
            attachments: std::collections::BTreeMap::new(),
        },
        data_bytes: Personal::new(data.to_string().into_bytes()),
        data: Personal::new(data),
        sender_reference: None,
        reply_channel: None,
        room: None,
    }
}

impl DeliveryService for Service {
    fn pickup<'a>(
        &'a self,
        _inner: &'a Inner,
        destination: Option<DestinationId>,
        paging: Paging,
        wait: Duration,
    ) -> Reply<'a, Result<Vec<SubmissionRef>, Fault>> {
        Box::pin(async move {
            let call = self.called().await?;
            let until = Instant::now() + wait;
            loop {
                let mut news = std::pin::pin!(self.world().news.notified());
                news.as_mut().enable();
                let waiting = self.waiting(destination, paging);
                if !waiting.is_empty() || Instant::now() >= until {
                    return self.ended(call, waiting).await;
                }
                tokio::select! {
                    biased;
                    () = news => {}
                    () = sleep_until(until) => {}
                }
            }
        })
    }

    fn open<'a>(
        &'a self,
        _inner: &'a Inner,
        row: &'a DeliveryRow,
        _on: (&'a Served, &'a Shelf),
    ) -> Reply<'a, Result<(Content, Spooled), Stopped>> {
        Box::pin(async move {
            self.world().asked();
            let call = self.called().await?;
            let id = row.submission_id;
            if let Some(verdict) = self.answered(id) {
                return Err(Stopped::Decided(verdict));
            }
            if self.world().nature(id) == Nature::Damaged {
                return Err(broken().into());
            }
            let content = content(self.world().nature(id));
            Ok((self.ended(call, content).await?, Spooled::default()))
        })
    }

    fn sign<'a>(
        &'a self,
        claims: &'a Claims,
        _served: &'a Served,
    ) -> Reply<'a, Result<String, Failure>> {
        let verdict = if claims.kind == EventKind::AcceptSubmission {
            "accept"
        } else {
            "reject"
        };
        // A case holds one submission here and has its number.
        let token = format!(
            "{} {verdict}",
            SubmissionId::from_uuid(claims.case_id.uuid())
        );
        Box::pin(async move {
            self.0.pass().await;
            Ok(token)
        })
    }

    fn post<'a>(
        &'a self,
        _inner: &'a Inner,
        _case_id: CaseId,
        token: &'a str,
    ) -> Reply<'a, Result<Posted, Fault>> {
        Box::pin(async move {
            let call = self.called().await?;
            let posted = self.take(token);
            self.ended(call, posted).await
        })
    }

    fn answer<'a>(
        &'a self,
        _inner: &'a Inner,
        row: &'a DeliveryRow,
        _ours: Verdict,
    ) -> Reply<'a, Result<Option<Verdict>, Unposted>> {
        Box::pin(async move {
            let asked = async {
                let call = self.called().await?;
                self.ended(call, self.answered(row.submission_id)).await
            };
            asked
                .await
                .map_err(|_: Fault| Unposted::Later(failure(Cause::ServiceUnavailable)))
        })
    }
}

/// A procedure, as one life of an agent reaches it.
pub(super) struct Procedure {
    pub(super) life: Arc<Life>,
    pub(super) place: usize,
}

/// One call; what is under way when it is dropped may still take effect at a procedure that recognises repeats.
struct UnderWay<'a> {
    procedure: &'a Procedure,
    id: SubmissionId,
    was_sent: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(procedure: &'a Procedure, id: SubmissionId) -> Self {
        let world = &procedure.life.world;
        let place = &world.plan.places[procedure.place];
        let mut state = world.state();
        state.calls += 1;
        state.call_log.push((world.since(), procedure.place));
        state
            .under_way
            .push((procedure.life.number, procedure.place, id));
        let here = state.under_way.iter();
        // Who stands still may be taken over; it does nothing meanwhile.
        let here =
            here.filter(|(life, at, _)| *at == procedure.place && !state.stalled.contains(life));
        let count = here.count();
        drop(state);
        let limit = place.pace.limit;
        world.demand(count <= limit as usize, || {
            format!(
                "{count} hand-overs at a time to place {}, {limit} allowed",
                procedure.place
            )
        });
        Self {
            procedure,
            id,
            was_sent: false,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Procedure { life, place } = self.procedure;
        let world = life.world.clone();
        let mut state = world.state();
        let ours = (life.number, *place, self.id);
        if let Some(at) = state.under_way.iter().position(|one| *one == ours) {
            state.under_way.swap_remove(at);
        }
        drop(state);
        let goes_on = self.was_sent && world.plan.places[*place].repeats == Repeats::Recognised;
        if goes_on && world.chance.one_in(2) && tokio::runtime::Handle::try_current().is_ok() {
            let (id, late) = (self.id, world.chance.millis(20_000));
            drop(tokio::spawn(async move {
                sleep(late).await;
                if !world.has(id) {
                    world.effect(id);
                }
            }));
        }
    }
}

impl Procedure {
    fn world(&self) -> &World {
        &self.life.world
    }

    /// One that is asked first does not stand still meanwhile: that gap is open, and documented.
    async fn pass(&self, repeats: Repeats) {
        match repeats {
            Repeats::Recognised => self.life.pass().await,
            Repeats::LookedUp => self.life.may_die().await,
        }
    }

    async fn take(&self, parcel: &Parcel, limit: Duration) -> Result<Receipt, WayFault> {
        let id = SubmissionId::from_uuid(parcel.id.uuid());
        let world = self.world();
        let place = &world.plan.places[self.place];
        let mut under_way = UnderWay::begin(self, id);
        self.pass(place.repeats).await;
        let nature = world.nature(id);
        assert!(nature != Nature::Poison, "the transport breaks at this one");
        let is_lost = self.mood(limit).await?;
        if nature == Nature::Unwanted {
            let text = Bilingual::new("wird nicht angenommen", "is not taken");
            let findings = vec![Finding::new("/art", "procedure", text)];
            return Err(WayFault::Rejected { findings });
        }
        let was_there = self.bring(&mut under_way).await;
        self.pass(place.repeats).await;
        under_way.was_sent = false;
        sleep(world.chance.millis(place.call_ms / 4)).await;
        if is_lost {
            return Err(away("cut off", None));
        }
        Ok(Receipt {
            place: format!("inbox/{id}"),
            arrival: if was_there {
                Arrival::Repeated
            } else {
                Arrival::New
            },
            file_number: None,
        })
    }

    /// Whether it was there before.
    async fn bring(&self, under_way: &mut UnderWay<'_>) -> bool {
        let (world, id) = (self.world(), under_way.id);
        let place = &world.plan.places[self.place];
        let asks = place.repeats == Repeats::LookedUp && world.plan.flaw != Some(Flaw::NoLookUp);
        if asks {
            sleep(world.chance.millis(place.call_ms / 4)).await;
            if world.has(id) {
                return true;
            }
        }
        under_way.was_sent = true;
        sleep(world.chance.millis(place.call_ms)).await;
        self.pass(place.repeats).await;
        if world.plan.flaw == Some(Flaw::FalseReceipts) && world.chance.one_in(5) {
            return false;
        }
        if place.repeats == Repeats::Recognised && world.has(id) {
            return true;
        }
        world.effect(id);
        false
    }

    /// Whether the answer will be lost.
    async fn mood(&self, limit: Duration) -> Result<bool, WayFault> {
        let world = self.world();
        match world.plan.places[self.place].moods.at(world.since()) {
            Mood::Well => Ok(false),
            Mood::Moody => match world.chance.below(6) {
                0 => Err(away("busy", None)),
                1 => Ok(true),
                2 => {
                    sleep(world.chance.millis(6000)).await;
                    Ok(false)
                }
                _ => Ok(false),
            },
            Mood::Away | Mood::Broken => {
                sleep(world.chance.millis(100)).await;
                Err(away("refused", None))
            }
            Mood::Busy => Err(away("busy", later(world))),
            Mood::Silent => {
                sleep(limit).await;
                Err(away("silent", None))
            }
        }
    }
}

fn away(reason: &str, retry_after: Option<Duration>) -> WayFault {
    WayFault::Unavailable {
        reason: Bilingual::new(reason, reason),
        retry_after,
    }
}

impl Outbound for Procedure {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, WayFault>> {
        Box::pin(self.take(parcel, limit))
    }

    fn probe(&self, _limit: Duration) -> Reply<'_, Result<(), WayFault>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The data as it is; or a finding.
pub(super) struct AsItIs;

impl Mapping for AsItIs {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        if opened.data.reveal()["refused"] == true {
            let text = Bilingual::new("gibt es hier nicht", "does not exist here");
            return Err(vec![Finding::new("/zahl", "code-map", text)]);
        }
        let bytes = Bytes::copy_from_slice(opened.data_bytes.reveal());
        Ok(Product {
            files: vec![ParcelFile {
                path: "antrag.json".parse().expect("a safe path"),
                media_type: "application/json".to_owned(),
                pieces: vec![Piece::Bytes(Personal::new(bytes))],
            }],
            lineage: Vec::new(),
            losses: Vec::new(),
        })
    }
}
