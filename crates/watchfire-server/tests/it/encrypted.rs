//! Certificates for tests, and clients that look at them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use watchfire_server::TlsFiles;

/// An authority, the files of a server, and a client's certificate.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
    authority: rcgen::Certificate,
    client: (rcgen::Certificate, KeyPair),
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(params, key);
        let of = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            (params.signed_by(&key, &issuer).expect("a certificate"), key)
        };
        let (server, key) = of("localhost");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("can be written");
        };
        write("server.pem", server.pem());
        write("server.key", key.serialize_pem());
        write("authority.pem", authority.pem());
        let client = of("client");
        Self { folder, authority, client }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn files(&self, asks_client: bool) -> TlsFiles {
        TlsFiles {
            certificate: self.path().join("server.pem"),
            key: self.path().join("server.key"),
            client_authorities: asks_client.then(|| self.path().join("authority.pem")),
        }
    }

    /// A connection of a client that knows the authority, and shows a certificate of its own or none.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        shows_certificate: bool,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of the protocol")
            .with_root_certificates(roots);
        let (certificate, key) = &self.client;
        let config = if shows_certificate {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder
                .with_client_auth_cert(vec![certificate.der().clone()], key)
                .expect("a certificate and its key")
        } else {
            builder.with_no_client_auth()
        };
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let certificates = Certificates::new();
    let good = certificates.files(false);
    std::fs::write(certificates.path().join("empty.pem"), "").expect("can be written");
    for (files, named) in [
        (TlsFiles { certificate: certificates.path().join("none.pem"), ..good.clone() }, "none.pem"),
        (TlsFiles { certificate: certificates.path().join("empty.pem"), ..good.clone() }, "empty.pem"),
        (TlsFiles { key: certificates.path().join("server.pem"), ..good.clone() }, "server.pem"),
        (TlsFiles { client_authorities: Some(certificates.path().join("server.key")), ..good }, "server.key"),
    ] {
        let error = files.acceptor().map(drop).expect_err("a file is wrong");
        assert!(error.to_string().contains(named), "{error}");
    }
}
