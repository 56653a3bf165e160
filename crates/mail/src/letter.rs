//! A letter as it goes over the wire.

use std::time::{Duration, UNIX_EPOCH};

use amtsbote_model::{MailAddress, Timestamp};
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::{Address, Message};

/// One letter to one address. What is in it must hold nothing about persons.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// Stays the same when the letter is sent again: receivers see the repeat by the `Message-ID` made of it.
    pub id: &'a str,
    /// To whom.
    pub to: &'a MailAddress,
    /// One line.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
    /// Its date.
    pub at: Timestamp,
}

impl std::fmt::Debug for Letter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).finish()
    }
}

/// So that no machine answers it (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The address in the library's form; `None` if it is stricter than we are.
pub(crate) fn mailbox(address: &MailAddress) -> Option<Mailbox> {
    let address: Address = address.reveal().parse().ok()?;
    Some(Mailbox::new(None, address))
}

impl Letter<'_> {
    /// The message; `None` if it cannot be written down. Control characters of subject and id become spaces: nothing can begin a
    /// header of its own.
    pub(crate) fn message(&self, from: &Mailbox) -> Option<Message> {
        let seconds = u64::try_from(self.at.as_seconds()).unwrap_or_default();
        let domain = from.email.domain();
        let id = one_line(self.id).replace(['<', '>', '@', ' '], "");
        Message::builder()
            .from(from.clone())
            .to(mailbox(self.to)?)
            .subject(one_line(self.subject))
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(self.text.to_owned())
            .ok()
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_begin_a_header_of_its_own() {
        let letter = Letter {
            id: "1\r\nX-A: b",
            to: &"bau@example.org".parse().unwrap(),
            subject: "a\r\nBcc: everybody@example.org\r\n\r\nbody ü",
            text: "Zeile 1\n.\nZeile 2 ü\n",
            at: Timestamp::from_seconds(1_795_420_800),
        };
        let from = mailbox(&"amtsbote@example.de".parse().unwrap()).unwrap();
        let bytes = letter.message(&from).unwrap().formatted();
        let text = String::from_utf8(bytes).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let mut names: Vec<_> = head
            .split("\r\n")
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        let expected = [
            "Auto-Submitted",
            "Content-Transfer-Encoding",
            "Content-Type",
            "Date",
            "From",
            "Message-ID",
            "Subject",
            "To",
        ];
        assert_eq!(names, expected, "{head}");
        assert!(head.contains("Mon, 23 Nov 2026 08:00:00 +0000"), "{head}");
    }
}
