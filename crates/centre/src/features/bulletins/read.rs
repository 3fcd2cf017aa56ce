//! Reading early warnings, and asking whom one would concern.

use super::shapes::{
    Bulletin, BulletinDetail, BulletinEvent, BulletinPage, BulletinQuery, BulletinRecipient, ConcernPage, ConcernQuery,
    ConcernedFacility, RecipientPage, RecipientQuery, Suggested, WeaknessKind, WeaknessKinds,
};
use crate::{
    ask::{Asked, Named, page, words},
    bulletin_texts,
    bulletin_watch::CHASE_SECS,
    campaign,
    centre::Centre,
    concern::who_is_concerned,
    guard::Caller,
    names::{Names, text},
    refusal::Refusal,
    wire::{FacilityPlace, Moment, Text},
    wire_bulletin::{BulletinCheck, BulletinDraft, BulletinReasons},
};
use axum::{Json, extract::State};
use phitak_store::{BulletinFilter, BulletinId, BulletinState, Facility, Recipient, RecipientState, Scope, StoryId};

/// Hospitals of a preview that are shown one by one.
pub const CONCERNED_SHOWN_MAX: usize = 500;

pub(super) async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<BulletinQuery>,
) -> Result<Json<BulletinPage>, Refusal> {
    let scope = caller.scope();
    let filter = BulletinFilter {
        states: words(query.state.as_deref(), BulletinState::parse)?,
        severities: words(query.severity.as_deref(), phitak_model::Severity::parse)?,
        unanswered: query.unanswered,
    };
    let found = centre.store.bulletins(scope, &filter, &page(query.cursor, query.limit)).await?;
    let team = scope.is_whole_sector();
    Ok(Json(BulletinPage {
        items: found.items.iter().map(|bulletin| Bulletin::of(bulletin, team)).collect(),
        total: found.total,
        next_cursor: found.next_cursor,
    }))
}

pub(super) async fn detail(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Json<BulletinDetail>, Refusal> {
    let shown = whole(&centre, caller.scope(), BulletinId(id)).await?;
    caller.views(&centre, None, format!("bulletin {id}")).await?;
    Ok(Json(shown))
}

/// One warning as the scope may see it.
pub(super) async fn whole(centre: &Centre, scope: &Scope, id: BulletinId) -> Result<BulletinDetail, Refusal> {
    let store = &centre.store;
    let bulletin = store.bulletin(scope, id).await?;
    let events = store.bulletin_events(scope, id).await?;
    let names = Facilities::load(centre, scope, events.iter().filter_map(|event| event.facility.clone())).await?;
    let team = scope.is_whole_sector();
    let content = &bulletin.content;
    let or = |own: &phitak_store::BulletinText, usual: Text| if own.th.is_empty() { usual } else { own.into() };
    Ok(BulletinDetail {
        bulletin: Bulletin::of(&bulletin, team),
        content: content.into(),
        who: or(&content.who, bulletin_texts::who()),
        undo: or(&content.undo, bulletin_texts::undo()),
        risk: bulletin_texts::risk(),
        proof: bulletin_texts::proof(&content.check),
        close_reason: bulletin.close_reason.clone().filter(|_| team),
        history: events
            .into_iter()
            .map(|event| BulletinEvent {
                at: event.at.into(),
                who: event.who,
                facility: event.facility.as_deref().map(|code| names.place(code)),
                action: event.action,
                level: event.level,
                detail: event.detail,
            })
            .collect(),
    })
}

pub(super) async fn recipients(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Asked(query): Asked<RecipientQuery>,
) -> Result<Json<RecipientPage>, Refusal> {
    let (store, scope, id) = (&centre.store, caller.scope(), BulletinId(id));
    let bulletin = store.bulletin(scope, id).await?;
    caller.views(&centre, None, format!("bulletin {id}")).await?;
    let states = words(query.state.as_deref(), RecipientState::parse)?;
    let found = store.recipients(scope, id, &states, &page(query.cursor, query.limit)).await?;
    let codes = found.items.iter().map(|recipient| recipient.facility.to_string());
    let names = Facilities::load(&centre, scope, codes).await?;
    let chased = bulletin.state == BulletinState::Published;
    let found = found.map(|recipient| names.recipient(&centre, &recipient, chased));
    Ok(Json(RecipientPage { items: found.items, total: found.total, next_cursor: found.next_cursor }))
}

pub(super) async fn concerned(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<ConcernQuery>,
) -> Result<Json<ConcernPage>, Refusal> {
    let (store, scope, now) = (&centre.store, caller.scope(), centre.clock.now());
    let addresses = query.addresses.as_deref().unwrap_or_default();
    let check = BulletinCheck {
        kind: query.kind,
        addresses: addresses.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        weakness: query.weakness,
        protocol: query.protocol,
        port: query.port,
    };
    let concern = who_is_concerned(store, scope, &check.read()?, now).await?;
    let silent_before = centre.silent_before(now);
    let watching = |facility: &Facility| facility.heard_at.is_some_and(|at| at >= silent_before);
    let others: Vec<Facility> = store
        .all_facilities(scope)
        .await?
        .into_iter()
        .filter(|facility| !concern.facilities.iter().any(|concerned| concerned.facility.code == facility.code))
        .collect();
    let blind = others.iter().filter(|facility| !watching(facility)).count() as u64;
    Ok(Json(ConcernPage {
        total: concern.facilities.len() as u64,
        not_seen: (others.len() as u64).saturating_sub(blind),
        blind,
        whole: concern.whole,
        items: concern
            .facilities
            .iter()
            .take(CONCERNED_SHOWN_MAX)
            .map(|concerned| ConcernedFacility {
                facility: place(&concerned.facility),
                province: Text::province(&concerned.facility.province_code),
                watching: watching(&concerned.facility),
                reasons: (&concerned.reasons).into(),
            })
            .collect(),
    }))
}

pub(super) async fn weakness_kinds() -> Json<WeaknessKinds> {
    let items = phitak_assets::WEAKNESSES.iter().map(|weakness| WeaknessKind {
        id: weakness.id.to_owned(),
        title: weakness.title.into(),
        severity: weakness.severity.into(),
    });
    Json(WeaknessKinds { items: items.collect() })
}

pub(super) async fn suggested(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
) -> Result<Json<Suggested>, Refusal> {
    let story = StoryId(id);
    let campaign = campaign::of_story(&centre, caller.scope(), story).await?;
    caller.views(&centre, None, format!("story {id}")).await?;
    Ok(Json(Suggested {
        hospitals: campaign.hospitals as u64,
        draft: campaign.draft.as_ref().map(BulletinDraft::from),
        bulletin_id: centre.store.bulletin_of_story(story).await?.map(|id| id.0),
    }))
}

fn place(facility: &Facility) -> FacilityPlace {
    FacilityPlace { code: facility.code.to_string(), name: text(facility), region: facility.region.number() }
}

/// The hospitals of one answer, as far as the caller may see them.
struct Facilities {
    known: Vec<Facility>,
    names: Names,
}

impl Facilities {
    async fn load(centre: &Centre, scope: &Scope, codes: impl IntoIterator<Item = String>) -> Result<Self, Refusal> {
        let mut codes: Vec<String> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        let known = centre.store.facilities_named(scope, &codes).await?;
        Ok(Self { known, names: Names::load(&centre.store, scope, codes).await? })
    }

    fn of(&self, code: &str) -> Option<&Facility> {
        self.known.iter().find(|facility| facility.code.as_str() == code)
    }

    fn place(&self, code: &str) -> FacilityPlace {
        self.names.place(code, self.of(code).map_or(0, |facility| facility.region.number()))
    }

    fn recipient(&self, centre: &Centre, recipient: &Recipient, chased: bool) -> BulletinRecipient {
        let code = recipient.facility.as_str();
        let facility = self.of(code);
        let silent_before = centre.silent_before(centre.clock.now());
        let next_level = CHASE_SECS.get(usize::from(recipient.chase_level));
        let next_at = next_level.filter(|_| chased && recipient.state == RecipientState::Sent).map(|secs| {
            let after = centre.settings.pace.micros(*secs);
            Moment(phitak_model::Timestamp::from_micros(recipient.sent_at.micros().saturating_add(after)))
        });
        BulletinRecipient {
            facility: self.place(code),
            province: facility.map_or_else(|| Text::same(code), |facility| Text::province(&facility.province_code)),
            watching: facility.and_then(|facility| facility.heard_at).is_some_and(|at| at >= silent_before),
            source: recipient.source.into(),
            reasons: (&recipient.reasons).into(),
            hand_reason: recipient.hand_reason.clone(),
            state: recipient.state.into(),
            sent_at: recipient.sent_at.into(),
            acknowledged_at: recipient.acknowledged_at.map(Moment),
            answer: recipient.answer.map(Into::into),
            answer_reason: recipient.answer_reason.clone(),
            answered_at: recipient.answered_at.map(Moment),
            done_at: recipient.done_at.map(Moment),
            verified_at: recipient.verified_at.map(Moment),
            level: recipient.chase_level,
            next_at,
            check_outcome: recipient.check_outcome.map(Into::into),
            found_again: recipient.found_again.as_ref().map(BulletinReasons::from),
            useful: recipient.useful,
            useful_words: recipient.useful_words.clone(),
        }
    }
}
