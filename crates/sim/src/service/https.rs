//! HTTPS: staff to sites outside and to the hospital's own servers.

use super::{Service, dns, tls};
use crate::{
    certificate::Validity,
    hospital::{Host, Role},
    internet,
    scene::Scene,
    weakness::{Condition, Kind},
    wire::{End, Side},
};
use phitak_model::TlsVersion;

pub const SERVICE: Service = Service { name: "https", per_minute: 30, play };

const OWN_SERVERS: [Role; 6] =
    [Role::Intranet, Role::Pacs, Role::Hl7, Role::Laboratory, Role::Storage, Role::PublicWeb];

fn play(scene: &mut Scene<'_>, at: i64) {
    let client = scene.any_pc();
    if scene.dice.one_in(3) {
        let role = *scene.dice.pick(&OWN_SERVERS);
        let host = *scene.dice.clone().pick(&scene.present(role));
        visit_host(scene, at, client, host);
        return;
    }
    let site = scene.dice.pick(&internet::SECURE);
    let now = dns::lookup_site(scene, at, client, site);
    let version = if scene.dice.one_in(3) { TlsVersion::Tls12 } else { TlsVersion::Tls13 };
    let chain = scene.authority.chain(site.name, Validity::Good);
    let session = tls::Session { server_name: Some(site.name.to_owned()), version, chain, alpn: &["h2", "http/1.1"] };
    let server = scene.hospital.beyond(site.ip);
    exchange(scene, now, (client.end(), server), &session);
}

/// A visit to one of the hospital's own servers, in the condition that the scene gives it.
pub fn visit_host(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    let name = scene.hospital.full_name(host);
    let session = tls::Session {
        version: version_of(scene, host),
        chain: scene.authority.chain(&name, validity_of(scene, host)),
        server_name: Some(name),
        alpn: &["http/1.1"],
    };
    exchange(scene, at, (client.end(), host.end()), &session);
}

fn version_of(scene: &mut Scene<'_>, host: &Host) -> TlsVersion {
    let odd = host.name.len() % 2 == 1;
    match scene.condition(host, Kind::OldTls) {
        Condition::Weak if odd => TlsVersion::Tls11,
        Condition::Weak => TlsVersion::Tls10,
        Condition::Mended if odd => TlsVersion::Tls13,
        // In TLS 1.3 the certificate travels encrypted: where it matters, 1.2 shows it.
        Condition::Mended | Condition::Healthy => TlsVersion::Tls12,
    }
}

fn validity_of(scene: &Scene<'_>, host: &Host) -> Validity {
    match scene.condition(host, Kind::ExpiredCertificate) {
        Condition::Weak => Validity::Expired,
        Condition::Mended => Validity::Renewed,
        Condition::Healthy => Validity::Good,
    }
}

fn exchange(scene: &mut Scene<'_>, at: i64, (client, server): (End, End), session: &tls::Session) {
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client, server, 443);
    tls::play_handshake(&mut tcp, session, &mut dice);
    for _ in 0..dice.between(1, 4) {
        let request = dice.between(300, 900) as usize;
        let answer = dice.between(400, 24_000) as usize;
        tcp.client(&tls::sealed(session.version, request, &mut dice));
        tcp.wait(dice.between(3_000, 90_000)).server(&tls::sealed(session.version, answer, &mut dice));
        tcp.wait(dice.between(20_000, 600_000));
    }
    scene.keep(tcp.close(Side::Client));
}
