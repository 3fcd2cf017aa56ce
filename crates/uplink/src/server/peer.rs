//! Who is at the other end of a connection: a sensor by its certificate, or a stranger who may only enrol.

use crate::{authority::SENSOR_URI, code::hex};
use phitak_model::{SensorId, Timestamp};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The other end. TLS has already checked that the certificate is of the centre's own CA.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) sensor: Option<PeerSensor>,
}

#[derive(Clone, Debug)]
pub(crate) struct PeerSensor {
    pub(crate) id: SensorId,
    /// Lower-case hexadecimal.
    pub(crate) serial: String,
    pub(crate) not_after: Timestamp,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, chain: Option<&[CertificateDer<'_>]>) -> Self {
        Self { address, sensor: chain.and_then(|chain| chain.first()).and_then(|der| PeerSensor::of(der)) }
    }
}

impl PeerSensor {
    /// The sensor that a certificate names, in its subject and its URI alike.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
        let names = certificate.subject_alternative_name().ok()??;
        let uri = names.value.general_names.iter().find_map(|name| match name {
            GeneralName::URI(uri) => uri.strip_prefix(SENSOR_URI),
            _ => None,
        })?;
        if uri != name {
            return None;
        }
        Some(Self {
            id: SensorId::new(&name).ok()?,
            serial: hex(certificate.tbs_certificate.raw_serial()),
            not_after: Timestamp::from_secs(certificate.validity().not_after.timestamp()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, SigningRequest};
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn an_issued_certificate_names_its_sensor_serial_and_end() {
        let now = Timestamp::from_secs(1_790_000_000);
        let authority = Authority::create(now).expect("a CA");
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
        let request = SigningRequest::from_der(request.der()).expect("a good request");
        let sensor = SensorId::new("10665-1").expect("a sensor");
        let issued = authority.issue(&sensor, &request, now).expect("issued");
        let der = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).expect("PEM");
        let peer = PeerSensor::of(&der).expect("a sensor's certificate");
        assert_eq!((peer.id, peer.serial, peer.not_after), (sensor, issued.serial, issued.not_after));
        assert!(PeerSensor::of(authority.certificate()).is_none());
    }
}
