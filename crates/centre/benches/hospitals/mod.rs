//! Hospitals, their sensors' codes, and an analyst, for the benches that start a whole centre.

use anyhow::Result;
use phitak_centre::{centre::Centre, enrol::give_code};
use phitak_model::{Alert, FacilityCode, Severity, Timestamp};
use phitak_store::{AuditLine, NewFacility, NewUser, Role, Scope, ScopeReach, User, people::secret_digest};
use phitak_uplink::{client::enrol, keys::KeyFolder};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::sleep;

const ENROL_TRIES_MAX: usize = 20;

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The code of the n-th hospital.
pub fn code(n: usize) -> Result<FacilityCode> {
    Ok(FacilityCode::new(&format!("{:05}", 10_000 + n))?)
}

/// Makes hospitals; gives an enrolment code for each.
pub async fn facilities(centre: &Centre, number: usize) -> Result<Vec<String>> {
    let audit = AuditLine::of_operator(now(), "measure");
    let facilities: Vec<NewFacility> = (0..number)
        .map(|n| {
            Ok(NewFacility {
                code: code(n)?,
                name_th: format!("โรงพยาบาลตัวอย่าง {n}"),
                name_en: format!("Example Hospital {n}"),
                province_code: "19".to_owned(),
            })
        })
        .collect::<Result<_>>()?;
    centre.store.import_facilities(&facilities, audit.clone()).await?;
    let mut codes = Vec::new();
    for facility in &facilities {
        codes.push(give_code(centre, &Scope::of_the_centre_itself(), &facility.code, audit.clone()).await?.0);
    }
    Ok(codes)
}

/// The cookie of somebody's session.
pub fn cookie(login: &str) -> String {
    format!("phitak_session={login}")
}

/// Somebody who is signed in.
pub async fn person(centre: &Centre, login: &str, role: Role, reach: ScopeReach) -> Result<User> {
    let audit = AuditLine::of_operator(now(), "measure");
    let new = NewUser { login: login.to_owned(), name: login.to_owned(), role, reach };
    let link = secret_digest(&format!("link of {login}"));
    let soon = now().plus_secs(600);
    let user = centre.store.add_user(&Scope::of_the_centre_itself(), &new, &link, soon, audit.clone()).await?;
    centre.store.begin_session(&user, &secret_digest(login), "csrf", audit).await?;
    Ok(user)
}

/// Enrols the n-th sensor in a folder of its own; gives the folder.
pub async fn enrolled(folder: &Path, address: &str, code: &str, n: usize) -> Result<PathBuf> {
    let data = folder.join(format!("sensor-{n}"));
    // A centre with a thousand reports to store may be busy; the same code may be tried again.
    for _ in 1..ENROL_TRIES_MAX {
        if enrol(address, code, &KeyFolder::new(&data)).await.is_ok() {
            return Ok(data);
        }
        sleep(Duration::from_secs(2)).await;
    }
    enrol(address, code, &KeyFolder::new(&data)).await?;
    Ok(data)
}

/// An alert of a signature of its own number, from outside.
pub fn alert(signature: usize, at: Timestamp) -> Alert {
    Alert {
        at,
        gid: 1,
        signature_id: 9_000_000 + u32::try_from(signature).unwrap_or(0),
        rev: 1,
        signature: format!("signature {signature}"),
        category: "Test".to_owned(),
        severity: Severity::High,
        action: "allowed".to_owned(),
        proto: "TCP".to_owned(),
        src_ip: [203, 0, 113, 7].into(),
        src_port: Some(50_000),
        dest_ip: [10, 0, 0, 1].into(),
        dest_port: Some(445),
        app_proto: None,
        flow_id: 1,
        packet: 1,
        attack: Vec::new(),
        evidence: None,
        fields: Vec::new(),
    }
}
