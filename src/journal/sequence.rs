//! Numbers that only rise, given out by a majority of the stores: no two calls, anywhere, get the same one.

use super::{
    Error,
    register::{ChangeError, Register},
};

/// Draws the next number; the first is 1. A number may be skipped, when a draw had no clear end.
///
/// # Errors
/// [`Error::NoMajority`] and [`Error::Contended`]; [`Error::Unclear`] when it happens twice in a row;
/// [`Error::Exhausted`] after the last number.
pub async fn next(register: &Register<u64>) -> Result<u64, Error> {
    match draw(register).await {
        // The unclear number is nobody's: drawing again gives a higher one.
        Err(Error::Unclear { .. }) => draw(register).await,
        result => result,
    }
}

async fn draw(register: &Register<u64>) -> Result<u64, Error> {
    let drawn = register.change(|old| old.unwrap_or(0).checked_add(1).ok_or(())).await;
    drawn.map_err(|error| match error {
        ChangeError::Register(error) => error,
        ChangeError::Aborted(()) => Error::Exhausted { register: register.name().to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::Random,
        journal::{
            faulty::{Faults, stores},
            register::Timeouts,
        },
    };

    #[tokio::test(start_paused = true)]
    async fn numbers_rise_for_each_caller_and_none_is_given_twice() {
        let random = Random::seeded(1);
        let faults = Faults { refused: 30, reply_lost: 30, late: 0, slowest: Duration::from_millis(20) };
        let (stores, _) = stores(3, &random, faults, false);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..3 {
            let name = format!("p{number}");
            let register = Register::new("number", stores.clone(), &name, random.fork(), Timeouts::default()).unwrap();
            tasks.spawn(async move {
                let mut drawn = Vec::new();
                for _ in 0..10 {
                    drawn.extend(next(&register).await.ok());
                }
                drawn
            });
        }
        let mut all = Vec::new();
        while let Some(drawn) = tasks.join_next().await {
            let drawn = drawn.unwrap();
            assert!(drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
            all.extend(drawn);
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a number was given twice");
        assert!(count > 20, "only {count} draws ended well");
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_last_number_there_is_none() {
        let random = Random::seeded(2);
        let (stores, _) = stores(1, &random, Faults::default(), false);
        let register = Register::new("number", stores, "p", random, Timeouts::default()).unwrap();
        register.change(|_| Ok::<_, ()>(u64::MAX - 1)).await.unwrap();
        assert_eq!(next(&register).await.unwrap(), u64::MAX);
        assert!(matches!(next(&register).await, Err(Error::Exhausted { .. })));
    }
}
