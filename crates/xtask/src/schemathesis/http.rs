//! One request of HTTP/1.1 over a socket on this machine: enough to sign in and to look at an answer.

use anyhow::{Context, Result};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);
/// Most bytes that are read of an answer.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Of the session's cookie, and what its writes carry.
    pub session: Option<(String, String)>,
    /// Of `Authorization: Bearer`.
    pub token: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{} {}", self.status, self.body))
    }

    /// # Errors
    /// Unless it is a success.
    pub fn good(self) -> Result<Self> {
        anyhow::ensure!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        Ok(self)
    }
}

/// # Errors
/// When no whole answer comes.
pub fn ask(
    address: &str,
    who: &Credentials,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<Answer> {
    let mut stream = send(address, who, method, path, body)?;
    let mut bytes = Vec::new();
    Read::by_ref(&mut stream).take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).context("the answer broke off")?;
    read(&bytes).with_context(|| format!("no answer to {method} {path}"))
}

/// The beginning of an answer that has no end, up to these words.
///
/// # Errors
/// When they do not come.
pub fn ask_until(address: &str, who: &Credentials, path: &str, words: &str) -> Result<Answer> {
    let mut stream = send(address, who, "GET", path, None)?;
    let mut bytes = Vec::new();
    let mut part = [0; 4_096];
    while !String::from_utf8_lossy(&bytes).contains(words) {
        let read = stream.read(&mut part).with_context(|| format!("{words:?} did not come of {path}"))?;
        anyhow::ensure!(read > 0, "{path} ended before {words:?}: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    read(&bytes).with_context(|| format!("no answer to {path}"))
}

fn send(
    address: &str,
    who: &Credentials,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if let Some((cookie, csrf)) = &who.session {
        head.push_str(&format!("cookie: {cookie}\r\nx-csrf-token: {csrf}\r\n"));
    }
    if let Some(token) = &who.token {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    if !body.is_empty() {
        head.push_str("content-type: application/json\r\n");
    }
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
    Ok(stream)
}

/// Answers here say their length or end with the connection; of one in parts, the parts stay as they came.
fn read(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_headers() {
        let answer = read(b"HTTP/1.1 201 Created\r\nSet-Cookie: a=b; Path=/\r\n\r\n{\"x\":1}").expect("an answer");
        assert_eq!((answer.status, answer.header("set-cookie")), (201, Some("a=b; Path=/")));
        assert_eq!(answer.json().expect("JSON")["x"], 1);
        assert!(answer.good().is_ok());
        assert!(read(b"HTTP/1.1 404 X\r\n\r\n").expect("an answer").good().is_err());
        assert!(read(b"nonsense").is_none());
    }
}
