//! The sector's centre: takes what sensors send, judges it, and shows it to analysts and hospitals.
//!
//! `registry` lists every route of the API; each is declared whole in its slice under `features`. `guard` checks every
//! request against its route's declaration. `intake` is the sensors' side.

pub mod announce;
pub mod ask;
pub mod attack;
pub mod backup;
pub mod bulletin_texts;
pub mod bulletin_watch;
pub mod campaign;
pub mod care_texts;
pub mod case_law;
pub mod centre;
pub mod clock;
pub mod command;
pub mod concern;
pub mod condition;
pub mod enrol;
pub mod factor_policy;
pub mod features;
pub mod guard;
pub mod housekeeping;
pub mod import;
pub mod indicator_feed;
pub mod intake;
pub mod inventory;
pub mod named;
pub mod names;
pub mod notify;
pub mod openapi;
pub mod pages;
pub mod password;
pub mod playbooks;
pub mod protected;
pub mod qr;
pub mod refusal;
pub mod registry;
pub mod route;
pub mod router;
pub mod rule_texts;
pub mod seal;
pub mod secret;
pub mod serve;
pub mod silence;
pub mod story_ask;
pub mod streams;
pub mod totp;
pub mod turnstile;
pub mod vault;
pub mod wire;
pub mod wire_alert;
pub mod wire_bulletin;
pub mod wire_case;
pub mod wire_list;
