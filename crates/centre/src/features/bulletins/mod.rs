//! Early warnings: written by the sector's team, sent to whom they concern, answered by hospitals, followed until it is
//! proved that they are done.

mod read;
mod shapes;
mod write;

use crate::{
    route::{Reach, Route, SECTOR, SIGNED_IN, Who},
    wire_bulletin::BulletinDraft,
};
use phitak_store::Role;
use shapes::{
    Added, BulletinDetail, BulletinPage, BulletinQuery, Closing, ConcernPage, ConcernQuery, Publishing, RecipientPage,
    RecipientQuery, Suggested, WeaknessKinds,
};

/// Those who look after several hospitals.
const OVERSEERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::RegionOfficer]);

pub(crate) fn routes() -> Vec<Route> {
    reading().into_iter().chain(writing()).collect()
}

fn reading() -> Vec<Route> {
    vec![
        Route::get("/api/v1/bulletins")
            .summary("Early warnings, the latest first: drafts only for the sector's team, others as far as they were sent to the caller's hospitals")
            .allow(SIGNED_IN, Reach::Tenant)
            .query::<BulletinQuery>()
            .answers::<BulletinPage>()
            .to(read::list),
        Route::get("/api/v1/bulletins/{id}")
            .summary("One early warning, whole")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.bulletin")
            .answers::<BulletinDetail>()
            .to(read::detail),
        Route::get("/api/v1/bulletins/{id}/recipients")
            .summary("The caller's hospitals that got it: why, and how far each has come")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.bulletin")
            .query::<RecipientQuery>()
            .answers::<RecipientPage>()
            .to(read::recipients),
        Route::get("/api/v1/concerned")
            .summary("Whom a check concerns among the caller's hospitals, with the reasons that stand in the data")
            .allow(OVERSEERS, Reach::Tenant)
            .query::<ConcernQuery>()
            .answers::<ConcernPage>()
            .to(read::concerned),
        Route::get("/api/v1/weakness-kinds")
            .summary("The kinds of weakness that are known")
            .allow(SIGNED_IN, Reach::Nothing)
            .answers::<WeaknessKinds>()
            .to(read::weakness_kinds),
        Route::get("/api/v1/stories/{id}/warning")
            .summary("The early warning that can be drafted from a story, once it is a campaign")
            .allow(SECTOR, Reach::Tenant)
            .viewed("view.story")
            .answers::<Suggested>()
            .to(read::suggested),
    ]
}

fn writing() -> Vec<Route> {
    vec![
        Route::post("/api/v1/bulletins")
            .summary("Keeps a new draft")
            .allow(SECTOR, Reach::Sector)
            .audited("bulletin.draft")
            .takes::<BulletinDraft>()
            .answers::<BulletinDetail>()
            .to(write::draft),
        Route::post("/api/v1/bulletins/{id}/draft")
            .summary("Changes a draft")
            .allow(SECTOR, Reach::Sector)
            .audited("bulletin.edit")
            .takes::<BulletinDraft>()
            .answers::<BulletinDetail>()
            .to(write::edit),
        Route::post("/api/v1/bulletins/{id}/publish")
            .summary("Sends a draft, and freezes to whom and why")
            .allow(SECTOR, Reach::Sector)
            .audited("bulletin.publish")
            .takes::<Publishing>()
            .answers::<BulletinDetail>()
            .to(write::publish),
        Route::post("/api/v1/bulletins/{id}/recipients")
            .summary("Sends it to more hospitals, each with a reason")
            .allow(SECTOR, Reach::Sector)
            .audited("bulletin.add")
            .takes::<Added>()
            .answers::<BulletinDetail>()
            .to(write::add),
        Route::post("/api/v1/bulletins/{id}/close")
            .summary("Ends it: nobody is asked any more; a draft is thrown away")
            .allow(SECTOR, Reach::Sector)
            .audited("bulletin.close")
            .takes::<Closing>()
            .answers::<BulletinDetail>()
            .to(write::close),
    ]
}
