//! Servers that are slow, cut off or talk nonsense.

use std::time::Duration;

use amtsbote_mail::{Letter, Security, Settings, Smtp, Undelivered};
use amtsbote_model::{MailAddress, Timestamp};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A server that says these lines, each after one of the client's, and then hangs up; `None` is silence for ever.
async fn server(says: &'static [Option<&'static str>]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (reader, mut writer) = stream.into_split();
            let mut lines = BufReader::new(reader).lines();
            for (at, line) in says.iter().enumerate() {
                if at > 0 && !matches!(lines.next_line().await, Ok(Some(_))) {
                    break;
                }
                match line {
                    Some(line) => {
                        if writer.write_all(line.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                    None => std::future::pending::<()>().await,
                }
            }
        }
    });
    port
}

async fn send(port: u16) -> Result<(), Undelivered> {
    let settings = Settings {
        server: "127.0.0.1".into(),
        port: Some(port),
        security: Security::DangerNone,
        extra_roots_pem: None,
        login: None,
        from: "amtsbote@example.de".parse().unwrap(),
        hello_name: "amtsbote.example.de".into(),
        limit: Duration::from_secs(1),
    };
    let to: MailAddress = "bau@example.org".parse().unwrap();
    let letter = Letter {
        id: "1",
        to: &to,
        subject: "s",
        text: "t",
        at: Timestamp::from_seconds(0),
    };
    Smtp::open(&settings).unwrap().send(&letter).await
}

#[tokio::test]
async fn whatever_goes_wrong_ends_in_time_and_is_tried_again() {
    let cases: [&'static [Option<&'static str>]; 6] = [
        &[],
        &[None],
        &[Some("220 hello\r\n"), None],
        &[Some("HTTP/1.1 400 Bad Request\r\n\r\n")],
        &[Some("421 busy\r\n")],
        &[
            Some("220 hello\r\n"),
            Some("250 hello\r\n"),
            Some("250 ok\r\n"),
        ],
    ];
    for says in cases {
        let port = server(says).await;
        let sent = tokio::time::timeout(Duration::from_secs(5), send(port)).await;
        let why = sent.expect("it ends").expect_err("nobody took it");
        assert!(!why.is_final(), "{says:?}: {why:?}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(send(port).await, Err(Undelivered::Broken));
}
