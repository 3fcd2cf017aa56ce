//! Ransomware: a taken-over PC knocks at every neighbour's file sharing, copies itself to some through the hidden
//! administration share, and encrypts the file server's documents, which get a new ending and a note beside them.

use super::{Attack, Happened};
use crate::{
    dice::Dice,
    hospital::{Host, Role},
    scene::{MILLISECOND, SECOND, Scene},
    service::smb::{
        Account,
        smb2::{Client, Open},
    },
    weakness::Kind,
    wire::{Side, Tape},
};

pub const ATTACK: Attack = Attack {
    kind: "ransomware",
    sids: &[8_000_301, 8_000_302, 8_000_303, 8_000_304, 8_000_305],
    begins_percent: 78,
    play,
};

const NEIGHBOURS: usize = 26;
const INFECTED: usize = 3;
const FOLDERS: [&str; 6] = ["ward5", "ward6", "opd", "phar", "fin", "reg"];
const FILES_PER_FOLDER: usize = 8;
const ENDING: &str = "locked";
const NOTE: &str = "!!!HOW_TO_RECOVER_FILES!!!.txt";
const NOTE_TEXT: &str =
    "Your files are encrypted. To recover them write to the address in this note. Do not rename files.\r\n";
const PROGRAM_HEAD: &[u8] =
    b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8\x00\x00\x00\x00\x00\x00\x00@\x00";
const PROGRAM_STUB: &[u8] =
    b"\x0e\x1f\xba\x0e\x00\xb4\x09\xcd!\xb8\x01L\xcd!This program cannot be run in DOS mode.\r\r\n$";

fn play(scene: &mut Scene<'_>, at: i64) -> Option<Happened> {
    let source = scene.pc_of("ward6");
    let hospital = scene.hospital;
    let mut neighbours: Vec<&Host> =
        hospital.hosts.iter().filter(|h| h.ip != source.ip && scene.answers(h, 445)).collect();
    scene.dice.shuffle(&mut neighbours);
    neighbours.truncate(NEIGHBOURS);
    let now = knock(scene, at, source, &neighbours);
    let mut targets: Vec<_> = neighbours.iter().map(|h| h.ip).collect();
    let modern = |scene: &Scene<'_>, host: &Host| !scene.is_weak(host, Kind::Smb1) && host.role == Role::Pc;
    let infected: Vec<&Host> = neighbours.iter().copied().filter(|h| modern(scene, h)).take(INFECTED).collect();
    for (number, host) in infected.iter().enumerate() {
        infect(scene, now + number as i64 * 700 * MILLISECOND, source, host);
    }
    let files = hospital.first(Role::Files);
    let until = encrypt(scene, now + 2 * SECOND, source, files);
    targets.push(files.ip);
    Some(Happened { source: source.ip, targets, until })
}

fn knock(scene: &mut Scene<'_>, at: i64, source: &Host, neighbours: &[&Host]) -> i64 {
    let mut now = at;
    for host in neighbours {
        let tape = scene.connect(now, source.end(), host.end(), 445).close(Side::Client);
        scene.keep(tape);
        now += scene.dice.between(20 * MILLISECOND, 90 * MILLISECOND);
    }
    now
}

fn session(scene: &mut Scene<'_>, at: i64, source: &Host, host: &Host, user: &str) -> Client {
    let mut account = Account::of_staff(scene, source, host);
    account.user = user.to_owned();
    let tcp = scene.connect(at, source.end(), host.end(), 445);
    let dice = scene.dice.fork();
    Client::log_in(tcp, account, dice, at)
}

fn infect(scene: &mut Scene<'_>, at: i64, source: &Host, host: &Host) {
    let mut client = session(scene, at, source, host, "itadmin");
    client.tree(&format!("\\\\{}\\ADMIN$", host.ip));
    let mut dice = scene.dice.fork();
    let name = format!("Temp\\{}.exe", dice.text("abcdefghijklmnopqrstuvwxyz", 8));
    let handle = client.create(&name, Open::New);
    let length = dice.between(60_000, 90_000) as usize;
    let mut program = PROGRAM_HEAD.to_vec();
    program.resize(64, 0);
    program.extend_from_slice(PROGRAM_STUB);
    program.extend(dice.bytes(length));
    client.write(handle, &program);
    client.close(handle);
    scene.keep(client.end());
}

fn encrypt(scene: &mut Scene<'_>, at: i64, source: &Host, files: &Host) -> i64 {
    let mut client = session(scene, at, source, files, "ward6");
    client.tree(&format!("\\\\{}\\share", files.netbios()));
    let mut dice = scene.dice.fork();
    for folder in FOLDERS {
        for number in 0..FILES_PER_FOLDER {
            encrypt_file(&mut client, &format!("{folder}\\2569-{number:02}.xlsx"), &mut dice);
        }
        let note = client.create(&format!("{folder}\\{NOTE}"), Open::New);
        client.write(note, NOTE_TEXT.as_bytes());
        client.close(note);
    }
    let until = client.now();
    let tape: Tape = client.end();
    scene.keep(tape);
    until
}

fn encrypt_file(client: &mut Client, name: &str, dice: &mut Dice) {
    let length = dice.between(4_000, 20_000) as usize;
    let content = dice.bytes(length);
    let handle = client.create(name, Open::Existing);
    client.read(handle, &content);
    client.write(handle, &dice.bytes(length));
    client.rename(handle, &format!("{name}.{ENDING}"));
    client.close(handle);
    client.wait(dice.between(20 * MILLISECOND, 90 * MILLISECOND));
}
