//! Answering by a link, without a password: that somebody knows, and nothing else. Looking at a link answers nothing,
//! since mail scanners look at every link.

use crate::{
    ask::{Body, Named},
    bulletin_watch,
    centre::Centre,
    guard::Visitor,
    notify::link,
    refusal::Refusal,
    wire::Moment,
};
use axum::{Json, extract::State};
use phitak_model::Timestamp;
use phitak_store::{AuditLine, BulletinAnswer, Delivery, DeliveryId, Matter, Scope, ScopeReach, StoreError, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Nothing but when: whoever holds a link may not be whom it was sent to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Told {
    pub told_at: Moment,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {}

#[derive(Debug, Serialize, ToSchema)]
pub struct Acknowledged {
    pub told_at: Moment,
    pub acknowledged_at: Moment,
}

pub(super) async fn told(
    State(centre): State<Centre>,
    visitor: Visitor,
    Named(token): Named<String>,
) -> Result<Json<Told>, Refusal> {
    let now = centre.clock.now();
    let (delivery, ..) = open(&centre, &visitor, &token, now).await?;
    Ok(Json(Told { told_at: delivery.created_at.into() }))
}

pub(super) async fn acknowledge(
    State(centre): State<Centre>,
    visitor: Visitor,
    Named(token): Named<String>,
    Body(Acknowledgement {}): Body<Acknowledgement>,
) -> Result<Json<Acknowledged>, Refusal> {
    let now = centre.clock.now();
    let (delivery, _, user) = open(&centre, &visitor, &token, now).await?;
    // The warnings first: were the link used up and the centre died here, they would stand unanswered.
    for matter in centre.store.matters_told_by(delivery.id).await? {
        answer_warning(&centre, &visitor, &matter, &user, now).await?;
    }
    match centre.store.answer_link(delivery.id, visitor.audit(now)?).await {
        Err(StoreError::NotFound) => Err(Refusal::dead_link()),
        answered => {
            answered?;
            Ok(Json(Acknowledged { told_at: delivery.created_at.into(), acknowledged_at: now.into() }))
        }
    }
}

/// What a token leads to; everything that is wrong gives the same answer, and counts as a failed attempt.
async fn open(
    centre: &Centre,
    visitor: &Visitor,
    token: &str,
    now: Timestamp,
) -> Result<(Delivery, Matter, User), Refusal> {
    centre.turnstile.enter(None, visitor.address, now).map_err(Refusal::too_many)?;
    let Some(id) = link::read(centre, token) else { return Err(Refusal::dead_link()) };
    let found = centre.store.link_of(DeliveryId(id.0), now).await;
    if !matches!(found, Err(StoreError::NotFound)) {
        centre.turnstile.passed(None, visitor.address);
    }
    match found {
        Err(StoreError::NotFound) => Err(Refusal::dead_link()),
        found => Ok(found?),
    }
}

/// A warning that its hospital's own person was told of counts as acknowledged.
async fn answer_warning(
    centre: &Centre,
    visitor: &Visitor,
    matter: &Matter,
    user: &User,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (Some(bulletin), ScopeReach::Facility(facility)) = (matter.bulletin, &user.reach) else { return Ok(()) };
    if matter.facility.as_ref() != Some(facility) {
        return Ok(());
    }
    let audit = AuditLine { user: Some(user.id), who: user.login.clone(), ..visitor.audit_as(now, "bulletin.answer")? };
    let scope = Scope::of_the_centre_itself();
    let answer = BulletinAnswer::Acknowledged;
    match centre.store.answer_bulletin(&scope, bulletin, facility, answer, None, audit).await {
        // It was closed, proved or forgotten meanwhile: then there is nothing to answer.
        Err(StoreError::Conflict { .. } | StoreError::NotFound) => Ok(()),
        answered => {
            let recipient = answered?;
            bulletin_watch::tell(centre, bulletin, facility, recipient.state, recipient.chase_level).await?;
            Ok(())
        }
    }
}
