//! TLS to PostgreSQL with the meanings that libpq documents:
//! <https://www.postgresql.org/docs/current/libpq-ssl.html>.
//!
//! | `sslmode` | encrypts | the certificate |
//! |---|---|---|
//! | `disable` | no | |
//! | `prefer`, the default | if the server can | is not looked at |
//! | `require` | always | is not looked at, unless `sslrootcert` is given: then as `verify-ca` |
//! | `verify-ca` | always | must come from a trusted authority |
//! | `verify-full` | always | must also be for the host's name |
//!
//! Trusted is the file of `sslrootcert`, or without it (and with `sslrootcert=system`) what the system trusts.

use std::str::FromStr;
use std::sync::Arc;

use postgres::config::SslMode;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Error, Result};

/// `sslmode`.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum TlsMode {
    /// Never encrypt.
    Disable,
    /// Encrypt if the server can.
    #[default]
    Prefer,
    /// Always encrypt.
    Require,
    /// Also check who issued the certificate.
    VerifyCa,
    /// Also check that it is for this host.
    VerifyFull,
}

impl FromStr for TlsMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<TlsMode> {
        Ok(match text {
            "disable" => TlsMode::Disable,
            "prefer" => TlsMode::Prefer,
            "require" => TlsMode::Require,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-full" => TlsMode::VerifyFull,
            _ => {
                return Err(Error::refused(
                    "sslmode: write disable, prefer, require, verify-ca or verify-full",
                ));
            }
        })
    }
}

impl TlsMode {
    /// What the driver is told: it knows no checking, that is the connector's.
    pub(super) fn negotiation(self) -> SslMode {
        match self {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        }
    }
}

/// How to encrypt.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    pub(super) mode: TlsMode,
    /// A PEM file, or `system`.
    pub(super) root_certificate: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Check {
    Nothing,
    Authority,
    AuthorityAndName,
}

impl Tls {
    fn check(&self) -> Check {
        match (self.mode, &self.root_certificate) {
            (TlsMode::Disable | TlsMode::Prefer, _) | (TlsMode::Require, None) => Check::Nothing,
            (TlsMode::Require, Some(_)) | (TlsMode::VerifyCa, _) => Check::Authority,
            (TlsMode::VerifyFull, _) => Check::AuthorityAndName,
        }
    }

    pub(super) fn connector(&self) -> Result<MakeRustlsConnect> {
        let provider = Arc::new(ring::default_provider());
        let checks: Arc<dyn ServerCertVerifier> = match self.check() {
            Check::Nothing => Arc::new(Encrypted { provider: provider.clone() }),
            check => {
                let (roots, given) = self.roots()?;
                let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|e| Error::refused(format!("sslrootcert: {e}")))?;
                Arc::new(Checked { chain, given, name: check == Check::AuthorityAndName })
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::refused(format!("TLS: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(checks)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// Who is trusted, and the certificates of the file if one is given.
    fn roots(&self) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
        let (mut roots, mut given) = (RootCertStore::empty(), Vec::new());
        match self.root_certificate.as_deref() {
            Some(file) if file != "system" => {
                let unreadable = |e| Error::refused(format!("sslrootcert: cannot read {file} as PEM: {e}"));
                for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                    let certificate = certificate.map_err(unreadable)?;
                    let added = roots.add(certificate.clone());
                    added.map_err(|e| Error::refused(format!("sslrootcert: {file}: {e}")))?;
                    given.push(certificate);
                }
                if roots.is_empty() {
                    return Err(Error::refused(format!("sslrootcert: {file} holds no certificate")));
                }
            }
            _ => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                }
            }
        }
        Ok((roots, given))
    }
}

/// Encrypts to whoever answers: any certificate does, but its key must sign the handshake.
#[derive(Debug)]
struct Encrypted {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Encrypted {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks who issued the certificate, and if so wanted for whom.
#[derive(Debug)]
struct Checked {
    chain: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
    name: bool,
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // A server that issued its own certificate is trusted when just that one was given, as by libpq; a
        // chain to it cannot be built when it says that it is an authority.
        if !self.given.contains(certificate) {
            match self.chain.verify_server_cert(certificate, between, name, ocsp, now) {
                // The name is the last thing looked at, after the chain was found good.
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) if !self.name => {}
                other => return other,
            }
        }
        if self.name {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_follows_libpq() {
        use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        let file = Some("ca.pem");
        for (mode, root, check, negotiation) in [
            (Disable, file, Check::Nothing, SslMode::Disable),
            (Prefer, file, Check::Nothing, SslMode::Prefer),
            (Require, None, Check::Nothing, SslMode::Require),
            (Require, file, Check::Authority, SslMode::Require),
            (VerifyCa, None, Check::Authority, SslMode::Require),
            (VerifyCa, file, Check::Authority, SslMode::Require),
            (VerifyFull, None, Check::AuthorityAndName, SslMode::Require),
            (VerifyFull, file, Check::AuthorityAndName, SslMode::Require),
        ] {
            let tls = Tls { mode, root_certificate: root.map(str::to_owned) };
            assert_eq!((tls.check(), mode.negotiation()), (check, negotiation), "{tls:?}");
        }
        assert!("allow".parse::<TlsMode>().is_err());
    }

    #[test]
    fn a_root_certificate_that_is_none_is_refused_by_its_name() {
        let tls = Tls { mode: TlsMode::VerifyFull, root_certificate: Some("/nowhere/ca.pem".into()) };
        let said = tls.connector().err().expect("an error").to_string();
        assert!(said.contains("sslrootcert") && said.contains("/nowhere/ca.pem"), "{said}");
    }

    #[test]
    fn without_a_file_the_systems_authorities_are_trusted() {
        let tls = Tls { mode: TlsMode::VerifyFull, root_certificate: None };
        assert!(!tls.roots().unwrap().0.is_empty());
        assert!(tls.connector().is_ok());
    }
}
