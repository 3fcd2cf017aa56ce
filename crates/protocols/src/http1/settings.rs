//! What may be set about HTTP, by Suricata's names and with its stock values.

use crate::session::size;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpSettings {
    pub(crate) request: BodySettings,
    pub(crate) response: BodySettings,
    /// Content-Encoding layers that are undone (`response-body-decompress-layer-limit`).
    pub(crate) layers_max: u8,
    /// LZMA bodies are decompressed (`lzma-enabled`): off in the stock settings, since it is costly.
    pub(crate) lzma: bool,
    /// Bytes that decompressing may produce before their ratio to the input is looked at.
    pub(crate) bomb_bytes: u64,
    pub(crate) double_decode_path: bool,
    pub(crate) double_decode_query: bool,
    pub(crate) plus_is_space_in_query: bool,
    /// Requests that a flow may have open before it is given up (`max-tx`).
    pub(crate) transactions_max: usize,
    /// The normalised URI has scheme, user, host and port when the request has them (`uri-include-all`).
    pub(crate) uri_include_all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodySettings {
    /// Bytes of a body, decoded, that are looked at; 0 means all.
    pub(crate) bytes_max: u64,
    /// Bytes that must be there before a body is first shown, unless it is complete.
    pub(crate) shown_from: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            request: BodySettings { bytes_max: 100 << 10, shown_from: 32 << 10 },
            response: BodySettings { bytes_max: 100 << 10, shown_from: 40 << 10 },
            layers_max: 2,
            lzma: false,
            bomb_bytes: 1 << 20,
            double_decode_path: false,
            double_decode_query: false,
            plus_is_space_in_query: false,
            transactions_max: 512,
            uri_include_all: false,
        }
    }
}

impl HttpSettings {
    /// `name` is what follows `app-layer.protocols.http.`; the answer tells whether it was understood.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> bool {
        let name = name.strip_prefix("libhtp.default-config.").unwrap_or(name);
        self.set_known(name, value).is_some()
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "request-body-limit" => self.request.bytes_max = size(value)?,
            "response-body-limit" => self.response.bytes_max = size(value)?,
            "request-body-minimal-inspect-size" => self.request.shown_from = size(value)?,
            "response-body-minimal-inspect-size" => self.response.shown_from = size(value)?,
            // Windows are not moved by a fixed step here; the names are known all the same.
            "request-body-inspect-window" | "response-body-inspect-window" => drop(size(value)?),
            "response-body-decompress-layer-limit" => self.layers_max = value.trim().parse().ok()?,
            "lzma-enabled" => self.lzma = is_yes(value)?,
            "compression-bomb-limit" => self.bomb_bytes = size(value)?,
            "double-decode-path" => self.double_decode_path = is_yes(value)?,
            "double-decode-query" => self.double_decode_query = is_yes(value)?,
            "query-plusspace-decode" => self.plus_is_space_in_query = is_yes(value)?,
            "max-tx" => self.transactions_max = value.trim().parse().ok()?,
            "uri-include-all" => self.uri_include_all = is_yes(value)?,
            "personality" if value.eq_ignore_ascii_case("ids") => {}
            "enabled" => drop(is_yes(value)?),
            _ => return None,
        }
        Some(())
    }
}

fn is_yes(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" => Some(false),
        _ => None,
    }
}
