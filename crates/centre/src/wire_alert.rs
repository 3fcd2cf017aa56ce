//! An alert as lists show it.

use crate::{
    names::Names,
    wire::{FacilityName, Moment},
};
use phitak_store::alerts::AlertBrief;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct AlertLine {
    pub id: i64,
    /// Packet time
    pub at: Moment,
    pub facility: FacilityName,
    pub src_ip: String,
    pub src_port: Option<u16>,
    pub dest_ip: String,
    pub dest_port: Option<u16>,
    pub proto: String,
    pub app_proto: Option<String>,
}

impl AlertLine {
    pub(crate) fn of(alert: &AlertBrief, names: &Names) -> Self {
        Self {
            id: alert.id.0,
            at: alert.at.into(),
            facility: names.name(&alert.facility),
            src_ip: alert.src_ip.clone(),
            src_port: alert.src_port,
            dest_ip: alert.dest_ip.clone(),
            dest_port: alert.dest_port,
            proto: alert.proto.clone(),
            app_proto: alert.app_proto.clone(),
        }
    }
}
