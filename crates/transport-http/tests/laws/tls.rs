//! A procedure behind TLS (rustls): it asks for certificates, passwords and tokens, and has certificates that are good or not.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};

/// Which certificate it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Good,
    Expired,
    OfAnother,
}

/// Whether it asks for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clients {
    Anybody,
    Certified,
}

type Authority = Issuer<'static, KeyPair>;

fn authority() -> (
    Authority,
    String,
    rustls::pki_types::CertificateDer<'static>,
) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (pem, der) = (certificate.pem(), certificate.der().clone());
    (Issuer::new(params, key), pem, der)
}

/// A certificate of that name, which ended long ago if it is an expired one.
fn leaf(authority: &Authority, name: &str, own: Own) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    if own == Own::Expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate, key)
}

/// Starts it; in `dir` are `ca.pem`, and `known`, `expired`, `stranger` with `.pem` and `.key`, `secret` and `wrong`. Its port.
pub(crate) fn start(dir: &Path, own: Own, clients: Clients) -> u16 {
    let (ours, pem, der) = authority();
    let (foreign, ..) = authority();
    std::fs::write(dir.join("ca.pem"), pem).unwrap();
    for (name, authority, own) in [
        ("known", &ours, Own::Good),
        ("expired", &ours, Own::Expired),
        ("stranger", &foreign, Own::Good),
    ] {
        let (certificate, key) = leaf(authority, "amtsbote.example", own);
        std::fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    std::fs::write(dir.join("secret"), "geheim\n").unwrap();
    std::fs::write(dir.join("wrong"), "falsch-7f3a\n").unwrap();
    let name = match own {
        Own::Good | Own::Expired => "127.0.0.1",
        Own::OfAnother => "other.example",
    };
    let (certificate, key) = leaf(&ours, name, own);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match clients {
        Clients::Anybody => config.with_no_client_auth(),
        Clients::Certified => {
            let mut roots = RootCertStore::empty();
            roots.add(der).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = config.with_single_cert(vec![certificate.der().clone()], key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || serve(stream, config));
        }
    });
    port
}

fn serve(mut socket: TcpStream, config: Arc<ServerConfig>) {
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut connection = ServerConnection::new(config).unwrap();
    let mut stream = Stream::new(&mut connection, &mut socket);
    loop {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") {
            if !matches!(stream.read(&mut byte), Ok(1..)) {
                // The alert is on its way: it must not be overtaken by a reset.
                let _ = stream.sock.shutdown(Shutdown::Write);
                let _ = stream.sock.read_to_end(&mut Vec::new());
                return;
            }
            text.push(byte[0]);
        }
        let text = String::from_utf8(text).unwrap();
        let header = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        let length = header("content-length").map_or(0, |text| text.parse().unwrap());
        stream.read_exact(&mut vec![0; length]).unwrap();
        let by_password = format!("Basic {}", STANDARD.encode("amtsbote:geheim"));
        let is_known = header("authorization") == Some(&by_password);
        let path = text.split(' ').nth(1).unwrap();
        let (status, body) = match path {
            "/token" if is_known => ("200 OK", "{\"access_token\":\"t-1\"}"),
            "/token" => ("401 Unauthorized", "{\"error\":\"invalid_client\"}"),
            "/offen" => ("200 OK", ""),
            "/mit-token" if header("authorization") == Some("Bearer t-1") => ("200 OK", ""),
            "/mit-passwort" if is_known => ("200 OK", ""),
            _ => ("401 Unauthorized", ""),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream.flush().unwrap();
    }
}

/// The settings of a way there, with a certificate of ours by name and `auth`.
pub(crate) fn way(
    dir: &Path,
    port: u16,
    path: &str,
    certificate: Option<&str>,
    auth: &str,
) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let certificate = certificate.map_or(String::new(), |name| {
        format!(
            "client_certificate_file = '{}'\nclient_key_file = '{}'\n",
            at(&format!("{name}.pem")),
            at(&format!("{name}.key"))
        )
    });
    format!(
        "url = \"https://127.0.0.1:{port}{path}\"\nbody.kind = \"json\"\nrepeats = \"recognised\"\nallow_networks = [\"127.0.0.0/8\"]\n\
         ca_file = '{}'\n{certificate}{}",
        at("ca.pem"),
        auth.replace("DIR", &dir.display().to_string())
            .replace("BASE", &format!("https://127.0.0.1:{port}"))
    )
}

pub(crate) const BASIC: &str =
    "auth = { kind = \"basic\", user = \"amtsbote\", password_file = 'DIR/secret' }\n";
pub(crate) const OAUTH: &str = "auth = { kind = \"oauth2\", token_url = \"BASE/token\", client_id = \"amtsbote\", client_secret_file = 'DIR/secret' }\n";
