//! A sensor's identity on disk: which centre it belongs to, its certificate and its key.
//!
//! One file, `identity.json`, for its owner's eyes only, so that a renewal replaces everything at once. `pending.pem` holds
//! the key of an enrolment whose answer has not arrived: the same code with the same key may be tried again.

use crate::{authority::Enrolled, private_file};
use phitak_model::{SensorId, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Renewal is due when less than this part of a certificate's life is left.
const RENEW_PARTS_LEFT: i64 = 3;
const RENEW_PARTS: i64 = 2;

/// Who this sensor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorKeys {
    /// `host:port`.
    pub centre: String,
    pub sensor: SensorId,
    /// The centre's CA, PEM.
    pub authority: String,
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub key: String,
    pub serial: String,
    pub issued_at: Timestamp,
    pub not_after: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("this sensor is not enrolled (no {0}): run `phitak-sensor enrol` with a code from the centre")]
    NotEnrolled(String),
    #[error("{path} cannot be used: {reason}; enrol again with a new code from the centre")]
    Unreadable { path: String, reason: String },
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("a key could not be drawn: {0}")]
    Key(#[from] rcgen::Error),
}

/// The folder in which the keys lie.
#[derive(Clone, Debug)]
pub struct KeyFolder(PathBuf);

/// A key that waits for its certificate.
pub struct PendingKey {
    pair: KeyPair,
}

impl KeyFolder {
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn keys_path(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    fn pending_path(&self) -> PathBuf {
        self.0.join("pending.pem")
    }

    #[must_use]
    pub fn shown(&self) -> String {
        self.0.display().to_string()
    }

    /// # Errors
    /// [`KeysError`] says whether to enrol.
    pub fn load(&self) -> Result<SensorKeys, KeysError> {
        let path = self.keys_path();
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeysError::NotEnrolled(shown)),
            Err(source) => return Err(KeysError::Io { path: shown, source }),
        };
        let unreadable = |reason: String| KeysError::Unreadable { path: shown.clone(), reason };
        let keys: SensorKeys = serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))?;
        keys.parts().map_err(unreadable)?;
        Ok(keys)
    }

    /// # Errors
    /// [`KeysError`] when the folder cannot be written.
    pub fn save(&self, keys: &SensorKeys) -> Result<(), KeysError> {
        let path = self.keys_path();
        let failed = |source| KeysError::Io { path: path.display().to_string(), source };
        private_file::make_folder(&self.0).map_err(failed)?;
        let json = serde_json::to_vec_pretty(keys).map_err(|e| failed(e.into()))?;
        private_file::write(&path, &json).map_err(failed)?;
        match std::fs::remove_file(self.pending_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// The key of an unfinished enrolment, or a fresh one, kept until its certificate is there.
    pub(crate) fn pending(&self) -> Result<PendingKey, KeysError> {
        let path = self.pending_path();
        let failed = |source| KeysError::Io { path: path.display().to_string(), source };
        let kept = std::fs::read_to_string(&path).ok().and_then(|pem| KeyPair::from_pem(&pem).ok());
        if let Some(pair) = kept {
            return Ok(PendingKey { pair });
        }
        let pair = KeyPair::generate()?;
        private_file::make_folder(&self.0).map_err(failed)?;
        private_file::write(&path, pair.serialize_pem().as_bytes()).map_err(failed)?;
        Ok(PendingKey { pair })
    }
}

impl PendingKey {
    pub(crate) fn fresh() -> Result<Self, KeysError> {
        Ok(Self { pair: KeyPair::generate()? })
    }

    /// PKCS #10 (DER), without any name: the centre gives the name.
    pub(crate) fn request(&self) -> Result<Vec<u8>, KeysError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        Ok(params.serialize_request(&self.pair)?.der().to_vec())
    }

    /// The key's certificate has come.
    pub(crate) fn into_keys(self, centre: &str, authority: String, enrolled: Enrolled, now: Timestamp) -> SensorKeys {
        SensorKeys {
            centre: centre.to_owned(),
            sensor: enrolled.sensor,
            authority,
            certificate: enrolled.certificate,
            key: self.pair.serialize_pem(),
            serial: enrolled.serial,
            issued_at: now,
            not_after: enrolled.not_after,
        }
    }
}

/// What TLS needs of the keys.
pub(crate) struct Parts {
    pub(crate) authority: CertificateDer<'static>,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl SensorKeys {
    pub(crate) fn parts(&self) -> Result<Parts, String> {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| format!("{e:?}"));
        Ok(Parts {
            authority: certificate(&self.authority)?,
            certificate: certificate(&self.certificate)?,
            key: PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|e| format!("{e:?}"))?,
        })
    }

    /// Whether it is time to ask for the next certificate.
    #[must_use]
    pub fn is_renewal_due(&self, now: Timestamp) -> bool {
        let life = self.not_after.micros_since(self.issued_at);
        let left = self.not_after.micros_since(now);
        left < life / RENEW_PARTS_LEFT * RENEW_PARTS
    }

    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.not_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_key_is_the_same_until_its_certificate_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = KeyFolder::new(&folder.path().join("keys"));
        assert!(matches!(keys.load(), Err(KeysError::NotEnrolled(_))));
        let first = keys.pending().expect("a key").pair.serialize_pem();
        assert_eq!(keys.pending().expect("a key").pair.serialize_pem(), first);
    }

    #[test]
    fn renewal_is_due_when_a_third_of_the_life_is_over() {
        let day = |days: i64| Timestamp::from_secs(days * 86_400);
        let keys = SensorKeys {
            centre: "c:1".into(),
            sensor: SensorId::new("10665-1").expect("a sensor"),
            authority: String::new(),
            certificate: String::new(),
            key: String::new(),
            serial: String::new(),
            issued_at: day(0),
            not_after: day(45),
        };
        assert!(!keys.is_renewal_due(day(14)));
        assert!(keys.is_renewal_due(day(16)));
        assert!(!keys.is_expired(day(44)));
        assert!(keys.is_expired(day(45)));
    }
}
