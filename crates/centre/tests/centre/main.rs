//! The centre as a whole: real tables in a temporary folder, the real router, the real intake; only the time is handed in.

mod audit;
mod backup;
mod bulletins;
mod case_content;
mod cases;
mod chase;
mod evidence;
mod indicators;
mod ingest;
mod journeys;
mod laws;
mod live;
mod loopback;
mod notify_answers;
mod notify_channels;
mod notify_outbox;
mod openapi;
mod postgres;
mod retention;
mod second_factor;
mod sector;
mod sign_in;
mod telling;
mod tokens;
mod week;
