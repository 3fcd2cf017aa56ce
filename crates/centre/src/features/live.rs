//! Live updates: one stream a page, with what the caller may see and nothing else.

use crate::{
    announce::{Announcement, News},
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    streams::Place,
    wire::{FindingState, Moment, RecipientState, SensorStatus, Severity},
};
use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use serde::Serialize;
use std::{convert::Infallible, time::Duration};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::{Instant, timeout_at},
};
use utoipa::ToSchema;

/// Data of the event `story`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveStory {
    pub id: i64,
    pub facility: String,
    pub severity: Severity,
    pub last_at: Moment,
}

/// Data of the event `finding`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveFinding {
    pub id: i64,
    pub facility: String,
    pub state: FindingState,
}

/// Data of the event `sensor`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveSensor {
    pub id: String,
    pub facility: String,
    pub status: SensorStatus,
}

/// Data of the event `bulletin`: what became of one hospital's part in an early warning.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveBulletin {
    pub id: i64,
    pub facility: String,
    pub state: RecipientState,
    /// How often it was asked again
    pub level: u8,
}

/// Data of the event `case`: something of it changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveCase {
    pub id: i64,
    pub facility: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/live")
            .summary("Server-sent events `story`, `finding`, `sensor`, `bulletin`, `case`, and `resync` when some were missed")
            .allow(SIGNED_IN, Reach::Tenant)
            .names::<LiveStory>()
            .names::<LiveFinding>()
            .names::<LiveSensor>()
            .names::<LiveBulletin>()
            .names::<LiveCase>()
            .answers_stream()
            .to(live),
    ]
}

/// How often the stream shows that it lives, and asks whether its session does.
const PING: Duration = Duration::from_secs(15);
/// When to come back while all streams are taken.
const STREAMS_RETRY_SECS: i64 = 30;

struct Listener {
    centre: Centre,
    caller: Caller,
    receiver: broadcast::Receiver<Announcement>,
    stopping: watch::Receiver<bool>,
    ping_at: Instant,
    _place: Place,
}

async fn live(State(centre): State<Centre>, caller: Caller) -> Result<Response, Refusal> {
    let place = centre.streams.enter(caller.key_digest());
    let place = place.ok_or_else(|| Refusal::too_many_streams(STREAMS_RETRY_SECS))?;
    let (receiver, stopping) = (centre.announcer.listen(), centre.stopping.subscribe());
    let listener = Listener { centre, caller, receiver, stopping, ping_at: Instant::now(), _place: place };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    // Proxies that gather bytes would hold events back.
    Ok(([("x-accel-buffering", "no")], Sse::new(stream)).into_response())
}

impl Listener {
    /// The next event; `None` ends the stream when the session is over or the centre stops. It begins with a ping, so that
    /// the page knows that it is connected.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if Instant::now() >= self.ping_at {
                return self.ping().await;
            }
            let heard = tokio::select! {
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                heard = timeout_at(self.ping_at, self.receiver.recv()) => heard,
            };
            match heard {
                Err(_) => return self.ping().await,
                Ok(Ok(announcement)) if announcement.concerns(self.caller.scope()) => {
                    return Some(event(&announcement));
                }
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Lagged(_))) => return Some(Event::default().event("resync").data("{}")),
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }

    async fn ping(&mut self) -> Option<Event> {
        self.ping_at = Instant::now() + PING;
        self.caller.still_holds(&self.centre).await.then(|| Event::default().comment("ping"))
    }
}

fn event(announcement: &Announcement) -> Event {
    let facility = announcement.facility.to_string();
    let (name, data) = match &announcement.news {
        News::Story { id, severity, last_at } => {
            let story = LiveStory { id: id.0, facility, severity: (*severity).into(), last_at: (*last_at).into() };
            ("story", serde_json::to_string(&story))
        }
        News::Stories => ("resync", Ok("{}".to_owned())),
        News::Finding { id, state } => {
            ("finding", serde_json::to_string(&LiveFinding { id: id.0, facility, state: (*state).into() }))
        }
        News::Sensor { id, watching } => {
            let status = if *watching { SensorStatus::Watching } else { SensorStatus::Silent };
            ("sensor", serde_json::to_string(&LiveSensor { id: id.to_string(), facility, status }))
        }
        News::Bulletin { id, state, level } => {
            let bulletin = LiveBulletin { id: id.0, facility, state: (*state).into(), level: *level };
            ("bulletin", serde_json::to_string(&bulletin))
        }
        News::Case { id, .. } => ("case", serde_json::to_string(&LiveCase { id: id.0, facility })),
    };
    Event::default().event(name).data(data.unwrap_or_else(|_| "{}".to_owned()))
}
