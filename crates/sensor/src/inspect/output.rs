//! Where results go: EVE lines to a file or the standard output; without one, a line for each alert.

use phitak_engine::Sink;
use phitak_model::{Alert, Observation};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

const BUFFER_BYTES: usize = 1 << 20;

/// Where records go.
pub(super) enum Output {
    Eve(BufWriter<Box<dyn Write + Send>>),
    /// A readable line for each alert.
    Alerts(BufWriter<io::Stdout>),
}

pub(super) struct Results {
    output: Output,
    pub alerts: u64,
    pub records: u64,
    /// The first thing that went wrong while writing; nothing is written after it.
    pub failure: Option<io::Error>,
}

impl Results {
    /// `inputs` are never written over.
    ///
    /// # Errors
    /// When the file cannot be made, or is one of the inputs.
    pub(super) fn open<'a>(eve: Option<&Path>, inputs: impl IntoIterator<Item = &'a Path>) -> io::Result<Self> {
        let output = match eve {
            None => Output::Alerts(BufWriter::new(io::stdout())),
            Some(path) if path == Path::new("-") => {
                Output::Eve(BufWriter::with_capacity(BUFFER_BYTES, Box::new(io::stdout())))
            }
            Some(path) => {
                if inputs.into_iter().any(|input| is_same(path, input)) {
                    return Err(io::Error::other("it is one of the files to read"));
                }
                Output::Eve(BufWriter::with_capacity(BUFFER_BYTES, Box::new(File::create(path)?)))
            }
        };
        Ok(Self { output, alerts: 0, records: 0, failure: None })
    }

    /// # Errors
    /// The first failure of writing.
    pub(super) fn close(mut self) -> io::Result<()> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        match &mut self.output {
            Output::Eve(out) => out.flush(),
            Output::Alerts(out) => out.flush(),
        }
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failure.get_or_insert(error);
        }
    }
}

/// Whether two names lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

impl Sink for Results {
    fn record(&mut self, _kind: &'static str, line: &[u8]) {
        self.records += 1;
        if self.failure.is_some() {
            return;
        }
        if let Output::Eve(out) = &mut self.output {
            let result = out.write_all(line).and_then(|()| out.write_all(b"\n"));
            self.note(result);
        }
    }

    fn alert(&mut self, alert: Alert) {
        self.alerts += 1;
        if self.failure.is_some() {
            return;
        }
        if let Output::Alerts(out) = &mut self.output {
            let port = |port: Option<u16>| port.map_or(String::new(), |port| format!(":{port}"));
            let result = writeln!(
                out,
                "{}  [{}:{}:{}] {} [{}] {} {}{} -> {}{}",
                alert.at.eve(),
                alert.gid,
                alert.signature_id,
                alert.rev,
                alert.signature,
                alert.severity.as_str(),
                alert.proto,
                alert.src_ip,
                port(alert.src_port),
                alert.dest_ip,
                port(alert.dest_port),
            );
            self.note(result);
        }
    }

    fn observation(&mut self, _observation: Observation) {}
}
