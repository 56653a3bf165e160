//! Where what a call says around the parcel's files comes from: URL, headers, and what the body says of the files. Pure.

use amtsbote_adapter::Lineage;
use amtsbote_adapter::transport::{name_of, parcel_id, said as way};

use crate::settings::{Auth, Body, Settings};

/// Headers are `header/name` in lower case, parts of a form `part[n]`, members of JSON and attributes of XML by their path.
pub(crate) fn said(settings: &Settings, files: usize) -> Vec<Lineage> {
    let url = if settings.url.names_parcel() {
        way("url", &[parcel_id()], "outbound.url, with {parcel}")
    } else {
        way("url", &[], "outbound.url")
    };
    let method = way("method", &[], "outbound.method");
    let mut all = vec![url, method];
    all.extend(headers(settings));
    all.extend(body(&settings.body, files));
    all
}

fn headers(settings: &Settings) -> Vec<Lineage> {
    let header = |name: &str| format!("header/{}", name.to_lowercase());
    let mut all: Vec<Lineage> = settings
        .headers
        .keys()
        .map(|name| way(header(name), &[], "outbound.headers"))
        .collect();
    all.push(way(
        header(&settings.id_header),
        &[parcel_id()],
        "outbound.id_header",
    ));
    match settings.auth {
        Auth::None => {}
        Auth::Basic { .. } | Auth::Bearer { .. } | Auth::Oauth2 { .. } => {
            all.push(way("header/authorization", &[], "outbound.auth"));
        }
    }
    let protocol = [
        "content-type",
        "content-length",
        "host",
        "user-agent",
        "accept",
    ];
    all.extend(protocol.map(|name| way(header(name), &[], "HTTP (RFC 9110), outbound.body")));
    all
}

fn body(body: &Body, files: usize) -> Vec<Lineage> {
    let numbers = 1..=files;
    let media_type = |nr: usize| format!("file[{nr}]/@media_type, or application/octet-stream");
    match body {
        Body::File => Vec::new(),
        Body::Json => {
            let of_file = |nr: usize| {
                let at = |member: &str| format!("body/files/{}/{member}", nr - 1);
                [
                    way(at("path"), &[], &name_of(nr)),
                    way(at("media_type"), &[], &media_type(nr)),
                    way(at("content"), &[], &format!("file[{nr}] in base64")),
                ]
            };
            let id = way("body/parcel", &[parcel_id()], "JSON of this way");
            std::iter::once(id)
                .chain(numbers.flat_map(of_file))
                .collect()
        }
        Body::Xml => {
            let of_file = |nr: usize| {
                let at = |name: &str| format!("body/parcel/file[{nr}]{name}");
                [
                    way(at("/@path"), &[], &name_of(nr)),
                    way(at("/@mediaType"), &[], &media_type(nr)),
                    way(at(""), &[], &format!("file[{nr}] in base64")),
                ]
            };
            let id = way("body/parcel/@id", &[parcel_id()], "XML of this way");
            std::iter::once(id)
                .chain(numbers.flat_map(of_file))
                .collect()
        }
        Body::Multipart { .. } => parts(body, files),
    }
}

/// In the order in which `wire.rs` writes them.
fn parts(body: &Body, files: usize) -> Vec<Lineage> {
    let Body::Multipart {
        id_part, fields, ..
    } = body
    else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let mut nr = 0;
    for _ in fields {
        nr += 1;
        all.push(way(
            format!("part[{nr}]/@name"),
            &[],
            "outbound.body.fields",
        ));
        all.push(way(format!("part[{nr}]"), &[], "outbound.body.fields"));
    }
    if id_part.is_some() {
        nr += 1;
        all.push(way(
            format!("part[{nr}]/@name"),
            &[],
            "outbound.body.id_part",
        ));
        all.push(way(
            format!("part[{nr}]"),
            &[parcel_id()],
            "outbound.body.id_part",
        ));
    }
    for index in 0..files {
        nr += 1;
        let file = index + 1;
        let setting = if index == 0 {
            "first_part"
        } else {
            "other_parts"
        };
        let setting = format!("outbound.body.{setting}");
        let name = format!("{}, / becomes _", name_of(file));
        let media_type = format!("file[{file}]/@media_type, or application/octet-stream");
        all.push(way(format!("part[{nr}]/@name"), &[], &setting));
        all.push(way(format!("part[{nr}]/@filename"), &[], &name));
        all.push(way(format!("part[{nr}]/@media_type"), &[], &media_type));
        all.push(way(format!("part[{nr}]"), &[], &format!("file[{file}]")));
    }
    all
}
