//! SMB 3.1.1 (MS-SMB2), message by message.

use super::{Account, document, file_time, ntlm};
use crate::{
    dice::Dice,
    wire::{Put, Side, Tape, Tcp},
};

const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const LOGOFF: u16 = 2;
const TREE_CONNECT: u16 = 3;
const TREE_DISCONNECT: u16 = 4;
const CREATE: u16 = 5;
const CLOSE: u16 = 6;
const READ: u16 = 8;
const WRITE: u16 = 9;
const SET_INFO: u16 = 17;

const MORE_PROCESSING: u32 = 0xc000_0016;
const BLOCK_BYTES_MAX: usize = 65_536;

/// An open connection.
pub struct Client {
    tcp: Tcp,
    dice: Dice,
    account: Account,
    next_message: u64,
    session: u64,
    tree: u32,
    server_start: u64,
}

/// A file that is open.
#[derive(Clone, Copy, Debug)]
pub struct Handle([u8; 16]);

/// What the file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    Existing,
    New,
}

/// A person reads, saves and renames a few documents.
pub fn work(tcp: Tcp, account: &Account, share: &str, dice: &mut Dice, at: i64) -> Tape {
    let mut client = Client::log_in(tcp, account.clone(), dice.fork(), at);
    client.tree(share);
    for number in 0..dice.between(1, 3) {
        let (name, body) = document(dice);
        let handle = client.create(name, Open::Existing);
        client.read(handle, &body);
        client.close(handle);
        client.wait(dice.between(100_000, 900_000));
        if dice.one_in(2) {
            // Office saves beside the document and then gives the new file its name.
            let folder = name.split('\\').next().unwrap_or_default();
            let handle = client.create(&format!("{folder}\\~WRD{number:04}.tmp"), Open::New);
            client.write(handle, &body);
            client.rename(handle, name);
            client.close(handle);
        }
    }
    client.end()
}

impl Client {
    /// Dialect and log-in.
    #[must_use]
    pub fn log_in(tcp: Tcp, account: Account, mut dice: Dice, at: i64) -> Self {
        let session = dice.draw() & 0xffff_ffff_ffff;
        let server_start = file_time(at - dice.between(3, 40) * 86_400_000_000);
        let mut client = Self { tcp, dice, account, next_message: 0, session: 0, tree: 0, server_start };
        client.negotiate();
        client.session = session;
        let now = client.tcp.now;
        let challenge = ntlm::challenge(&client.account, now, &mut client.dice);
        let proof = ntlm::authenticate(&client.account, now, &mut client.dice);
        client.session_setup(&ntlm::negotiate(), &challenge, MORE_PROCESSING);
        client.session_setup(&proof, &ntlm::accepted(), 0);
        client
    }

    pub fn wait(&mut self, micros: i64) {
        self.tcp.wait(micros);
    }

    #[must_use]
    pub fn now(&self) -> i64 {
        self.tcp.now
    }

    fn negotiate(&mut self) {
        let contexts = |dice: &mut Dice, ciphers: &[u16]| {
            let mut out = Vec::new();
            out.le16(1).le16(38).le32(0).le16(1).le16(32).le16(1).raw(&dice.bytes(32)).zeros(2);
            out.le16(2).le16(2 + 2 * ciphers.len() as u16).le32(0).le16(ciphers.len() as u16);
            for cipher in ciphers {
                out.le16(*cipher);
            }
            out
        };
        let dialects: [u16; 5] = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311];
        let mut ask = Vec::new();
        ask.le16(36).le16(5).le16(1).le16(0).le32(0x7f).raw(&self.dice.bytes(16)).le32(112).le16(2).le16(0);
        for dialect in dialects {
            ask.le16(dialect);
        }
        ask.zeros(2).raw(&contexts(&mut self.dice, &[2, 1]));
        let offer = ntlm::offer();
        let mut answer = Vec::new();
        answer.le16(65).le16(1).le16(0x0311).le16(2).raw(&self.dice.bytes(16)).le32(0x2f);
        answer.le32(8 << 20).le32(8 << 20).le32(8 << 20).le64(file_time(self.tcp.now)).le64(self.server_start);
        let padding = (8 - offer.len() % 8) % 8;
        answer.le16(128).le16(offer.len() as u16).le32((128 + offer.len() + padding) as u32).raw(&offer).zeros(padding);
        answer.raw(&contexts(&mut self.dice, &[2]));
        self.exchange(NEGOTIATE, &ask, 0, &answer);
    }

    fn session_setup(&mut self, token: &[u8], reply: &[u8], status: u32) {
        let mut ask = Vec::new();
        ask.le16(25).u8(0).u8(1).le32(1).le32(0).le16(88).le16(token.len() as u16).le64(0).raw(token);
        let mut answer = Vec::new();
        answer.le16(9).le16(0).le16(72).le16(reply.len() as u16).raw(reply);
        self.exchange(SESSION_SETUP, &ask, status, &answer);
    }

    /// Opens a share, such as `\\FILES01\share`.
    pub fn tree(&mut self, path: &str) {
        let path_bytes = ntlm::wide(path);
        let mut ask = Vec::new();
        ask.le16(9).le16(0).le16(72).le16(path_bytes.len() as u16).raw(&path_bytes);
        let pipe = path.ends_with("IPC$");
        let mut answer = Vec::new();
        answer.le16(16).u8(if pipe { 2 } else { 1 }).u8(0).le32(0x30).le32(0).le32(0x001f_01ff);
        self.tree = 0;
        let tree = 1 + self.dice.below(60) as u32;
        self.exchange_for_tree(&ask, &answer, tree);
    }

    pub fn create(&mut self, name: &str, open: Open) -> Handle {
        let name = ntlm::wide(name);
        let (access, disposition): (u32, u32) = match open {
            Open::Existing => (0x0012_0089, 1),
            Open::New => (0x0013_019f, 5),
        };
        let mut ask = Vec::new();
        ask.le16(57)
            .u8(0)
            .u8(0xff)
            .le32(2)
            .le64(0)
            .le64(0)
            .le32(access)
            .le32(0x80)
            .le32(7)
            .le32(disposition)
            .le32(0x64);
        ask.le16(120).le16(name.len() as u16).le32(0).le32(0).raw(&name);
        let handle = Handle(self.dice.array());
        let mut answer = Vec::new();
        answer.le16(89).u8(0).u8(0).le32(if open == Open::New { 2 } else { 1 });
        self.times(&mut answer);
        answer.le64(0).le64(0).le32(0x20).le32(0).raw(&handle.0).le32(0).le32(0);
        self.exchange(CREATE, &ask, 0, &answer);
        handle
    }

    pub fn read(&mut self, handle: Handle, content: &[u8]) {
        for (number, block) in content.chunks(BLOCK_BYTES_MAX).enumerate() {
            let mut ask = Vec::new();
            ask.le16(49).u8(0x50).u8(0).le32(block.len() as u32).le64((number * BLOCK_BYTES_MAX) as u64).raw(&handle.0);
            ask.le32(0).le32(0).le32(0).le16(0).le16(0).u8(0);
            let mut answer = Vec::new();
            answer.le16(17).u8(80).u8(0).le32(block.len() as u32).le32(0).le32(0).raw(block);
            self.exchange(READ, &ask, 0, &answer);
        }
    }

    pub fn write(&mut self, handle: Handle, content: &[u8]) {
        for (number, block) in content.chunks(BLOCK_BYTES_MAX).enumerate() {
            let mut ask = Vec::new();
            ask.le16(49).le16(112).le32(block.len() as u32).le64((number * BLOCK_BYTES_MAX) as u64).raw(&handle.0);
            ask.le32(0).le32(0).le16(0).le16(0).le32(0).raw(block);
            let mut answer = Vec::new();
            answer.le16(17).le16(0).le32(block.len() as u32).le32(0).le16(0).le16(0);
            self.exchange(WRITE, &ask, 0, &answer);
        }
    }

    /// FileRenameInformation (MS-FSCC 2.4.42.2).
    pub fn rename(&mut self, handle: Handle, to: &str) {
        let name = ntlm::wide(to);
        let mut info = vec![1];
        info.zeros(15).le32(name.len() as u32).raw(&name);
        let mut ask = Vec::new();
        ask.le16(33).u8(1).u8(10).le32(info.len() as u32).le16(96).le16(0).le32(0).raw(&handle.0).raw(&info);
        self.exchange(SET_INFO, &ask, 0, &[2, 0]);
    }

    pub fn close(&mut self, handle: Handle) {
        let mut ask = Vec::new();
        ask.le16(24).le16(0).le32(0).raw(&handle.0);
        let mut answer = Vec::new();
        answer.le16(60).zeros(58);
        self.exchange(CLOSE, &ask, 0, &answer);
    }

    #[must_use]
    pub fn end(mut self) -> Tape {
        self.exchange(TREE_DISCONNECT, &[4, 0, 0, 0], 0, &[4, 0, 0, 0]);
        self.tree = 0;
        self.exchange(LOGOFF, &[4, 0, 0, 0], 0, &[4, 0, 0, 0]);
        self.tcp.close(Side::Client)
    }

    fn times(&mut self, out: &mut Vec<u8>) {
        let now = file_time(self.tcp.now);
        out.le64(self.server_start).le64(now).le64(now).le64(now);
    }

    fn exchange_for_tree(&mut self, ask: &[u8], answer: &[u8], tree: u32) {
        let request = self.message(TREE_CONNECT, 0, 0, ask);
        self.tcp.client(&request).think();
        self.tree = tree;
        let response = self.message(TREE_CONNECT, 1, 0, answer);
        self.tcp.server(&response);
        self.next_message += 1;
    }

    fn exchange(&mut self, command: u16, ask: &[u8], status: u32, answer: &[u8]) {
        let request = self.message(command, 0, 0, ask);
        // The first session set-up is asked without a session; its answer brings one.
        self.tcp.client(&request).think();
        let response = self.message(command, 1, status, answer);
        self.tcp.server(&response);
        self.next_message += 1;
    }

    fn message(&self, command: u16, flags: u32, status: u32, body: &[u8]) -> Vec<u8> {
        let first_setup = command == SESSION_SETUP && self.next_message == 1 && flags == 0;
        let session = if first_setup { 0 } else { self.session };
        let mut out = vec![0];
        out.be24(64 + body.len())
            .raw(b"\xfeSMB")
            .le16(64)
            .le16(1)
            .le32(status)
            .le16(command)
            .le16(33)
            .le32(flags)
            .le32(0);
        out.le64(self.next_message).le32(0xfeff).le32(self.tree).le64(session).zeros(16).raw(body);
        out
    }
}
