//! Calls and replies of Sun RPC (RFC 5531 §9).

use crate::bytes::Reader;

/// Most bytes of credentials and of a machine's name.
const AUTH_BYTES_MAX: usize = 400;
const AUTH_UNIX: u32 = 1;

/// Who calls (`AUTH_SYS`, RFC 5531 appendix A).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) flavor: u32,
    pub(super) unix: Option<Unix>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unix {
    pub(super) machine: Vec<u8>,
    pub(super) user: u32,
    pub(super) group: u32,
}

pub(super) enum Message<'a> {
    Call {
        id: u32,
        program: u32,
        version: u32,
        procedure: u32,
        credentials: Credentials,
        arguments: &'a [u8],
    },
    /// `status` is 0 when the call was accepted; `results` follow when it was also carried out.
    Reply {
        id: u32,
        status: u32,
        results: Option<&'a [u8]>,
    },
}

/// Bytes of variable length: their count, they, and padding to a multiple of four (RFC 4506 §4.10).
pub(super) fn opaque<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(reader.u32()?).ok()?;
    let bytes = reader.take(length)?;
    reader.take_up_to(length.wrapping_neg() & 3);
    Some(bytes)
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (id, kind) = (reader.u32()?, reader.u32()?);
        match kind {
            0 => {
                let (rpc, program) = (reader.u32()?, reader.u32()?);
                let (version, procedure) = (reader.u32()?, reader.u32()?);
                if rpc != 2 {
                    return None;
                }
                let flavor = reader.u32()?;
                let body = opaque(&mut reader).filter(|body| body.len() <= AUTH_BYTES_MAX)?;
                let unix = if flavor == AUTH_UNIX { unix(body) } else { None };
                reader.u32()?;
                opaque(&mut reader)?;
                let credentials = Credentials { flavor, unix };
                Some(Self::Call { id, program, version, procedure, credentials, arguments: reader.rest() })
            }
            1 => {
                let status = reader.u32()?;
                if status != 0 {
                    return Some(Self::Reply { id, status, results: None });
                }
                reader.u32()?;
                opaque(&mut reader)?;
                let carried_out = reader.u32()? == 0;
                Some(Self::Reply { id, status, results: carried_out.then(|| reader.rest()) })
            }
            _ => None,
        }
    }
}

fn unix(body: &[u8]) -> Option<Unix> {
    let mut reader = Reader::new(body);
    reader.u32()?;
    let machine = opaque(&mut reader)?.to_vec();
    Some(Unix { machine, user: reader.u32()?, group: reader.u32()? })
}

/// A flavor as EVE writes it.
pub(super) fn flavor_name(flavor: u32) -> String {
    match flavor {
        0 => "NULL".to_owned(),
        1 => "UNIX".to_owned(),
        2 => "SHORT".to_owned(),
        3 => "DES".to_owned(),
        4 => "KERB".to_owned(),
        5 => "RSA".to_owned(),
        6 => "GSS".to_owned(),
        other => format!("{other}"),
    }
}
