//! FTP's data connections: the file that a control connection announced.
//!
//! Source: RFC 959 §3. A connection is known by its announcement alone; nothing in it tells what it is.

use crate::{
    content::Content,
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Digests, Expectation, FileEnd, FileState, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction},
    json::Writer,
};

const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [0, 0], shape }
}

static DECL: ProtocolDecl = ProtocolDecl {
    name: "ftp-data",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[
        buffer("file.data", Shape::Stream),
        buffer("file.name", Shape::Multi),
        buffer("file.magic", Shape::Multi),
    ],
    fields: &[FieldDecl { name: "ftpdata_command", stage: [0, 0] }, FieldDecl { name: "file.size", stage: [0, 0] }],
    events: &[],
};

pub(crate) static FTP_DATA: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 959",
    // Tried on no port at all.
    ports: &[],
    only_on_ports: true,
    guess: |_, _, _| Guess::Yes,
    open: |_, settings| Box::new(FtpDataSession::new(settings.digests)),
    sample: &[(Direction::ToClient, b"HbA1c 5.4 %\r\n"), (Direction::ToClient, b"end\r\n")],
};

/// The one transfer of a connection.
#[derive(Debug)]
struct FtpTransfer {
    /// RETR, STOR or what lists a directory, when it was announced.
    command: Option<&'static str>,
    content: Content,
    progress: u8,
}

#[derive(Debug)]
struct FtpDataSession {
    queue: Queue<FtpTransfer>,
    digests: Digests,
    announcement: Option<Expectation>,
    /// The sender that was announced, or the first one.
    ends: Vec<FileEnd>,
}

transactions_of!(FtpDataSession, queue);

impl FtpDataSession {
    fn new(digests: Digests) -> Self {
        Self { queue: Queue::new(1), digests, announcement: None, ends: Vec::new() }
    }

    /// The transfer, when this direction is its sender's.
    fn transfer(&mut self, direction: Direction) -> Option<&mut FtpTransfer> {
        if self.queue.next_id() == 0 {
            let said = self.announcement.take();
            let sender = said.as_ref().and_then(|expectation| expectation.sender).unwrap_or(direction);
            let (command, name) = said.map(|e| (e.command, e.name)).unwrap_or_default();
            let command = Some(command).filter(|command| !command.is_empty());
            let content = Content::new(sender, name, self.digests);
            self.queue.push(FtpTransfer { command, content, progress: 0 });
        }
        self.queue.get_mut(0).filter(|transfer| transfer.content.direction == direction)
    }

    fn finish(&mut self, state: FileState) {
        if let Some(transfer) = self.queue.get_mut(0) {
            transfer.content.end(state);
            transfer.progress = COMPLETE;
            // A directory's listing is no file.
            let is_file = transfer.command.is_none_or(|command| matches!(command, "RETR" | "STOR"));
            self.ends.extend(transfer.content.take_end(0).filter(|_| is_file));
        }
    }
}

impl Session for FtpDataSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if let Some(transfer) = self.transfer(direction) {
            transfer.content.push(data);
        }
        Outcome::Continue
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(transfer) = self.transfer(direction) {
            transfer.content.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        let is_sender = self.queue.get(0).is_some_and(|transfer| transfer.content.direction == direction);
        if is_sender {
            self.finish(FileState::Closed);
        }
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }

    fn files(&mut self) -> Vec<FileEnd> {
        std::mem::take(&mut self.ends)
    }

    fn open_files(&self, transaction: u64) -> Vec<FileEnd> {
        self.queue.get(transaction).and_then(|transfer| transfer.content.so_far(transaction)).into_iter().collect()
    }

    fn announced(&mut self, expectation: &Expectation) {
        self.announcement = Some(expectation.clone());
    }
}

impl Transaction for FtpTransfer {
    fn progress(&self, _: Direction) -> u8 {
        self.progress
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        if instance > 0 || direction != self.content.direction {
            return None;
        }
        match number {
            0 => self.content.view(),
            1 => Some(self.content.name()).filter(|name| !name.bytes.is_empty()),
            2 => self.content.magic(),
            _ => None,
        }
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || direction != self.content.direction {
            return None;
        }
        match number {
            0 => self.command.map(FieldValue::Text),
            1 => Some(self.content.size()),
            _ => None,
        }
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn loggable(&self) -> bool {
        self.progress == COMPLETE
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("ftp_data");
        out.begin_object();
        if !self.content.file.name.is_empty() {
            out.member_bytes("filename", &self.content.file.name);
        }
        if let Some(command) = self.command {
            out.member_str("command", command);
        }
        out.end_object();
    }
}
