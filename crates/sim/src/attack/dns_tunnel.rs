//! Data leaves in DNS questions: long names of letters under one domain, answered with TXT records, as dnscat2 and iodine
//! do. The hospital's own resolver carries them out.

use super::{Attack, Happened, attacker::TUNNEL_DOMAIN};
use crate::{
    hospital::Role,
    internet,
    scene::{MILLISECOND, Scene},
    service::dns,
    wire::Put,
};

pub const ATTACK: Attack = Attack { kind: "dns_tunnel", sids: &[8_000_503], begins_percent: 66, play };

const QUESTIONS: usize = 60;
const HEX: &str = "0123456789abcdef";

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.pc_of("er");
    let mut dice = scene.dice.fork();
    let mut now = at;
    for number in 0..QUESTIONS {
        let labels = [format!("{number:04x}{}", dice.text(HEX, 56)), dice.text(HEX, 60), dice.text(HEX, 44)];
        let name = format!("{}.{TUNNEL_DOMAIN}", labels.join("."));
        let mut text = vec![32];
        text.raw(dice.text(HEX, 32).as_bytes());
        let record = dns::record(dns::TXT, 0, &text);
        let after = dns::forward(scene, now + 500, &name, dns::TXT, Some(record.clone()));
        // The answer to the PC waits for the answer from outside.
        dns::ask(scene, after, source, &name, dns::TXT, Some(record));
        now = after + dice.between(40 * MILLISECOND, 160 * MILLISECOND);
    }
    let targets = vec![scene.hospital.first(Role::Domain).ip, internet::RESOLVER];
    Some(Happened { source: source.ip, targets, until: now })
}
