//! Hits as bytes: they sort as hits do, and come back.

use std::net::Ipv6Addr;

use proptest::prelude::*;
use watchfire_engine::correlate::{HitStage, KeyTuple, KeyValue, Ordinal, SortableHit, StageHit};
use watchfire_events::Timestamp;

fn value() -> impl Strategy<Value = KeyValue> {
    let texts =
        prop::collection::vec(prop::sample::select(vec!["", "\0", "\u{1}", "a", "ÿ", "\u{10ffff}"]), 0..4);
    prop_oneof![
        Just(KeyValue::Null),
        any::<bool>().prop_map(KeyValue::Boolean),
        prop_oneof![any::<i64>().prop_map(i128::from), -3..3_i128, any::<u64>().prop_map(i128::from)]
            .prop_map(KeyValue::Integer),
        prop_oneof![any::<f64>(), -3.0..3.0_f64, (-6..6_i8).prop_map(|halves| f64::from(halves) / 2.0)]
            .prop_map(KeyValue::double),
        any::<u128>().prop_map(|bits| KeyValue::Ip(Ipv6Addr::from_bits(bits))),
        any::<i64>().prop_map(|at| KeyValue::Instant(Timestamp::from_millis(at))),
        texts.prop_map(|parts| KeyValue::text(&parts.concat())),
    ]
}

fn hit() -> impl Strategy<Value = StageHit<()>> {
    let stage = prop_oneof![(0..3_u16).prop_map(HitStage::Stage), Just(HitStage::Until)];
    let keys = prop::collection::vec(value(), 2).prop_map(KeyTuple::from);
    (-2..2_i128, prop::option::of(value()), 0..300_u64, stage, keys).prop_map(
        |(nanos, tiebreaker, arrival, stage, keys)| {
            SortableHit { time: Timestamp::from_nanos(nanos), tiebreaker, position: Vec::new(), stage, keys }
                .into_hit(arrival, ())
        },
    )
}

/// The bytes of a hit whose position is its number.
fn bytes(hit: &StageHit<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    hit.write_ordered(&hit.ordinal.arrival.to_be_bytes(), &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn hits_sort_as_bytes_and_come_back(a in hit(), b in hit()) {
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.feeding_order(&b));
        let read = SortableHit::read(&bytes(&a)).expect("it was just written");
        prop_assert_eq!(read.position.clone(), a.ordinal.arrival.to_be_bytes().to_vec());
        prop_assert_eq!(read.into_hit(a.ordinal.arrival, ()), a);
    }

    #[test]
    fn values_sort_as_bytes(a in value(), b in value()) {
        let bytes = |value: &KeyValue| {
            let mut bytes = Vec::new();
            value.write_ordered(&mut bytes);
            bytes
        };
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.cmp(&b));
    }

    #[test]
    fn positions_of_any_length_sort(a in prop::collection::vec(0..3_u8, 0..5), b in prop::collection::vec(0..3_u8, 0..5)) {
        let bytes = |position: &[u8]| {
            let ordinal = Ordinal { time: Timestamp::default(), tiebreaker: None, arrival: 0 };
            let hit = StageHit { ordinal, stage: HitStage::Until, keys: KeyTuple::from([]), payload: () };
            let mut bytes = Vec::new();
            hit.write_ordered(position, &mut bytes);
            bytes
        };
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.cmp(&b));
    }

    #[test]
    fn bytes_that_are_no_hit_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(read) = SortableHit::read(&bytes) {
            let mut again = Vec::new();
            read.clone().into_hit(0, ()).write_ordered(&read.position, &mut again);
            prop_assert_eq!(SortableHit::read(&again), Some(read));
        }
    }

    #[test]
    fn cut_bytes_are_refused(hit in hit(), share in 0..100_usize) {
        let bytes = bytes(&hit);
        prop_assert_eq!(SortableHit::read(&bytes[..bytes.len() * share / 100]), None);
    }
}
