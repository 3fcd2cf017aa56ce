//! Records of application protocols: transactions, files, anomalies.

use super::{
    Records,
    head::{Ends, Head},
};
use crate::{Sink, conversation::Conversation, recognition::Candidates};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    decimal,
    inspect::Transaction,
};
use phitak_packet::{Packet, flow::Flow};
use phitak_protocols::{FileEnd, FileState};

/// The event types that are not the protocol's own name.
fn event_type(protocol: &'static str) -> &'static str {
    match protocol {
        "bittorrent-dht" => "bittorrent_dht",
        "ftp-data" => "ftp_data",
        "http2" | "http1" => "http",
        "enip" => "enip",
        other => other,
    }
}

impl Records {
    pub(crate) fn transaction(
        &mut self,
        packet: &Packet<'_>,
        flow: &Flow<Conversation>,
        protocol: &'static str,
        id: u64,
        transaction: &dyn Transaction,
        sink: &mut dyn Sink,
    ) {
        let kind = event_type(protocol);
        // Peers have no roles: each message is told as it was sent.
        let ends = match kind {
            "bittorrent_dht" => Ends::Packet,
            // What is told of a file server is told of its answers.
            "nfs" => Ends::Sender(ToClient),
            _ => transaction.direction().map_or(Ends::Flow, Ends::Sender),
        };
        let head = Head { kind, at: packet.at, packet: Some(packet), flow: Some(flow), ends };
        self.begin(&head);
        self.out.member_number("tx_id", id);
        transaction.write_eve(&mut self.out);
        self.out.end_object();
        sink.record(kind, self.out.as_bytes());
    }

    /// The members of one of the flow's transactions.
    pub(super) fn transaction_fields(&mut self, flow: &Flow<Conversation>, id: u64) {
        let session = flow.state.app.as_deref().and_then(|app| app.session());
        if let Some(transaction) = session.and_then(|session| session.transaction(id)) {
            transaction.write_eve(&mut self.out);
        }
    }

    /// `files` of an alert: those of its transaction that its packet's sender sends, as far as they have come.
    pub(super) fn files_of(&mut self, flow: &Flow<Conversation>, id: u64, direction: Direction) {
        let Some(app) = flow.state.app.as_deref() else { return };
        let ended = app.files.iter().map(|file| &file.end).filter(|end| end.transaction == id);
        let still_open = app.session().map(|session| session.open_files(id)).unwrap_or_default();
        let mut open = false;
        for file in ended.chain(&still_open).filter(|file| file.direction == direction) {
            if !std::mem::replace(&mut open, true) {
                self.out.key("files");
                self.out.begin_array();
            }
            self.file_object(file);
        }
        if open {
            self.out.end_array();
        }
    }

    pub(crate) fn file(
        &mut self,
        packet: &Packet<'_>,
        flow: &Flow<Conversation>,
        candidates: &Candidates,
        file: &FileEnd,
        sink: &mut dyn Sink,
    ) {
        let head = Head {
            kind: "fileinfo",
            at: packet.at,
            packet: Some(packet),
            flow: Some(flow),
            ends: Ends::Sender(file.direction),
        };
        self.begin(&head);
        self.transaction_fields(flow, file.transaction);
        self.app_protocol(flow, candidates);
        self.out.key("fileinfo");
        self.file_object(file);
        self.out.end_object();
        sink.record("fileinfo", self.out.as_bytes());
    }

    fn file_object(&mut self, file: &FileEnd) {
        let out = &mut self.out;
        out.begin_object();
        out.member_bytes("filename", &file.name);
        if let Some(magic) = file.magic {
            out.member_str("magic", magic);
        }
        out.member_bool("gaps", file.gaps);
        let state = match file.state {
            FileState::Open => "UNKNOWN",
            FileState::Closed => "CLOSED",
            FileState::Truncated => "TRUNCATED",
            FileState::Error => "ERROR",
        };
        out.member_str("state", state);
        let digests = [
            ("md5", file.md5.as_ref().map(|d| d.as_slice())),
            ("sha1", file.sha1.as_ref().map(|d| d.as_slice())),
            ("sha256", file.sha256.as_ref().map(|d| d.as_slice())),
        ];
        for (name, digest) in digests {
            let Some(digest) = digest else { continue };
            self.text.clear();
            decimal::push_hex(&mut self.text, digest);
            out.member_plain(name, &self.text);
        }
        out.member_bool("stored", false);
        out.member_number("size", file.size);
        out.member_number("tx_id", file.transaction);
        out.end_object();
    }

    #[expect(clippy::too_many_arguments, reason = "one record's parts, used in two places")]
    pub(crate) fn app_anomaly(
        &mut self,
        packet: &Packet<'_>,
        flow: &Flow<Conversation>,
        candidates: &Candidates,
        layer: &str,
        raised_by: Option<(u64, &dyn Transaction, u8)>,
        name: &str,
        sink: &mut dyn Sink,
    ) {
        let head = Head { kind: "anomaly", at: packet.at, packet: Some(packet), flow: Some(flow), ends: Ends::Packet };
        self.begin(&head);
        let protocol = flow.state.app.as_deref().and_then(|app| app.name(candidates));
        let out = &mut self.out;
        if let Some((id, transaction, event)) = raised_by {
            out.member_number("tx_id", id);
            transaction.write_remains(event, out);
        }
        out.key("anomaly");
        out.begin_object();
        if let Some(protocol) = protocol {
            out.member_str("app_proto", protocol);
        }
        out.member_str("type", "applayer");
        out.member_str("event", name);
        out.member_str("layer", layer);
        out.end_object();
        out.end_object();
        sink.record("anomaly", out.as_bytes());
    }

    /// `app_proto` and what goes with it.
    pub(super) fn app_protocol(&mut self, flow: &Flow<Conversation>, candidates: &Candidates) {
        let Some(app) = flow.state.app.as_deref() else { return };
        let of = |number: Option<u16>| number.and_then(|n| candidates.get(n)).map(|p| p.decl.name);
        let out = &mut self.out;
        match app.name(candidates) {
            Some(name) => out.member_str("app_proto", name),
            None if app.has_failed() => out.member_str("app_proto", "failed"),
            None => {}
        }
        for (key, way) in [("app_proto_ts", ToServer), ("app_proto_tc", ToClient)] {
            let own = app.protocol_of(way);
            if own.is_some()
                && own != app.protocol()
                && let Some(name) = of(own)
            {
                out.member_str(key, name);
            }
        }
        if let Some(name) = of(app.before).filter(|_| app.before != app.protocol()) {
            out.member_str("app_proto_orig", name);
        }
        if let Some(name) = of(app.expected).filter(|_| app.expected != app.protocol()) {
            out.member_str("app_proto_expected", name);
        }
    }
}
