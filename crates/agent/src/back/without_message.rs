//! Answers that lie there without their message: one line for each that joins them, and one when none is left.

use std::cmp::Ordering;

use amtsbote_model::DestinationId;

/// How many were told of.
#[derive(Debug, Default)]
pub(super) struct WithoutMessage(usize);

#[derive(Debug, PartialEq, Eq)]
enum News {
    More,
    Over,
}

impl WithoutMessage {
    fn seen(&mut self, count: usize) -> Option<News> {
        let before = std::mem::replace(&mut self.0, count);
        match count.cmp(&before) {
            Ordering::Greater => Some(News::More),
            Ordering::Less if count == 0 => Some(News::Over),
            Ordering::Less | Ordering::Equal => None,
        }
    }

    /// Names of files may be personal: they are not told.
    pub(super) fn tell(&mut self, destination: DestinationId, count: usize) {
        match self.seen(count) {
            None => {}
            Some(News::More) => {
                tracing::error!(destination.id = %destination,
                    "{count} answers of the procedure lie without their message for longer than message_within, a person must look: \
                     put the XML or JSON of the same name beside them, or move them away; what an agent left behind that died while it moved an answer lies so, too");
            }
            Some(News::Over) => {
                tracing::info!(destination.id = %destination,
                    "no answer of the procedure lies without its message any more");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_joins_is_told_once_and_their_end_once() {
        let mut known = WithoutMessage::default();
        let told: Vec<_> = [0, 2, 2, 3, 1, 1, 2, 0, 0]
            .map(|count| known.seen(count))
            .into();
        let (more, over) = (Some(News::More), Some(News::Over));
        let expected = [
            None,
            more,
            None,
            Some(News::More),
            None,
            None,
            Some(News::More),
            over,
            None,
        ];
        assert_eq!(told, expected);
    }
}
