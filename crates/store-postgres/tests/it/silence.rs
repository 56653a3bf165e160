//! A server that stands still: connections stay open, new ones are taken, and nothing is answered any more. Every call has an end.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use amtsbote_model::Timestamp;
use amtsbote_store::chain::Block;
use amtsbote_store::transfer::{TABLES, Transfer};
use amtsbote_store::{Chain, Deliveries, Error, Ledger, Outbox, References, Relays};
use amtsbote_store_postgres::{
    Member, PostgresDeliveries, PostgresRelays, PostgresStore, PostgresTransfer, Shelf, SigningKeys,
};
use amtsbote_testkit::postgres::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::benches::target;

/// Between a client and the server; forwards until it is told to be silent.
struct Between {
    port: u16,
    speaks: watch::Sender<bool>,
}

impl Between {
    async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (speaks, heard) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let heard = heard.clone();
                tokio::spawn(async move {
                    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::join!(
                        forward((from_client, to_server), heard.clone()),
                        forward((from_server, to_client), heard)
                    )
                });
            }
        });
        Self { port, speaks }
    }

    fn falls_silent(&self) {
        self.speaks.send_replace(false);
    }

    fn speaks_again(&self) {
        self.speaks.send_replace(true);
    }
}

async fn forward(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    mut heard: watch::Receiver<bool>,
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut piece).await {
        if length == 0 || heard.wait_for(|speaks| *speaks).await.is_err() {
            break;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
}

/// The promise is some ten seconds for a read, and some twenty-five for what commits; this bounds a hang on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

async fn ends<T: Debug, E: Debug>(what: &str, call: impl Future<Output = Result<T, E>>) {
    let ended = tokio::time::timeout(PATIENCE, call).await;
    let Ok(answer) = ended else {
        panic!("{what} waits for ever");
    };
    assert!(answer.is_err(), "{what}: {answer:?} of a silent server");
}

fn member() -> Member {
    let keys = || SigningKeys {
        signing: "s".into(),
        published: vec!["s".into()],
    };
    Member {
        instance: "one".into(),
        base_url: "https://amtsbote.example.de".into(),
        shelf: Shelf::Bucket("b".into()),
        tokens: "t".into(),
        service: keys(),
        portal: keys(),
    }
}

fn block() -> Block {
    Block {
        number: 1,
        previous: [0; 32],
        first: 0,
        count: 1,
        root: [1; 32],
        at: Timestamp::from_millis(1),
        signature: "signed".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_holds_nobody_for_ever() {
    let Some(server) = Server::shared() else {
        return;
    };
    let url = server.database();
    let between = Between::start(server.port()).await;
    let silent = url.replace(
        &format!(":{}/", server.port()),
        &format!(":{}/", between.port),
    );
    assert_ne!(silent, url);
    let at = target(&silent);
    let store = PostgresStore::open(&at).await.unwrap();
    let agents = PostgresDeliveries::open(&at, "bund").await.unwrap();
    let relays = PostgresRelays::open(&at).await.unwrap();
    let mut moving = PostgresTransfer::source(&at).await.unwrap();
    // One that was opened and is used again, and whatever has to connect first.
    store.head().await.unwrap();
    agents.tally().await.unwrap();
    between.falls_silent();

    let now = Timestamp::from_millis(1);
    let mut never_signed = |_: &Block| false;
    let member = member();
    tokio::join!(
        ends("sealing", store.seal(block(), Vec::new())),
        ends("committing", store.commit(amtsbote_store::Batch::new())),
        ends("reading", store.due(now, 1)),
        ends("looking for blobs without owner", async {
            store.unreferenced(vec!["b".parse().unwrap()]).await
        }),
        ends("joining", store.join(&member)),
        ends("examining", store.examine(now, &mut never_signed)),
        ends("naming blobs", store.named_blobs()),
        ends("claiming", agents.in_state("waiting", 1)),
        ends("comparing places", agents.place("p", "m")),
        ends("relaying", relays.due(now, 1)),
        ends("moving", async { moving.rows(&TABLES[0], None).await }),
        ends("opening", async {
            PostgresStore::open(&at).await.map(|_| ())
        }),
        ends("opening beside others", async {
            PostgresRelays::open_as_guest(&at).await.map(|_| ())
        }),
    );

    // What hung gave its connections away, so nothing of it has happened, and nothing of it is in the way.
    between.speaks_again();
    let mut tries = 0;
    let head = loop {
        match store.head().await {
            Ok(head) => break head,
            Err(error) => {
                let passes = matches!(error, Error::Unavailable { .. });
                assert!(passes && tries < 50, "{error}");
            }
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(head, None);
    assert!(store.seal(block(), Vec::new()).await.unwrap());
}
