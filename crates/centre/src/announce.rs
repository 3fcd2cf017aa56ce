//! What changed, told to every open page that may know of it.

use phitak_model::{FacilityCode, FindingState, HealthRegion, SensorId, Severity, Timestamp};
use phitak_store::{BulletinId, CaseId, FindingId, RecipientState, Scope, StoryId};
use tokio::sync::broadcast;

/// Changes that wait for a slow page; it is told to reload when it missed some.
pub const WAITING_MAX: usize = 1024;

/// A change at one facility.
#[derive(Clone, Debug)]
pub struct Announcement {
    pub facility: FacilityCode,
    pub region: HealthRegion,
    pub news: News,
}

/// What changed.
#[derive(Clone, Debug)]
pub enum News {
    Story {
        id: StoryId,
        severity: Severity,
        last_at: Timestamp,
    },
    /// Many stories at once: pages ask again.
    Stories,
    Finding {
        id: FindingId,
        state: FindingState,
    },
    Sensor {
        id: SensorId,
        watching: bool,
    },
    /// A hospital's part in an early warning.
    Bulletin {
        id: BulletinId,
        state: RecipientState,
        level: u8,
    },
    /// A case in which this facility has a part.
    Case {
        id: CaseId,
        team_only: bool,
    },
}

impl Announcement {
    /// Whether somebody of this scope may know of it.
    #[must_use]
    pub fn concerns(&self, scope: &Scope) -> bool {
        let team_only = matches!(self.news, News::Case { team_only: true, .. });
        scope.includes(&self.facility, self.region) && (!team_only || scope.is_whole_sector())
    }
}

/// Where changes are told.
#[derive(Clone, Debug)]
pub struct Announcer {
    sender: broadcast::Sender<Announcement>,
}

impl Default for Announcer {
    fn default() -> Self {
        Self { sender: broadcast::channel(WAITING_MAX).0 }
    }
}

impl Announcer {
    /// Tells everybody who listens; nobody listening is fine.
    pub fn tell(&self, announcement: Announcement) {
        let _ = self.sender.send(announcement);
    }

    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.sender.subscribe()
    }
}
