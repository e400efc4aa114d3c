//! How large a firmware is, part by part, held to what a board has.
//!
//! The linker's sections say what lies where. The radio's part is told apart by the sections that esp-hal's linker scripts
//! give to Espressif's driver (`*.wifi`), and by the symbols of that driver in what is shared.

use std::fmt;

use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, elf, read::elf::ElfFile32};
use serde::{Deserialize, Serialize};

use super::{
    Board,
    image::{self, Application},
};

/// What a board has for the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The flash of a slot, in bytes.
    pub flash: u32,
    /// The RAM for code, data and heap together, in bytes: what the chip leaves, less the stack. The emulated board runs all of its
    /// code from RAM, which no chip does, so there it is for data and heap.
    pub ram: u32,
    /// The least stack, in bytes.
    pub stack: u32,
    /// The flash of the boot stage, in bytes.
    pub boot: u32,
}

impl Budget {
    /// The budget of a board. RAM is what the chip has beside its ROM's, its caches' and the stack: ESP32-C3 data sheet, 400 KB of
    /// SRAM with 16 KB of cache; ESP32-C6, 512 KB; ESP32-S3, 512 KB with 32 KB and 32 KB of caches. The emulated board, which
    /// has as much as one likes, is held to the smallest of them.
    #[must_use]
    pub fn of(board: Board) -> Self {
        const STACK: u32 = 16 * 1024;
        let layout = board.layout();
        let ram = match board {
            Board::Esp32C3 | Board::QemuVirt => 360 * 1024,
            Board::Esp32C6 => 480 * 1024,
            Board::Esp32S3 => 416 * 1024,
        };
        Self { flash: layout.slots[0].bytes, ram: ram - STACK, stack: STACK, boot: layout.launcher.bytes }
    }
}

/// The RAM of a firmware, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ram {
    /// Code and constants that are copied into RAM.
    pub code: u32,
    /// Data that begins with values.
    pub data: u32,
    /// Data that begins with zeros, or with nothing, without the heap.
    pub zeroed: u32,
    /// What is given out while the program runs.
    pub heap: u32,
}

impl Ram {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.code + self.data + self.zeroed + self.heap
    }

    /// What is taken from the first moment to the last, whatever the program does.
    #[must_use]
    pub fn fixed(&self) -> u32 {
        self.data + self.zeroed
    }
}

/// The radio's part of the figures, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Radio {
    /// In flash: code and constants.
    pub flash: u32,
    /// In RAM: code, data, and the heap that is kept for its driver.
    pub ram: u32,
}

/// How large a board's firmware is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The shape of this record.
    pub v: u32,
    /// The board.
    pub board: String,
    /// The application's version.
    pub version: String,
    /// The SHA-256 of the ELF file.
    pub build_id: String,
    /// The application image, in bytes.
    pub flash: u32,
    /// Of that, what is mapped and not copied.
    pub mapped: u32,
    /// The boot stage, in bytes.
    pub boot: u32,
    /// The RAM, the radio's part with it.
    pub ram: Ram,
    /// The stack, in bytes: what the linker leaves or sets aside.
    pub stack: u32,
    /// Of flash and RAM, the radio's part.
    pub radio: Radio,
    /// What the board has.
    pub budget: Budget,
}

/// A figure that is over its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Over {
    /// Which: `flash`, `ram`, `stack` or `boot`.
    pub what: &'static str,
    /// The figure, in bytes.
    pub bytes: u32,
    /// Its bound: for the stack the least, for the others the most.
    pub bound: u32,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, bytes, bound } = self;
        match *what {
            "stack" => write!(f, "the stack has {bytes} bytes, {} too few ({bound} are the least)", bound - bytes),
            "boot" => write!(f, "the boot stage has {bytes} bytes, {} over its {bound}", bytes - bound),
            "ram" => {
                write!(f, "code, data and heap have {bytes} bytes of RAM, {} over the board's {bound}", bytes - bound)
            }
            _ => write!(f, "the application has {bytes} bytes, {} over the slot's {bound}", bytes - bound),
        }
    }
}

impl Sizes {
    /// The RAM that the budget is for, in bytes.
    #[must_use]
    pub fn held_ram(&self) -> u32 {
        let in_ram_only = if self.board == Board::QemuVirt.name() { self.ram.code } else { 0 };
        self.ram.total() - in_ram_only
    }

    /// What is over the budget; empty when everything fits.
    #[must_use]
    pub fn over(&self) -> Vec<Over> {
        let most = [
            ("flash", self.flash, self.budget.flash),
            ("ram", self.held_ram(), self.budget.ram),
            ("boot", self.boot, self.budget.boot),
        ];
        let over = most.into_iter().filter(|(_, bytes, bound)| bytes > bound);
        let mut over: Vec<Over> = over.map(|(what, bytes, bound)| Over { what, bytes, bound }).collect();
        if self.stack < self.budget.stack {
            over.push(Over { what: "stack", bytes: self.stack, bound: self.budget.stack });
        }
        over
    }
}

/// Measures a firmware.
///
/// # Errors
/// When its ELF file cannot be read.
pub fn measure(board: Board, elf: &[u8], application: &Application, boot: usize) -> Result<Sizes, image::Error> {
    let file = ElfFile32::<Endianness>::parse(elf)?;
    let mut ram = Ram::default();
    let mut radio = Radio::default();
    for part in file.sections().filter_map(|section| Part::of(board, &section)) {
        match part.place {
            Place::Code => ram.code += part.bytes,
            Place::Data => ram.data += part.bytes,
            Place::Zeroed => ram.zeroed += part.bytes,
            Place::Flash => {}
        }
        let own = if part.radio { part.bytes } else { symbols_of_radio(board, &file, &part) };
        match part.place {
            Place::Flash => radio.flash += own,
            _ => radio.ram += own,
        }
    }
    ram.heap = heap(&file).min(ram.zeroed);
    ram.zeroed -= ram.heap;
    let mapped = application.segments.iter().filter(|segment| segment.mapped).map(|segment| segment.bytes).sum();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Sizes {
        v: 1,
        board: board.name().to_owned(),
        version: application.descriptor.version.clone(),
        build_id: hex(&application.descriptor.build_id),
        flash: u32::try_from(application.bytes.len()).unwrap_or(u32::MAX),
        mapped,
        boot: u32::try_from(boot).unwrap_or(u32::MAX),
        ram,
        stack: stack(&file),
        radio,
        budget: Budget::of(board),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Flash,
    Code,
    Data,
    Zeroed,
}

struct Part {
    index: object::SectionIndex,
    bytes: u32,
    place: Place,
    radio: bool,
}

impl Part {
    /// What a section takes; `None` for one that is not loaded, that only keeps others apart, or that is the stack.
    fn of(board: Board, section: &object::read::elf::ElfSection32<'_, '_>) -> Option<Self> {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
        let name = section.name().unwrap_or_default();
        let address = u32::try_from(section.address()).ok().filter(|address| *address != 0)?;
        let bytes = u32::try_from(section.size()).ok().filter(|bytes| *bytes != 0)?;
        if sh_flags.0 & elf::SHF_ALLOC.0 == 0 || name.contains("dummy") || name.starts_with(".stack") {
            return None;
        }
        let zeroed = section.elf_section_header().sh_type.get(Endianness::Little) == elf::SHT_NOBITS;
        let code = sh_flags.0 & elf::SHF_WRITE.0 == 0 || sh_flags.0 & elf::SHF_EXECINSTR.0 != 0;
        let place = match (image::is_mapped(board, address), zeroed, code) {
            (true, ..) => Place::Flash,
            (false, true, _) => Place::Zeroed,
            (false, false, true) => Place::Code,
            (false, false, false) => Place::Data,
        };
        let radio = name.ends_with(".wifi") || name.contains("_wifi");
        Some(Self { index: section.index(), bytes, place, radio })
    }
}

/// The bytes of a shared section that belong to the radio's driver: by its C symbols, and by those of the crates around it.
fn symbols_of_radio(board: Board, file: &ElfFile32<'_, Endianness>, part: &Part) -> u32 {
    if board == Board::QemuVirt {
        return 0;
    }
    const CRATES: [&str; 4] = ["esp_radio", "esp_wifi_sys", "esp_phy", "esp_wifi"];
    const C: [&str; 20] = [
        "ieee80211",
        "wifi",
        "esp_wifi",
        "wpa",
        "pp_",
        "lmac",
        "rc_",
        "phy_",
        "hal_",
        "ppTask",
        "pm_",
        "wDev",
        "chm_",
        "net80211",
        "sta_",
        "cnx_",
        "scan_",
        "coex",
        "eapol",
        "ap_",
    ];
    let of_radio = |name: &str| {
        if name.starts_with("_ZN") || name.starts_with("_R") {
            name.contains("RADIO_HEAP") || CRATES.iter().any(|part| name.contains(&format!("{}{part}", part.len())))
        } else {
            C.iter().any(|prefix| name.starts_with(prefix) || name.starts_with(&format!("g_{prefix}")))
        }
    };
    let symbols = file.symbols().filter(|symbol| symbol.section_index() == Some(part.index) && symbol.size() > 0);
    let bytes: u64 = symbols.filter(|symbol| symbol.name().is_ok_and(of_radio)).map(|symbol| symbol.size()).sum();
    u32::try_from(bytes).unwrap_or(u32::MAX).min(part.bytes)
}

/// The statics that memory is given out from: their names end with HEAP. That of esp-alloc only keeps the books.
fn heap(file: &ElfFile32<'_, Endianness>) -> u32 {
    let is_heap = |name: &str| (name.ends_with("HEAP") || name.contains("HEAP17h")) && !name.contains("9esp_alloc");
    let symbols = file.symbols().filter(|symbol| symbol.size() > 0 && symbol.name().is_ok_and(is_heap));
    // Two names for one place are one heap.
    let mut places: Vec<(u64, u64)> = symbols.map(|symbol| (symbol.address(), symbol.size())).collect();
    places.sort_unstable();
    places.dedup_by_key(|(address, _)| *address);
    u32::try_from(places.iter().map(|(_, size)| size).sum::<u64>()).unwrap_or(u32::MAX)
}

/// The stack: between its two marks, or the section that holds it.
fn stack(file: &ElfFile32<'_, Endianness>) -> u32 {
    let mark = |wanted: [&str; 3]| {
        let found =
            |symbol: &object::read::elf::ElfSymbol32<'_, '_>| symbol.name().is_ok_and(|name| wanted.contains(&name));
        file.symbols().find(found).map(|symbol| symbol.address())
    };
    let between = match (
        mark(["_stack_start", "_stack_top", "__stack_top"]),
        mark(["_stack_end", "_stack_bottom", "__stack_bottom"]),
    ) {
        (Some(start), Some(end)) => Some(start.abs_diff(end)),
        _ => None,
    };
    let section = || file.section_by_name(".stack").map(|section| section.size());
    between.or_else(section).and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(0)
}
