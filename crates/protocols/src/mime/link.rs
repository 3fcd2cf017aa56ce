//! Links in texts, as far as a line goes.

/// Most links of one message, and bytes of one.
const LINKS_MAX: usize = 256;
const LINK_BYTES_MAX: usize = 2048;
/// A longer line is looked at in stretches.
const LINE_BYTES_MAX: usize = 8192;

/// `mime.extract-urls`, `mime.extract-urls-schemes` and `mime.log-url-scheme`
#[derive(Clone, Debug)]
pub(crate) struct LinkSettings {
    /// With what follows them: `http://`, `mailto:`.
    pub(crate) schemes: Vec<Vec<u8>>,
    pub(crate) with_scheme: bool,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self { schemes: vec![b"http://".to_vec()], with_scheme: false }
    }
}

#[derive(Debug)]
pub(super) struct Links {
    settings: LinkSettings,
    line: Vec<u8>,
    found: Vec<Vec<u8>>,
}

impl Links {
    pub(super) fn new(settings: LinkSettings) -> Self {
        Self { settings, line: Vec::new(), found: Vec::new() }
    }

    pub(super) fn found(&self) -> &[Vec<u8>] {
        &self.found
    }

    /// Text as it was before its encoding.
    pub(super) fn push(&mut self, mut text: &[u8]) {
        if self.settings.schemes.is_empty() || self.found.len() >= LINKS_MAX {
            return;
        }
        while !text.is_empty() {
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len()).min(text.len());
            let within = text.get(..room).unwrap_or_default();
            let end = memchr::memchr(b'\n', within);
            let used = end.map_or(room, |at| at.saturating_add(1));
            let (head, tail) = text.split_at(used.min(text.len()));
            self.line.extend_from_slice(head);
            text = tail;
            if end.is_some() || self.line.len() >= LINE_BYTES_MAX {
                self.end_text();
            }
        }
    }

    /// The text ends here, with or without a line end.
    pub(super) fn end_text(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        for scheme in &self.settings.schemes {
            look(&line, scheme, self.settings.with_scheme, &mut self.found);
        }
        line.clear();
        self.line = line;
    }

    pub(super) fn finish(&mut self) {
        self.end_text();
        self.line = Vec::new();
    }
}

fn look(line: &[u8], scheme: &[u8], with_scheme: bool, found: &mut Vec<Vec<u8>>) {
    let Some(first) = scheme.first() else { return };
    let mut from = 0;
    while let Some(rest) = line.get(from..) {
        let Some(at) = memchr::memchr2(first.to_ascii_lowercase(), first.to_ascii_uppercase(), rest) else { return };
        let here = rest.get(at..).unwrap_or_default();
        from = from.saturating_add(at).saturating_add(1);
        if !here.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)) {
            continue;
        }
        let end = here
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'<' | b'>' | b']'))
            .unwrap_or(here.len());
        let link = here.get(if with_scheme { 0 } else { scheme.len() }..end).unwrap_or_default();
        if found.len() < LINKS_MAX {
            found.push(link.get(..LINK_BYTES_MAX).unwrap_or(link).to_vec());
        }
        from = from.saturating_add(end.saturating_sub(1));
    }
}
