//! `destinationSignature`: what the portal signs about a destination (Routing API 2.0.0).
//!
//! A signature costs milliseconds, so each is made once for what it says and kept. What it says: host, portal, services and areas.

use std::collections::HashMap;

use amtsbote_fit_connect::routing::{AddressedServices, Addressing};
use amtsbote_jose::{NotSigned, sha256_hex, sign};
use amtsbote_model::{Destination, ServiceOffer};
use amtsbote_problem::Code;
use serde_json::json;

use crate::Context;
use crate::answer::Refused;

/// Signatures kept; beyond that the memory starts anew.
const KEPT_MAX: usize = 20_000;

/// Signatures by a hash of what they say.
pub(crate) type Signatures = HashMap<String, String>;

/// The portal's signature over the addresses of `destination`, compact.
pub(crate) async fn signature(
    context: &Context,
    destination: &Destination,
) -> Result<String, Refused> {
    let said = addressing(context, destination);
    let name = name_of(context, &said);
    let key = context.identity().portal.clone();
    let payload = said.body().to_string();
    kept_or_made(context, name, move || sign(payload.as_bytes(), &key, "jwt")).await
}

/// The signature kept under `name`, else a new one, on the crypto pool.
pub(super) async fn kept_or_made<F>(
    context: &Context,
    name: String,
    make: F,
) -> Result<String, Refused>
where
    F: FnOnce() -> Result<String, NotSigned> + Send + 'static,
{
    if let Some(kept) = context.routing().signatures().get(&name) {
        return Ok(kept.clone());
    }
    let signed = context.crypto().run(make).await?;
    let signed = signed.map_err(|error| {
        tracing::error!(error = %error, "routing data could not be signed: {error}");
        Refused::from(Code::Internal)
    })?;
    let mut kept = context.routing().signatures();
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(name, signed.clone());
    Ok(signed)
}

fn addressing(context: &Context, destination: &Destination) -> Addressing {
    Addressing {
        submission_host: host_of(&context.addresses().base),
        issuer: context.addresses().portal(),
        services: destination.services.iter().map(addressed).collect(),
        destination_id: destination.id,
        issued_at: context.now(),
        id: context.new_uuid().to_string(),
    }
}

fn addressed(offer: &ServiceOffer) -> AddressedServices {
    let urn = |digits: &str| format!("{}{digits}", AddressedServices::AREA_PREFIX);
    AddressedServices {
        areas: offer
            .regions
            .iter()
            .map(|region| urn(region.as_str().trim_start_matches("DE")))
            .collect(),
        services: vec![offer.identifier.as_str().to_owned()],
    }
}

/// Names what is said, whenever it was said and by which key.
fn name_of(context: &Context, said: &Addressing) -> String {
    let kid = context.identity().portal.kid();
    let said = json!([
        kid,
        said.submission_host,
        said.issuer,
        said.services,
        said.destination_id
    ]);
    sha256_hex(said.to_string().as_bytes())
}

/// Host and, if it is not the scheme's own, port: clients put a scheme before it.
fn host_of(base: &str) -> String {
    let url = url::Url::parse(base).ok();
    let host = url
        .as_ref()
        .and_then(url::Url::host_str)
        .unwrap_or_default();
    match url.as_ref().and_then(url::Url::port) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_no_scheme_and_only_an_unusual_port() {
        assert_eq!(
            host_of("https://amtsbote.example.de"),
            "amtsbote.example.de"
        );
        assert_eq!(
            host_of("https://amtsbote.example.de:443/x"),
            "amtsbote.example.de"
        );
        assert_eq!(host_of("http://127.0.0.1:8080"), "127.0.0.1:8080");
    }
}
