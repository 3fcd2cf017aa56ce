//! Alerts, one by one.

use crate::{
    address::Address,
    alert_body,
    alert_days::{MICROS_PER_DAY, Stay, seen_on},
    database::Store,
    error::StoreError,
    ids::{AlertId, StoryId},
    rows::{alert as row, alert_hour, spool, story, story_facility},
    scope::Scope,
    words::model_words::severity_of,
};
use phitak_model::{Alert, FacilityCode, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Addresses of a story by which its neighbours are sought.
pub const RELATED_HOSTS_MAX: usize = 20;
/// Neighbours that are shown.
pub const RELATED_MAX: usize = 20;
/// How far from a story's alerts its neighbours may lie, in microseconds.
pub const RELATED_SPAN_MICROS: i64 = 2 * 3_600 * 1_000_000;
/// Latest alerts of a story in which its machines are looked for.
const MACHINES_FROM_ALERTS: u64 = 200;
/// Machines of a story that are named.
pub const MACHINES_MAX: usize = 6;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// An alert as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertBrief {
    pub id: AlertId,
    pub story: StoryId,
    pub facility: String,
    pub sensor: String,
    pub at: Timestamp,
    pub arrived_at: Timestamp,
    pub src_ip: String,
    pub src_port: Option<u16>,
    pub dest_ip: String,
    pub dest_port: Option<u16>,
    pub proto: String,
    pub app_proto: Option<String>,
}

/// A neighbour of a story: another one at the same host of the same hospital around the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedAt {
    pub story: StoryId,
    pub facility: String,
    pub first_at: Timestamp,
    pub alerts: u64,
}

#[derive(Debug, FromQueryResult)]
struct RelatedRow {
    story_id: i64,
    facility: String,
    first_at: i64,
    alerts: i64,
}

/// Whether an address can only belong to a network of somebody's own.
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_private() || four.is_link_local(),
        IpAddr::V6(six) => six.is_unique_local() || six.is_unicast_link_local(),
    }
}

impl AlertBrief {
    fn of(row: &row::Model, sensors: &BTreeMap<i64, String>) -> Self {
        Self {
            id: AlertId(row.id),
            story: StoryId(row.story_id),
            facility: row.facility.clone(),
            sensor: sensors.get(&row.spool_id).cloned().unwrap_or_default(),
            at: Timestamp::from_micros(row.at),
            arrived_at: Timestamp::from_micros(row.arrived_at),
            src_ip: row.src_ip.to_string(),
            src_port: port(row.src_port),
            dest_ip: row.dest_ip.to_string(),
            dest_port: port(row.dest_port),
            proto: row.proto.clone(),
            app_proto: row.app_proto.clone(),
        }
    }
}

fn port(number: Option<i32>) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok())
}

/// The alert as its sensor sent it, from its row and its story's.
fn whole(row: &row::Model, story: story::Model) -> Result<Alert, StoreError> {
    let body = alert_body::read(&row.body)?;
    Ok(Alert {
        at: Timestamp::from_micros(row.at),
        gid: u32::try_from(story.gid).unwrap_or(0),
        signature_id: u32::try_from(story.signature_id).unwrap_or(0),
        rev: body.rev,
        signature: body.signature.unwrap_or(story.signature),
        category: body.category.unwrap_or(story.category),
        severity: severity_of(story.severity),
        action: body.action,
        proto: row.proto.clone(),
        src_ip: row.src_ip.0,
        src_port: port(row.src_port),
        dest_ip: row.dest_ip.0,
        dest_port: port(row.dest_port),
        app_proto: row.app_proto.clone(),
        flow_id: body.flow_id,
        packet: body.packet,
        attack: body.attack,
        evidence: body.evidence,
        fields: body.fields,
    })
}

impl Store {
    /// One alert with what the sensor sent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist or lies outside the scope.
    pub async fn alert(&self, scope: &Scope, id: AlertId) -> Result<(AlertBrief, Alert), StoreError> {
        let row = row::Entity::find_by_id(id.0)
            .filter(scope.admits(row::Column::Facility))
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?;
        let story = story::Entity::find_by_id(row.story_id).one(self.reader()).await?.ok_or(StoreError::NotFound)?;
        let sensors = self.sensors_of_spools(std::slice::from_ref(&row)).await?;
        Ok((AlertBrief::of(&row, &sensors), whole(&row, story)?))
    }

    /// The latest alerts of a story, latest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn latest_alerts(&self, scope: &Scope, story: StoryId, most: u64) -> Result<Vec<AlertBrief>, StoreError> {
        // Where something arrived latest stand the latest alerts: each further hospital can only hold older ones.
        let places: Vec<(String, i64, i64)> = story_facility::Entity::find()
            .select_only()
            .columns([story_facility::Column::Facility, story_facility::Column::FirstArrivedAt])
            .column(story_facility::Column::ArrivedAt)
            .filter(story_facility::Column::StoryId.eq(story.0))
            .filter(scope.admits_in(story_facility::Column::Facility, story_facility::Column::Region))
            .order_by_desc(story_facility::Column::ArrivedAt)
            .limit(most)
            .into_tuple()
            .all(self.reader())
            .await?;
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let mut rows: Vec<row::Model> = Vec::new();
        for (facility, first_arrived_at, arrived_at) in places {
            if rows.len() >= limit && rows.last().is_some_and(|oldest| oldest.arrived_at > arrived_at) {
                break;
            }
            let stay = Stay { story, facility: &facility, first_arrived_at, arrived_at };
            rows.extend(self.latest_of_stay(scope, stay, most).await?);
            rows.sort_by_key(|row| std::cmp::Reverse(row.id));
            rows.truncate(limit);
        }
        let sensors = self.sensors_of_spools(&rows).await?;
        Ok(rows.iter().map(|row| AlertBrief::of(row, &sensors)).collect())
    }

    /// The sensor of each spool that these alerts came by.
    async fn sensors_of_spools(&self, rows: &[row::Model]) -> Result<BTreeMap<i64, String>, StoreError> {
        let spools: BTreeSet<i64> = rows.iter().map(|row| row.spool_id).collect();
        let found: Vec<(i64, String)> = spool::Entity::find()
            .select_only()
            .columns([spool::Column::Id, spool::Column::Sensor])
            .filter(spool::Column::Id.is_in(spools))
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(found.into_iter().collect())
    }

    /// The machines of one hospital that a story is about: of its latest alerts there, the addresses at either end that are
    /// the hospital's own, most alerted first, with their names.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn machines_of_story(
        &self,
        scope: &Scope,
        story: StoryId,
        facility: &FacilityCode,
    ) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let arrived: Option<(i64, i64)> = story_facility::Entity::find_by_id((story.0, facility.to_string()))
            .select_only()
            .columns([story_facility::Column::FirstArrivedAt, story_facility::Column::ArrivedAt])
            .filter(scope.admits(story_facility::Column::Facility))
            .into_tuple()
            .one(self.reader())
            .await?;
        let Some((first_arrived_at, arrived_at)) = arrived else { return Ok(Vec::new()) };
        let stay = Stay { story, facility: facility.as_str(), first_arrived_at, arrived_at };
        let latest = self.latest_of_stay(scope, stay, MACHINES_FROM_ALERTS).await?;
        let mut times: BTreeMap<IpAddr, usize> = BTreeMap::new();
        let ends = latest.iter().flat_map(|alert| [alert.src_ip.0, alert.dest_ip.0]);
        for address in ends.filter(|address| is_internal(*address)) {
            *times.entry(address).or_default() += 1;
        }
        let mut machines: Vec<IpAddr> = times.keys().copied().collect();
        machines.sort_by_key(|address| std::cmp::Reverse(times.get(address)));
        machines.truncate(MACHINES_MAX);
        let machines: Vec<String> = machines.iter().map(IpAddr::to_string).collect();
        let hosts: Vec<(&str, &str)> = machines.iter().map(|address| (facility.as_str(), address.as_str())).collect();
        let names = self.names_of_hosts(scope, &hosts).await?;
        Ok(machines.into_iter().zip(names).collect())
    }

    /// Other stories at the hosts of these alerts, in the same hospital, within [`RELATED_SPAN_MICROS`]; earliest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn related(
        &self,
        scope: &Scope,
        story: StoryId,
        alerts: &[AlertBrief],
    ) -> Result<Vec<RelatedAt>, StoreError> {
        let mut found: Vec<RelatedAt> = Vec::new();
        let places = places_of(alerts);
        let (from, until) = (places.iter().map(|place| place.from).min(), places.iter().map(|place| place.until).max());
        let Some((from, until)) = from.zip(until) else { return Ok(found) };
        let days =
            self.days_seen(from.saturating_sub(RELATED_SPAN_MICROS), until.saturating_add(RELATED_SPAN_MICROS)).await?;
        for place in places {
            for column in [row::Column::SrcIp, row::Column::DestIp] {
                for next in self.neighbours(scope, story, &place, column, &days).await? {
                    take_neighbour(&mut found, next);
                }
            }
        }
        found.sort_by(|a, b| (a.first_at, a.story, &a.facility).cmp(&(b.first_at, b.story, &b.facility)));
        found.truncate(RELATED_MAX);
        Ok(found)
    }

    async fn neighbours(
        &self,
        scope: &Scope,
        story: StoryId,
        place: &Place<'_>,
        host_column: row::Column,
        days: &[i64],
    ) -> Result<Vec<RelatedAt>, StoreError> {
        let from = place.from.saturating_sub(RELATED_SPAN_MICROS);
        let until = place.until.saturating_add(RELATED_SPAN_MICROS);
        let days = days.iter().copied().filter(|day| (from / MICROS_PER_DAY..=until / MICROS_PER_DAY).contains(day));
        let select = Query::select()
            .columns([row::Column::StoryId, row::Column::Facility])
            .expr_as(Func::min(Expr::col(row::Column::At)), "first_at")
            .expr_as(Func::count(Expr::col(row::Column::Id)), "alerts")
            .from(row::Entity)
            .cond_where(scope.admits(row::Column::Facility))
            .and_where(Expr::col(row::Column::Facility).eq(place.facility))
            .and_where(Expr::col(host_column).eq(Address(place.host)))
            .and_where(seen_on().is_in(days))
            .and_where(Expr::col(row::Column::At).gte(from))
            .and_where(Expr::col(row::Column::At).lte(until))
            .and_where(Expr::col(row::Column::StoryId).ne(story.0))
            .group_by_columns([row::Column::StoryId, row::Column::Facility])
            .order_by_expr(Expr::col("first_at"), Order::Asc)
            .limit(RELATED_MAX as u64)
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        rows.iter()
            .map(|row| {
                let row = RelatedRow::from_query_result(row, "")?;
                Ok(RelatedAt {
                    story: StoryId(row.story_id),
                    facility: row.facility,
                    first_at: Timestamp::from_micros(row.first_at),
                    alerts: u64::try_from(row.alerts).unwrap_or(0),
                })
            })
            .collect()
    }

    /// Alerts that arrived in the 24 hours up to now, by whole hours.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn alerts_of_a_day(&self, scope: &Scope, now: Timestamp) -> Result<u64, StoreError> {
        let hour = now.micros().div_euclid(MICROS_PER_HOUR);
        let select = Query::select()
            .expr_as(crate::stories::sum(Expr::col(alert_hour::Column::Alerts)), "number")
            .from(alert_hour::Entity)
            .cond_where(scope.admits(alert_hour::Column::Facility))
            .and_where(Expr::col(alert_hour::Column::Hour).gt(hour.saturating_sub(24)))
            .to_owned();
        let row = self.reader().query_one(&select).await?.ok_or(StoreError::NotFound)?;
        let number: Option<i64> = row.try_get("", "number")?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    /// All alerts that are kept.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn alerts_kept(&self, scope: &Scope) -> Result<u64, StoreError> {
        let select = Query::select()
            .expr_as(crate::stories::sum(Expr::col(alert_hour::Column::Alerts)), "number")
            .from(alert_hour::Entity)
            .cond_where(scope.admits(alert_hour::Column::Facility))
            .to_owned();
        let row = self.reader().query_one(&select).await?.ok_or(StoreError::NotFound)?;
        let number: Option<i64> = row.try_get("", "number")?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    /// Whether a facility may be seen at all: what every list by facility asks first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope.
    pub async fn visible(&self, scope: &Scope, code: &str) -> Result<FacilityCode, StoreError> {
        Ok(self.facility(scope, code).await?.code)
    }
}

/// A host of a story with the span of the story's alerts there.
struct Place<'a> {
    facility: &'a str,
    host: IpAddr,
    from: i64,
    until: i64,
}

/// The hosts in these alerts, in order of appearance.
fn places_of(alerts: &[AlertBrief]) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for alert in alerts {
        for host in [&alert.src_ip, &alert.dest_ip].into_iter().filter_map(|text| text.parse().ok()) {
            let at = alert.at.micros();
            let room = places.len() < RELATED_HOSTS_MAX;
            match places.iter_mut().find(|place| place.facility == alert.facility && place.host == host) {
                Some(place) => {
                    place.from = std::cmp::min(place.from, at);
                    place.until = std::cmp::max(place.until, at);
                }
                None if room => {
                    places.push(Place { facility: &alert.facility, host, from: at, until: at });
                }
                None => {}
            }
        }
    }
    places
}

/// The same neighbour found by another host is one neighbour; its alerts are at least the larger number.
fn take_neighbour(found: &mut Vec<RelatedAt>, next: RelatedAt) {
    match found.iter_mut().find(|known| known.story == next.story && known.facility == next.facility) {
        Some(known) => {
            known.first_at = known.first_at.min(next.first_at);
            known.alerts = std::cmp::max(known.alerts, next.alerts);
        }
        None => found.push(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_a_story_are_taken_once_with_their_span_and_up_to_a_limit() {
        let alert = |n: u8, at: i64| AlertBrief {
            id: AlertId(1),
            story: StoryId(1),
            facility: "10001".to_owned(),
            sensor: "10001-1".to_owned(),
            at: Timestamp::from_micros(at),
            arrived_at: Timestamp::from_micros(at),
            src_ip: format!("10.0.0.{n}"),
            src_port: None,
            dest_ip: "10.0.1.1".to_owned(),
            dest_port: None,
            proto: "TCP".to_owned(),
            app_proto: None,
        };
        let alerts: Vec<AlertBrief> = (0..60).map(|n| alert(n, i64::from(n))).collect();
        let places = places_of(&alerts);
        assert_eq!(places.len(), RELATED_HOSTS_MAX);
        let target = places.iter().find(|place| place.host == IpAddr::from([10, 0, 1, 1])).expect("seen in all");
        assert_eq!((target.from, target.until), (0, 59));
    }
}
