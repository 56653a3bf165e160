//! Where attachments are kept.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::{SettingsFault, fault};

/// `[gateway.blobs]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobStore {
    /// `folder` (in `data_dir`; a single gateway) or `s3`.
    pub kind: BlobKind,
    /// `s3`: address of the store, without the bucket.
    pub endpoint: Option<String>,
    /// `s3`: the bucket; it must exist, without versions of objects, or what is erased stays there.
    pub bucket: Option<String>,
    /// `s3`: region that requests are signed for (us-east-1).
    pub region: Option<String>,
    /// `s3`: before each object's name, with `/` between.
    pub prefix: Option<String>,
    /// `s3`: whether the bucket stands in the path of addresses (true) or in the name of the host (false); true if left out.
    pub path_style: Option<bool>,
    /// `s3`: file with the name of our access key.
    pub access_key_id_file: Option<PathBuf>,
    /// `s3`: file with the access key itself.
    pub secret_access_key_file: Option<PathBuf>,
    /// `s3`: PEM file with further trusted roots.
    pub ca_file: Option<PathBuf>,
    /// `s3`: whether to call a store on another machine without TLS: ids and sealed attachments can be read and changed on the way.
    #[serde(default)]
    pub danger_plain_http: bool,
}

/// The kinds of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobKind {
    /// A folder in `data_dir`.
    Folder,
    /// An S3-compatible object store.
    S3,
}

impl BlobStore {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        match self.kind {
            BlobKind::Folder => {}
            BlobKind::S3 => self.check_s3(faults),
        }
    }

    fn check_s3(&self, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("gateway.blobs.{name}");
        let given = [
            ("bucket", self.bucket.is_some()),
            ("access_key_id_file", self.access_key_id_file.is_some()),
            (
                "secret_access_key_file",
                self.secret_access_key_file.is_some(),
            ),
        ];
        for (name, _) in given.iter().filter(|(_, given)| !given) {
            faults.push(fault(&key(name), "kind = \"s3\" needs it"));
        }
        let Some(endpoint) = self.endpoint.as_deref().map(Url::parse) else {
            faults.push(fault(&key("endpoint"), "kind = \"s3\" needs it"));
            return;
        };
        let what = match endpoint {
            Err(_) => "not a URL: write https://host[:port]",
            Ok(url) if url.scheme() == "https" => return,
            Ok(url) if url.scheme() == "http" => {
                if crate::is_loopback(&url) || self.danger_plain_http {
                    return;
                }
                "plain http is for loopback only: write https://, or set danger_plain_http"
            }
            Ok(_) => "not a web address: write https://host[:port]",
        };
        faults.push(fault(&key("endpoint"), what));
    }
}
