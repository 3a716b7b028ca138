//! TLS 1.2 or later, trusting the public authorities and the operator's own.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

/// Why the client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientProblem {
    /// The file of extra authorities cannot be read.
    #[error("the file of extra certificate authorities cannot be read")]
    CaFile(#[source] io::Error),
    /// The file of extra authorities holds no certificate that can be used.
    #[error("the file of extra certificate authorities is not PEM with at least one usable certificate")]
    CaUnusable,
    /// TLS or the connection pool cannot be set up.
    #[error("the client for vendors' servers cannot be set up")]
    Setup,
}

pub(super) fn config(extra_ca: Option<&Path>) -> Result<ClientConfig, ClientProblem> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra_ca {
        let pem = std::fs::read(path).map_err(ClientProblem::CaFile)?;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| ClientProblem::CaUnusable)?;
            roots.add(certificate).map_err(|_| ClientProblem::CaUnusable)?;
        }
        if roots.len() == before {
            return Err(ClientProblem::CaUnusable);
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|_| ClientProblem::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // One request at a time gains nothing from HTTP/2 and pays for it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_file_of_authorities_stops_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(matches!(config(Some(&path)), Err(ClientProblem::CaFile(_))));
        std::fs::write(&path, "no certificate").unwrap();
        assert!(matches!(config(Some(&path)), Err(ClientProblem::CaUnusable)));
        assert!(config(None).is_ok());
    }
}
