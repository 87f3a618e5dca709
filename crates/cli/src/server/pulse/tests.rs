//! A connection's signs of life, and the orders that come of them, look by look.

use super::*;

fn connection() -> (Arc<Looks>, Arc<Pulse>, Patience) {
    let looks = Arc::new(Looks::default());
    let pulse = Arc::new(Pulse::new(Arc::clone(&looks)));
    (looks, pulse, Patience { header: 4, idle: 10, stall: 6 })
}

/// The first orders other than to go on, and after how many looks each comes.
fn fate((looks, pulse, patience): &(Arc<Looks>, Arc<Pulse>, Patience)) -> Vec<(u32, Order)> {
    let mut orders = Vec::new();
    for look in 1..=20 {
        looks.advance();
        let order = pulse.verdict(*patience);
        if order != orders.last().map_or(Order::Go, |&(_, last)| last) {
            orders.push((look, order));
        }
    }
    orders
}

#[test]
fn who_says_nothing_or_half_a_header_is_cut_off() {
    let connection = connection();
    assert_eq!(fate(&connection), [(4, Order::End)]);
    let pulse = &connection.1;
    drop(Turn::begin(pulse));
    pulse.read();
    assert_eq!(fate(&connection)[0], (4, Order::End), "the second header counts from its first byte");
}

#[test]
fn bytes_do_not_give_a_header_more_time() {
    let (looks, pulse, patience) = connection();
    for _ in 0..3 {
        looks.advance();
        pulse.read();
        assert_eq!(pulse.verdict(patience), Order::Go);
    }
    looks.advance();
    pulse.read();
    assert_eq!(pulse.verdict(patience), Order::End);
}

#[test]
fn an_idle_connection_is_finished_and_then_ended() {
    let connection = connection();
    drop(Turn::begin(&connection.1));
    assert_eq!(fate(&connection), [(10, Order::Finish), (16, Order::End)]);
}

#[test]
fn a_request_may_take_any_time_while_the_client_waits_for_us() {
    let connection = connection();
    let mut turn = Turn::begin(&connection.1);
    assert_eq!(fate(&connection), []);
    turn.gave(true);
    turn.asked();
    assert_eq!(fate(&connection), [], "an event stream between two events");
}

#[test]
fn a_reader_who_takes_nothing_is_cut_off_and_one_who_takes_a_little_is_not() {
    let connection = connection();
    let (looks, pulse, patience) = &connection;
    let _turn = Turn::begin(pulse);
    for _ in 0..20 {
        pulse.blocked();
        looks.advance();
        pulse.wrote(true);
        assert_eq!(pulse.verdict(*patience), Order::Go);
    }
    pulse.blocked();
    pulse.blocked();
    assert_eq!(fate(&connection), [(6, Order::End)]);
}

#[test]
fn a_stream_that_is_asked_for_nothing_more_has_no_reader() {
    let connection = connection();
    connection.1.multiplexed();
    let mut turn = Turn::begin(&connection.1);
    turn.gave(true);
    assert_eq!(fate(&connection), [(6, Order::End)]);
    turn.gave(false);
    assert_eq!(connection.1.verdict(connection.2), Order::Go);
}

#[test]
fn who_took_the_last_piece_and_has_no_room_for_it_is_cut_off() {
    let connection = connection();
    let (looks, pulse, patience) = &connection;
    pulse.multiplexed();
    let mut turn = Turn::begin(pulse);
    turn.gave(true);
    for _ in 0..5 {
        looks.advance();
        // The answers to pings, and another request that gets as far.
        pulse.wrote(false);
        pulse.blocked();
        Turn::begin(pulse).gave(true);
        assert_eq!(pulse.verdict(*patience), Order::Go);
    }
    looks.advance();
    assert_eq!(pulse.verdict(*patience), Order::End);
    pulse.wrote(true);
    assert_eq!(pulse.verdict(*patience), Order::Go, "there was room after all");
}

#[test]
fn an_uploader_who_stops_is_cut_off_and_a_slow_one_is_not() {
    let connection = connection();
    let (looks, pulse, patience) = &connection;
    let _turn = Turn::begin(pulse);
    for _ in 0..20 {
        pulse.starved(true);
        looks.advance();
        assert_eq!(pulse.verdict(*patience), Order::Go);
        pulse.read();
        pulse.starved(false);
    }
    assert_eq!(fate(&connection), [], "all of the body is there");
    pulse.starved(true);
    assert_eq!(fate(&connection), [(6, Order::End)]);
}

#[test]
fn on_a_multiplexed_connection_no_header_is_awaited() {
    let connection = connection();
    connection.1.multiplexed();
    connection.1.read();
    assert_eq!(fate(&connection), [(10, Order::Finish), (16, Order::End)]);
}

#[test]
fn the_first_header_has_all_its_time_after_a_handshake() {
    let connection = connection();
    let (looks, pulse, patience) = &connection;
    (0..3).for_each(|_| looks.advance());
    pulse.begins();
    assert_eq!(pulse.verdict(*patience), Order::Go);
    assert_eq!(fate(&connection), [(4, Order::End)]);
}

#[test]
fn who_owes_a_header_is_not_idle() {
    let (looks, pulse, patience) = connection();
    let patience = Patience { header: 12, ..patience };
    assert_eq!(fate(&(looks, pulse, patience)), [(12, Order::End)]);
}

#[test]
fn an_order_only_grows() {
    let (_, pulse, _) = connection();
    pulse.order(Order::End);
    pulse.order(Order::Finish);
    assert_eq!(pulse.ordered(), Order::End);
}

#[test]
fn patience_is_never_shorter_than_was_said() {
    let second = Duration::from_secs(1);
    let patience = Patience::new(second, LOOK / 2, Duration::MAX);
    assert_eq!((patience.header, patience.idle, patience.stall), (3, 2, u32::MAX));
}
