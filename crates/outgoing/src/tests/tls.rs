//! Certificates.

use std::sync::{Arc, Mutex};

use amtsbote_model::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Method;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::peer::{Script, ScriptedNames, play};
use crate::{Failure, Identity, NotOpened, Outgoing, Settings, read_bounded, tls};

const HELLO: Script = Script::Say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nja");

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (
            params.signed_by(&key, &self.0).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    /// A TLS peer for `peer.example`; demands a certificate of this authority if told so.
    async fn peer(&self, clients: Clients) -> u16 {
        let (chain, key) = self.issue("peer.example");
        let builder = ServerConfig::builder_with_provider(Arc::new(tls::tls_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            Clients::Anybody => builder.with_no_client_auth(),
            Clients::Certified => {
                let mut roots = RootCertStore::empty();
                roots.add(self.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots),
                    Arc::new(tls::tls_provider()),
                );
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
        let config = builder
            .with_single_cert(
                chain,
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(play(stream, HELLO, Arc::new(Mutex::new(Vec::new()))));
                }
            }
        });
        port
    }
}

#[derive(Clone, Copy)]
enum Clients {
    Anybody,
    Certified,
}

async fn call(settings: Settings, host: &str, port: u16) -> Result<bytes::Bytes, Failure> {
    let outgoing = Outgoing::open_with(settings, ScriptedNames::new(&[&["127.0.0.1"]])).unwrap();
    let url = format!("https://{host}:{port}/").parse().unwrap();
    read_bounded(
        outgoing.send(outgoing.request(Method::GET, url)?).await?,
        10,
    )
    .await
}

fn trusting(authority: &Authority) -> Settings {
    Settings {
        extra_roots_pem: Some(authority.pem()),
        ..Settings::trusted("amtsbote-test")
    }
}

#[tokio::test]
async fn a_peer_with_a_certificate_of_a_trusted_authority_is_called() {
    let authority = Authority::new();
    let port = authority.peer(Clients::Anybody).await;
    assert_eq!(
        call(trusting(&authority), "peer.example", port)
            .await
            .unwrap(),
        "ja"
    );
    let public = Settings {
        extra_roots_pem: Some(authority.pem()),
        ..Settings::public("amtsbote-test", vec!["127.0.0.0/8".parse().unwrap()])
    };
    assert_eq!(call(public, "peer.example", port).await.unwrap(), "ja");
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_name_are_tls_failures() {
    let authority = Authority::new();
    let port = authority.peer(Clients::Anybody).await;
    let stranger = trusting(&Authority::new());
    for (settings, host) in [
        (stranger, "peer.example"),
        (trusting(&authority), "other.example"),
    ] {
        let failure = call(settings, host, port).await.unwrap_err();
        assert!(matches!(failure, Failure::Tls { .. }), "{failure:?}");
        assert!(failure.is_before_sending());
    }
}

#[tokio::test]
async fn our_certificate_is_shown_to_a_peer_that_asks() {
    let authority = Authority::new();
    let port = authority.peer(Clients::Certified).await;
    let (chain, key) = authority.issue("agent.example");
    let identity = Identity {
        chain_pem: chain.into_bytes(),
        key_pem: Secret::new(key),
    };
    let settings = Settings {
        identity: Some(identity),
        ..trusting(&authority)
    };
    assert_eq!(call(settings, "peer.example", port).await.unwrap(), "ja");
    assert!(
        call(trusting(&authority), "peer.example", port)
            .await
            .is_err()
    );
}

#[test]
fn a_certificate_without_its_key_is_refused_at_opening() {
    let authority = Authority::new();
    let (chain, _) = authority.issue("agent.example");
    let (_, key) = authority.issue("agent.example");
    let identity = Identity {
        chain_pem: chain.into_bytes(),
        key_pem: Secret::new(key),
    };
    let settings = Settings {
        identity: Some(identity),
        ..trusting(&authority)
    };
    assert!(matches!(Outgoing::open(settings), Err(NotOpened::Identity)));
}
