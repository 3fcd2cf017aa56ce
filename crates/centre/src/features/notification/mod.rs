//! Notification: how its channels are set up, where each person is told, who is on duty, what was told, and answering by
//! a link.

mod acknowledge;
mod channels;
mod contacts;
mod duty;
mod log;

use crate::route::{ADMINISTRATORS, RESPONDERS, Reach, Route, SECTOR, SIGNED_IN, Who};
use acknowledge::{Acknowledged, Acknowledgement, Told};
use channels::{ChannelList, ChannelSetting, ChannelTest, ChannelView, TestOutcome};
use contacts::{ContactSetting, OwnContacts};
use duty::{RosterSetting, RosterView};
use log::{DeliveryPage, DeliveryQuery};

pub(crate) fn routes() -> Vec<Route> {
    let parts = [of_channels(), of_people(), of_rosters(), of_links()];
    parts.into_iter().flatten().collect()
}

fn of_channels() -> Vec<Route> {
    vec![
        Route::get("/api/v1/notification-channels")
            .summary("Every channel of notification: how it is set up, and how it fares")
            .allow(ADMINISTRATORS, Reach::Sector)
            .only_in_a_session()
            .answers::<ChannelList>()
            .to(channels::list),
        Route::post("/api/v1/notification-channels/{kind}")
            .summary("Sets a channel up; a secret that is not given stays as it is")
            .allow(ADMINISTRATORS, Reach::Sector)
            .only_in_a_session()
            .audited("channel.save")
            .takes::<ChannelSetting>()
            .answers::<ChannelView>()
            .to(channels::save),
        Route::post("/api/v1/notification-channels/{kind}/test")
            .summary("Sends a test message by a channel, now, and says what became of it")
            .allow(ADMINISTRATORS, Reach::Sector)
            .only_in_a_session()
            .audited("channel.test")
            .takes::<ChannelTest>()
            .answers::<TestOutcome>()
            .to(channels::test),
        Route::get("/api/v1/deliveries")
            .summary("Messages, the latest first: all for the sector's team, else those to the own people of the caller's hospital")
            .allow(RESPONDERS, Reach::Tenant)
            .query::<DeliveryQuery>()
            .answers::<DeliveryPage>()
            .to(log::list),
    ]
}

fn of_people() -> Vec<Route> {
    vec![
        Route::get("/api/v1/session/contacts")
            .summary("Where the caller is told outside the pages, and when not")
            .allow(SIGNED_IN, Reach::OwnSession)
            .answers::<OwnContacts>()
            .to(contacts::own),
        Route::post("/api/v1/session/contacts")
            .summary("Replaces where the caller is told, and when not")
            .allow(SIGNED_IN, Reach::OwnSession)
            .audited("contacts.save")
            .takes::<ContactSetting>()
            .answers::<OwnContacts>()
            .to(contacts::save),
    ]
}

fn of_rosters() -> Vec<Route> {
    vec![
        Route::get("/api/v1/facilities/{code}/duty")
            .summary("Who of a hospital is told first, who next, and after how long")
            .allow(SIGNED_IN, Reach::Tenant)
            .viewed("view.duty")
            .answers::<RosterView>()
            .to(duty::of_facility),
        Route::post("/api/v1/facilities/{code}/duty")
            .summary("Replaces a hospital's roster")
            .allow(RESPONDERS, Reach::Tenant)
            .audited("duty.save")
            .takes::<RosterSetting>()
            .answers::<RosterView>()
            .to(duty::save_facility),
        Route::get("/api/v1/regions/{region}/duty")
            .summary("Who of a health region is told")
            .allow(SECTOR, Reach::Sector)
            .answers::<RosterView>()
            .to(duty::of_region),
        Route::post("/api/v1/regions/{region}/duty")
            .summary("Replaces a health region's roster")
            .allow(SECTOR, Reach::Sector)
            .audited("duty.save")
            .takes::<RosterSetting>()
            .answers::<RosterView>()
            .to(duty::save_region),
        Route::get("/api/v1/duty")
            .summary("Who of the sector's team is told")
            .allow(SECTOR, Reach::Sector)
            .answers::<RosterView>()
            .to(duty::of_sector),
        Route::post("/api/v1/duty")
            .summary("Replaces the sector's roster")
            .allow(SECTOR, Reach::Sector)
            .audited("duty.save")
            .takes::<RosterSetting>()
            .answers::<RosterView>()
            .to(duty::save_sector),
    ]
}

fn of_links() -> Vec<Route> {
    vec![
        Route::get("/api/v1/acknowledgements/{token}")
            .summary("When the message of an answering link was made; answers nothing and does not use the link up")
            .allow(Who::Anyone, Reach::Nothing)
            .answers::<Told>()
            .to(acknowledge::told),
        Route::post("/api/v1/acknowledgements/{token}")
            .summary("Says that somebody knows, so that nobody further is told; uses the link up")
            .allow(Who::Anyone, Reach::Nothing)
            .audited("notification.acknowledge")
            .takes::<Acknowledgement>()
            .answers::<Acknowledged>()
            .to(acknowledge::acknowledge),
    ]
}
