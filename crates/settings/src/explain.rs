//! The settings reference: one line per key; `amtsbote settings explain` prints it.

/// One key of the settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explained {
    /// Dotted key; `[]` marks a list of tables.
    pub key: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// All keys, in the order of the structs they come from.
pub const REFERENCE: &[Explained] = &[
    Explained {
        key: "gateway.base_url",
        about: "How clients reach it: `https://…`, or `http://` on loopback.",
    },
    Explained {
        key: "gateway.listen",
        about: "Address and port to listen on; port 0 takes any.",
    },
    Explained {
        key: "gateway.data_dir",
        about: "Folder of database and attachments; made if missing.",
    },
    Explained {
        key: "gateway.keys_dir",
        about: "Folder of the gateway's own keys (`signing.jwk`, `portal.jwk`, `token.key`); made by `amtsbote keys new gateway`.",
    },
    Explained {
        key: "gateway.schemas_dir",
        about: "Folder of the shared submission schemas.",
    },
    Explained {
        key: "gateway.tls",
        about: "Serve TLS here; leave out behind a reverse proxy.",
    },
    Explained {
        key: "gateway.client",
        about: "Who may ask for tokens.",
    },
    Explained {
        key: "gateway.limits",
        about: "Bounds that differ from the defaults.",
    },
    Explained {
        key: "gateway.danger_keys_without_certificate",
        about: "Whether destinations' keys may come without certificate (`x5c`); for test set-ups.",
    },
    Explained {
        key: "gateway.key_trust_file",
        about: "PEM file of root certificates: destinations' keys must come with a chain that leads to one of them.",
    },
    Explained {
        key: "gateway.danger_self_signed_keys",
        about: "Whether destinations' keys may vouch for themselves beside those with a chain to a root; for test set-ups.",
    },
    Explained {
        key: "gateway.callback_networks",
        about: "Networks (CIDR) that callbacks may reach although they are private.",
    },
    Explained {
        key: "gateway.callbacks",
        about: "How callbacks are sent.",
    },
    Explained {
        key: "gateway.deadlines",
        about: "How long things are kept.",
    },
    Explained {
        key: "gateway.database",
        about: "Where the gateway keeps its rows, if not in a SQLite file in `data_dir`.",
    },
    Explained {
        key: "gateway.blobs",
        about: "Where attachments are kept, if not in `data_dir`. Must be said with a database that several gateways share.",
    },
    Explained {
        key: "gateway.mail",
        about: "The mail server for reminders; without it they are told to the log only.",
    },
    Explained {
        key: "gateway.uplink",
        about: "Foreign FIT-Connect delivery services that intake sends to.",
    },
    Explained {
        key: "gateway.tls.certificate",
        about: "PEM file: certificate and chain.",
    },
    Explained {
        key: "gateway.tls.key",
        about: "PEM file: private key.",
    },
    Explained {
        key: "gateway.client[].id",
        about: "Its name at the token endpoint.",
    },
    Explained {
        key: "gateway.client[].kind",
        about: "What it is for.",
    },
    Explained {
        key: "gateway.client[].secret_sha256",
        about: "SHA-256 of its secret in hex: what `amtsbote keys new client` prints.",
    },
    Explained {
        key: "gateway.client[].secret_file",
        about: "File with the secret itself; for sandboxes.",
    },
    Explained {
        key: "gateway.client[].scopes",
        about: "Scopes, for example `send:region:DE06`; all that fit its kind if left out.",
    },
    Explained {
        key: "gateway.limits.attachment_bytes",
        about: "One encrypted attachment, bytes.",
    },
    Explained {
        key: "gateway.limits.submission_bytes",
        about: "All encrypted attachments of a submission, bytes.",
    },
    Explained {
        key: "gateway.limits.attachments",
        about: "Attachments of a submission.",
    },
    Explained {
        key: "gateway.limits.submit_bytes",
        about: "Body of a submit, bytes.",
    },
    Explained {
        key: "gateway.limits.intake_bytes",
        about: "Body of an intake request, bytes.",
    },
    Explained {
        key: "gateway.limits.token_life",
        about: "Life of an access token.",
    },
    Explained {
        key: "gateway.limits.wait_max",
        about: "Longest wait of a list request with `Prefer: wait`.",
    },
    Explained {
        key: "gateway.limits.requests_per_minute",
        about: "Requests with tokens of one client per minute; 0 is no limit.",
    },
    Explained {
        key: "gateway.limits.tokens_per_minute",
        about: "Tokens for one client per minute; 0 is no limit.",
    },
    Explained {
        key: "gateway.limits.routing_per_minute",
        about: "Requests to the routing service per minute, all callers together; 0 is no limit.",
    },
    Explained {
        key: "gateway.callbacks.wait_first",
        about: "Longest wait after the first failure; doubles with each, and any wait up to it may be drawn (10s).",
    },
    Explained {
        key: "gateway.callbacks.wait_max",
        about: "Longest wait between two tries; a foreign `Retry-After` is heard up to this (1h).",
    },
    Explained {
        key: "gateway.callbacks.give_up_after",
        about: "A callback that could not be delivered for so long is given up (3d).",
    },
    Explained {
        key: "gateway.callbacks.concurrency",
        about: "Calls at a time (32).",
    },
    Explained {
        key: "gateway.callbacks.per_host",
        about: "Calls to one host at a time (4).",
    },
    Explained {
        key: "gateway.callbacks.circuit_failures",
        about: "Failures in a row after which a host is asked by one call at a time only (5).",
    },
    Explained {
        key: "gateway.callbacks.circuit_wait",
        about: "How long such a host is left alone at first; doubles with each failed call (1m).",
    },
    Explained {
        key: "gateway.callbacks.circuit_wait_max",
        about: "How long such a host is left alone at most (30m).",
    },
    Explained {
        key: "gateway.deadlines.unsubmitted",
        about: "Announced and not submitted: deleted after this (1d).",
    },
    Explained {
        key: "gateway.deadlines.remind_first",
        about: "Submitted and not answered: the destination's contact is reminded by mail after this (3d).",
    },
    Explained {
        key: "gateway.deadlines.remind_again",
        about: "Reminded again after this (9d).",
    },
    Explained {
        key: "gateway.deadlines.unanswered",
        about: "Submitted and not answered: rejected by the service after this (14d).",
    },
    Explained {
        key: "gateway.deadlines.finished",
        about: "Accepted or rejected: the content is deleted after this (7d).",
    },
    Explained {
        key: "gateway.deadlines.event_log",
        about: "Everything of a case deleted: it goes with its event log so long after its last event (730d).",
    },
    Explained {
        key: "gateway.deadlines.answers",
        about: "Answers kept for repeats under an `Idempotency-Key` are forgotten after this (30d).",
    },
    Explained {
        key: "gateway.deadlines.pause",
        about: "Pause between two rounds (1m).",
    },
    Explained {
        key: "gateway.deadlines.per_round",
        about: "Things of one kind that a round does at most (1000).",
    },
    Explained {
        key: "gateway.deadlines.clock_jump_max",
        about: "The clock may move by this much against a steady one while the gateway runs, else deadlines are not kept (1h).",
    },
    Explained {
        key: "gateway.deadlines.downtime_max",
        about: "The clock may be this far from the last round when the gateway starts, else deadlines are not kept (3d).",
    },
    Explained {
        key: "gateway.deadlines.clock_confirmed",
        about: "A person's word that the clock was right at this moment (RFC 3339), after a longer downtime; may stay for ever.",
    },
    Explained {
        key: "gateway.database.kind",
        about: "`sqlite` (a file in `data_dir`, one process) or `postgres` (a server, any number of processes).",
    },
    Explained {
        key: "gateway.database.url",
        about: "`postgres`: `postgres://user@host:5432/name`, without the password; several hosts are separated by commas, and the one that takes writes is used.",
    },
    Explained {
        key: "gateway.database.password_file",
        about: "`postgres`: file with the user's password.",
    },
    Explained {
        key: "gateway.database.ca_file",
        about: "`postgres`: PEM file of the authorities the server's certificate must come from; the usual ones if left out.",
    },
    Explained {
        key: "gateway.database.danger_plain",
        about: "`postgres`: whether to call a server on another machine without TLS: everything can be read and changed on the way.",
    },
    Explained {
        key: "gateway.blobs.kind",
        about: "`folder` (in `data_dir`; a single gateway) or `s3`.",
    },
    Explained {
        key: "gateway.blobs.endpoint",
        about: "`s3`: address of the store, without the bucket.",
    },
    Explained {
        key: "gateway.blobs.bucket",
        about: "`s3`: the bucket; it must exist, without versions of objects, or what is erased stays there.",
    },
    Explained {
        key: "gateway.blobs.region",
        about: "`s3`: region that requests are signed for (us-east-1).",
    },
    Explained {
        key: "gateway.blobs.prefix",
        about: "`s3`: before each object's name, with `/` between.",
    },
    Explained {
        key: "gateway.blobs.path_style",
        about: "`s3`: whether the bucket stands in the path of addresses (true) or in the name of the host (false); true if left out.",
    },
    Explained {
        key: "gateway.blobs.access_key_id_file",
        about: "`s3`: file with the name of our access key.",
    },
    Explained {
        key: "gateway.blobs.secret_access_key_file",
        about: "`s3`: file with the access key itself.",
    },
    Explained {
        key: "gateway.blobs.ca_file",
        about: "`s3`: PEM file with further trusted roots.",
    },
    Explained {
        key: "gateway.blobs.danger_plain_http",
        about: "`s3`: whether to call a store on another machine without TLS: ids and sealed attachments can be read and changed on the way.",
    },
    Explained {
        key: "gateway.mail.server",
        about: "The mail server's name, as in its certificate.",
    },
    Explained {
        key: "gateway.mail.port",
        about: "Its port; without it 465 for `tls`, 587 for `starttls`, 25 for `danger-none`.",
    },
    Explained {
        key: "gateway.mail.security",
        about: "`tls` from the first byte, `starttls` and never without, or `danger-none` for a server on this machine.",
    },
    Explained {
        key: "gateway.mail.ca_file",
        about: "PEM file with further trusted roots.",
    },
    Explained {
        key: "gateway.mail.user",
        about: "Name for the server, if it asks for one.",
    },
    Explained {
        key: "gateway.mail.password_file",
        about: "File with its password.",
    },
    Explained {
        key: "gateway.mail.from",
        about: "The address reminders come from.",
    },
    Explained {
        key: "gateway.mail.hello_name",
        about: "How we greet the server; the host of `base_url` if left out.",
    },
    Explained {
        key: "gateway.uplink[].name",
        about: "A name for logs and status: 1 to 64 of `a-z`, `0-9` and `-`. It must stay the same as long as submissions are on their way.",
    },
    Explained {
        key: "gateway.uplink[].token_url",
        about: "Token endpoint.",
    },
    Explained {
        key: "gateway.uplink[].submission_api_url",
        about: "Submission API without version.",
    },
    Explained {
        key: "gateway.uplink[].issuer",
        about: "`iss` of the service's events, where it is not `submission_api_url`.",
    },
    Explained {
        key: "gateway.uplink[].routing_url",
        about: "Routing API without version: finds destinations that no route names.",
    },
    Explained {
        key: "gateway.uplink[].portal_url",
        about: "Portal that signs the routing data (`destinationSignature`); needed with `routing_url`.",
    },
    Explained {
        key: "gateway.uplink[].version",
        about: "`v1` or `v2`.",
    },
    Explained {
        key: "gateway.uplink[].client_id",
        about: "Sender client.",
    },
    Explained {
        key: "gateway.uplink[].client_secret_file",
        about: "File with its secret.",
    },
    Explained {
        key: "gateway.uplink[].ca_file",
        about: "PEM file with further trusted roots.",
    },
    Explained {
        key: "gateway.uplink[].danger_keys_without_certificate",
        about: "Whether destinations' keys may come without certificate (`x5c`); for test set-ups.",
    },
    Explained {
        key: "gateway.uplink[].key_trust_file",
        about: "PEM file of root certificates: destinations' keys must come with a chain that leads to one of them.",
    },
    Explained {
        key: "gateway.uplink[].fresh",
        about: "How long a destination and its key are taken for true without asking again; 10 minutes if left out.",
    },
    Explained {
        key: "gateway.uplink[].route",
        about: "Routes that are fixed.",
    },
    Explained {
        key: "gateway.uplink[].route[].service",
        about: "The service.",
    },
    Explained {
        key: "gateway.uplink[].route[].regions",
        about: "Where, for example `DE06`.",
    },
    Explained {
        key: "gateway.uplink[].route[].destination",
        about: "The foreign destination.",
    },
    Explained {
        key: "agent.data_dir",
        about: "Folder of the agent's own state (ids, states, ciphertext); made if missing. With a database that several agents share: ciphertext in hand only, and each agent has a folder of its own.",
    },
    Explained {
        key: "agent.database",
        about: "Where the agent keeps its state, if not in SQLite files in `data_dir`.",
    },
    Explained {
        key: "agent.database.kind",
        about: "`sqlite` (files in `data_dir`, one process) or `postgres` (a server, any number of agents).",
    },
    Explained {
        key: "agent.database.url",
        about: "`postgres`: as `gateway.database.url`; it may be the same database.",
    },
    Explained {
        key: "agent.database.password_file",
        about: "`postgres`: file with the user's password.",
    },
    Explained {
        key: "agent.database.ca_file",
        about: "`postgres`: PEM file of the authorities the server's certificate must come from; the usual ones if left out.",
    },
    Explained {
        key: "agent.database.danger_plain",
        about: "`postgres`: whether to call a server on another machine without TLS: everything can be read and changed on the way.",
    },
    Explained {
        key: "agent.schemas_dir",
        about: "Folder of the shared submission schemas.",
    },
    Explained {
        key: "agent.packages_dir",
        about: "Folder of mapping packages, one folder each.",
    },
    Explained {
        key: "agent.xsd_dir",
        about: "Folder of official XSD sets and code lists added with `amtsbote schema add`; without it XML is checked for form only.",
    },
    Explained {
        key: "agent.service",
        about: "The FIT-Connect services to pull from.",
    },
    Explained {
        key: "agent.destination",
        about: "The destinations served, and where their submissions go.",
    },
    Explained {
        key: "agent.concurrency",
        about: "Deliveries worked on at a time by this process, 16 if left out; where several destinations are served, half of them for each. Contents of more than 64 MB together wait for each other.",
    },
    Explained {
        key: "agent.poll",
        about: "Pause between two looks at a service that does not know `Prefer: wait`.",
    },
    Explained {
        key: "agent.deliver_limit",
        about: "Time for one delivery to the procedure.",
    },
    Explained {
        key: "agent.tries_max",
        about: "Tries before a person must act.",
    },
    Explained {
        key: "agent.service[].name",
        about: "A name for the routes below, and of the folder below `data_dir` that its state lies in: 1 to 100 bytes, no separators, no dot in front. Another name is another folder: what is under way stays in the old one.",
    },
    Explained {
        key: "agent.service[].token_url",
        about: "Token endpoint.",
    },
    Explained {
        key: "agent.service[].submission_api_url",
        about: "Submission API without version.",
    },
    Explained {
        key: "agent.service[].version",
        about: "`v1` or `v2`.",
    },
    Explained {
        key: "agent.service[].client_id",
        about: "Subscriber client.",
    },
    Explained {
        key: "agent.service[].client_secret_file",
        about: "File with its secret.",
    },
    Explained {
        key: "agent.service[].ca_file",
        about: "PEM file with further trusted roots.",
    },
    Explained {
        key: "agent.destination[].id",
        about: "The destination.",
    },
    Explained {
        key: "agent.destination[].service",
        about: "Which service it lives at (`[[agent.service]]` name).",
    },
    Explained {
        key: "agent.destination[].decryption_keys",
        about: "JWK files that open its submissions; several during a key roll-over.",
    },
    Explained {
        key: "agent.destination[].signing_key",
        about: "JWK file that signs its events.",
    },
    Explained {
        key: "agent.destination[].packages",
        about: "Mapping packages, by folder name; each serves the service it names.",
    },
    Explained {
        key: "agent.destination[].receiver",
        about: "Header data of the receiver for templates (`$receiver`): name, directory keys, contact.",
    },
    Explained {
        key: "agent.destination[].outbound",
        about: "The way out: `transport = \"folder\"`, `\"sftp\"`, `\"http\"` or `\"mail\"`, and that transport's settings.",
    },
    Explained {
        key: "agent.destination[].inbound",
        about: "The way in: where the procedure's answers come from. Without it nobody looks for answers.",
    },
    Explained {
        key: "agent.destination[].inbound.transport",
        about: "`folder` (the procedure writes answers into a folder), `sftp` (into a folder on a server), `http` (its interface is asked for them), `http-callback` (it posts them to us) or `xta-box` (it sends them into its message box).",
    },
    Explained {
        key: "agent.destination[].inbound.path",
        about: "The folder of answers, or of the message box; absolute. `sftp`: the folder on the server; beside it `host`, `host_keys`, `user` and `key_file` or `password_file`, as on the way out. `http` has none, and keys of its own: `list` or `ask`, `fields`, `work_path` and those of the way out that concern access (crates/transport-http/README.md); so has `http-callback`: `url_path`, `auth`, `fields`.",
    },
    Explained {
        key: "agent.destination[].inbound.format",
        about: "The format of the answers, such as `xbau`. Documents without a message need none, but one must be named.",
    },
    Explained {
        key: "agent.destination[].inbound.fields",
        about: "`folder`, `sftp`: which place of a message of the procedure's own (XML or JSON) says what; documents lie in it or beside it (crates/transport-http/README.md). Without it the message is in the `format`.",
    },
    Explained {
        key: "agent.destination[].inbound.together",
        about: "`folder`, `sftp`: which files that lie side by side are one answer. `folder`: each is one, and several lie in a folder of their own. `name`: those of one name before the ending, `4711.xml` and `4711.pdf`; a file waits for its message (XML or JSON), so the procedure writes that last, or within `quiet`. `folder` if left out.",
    },
    Explained {
        key: "agent.destination[].inbound.message_within",
        about: "`folder`, `sftp` with `together = \"name\"`: how long a document may wait for its message before the log says at level `error` that a person must look. It stays where it is; 1h if left out.",
    },
    Explained {
        key: "agent.destination[].inbound.quiet",
        about: "`folder`, `sftp`: how long nothing of an answer may have changed before it is taken; 10s if left out. With 0s, answers have to become visible whole, by a rename.",
    },
    Explained {
        key: "agent.destination[].inbound.poll",
        about: "Pause between two looks; 5s if left out.",
    },
    Explained {
        key: "agent.destination[].concurrency",
        about: "Hand-overs to this procedure at a time, by all agents together, 1 to 1000; 16 if left out.",
    },
    Explained {
        key: "agent.destination[].in_order",
        about: "Hand over one after the other, in the order in which they were submitted: the next one begins when the one before is decided or parked. One that waits for its next try holds up the rest. `false` if left out.",
    },
    Explained {
        key: "agent.destination[].max_per_minute",
        about: "Hand-overs to this procedure that may begin within any minute, by all agents together, 1 to 6000. A thirtieth of them, and one more, may begin at once. Without it as many as come.",
    },
    Explained {
        key: "agent.callback",
        about: "Where the agent listens for answers that procedures post (`transport = \"http-callback\"`). Without it, it needs outgoing connections only.",
    },
    Explained {
        key: "agent.callback.listen",
        about: "Address and port to listen on; port 0 takes any.",
    },
    Explained {
        key: "agent.callback.certificate",
        about: "PEM file: certificate and chain. Without it no TLS, and only an address of this machine may be listened on.",
    },
    Explained {
        key: "agent.callback.key",
        about: "PEM file: private key.",
    },
    Explained {
        key: "agent.callback.client_ca_file",
        about: "PEM file: authorities of client certificates. They are asked for, and demanded where a way in has `auth.kind = \"certificate\"`.",
    },
    Explained {
        key: "agent.callback.behind_proxy",
        about: "`true`: no TLS on an address that others reach, since a proxy in front of it has it. Proofs are tokens or signatures then.",
    },
    Explained {
        key: "agent.xta",
        about: "An XTA 2 server from which procedures take their messages (`transport = \"xta-box\"`) and to which they send answers.",
    },
    Explained {
        key: "agent.xta.listen",
        about: "Address and port to listen on; port 0 takes any.",
    },
    Explained {
        key: "agent.xta.certificate",
        about: "PEM file: certificate and chain.",
    },
    Explained {
        key: "agent.xta.key",
        about: "PEM file: private key.",
    },
    Explained {
        key: "agent.xta.client_ca_file",
        about: "PEM file: authorities whose client certificates are let in.",
    },
    Explained {
        key: "agent.xta.identity",
        about: "How the server calls itself in transport reports; `Amtsbote` if left out.",
    },
    Explained {
        key: "agent.xta.message_max_bytes",
        about: "Largest message that a procedure may send, bytes; 600 MB if left out.",
    },
    Explained {
        key: "agent.xta.account",
        about: "A procedure and its message box.",
    },
    Explained {
        key: "agent.xta.account[].name",
        about: "A name for the log.",
    },
    Explained {
        key: "agent.xta.account[].path",
        about: "Folder of its message box, absolute; made if missing. Holds messages in clear until the procedure closes them.",
    },
    Explained {
        key: "agent.xta.account[].certificates_sha256",
        about: "SHA-256 of its client certificates in hex; several during a roll-over.",
    },
    Explained {
        key: "agent.xta.account[].identifiers",
        about: "Identifiers it may speak for, for example `psw:06414000`.",
    },
    Explained {
        key: "agent.xta.account[].services",
        about: "Service URIs under which it may send; what `lookupService` calls available.",
    },
];
