//! Numbers of HTTP/2 and what records call them.
//!
//! Source: RFC 9113 §6.5.2 and §7; the spelling is Suricata's.

const SETTINGS: &[&str] = &[
    "HEADERTABLESIZE",
    "ENABLEPUSH",
    "MAXCONCURRENTSTREAMS",
    "INITIALWINDOWSIZE",
    "MAXFRAMESIZE",
    "MAXHEADERLISTSIZE",
];

const ERRORS: &[&str] = &[
    "NOERROR",
    "PROTOCOLERROR",
    "INTERNALERROR",
    "FLOWCONTROLERROR",
    "SETTINGSTIMEOUT",
    "STREAMCLOSED",
    "FRAMESIZEERROR",
    "REFUSEDSTREAM",
    "CANCEL",
    "COMPRESSIONERROR",
    "CONNECTERROR",
    "ENHANCEYOURCALM",
    "INADEQUATESECURITY",
    "HTTP11REQUIRED",
];

pub(super) fn setting(number: u16) -> String {
    match usize::from(number).checked_sub(1).and_then(|at| SETTINGS.get(at)) {
        Some(name) => format!("SETTINGS{name}"),
        None => format!("SETTINGSUNKNOWN({number})"),
    }
}

pub(super) fn error(number: u32) -> String {
    let name = usize::try_from(number).ok().and_then(|at| ERRORS.get(at));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}
