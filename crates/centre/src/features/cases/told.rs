//! After a write: open pages are told that the case changed, then it is answered as it stands now.

use super::{
    read::whole,
    shapes::{CaseDetail, SharedCase},
    shared::part,
};
use crate::{
    announce::{Announcement, News},
    centre::Centre,
    refusal::Refusal,
};
use axum::Json;
use phitak_store::{CaseId, Scope, StoreError};

/// Whose pages show what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circle {
    /// The hospitals' too.
    All,
    /// The sector's own team's alone: that others are not told is part of their not seeing it.
    Team,
}

/// For the sector's team.
pub(super) async fn changed(
    centre: &Centre,
    scope: &Scope,
    id: CaseId,
    circle: Circle,
) -> Result<Json<CaseDetail>, Refusal> {
    tell(centre, scope, id, circle).await;
    whole(centre, scope, id).await.map(Json)
}

/// For the hospitals in scope.
pub(super) async fn changed_part(centre: &Centre, scope: &Scope, id: CaseId) -> Result<Json<SharedCase>, Refusal> {
    tell(centre, scope, id, Circle::All).await;
    part(centre, scope, id).await.map(Json)
}

/// Tells of the case at its hospitals within the writer's scope: what a hospital writes is nothing for the others. What was
/// written stands, whether or not somebody hears of it.
pub(super) async fn tell(centre: &Centre, scope: &Scope, id: CaseId, circle: Circle) {
    if let Err(error) = announce(centre, scope, id, circle).await {
        tracing::warn!(%error, "open pages were not told that a case changed");
    }
}

async fn announce(centre: &Centre, scope: &Scope, id: CaseId, circle: Circle) -> Result<(), StoreError> {
    let case = centre.store.case(scope, id).await?;
    for facility in centre.store.facilities_named(scope, &case.facilities).await? {
        let news = News::Case { id, team_only: circle == Circle::Team };
        centre.announcer.tell(Announcement { facility: facility.code, region: facility.region, news });
    }
    Ok(())
}
