//! Traces as a report sees them, made by hand.

use std::time::Duration;

use pgrehearse::verdict::{
    BlockReport, LockReport, LockSpanReport, Place, RelationReport, RewriteReport, ScanReport,
    StallReport, StatementReport, TotalReport, TraceReport, TransactionReport,
};

/// One statement that rewrites a table, and who waited.
pub fn one() -> TraceReport {
    let orders = RelationReport {
        name: "public.orders".to_owned(),
        kind: "table",
        is_new: false,
    };
    TraceReport {
        statements: vec![StatementReport {
            pid: 4711,
            transaction: 0,
            tag: "ALTER TABLE".to_owned(),
            text: "alter table orders alter id type bigint".to_owned(),
            place: Some(Place {
                file: "migrations/2_orders.sql".to_owned(),
                line: Some(3),
            }),
            is_nested: false,
            began: Duration::from_millis(120),
            took: Duration::from_millis(4100),
            rows: None,
            locks: vec![LockReport {
                relation: orders.clone(),
                mode: "ACCESS EXCLUSIVE",
                is_first: true,
            }],
            blocks: Some(BlockReport {
                relation: orders.name.clone(),
                mode: "ACCESS EXCLUSIVE",
                reads: true,
                held: Duration::from_millis(4110),
            }),
            rewrites: vec![RewriteReport {
                relation: orders.clone(),
                bytes: 220_000_000,
                reasons: vec!["a column's type changed"],
            }],
            scans: vec![ScanReport {
                relation: orders.clone(),
                times: 2,
                rows: 3_600_000,
            }],
            dropped: vec!["index public.orders_old".to_owned()],
            lock_timeout: Some(Duration::from_secs(2)),
            statement_timeout: None,
        }],
        transactions: vec![TransactionReport {
            pid: 4711,
            began: Duration::from_millis(118),
            ended: Duration::from_millis(4230),
            locks: vec![LockSpanReport {
                relation: orders,
                mode: "ACCESS EXCLUSIVE",
                acquired: Duration::from_millis(120),
                released: Duration::from_millis(4230),
                waited: Duration::ZERO,
            }],
        }],
        stalls: vec![
            StallReport {
                relation: "public.orders".to_owned(),
                access: "reads",
                began: Duration::from_millis(120),
                took: Duration::from_millis(4112),
                statement: Some(0),
            },
            StallReport {
                relation: "public.orders".to_owned(),
                access: "writes",
                began: Duration::from_millis(120),
                took: Duration::from_millis(4113),
                statement: Some(0),
            },
        ],
        totals: vec![TotalReport {
            text: "alter table orders alter id type bigint".to_owned(),
            calls: 1,
            rows: 0,
            took: Duration::from_millis(4100),
        }],
        missing: Vec::new(),
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn statement(pid: u32, transaction: usize, text: &str, from: u64, to: u64) -> StatementReport {
    StatementReport {
        pid,
        transaction,
        tag: "ALTER TABLE".to_owned(),
        text: text.to_owned(),
        place: None,
        is_nested: false,
        began: ms(from),
        took: ms(to - from),
        rows: None,
        locks: Vec::new(),
        blocks: None,
        rewrites: Vec::new(),
        scans: Vec::new(),
        dropped: Vec::new(),
        lock_timeout: None,
        statement_timeout: None,
    }
}

fn blocking(mut statement: StatementReport, span: &LockSpanReport) -> StatementReport {
    statement.blocks = Some(BlockReport {
        relation: span.relation.name.clone(),
        mode: span.mode,
        reads: span.mode == "ACCESS EXCLUSIVE",
        held: span.released.saturating_sub(span.acquired),
    });
    statement
}

fn transaction(pid: u32, from: u64, to: u64, locks: Vec<LockSpanReport>) -> TransactionReport {
    TransactionReport {
        pid,
        began: ms(from),
        ended: ms(to),
        locks,
    }
}

fn span(name: &str, mode: &'static str, from: u64, to: u64) -> LockSpanReport {
    LockSpanReport {
        relation: RelationReport {
            name: name.to_owned(),
            kind: "table",
            is_new: false,
        },
        mode,
        acquired: ms(from),
        released: ms(to),
        waited: Duration::ZERO,
    }
}

fn stall(name: &str, access: &'static str, from: u64, to: u64, cause: usize) -> StallReport {
    StallReport {
        relation: name.to_owned(),
        access,
        began: ms(from),
        took: ms(to - from),
        statement: Some(cause),
    }
}

/// Five statements of two sessions at the same time: waits, locks of all strengths and stalls.
pub fn five() -> TraceReport {
    let mut orders = span("public.orders", "ACCESS EXCLUSIVE", 1_920, 4_230);
    orders.waited = ms(1_300);
    let customers = span("public.customers", "SHARE ROW EXCLUSIVE", 3_100, 4_230);
    let items = span("public.order_items", "SHARE", 300, 2_700);
    let mut nested = statement(
        4_711,
        0,
        "alter table orders enable trigger user",
        3_400,
        3_900,
    );
    nested.is_nested = true;
    TraceReport {
        statements: vec![
            statement(
                4_711,
                0,
                "create table regions (id bigint primary key, name text)",
                210,
                230,
            ),
            blocking(
                statement(
                    4_712,
                    1,
                    "create index on order_items (product_id)",
                    300,
                    2_700,
                ),
                &items,
            ),
            blocking(
                statement(
                    4_711,
                    0,
                    "alter table orders add column region bigint references regions",
                    620,
                    2_400,
                ),
                &orders,
            ),
            blocking(statement(4_711, 0, "do ?", 3_050, 4_180), &customers),
            nested,
        ],
        transactions: vec![
            transaction(
                4_711,
                200,
                4_230,
                vec![
                    orders,
                    customers,
                    span("public.orders", "ROW EXCLUSIVE", 620, 4_230),
                ],
            ),
            transaction(4_712, 295, 2_700, vec![items]),
            transaction(4_712, 2_900, 2_902, Vec::new()),
        ],
        stalls: vec![
            stall("public.order_items", "writes", 320, 2_690, 1),
            stall("public.orders", "reads", 640, 4_231, 2),
            stall("public.orders", "writes", 900, 4_232, 2),
        ],
        ..TraceReport::default()
    }
}

/// Five hundred statements, each in a transaction of its own, ten to a session, on forty tables.
pub fn many() -> TraceReport {
    let mut trace = TraceReport {
        missing: vec!["what `archive` did: it is another database".to_owned()],
        ..TraceReport::default()
    };
    let mut clock = 1_000;
    for number in 0..500_usize {
        let pid = 5_000 + number as u32 / 10;
        let name = format!(
            "public.table_{}_with_quite_a_long_name_for_a_table",
            number % 40
        );
        // Most are short, and a few are long.
        let took = match number % 97 {
            0 => 4_000,
            7 => 900,
            rest => rest as u64 / 4,
        };
        let mode = match number % 3 {
            0 => "ACCESS EXCLUSIVE",
            1 => "SHARE",
            _ => "ROW EXCLUSIVE",
        };
        let held = span(&name, mode, clock, clock + took + 2);
        let text = format!(
            "alter table table_{} add column c{number} bigint",
            number % 40
        );
        let told = statement(pid, number, &text, clock, clock + took);
        trace.statements.push(match number % 3 {
            2 => told,
            _ => blocking(told, &held),
        });
        if took > 100 {
            trace
                .stalls
                .push(stall(&name, "writes", clock, clock + took, number));
        }
        let ended = clock + took + 2;
        trace
            .transactions
            .push(transaction(pid, clock - 1, ended, vec![held]));
        clock = ended + 9;
    }
    trace
}

/// Only what the migration made itself was locked, of which a trace says nothing.
pub fn quiet() -> TraceReport {
    TraceReport {
        statements: vec![statement(
            4_711,
            0,
            "create table regions (id bigint)",
            12,
            20,
        )],
        transactions: vec![transaction(4_711, 10, 60, Vec::new())],
        ..TraceReport::default()
    }
}

/// [`five`], in which every text is this one.
pub fn hostile(text: &str) -> TraceReport {
    let mut trace = five();
    for statement in &mut trace.statements {
        statement.text = text.to_owned();
        statement.tag = text.to_owned();
        if let Some(blocked) = &mut statement.blocks {
            blocked.relation = text.to_owned();
        }
    }
    for (number, span) in trace
        .transactions
        .iter_mut()
        .flat_map(|it| &mut it.locks)
        .enumerate()
    {
        // Two tables, and both begin badly.
        span.relation.name = format!("{}{text}", if number == 0 { "__proto__" } else { "" });
    }
    for stall in &mut trace.stalls {
        stall.relation = text.to_owned();
    }
    trace.missing = vec![text.to_owned()];
    trace
}

/// A lock on a table of each name, and a statement of the same text, which is shorter.
pub fn of_names(names: &[&str]) -> TraceReport {
    let mut trace = TraceReport::default();
    for (number, name) in names.iter().enumerate() {
        let from = 1_000 * number as u64;
        let held = span(name, "SHARE", from, from + 900);
        trace
            .statements
            .push(statement(7, number, name, from, from + 500));
        trace
            .transactions
            .push(transaction(7, from, from + 950, vec![held]));
    }
    trace
}
