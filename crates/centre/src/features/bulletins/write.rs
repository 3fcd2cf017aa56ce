//! Writing, sending and closing early warnings.

use super::{
    read::whole,
    shapes::{Added, BulletinDetail, ByHand, Closing, Publishing},
};
use crate::{
    announce::{Announcement, News},
    ask::{Body, Named},
    centre::Centre,
    concern::who_is_concerned,
    guard::Caller,
    named::is_named,
    protected,
    refusal::Refusal,
    wire_bulletin::BulletinDraft,
};
use axum::{Json, extract::State};
use phitak_model::{FacilityCode, IndicatorKind, IndicatorValue};
use phitak_store::{
    BulletinContent, BulletinId, Facility, NewRecipient, Reasons, RecipientSource, RecipientState,
    indicators::addresses_of,
};

/// Hospitals that a person adds at a time.
pub const BY_HAND_MAX: usize = 200;

pub(super) async fn draft(
    State(centre): State<Centre>,
    caller: Caller,
    Body(draft): Body<BulletinDraft>,
) -> Result<Json<BulletinDetail>, Refusal> {
    let bulletin = centre.store.draft_bulletin(draft.read()?, caller.audit(centre.clock.now())?).await?;
    whole(&centre, caller.scope(), bulletin.id).await.map(Json)
}

pub(super) async fn edit(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(draft): Body<BulletinDraft>,
) -> Result<Json<BulletinDetail>, Refusal> {
    let id = BulletinId(id);
    centre.store.edit_bulletin(id, draft.read()?, caller.audit(centre.clock.now())?).await?;
    whole(&centre, caller.scope(), id).await.map(Json)
}

pub(super) async fn publish(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(publishing): Body<Publishing>,
) -> Result<Json<BulletinDetail>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let id = BulletinId(id);
    let content = store.bulletin(scope, id).await?.content;
    let facilities = store.all_facilities(scope).await?;
    let concern = who_is_concerned(store, scope, &content.check, now).await?;
    let mut recipients: Vec<NewRecipient> = concern
        .facilities
        .into_iter()
        .map(|concerned| NewRecipient {
            facility: concerned.facility.code,
            source: RecipientSource::Found,
            reasons: concerned.reasons,
            hand_reason: None,
        })
        .collect();
    // Who is named twice is one hospital, and what stands in the data is the better reason.
    let mut others = by_hand(&publishing.by_hand, &facilities)?;
    if publishing.everyone {
        others.extend(facilities.iter().map(|facility| NewRecipient {
            facility: facility.code.clone(),
            source: RecipientSource::Everyone,
            reasons: Reasons::default(),
            hand_reason: None,
        }));
    }
    for other in others {
        if !recipients.iter().any(|recipient| recipient.facility == other.facility) {
            recipients.push(other);
        }
    }
    if recipients.len() as u64 != publishing.expected {
        return Err(Refusal::conflict(format!(
            "the data has changed: it would go to {} hospitals, not to {}",
            recipients.len(),
            publishing.expected
        )));
    }
    names_nobody(&content, &recipients, &facilities)?;
    accuses_nobody_protected(&content)?;
    store.publish_bulletin(id, &recipients, caller.audit(now)?).await?;
    centre.feed.wake();
    tell(&centre, id, &recipients, &facilities);
    whole(&centre, scope, id).await.map(Json)
}

pub(super) async fn add(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(added): Body<Added>,
) -> Result<Json<BulletinDetail>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let id = BulletinId(id);
    let content = store.bulletin(scope, id).await?.content;
    let facilities = store.all_facilities(scope).await?;
    let recipients = by_hand(&added.by_hand, &facilities)?;
    names_nobody(&content, &recipients, &facilities)?;
    store.add_recipients(id, &recipients, caller.audit(centre.clock.now())?).await?;
    tell(&centre, id, &recipients, &facilities);
    whole(&centre, scope, id).await.map(Json)
}

pub(super) async fn close(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(closing): Body<Closing>,
) -> Result<Json<BulletinDetail>, Refusal> {
    let id = BulletinId(id);
    centre.store.close_bulletin(id, &closing.reason, caller.audit(centre.clock.now())?).await?;
    // Open pages of its hospitals take it away.
    let facilities = centre.store.all_facilities(caller.scope()).await?;
    let recipients = centre.store.recipient_codes(id).await?;
    for facility in facilities.iter().filter(|facility| recipients.contains(facility.code.as_str())) {
        tell_one(&centre, id, facility);
    }
    whole(&centre, caller.scope(), id).await.map(Json)
}

/// Hospitals that a person names, each there.
fn by_hand(named: &[ByHand], facilities: &[Facility]) -> Result<Vec<NewRecipient>, Refusal> {
    if named.len() > BY_HAND_MAX {
        return Err(Refusal::invalid(format!("at most {BY_HAND_MAX} hospitals are added at a time")));
    }
    let recipients = named.iter().map(|by_hand| {
        let known = facilities.iter().find(|facility| facility.code.as_str() == by_hand.facility.trim());
        let code: FacilityCode = known
            .map(|facility| facility.code.clone())
            .ok_or_else(|| Refusal::invalid(format!("there is no hospital {:?}", by_hand.facility)))?;
        Ok(NewRecipient {
            facility: code,
            source: RecipientSource::Hand,
            reasons: Reasons::default(),
            hand_reason: Some(by_hand.reason.clone()),
        })
    });
    recipients.collect()
}

/// What goes to many hospitals names none of them; a reason for one names no other.
fn names_nobody(
    content: &BulletinContent,
    recipients: &[NewRecipient],
    facilities: &[Facility],
) -> Result<(), Refusal> {
    let refuse = |facility: &Facility, what: &str| {
        Err(Refusal::invalid(format!(
            "{what} names {} ({}): hospitals are not named to each other",
            facility.name_th, facility.code
        )))
    };
    for facility in facilities {
        if content.texts().any(|text| is_named(facility, text)) {
            return refuse(facility, "the text");
        }
        let elsewhere = recipients.iter().filter(|recipient| recipient.facility != facility.code);
        if elsewhere.filter_map(|recipient| recipient.hand_reason.as_deref()).any(|text| is_named(facility, text)) {
            return refuse(facility, "a reason");
        }
    }
    Ok(())
}

/// The addresses of a sent warning are looked for at every hospital.
fn accuses_nobody_protected(content: &BulletinContent) -> Result<(), Refusal> {
    let values = addresses_of(content)
        .iter()
        .filter_map(|address| IndicatorValue::parse(IndicatorKind::Address, &address.to_string()).ok());
    match values.into_iter().find_map(|value| protected::why_not(&value)) {
        Some(why) => Err(Refusal::invalid(why)),
        None => Ok(()),
    }
}

fn tell(centre: &Centre, id: BulletinId, recipients: &[NewRecipient], facilities: &[Facility]) {
    for facility in facilities {
        if recipients.iter().any(|recipient| recipient.facility == facility.code) {
            tell_one(centre, id, facility);
        }
    }
}

fn tell_one(centre: &Centre, id: BulletinId, facility: &Facility) {
    centre.announcer.tell(Announcement {
        facility: facility.code.clone(),
        region: facility.region,
        news: News::Bulletin { id, state: RecipientState::Sent, level: 0 },
    });
}
