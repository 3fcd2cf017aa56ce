//! Messages between systems: HL7 v2.3 over the minimal lower layer protocol (0x0B message 0x1C 0x0D), invented patients.

use super::Service;
use crate::{
    hospital::Role,
    patient::{self, Patient},
    scene::Scene,
    wire::Side,
};
use phitak_model::{Timestamp, thai::BANGKOK_OFFSET_SECS};

pub const SERVICE: Service = Service { name: "hl7", per_minute: 6, play };

pub const PORT: u16 = 2575;

fn play(scene: &mut Scene<'_>, at: i64) {
    let gateway = scene.hospital.first(Role::Hl7);
    let senders: Vec<_> = scene.present(Role::HisDatabase).into_iter().chain(scene.present(Role::Analyser)).collect();
    let sender = *scene.dice.pick(&senders);
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, sender.end(), gateway.end(), PORT);
    for _ in 0..dice.between(1, 5) {
        let patient = patient::next(scene);
        let control = format!("{:08}", dice.below(100_000_000));
        let when = stamp(tcp.now);
        let message = if sender.role == Role::Analyser {
            result(&patient, &when, &control, dice.between(60, 240))
        } else {
            registration(&patient, &when, &control)
        };
        tcp.client(&framed(&message)).think().server(&framed(&acknowledgement(&when, &control)));
        tcp.wait(dice.between(50_000, 1_500_000));
    }
    scene.keep(tcp.close(Side::Client));
}

fn registration(patient: &Patient, when: &str, control: &str) -> String {
    format!(
        "MSH|^~\\&|HIS|REG|GW|HL7|{when}||ADT^A04|{control}|P|2.3|||AL|NE||UNICODE UTF-8\r\
         EVN|A04|{when}\r{}PV1|1|O|OPD^1^01||||1234^TESTDOCTOR^A|||MED\r",
        person(patient)
    )
}

fn result(patient: &Patient, when: &str, control: &str, value: i64) -> String {
    format!(
        "MSH|^~\\&|LAB|CHEM|GW|HL7|{when}||ORU^R01|{control}|P|2.3|||AL|NE||UNICODE UTF-8\r{}\
         OBR|1|{control}||CHEM^Chemistry|||{when}\rOBX|1|NM|GLU^Glucose||{value}|mg/dL|70-100|H|||F\r\
         OBX|2|NM|CREA^Creatinine||1.{}|mg/dL|0.5-1.2|N|||F\r",
        person(patient),
        value % 10
    )
}

fn person(patient: &Patient) -> String {
    let Patient { hn, national_id, first_th, last_th, born, sex, .. } = patient;
    format!("PID|1||{hn}^^^HN~{national_id}^^^CID||{last_th}^{first_th}||{born}|{sex}|||1 ถนนสมมุติ^^ตำบลตัวอย่าง\r")
}

fn acknowledgement(when: &str, control: &str) -> String {
    format!("MSH|^~\\&|GW|HL7|HIS|REG|{when}||ACK|A{control}|P|2.3\rMSA|AA|{control}\r")
}

fn framed(message: &str) -> Vec<u8> {
    [&[0x0b], message.as_bytes(), &[0x1c, 0x0d]].concat()
}

/// `YYYYMMDDHHMMSS` in Thailand.
fn stamp(micros: i64) -> String {
    let c = Timestamp::from_micros(micros).civil(BANGKOK_OFFSET_SECS);
    format!("{:04}{:02}{:02}{:02}{:02}{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)
}
