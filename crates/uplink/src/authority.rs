//! The centre's own certificate authority: it signs the centre's server certificate and each sensor's client
//! certificate (path length 0), and the list of indicators that sensors get ([`crate::feed`]).
//!
//! Keys are ECDSA P-256. A sensor's certificate carries its id as common name and as the URI
//! `urn:phitak:sensor:<id>`; of a signing request only the key is used, never a name. The server's certificate is for the
//! fixed name [`CENTRE_NAME`]: a sensor trusts this CA alone and checks that name whatever address it dials, so that a
//! centre may move.

use crate::code::hex;
use phitak_model::{SensorId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SigningKey,
};
use rustls::pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{io, path::Path, time::Duration};

/// The name in the centre's server certificate.
pub const CENTRE_NAME: &str = "centre.phitak.internal";
/// How long a sensor's certificate holds. It asks for the next one when two thirds are left: a hospital whose link or
/// sensor is down for a month needs no new code.
pub const SENSOR_CERTIFICATE_DAYS: i64 = 45;
/// The server's certificate is made anew at each start of the centre.
const SERVER_CERTIFICATE_DAYS: i64 = 365;
const CA_DAYS: i64 = 3650;
/// How far a sensor's clock may be behind.
const CLOCK_SLACK_SECS: i64 = 24 * 3600;
const DAY_SECS: i64 = 86_400;
/// Most bytes of a signing request (DER).
pub const REQUEST_BYTES_MAX: usize = 4096;
pub(crate) const SENSOR_URI: &str = "urn:phitak:sensor:";

/// The centre's CA with its key.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A key that asks for a certificate and has proved that it is held.
pub struct SigningRequest {
    inner: CertificateSigningRequestParams,
}

/// What a sensor gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    pub sensor: SensorId,
    /// PEM.
    pub certificate: String,
    /// The certificate's serial number, lower-case hexadecimal: what a revocation names.
    pub serial: String,
    pub not_after: Timestamp,
}

/// A certificate for TLS with its chain and key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the certificate could not be made or read: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the CA file holds no certificate and key in PEM: {0}")]
    Pem(String),
    #[error("a signing request has at most {REQUEST_BYTES_MAX} bytes")]
    RequestTooLarge,
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
}

impl Authority {
    /// # Errors
    /// [`AuthorityError`] when the key cannot be drawn.
    pub fn create(now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params(now, CA_DAYS);
        params.distinguished_name.push(DnType::CommonName, format!("Phitak centre {}", hex(&random_bytes::<4>())));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// Loads `authority.pem` (certificate and key, for its owner's eyes only) from the folder, or creates it.
    ///
    /// # Errors
    /// [`AuthorityError`] when the file is there and cannot be read: it is never replaced, because every sensor trusts it.
    pub fn load_or_create(folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let path = folder.join("authority.pem");
        let failed = |source| AuthorityError::File { path: path.display().to_string(), source };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_pem(&text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let authority = Self::create(now)?;
                crate::private_file::make_folder(folder).map_err(failed)?;
                crate::private_file::write(&path, authority.to_pem().as_bytes()).map_err(failed)?;
                Ok(authority)
            }
            Err(e) => Err(failed(e)),
        }
    }

    /// # Errors
    /// [`AuthorityError`] when the text does not hold a CA certificate and its key.
    pub fn from_pem(text: &str) -> Result<Self, AuthorityError> {
        let pem = |e: rustls::pki_types::pem::Error| AuthorityError::Pem(format!("{e:?}"));
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(pem)?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(pem)?;
        let key = KeyPair::try_from(&key)?;
        Ok(Self { issuer: Issuer::from_ca_cert_der(&certificate, key)?, certificate })
    }

    #[must_use]
    pub fn to_pem(&self) -> String {
        format!("{}{}", certificate_pem(&self.certificate), self.issuer.key().serialize_pem())
    }

    /// The CA certificate (DER): what an enrolment code's fingerprint is of.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Signs a message of the centre's own. It begins with its purpose, never as a certificate does.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        Ok(self.issuer.key().sign(message)?)
    }

    /// A fresh certificate for the centre's uplink server.
    ///
    /// # Errors
    /// [`AuthorityError`] when it cannot be made.
    pub fn server_identity(&self, now: Timestamp) -> Result<Identity, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params(now, SERVER_CERTIFICATE_DAYS);
        params.distinguished_name.push(DnType::CommonName, CENTRE_NAME);
        params.subject_alt_names = vec![SanType::DnsName(CENTRE_NAME.try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        Ok(Identity { chain, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() })
    }

    /// A sensor's certificate for the key of its request, from now for [`SENSOR_CERTIFICATE_DAYS`].
    ///
    /// # Errors
    /// [`AuthorityError`] when it cannot be made.
    pub fn issue(
        &self,
        sensor: &SensorId,
        request: &SigningRequest,
        now: Timestamp,
    ) -> Result<Enrolled, AuthorityError> {
        let mut params = params(now, SENSOR_CERTIFICATE_DAYS);
        let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes).unwrap_or_default();
        params.distinguished_name.push(DnType::CommonName, sensor.as_str());
        params.subject_alt_names = vec![SanType::URI(format!("{SENSOR_URI}{sensor}").as_str().try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&request.inner.public_key, &self.issuer)?;
        Ok(Enrolled {
            sensor: sensor.clone(),
            certificate: certificate_pem(certificate.der()),
            serial: hex(&serial),
            not_after: now.plus_secs(SENSOR_CERTIFICATE_DAYS * DAY_SECS),
        })
    }
}

impl SigningRequest {
    /// # Errors
    /// [`AuthorityError`] when the bytes are no PKCS #10 request or its signature does not prove the key.
    pub fn from_der(der: &[u8]) -> Result<Self, AuthorityError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(AuthorityError::RequestTooLarge);
        }
        let inner = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))?;
        Ok(Self { inner })
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal.
    #[must_use]
    pub fn key_digest(&self) -> String {
        hex(&Sha256::digest(self.inner.public_key.subject_public_key_info()))
    }
}

pub(crate) fn certificate_pem(der: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in base64(der).as_bytes().chunks(64) {
        let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4usize {
            let letter = LETTERS.get((word >> (18 - 6 * place)) as usize & 63).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn params(now: Timestamp, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |moment: Timestamp| epoch + Duration::from_secs(u64::try_from(moment.secs()).unwrap_or(0));
    params.not_before = at(now.plus_secs(-CLOCK_SLACK_SECS));
    params.not_after = at(now.plus_secs(days * DAY_SECS));
    let mut serial = random_bytes::<16>();
    // A serial number is a positive integer: no leading one bit, no leading zero byte.
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.use_authority_key_identifier_extension = true;
    params
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}
