//! A real nginx on loopback: TLS with client certificates, Basic, `WebDAV` PUT. It listens on a socket in a folder of its
//! own, behind a [`Wire`].

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::peer::Wire;

pub(crate) struct Nginx {
    pub(crate) dir: TempDir,
    pub(crate) wire: Wire,
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "CI is told by the environment; says why a test is skipped"
)]
fn nginx_is_here() -> bool {
    let here = Command::new("nginx").arg("-v").output().is_ok();
    assert!(
        here || std::env::var("CI").as_deref() != Ok("true"),
        "nginx is not installed (nginx-light)"
    );
    if !here {
        eprintln!("skipped: nginx is not installed (nginx-light)");
    }
    here
}

pub(crate) fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // Its own name: else what it signs would look signed by itself.
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

impl Nginx {
    pub(crate) fn start() -> Option<Self> {
        if !nginx_is_here() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        certificates(dir.path());
        fs::create_dir_all(dir.path().join("www/eingang")).unwrap();
        fs::create_dir_all(dir.path().join("www/antworten")).unwrap();
        fs::write(dir.path().join("users"), "amtsbote:{PLAIN}geheim\n").unwrap();
        fs::write(dir.path().join("password"), "geheim\n").unwrap();
        fs::write(dir.path().join("wrong"), "falsch\n").unwrap();
        // As root its processes would become somebody who may not enter our folder.
        let user = if fs::metadata("/proc/self").is_ok_and(|own| {
            use std::os::unix::fs::MetadataExt as _;
            own.uid() == 0
        }) {
            "user root;"
        } else {
            ""
        };
        let config = format!(
            "{user} pid {at}/pid; error_log {at}/error.log; worker_processes 1; events {{}}\n\
             http {{ access_log off; client_max_body_size 100m;\n\
             client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3; uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;\n\
             server {{ listen unix:{at}/socket ssl; ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;\n\
             ssl_client_certificate {at}/ca.pem; ssl_verify_client on;\n\
             auth_basic eingang; auth_basic_user_file {at}/users; root {at}/www;\n\
             location /eingang/ {{ dav_methods PUT; }}\n\
             location /antworten/ {{ dav_methods DELETE; autoindex on; autoindex_format json; types {{ }} default_type \"multipart/mixed; boundary=grenze\"; }} }} }}\n"
        );
        fs::write(dir.path().join("nginx.conf"), config).unwrap();
        // It goes to the background once it listens.
        let started = Command::new("nginx")
            .arg("-c")
            .arg(dir.path().join("nginx.conf"))
            .arg("-e")
            .arg(dir.path().join("error.log"))
            .output()
            .unwrap();
        assert!(
            started.status.success(),
            "{}",
            String::from_utf8_lossy(&started.stderr)
        );
        let socket = dir.path().join("socket");
        let wire = Wire::to(move || UnixStream::connect(&socket).unwrap());
        Some(Self { dir, wire })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("nginx")
            .arg("-c")
            .arg(self.dir.path().join("nginx.conf"))
            .arg("-e")
            .arg(self.dir.path().join("error.log"))
            .args(["-s", "stop"])
            .output();
    }
}
