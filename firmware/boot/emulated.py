"""Runs the launcher's machine code on an emulated RISC-V core (unicorn, from PyPI) with the chip around it simulated.

    python firmware/boot/emulated.py esp32c3 wildcam-esp32c3-boot.bin wildcam-esp32c3-app.bin

Simulated are: the second-stage loader (it loads the factory application and maps its two segments), the ROM's
functions for flash, cache and console, the table of pages, the RTC's watchdog, and flash that only clears bits. What
the chip would forbid and the simulation can see is a failure: flash used while the cache is on, code run from a page
that is not mapped, a program that would set a bit, a write before the flash is unlocked. It is no proof that a chip
behaves as it is simulated here.
"""

import ctypes
import hashlib
import struct
import sys

from unicorn import (
    UC_ARCH_RISCV, UC_HOOK_CODE, UC_HOOK_MEM_UNMAPPED, UC_HOOK_MEM_WRITE, UC_MODE_RISCV32, UC_PROT_ALL, Uc,
)
from unicorn.riscv_const import UC_RISCV_REG_A0, UC_RISCV_REG_PC, UC_RISCV_REG_SP

PAGE = 0x10000
FLASH_BYTES = 4 << 20
LAUNCHER, SLOT_A, SLOT_B = 0x10000, 0x20000, 0x1A0000
ROM, ROM_BYTES = 0x40000000, 0x60000
DEEP_SLEEP, POWER_ON = 5, 1
LONGEST_RUN_US = 600_000_000

# Addresses of ROM functions are those of the chip maker's linker scripts (crate esp-rom-sys, folder ld).
CHIPS = {
    "esp32c3": {
        "ram": (0x3FC80000, 0x60000),
        "instruction_bus": 0x40380000,
        "windows": [0x3C000000, 0x42000000],
        "window_bytes": 0x800000,
        "watchdog": 0x60008090,
        "functions": {
            0x40000018: "reset_reason", 0x40000050: "delay", 0x40000068: "print", 0x40000090: "reset",
            0x40000128: "erase", 0x4000012C: "write", 0x40000130: "read", 0x40000140: "unlock",
            0x40000354: "memset", 0x40000358: "memcpy", 0x4000035C: "memmove", 0x40000360: "memcmp",
            0x400004D8: "cache_invalidate", 0x4000051C: "cache_off", 0x40000520: "cache_on",
        },
    },
    "esp32c6": {
        "ram": (0x40800000, 0x80000),
        "instruction_bus": None,
        "windows": [0x42000000],
        "window_bytes": 0x1000000,
        "watchdog": 0x600B1C00,
        "functions": {
            0x40000018: "reset_reason", 0x40000040: "delay", 0x40000058: "print", 0x40000090: "reset",
            0x40000144: "erase", 0x4000014C: "write", 0x40000150: "read", 0x40000154: "unlock",
            0x400004A8: "memset", 0x400004AC: "memcpy", 0x400004B0: "memmove", 0x400004B4: "memcmp",
            0x4000064C: "cache_invalidate", 0x40000690: "cache_off", 0x40000694: "cache_on",
        },
    },
}


def parse(image):
    """The entry and the segments (address, offset, length) of an image."""
    assert image[0] == 0xE9, "no image"
    at, segments = 24, []
    for _ in range(image[1]):
        address, length = struct.unpack_from("<II", image, at)
        segments.append((address, at + 8, length))
        at += 8 + length
    return struct.unpack_from("<I", image, 4)[0], segments


class Chip:
    """One start of the chip on `flash`, which keeps what is written."""

    def __init__(self, name, flash, reset_reason=POWER_ON):
        self.name, self.chip, self.flash, self.reset_reason = name, CHIPS[name], flash, reset_reason
        self.console, self.end, self.started, self.cache, self.unlocked = "", None, False, True, False
        self.armed, self.fed, self.waited_us, self.index, self.pages = False, 0, 0, 0, {}
        self.core = core = Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
        base, size = self.chip["ram"]
        self.ram = ctypes.create_string_buffer(b"\xA5" * size, size)
        for start in filter(None, (base, self.chip["instruction_bus"])):
            core.mem_map_ptr(start, size, UC_PROT_ALL, ctypes.addressof(self.ram))
        for window in self.chip["windows"]:
            core.mem_map(window, self.chip["window_bytes"])
            core.hook_add(UC_HOOK_CODE, self.in_window, begin=window, end=window + self.chip["window_bytes"] - 1)
        core.mem_map(0x50000000, 0x4000)
        core.mem_map(0x60000000, 0x100000)
        core.mem_map(ROM, ROM_BYTES)
        core.mem_write(ROM, b"\x82\x80" * (ROM_BYTES // 2))  # c.jr ra: every function returns
        core.hook_add(UC_HOOK_CODE, self.in_rom, begin=ROM, end=ROM + ROM_BYTES - 1)
        core.hook_add(UC_HOOK_MEM_WRITE, self.register, begin=0x60000000, end=0x600FFFFF)
        core.hook_add(UC_HOOK_MEM_UNMAPPED, self.nowhere)

    def stop(self, why):
        self.end = self.end or why
        self.core.emu_stop()

    def nowhere(self, core, _access, address, _size, _value, _data):
        self.end = f"nothing is at {address:#x}, pc {core.reg_read(UC_RISCV_REG_PC):#x}"
        return False

    def in_rom(self, core, address, _size, _data):
        what = self.chip["functions"].get(address)
        a = [core.reg_read(UC_RISCV_REG_A0 + n) for n in range(3)]
        result = 0
        if what in ("read", "write", "erase", "unlock") and self.cache:
            return self.stop(f"{what} of the flash while the cache is on")
        if what in ("read", "write") and (a[0] | a[1] | a[2]) % 4:
            return self.stop(f"{what} of the flash that is not in words")
        if what in ("write", "erase") and not self.unlocked:
            return self.stop(f"{what} of the flash before it is unlocked")
        if what == "read":
            core.mem_write(a[1], bytes(self.flash[a[0]:a[0] + a[2]]))
        elif what == "write":
            for place, byte in enumerate(core.mem_read(a[1], a[2])):
                if byte & ~self.flash[a[0] + place]:
                    return self.stop(f"a program sets a bit at {a[0] + place:#x}")
                self.flash[a[0] + place] = byte
        elif what == "erase":
            self.flash[a[0] * 4096:(a[0] + 1) * 4096] = b"\xFF" * 4096
        elif what == "unlock":
            self.unlocked = True
        elif what == "memset":
            core.mem_write(a[0], bytes([a[1] & 255]) * a[2])
            result = a[0]
        elif what in ("memcpy", "memmove"):
            core.mem_write(a[0], bytes(core.mem_read(a[1], a[2])))
            result = a[0]
        elif what == "memcmp":
            left, right = (bytes(core.mem_read(at, a[2])) for at in a[:2])
            result = (left > right) - (left < right) & 0xFFFFFFFF
        elif what == "print":
            self.console += chr(a[0] & 255)
        elif what == "delay":
            self.waited_us += a[0]
        elif what == "reset_reason":
            result = self.reset_reason
        elif what == "cache_off":
            self.cache, result = False, 7
        elif what == "cache_on":
            assert a[0] == 7, "the cache is switched on as it was"
            self.cache = True
        elif what == "reset":
            return self.stop("reset")
        elif what != "cache_invalidate":
            return self.stop(f"no function of the ROM is simulated at {address:#x}")
        core.reg_write(UC_RISCV_REG_A0, result)

    def register(self, _core, _access, address, _size, value, _data):
        watchdog = self.chip["watchdog"]
        if self.name == "esp32c3" and 0x600C5000 <= address < 0x600C5200:
            self.map((address - 0x600C5000) // 4, None if value & 0x100 else value & 0xFF)
        elif self.name == "esp32c6" and address == 0x60002380:
            self.index = value
        elif self.name == "esp32c6" and address == 0x6000237C:
            self.map(self.index, value & 0x1FF if value & 0x200 else None)
        elif address == watchdog:
            self.armed = bool(value & 1 << 31)
        elif address == watchdog + 0x14:
            self.fed += 1

    def map(self, entry, page):
        if self.started and self.cache:
            return self.stop("the table of pages is changed while the cache is on")
        self.pages[entry] = page
        data = bytes(PAGE) if page is None else bytes(self.flash[page * PAGE:(page + 1) * PAGE])
        for window in self.chip["windows"]:
            self.core.mem_write(window + entry * PAGE, data)

    def in_window(self, _core, address, _size, _data):
        if self.pages.get((address & (self.chip["window_bytes"] - 1)) // PAGE) is None:
            self.stop(f"runs from {address:#x}, where nothing is mapped")
        elif address == self.entry:
            self.stop("entered")

    def boot(self, entry):
        """Starts the launcher as the second-stage loader does; returns how the run ended."""
        self.entry = entry
        image = bytes(self.flash[LAUNCHER:LAUNCHER + PAGE])
        start, segments = parse(image)
        mapped = 0
        for address, offset, length in segments:
            if any(window <= address < window + self.chip["window_bytes"] for window in self.chip["windows"]):
                assert address % PAGE == offset % PAGE, f"{address:#x} cannot be mapped"
                self.map((address & (self.chip["window_bytes"] - 1)) // PAGE, (LAUNCHER + offset) // PAGE)
                mapped += 1
            elif address >= 0x10000:
                self.core.mem_write(address, image[offset:offset + length])
        assert mapped == 2, "the second-stage loader maps one segment of data and one of code"
        self.started = True
        self.core.reg_write(UC_RISCV_REG_SP, sum(self.chip["ram"]) - 0x100)
        self.core.emu_start(start, 0xFFFFFFFE, timeout=LONGEST_RUN_US)
        return self.end

    def holds(self, image):
        """Whether every segment of `image` is in place."""
        return all(
            bytes(self.core.mem_read(address, length)) == image[offset:offset + length]
            for address, offset, length in parse(image)[1]
            if address >= 0x10000 and length
        )


def version(app, text):
    """The same image with another version in it, and with its checksum and hash right."""
    changed = bytearray(app[:-32])
    at = parse(app)[1][0][1] + 16
    new = text.encode().ljust(32, b"\0")
    for place, byte in enumerate(new):
        changed[-1] ^= changed[at + place] ^ byte
        changed[at + place] = byte
    return bytes(changed) + hashlib.sha256(changed).digest()


def main(name, launcher, app):
    with open(launcher, "rb") as file:
        launcher = file.read()
    with open(app, "rb") as file:
        app = file.read()
    assert len(launcher) <= PAGE, "the launcher has 64 KiB"
    images = {"a": version(app, "1.0.0-a"), "b": version(app, "2.0.0-b")}
    entry = parse(app)[0]
    flash = bytearray(b"\xFF" * FLASH_BYTES)

    def put(at, image):
        flash[at:at + len(image)] = image

    def start(expected, slot=None, **how):
        chip = Chip(name, flash, **how)
        end = chip.boot(entry)
        print(f"{end}: {' / '.join(chip.console.split(chr(13) + chr(10)))}")
        assert end == expected, end
        assert chip.armed and chip.fed > 0, "the watchdog runs"
        if slot:
            assert f"slot={slot} " in chip.console, f"slot {slot} is started"
            assert chip.holds(images[slot]), "what is loaded is what the image holds"
        return chip

    put(LAUNCHER, launcher)
    put(SLOT_A, images["a"])
    put(SLOT_B, images["b"])
    for slot in "aaabb":  # three starts without a check-in, then the other slot, which stays
        chip = start("entered", slot)
    print(f"{sum(page is not None for page in chip.pages.values())} pages mapped")
    flash[SLOT_B + 5000] ^= 1
    start("entered", "a")
    flash[SLOT_A + 9000] ^= 1
    assert start("reset").waited_us >= 10_000_000, "a camera without an image does not start over and over"

    foreign = bytearray(images["a"][:-32])
    foreign[12] = 9
    flash[LAUNCHER + PAGE:] = b"\xFF" * (FLASH_BYTES - LAUNCHER - PAGE)
    flash[:LAUNCHER] = b"\xFF" * LAUNCHER
    put(SLOT_A, bytes(foreign) + hashlib.sha256(foreign).digest())
    start("reset")
    put(SLOT_A, images["a"])
    start("entered", "a", reset_reason=DEEP_SLEEP)
    print(f"{name}: the launcher of {len(launcher)} bytes did what it should")


if __name__ == "__main__":
    main(*sys.argv[1:])
