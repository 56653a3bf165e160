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
    let payload = claims.to_json().to_string();
    let signed = context.crypto().run(move || sign(payload.as_bytes(), &key, EVENT_TYP)).await?;
    signed.map_err(|error| {
        tracing::error!(error = %error, "an event could not be signed: {error}");
        Refused::from(Code::Internal)
    })
}
