//! A message as EVE's `sip` object.

use super::{
    message::Message,
    sdp::{Media, Sdp},
};
use phitak_model::json::Writer;

pub(super) fn write(message: &Message, out: &mut Writer) {
    out.key("sip");
    out.begin_object();
    let names: [(&str, usize); 3] = if message.is_request {
        [("method", 0), ("uri", 1), ("version", 2)]
    } else {
        [("version", 0), ("code", 1), ("reason", 2)]
    };
    for (key, part) in names {
        if let Some(part) = message.part(part) {
            out.member_bytes(key, part);
        }
    }
    out.member_bytes(if message.is_request { "request_line" } else { "response_line" }, message.line());
    if let Some(sdp) = &message.sdp {
        out.key("sdp");
        out.begin_object();
        description(sdp, out);
        out.end_object();
    }
    out.end_object();
}

fn description(sdp: &Sdp, out: &mut Writer) {
    out.member_number("version", sdp.version);
    optional("origin", &sdp.origin, out);
    optional("session_name", &sdp.name, out);
    optional("session_info", &sdp.info, out);
    optional("uri", &sdp.uri, out);
    optional("email", &sdp.email, out);
    optional("phone_number", &sdp.phone, out);
    optional("connection_data", &sdp.connection, out);
    list("bandwidths", &sdp.bandwidths, out);
    if !sdp.times.is_empty() {
        out.key("time_descriptions");
        out.begin_array();
        for time in &sdp.times {
            out.begin_object();
            out.member_bytes("time", &time.time);
            optional("repeat_time", &time.repeat, out);
            out.end_object();
        }
        out.end_array();
    }
    optional("timezone", &sdp.timezone, out);
    optional("encryption_key", &sdp.key, out);
    list("attributes", &sdp.attributes, out);
    if !sdp.media.is_empty() {
        out.key("media_descriptions");
        out.begin_array();
        for media in &sdp.media {
            out.begin_object();
            medium(media, out);
            out.end_object();
        }
        out.end_array();
    }
}

fn medium(media: &Media, out: &mut Writer) {
    out.member_bytes("media", &media.media);
    optional("media_info", &media.info, out);
    list("bandwidths", &media.bandwidths, out);
    optional("connection_data", &media.connection, out);
    optional("encryption_key", &media.key, out);
    list("attributes", &media.attributes, out);
}

fn optional(key: &str, value: &Option<Vec<u8>>, out: &mut Writer) {
    if let Some(value) = value {
        out.member_bytes(key, value);
    }
}

fn list(key: &str, values: &[Vec<u8>], out: &mut Writer) {
    if values.is_empty() {
        return;
    }
    out.key(key);
    out.begin_array();
    for value in values {
        out.bytes(value);
    }
    out.end_array();
}
