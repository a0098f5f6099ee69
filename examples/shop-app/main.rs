//! The webshop's application in miniature, for the smoke test of the example projects: pages that
//! read, an order that is taken and then processed, and one plain log line for each request.
//!
//! It reads `DATABASE_URL` and `PORT`, listens on 127.0.0.1 and ends on SIGTERM.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::{Client, NoTls};

/// One connection serves every request: it pipelines them.
type Database = Arc<Client>;

/// An order as the checkout sends it.
#[derive(Deserialize)]
struct Order {
    reference: String,
    customer_id: i64,
    items: Value,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "`DATABASE_URL` is not set")?;
    let port: u16 = std::env::var("PORT")
        .map_err(|_| "`PORT` is not set")?
        .parse()?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            log(&format!("ERROR the connection is lost: {error}"));
        }
    });
    let app = Router::new()
        .route("/health", get(health))
        .route("/products", get(products))
        .route("/customers/{id}", get(customer))
        .route("/orders", post(order))
        .route("/orders/import", post(import))
        .with_state(Arc::new(client));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    log(&format!("listening on 127.0.0.1:{port}"));
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    log("stopped");
    Ok(())
}

async fn health(State(database): State<Database>) -> Result<&'static str, Failure> {
    database.query_one("select 1", &[]).await?;
    Ok("ok")
}

async fn products(uri: Uri, State(database): State<Database>) -> Result<Html<String>, Failure> {
    let rows = database
        .query(
            "select p.name, b.name, p.price::text
             from products p
             join brands b on b.id = p.brand_id
             order by p.id
             limit 50",
            &[],
        )
        .await?;
    let mut page = String::from("<h1>Products</h1>\n");
    page.push_str(&badges(&database).await);
    page.push_str("<ul>\n");
    for row in &rows {
        let (name, brand, price): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        page.push_str(&format!(
            "<li>{} by {}: {price}</li>\n",
            html(name),
            html(brand)
        ));
    }
    page.push_str("</ul>\n");
    log(&format!("200 GET {uri}"));
    Ok(Html(page))
}

/// The strip of what is new: nice to have, so the page does without it when it fails. A gate that
/// asks only for "200" never learns that it is gone.
async fn badges(database: &Client) -> String {
    let query = "select badge, count(*) from products where badge is not null group by badge order by badge";
    let Ok(rows) = database.query(query, &[]).await else {
        log("the badges are left out of the page");
        return String::new();
    };
    let mut strip = String::new();
    for row in &rows {
        let (badge, count): (&str, i64) = (row.get(0), row.get(1));
        strip.push_str(&format!("<p>{}: {count}</p>\n", html(badge)));
    }
    strip
}

async fn customer(
    uri: Uri,
    State(database): State<Database>,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let found = database
        .query_opt(
            "select c.full_name, c.email, count(o.id), coalesce(sum(o.total), 0)::text
             from customers c
             left join orders o on o.customer_id = c.id
             where c.id = $1
             group by c.id",
            &[&id],
        )
        .await?;
    let Some(row) = found else {
        log(&format!("404 GET {uri}"));
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let (name, email, orders, total): (&str, &str, i64, &str) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    log(&format!("200 GET {uri}"));
    Ok(Html(format!(
        "<h1>{}</h1>\n<p>{}</p>\n<p>{orders} orders, {total} in total</p>\n",
        html(name),
        html(email)
    ))
    .into_response())
}

async fn order(
    State(database): State<Database>,
    Json(order): Json<Order>,
) -> Result<StatusCode, Failure> {
    receive(database, order).await
}

/// An order in a file, as a partner's system uploads it.
async fn import(
    State(database): State<Database>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let order = uploaded(&headers, &body).and_then(|file| serde_json::from_slice(file).ok());
    match order {
        Some(order) => receive(database, order).await,
        None => Ok(StatusCode::BAD_REQUEST),
    }
}

/// The first file of a multipart form.
fn uploaded<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<&'a [u8]> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = kind.split_once("boundary=")?.1.trim_matches('"');
    let start = find(body, b"\r\n\r\n")? + 4;
    let end = find(&body[start..], format!("\r\n--{boundary}").as_bytes())?;
    Some(&body[start..start + end])
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Takes an order and answers at once; the work is done after the answer. The same order sent twice
/// is one order.
async fn receive(database: Database, order: Order) -> Result<StatusCode, Failure> {
    let placed = database
        .query_opt(
            "with wanted as (
                 select product_id, quantity, price
                 from jsonb_to_recordset($3::jsonb) as item (product_id bigint, quantity integer)
                 join products on products.id = product_id
             ), placed as (
                 insert into orders (reference, customer_id, currency_code, total)
                 select $1::text, $2::bigint, 'EUR', coalesce(sum(quantity * price), 0) from wanted
                 on conflict (reference) do nothing
                 returning id
             ), items as (
                 insert into order_items (order_id, product_id, quantity, unit_price)
                 select placed.id, product_id, quantity, price from placed, wanted
             )
             select id from placed",
            &[&order.reference, &order.customer_id, &order.items],
        )
        .await?;
    log(&format!("202 order {} is received", order.reference));
    if let Some(row) = placed {
        let id: i64 = row.get(0);
        tokio::spawn(async move {
            if let Err(error) = accept(&database, id).await {
                log(&format!(
                    "ERROR order {id} can't be accepted: {}",
                    said(&error)
                ));
            }
        });
    }
    Ok(StatusCode::ACCEPTED)
}

/// What a worker would do: look whether everything is in stock, then accept the order.
async fn accept(database: &Client, id: i64) -> Result<(), tokio_postgres::Error> {
    database
        .execute(
            "update orders set status = 'accepted'
             where id = $1
               and status = 'received'
               and not exists (
                   select from order_items i
                   where i.order_id = orders.id
                     and i.quantity > (select coalesce(sum(s.quantity), 0)
                                       from stock s
                                       where s.product_id = i.product_id))",
            &[&id],
        )
        .await?;
    log(&format!("order {id} is processed"));
    Ok(())
}

/// A query that failed: a line in the log, and a 500 that says nothing.
struct Failure(tokio_postgres::Error);

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        log(&format!("ERROR 500 {}", said(&self.0)));
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// The server's own words, where it said something.
fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |server| format!("{} ({})", server.message(), server.code().code()),
    )
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// One line to the log. Nobody may be reading it any more, and that is no reason to stop.
fn log(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
