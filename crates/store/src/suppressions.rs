//! Suppressions: "do not show alerts like these", with who, why and until when. What they hide is stored and counted as
//! always, in stories that are open nowhere and told to nobody.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    ids::{StoryId, SuppressionId},
    rows::{story, suppression as row},
    scope::{Scope, ScopeReach},
    suppressing::{Reach, SUPPRESSIONS_MAX, SUPPRESSIONS_PER_SIGNATURE_MAX},
    suppression_list::{Suppression, SuppressionStanding, own, standing_of, stands},
    triage::{REASON_CHARS_MAX, SUPPRESSED, add_event},
    words::model_words::severity_of,
};
use phitak_model::{FacilityCode, Network, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, Statement,
};

/// Longest time, in days: what is still noise then is looked at again.
pub const SUPPRESSION_DAYS_MAX: u32 = 180;
const DAY_SECS: i64 = 86_400;
/// Most suppressions that one look forgets.
const FORGOTTEN_MAX: u64 = 500;

/// Which alerts of a story's signature are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuppressionReach {
    /// One hospital; all that the caller sees without.
    pub facility: Option<String>,
    pub source: Option<Network>,
    pub destination: Option<Network>,
}

/// A suppression as it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSuppression {
    /// Whose signature is meant.
    pub story: StoryId,
    pub reach: SuppressionReach,
    pub reason: String,
    pub days: u32,
}

impl Store {
    /// Hides what is like this from now on. Over fewer hospitals than the sector it hides at those alone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a story or a hospital outside the scope; [`StoreError::Invalid`] names the rule that
    /// is broken; [`StoreError::Conflict`] when the same is hidden already or there is no room.
    pub async fn suppress(
        &self,
        scope: &Scope,
        new: NewSuppression,
        audit: AuditLine,
    ) -> Result<Suppression, StoreError> {
        let reason = checked_reason(&new.reason)?;
        if new.days == 0 || new.days > SUPPRESSION_DAYS_MAX {
            let why = format!(
                "alerts are hidden for 1 to {SUPPRESSION_DAYS_MAX} days; what is still noise then is looked at again"
            );
            return Err(StoreError::invalid(why));
        }
        self.story(scope, new.story).await?;
        let (region, facility) = self.place_of(scope, new.reach.facility.as_deref()).await?;
        let (now, expires_at) = (audit.at, audit.at.plus_secs(i64::from(new.days) * DAY_SECS));
        let tx = self.write().await?;
        let story = story::Entity::find_by_id(new.story.0).one(&tx).await?.ok_or(StoreError::NotFound)?;
        if story.suppression_id != 0 {
            return Err(StoreError::conflict("a suppression hides this story already"));
        }
        let (source, destination) = (new.reach.source, new.reach.destination);
        let reach = Reach { region, facility: facility.clone().map(String::from), source, destination };
        refuse_surplus(&tx, &story, &reach, now).await?;
        let inserted = row::Entity::insert(row::ActiveModel {
            gid: Set(story.gid),
            signature_id: Set(story.signature_id),
            signature: Set(story.signature.clone()),
            severity: Set(story.severity),
            region: Set(region),
            facility: Set(reach.facility.clone()),
            source: Set(source.map(String::from)),
            destination: Set(destination.map(String::from)),
            reason: Set(reason.to_owned()),
            created_at: Set(now.micros()),
            created_by: Set(audit.who.clone()),
            expires_at: Set(expires_at.micros()),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let id = SuppressionId(inserted.last_insert_id);
        add_event(&tx, new.story, now, Some(&audit.who), SUPPRESSED, None, Some(reason), None).await?;
        let told = format!("{} until {}: {reason}", in_words(&story, &reach), expires_at.iso());
        audit.about(format!("suppression {id}"), facility.as_ref()).saying(told).store(&tx).await?;
        self.commit_suppressing(tx).await?;
        self.suppression(scope, id, now).await
    }

    /// Ends one before its time. What it hid stays where it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also when it reaches further than the scope; [`StoreError::Conflict`] when it is over;
    /// [`StoreError::Invalid`] without a reason.
    pub async fn lift_suppression(
        &self,
        scope: &Scope,
        id: SuppressionId,
        reason: &str,
        audit: AuditLine,
    ) -> Result<Suppression, StoreError> {
        let reason = checked_reason(reason)?;
        let now = audit.at;
        let tx = self.write().await?;
        let own = row::Entity::find_by_id(id.0).filter(own(scope)).one(&tx).await?.ok_or(StoreError::NotFound)?;
        if standing_of(&own, now) != SuppressionStanding::Active {
            return Err(StoreError::conflict("it is over already"));
        }
        let told = format!("signature {}:{}: {reason}", own.gid, own.signature_id);
        let facility = own.facility.as_deref().map(FacilityCode::new).transpose();
        let facility =
            facility.map_err(|error| StoreError::Damaged { table: "suppressions", what: error.to_string() })?;
        let mut ended = own.into_active_model();
        ended.ended_at = Set(Some(now.micros()));
        ended.ended_by = Set(Some(audit.who.clone()));
        ended.end_reason = Set(Some(reason.to_owned()));
        row::Entity::update(ended).exec(&tx).await?;
        audit.about(format!("suppression {id}"), facility.as_ref()).saying(told).store(&tx).await?;
        self.commit_suppressing(tx).await?;
        self.suppression(scope, id, now).await
    }

    /// Where a caller hides alerts who names this hospital, or none: as region and facility.
    async fn place_of(
        &self,
        scope: &Scope,
        named: Option<&str>,
    ) -> Result<(Option<i32>, Option<FacilityCode>), StoreError> {
        match (scope.reach(), named) {
            (ScopeReach::Facility(_), _) => {
                Err(StoreError::invalid("a hospital hides no alerts: the centre does, and can be asked to"))
            }
            (_, Some(code)) => Ok((None, Some(self.facility(scope, code).await?.code))),
            (ScopeReach::Region(region), None) => Ok((Some(i32::from(region.number())), None)),
            (ScopeReach::Sector, None) => Ok((None, None)),
        }
    }

    /// Commits a change of suppressions: the next round of alerts goes by it.
    async fn commit_suppressing(&self, tx: DatabaseTransaction) -> Result<(), StoreError> {
        self.suppressing().doubt();
        Ok(tx.commit().await?)
    }
}

/// Those that are over for so long, and of which no story is left.
pub(crate) async fn forget(tx: &DatabaseTransaction, before: i64) -> Result<u64, StoreError> {
    let sql = format!(
        "DELETE FROM suppressions WHERE id IN (SELECT p.id FROM suppressions p WHERE p.expires_at < {before} \
         AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.suppression_id = p.id) LIMIT {FORGOTTEN_MAX})"
    );
    Ok(tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await?.rows_affected())
}

fn checked_reason(reason: &str) -> Result<&str, StoreError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(StoreError::invalid(format!("a reason of 1 to {REASON_CHARS_MAX} characters is needed")));
    }
    Ok(reason)
}

/// Refuses the same twice, and what there is no room for.
async fn refuse_surplus(
    db: &impl ConnectionTrait,
    story: &story::Model,
    reach: &Reach,
    now: Timestamp,
) -> Result<(), StoreError> {
    let active = || row::Entity::find().filter(stands(SuppressionStanding::Active, now));
    if active().count(db).await? >= SUPPRESSIONS_MAX as u64 {
        return Err(StoreError::conflict(format!("at most {SUPPRESSIONS_MAX} suppressions stand at a time")));
    }
    let alike = active()
        .filter(row::Column::Gid.eq(story.gid))
        .filter(row::Column::SignatureId.eq(story.signature_id))
        .all(db)
        .await?;
    if alike.len() >= SUPPRESSIONS_PER_SIGNATURE_MAX {
        let why = format!("at most {SUPPRESSIONS_PER_SIGNATURE_MAX} suppressions of one signature stand at a time");
        return Err(StoreError::conflict(why));
    }
    for known in &alike {
        if known.severity >= story.severity && Reach::of(known)? == *reach {
            return Err(StoreError::conflict("the same alerts are hidden already"));
        }
    }
    Ok(())
}

/// For the audit.
fn in_words(story: &story::Model, reach: &Reach) -> String {
    let place = match (&reach.facility, reach.region) {
        (Some(code), _) => code.clone(),
        (None, Some(region)) => format!("region {region}"),
        (None, None) => "everywhere".to_owned(),
    };
    let end = |network: Option<Network>| network.map_or_else(|| "any".to_owned(), String::from);
    let ends = format!("{} to {}", end(reach.source), end(reach.destination));
    let severity = severity_of(story.severity).as_str();
    format!("signature {}:{} up to {severity} at {place}, {ends},", story.gid, story.signature_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArrivedAlert, NewFacility, SuppressionFilter, sensors::Redeemed};
    use phitak_model::{Alert, HealthRegion, SensorId, Severity};
    use std::task::Poll;

    const HERE: &str = "66101";
    const THERE: &str = "66103";

    fn alert() -> Alert {
        Alert {
            at: Timestamp::from_secs(50),
            gid: 1,
            signature_id: 7,
            rev: 1,
            signature: "seven".to_owned(),
            category: "Test".to_owned(),
            severity: Severity::High,
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip: [10, 0, 0, 1].into(),
            src_port: None,
            dest_ip: [10, 0, 0, 2].into(),
            dest_port: None,
            app_proto: None,
            flow_id: 1,
            packet: 1,
            attack: Vec::new(),
            evidence: None,
            fields: Vec::new(),
        }
    }

    fn audit(now: i64) -> AuditLine {
        AuditLine::of_operator(Timestamp::from_secs(now), "test")
    }

    /// Two hospitals in regions 4 and 8.
    async fn sector(store: &Store) -> Vec<SensorId> {
        let scope = Scope::of_the_centre_itself();
        let mut sensors = Vec::new();
        for (code, province) in [(HERE, "19"), (THERE, "41")] {
            let code = FacilityCode::new(code).expect("a code");
            let (name_th, name_en) = ("ก".to_owned(), "A".to_owned());
            let new = NewFacility { code: code.clone(), name_th, name_en, province_code: province.to_owned() };
            store.import_facilities(&[new], audit(1)).await.expect("imports");
            let until = Timestamp::from_secs(60);
            store.add_enrolment_code(&scope, &code, code.as_str(), until, audit(1)).await.expect("a code");
            match store.redeem(code.as_str(), "key", Timestamp::from_secs(1)).await.expect("redeems") {
                Redeemed::Sensor(sensor) => sensors.push(sensor),
                other => panic!("{other:?}"),
            }
        }
        sensors
    }

    async fn one_alert_each(store: &Store, sensors: &[SensorId], seq: u64) {
        let now = Timestamp::from_secs(100);
        let mut ingest = store.begin_ingest(now, now).await.expect("begins");
        let asked: Vec<(&SensorId, String)> = sensors.iter().map(|sensor| (sensor, "spool".to_owned())).collect();
        let sources: Vec<crate::Source> = ingest.open(&asked).await.expect("opens").into_iter().flatten().collect();
        let sources: Vec<&crate::Source> = sources.iter().collect();
        let alert = alert();
        let arrived: Vec<ArrivedAlert<'_>> =
            (0..sources.len()).map(|source| ArrivedAlert { source, seq, alert: &alert }).collect();
        ingest.add_alerts(&sources, &arrived).await.expect("stores");
        let lasts: Vec<(&crate::Source, u64)> = sources.iter().map(|source| (*source, seq)).collect();
        ingest.commit(&lasts).await.expect("commits");
    }

    fn of(facility: Option<&str>) -> NewSuppression {
        let reach = SuppressionReach { facility: facility.map(str::to_owned), ..SuppressionReach::default() };
        NewSuppression { story: StoryId(1), reach, reason: "noise".to_owned(), days: 30 }
    }

    fn region(number: u8) -> Scope {
        Scope::of_account(ScopeReach::Region(HealthRegion::new(number).expect("a region")))
    }

    async fn hidden(store: &Store, scope: &Scope) -> Vec<(i64, u64)> {
        let (filter, now) = (SuppressionFilter::default(), Timestamp::from_secs(100));
        let page = store.suppressions(scope, &filter, now, &Default::default()).await.expect("reads");
        page.items.iter().map(|one| (one.id.0, one.hidden.alerts)).collect()
    }

    #[tokio::test]
    async fn a_region_hides_at_its_own_hospitals_alone_and_a_hospital_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let sensors = sector(&store).await;
        one_alert_each(&store, &sensors, 1).await;
        let (fourth, whole) = (region(4), Scope::of_the_centre_itself());
        let elsewhere = store.suppress(&fourth, of(Some(THERE)), audit(99)).await;
        assert!(matches!(elsewhere, Err(StoreError::NotFound)), "{elsewhere:?}");
        let hospital = Scope::of_account(ScopeReach::Facility(FacilityCode::new(HERE).expect("a code")));
        let own = store.suppress(&hospital, of(Some(HERE)), audit(99)).await;
        assert!(matches!(own, Err(StoreError::Invalid { .. })), "{own:?}");
        let set = store.suppress(&fourth, of(None), audit(99)).await.expect("hides");
        assert_eq!((set.region, set.facility.clone()), (Some(4), None));
        one_alert_each(&store, &sensors, 2).await;
        assert_eq!(hidden(&store, &whole).await, [(set.id.0, 1)]);
        assert_eq!(store.story(&whole, StoryId(1)).await.expect("there").alerts, 3);
        // Nobody of another region sees or ends it; what hides everywhere is seen by all and ended by the sector.
        assert_eq!(hidden(&store, &region(8)).await, []);
        let foreign = store.lift_suppression(&region(8), set.id, "not mine", audit(100)).await;
        assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
        let everywhere = store.suppress(&whole, of(None), audit(99)).await.expect("hides");
        assert_eq!(hidden(&store, &region(8)).await, [(everywhere.id.0, 0)]);
        let foreign = store.lift_suppression(&region(8), everywhere.id, "not mine", audit(100)).await;
        assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
        store.lift_suppression(&fourth, set.id, "over", audit(100)).await.expect("its own");
    }

    /// What it comes to, or nothing when its caller is gone after so many of its steps.
    async fn abandoned_after<F: Future>(steps: usize, work: F) -> Option<F::Output> {
        let mut work = std::pin::pin!(work);
        let mut done = 0;
        std::future::poll_fn(|context| {
            if done == steps {
                return Poll::Ready(None);
            }
            done += 1;
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    #[tokio::test]
    async fn whenever_the_one_who_lifts_is_gone_ingest_goes_by_what_the_table_says() {
        // How many steps the work takes differs by what is ready already: they are tried until both ends were seen.
        const STEPS_MAX: usize = 10;
        const ROUNDS_MAX: usize = 500;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let sensors = sector(&store).await;
        one_alert_each(&store, &sensors, 1).await;
        let (whole, now) = (Scope::of_the_centre_itself(), Timestamp::from_secs(100));
        let (mut seq, mut seen) = (1, Vec::new());
        for round in 0..ROUNDS_MAX {
            let steps = 1 + round % STEPS_MAX;
            let id = store.suppress(&whole, of(None), audit(99)).await.expect("hides").id;
            let lifting = store.lift_suppression(&whole, id, "over", audit(99));
            let is_done = abandoned_after(steps, lifting).await.map(|lifted| lifted.expect("lifts")).is_some();
            seq += 1;
            one_alert_each(&store, &sensors, seq).await;
            let one = store.suppression(&whole, id, now).await.expect("is there");
            let is_active = one.standing == SuppressionStanding::Active;
            assert_eq!(one.hidden.alerts > 0, is_active, "after {steps} steps");
            if !is_done {
                seen.push(is_active);
            }
            if round >= STEPS_MAX && seen.contains(&true) && seen.contains(&false) {
                break;
            }
            if is_active {
                store.lift_suppression(&whole, id, "over", audit(99)).await.expect("lifts");
            }
        }
        assert!(seen.contains(&true) && seen.contains(&false), "gone before and after the commit: {seen:?}");
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_of_a_signature_and_old_ones_are_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let sensors = sector(&store).await;
        one_alert_each(&store, &sensors, 1).await;
        let whole = Scope::of_the_centre_itself();
        for n in 0..=SUPPRESSIONS_PER_SIGNATURE_MAX {
            let mut new = of(None);
            new.reach.source = format!("192.0.2.{n}").parse().ok();
            let set = store.suppress(&whole, new, audit(99)).await;
            match n {
                SUPPRESSIONS_PER_SIGNATURE_MAX => assert!(matches!(set, Err(StoreError::Conflict { .. })), "{set:?}"),
                _ => assert!(set.is_ok(), "{set:?}"),
            }
        }
        // The one that hid something stays as long as its story does.
        let last = SuppressionId(SUPPRESSIONS_PER_SIGNATURE_MAX as i64);
        store.lift_suppression(&whole, last, "room", audit(99)).await.expect("ends");
        let mut busy = of(None);
        busy.reach.source = "10.0.0.0/8".parse().ok();
        let busy = store.suppress(&whole, busy, audit(99)).await.expect("there is room again").id;
        one_alert_each(&store, &sensors, 2).await;
        let tx = store.write().await.expect("begins");
        assert_eq!(forget(&tx, Timestamp::from_secs(99).micros()).await.expect("none is old"), 0);
        let later = Timestamp::from_secs(100 + 31 * DAY_SECS).micros();
        assert_eq!(forget(&tx, later).await.expect("forgets"), SUPPRESSIONS_PER_SIGNATURE_MAX as u64);
        tx.commit().await.expect("commits");
        assert_eq!(hidden(&store, &whole).await, [(busy.0, 2)]);
    }
}
