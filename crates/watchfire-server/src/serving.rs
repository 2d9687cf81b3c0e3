//! Connections: taken up, timed, and let go.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::routes::router;
use crate::state::Server;

/// Most connections at a time; those beyond wait to be taken up.
const MOST_CONNECTIONS: usize = 16_384;
/// How long requests may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// Serves until `stop` is there, then lets requests come to their end; with `tls` connections are encrypted.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(server.options.head_timeout);
    let app = router(Arc::clone(&server));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.ok(),
            () = &mut stop => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // The client has gone, or there are too many open files: neither is the end.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Answers are small: they should not wait for more.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        let Some(tls) = tls.clone() else {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                // What a client does wrong with its connection is over with it.
                let _ = connection.await;
                drop(place);
            });
            continue;
        };
        let (builder, watcher) = (builder.clone(), graceful.watcher());
        let head_timeout = server.options.head_timeout;
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(head_timeout, tls.accept(stream)).await {
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                let _ = watcher.watch(connection).await;
            }
            drop(place);
        });
    }
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}
