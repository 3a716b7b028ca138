//! The server's certificate, read again when its files change.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::serve::ServeError;

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM: the certificate, then those it is signed by.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// The configuration made of two files.
pub(super) struct Tls {
    files: TlsFiles,
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    pub(super) async fn load(files: TlsFiles) -> Result<Self, ServeError> {
        let certificate = read(&files.certificate).await?;
        let key = Zeroizing::new(read(&files.key).await?);
        let config = Arc::new(configure(&certificate, &key)?);
        Ok(Self { files, certificate, key, config })
    }

    /// For the next connection.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Takes over new files; what cannot be used is left, since the old certificate still serves.
    pub(super) async fn refresh(&mut self) {
        match Self::load(self.files.clone()).await {
            Ok(new) if new.certificate == self.certificate && new.key == self.key => {}
            Ok(new) => {
                *self = new;
                info!("The server's certificate was replaced");
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "The server's certificate files changed and cannot be used; the old certificate stays");
            }
        }
    }
}

async fn read(path: &PathBuf) -> Result<Vec<u8>, ServeError> {
    tokio::fs::read(path).await.map_err(|source| ServeError::TlsFile { path: path.clone(), source })
}

fn configure(certificate: &[u8], key: &[u8]) -> Result<ServerConfig, ServeError> {
    let wrong = |error: rustls::pki_types::pem::Error| ServeError::TlsPem(Box::new(error));
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(wrong)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
