//! A procedure that refuses a token it no longer takes, and closes that connection on its next use.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The first request line of each connection it closed without an answer.
pub(crate) type Closed = Arc<Mutex<Vec<String>>>;

/// Takes the second token it gives, and no other. Its thread ends with the test's process.
pub(crate) fn start() -> (SocketAddr, Closed) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (closed, tokens) = (Closed::default(), Arc::new(AtomicUsize::new(0)));
    let told = closed.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, tokens, told) = (client.unwrap(), tokens.clone(), told.clone());
            std::thread::spawn(move || serve(&client, &tokens, &told));
        }
    });
    (address, closed)
}

fn serve(client: &TcpStream, tokens: &AtomicUsize, told: &Closed) {
    let mut requests = BufReader::new(client);
    let mut has_refused = false;
    while let Some((line, token)) = request(&mut requests) {
        if has_refused {
            told.lock().unwrap().push(line);
            return;
        }
        let answer = if line.starts_with("POST /token ") {
            let nr = tokens.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!("{{\"access_token\":\"t{nr}\",\"token_type\":\"Bearer\"}}");
            format!("200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        } else if token.as_deref() == Some("Bearer t2") {
            "201 Created\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            has_refused = true;
            "401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        let answer = format!("HTTP/1.1 {answer}");
        (&*client).write_all(answer.as_bytes()).unwrap();
    }
}

/// The request line and the token shown; the body is read.
fn request(from: &mut BufReader<&TcpStream>) -> Option<(String, Option<String>)> {
    let (mut first, mut token, mut length) = (None, None, 0);
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some(("authorization", value)) => token = Some(value.to_owned()),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) | None => {}
        }
        first.get_or_insert_with(|| line.to_owned());
    }
    from.read_exact(&mut vec![0; length]).ok()?;
    Some((first?, token))
}
