//! Small ELF files for 32 bits, as a linker would write them.

/// A section to load, or one that only takes room.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) address: u32,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Bytes(Vec<u8>),
    Room(u32),
}

/// A symbol, its address, its length and the name of its section, for which an empty one stands for "absolute".
pub(crate) type Symbol = (&'static str, u32, u32, &'static str);

pub(crate) fn bytes(name: &'static str, address: u32, content: Vec<u8>) -> Section {
    Section { name, address, content: Content::Bytes(content) }
}

pub(crate) fn room(name: &'static str, address: u32, length: u32) -> Section {
    Section { name, address, content: Content::Room(length) }
}

/// An `esp_app_desc` with this version and project, and zeros for the hash.
pub(crate) fn descriptor(version: &str, project: &str) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    bytes[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    bytes[16..16 + version.len()].copy_from_slice(version.as_bytes());
    bytes[48..48 + project.len()].copy_from_slice(project.as_bytes());
    bytes[180..182].copy_from_slice(&u16::MAX.to_le_bytes());
    // Pages of 64 KiB.
    bytes[182] = 16;
    bytes
}

/// An ELF file. `loads` are program headers: the section's name and where it lies in memory that keeps it.
pub(crate) fn elf(entry: u32, sections: &[Section], symbols: &[Symbol], loads: &[(&str, u32)]) -> Vec<u8> {
    let mut names = vec![0_u8];
    let mut name = |text: &str| {
        let at = names.len() as u32;
        names.extend(text.as_bytes());
        names.push(0);
        at
    };
    let words = |values: &[u32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = vec![0_u8; 52];
    let mut headers = vec![0_u8; 40];
    let mut places = Vec::new();
    for section in sections {
        file.resize(file.len().next_multiple_of(4), 0);
        places.push(file.len() as u32);
        let (kind, length) = match &section.content {
            Content::Bytes(bytes) => {
                file.extend(bytes);
                (1, bytes.len() as u32)
            }
            Content::Room(length) => (8, *length),
        };
        let place = places[places.len() - 1];
        // Allocated; code may be run, and data be written to.
        let flags = match section.name {
            name if name.contains("text") => 6,
            name if name.starts_with(".rodata") || name.contains("appdesc") => 2,
            _ => 3,
        };
        headers.extend(words(&[name(section.name), kind, flags, section.address, place, length, 0, 0, 4, 0]));
    }
    let index = |wanted: &str| sections.iter().position(|section| section.name == wanted);
    let mut table = vec![0_u8; 16];
    for (text, address, length, section) in symbols {
        table.extend(words(&[name(text), *address, *length]));
        // A global object.
        table.extend([0x11, 0]);
        table.extend(index(section).map_or(0xFFF1_u16, |index| index as u16 + 1).to_le_bytes());
    }
    let count = sections.len() as u32;
    file.resize(file.len().next_multiple_of(4), 0);
    let (table_name, names_name) = (name(".symtab"), name(".strtab"));
    headers.extend(words(&[table_name, 2, 0, 0, file.len() as u32, table.len() as u32, count + 2, 1, 4, 16]));
    file.extend(&table);
    headers.extend(words(&[names_name, 3, 0, 0, file.len() as u32, names.len() as u32, 0, 0, 1, 0]));
    file.extend(&names);
    file.resize(file.len().next_multiple_of(4), 0);
    let segments_at = if loads.is_empty() { 0 } else { file.len() as u32 };
    for (wanted, kept) in loads {
        let index = index(wanted).expect("a load names a section");
        let Content::Bytes(bytes) = &sections[index].content else { panic!("a load has bytes") };
        let length = bytes.len() as u32;
        file.extend(words(&[1, places[index], sections[index].address, *kept, length, length, 7, 4]));
    }
    let sections_at = file.len() as u32;
    file.extend(headers);
    file[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    let mut head = vec![2, 0, 243, 0];
    head.extend(words(&[1, entry, segments_at, sections_at, 0]));
    for value in [52, 32, loads.len() as u16, 40, count as u16 + 3, count as u16 + 2] {
        head.extend(value.to_le_bytes());
    }
    file[16..52].copy_from_slice(&head);
    file
}
