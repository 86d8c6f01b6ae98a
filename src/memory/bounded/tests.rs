use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn lasting(second: i64) -> Validity {
    Validity::lasting(at(second), SignedDuration::from_secs(60))
}

fn name(number: usize) -> String {
    format!("name-{number:06}")
}

/// What an entry of [`name`] weighs.
fn weight() -> u64 {
    let memory = BoundedMemory::new(1 << 20);
    memory.insert(name(0), (), Validity::ALWAYS);
    memory.bytes()
}

/// Room for three of [`name`].
fn three() -> BoundedMemory<String, ()> {
    let memory = BoundedMemory::new(3 * weight());
    for number in 0..3 {
        assert_eq!(memory.insert(name(number), (), lasting(0)), []);
    }
    memory
}

fn held(memory: &BoundedMemory<String, ()>) -> Vec<String> {
    let mut names = Vec::new();
    memory.for_each(|name, ()| names.push(name.clone()));
    names
}

#[test]
fn the_least_recently_used_makes_room() {
    let memory = three();
    assert!(memory.get(&name(0), at(1)).is_some());
    assert_eq!(memory.insert(name(3), (), lasting(1)), [(name(1), ())]);
    assert_eq!(memory.last(&name(2)), Some(()));
    assert_eq!(memory.insert(name(4), (), lasting(1)), [(name(0), ())]);
    assert_eq!(held(&memory), [name(3), name(2), name(4)]);
}

#[test]
fn what_is_asked_for_in_vain_is_not_used() {
    let memory = three();
    assert_eq!(memory.get(&name(0), at(60)), None);
    assert_eq!(memory.insert(name(3), (), lasting(60)), [(name(0), ())]);
}

#[test]
fn an_entry_holds_from_its_making_until_its_end() {
    let memory = BoundedMemory::new(1 << 20);
    memory.insert(name(0), (), lasting(100));
    for (second, holds) in [(99, false), (100, true), (159, true), (160, false)] {
        let found = memory.get(&name(0), at(second));
        assert_eq!(found.is_some(), holds, "at {second}");
        assert_eq!(memory.last(&name(0)), Some(()));
    }
    memory.insert(name(0), (), Validity::until(at(5), None));
    assert_eq!(memory.get(&name(0), at(4)), None);
    assert_eq!(memory.get(&name(0), Timestamp::MAX), Some(()));
}

#[test]
fn what_is_over_is_removed_and_so_is_what_is_not_yet() {
    let memory = BoundedMemory::new(1 << 20);
    for (number, second) in [(0, 0), (1, 30), (2, 100)] {
        memory.insert(name(number), (), lasting(second));
    }
    let mut removed = memory.remove_expired(at(60));
    removed.sort();
    assert_eq!(removed, [(name(0), ()), (name(2), ())]);
    assert_eq!(held(&memory), [name(1)]);
    assert_eq!(memory.bytes(), weight());
    assert_eq!(memory.clear(), [(name(1), ())]);
    assert_eq!(memory.bytes(), 0);
}

#[test]
fn a_replaced_entry_is_given_back_and_weighs_no_more() {
    let memory = BoundedMemory::new(1 << 20);
    memory.insert(name(0), "long".repeat(100), lasting(0));
    let heavy = memory.bytes();
    let displaced = memory.insert(name(0), String::new(), lasting(0));
    assert_eq!(displaced, [(name(0), "long".repeat(100))]);
    assert!(memory.bytes() + 400 <= heavy);
    assert_eq!(memory.remove(&name(0)), Some(String::new()));
    assert_eq!(memory.bytes(), 0);
}

#[test]
fn what_is_heavier_than_its_shard_is_not_taken() {
    let memory = three();
    let long = "x".repeat(2000);
    assert_eq!(
        memory.insert(long.clone(), (), lasting(0)),
        [(long.clone(), ())]
    );
    assert_eq!(memory.last(&long), None);
    assert_eq!(held(&memory).len(), 3);
}

#[test]
fn of_many_who_come_at_once_one_is_the_first() {
    let memory = BoundedMemory::new(1 << 20);
    let enter = |number: usize| {
        let held = memory.get_or_insert(name(0), name(number), lasting(0), at(0), |_| true);
        matches!(held, GetOrInsert::Inserted(_))
    };
    let enter = &enter;
    let first = std::thread::scope(|scope| {
        let threads = (0..8).map(|number| scope.spawn(move || enter(number)));
        let threads: Vec<_> = threads.collect();
        let entered = threads.into_iter().map(|thread| thread.join().unwrap());
        entered.filter(|is_first| *is_first).count()
    });
    assert_eq!(first, 1);
    let other = memory.get_or_insert(name(0), name(9), lasting(0), at(0), |it| *it == name(9));
    assert!(matches!(other, GetOrInsert::Inserted(displaced) if displaced.len() == 1));
}

/// However long the names are, and although shards fill unevenly.
#[test]
fn it_takes_no_more_bytes_than_its_limit() {
    const LIMIT: u64 = 4 << 20;
    for length in [1, 40, 300, 5000] {
        let mut memory = None;
        let taken = allocation_counter::measure(|| {
            let filled = BoundedMemory::new(LIMIT);
            for number in 0..50_000 {
                filled.insert(format!("{number:0length$}"), (), lasting(0));
            }
            memory = Some(filled);
        });
        let memory = memory.unwrap();
        assert!(memory.bytes() <= LIMIT);
        assert!(taken.bytes_current <= LIMIT as i64, "{length}: {taken:?}");
        assert!(taken.bytes_current * 2 > memory.bytes() as i64, "{length}");
    }
}

#[test]
fn the_room_of_many_small_ones_is_given_back_to_few_great_ones() {
    const LIMIT: u64 = 1 << 20;
    let memory = BoundedMemory::new(LIMIT);
    let taken = allocation_counter::measure(|| {
        for number in 0..10_000 {
            memory.insert(name(number), (), lasting(0));
        }
        for number in 0..50 {
            memory.insert(format!("{number:050000}"), (), lasting(0));
        }
    });
    assert!(taken.bytes_current <= LIMIT as i64, "{taken:?}");
}
