use super::*;
use core::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: Time = Time::from_secs(1_800_000_000);
const LIFE: Duration = Duration::from_secs(7200);

fn at(series: u8, number: u64) -> NonceNumber {
    NonceNumber { series: [series; 8], number }
}

/// Redeems a nonce issued at `time`.
fn redeem(row: &mut RedeemedNonces, nonce: NonceNumber, time: Time) -> bool {
    row.redeem(nonce, time.plus(LIFE), time)
}

#[test]
fn n04_numbers_in_order_are_one_range() {
    let mut row = RedeemedNonces::default();
    for number in [0, 1, 3, 2, 4] {
        assert!(redeem(&mut row, at(1, number), NOW), "{number}");
        assert!(!redeem(&mut row, at(1, number), NOW), "{number} a second time");
    }
    assert_eq!(row.series.iter().map(|series| &series.used).collect::<Vec<_>>(), [&[(0, 4)]]);
    assert!(redeem(&mut row, at(1, 9), NOW) && !row.has(at(1, 7), NOW.plus(LIFE)));
    assert!(redeem(&mut row, at(2, 0), NOW), "another series has numbers of its own");
    assert_eq!((row.series.len(), row.count()), (2, 7));
}

#[test]
fn n04_series_is_removed_with_its_last_nonce_and_stays_refused() {
    let mut row = RedeemedNonces::default();
    assert!(redeem(&mut row, at(1, 0), NOW));
    let later = NOW.plus(Duration::from_secs(60));
    assert!(redeem(&mut row, at(1, 1), later));
    // While its last nonce could be used again, the first one is kept too.
    assert!(redeem(&mut row, at(2, 0), later.plus(LIFE)));
    assert_eq!((row.series.len(), row.floor), (2, None));
    assert!(redeem(&mut row, at(2, 1), later.plus(LIFE + Duration::from_millis(1))));
    assert_eq!((row.series.len(), row.floor), (1, Some(later.plus(LIFE))));
    // The clock goes back: what was redeemed is refused still.
    assert!(!redeem(&mut row, at(1, 0), NOW) && !redeem(&mut row, at(1, 1), later));
}

#[test]
fn full_row_refuses_the_oldest_unused_nonces() {
    let mut row = RedeemedNonces::default();
    // Every second nonce only, so that each is a range of its own.
    for number in 0..2_000 {
        assert!(redeem(&mut row, at(1, 2 * number), NOW), "{number}");
    }
    let used = &row.series[0].used;
    assert_eq!((row.series.len(), used.len(), used[0].0), (1, MAX_RANGES, 0));
    assert!(row.has(at(1, 1), NOW.plus(LIFE)), "the oldest gap is closed");
    assert!(!row.has(at(1, 3_997), NOW.plus(LIFE)), "the newest are good");
    // Many series: the oldest goes, and all nonces of its age with it.
    let mut row = RedeemedNonces::default();
    let time = |n: u64| NOW.plus(Duration::from_secs(n));
    let series = |n: u64| NonceNumber { series: n.to_be_bytes(), number: 0 };
    for n in 0..600 {
        assert!(redeem(&mut row, series(n), time(n)), "{n}");
    }
    assert_eq!((row.series.len(), row.floor), (MAX_RANGES, Some(time(600 - 513).plus(LIFE))));
    assert!(!redeem(&mut row, series(0), time(0)) && !redeem(&mut row, at(9, 9), time(80)));
    assert!(serde_json::to_string(&row).unwrap().len() < 40_000);
}

proptest! {
    #[test]
    fn n04_no_order_of_use_redeems_a_nonce_twice(
        steps in proptest::collection::vec((0_u8..4, 0_u64..40, 0_u64..3_600), 1..400),
    ) {
        let (mut row, mut seen, mut now) = (RedeemedNonces::default(), BTreeSet::new(), NOW);
        for (series, number, seconds) in steps {
            // Up to an hour forward, or back.
            now = if seconds % 3 == 0 { now.minus(Duration::from_secs(seconds)) } else { now.plus(Duration::from_secs(seconds)) };
            // A nonce is issued at one time, which it says itself.
            let issued = NOW.plus(Duration::from_secs(60 * number));
            let first = row.redeem(at(series, number), issued.plus(LIFE), now);
            prop_assert!(!first || seen.insert((series, number)), "{series} {number}");
            let ranges: Vec<(u64, u64)> = row.series.iter().flat_map(|series| series.used.clone()).collect();
            prop_assert!(ranges.iter().all(|(first, last)| first <= last) && ranges.len() <= MAX_RANGES);
        }
    }
}
