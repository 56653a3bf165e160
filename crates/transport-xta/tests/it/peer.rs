//! A peer that answers as it is told, whatever it is asked.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use amtsbote_transport_xta::mutual_tls;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::pki::Pki;

/// What the peer does with a request.
pub(crate) enum Told {
    /// Answers with this body of an envelope, alone.
    Plain(String),
    /// Answers with this body of an envelope, as multipart.
    Mtom(String),
    /// Answers with this body of an envelope, compressed though nobody asked.
    Packed(String),
    /// Answers with a fault of XTA.
    Fault(&'static str),
    /// Answers with a status and a header.
    Status(u16, &'static str, &'static str),
    /// Answers with this status, content type and body.
    Raw(u16, &'static str, String),
    /// Reads everything, then cuts the connection.
    Cut,
}

type Script = dyn Fn(&str, &str) -> Told + Send + Sync;

/// The peer; ends with the process.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The operations it was asked for, in order, and what stood in the bodies.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

pub(crate) fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><env:Envelope xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\"><env:Body>{body}</env:Body></env:Envelope>"
    )
}

pub(crate) const NEW_ID: &str = "<a:MessageID xmlns:a=\"http://www.w3.org/2005/08/addressing\">urn:de:xta:messageid:1</a:MessageID>";

pub(crate) fn report(status: u32, reader: &str) -> String {
    format!(
        "<TransportReport xmlns=\"http://xoev.de/transport/xta/211\"><MessageMetaData><Destinations><Reader><Identifier>{reader}</Identifier></Reader></Destinations></MessageMetaData><MessageStatus><Status>{status}</Status></MessageStatus></TransportReport>"
    )
}

impl Peer {
    /// `script` gets the operation (the last part of its action) and the request's body.
    pub(crate) fn new(
        pki: &Pki,
        script: impl Fn(&str, &str) -> Told + Send + Sync + 'static,
    ) -> Self {
        let tls = mutual_tls(
            &pki.read("server.pem"),
            &pki.read("server.key"),
            &pki.read("ca.pem"),
        )
        .unwrap();
        let script: Arc<Script> = Arc::new(script);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = std::sync::mpsc::channel();
        let noted = asked.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let acceptor = tokio_rustls::TlsAcceptor::from(tls);
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, script, noted) =
                        (acceptor.clone(), script.clone(), noted.clone());
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        let serve = hyper::service::service_fn(move |request| {
                            answer(script.clone(), noted.clone(), request)
                        });
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), serve)
                            .await;
                    });
                }
            });
        });
        Self {
            address: told.recv().unwrap(),
            asked,
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(operation, _)| operation.clone())
            .collect()
    }

    pub(crate) fn bodies(&self, operation: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(known, _)| known == operation)
            .map(|(_, body)| body.clone())
            .collect()
    }
}

async fn answer(
    script: Arc<Script>,
    noted: Arc<Mutex<Vec<(String, String)>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let action = request
        .headers()
        .get("soapaction")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let operation = action.rsplit('/').next().unwrap().to_owned();
    let Ok(body) = request.into_body().collect().await else {
        return Err("broken off");
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    noted
        .lock()
        .unwrap()
        .push((operation.clone(), body.clone()));
    let respond = |status: u16, name: &str, value: &str, body: String| {
        let builder = Response::builder().status(status).header(name, value);
        Ok(builder.body(Full::new(Bytes::from(body))).unwrap())
    };
    match script(&operation, &body) {
        Told::Plain(body) => respond(
            200,
            "content-type",
            "application/soap+xml;charset=UTF-8",
            envelope(&body),
        ),
        Told::Packed(body) => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(envelope(&body).as_bytes()).unwrap();
            let answer = Response::builder()
                .header("content-type", "application/soap+xml;charset=UTF-8")
                .header("content-encoding", "gzip");
            let packed = Bytes::from(packed.finish().unwrap());
            Ok(answer.body(Full::new(packed)).unwrap())
        }
        Told::Mtom(body) => {
            let related = "multipart/related; type=\"application/xop+xml\"; boundary=\"uuid:x\"; start=\"<root@x>\"; start-info=\"application/soap+xml\"";
            let whole = format!(
                "\r\n--uuid:x\r\nContent-Type: application/xop+xml; charset=UTF-8\r\nContent-ID: <root@x>\r\n\r\n{}\r\n--uuid:x--",
                envelope(&body)
            );
            respond(200, "content-type", related, whole)
        }
        Told::Fault(name) => {
            let fault = format!(
                "<env:Fault><env:Code><env:Value>env:Sender</env:Value></env:Code><env:Reason><env:Text xml:lang=\"de\">Grund</env:Text></env:Reason><env:Detail><x:{name} xmlns:x=\"http://xoev.de/transport/xta/211\"><errorCode><code>4711</code><name>Name</name></errorCode></x:{name}></env:Detail></env:Fault>"
            );
            respond(
                500,
                "content-type",
                "application/soap+xml;charset=UTF-8",
                envelope(&fault),
            )
        }
        Told::Status(status, name, value) => respond(status, name, value, String::new()),
        Told::Raw(status, content_type, body) => {
            respond(status, "content-type", content_type, body)
        }
        Told::Cut => Err("told to cut"),
    }
}
