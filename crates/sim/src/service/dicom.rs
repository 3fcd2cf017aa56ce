//! Pictures to the archive: DICOM upper layer (PS3.8 §9.3) with C-ECHO and C-STORE (PS3.7 §9.3), implicit little endian.

use super::Service;
use crate::{
    dice::Dice,
    hospital::{Host, Role},
    patient::{self, Patient},
    scene::Scene,
    wire::{Put, Side, Tcp},
};

pub const SERVICE: Service = Service { name: "dicom", per_minute: 3, play };

pub const PORT: u16 = 104;
const VERIFICATION: &str = "1.2.840.10008.1.1";
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
const IMPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// A root that names its owner as an example (PS3.5 §9 wants one's own; `2.25` is made from a random number).
const UID_ROOT: &str = "2.25";
const PDU_BYTES_MAX: usize = 16_384;

const DATA_SET_FOLLOWS: u16 = 0x0102;
const NO_DATA_SET: u16 = 0x0101;

fn play(scene: &mut Scene<'_>, at: i64) {
    let modalities = scene.present(Role::Modality);
    let modality = *scene.dice.pick(&modalities);
    let archive = scene.hospital.first(Role::Pacs);
    let patient = patient::next(scene);
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, modality.end(), archive.end(), PORT);
    let echo_only = dice.one_in(3);
    let class = if echo_only { VERIFICATION } else { CT_IMAGE };
    tcp.client(&associate(0x01, modality, class)).think().server(&associate(0x02, modality, class));
    if echo_only {
        tcp.client(&data(3, &command(&echo_request()))).think().server(&data(3, &command(&echo_response())));
    } else {
        for number in 1..=dice.between(1, 3) {
            store(&mut tcp, &patient, number as u16, &mut dice);
        }
    }
    tcp.client(&pdu(0x05, &[0; 4])).think().server(&pdu(0x06, &[0; 4]));
    scene.keep(tcp.close(Side::Client));
}

/// A-ASSOCIATE-RQ (0x01) or its acceptance (0x02).
fn associate(kind: u8, modality: &Host, class: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.be16(1).be16(0).raw(&title("PACS01")).raw(&title(&modality.netbios())).zeros(32);
    body.raw(&item(0x10, APPLICATION_CONTEXT.as_bytes()));
    let mut context = vec![1, 0, 0, 0];
    if kind == 0x01 {
        context.raw(&item(0x30, class.as_bytes()));
    }
    context.raw(&item(0x40, IMPLICIT_LITTLE_ENDIAN.as_bytes()));
    body.raw(&item(if kind == 0x01 { 0x20 } else { 0x21 }, &context));
    let mut user = item(0x51, &(PDU_BYTES_MAX as u32).to_be_bytes());
    user.raw(&item(0x52, b"2.25.329800735698586629295641978511506172918")).raw(&item(0x55, b"EXAMPLE_1"));
    body.raw(&item(0x50, &user));
    pdu(kind, &body)
}

fn store(tcp: &mut Tcp, patient: &Patient, number: u16, dice: &mut Dice) {
    let instance = format!("{UID_ROOT}.{}", dice.draw());
    tcp.client(&data(3, &command(&store_request(&instance, number))));
    let content = image(patient, &instance, dice);
    let blocks: Vec<&[u8]> = content.chunks(PDU_BYTES_MAX - 6).collect();
    for (index, block) in blocks.iter().enumerate() {
        let last = index + 1 == blocks.len();
        tcp.client(&data(if last { 2 } else { 0 }, block));
    }
    tcp.wait(dice.between(4_000, 30_000)).server(&data(3, &command(&store_response(&instance, number))));
}

fn echo_request() -> Vec<u8> {
    [uid(0x0002, VERIFICATION), short(0x0100, 0x0030), short(0x0110, 1), short(0x0800, NO_DATA_SET)].concat()
}

fn echo_response() -> Vec<u8> {
    let tail = [short(0x0120, 1), short(0x0800, NO_DATA_SET), short(0x0900, 0)].concat();
    [uid(0x0002, VERIFICATION), short(0x0100, 0x8030), tail].concat()
}

fn store_request(instance: &str, number: u16) -> Vec<u8> {
    let head = [uid(0x0002, CT_IMAGE), short(0x0100, 0x0001), short(0x0110, number), short(0x0700, 0)].concat();
    [head, short(0x0800, DATA_SET_FOLLOWS), uid(0x1000, instance)].concat()
}

fn store_response(instance: &str, number: u16) -> Vec<u8> {
    let head = [uid(0x0002, CT_IMAGE), short(0x0100, 0x8001), short(0x0120, number)].concat();
    [head, short(0x0800, NO_DATA_SET), short(0x0900, 0), uid(0x1000, instance)].concat()
}

/// A small CT slice of noise with its patient.
fn image(patient: &Patient, instance: &str, dice: &mut Dice) -> Vec<u8> {
    let (rows, columns) = (128_u16, 128_u16);
    let mut out = Vec::new();
    let name = format!("{}^{}", patient.last_en, patient.first_en);
    let texts: [(u16, u16, &str); 7] = [
        (0x0008, 0x0016, CT_IMAGE),
        (0x0008, 0x0018, instance),
        (0x0008, 0x0060, "CT"),
        (0x0010, 0x0010, &name),
        (0x0010, 0x0020, &patient.hn),
        (0x0010, 0x0030, &patient.born),
        (0x0010, 0x0040, if patient.sex == 'F' { "F" } else { "M" }),
    ];
    for (group, element, text) in texts {
        let padding = if text.starts_with(|c: char| c.is_ascii_digit()) && group == 8 { 0 } else { b' ' };
        let mut value = text.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(padding);
        }
        put(&mut out, group, element, &value);
    }
    let numbers =
        [(0x0002, 1), (0x0010, rows), (0x0011, columns), (0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)];
    for (element, value) in numbers {
        put(&mut out, 0x0028, element, &value.to_le_bytes());
    }
    let pixels = dice.bytes(usize::from(rows) * usize::from(columns) * 2);
    put(&mut out, 0x7fe0, 0x0010, &pixels);
    out
}

/// A command set with its length before it.
fn command(elements: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, 0, 0, &(elements.len() as u32).to_le_bytes());
    out.raw(elements);
    out
}

fn uid(element: u16, text: &str) -> Vec<u8> {
    let mut value = text.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(0);
    }
    let mut out = Vec::new();
    put(&mut out, 0, element, &value);
    out
}

fn short(element: u16, value: u16) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, 0, element, &value.to_le_bytes());
    out
}

fn put(out: &mut Vec<u8>, group: u16, element: u16, value: &[u8]) {
    out.le16(group).le16(element).le32(value.len() as u32).raw(value);
}

/// P-DATA-TF with one value of presentation context 1; `control` 3: whole command, 0: data set, 2: its last part.
fn data(control: u8, value: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.be32(value.len() as u32 + 2).u8(1).u8(control).raw(value);
    pdu(0x04, &body)
}

fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0];
    out.be32(body.len() as u32).raw(body);
    out
}

fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0];
    out.part16(body);
    out
}

fn title(name: &str) -> [u8; 16] {
    let mut out = [b' '; 16];
    for (slot, byte) in out.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    out
}
