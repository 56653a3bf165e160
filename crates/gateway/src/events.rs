//! Events the delivery service signs itself.

use amtsbote_fit_connect::event::Claims;
use amtsbote_jose::sign;
use amtsbote_problem::Code;

use crate::Context;
use crate::answer::Refused;

/// Media type in the header of security event tokens (RFC 8417 §2.3).
pub const EVENT_TYP: &str = "secevent+jwt";

/// Signs the claims of one event on the crypto pool.
pub async fn sign_event(context: &Context, claims: &Claims) -> Result<String, Refused> {
    let key = context.identity().signing.clone();
    let payload = claims.body().to_string();
    let signed = context
        .crypto()
        .run(move || sign(payload.as_bytes(), &key, EVENT_TYP))
        .await?;
    signed.map_err(|error| {
        tracing::error!(error = %error, "an event could not be signed: {error}");
        Refused::from(Code::Internal)
    })
}

/// Signs several payloads in one go on the crypto pool.
pub(crate) async fn sign_all<const N: usize>(
    context: &Context,
    payloads: [(String, &'static str); N],
) -> Result<[String; N], Refused> {
    let key = context.identity().signing.clone();
    let signed = context
        .crypto()
        .run(move || {
            let tokens: Result<Vec<String>, _> = payloads
                .iter()
                .map(|(payload, typ)| sign(payload.as_bytes(), &key, typ))
                .collect();
            tokens
        })
        .await?;
    let tokens = signed.map_err(|error| {
        tracing::error!(error = %error, "a token could not be signed: {error}");
        Refused::from(Code::Internal)
    })?;
    Ok(tokens.try_into().expect("one token per payload"))
}
