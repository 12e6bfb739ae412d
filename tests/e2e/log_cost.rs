//! What a transparency log adds to an issuance, on workerd.

use crate::common::load::client::Cost;
use crate::common::log_cost::{Amount, measure, rows};

/// It prints all figures. Only counts are the same on every machine.
#[test]
fn log_adds_a_row_to_an_issuance_and_no_request() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sides = runtime.block_on(measure(Amount { warm: 20, turn: 15, turns: 4 }));
    println!("an issuance with a log, without, and their ratio; {} each", sides[0].issuances.len());
    for row in rows(&sides) {
        println!("  {}", row.join(" | "));
    }
    let usual = |of: fn(&Cost) -> u64| [sides[0].usual(of), sides[1].usual(of)];
    let [with, without] = usual(|cost| cost.rows);
    assert_eq!(with, without + 1, "rows written");
    let [with, without] = usual(|cost| cost.calls);
    assert_eq!(with, without, "Durable Object calls");
    let [with, without] = usual(|cost| cost.posts);
    assert_eq!(with, without, "POSTs");
}
