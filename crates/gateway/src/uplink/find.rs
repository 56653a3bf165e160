//! From service and region, or a named destination, to a foreign destination with its key.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_fit_connect::destination::PublicDestination;
use amtsbote_fit_connect::metadata::ReplyChannelKind;
use amtsbote_jose::{KeyUse, PublicKey};
use amtsbote_model::{
    Ars, ContactInformation, Destination, DestinationId, DestinationStatus, ServiceId,
};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict};
use serde_json::{Value, json};

use super::{REMEMBERED_MAX, Uplink, Uplinks};
use crate::Context;
use crate::answer::Refused;

/// What a sender is told to wait when the foreign service cannot be asked.
const RETRY_AFTER: Duration = Duration::from_mins(1);
/// Tries to write a shadow while others write it, too.
const ROUNDS_MAX: usize = 3;

/// A foreign destination as its service shows it.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// Owned by its uplink.
    pub(crate) destination: Destination,
    /// What to seal for.
    pub(crate) key: PublicKey,
}

impl Uplinks {
    /// The destination of that id, if an uplink's service knows it.
    pub(crate) async fn named(
        &self,
        context: &Context,
        id: DestinationId,
    ) -> Result<Option<Arc<Mirror>>, Refused> {
        let routed = |uplink: &&Uplink| uplink.routes.iter().any(|route| route.destination == id);
        if let Some(uplink) = self.list().iter().find(routed) {
            return uplink.mirror(context, id).await;
        }
        for uplink in self.list() {
            if let Some(mirror) = uplink.mirror(context, id).await? {
                return Ok(Some(mirror));
            }
        }
        Ok(None)
    }

    /// The one destination for `service` in `region`: by the settings, else by the foreign routing services.
    pub(crate) async fn routed(
        &self,
        context: &Context,
        service: &ServiceId,
        region: &Ars,
    ) -> Result<Option<Arc<Mirror>>, Refused> {
        if let Some((uplink, id)) = self.by_settings(service, region)? {
            return uplink.mirror(context, id).await;
        }
        for uplink in self.list() {
            let found = uplink.by_routing_service(context, service, region).await?;
            match found.as_slice() {
                [] => {}
                [id] => return uplink.mirror(context, *id).await,
                [_, _, ..] => return Err(Code::RouteAmbiguous.into()),
            }
        }
        Ok(None)
    }

    // As with our own destinations: the most precise region wins.
    fn by_settings(
        &self,
        service: &ServiceId,
        region: &Ars,
    ) -> Result<Option<(&Uplink, DestinationId)>, Refused> {
        let mut best: Option<(usize, &Uplink, DestinationId)> = None;
        let mut ambiguous = false;
        for uplink in self.list() {
            for route in uplink
                .routes
                .iter()
                .filter(|route| route.service == *service)
            {
                let fitting = route.regions.iter().filter(|one| one.covers(region));
                let Some(precision) = fitting.map(amtsbote_model::Region::precision).max() else {
                    continue;
                };
                let before = best.map(|(precision, _, id)| (precision, id));
                match before {
                    Some((most, _)) if most > precision => {}
                    Some((most, id)) if most == precision => ambiguous |= id != route.destination,
                    Some(_) | None => {
                        best = Some((precision, uplink, route.destination));
                        ambiguous = false;
                    }
                }
            }
        }
        if ambiguous {
            return Err(Code::RouteAmbiguous.into());
        }
        Ok(best.map(|(_, uplink, id)| (uplink, id)))
    }
}

impl Uplink {
    async fn by_routing_service(
        &self,
        context: &Context,
        service: &ServiceId,
        region: &Ars,
    ) -> Result<Vec<DestinationId>, Refused> {
        let Some(router) = &self.router else {
            return Ok(Vec::new());
        };
        let name = (service.clone(), region.to_string());
        let now = context.now();
        let remembered = self.memory().routes.get(&name).cloned();
        if let Some((at, found)) = &remembered {
            let fresh = if found.is_empty() {
                self.freshness.unknown
            } else {
                self.freshness.fresh
            };
            if now.since(*at) < fresh {
                return Ok(found.clone());
            }
        }
        match router.find(service, region).await {
            Ok(found) => {
                let mut memory = self.memory();
                if memory.routes.len() >= REMEMBERED_MAX {
                    memory.routes.clear();
                }
                memory.routes.insert(name, (now, found.clone()));
                Ok(found)
            }
            Err(fault) => {
                match remembered.filter(|(at, _)| self.may_serve_stale(now.since(*at), &fault)) {
                    Some((_, found)) => Ok(found),
                    None => Err(self.cannot_ask(&fault, "routing")),
                }
            }
        }
    }

    /// The destination and its key, as remembered or as asked now; nothing if the service does not know it.
    async fn mirror(
        &self,
        context: &Context,
        id: DestinationId,
    ) -> Result<Option<Arc<Mirror>>, Refused> {
        let now = context.now();
        let remembered = self.memory().mirrors.get(&id).cloned();
        if let Some((at, mirror)) = &remembered {
            let fresh = if mirror.is_some() {
                self.freshness.fresh
            } else {
                self.freshness.unknown
            };
            if now.since(*at) < fresh {
                return Ok(mirror.clone());
            }
        }
        match self.ask(context, id).await {
            Ok(mirror) => {
                let mut memory = self.memory();
                if memory.mirrors.len() >= REMEMBERED_MAX {
                    memory.mirrors.clear();
                }
                memory.mirrors.insert(id, (now, mirror.clone()));
                Ok(mirror)
            }
            Err(fault) => {
                match remembered.filter(|(at, _)| self.may_serve_stale(now.since(*at), &fault)) {
                    Some((_, mirror)) => Ok(mirror),
                    None => Err(self.cannot_ask(&fault, "destination")),
                }
            }
        }
    }

    // A service that answers, and answers something else, is believed at once.
    fn may_serve_stale(&self, age: Duration, fault: &Fault) -> bool {
        matches!(fault, Fault::Unavailable { .. }) && age < self.freshness.stale
    }

    async fn ask(
        &self,
        context: &Context,
        id: DestinationId,
    ) -> Result<Option<Arc<Mirror>>, Fault> {
        let session = self.sender.session();
        let shown = match session.destination(id).await {
            Ok(shown) => shown,
            Err(Fault::NotFound) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let key = session.destination_key(id, &shown.encryption_kid, KeyUse::Encryption);
        let key = key.await?;
        let destination = self.destination(context, id, shown);
        Ok(Some(Arc::new(Mirror { destination, key })))
    }

    fn destination(
        &self,
        context: &Context,
        id: DestinationId,
        shown: PublicDestination,
    ) -> Destination {
        Destination {
            // The id asked for, whatever the answer says.
            id,
            owner: self.owner.clone(),
            name: shown.name.unwrap_or_default(),
            status: shown.status,
            encryption_kid: shown.encryption_kid,
            metadata_versions: shown.metadata_versions,
            services: shown.services,
            contact: ContactInformation {
                legal_name: self.name.clone(),
                address: None,
                phone: None,
                email: None,
                unit: None,
            },
            callback: None,
            reply_channels: Some(channels(shown.reply_channels.as_ref())),
            created_at: context.now(),
        }
    }

    // Nothing of the answer's body is passed on.
    fn cannot_ask(&self, fault: &Fault, what: &'static str) -> Refused {
        let cause = std::error::Error::source(fault)
            .map(ToString::to_string)
            .unwrap_or_default();
        let text = "the foreign service could not be asked";
        match fault {
            Fault::Unavailable { .. } => {
                tracing::warn!(uplink.name = %self.name, error = %fault, cause, "{what}: {text} by uplink {}: {fault}", self.name);
            }
            Fault::Refused { .. }
            | Fault::NotFound
            | Fault::Malformed { .. }
            | Fault::Misconfigured(_)
            | Fault::OwnEnd(_) => {
                tracing::error!(uplink.name = %self.name, error = %fault, cause, "{what}: {text} by uplink {}: {fault}", self.name);
            }
        }
        let asked = match fault {
            Fault::Unavailable { retry_after, .. } => *retry_after,
            Fault::Refused { .. }
            | Fault::NotFound
            | Fault::Malformed { .. }
            | Fault::Misconfigured(_)
            | Fault::OwnEnd(_) => None,
        };
        Problem::new(Code::UplinkUnavailable)
            .retry_after(asked.unwrap_or(RETRY_AFTER).max(Duration::from_secs(1)))
            .into()
    }
}

/// What the destination says it serves, or all: without `fitConnect`, since replies at the foreign service are not fetched.
fn channels(shown: Option<&Value>) -> String {
    let said = |kind: &ReplyChannelKind| shown.is_none_or(|shown| shown.get(kind.name()).is_some());
    let kinds = ReplyChannelKind::ALL
        .into_iter()
        .filter(|kind| *kind != ReplyChannelKind::FitConnect);
    let members = kinds
        .filter(said)
        .map(|kind| (kind.name().to_owned(), json!({})));
    Value::Object(members.collect()).to_string()
}

/// Sees to it that our directory has a shadow of a foreign destination, so that submissions can refer to it.
pub(crate) async fn shade(context: &Context, foreign: &Destination) -> Result<(), Refused> {
    for _ in 0..ROUNDS_MAX {
        let replaces = context.store().destination(foreign.id).await?;
        let is_there = |stored: &Destination| {
            stored.owner == foreign.owner && stored.status == DestinationStatus::Active
        };
        if replaces.as_ref().is_some_and(is_there) {
            return Ok(());
        }
        // One of ours came to have this id meanwhile: it goes first.
        if replaces
            .as_ref()
            .is_some_and(|stored| !super::is_shadow_owner(&stored.owner))
        {
            return Err(Code::DestinationStateInvalid.into());
        }
        let shadow = Destination {
            status: DestinationStatus::Active,
            // Offering nothing, it is found by no route and takes no announcement.
            services: Vec::new(),
            reply_channels: None,
            ..foreign.clone()
        };
        let change = Change::PutDestination {
            replaces: replaces.map(Box::new),
            destination: Box::new(shadow),
        };
        match context.store().commit(Batch::new().with(change)).await? {
            Committed::Done => {
                // Asked again, it is found and as it should be.
                amtsbote_names::fail_point!(ShadowMade);
                return Ok(());
            }
            Committed::Refused(Conflict::DestinationMoved) => {}
            Committed::Refused(conflict) => return Err(crate::answer::unexpected(conflict)),
        }
    }
    Err(crate::answer::unexpected(Conflict::DestinationMoved))
}
