use super::*;

type Flash = PowerCutFlash<4, 16>;

fn cut_write(old: [u8; 16], new: [u8; 16], form: Form) -> [u8; 16] {
    let mut flash = Flash::from_bytes(old.to_vec());
    flash.arm(Cut { operation: 0, form });
    assert_eq!(flash.write(0, &new), Err(PowerCutError::PowerLost));
    assert_eq!(flash.read(0, &mut [0; 4]), Err(PowerCutError::PowerLost));
    assert_eq!(flash.erase(0, 16), Err(PowerCutError::PowerLost));
    flash.power_on();
    let mut seen = [0; 16];
    flash.read(0, &mut seen).unwrap();
    seen
}

#[test]
fn a_cut_program_leaves_whole_words_and_at_most_one_torn_one() {
    let new = core::array::from_fn(|n| n as u8);
    for words in 0..=4 {
        let seen = cut_write([0xFF; 16], new, Form::Words(words));
        let end = words as usize * 4;
        assert_eq!(seen[..end], new[..end]);
        assert!(seen[end..].iter().all(|byte| *byte == 0xFF));
    }
    let seen = cut_write([0xFF; 16], [0; 16], Form::Bits { words: 1, seed: 3 });
    assert_eq!(seen[..4], [0; 4]);
    assert!(seen[4..8] != [0; 4] && seen[4..8] != [0xFF; 4], "{seen:?}");
    assert_eq!(seen[8..], [0xFF; 8]);
}

#[test]
fn the_rules_of_nor_flash_are_enforced_and_a_breach_is_remembered() {
    let mut flash = Flash::new(2);
    flash.write(0, &[0xF0; 4]).unwrap();
    flash.write(0, &[0x30; 4]).unwrap();
    assert_eq!(flash.violation(), None);
    let refused = PowerCutError::BitSet { address: 0 };
    assert_eq!(flash.write(0, &[0x31; 4]), Err(refused));
    assert_eq!(flash.write(2, &[0; 4]), Err(PowerCutError::NotAligned));
    assert_eq!(flash.write(32, &[0; 4]), Err(PowerCutError::OutOfBounds));
    assert_eq!(flash.erase(8, 16), Err(PowerCutError::NotAligned));
    assert_eq!(flash.erase(16, 48), Err(PowerCutError::OutOfBounds));
    assert_eq!(flash.violation(), Some(refused), "the first one stays");
    assert_eq!(flash.trace().len(), 2, "what is refused is no operation");
}

#[test]
fn a_second_program_of_a_word_can_be_forbidden() {
    let mut flash = Flash::new(1).write_once();
    flash.write(4, &[0xF0; 4]).unwrap();
    flash.write(8, &[0xF0; 4]).unwrap();
    assert_eq!(flash.write(0, &[0x30; 8]), Err(PowerCutError::NotErased { address: 4 }));
    flash.erase(0, 16).unwrap();
    flash.write(0, &[0x30; 8]).unwrap();
}

#[test]
fn a_cut_erase_leaves_halves_or_a_mixture() {
    let erase = |form| {
        let mut flash = Flash::from_bytes(vec![0x5A; 48]);
        flash.arm(Cut { operation: 1, form });
        assert_eq!(flash.erase(0, 48), Err(PowerCutError::PowerLost));
        assert_eq!(flash.erases(), [1, 1, 0]);
        assert!(flash.bytes()[..16].iter().all(|byte| *byte == 0xFF), "the first sector was complete");
        assert!(flash.bytes()[32..].iter().all(|byte| *byte == 0x5A), "the last one was not begun");
        flash.bytes()[16..32].to_vec()
    };
    assert_eq!(erase(Form::Untouched), [0x5A; 16]);
    assert_eq!(erase(Form::FirstHalf), [[0xFF; 8], [0x5A; 8]].concat());
    assert_eq!(erase(Form::LastHalf), [[0x5A; 8], [0xFF; 8]].concat());
    assert_eq!(erase(Form::Erased), [0xFF; 16]);
    let mixtures: Vec<_> = (0..8).map(|seed| erase(Form::Mixture { seed })).collect();
    assert!(mixtures.iter().any(|bytes| bytes != &mixtures[0]));
    assert_eq!(mixtures[3], erase(Form::Mixture { seed: 3 }), "a mixture can be repeated");
}

#[test]
fn forms_name_each_length_once() {
    let program = |words| Operation::Program { address: 0, words }.forms();
    assert_eq!(program(1), [Form::Words(0), Form::Words(1), Form::Bits { words: 0, seed: 1 }].as_slice());
    let lengths: Vec<_> = program(9).into_iter().filter(|form| matches!(form, Form::Words(_))).collect();
    assert_eq!(lengths, [0, 1, 4, 8, 9].map(Form::Words));
}

/// Two words: the second says that the first is whole. `careful` writes them in that order.
struct Pair {
    careful: bool,
}

impl Scenario<4, 16> for Pair {
    type Known = bool;

    fn start(&self) -> (Flash, bool) {
        (Flash::new(1), false)
    }

    fn run(&self, flash: &mut Flash, acked: &mut bool) -> Result<(), Stop> {
        let order = if self.careful { [0, 4] } else { [4, 0] };
        for address in order {
            flash.write(address, &[0; 4])?;
        }
        *acked = true;
        Ok(())
    }

    fn recover(&self, flash: &mut Flash, acked: &mut bool) -> Result<(), Stop> {
        let (value, says) = (flash.bytes()[..4] == [0; 4], flash.bytes()[4..8] == [0; 4]);
        if says && !value || *acked && !says {
            return Err(Stop::Broken("the mark is there without its value".into()));
        }
        flash.erase(0, 16)?;
        *acked = false;
        self.run(flash, acked)
    }
}

#[test]
fn the_enumeration_reaches_every_state_and_finds_a_wrong_order() {
    let report = enumerate(&Pair { careful: true }, Depth::Pairs).unwrap();
    assert_eq!(report.operations, 2);
    assert!(report.first_cuts >= 6 && report.second_cuts > report.first_cuts, "{report:?}");
    assert!(report.states >= 5, "{report:?}");
    let failure = enumerate(&Pair { careful: false }, Depth::Single).unwrap_err();
    assert_eq!(failure.cuts.len(), 1);
    assert!(failure.what.contains("without its value"));
}
