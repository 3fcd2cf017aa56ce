//! The list of indicators over a real connection: it comes down by the line that the sensor dialled, and by nothing else.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod world;

use phitak_model::{Indicator, IndicatorValue, Severity};
use phitak_uplink::feed::{Change, FeedPosition, Keeper};
use world::{Centre, Hospital, Trouble, now, proxy};

fn add(id: u32) -> Change {
    Change::Add(Indicator {
        id,
        value: IndicatorValue::Address([198, 51, (id >> 8) as u8, id as u8].into(), 32),
        severity: Severity::High,
        expires_at: now().plus_secs(86_400),
        text: "คำ".to_owned(),
    })
}

fn ids(keeper: &Keeper) -> Vec<u32> {
    let mut ids = Vec::new();
    keeper.read(&mut |indicator| ids.push(indicator.id)).expect("reads");
    ids
}

fn at(part: u64) -> FeedPosition {
    FeedPosition { generation: 1, part }
}

#[tokio::test]
async fn a_list_comes_with_the_next_acknowledgement() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    let keeper = hospital.keeper();
    centre.intake.publish(&[add(1), add(2)]);
    centre.intake.publish(&[Change::Remove(1), add(3)]);
    hospital.append(1);
    hospital.send_until(centre.address(), Some(keeper.clone()), |_| keeper.position() == at(2)).await;
    assert_eq!(ids(&keeper), [2, 3]);
    centre.intake.publish(&[add(4)]);
    hospital.append(2);
    hospital.send_until(centre.address(), Some(keeper.clone()), |_| keeper.position() == at(3)).await;
    assert_eq!(ids(&keeper), [2, 3, 4]);
    assert_eq!(centre.numbers(), [1, 2]);
}

#[tokio::test]
async fn a_bad_line_delays_a_list_and_never_changes_it() {
    let seed = world::seed();
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    let keeper = hospital.keeper();
    for part in 0..40 {
        centre.intake.publish(&(0..100).map(|n| add(part * 100 + n)).collect::<Vec<_>>());
    }
    let proxy = proxy(centre.address(), Trouble { seed, bytes_min: 20_000, bytes_max: 120_000 }).await;
    (1..=4).for_each(|number| hospital.append(number));
    // The whole list is more than one connection lets through, and a page that broke is asked for again a minute later.
    hospital.send_until(&proxy.address, Some(keeper.clone()), |desk| desk.is_drained() && proxy.troubles() > 0).await;
    assert_eq!(centre.numbers(), [1, 2, 3, 4], "seed {seed}");
    let come = keeper.position().part as usize * 100;
    assert_eq!(ids(&keeper), (0..come as u32).collect::<Vec<_>>(), "a beginning of the list, seed {seed}");
    let again = hospital.keeper();
    assert_eq!((again.position(), ids(&again).len()), (keeper.position(), come), "and so on the disk, seed {seed}");
}

#[tokio::test]
async fn a_list_that_was_changed_is_refused_and_alerts_go_on() {
    let centre = Centre::start().await;
    let hospital = Hospital::enrolled(&centre).await;
    let keeper = hospital.keeper();
    centre.intake.publish(&[add(1)]);
    centre.intake.publish(&[add(2)]);
    centre.intake.damage_part(1);
    (1..=5).for_each(|number| hospital.append(number));
    let kept = keeper.clone();
    hospital
        .send_until(centre.address(), Some(keeper.clone()), move |desk| desk.is_drained() && kept.position() == at(1))
        .await;
    (6..=9).for_each(|number| hospital.append(number));
    hospital.send_until(centre.address(), Some(keeper.clone()), |desk| desk.is_drained()).await;
    assert_eq!((keeper.position(), ids(&keeper)), (at(1), vec![1]));
    assert_eq!(centre.numbers(), (1..=9).collect::<Vec<_>>());
}
