//! A certificate as rules, records and facts name it.
//!
//! Source: RFC 5280; names in records as Suricata writes them (`C=TH, O=Hospital, CN=his.example`), in facts as RFC 4514
//! does. Validity is told, never judged here.

use super::event::Event;
use phitak_model::Timestamp;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::fmt::Write as _;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Error, X509Name};

/// Most alternative names kept.
const NAMES_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// Bytes as hexadecimal with colons, in capitals.
    pub(super) serial: String,
    /// SHA-1, in small letters with colons.
    pub(super) fingerprint: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) alternative_names: Vec<String>,
    pub(super) subject_4514: String,
    pub(super) issuer_4514: String,
    pub(super) sha256: String,
}

impl Certificate {
    /// # Errors
    /// The event that tells what is wrong with it.
    pub(super) fn parse(der: &[u8]) -> Result<Self, Event> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| fault(&error))?;
        let validity = certificate.validity();
        let alternative_names = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| extension.value.general_names.iter().filter_map(name).take(NAMES_MAX).collect())
            .unwrap_or_default();
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: with_colons(certificate.raw_serial(), Letters::Capital),
            fingerprint: with_colons(&Sha1::digest(der), Letters::Small),
            not_before: Timestamp::from_secs(validity.not_before.timestamp()),
            not_after: Timestamp::from_secs(validity.not_after.timestamp()),
            alternative_names,
            subject_4514: rfc4514(certificate.subject()),
            issuer_4514: rfc4514(certificate.issuer()),
            sha256: Sha256::digest(der).iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        })
    }
}

fn fault(error: &x509_parser::nom::Err<X509Error>) -> Event {
    match error {
        x509_parser::nom::Err::Incomplete(_) => Event::CertificateInvalidLength,
        x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => match error {
            X509Error::InvalidVersion => Event::CertificateInvalidVersion,
            X509Error::InvalidSerial => Event::CertificateInvalidSerial,
            X509Error::InvalidAlgorithmIdentifier => Event::CertificateInvalidAlgorithmidentifier,
            X509Error::InvalidX509Name => Event::CertificateInvalidX509name,
            X509Error::InvalidDate => Event::CertificateInvalidDate,
            X509Error::InvalidExtensions | X509Error::DuplicateExtensions => Event::CertificateInvalidExtensions,
            X509Error::Der(_) => Event::CertificateInvalidDer,
            _ => Event::InvalidCertificate,
        },
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    Capital,
    Small,
}

fn with_colons(bytes: &[u8], letters: Letters) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(3));
    for byte in bytes {
        if !out.is_empty() {
            out.push(':');
        }
        let _ = match letters {
            Letters::Capital => write!(out, "{byte:02X}"),
            Letters::Small => write!(out, "{byte:02x}"),
        };
    }
    out
}

/// RFC 4514: the most specific part first, special letters escaped.
fn rfc4514(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let parts: Vec<_> = name.iter().collect();
    for rdn in parts.iter().rev() {
        let mut between = if out.is_empty() { "" } else { "," };
        for attribute in rdn.iter() {
            out.push_str(between);
            between = "+";
            let kind = x509_parser::objects::oid2abbrev(attribute.attr_type(), x509_parser::objects::oid_registry());
            match kind {
                Ok(kind) => out.push_str(kind),
                Err(_) => out.push_str(&attribute.attr_type().to_id_string()),
            }
            out.push('=');
            escaped(attribute.as_str().unwrap_or_default(), &mut out);
        }
    }
    out
}

fn escaped(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        let at_edge = letter == ' ' && (at == 0 || at == last);
        if at_edge || (at == 0 && letter == '#') || "\"+,;<>\\".contains(letter) {
            out.push('\\');
        }
        if letter == '\0' { out.push_str("\\00") } else { out.push(letter) }
    }
}

/// EVE's form of a moment in a certificate: `2026-11-24T02:14:00`.
pub(super) fn moment(time: Timestamp) -> String {
    let civil = time.civil(0);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second
    )
}
