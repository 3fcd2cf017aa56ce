//! The running program: web pages and API on one address, the sensors' uplink on another, until it is told to stop.

use crate::{
    bulletin_watch, centre::Centre, condition, housekeeping, indicator_feed, intake::CentreIntake, notify,
    router::router, silence,
};
use anyhow::Context;
use axum::{Router, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use phitak_uplink::Server;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;

/// Connections of browsers at a time; further ones wait in the listener's queue.
pub const CONNECTIONS_MAX: usize = 4_096;
/// How long a browser may take to send a request's head.
const HEAD_TIME_MAX: Duration = Duration::from_secs(15);
/// How long open requests may take to finish when the centre stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be accepted: mostly out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop` is ready.
///
/// # Errors
/// When the uplink's certificate cannot be made.
pub async fn serve(
    centre: &Centre,
    pages: TcpListener,
    uplink: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let intake = Arc::new(CentreIntake::new(centre.clone()));
    let server = Server::new(&centre.authority, intake, centre.clock.now()).context("the uplink cannot be set up")?;
    let mut stopping = centre.stopping.subscribe();
    let uplink = tokio::spawn(server.serve(uplink, async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }));
    let condition = tokio::spawn(condition::watch(centre.clone()));
    let silence = tokio::spawn(silence::watch(centre.clone()));
    let bulletins = tokio::spawn(bulletin_watch::watch(centre.clone()));
    let telling = tokio::spawn(notify::watch::watch(centre.clone()));
    let outbox = tokio::spawn(notify::dispatch::dispatch(centre.clone()));
    let indicators = tokio::spawn(indicator_feed::watch(centre.clone()));
    let housekeeping = tokio::spawn(housekeeping::keep_tidy(centre.clone()));
    let browsers = tokio::spawn(browsers(router(centre), pages, centre.stopping.subscribe()));
    stop.await;
    tracing::info!("stopping");
    centre.stopping.send_replace(true);
    for (name, task) in [
        ("uplink", uplink),
        ("look at the database", condition),
        ("silence watch", silence),
        ("early warnings", bulletins),
        ("notification", telling),
        ("outbox", outbox),
        ("list of indicators", indicators),
        ("housekeeping", housekeeping),
        ("pages", browsers),
    ] {
        if let Err(error) = task.await {
            tracing::error!(%error, name, "a task failed");
        }
    }
    Ok(())
}

async fn browsers(router: Router, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let free = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            free = free => free,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    connection(router, stream, address, stopping).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted; trying again");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let _ = timeout(STOP_TIME_MAX, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(router: Router, stream: TcpStream, address: SocketAddr, mut stopping: watch::Receiver<bool>) {
    // Small answers must not wait for the next packet.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().oneshot(request)
    });
    // HTTP/1 only: looking which version it is would wait for a silent client without an end.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a browser's connection ended");
            }
            return;
        }
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
