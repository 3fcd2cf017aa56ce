//! SMB 1 with extended security (MS-SMB over MS-CIFS): what a weak file server still agrees to.

use super::{Account, document, file_time, ntlm};
use crate::{
    dice::Dice,
    wire::{Put, Side, Tape, Tcp},
};

const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;
const LOGOFF: u8 = 0x74;
const TREE_CONNECT: u8 = 0x75;
const TREE_DISCONNECT: u8 = 0x71;
const CREATE: u8 = 0xa2;
const WRITE: u8 = 0x2f;
const CLOSE: u8 = 0x04;

const MORE_PROCESSING: u32 = 0xc000_0016;
/// No further command in the message.
const NO_ANDX: [u8; 4] = [0xff, 0, 0, 0];
const HEADER_BYTES: usize = 32;
const BLOCK_BYTES_MAX: usize = 16_000;

const DIALECTS: [&str; 6] =
    ["PC NETWORK PROGRAM 1.0", "LANMAN1.0", "Windows for Workgroups 3.1a", "LM1.2X002", "LANMAN2.1", "NT LM 0.12"];

struct Client {
    tcp: Tcp,
    dice: Dice,
    user: u16,
    tree: u16,
    number: u16,
}

/// A person saves a document.
pub fn work(tcp: Tcp, account: &Account, share: &str, dice: &mut Dice, at: i64) -> Tape {
    let mut client = Client { tcp, dice: dice.fork(), user: 0, tree: 0, number: 0 };
    client.negotiate(at);
    client.log_in(account, at);
    client.open_share(share);
    let (name, body) = document(dice);
    let file = client.create(&format!("\\{name}"));
    client.write(file, &body);
    let mut words = Vec::new();
    words.le16(file).le32(0xffff_ffff);
    client.exchange(CLOSE, (&words, &[]), 0, (&[], &[]));
    client.exchange(TREE_DISCONNECT, (&[], &[]), 0, (&[], &[]));
    client.tree = 0;
    client.exchange(LOGOFF, (&NO_ANDX, &[]), 0, (&NO_ANDX, &[]));
    client.tcp.close(Side::Client)
}

impl Client {
    fn negotiate(&mut self, at: i64) {
        let mut dialects = Vec::new();
        for dialect in DIALECTS {
            dialects.u8(2).raw(dialect.as_bytes()).u8(0);
        }
        let mut words = Vec::new();
        words
            .le16(DIALECTS.len() as u16 - 1)
            .u8(3)
            .le16(50)
            .le16(1)
            .le32(16_644)
            .le32(65_536)
            .le32(0)
            .le32(0x8000_f3fd);
        words.le64(file_time(at)).le16((-420_i16) as u16).u8(0);
        let mut bytes = self.dice.bytes(16);
        bytes.raw(&ntlm::offer());
        self.exchange(NEGOTIATE, (&[], &dialects), 0, (&words, &bytes));
    }

    fn log_in(&mut self, account: &Account, at: i64) {
        let challenge = ntlm::challenge(account, at, &mut self.dice);
        let proof = ntlm::authenticate(account, at, &mut self.dice);
        for (token, reply, status) in [(ntlm::negotiate(), challenge, MORE_PROCESSING), (proof, ntlm::accepted(), 0)] {
            let mut words = NO_ANDX.to_vec();
            words.le16(4356).le16(10).le16(0).le32(0).le16(token.len() as u16).le32(0).le32(0x8000_00d4);
            let mut bytes = token;
            strings(&mut bytes, words.len(), &["Windows 5.1", "Windows 2002 5.1"]);
            let mut answer = NO_ANDX.to_vec();
            answer.le16(0).le16(reply.len() as u16);
            let mut reply = reply;
            strings(&mut reply, answer.len(), &["Windows 5.1", "Windows 2000 LAN Manager"]);
            let request = self.message(SESSION_SETUP, 0, 0, &words, &bytes);
            self.user = 2048;
            self.turn(&request, SESSION_SETUP, status, &answer, &reply);
        }
    }

    fn open_share(&mut self, path: &str) {
        let mut words = NO_ANDX.to_vec();
        words.le16(8).le16(1);
        let mut bytes = vec![0];
        strings(&mut bytes, words.len(), &[path]);
        bytes.raw(b"?????\0");
        let mut answer = NO_ANDX.to_vec();
        answer.le16(1);
        let mut reply = b"A:\0".to_vec();
        strings(&mut reply, answer.len(), &["NTFS"]);
        let request = self.message(TREE_CONNECT, 0, 0, &words, &bytes);
        self.tree = 2049;
        self.turn(&request, TREE_CONNECT, 0, &answer, &reply);
    }

    fn create(&mut self, name: &str) -> u16 {
        let length = ntlm::wide(name).len() as u16;
        let mut words = NO_ANDX.to_vec();
        words
            .u8(0)
            .le16(length)
            .le32(0x16)
            .le32(0)
            .le32(0x0002_019f)
            .le64(0)
            .le32(0x80)
            .le32(3)
            .le32(5)
            .le32(0x44)
            .le32(2)
            .u8(3);
        let mut bytes = Vec::new();
        strings(&mut bytes, words.len(), &[name]);
        let file = 0x4000 + self.dice.below(0x1000) as u16;
        let now = file_time(self.tcp.now);
        let mut answer = NO_ANDX.to_vec();
        answer
            .u8(0)
            .le16(file)
            .le32(2)
            .le64(now)
            .le64(now)
            .le64(now)
            .le64(now)
            .le32(0x80)
            .le64(0)
            .le64(0)
            .le16(0)
            .le16(7)
            .u8(0);
        self.exchange(CREATE, (&words, &bytes), 0, (&answer, &[]));
        file
    }

    fn write(&mut self, file: u16, content: &[u8]) {
        for (number, block) in content.chunks(BLOCK_BYTES_MAX).enumerate() {
            let mut words = NO_ANDX.to_vec();
            words.le16(file).le32((number * BLOCK_BYTES_MAX) as u32).le32(0).le16(0).le16(0).le16(0);
            words.le16(block.len() as u16).le16(64).le32(0);
            let mut bytes = vec![0];
            bytes.raw(block);
            let mut answer = NO_ANDX.to_vec();
            answer.le16(block.len() as u16).le16(0xffff).le16(0).le16(0);
            self.exchange(WRITE, (&words, &bytes), 0, (&answer, &[]));
        }
    }

    /// Words and bytes of the question, status, words and bytes of the answer.
    fn exchange(&mut self, command: u8, ask: (&[u8], &[u8]), status: u32, answer: (&[u8], &[u8])) {
        let request = self.message(command, 0, 0, ask.0, ask.1);
        self.turn(&request, command, status, answer.0, answer.1);
    }

    fn turn(&mut self, request: &[u8], command: u8, status: u32, words: &[u8], bytes: &[u8]) {
        self.tcp.client(request).think();
        let response = self.message(command, 0x80, status, words, bytes);
        self.tcp.server(&response);
        self.number += 1;
    }

    fn message(&self, command: u8, reply: u8, status: u32, words: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0];
        out.be24(HEADER_BYTES + 3 + words.len() + bytes.len());
        out.raw(b"\xffSMB").u8(command).le32(status).u8(0x18 | reply).le16(0xc807).le16(0).zeros(8).le16(0);
        out.le16(self.tree).le16(0xfeff).le16(self.user).le16(self.number);
        out.u8(words.len() as u8 / 2).raw(words).le16(bytes.len() as u16).raw(bytes);
        out
    }
}

/// UTF-16 strings, each with its end, at an even distance from the header.
fn strings(bytes: &mut Vec<u8>, words_len: usize, texts: &[&str]) {
    if (HEADER_BYTES + 3 + words_len + bytes.len()) % 2 == 1 {
        bytes.u8(0);
    }
    for text in texts {
        bytes.utf16(text).le16(0);
    }
}
