//! Registers destinations at a gateway of this process.

use amtsbote_gateway::Context as Gateway;
use amtsbote_jose::PublicKey;
use amtsbote_model::Destination;
use amtsbote_store::{Batch, Change, Committed, KeyRecord};
use anyhow::{Result, bail};

/// Stores the destination and its public keys, or replaces an older version of it.
pub(crate) async fn put(
    gateway: &Gateway,
    destination: Destination,
    keys: &[&PublicKey],
) -> Result<()> {
    let before = gateway.store().destination(destination.id).await?;
    let id = destination.id;
    let change = Change::PutDestination {
        replaces: before.map(Box::new),
        destination: Box::new(destination),
    };
    let put_key = |key: &&PublicKey| Change::PutKey {
        destination_id: id,
        key: KeyRecord {
            kid: key.kid().to_owned(),
            jwk: key.to_json().to_string(),
            added_at: gateway.now(),
        },
    };
    let batch = keys
        .iter()
        .map(put_key)
        .fold(Batch::new().with(change), Batch::with);
    match gateway.store().commit(batch).await? {
        Committed::Done => Ok(()),
        Committed::Refused(conflict) => {
            bail!("the destination {id} cannot be registered: {conflict:?}")
        }
    }
}
