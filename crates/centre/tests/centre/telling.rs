//! A sector whose people are told outside the pages, by servers on this machine.

use crate::{
    loopback::{HttpServer, MailServer},
    sector::{ALPHA, CHARLIE, Hospital, Person, Sector, alert},
};
use axum::http::StatusCode;
use phitak_centre::{
    centre::{Centre, Settings},
    notify::{channel::CHANNELS, dispatch::send_due, link, outward::OutwardSettings, watch},
};
use phitak_model::Severity;
use phitak_store::{
    AuditLine, BulletinId, ChannelSetup, Contact, ContactBook, Delivery, PageAsk, Scope, UserId,
    delivery_log::{DeliveryFilter, DeliveryRecord},
};
use phitak_uplink::Item;
use serde_json::{Value, json};

/// Of the webhook.
pub const KEY: &str = "a key of the receiver";

impl Sector {
    /// Channels may be on this machine; no sensor is missed for days.
    pub async fn telling() -> Self {
        Self::telling_silence_after(10 * 86_400).await
    }

    /// The same, where a sensor is missed after so long.
    pub async fn telling_silence_after(silent_after_secs: i64) -> Self {
        let outward = OutwardSettings { loopback: true, ..OutwardSettings::default() };
        Self::with(Settings { outward, silent_after_secs, ..Settings::default() }).await
    }

    pub async fn set_channel(&self, kind: &str, values: Value, secret: &str) {
        let setting = json!({"enabled": true, "values": values, "secret": secret});
        let path = format!("/api/v1/notification-channels/{kind}");
        let answer = self.post(Person::Administrator, &path, setting).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.text);
    }

    pub async fn set_webhook(&self, server: &HttpServer) {
        self.set_channel("webhook", json!({"url": server.url("/told")}), KEY).await;
    }

    pub async fn set_mail(&self, server: &MailServer, security: &str) {
        let values = json!({
            "host": if security == "plain" { "127.0.0.1" } else { "localhost" },
            "port": server.address.port().to_string(),
            "security": security,
            "user": if security == "plain" { "" } else { "phitak" },
            "from": "phitak@example.go.th",
        });
        self.set_channel("mail", values, "secret of the mail server").await;
    }

    /// Where a person is told: channels with their addresses, in order.
    pub async fn reach(&self, person: Person, contacts: &[(&str, &str)]) {
        let contacts: Vec<Value> =
            contacts.iter().map(|(channel, address)| json!({"channel": channel, "address": address})).collect();
        let answer = self.post(person, "/api/v1/session/contacts", json!({"contacts": contacts})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }

    pub async fn put_on_duty(&self, path: &str, duties: &[(Person, u32)]) {
        let duties: Vec<Value> =
            duties.iter().map(|(person, minutes)| json!({"login": person.login(), "wait_minutes": minutes})).collect();
        let answer = self.post(Person::Administrator, path, json!({"duties": duties})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }

    /// An alert of a story of its own that calls for people.
    pub async fn urgent(&self, hospital: Hospital, signature: u32, severity: Severity) {
        let mut alert = alert(hospital, 9_300_000 + signature, &format!("urgent {signature}"), severity);
        alert.at = self.now();
        self.send(hospital, 77, u64::from(signature), vec![Item::Alert(Box::new(alert))]).await;
    }

    /// Finds what has to be told, and empties the outbox of what is due.
    pub async fn tell(&self) {
        watch::look(&self.centre).await.expect("looks");
        tell_due(&self.centre).await;
    }

    /// The log, oldest first, from the tables.
    pub async fn told(&self) -> Vec<DeliveryRecord> {
        let ask = PageAsk { cursor: None, limit: Some(200) };
        let scope = Scope::of_the_centre_itself();
        let page = self.centre.store.delivery_log(&scope, &DeliveryFilter::default(), &ask).await.expect("reads");
        page.items.into_iter().rev().collect()
    }

    pub fn token_of(&self, delivery: &Delivery) -> String {
        let url = link::url(&self.centre, delivery.id, delivery.created_at);
        url.rsplit('/').next().expect("a token").to_owned()
    }

    /// The token of a link that was made for somebody of this hospital, or of the sector where nobody of it has an account.
    pub async fn answering_token(&self, hospital: Hospital) -> String {
        let (store, now) = (&self.centre.store, self.now());
        let audit = AuditLine::of_operator(now, "test");
        if !store.channel("mail").await.is_ok_and(|channel| channel.enabled) {
            let setup = ChannelSetup { enabled: true, ..ChannelSetup::default() };
            store.set_channel("mail", setup, audit.clone()).await.expect("is set up");
        }
        let person = match hospital.code {
            code if code == ALPHA.code => Person::AtAlpha,
            code if code == CHARLIE.code => Person::AtCharlie,
            _ => Person::Administrator,
        };
        let user = store.user_by_login(person.login()).await.expect("reads").expect("an account").id;
        self.give_address(user, audit).await;
        let id = self.sent_only_to(hospital).await;
        watch::look(&self.centre).await.expect("looks");
        let told = self.told().await;
        let record = told.iter().find(|record| record.matter.bulletin == Some(BulletinId(id)));
        self.token_of(&record.expect("is told").delivery)
    }

    async fn give_address(&self, user: UserId, audit: AuditLine) {
        let contacts = vec![Contact { channel: "mail".to_owned(), address: "anan@hospital.example".to_owned() }];
        let book = ContactBook { contacts, quiet: None };
        self.centre.store.set_contact_book(user, &book, audit).await.expect("is kept");
    }
}

/// Empties the outbox of what is due, by every channel.
pub async fn tell_due(centre: &Centre) {
    loop {
        let mut sent = 0;
        for channel in CHANNELS {
            sent += send_due(centre, *channel).await.expect("sends");
        }
        if sent == 0 {
            return;
        }
    }
}
