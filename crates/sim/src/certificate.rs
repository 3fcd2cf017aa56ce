//! Server certificates of an invented authority. Keys are Ed25519 from the seed, because their signatures are the same
//! every time (RFC 8032); other kinds draw random numbers of their own.

use crate::dice::Dice;
use anyhow::Context;
use phitak_model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair, PKCS_ED25519,
    SerialNumber,
};
use std::{cell::RefCell, collections::BTreeMap};

const DAY_SECS: i64 = 86_400;

/// PKCS #8 around a raw Ed25519 seed (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// How a certificate stands on the day of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    Good,
    /// Ended weeks ago.
    Expired,
    /// Issued just now in place of an expired one.
    Renewed,
}

/// The invented authority with its certificates so far.
pub struct Authority {
    dice: Dice,
    epoch: Timestamp,
    issuer: Issuer<'static, KeyPair>,
    own: Vec<u8>,
    issued: RefCell<BTreeMap<(String, Validity), Vec<u8>>>,
}

impl Authority {
    /// `epoch` is the moment to which validities refer.
    ///
    /// # Errors
    /// When rcgen refuses.
    pub fn new(dice: &Dice, epoch: Timestamp) -> anyhow::Result<Self> {
        let dice = dice.split("authority");
        let key = key(&mut dice.split("root"))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Example Sector Root CA", "Example Sector");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.serial_number = Some(SerialNumber::from(dice.split("root serial").draw() >> 1));
        set_validity(&mut params, day(epoch, -1500), day(epoch, 2000));
        let own = params.self_signed(&key).context("the root certificate")?.der().to_vec();
        Ok(Self { dice, epoch, issuer: Issuer::new(params, key), own, issued: RefCell::default() })
    }

    /// The chain for this server: its own certificate, then the authority's.
    #[must_use]
    pub fn chain(&self, server_name: &str, validity: Validity) -> Vec<Vec<u8>> {
        let slot = (server_name.to_owned(), validity);
        if let Some(known) = self.issued.borrow().get(&slot) {
            return vec![known.clone(), self.own.clone()];
        }
        let made = self.issue(server_name, validity).expect("rcgen signs what the simulator composes");
        self.issued.borrow_mut().insert(slot, made.clone());
        vec![made, self.own.clone()]
    }

    fn issue(&self, server_name: &str, validity: Validity) -> anyhow::Result<Vec<u8>> {
        let mut dice = self.dice.split(&format!("{server_name} {validity:?}"));
        let key = key(&mut dice)?;
        let mut params = CertificateParams::new(vec![server_name.to_owned()])?;
        params.distinguished_name = name(server_name, "Example Hospital");
        params.serial_number = Some(SerialNumber::from(dice.draw() >> 1));
        let (from, until) = match validity {
            Validity::Good => (-dice.between(20, 150), dice.between(120, 300)),
            Validity::Expired => (-dice.between(420, 500), -dice.between(12, 55)),
            Validity::Renewed => (-1, 396),
        };
        set_validity(&mut params, day(self.epoch, from), day(self.epoch, until));
        Ok(params.signed_by(&key, &self.issuer)?.der().to_vec())
    }
}

fn key(dice: &mut Dice) -> anyhow::Result<KeyPair> {
    let mut pkcs8 = PKCS8_PREFIX.to_vec();
    pkcs8.extend_from_slice(&dice.bytes(32));
    KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &PKCS_ED25519)
        .context("an Ed25519 key from the seed")
}

fn name(common: &str, organisation: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    // RFC 5280 appendix A: the country is a PrintableString.
    let country = "TH".try_into().expect("two capitals are printable");
    name.push(DnType::CountryName, DnValue::PrintableString(country));
    name.push(DnType::OrganizationName, organisation);
    name.push(DnType::CommonName, common);
    name
}

/// The calendar day that is `days` away from `epoch`, as rcgen takes it.
fn day(epoch: Timestamp, days: i64) -> (i32, u8, u8) {
    let civil = epoch.plus_secs(days * DAY_SECS).civil(0);
    (civil.year as i32, civil.month as u8, civil.day as u8)
}

fn set_validity(params: &mut CertificateParams, from: (i32, u8, u8), until: (i32, u8, u8)) {
    params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
}
