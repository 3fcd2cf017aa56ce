//! How alerts are taken into their stories.

use crate::{
    error::StoreError,
    ids::StoryId,
    ingest::TouchedStory,
    rows::{story as row, story_facility},
    triage::add_event,
    words::{StoryStatus, model_words::severity_rank},
};
use phitak_model::{Alert, FacilityCode, HealthRegion, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, OnConflict},
};

/// Most technique ids kept of a story.
pub const ATTACK_MAX: usize = 16;
/// Longest signature text and category, in characters.
pub const SIGNATURE_CHARS_MAX: usize = 512;

/// What a story is called: with the rule's number and severity, what makes it the same story.
fn signature_of(alert: &Alert) -> String {
    alert.signature.chars().take(SIGNATURE_CHARS_MAX).collect()
}

/// Takes alerts of one signature (number, words, severity) from one hospital into their story; makes it when it is the first. `None` for no alerts.
pub(crate) async fn take_alerts(
    db: &impl ConnectionTrait,
    alerts: &[&Alert],
    facility: &FacilityCode,
    region: HealthRegion,
    now: Timestamp,
) -> Result<Option<TouchedStory>, StoreError> {
    let Some(latest) = alerts.iter().max_by_key(|alert| (alert.rev, alert.at)) else { return Ok(None) };
    let first_at = alerts.iter().map(|alert| alert.at).min().unwrap_or(latest.at).micros();
    let last_at = alerts.iter().map(|alert| alert.at).max().unwrap_or(latest.at).micros();
    let number = i64::try_from(alerts.len()).unwrap_or(i64::MAX);
    let known = row::Entity::find()
        .filter(row::Column::Gid.eq(i32::try_from(latest.gid).unwrap_or(i32::MAX)))
        .filter(row::Column::SignatureId.eq(i64::from(latest.signature_id)))
        .filter(row::Column::Severity.eq(severity_rank(latest.severity)))
        .filter(row::Column::Signature.eq(signature_of(latest)))
        .one(db)
        .await?;
    // Later than anything an analyst has closed, even if the clock stood still.
    let closed_up_to = known.as_ref().and_then(|story| story.closed_up_to).unwrap_or(i64::MIN);
    let arrived_at = std::cmp::max(now.micros(), closed_up_to.saturating_add(1));
    let mut attack: Vec<String> = Vec::new();
    if let Some(story) = &known {
        attack = serde_json::from_str(&story.attack).unwrap_or_default();
    }
    for technique in alerts.iter().flat_map(|alert| &alert.attack) {
        if attack.len() < ATTACK_MAX && !attack.contains(technique) {
            attack.push(technique.chars().take(16).collect());
        }
    }
    let attack = serde_json::to_string(&attack).map_err(|error| StoreError::invalid(error.to_string()))?;
    let id = match known {
        None => insert_story(db, latest, attack, number, first_at, last_at, arrived_at).await?,
        Some(story) => {
            let id = story.id;
            if story.status == StoryStatus::Closed.as_str() {
                add_event(db, StoryId(id), now, None, "returned", None, None, None).await?;
            }
            update_story(db, story, latest, attack, number, first_at, last_at, arrived_at).await?;
            id
        }
    };
    count_facility(db, id, facility, region, number, first_at, last_at, arrived_at).await?;
    Ok(Some(TouchedStory { id: StoryId(id), severity: latest.severity, last_at: Timestamp::from_micros(last_at) }))
}

async fn insert_story(
    db: &impl ConnectionTrait,
    alert: &Alert,
    attack: String,
    alerts: i64,
    first_at: i64,
    last_at: i64,
    arrived_at: i64,
) -> Result<i64, StoreError> {
    let inserted = row::Entity::insert(row::ActiveModel {
        gid: Set(i32::try_from(alert.gid).unwrap_or(i32::MAX)),
        signature_id: Set(i64::from(alert.signature_id)),
        rev: Set(i64::from(alert.rev)),
        signature: Set(signature_of(alert)),
        category: Set(alert.category.chars().take(SIGNATURE_CHARS_MAX).collect()),
        severity: Set(severity_rank(alert.severity)),
        attack: Set(attack),
        status: Set(StoryStatus::New.as_str().to_owned()),
        verdict: Set(None),
        assignee_id: Set(None),
        assignee_name: Set(None),
        alerts: Set(alerts),
        first_at: Set(first_at),
        last_at: Set(last_at),
        arrived_at: Set(arrived_at),
        acknowledged_up_to: Set(None),
        closed_up_to: Set(None),
        ..Default::default()
    })
    .exec(db)
    .await?;
    Ok(inserted.last_insert_id)
}

#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
async fn update_story(
    db: &impl ConnectionTrait,
    story: row::Model,
    latest: &Alert,
    attack: String,
    alerts: i64,
    first_at: i64,
    last_at: i64,
    arrived_at: i64,
) -> Result<(), StoreError> {
    let returned = story.status == StoryStatus::Closed.as_str();
    let (all, first, last) = (
        story.alerts.saturating_add(alerts),
        std::cmp::min(story.first_at, first_at),
        std::cmp::max(story.last_at, last_at),
    );
    let rev = std::cmp::max(story.rev, i64::from(latest.rev));
    let mut row = story.into_active_model();
    row.rev = Set(rev);
    if returned {
        row.status = Set(StoryStatus::New.as_str().to_owned());
        row.acknowledged_up_to = Set(None);
    }
    row.attack = Set(attack);
    row.alerts = Set(all);
    row.first_at = Set(first);
    row.last_at = Set(last);
    row.arrived_at = Set(arrived_at);
    row::Entity::update(row).exec(db).await?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
async fn count_facility(
    db: &impl ConnectionTrait,
    story: i64,
    facility: &FacilityCode,
    region: HealthRegion,
    alerts: i64,
    first_at: i64,
    last_at: i64,
    arrived_at: i64,
) -> Result<(), StoreError> {
    use story_facility::Column;
    let of_both = |word: &str, column: &str| {
        Expr::cust(format!(
            "CASE WHEN excluded.{column} {word} story_facilities.{column} THEN excluded.{column} \
             ELSE story_facilities.{column} END"
        ))
    };
    story_facility::Entity::insert(story_facility::ActiveModel {
        story_id: Set(story),
        facility: Set(facility.as_str().to_owned()),
        region: Set(i32::from(region.number())),
        alerts: Set(alerts),
        first_at: Set(first_at),
        last_at: Set(last_at),
        first_arrived_at: Set(arrived_at),
        arrived_at: Set(arrived_at),
    })
    .on_conflict(
        OnConflict::columns([Column::StoryId, Column::Facility])
            .value(Column::Alerts, Expr::cust("story_facilities.alerts + excluded.alerts"))
            .value(Column::FirstAt, of_both("<", "first_at"))
            .value(Column::LastAt, of_both(">", "last_at"))
            .value(Column::ArrivedAt, of_both(">", "arrived_at"))
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    Ok(())
}
