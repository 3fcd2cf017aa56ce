//! Evidence in and out: files as they are, streamed, never shown in the browser.

use super::{asks::FileQuery, shapes::SharedCase, told::changed_part, work::code_of};
use crate::{
    ask::{Asked, Named},
    centre::Centre,
    guard::{Caller, announced_length},
    refusal::Refusal,
    vault::Vault,
};
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use phitak_store::{CaseId, EvidenceId, NewEvidence, evidence::shown_name};
use tokio::{fs::File, io::AsyncReadExt};

const CHUNK_BYTES: usize = 64 << 10;

fn vault(centre: &Centre) -> Result<&Vault, Refusal> {
    centre.settings.vault.as_ref().ok_or_else(Refusal::unavailable)
}

pub(super) async fn store(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Asked(query): Asked<FileQuery>,
    request: Request,
) -> Result<Json<SharedCase>, Refusal> {
    let (id, scope) = (CaseId(id), caller.scope());
    let facility = query.facility.as_deref().filter(|code| !code.is_empty()).map(code_of).transpose()?;
    // Asked before a byte is taken: whoever may not add a file here does not fill the disk either.
    centre.store.may_add_evidence(scope, id, facility.as_ref()).await?;
    let announced = announced_length(request.headers());
    let laid = vault(&centre)?.take(&centre.store, announced, request.into_body()).await?;
    let new = NewEvidence {
        facility,
        sha256: laid.sha256,
        bytes: laid.bytes,
        name: query.name,
        note: query.note.unwrap_or_default(),
    };
    centre.store.add_evidence(scope, id, &new, caller.audit(centre.clock.now())?).await?;
    changed_part(&centre, scope, id).await
}

pub(super) async fn hand(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Response, Refusal> {
    let evidence = centre.store.evidence(caller.scope(), EvidenceId(id)).await?;
    let file = vault(&centre)?.open(&evidence.sha256).await.map_err(|error| {
        tracing::error!(%error, evidence = id, "evidence is not where it should be");
        Refusal::unavailable()
    })?;
    let place = evidence.facility.as_deref().map(code_of).transpose()?;
    caller.views(&centre, place.as_ref(), format!("evidence {id}")).await?;
    centre.store.hand_evidence(&evidence, caller.who(), centre.clock.now()).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, HeaderValue::from(evidence.bytes)),
        (header::CONTENT_DISPOSITION, disposition(&evidence.name)),
    ];
    Ok((headers, stream(file)).into_response())
}

/// `attachment` with the name as RFC 6266 and RFC 8187 want it: every byte that is not plain is percent-encoded, so that no
/// name ends the header or means a folder.
fn disposition(name: &str) -> HeaderValue {
    let mut encoded = String::new();
    for byte in shown_name(name).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let text = format!("attachment; filename=\"evidence\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

fn stream(file: File) -> Body {
    let chunks = futures_util::stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut chunk = vec![0; CHUNK_BYTES];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                Some((Ok(chunk), Some(file)))
            }
            // The rest of the length that was promised does not come: the browser says so.
            Err(error) => Some((Err(error), None)),
        }
    });
    Body::from_stream(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_the_header_or_names_a_folder() {
        let told = |name: &str| disposition(name).to_str().expect("plain").to_owned();
        assert_eq!(told("a.txt"), "attachment; filename=\"evidence\"; filename*=UTF-8''a.txt");
        assert!(told("../x\"; y\r\nset-cookie: z").ends_with("UTF-8''..%2Fx%22%3B%20yset-cookie%3A%20z"));
        assert!(told("รายงาน.pdf").contains("%E0%B8%A3"));
    }
}
