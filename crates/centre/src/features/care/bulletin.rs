//! An early warning on a hospital's page, its answer, and whether it was useful.

use super::item::{CareItem, CareItemState, CareItemType};
use crate::{
    ask::{Body, Named},
    bulletin_texts, bulletin_watch,
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    wire::{
        BulletinAnswer, CheckOutcome, HostName, Labelled, Moment, RecipientSource, RecipientState, Response, Severity,
        Text, Tlp,
    },
    wire_bulletin::BulletinReasons,
};
use axum::{Json, extract::State};
use phitak_model::FacilityCode;
use phitak_store::{BulletinContent, BulletinId, Check, Recipient};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Machines that a warning names on the first screen.
const MACHINES_MAX: usize = 6;
const HOUR_SECS: i64 = 3_600;

/// What only early warnings have.
#[derive(Debug, Serialize, ToSchema)]
pub struct CareBulletin {
    pub state: RecipientState,
    pub tlp: Tlp,
    /// Why this hospital gets it
    pub source: RecipientSource,
    pub reasons: BulletinReasons,
    pub hand_reason: Option<String>,
    pub acknowledged_at: Option<Moment>,
    /// How often it was asked again
    pub level: u8,
    pub check_outcome: Option<CheckOutcome>,
    /// What the check found after `done`
    pub found_again: Option<BulletinReasons>,
    pub useful: Option<bool>,
    pub useful_words: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulletinReply {
    pub answer: BulletinAnswer,
    /// Needed with `cannot`; at most 1000 characters
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulletinRating {
    pub useful: bool,
    /// At most 500 characters
    #[serde(default)]
    pub words: Option<String>,
}

/// Which hospital's part in which warning.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    id: i64,
    code: String,
}

impl Part {
    /// What cannot be a code belongs to nobody.
    fn facility(&self) -> Result<FacilityCode, Refusal> {
        FacilityCode::new(&self.code).map_err(|_| Refusal::not_found())
    }
}

pub(super) async fn reply(
    State(centre): State<Centre>,
    caller: Caller,
    Named(part): Named<Part>,
    Body(reply): Body<BulletinReply>,
) -> Result<Json<CareItem>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let (id, facility) = (BulletinId(part.id), part.facility()?);
    let content = store.bulletin(scope, id).await?.content;
    let answer = reply.answer.into();
    let audit = caller.audit(now)?;
    let recipient = store.answer_bulletin(scope, id, &facility, answer, reply.reason.as_deref(), audit.clone()).await?;
    if let (phitak_store::BulletinAnswer::Done, Check::Weakness { weakness }) = (answer, &content.check) {
        // The same word counts for the findings that the warning is about: their own proof begins with it.
        let audit = phitak_store::AuditLine { action: "finding.response", ..audit };
        super::claim_all(&centre, scope, &facility, weakness, &audit).await?;
    }
    bulletin_watch::tell(&centre, id, &facility, recipient.state, recipient.chase_level).await?;
    Ok(Json(CareItem::of_bulletin(&recipient, &content)))
}

pub(super) async fn rate(
    State(centre): State<Centre>,
    caller: Caller,
    Named(part): Named<Part>,
    Body(rating): Body<BulletinRating>,
) -> Result<Json<CareItem>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let (id, facility) = (BulletinId(part.id), part.facility()?);
    let content = store.bulletin(scope, id).await?.content;
    let words = rating.words.as_deref();
    let recipient = store.rate_bulletin(scope, id, &facility, (rating.useful, words), caller.audit(now)?).await?;
    Ok(Json(CareItem::of_bulletin(&recipient, &content)))
}

impl CareItem {
    pub(super) fn of_bulletin(recipient: &Recipient, content: &BulletinContent) -> Self {
        use phitak_store::RecipientState as Stored;
        let or = |own: &phitak_store::BulletinText, usual: Text| if own.th.is_empty() { usual } else { own.into() };
        let severity = Severity::from(content.severity);
        let due_at = recipient.sent_at.plus_secs(i64::from(content.due_hours).saturating_mul(HOUR_SECS));
        Self {
            id: recipient.bulletin.0,
            item: CareItemType::Bulletin,
            kind: "bulletin".to_owned(),
            title: (&content.title).into(),
            severity,
            state: match recipient.state {
                Stored::Sent => CareItemState::Open,
                Stored::Acknowledged | Stored::NotOurs | Stored::Cannot | Stored::NeedHelp => {
                    CareItemState::Acknowledged
                }
                Stored::Done => CareItemState::Claimed,
                Stored::Verified => CareItemState::Verified,
                Stored::Reopened => CareItemState::Reopened,
            },
            due_at: Some(Moment(due_at)).filter(|_| recipient.state.waits_for_hospital()),
            safe_until_morning: severity < Severity::High || content.due_hours >= 24,
            what: (&content.what).into(),
            why: (&content.why).into(),
            steps: content.steps.iter().map(Text::from).collect(),
            risk: bulletin_texts::risk(),
            undo: or(&content.undo, bulletin_texts::undo()),
            who: or(&content.who, bulletin_texts::who()),
            minutes: 0,
            days: 1,
            proof: bulletin_texts::proof(&content.check),
            machines: machines(recipient),
            response: recipient.answer.and_then(response),
            response_reason: recipient.answer_reason.clone(),
            first_seen_at: recipient.sent_at.into(),
            last_seen_at: recipient.sent_at.into(),
            claimed_at: recipient.done_at.map(Moment),
            verified_at: recipient.verified_at.map(Moment),
            technical: technical(content),
            bulletin: Some(CareBulletin {
                state: recipient.state.into(),
                tlp: content.tlp.into(),
                source: recipient.source.into(),
                reasons: (&recipient.reasons).into(),
                hand_reason: recipient.hand_reason.clone(),
                acknowledged_at: recipient.acknowledged_at.map(Moment),
                level: recipient.chase_level,
                check_outcome: recipient.check_outcome.map(Into::into),
                found_again: recipient.found_again.as_ref().map(BulletinReasons::from),
                useful: recipient.useful,
                useful_words: recipient.useful_words.clone(),
            }),
        }
    }
}

fn response(answer: phitak_store::BulletinAnswer) -> Option<Response> {
    match answer {
        phitak_store::BulletinAnswer::Acknowledged => None,
        phitak_store::BulletinAnswer::Done => Some(Response::Done),
        phitak_store::BulletinAnswer::NotOurs => Some(Response::NotOurs),
        phitak_store::BulletinAnswer::Cannot => Some(Response::Cannot),
        phitak_store::BulletinAnswer::NeedHelp => Some(Response::NeedHelp),
    }
}

/// The hospital's machines in question: after ทำแล้ว those that were found again.
fn machines(recipient: &Recipient) -> Vec<HostName> {
    let again = recipient.found_again.as_ref().filter(|found| !found.is_empty());
    let reasons = again.unwrap_or(&recipient.reasons);
    let mut names: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for reason in &reasons.shown {
        let (address, name) = reason.host();
        if names.len() < MACHINES_MAX || names.contains_key(address) {
            names.insert(address, name);
        }
    }
    names
        .into_iter()
        .map(|(address, name)| HostName { address: address.to_owned(), mac: None, name: name.map(str::to_owned) })
        .collect()
}

/// What the check looks for, to hand to the vendor or to type into the firewall.
fn technical(content: &BulletinContent) -> Vec<Labelled> {
    let line = |th: &str, en: &str, value: String| Labelled { label: Text::new(th, en), value };
    match &content.check {
        Check::Indicators { addresses } => addresses
            .iter()
            .map(|address| line("เลข IP ของคนร้าย", "The intruder's address", address.to_string()))
            .collect(),
        Check::Weakness { weakness } => vec![line("จุดอ่อน", "Weakness", weakness.clone())],
        Check::Service { protocol, port } => {
            let protocol = protocol.iter().map(|protocol| line("บริการ", "Service", protocol.clone()));
            protocol.chain(port.iter().map(|port| line("พอร์ต", "Port", port.to_string()))).collect()
        }
    }
}
