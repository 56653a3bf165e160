//! sendMessage: what a procedure sends becomes a message of the inbox.

use amtsbote_model::{Personal, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::accounts::Account;
use crate::mailbox::{Item, Placed, Record, Tray};
use crate::mime::content_id;
use crate::receive::{PARTS_MAX, Received, Refusal};
use crate::soap::{Envelope, Wrong};
use crate::spool::{Spool, Spooled, blocking, stage};
use crate::wire::{self, Content, Inner};

const NAME_MAX_BYTES: usize = 255;

/// Answered after the message is durable. Dying before: the sender repeats under the same id, and what was
/// staged is swept. Dying after: the repeat finds it.
pub(crate) async fn take(
    account: &Account,
    envelope: &Envelope,
    received: Received,
    now: Timestamp,
) -> Result<(), Refusal> {
    let metadata = envelope
        .header
        .child("MessageMetaData")
        .ok_or_else(|| Refusal::parameter("der Header MessageMetaData fehlt"))?;
    let (cover, id) = wire::read_metadata(metadata).map_err(|place| {
        Refusal::parameter(format!(
            "MessageMetaData/{place} fehlt oder ist nicht lesbar"
        ))
    })?;
    match metadata.text_at("DeliveryAttributes/NotBefore") {
        "" => {}
        text if wire::date_time(text).is_some_and(|hour| hour <= now) => {}
        _ => {
            return Err(Refusal::Fault(
                Wrong::Combination,
                "NotBefore in der Zukunft: Nachrichten werden sofort angenommen oder gar nicht"
                    .to_owned(),
            ));
        }
    }
    // `*` names nobody an answer could go to.
    if cover.author.id == "*" || account.voice(Some(&cover.author)).is_none() {
        return Err(Refusal::denied());
    }
    let container = envelope
        .body
        .child("GenericContentContainer")
        .ok_or_else(|| Refusal::parameter("GenericContentContainer fehlt"))?;
    let contents = wire::read_container(container)
        .map_err(|place| Refusal::parameter(format!("GenericContentContainer/{place} fehlt; verschlüsselte Container werden nicht angenommen")))?;
    let (staged, files) = arrange(account, &contents, received).await?;
    let record = Record::new(id, cover, files, now);
    let mailbox = account.mailbox.clone();
    match blocking(move || mailbox.place(staged, &record, Tray::Inbox)).await? {
        Placed::New => {
            tracing::info!("took a message of the account {}", account.name);
            Ok(())
        }
        Placed::Repeated => Ok(()),
        Placed::Taken => Err(Refusal::Fault(
            Wrong::IdTaken,
            "unter dieser MessageID ist schon eine andere Nachricht bekannt".to_owned(),
        )),
    }
}

/// Brings the contents of a container and the files of its parts together, in the order of the container.
async fn arrange(
    account: &Account,
    contents: &[Content<'_>],
    received: Received,
) -> Result<(crate::mailbox::Staged, Vec<Item>), Refusal> {
    if contents.len() >= PARTS_MAX {
        return Err(Refusal::parameter("zu viele Anhänge"));
    }
    let mut staged = match received.staged {
        Some(staged) => staged,
        None => stage(&account.mailbox).await?,
    };
    let mut written: Vec<Spooled> = received
        .parts
        .iter()
        .map(|part| part.spooled.clone())
        .collect();
    let mut order = Vec::new();
    let mut items = Vec::new();
    for content in contents {
        if content.name.len() > NAME_MAX_BYTES || content.media_type.len() > NAME_MAX_BYTES {
            return Err(Refusal::parameter(
                "ein Dateiname oder contentType ist zu lang",
            ));
        }
        let index = match content.inner {
            Inner::Include(href) => {
                let id = content_id(href)
                    .ok_or_else(|| Refusal::parameter("ein xop:Include nennt keine Content-ID"))?;
                let part = received.parts.iter().position(|part| part.id == id);
                let index = part.ok_or_else(|| {
                    Refusal::parameter("ein xop:Include nennt einen Teil, der fehlt")
                })?;
                if order.contains(&index) {
                    return Err(Refusal::parameter("zwei xop:Include nennen denselben Teil"));
                }
                index
            }
            Inner::Inline(base64) => {
                let plain: String = base64.split_ascii_whitespace().collect();
                let bytes = STANDARD
                    .decode(plain)
                    .map_err(|_| Refusal::parameter("ein Inhalt ist kein Base64"))?;
                let file = staged.create()?;
                let mut spool = Spool::new(file);
                spool.write(&bytes).await?;
                written.push(spool.finish().await?);
                written.len() - 1
            }
        };
        order.push(index);
        items.push(Item {
            name: Personal::new(content.name.to_owned()),
            media_type: content.media_type.to_owned(),
            size: written[index].size,
            sha256: written[index].sha256.clone(),
        });
    }
    let staged = blocking(move || {
        staged.order(&order)?;
        Ok(staged)
    })
    .await?;
    Ok((staged, items))
}
