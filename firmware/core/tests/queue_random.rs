//! Random lives of a queue, compared with a simple model at every step: pictures, uploads, restarts, and losses of
//! power at random operations.

mod queue_model;

use proptest::prelude::*;
use queue_model::{Flash, Known, Step, Store, check, check_mounted, empty, take};
use wildcam_core::flash::powercut::{Cut, Form, Stop};
use wildcam_core::queue::{Priority, Queue};

#[derive(Debug, Clone)]
enum Happening {
    Steps(Vec<Step>),
    /// The power goes so many operations later.
    Loss(usize, Form),
}

fn priority() -> impl Strategy<Value = Priority> + Clone {
    (0..4_u8).prop_map(|number| Priority::from_number(number).unwrap_or(Priority::Low))
}

fn step(sector: usize) -> impl Strategy<Value = Step> {
    let put = (priority(), 0..60_usize, 0..sector * 5);
    prop_oneof![
        6 => put.clone().prop_map(|(priority, metadata, body)| Step::Put(priority, metadata, body)),
        1 => put.prop_map(|(priority, metadata, body)| Step::Abandon(priority, metadata, body)),
        2 => Just(Step::Upload),
        2 => (0..8_usize).prop_map(Step::Remove),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        (0..8_u32).prop_map(Form::Words),
        (0..8_u32, any::<u8>()).prop_map(|(words, seed)| Form::Bits { words, seed }),
        Just(Form::FirstHalf),
        Just(Form::LastHalf),
        any::<u8>().prop_map(|seed| Form::Mixture { seed }),
    ]
}

fn happenings(sector: usize) -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        3 => proptest::collection::vec(step(sector), 1..8).prop_map(Happening::Steps),
        2 => (0..30_usize, form()).prop_map(|(operation, form)| Happening::Loss(operation, form)),
    ];
    proptest::collection::vec(one, 1..25)
}

/// One mount, and the steps until the next.
fn live<const W: usize, const S: usize>(
    flash: &mut Flash<W, S>,
    known: &mut Known,
    steps: &[Step],
) -> Result<(), Stop> {
    let mut queue: Store<'_, W, S> = Queue::mount(&mut *flash).map_err(|error| match error {
        wildcam_core::queue::Error::Flash(error) => error.into(),
        other => Stop::Broken(format!("{other}")),
    })?;
    check_mounted(&mut queue, known)?;
    for step in steps {
        take(&mut queue, known, *step)?;
        check(&mut queue, known)?;
    }
    Ok(())
}

fn agrees<const W: usize, const S: usize>(happenings: &[Happening]) -> Result<(), TestCaseError> {
    let (mut flash, mut known) = empty::<W, S>();
    for happening in happenings {
        match happening {
            Happening::Loss(operation, form) => flash.arm(Cut { operation: *operation, form: *form }),
            Happening::Steps(steps) => match live(&mut flash, &mut known, steps) {
                Ok(()) => {}
                Err(Stop::PowerLost) => {
                    flash.power_on();
                    live(&mut flash, &mut known, &[]).map_err(|stop| TestCaseError::fail(format!("{stop:?}")))?;
                    flash.power_on();
                }
                Err(Stop::Broken(what)) => return Err(TestCaseError::fail(what)),
            },
        }
        prop_assert_eq!(flash.violation(), None);
    }
    Ok(())
}

/// As many cases as fit a test; more with `WILDCAM_SOAK=1`.
fn cases() -> ProptestConfig {
    let soak = std::env::var("WILDCAM_SOAK").is_ok_and(|value| value == "1");
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if soak { 20_000 } else { 400 }) }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn small_sectors_agree_with_the_model(happenings in happenings(256)) {
        agrees::<4, 256>(&happenings)?;
    }

    #[test]
    fn blocks_of_a_card_agree_with_the_model(happenings in happenings(4096)) {
        agrees::<512, 4096>(&happenings)?;
    }
}
