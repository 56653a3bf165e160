//! The gateways over one database: what they must have in common.
//!
//! ```text
//!  start ─► join: compared with those that run, and with the last one that ran ──► renewed every second ──► leave
//!                     └── differs ──► NotAdmitted, with what to do
//! ```
//!
//! A gateway that dies is taken for running until its row ends ([`STAYS`]). The row stays after that: whoever comes next must be
//! able to vouch for what was signed before, and find the attachments that were kept before.

use std::time::Duration;

use amtsbote_store::Error;
use deadpool_postgres::ClientWrapper;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::PostgresStore;
use super::rows;
use crate::database::{ANSWER_MAX, settled};
use crate::fault::Fault;

/// A gateway that was not heard of for so long is taken for ended.
const STAYS: Duration = Duration::from_secs(4);

/// What a gateway says of itself. Fingerprints only, no keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The process; with attachments in a folder the folder, so that the next process over it is the same one.
    pub instance: String,
    /// How clients reach it; it is in the events it signs.
    pub base_url: String,
    /// Where attachments are; several gateways at a time need the same place.
    pub shelf: Shelf,
    /// Fingerprint of the key that makes access tokens.
    pub tokens: String,
    /// Of the delivery service.
    pub service: SigningKeys,
    /// Of the portal.
    pub portal: SigningKeys,
}

/// Where a gateway's attachments are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "place", rename_all = "lowercase")]
pub enum Shelf {
    /// A folder, by a name that is kept in it.
    Folder(String),
    /// A bucket, by its address.
    Bucket(String),
}

/// Fingerprints of the key that signs and of all that are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys {
    /// The key that signs.
    pub signing: String,
    /// All that verify, with the one that signs.
    pub published: Vec<String>,
}

impl SigningKeys {
    fn publishes(&self, other: &Self) -> bool {
        self.published.contains(&other.signing)
    }
}

/// Why a gateway must not work on this database.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Others run, and this one differs from them.
    #[error("another gateway over this database differs from this one: {0}")]
    Differs(&'static str),
    /// The last one that ran was another one.
    #[error("this gateway cannot go on where the last one over this database stopped: {0}")]
    Changed(&'static str),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] Error),
}

const BASE_URL: &str =
    "base_url is not the same; write the address of the balancer into the settings of all of them";
const TOKENS: &str = "token.key is not the same, so each would refuse the other's tokens; give all of them the same keys_dir";
const KEYS: &str = "signing.jwk or portal.jwk is not the same and not published by both; give all of them the same keys_dir, \
    and for a change of keys put the new public key into retired/ (retired-portal/) everywhere first";
const FOLDER: &str = "attachments in a folder are for one gateway at a time; stop the other one (if it was killed, wait five seconds), \
    or keep attachments in a bucket";
const BUCKET: &str = "attachments are not in the same bucket; write the same [gateway.blobs] into the settings of all of them";
const OLD_KEYS: &str = "events signed before could not be verified any more; use its keys_dir, or put its public key into retired/ (retired-portal/)";
const OLD_SHELF: &str = "its attachments are somewhere else; use its data_dir or [gateway.blobs]";

/// Whether two may run side by side.
fn differs(one: &Member, other: &Member) -> Option<&'static str> {
    if one.base_url != other.base_url {
        return Some(BASE_URL);
    }
    if one.tokens != other.tokens {
        return Some(TOKENS);
    }
    let publish = |a: &SigningKeys, b: &SigningKeys| a.publishes(b) && b.publishes(a);
    if !publish(&one.service, &other.service) || !publish(&one.portal, &other.portal) {
        return Some(KEYS);
    }
    match (&one.shelf, &other.shelf) {
        (Shelf::Bucket(a), Shelf::Bucket(b)) if a == b => None,
        (Shelf::Bucket(_), Shelf::Bucket(_)) => Some(BUCKET),
        (Shelf::Folder(_), _) | (_, Shelf::Folder(_)) => Some(FOLDER),
    }
}

/// Whether there are any to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attachments {
    None,
    Some,
}

/// Whether one may go on where another one stopped.
fn changed(new: &Member, last: &Member, attachments: Attachments) -> Option<&'static str> {
    if !new.service.publishes(&last.service) || !new.portal.publishes(&last.portal) {
        return Some(OLD_KEYS);
    }
    (attachments == Attachments::Some && new.shelf != last.shelf).then_some(OLD_SHELF)
}

/// What is in the way of a gateway, of those that run.
fn rival(member: &Member, known: &[Known]) -> Option<&'static str> {
    let others = known.iter().filter(|other| other.runs);
    let mut others = others.filter(|other| other.member.instance != member.instance);
    others.find_map(|other| differs(member, &other.member))
}

impl PostgresStore {
    /// Admits a gateway, or refuses it. Admitted, it must [`PostgresStore::stay`] every second.
    pub async fn join(&self, member: &Member) -> Result<(), NotAdmitted> {
        let known = self.known().await?;
        if let Some(what) = rival(member, &known) {
            return Err(NotAdmitted::Differs(what));
        }
        if let Some(last) = known.first() {
            let connection = self.database.reader().await?;
            let attachments = timeout(ANSWER_MAX, attachments(&connection)).await;
            let attachments = settled(attachments, connection, "attachment")?;
            if let Some(what) = changed(member, &last.member, attachments) {
                return Err(NotAdmitted::Changed(what));
            }
        }
        // Of two that start at the same moment each may miss the other: so each looks again after it has said that it is there.
        self.stay(member).await?;
        let Some(what) = rival(member, &self.known().await?) else {
            return Ok(());
        };
        self.leave_gateways(&member.instance).await?;
        Err(NotAdmitted::Differs(what))
    }

    /// The last heard of first.
    async fn known(&self) -> Result<Vec<Known>, Error> {
        let connection = self.database.reader().await?;
        let known = timeout(ANSWER_MAX, known(&connection)).await;
        settled(known, connection, "gateway")
    }

    /// Says that a gateway is still there.
    pub async fn stay(&self, member: &Member) -> Result<(), Error> {
        let connection = self.database.reader().await?;
        let sql = "INSERT INTO gateways (instance, body, until)
            VALUES ($1, $2, clock_timestamp() + $3 * interval '1 second')
            ON CONFLICT (instance) DO UPDATE SET body = $2, until = clock_timestamp() + $3 * interval '1 second'";
        let stayed = async {
            let body = serde_json::to_string(member).map_err(|_| Fault::Malformed)?;
            let statement = connection.prepare_cached(sql).await?;
            let stays = STAYS.as_secs_f64();
            let row: rows::Values<'_> = &[&member.instance, &body, &stays];
            connection.execute(&statement, row).await?;
            Ok(())
        };
        let stayed = timeout(ANSWER_MAX, stayed).await;
        settled(stayed, connection, "gateway")
    }

    /// Says that a gateway has ended.
    pub async fn leave_gateways(&self, instance: &str) -> Result<(), Error> {
        let connection = self.database.reader().await?;
        let left = async {
            let sql = "UPDATE gateways SET until = clock_timestamp() WHERE instance = $1";
            let statement = connection.prepare_cached(sql).await?;
            connection.execute(&statement, &[&instance]).await?;
            // Of those that ended, the last one is enough.
            let sql = "DELETE FROM gateways WHERE until < clock_timestamp() - interval '1 day'
                AND until < (SELECT max(until) FROM gateways)";
            let statement = connection.prepare_cached(sql).await?;
            connection.execute(&statement, &[]).await?;
            Ok(())
        };
        let left = timeout(ANSWER_MAX, left).await;
        settled(left, connection, "gateway")
    }
}

struct Known {
    member: Member,
    runs: bool,
}

async fn known(client: &ClientWrapper) -> Result<Vec<Known>, Fault> {
    let sql = "SELECT body, until > clock_timestamp() AS runs FROM gateways ORDER BY until DESC";
    let read = |row: &tokio_postgres::Row| {
        let body: &str = row.try_get("body")?;
        let member = serde_json::from_str(body).map_err(|_| Fault::Malformed)?;
        let runs = row.try_get("runs")?;
        Ok(Known { member, runs })
    };
    rows::rows(client, sql, &[])
        .await?
        .iter()
        .map(read)
        .collect()
}

async fn attachments(client: &ClientWrapper) -> Result<Attachments, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM attachments)";
    let row = rows::first(client, sql, &[]).await?;
    Ok(if row.ok_or(Fault::Malformed)?.try_get(0)? {
        Attachments::Some
    } else {
        Attachments::None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(shelf: Shelf) -> Member {
        let keys = |name: &str| SigningKeys {
            signing: name.into(),
            published: vec![name.into()],
        };
        Member {
            instance: "one".into(),
            base_url: "https://amtsbote.example.de".into(),
            shelf,
            tokens: "t".into(),
            service: keys("s"),
            portal: keys("p"),
        }
    }

    fn bucket() -> Member {
        member(Shelf::Bucket("b".into()))
    }

    #[test]
    fn gateways_side_by_side_have_one_address_one_identity_and_one_bucket() {
        let with = |change: fn(&mut Member)| {
            let mut other = bucket();
            change(&mut other);
            differs(&bucket(), &other)
        };
        assert_eq!(with(|_| {}), None);
        assert_eq!(with(|m| m.base_url.push('x')), Some(BASE_URL));
        assert_eq!(with(|m| m.tokens.push('x')), Some(TOKENS));
        assert_eq!(with(|m| m.portal.signing.push('x')), Some(KEYS));
        assert_eq!(with(|m| m.shelf = Shelf::Bucket("c".into())), Some(BUCKET));
        assert_eq!(with(|m| m.shelf = Shelf::Folder("f".into())), Some(FOLDER));
        let folder = member(Shelf::Folder("f".into()));
        assert_eq!(differs(&folder, &folder), Some(FOLDER));
    }

    #[test]
    fn keys_may_change_one_after_the_other_if_both_are_published_everywhere() {
        let (mut old, mut new) = (bucket(), bucket());
        new.service.signing = "n".into();
        new.service.published = vec!["n".into(), "s".into()];
        assert_eq!(differs(&new, &old), Some(KEYS));
        assert_eq!(changed(&new, &old, Attachments::Some), None);
        old.service.published.push("n".into());
        assert_eq!(differs(&new, &old), None);
        // What the old one signed must stay verifiable.
        new.service.published.pop();
        assert_eq!(changed(&new, &old, Attachments::None), Some(OLD_KEYS));
    }

    #[test]
    fn another_place_of_attachments_is_refused_once_there_are_some() {
        let (one, other) = (bucket(), member(Shelf::Folder("f".into())));
        assert_eq!(changed(&one, &other, Attachments::None), None);
        assert_eq!(changed(&one, &other, Attachments::Some), Some(OLD_SHELF));
        assert_eq!(changed(&one, &one, Attachments::Some), None);
    }
}
