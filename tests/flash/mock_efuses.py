"""The eFuse controller of an ESP32-C3, ESP32-C6 or ESP32-S3, stricter than a real one.

What a real one would burn wrongly, or not burn, is a violation here: it is noted, answered with an error, and nothing is burnt.
What is burnt lies in a JSON file, so that it outlives the process and a test can look at it and change it. Beside it lie a log of
every write to a register of the controller, with the violations, and orders of the test, which are taken up by the next
connection: where power is to fail, and which cells do not take at the first programming.

Addresses and rules are those of the chips' Technical Reference Manuals; words are decoded by the reedsolo package.
"""

import json
import os

import reedsolo

BASES = {'esp32c3': 0x60008800, 'esp32c6': 0x600B0800, 'esp32s3': 0x60007000}
WINDOW = 0x200

# Where the words of each block are read: offset and how many.
BLOCKS = {0: (0x02C, 6), 1: (0x044, 6), 2: (0x05C, 8), 3: (0x07C, 8), 10: (0x15C, 8)}
BLOCKS |= {4 + key: (0x09C + 0x20 * key, 8) for key in range(6)}
KEYS = range(4, 10)

BLOCK0_ERRORS = (0x17C, 0x180, 0x184, 0x188, 0x190)
CODE_ERRORS = (0x1C0, 0x1C4)
CONF, STATUS, CMD = 0x1CC, 0x1D0, 0x1D4
DAC_CONF, TIM_FIRST, TIM_LAST = 0x1E8, 0x1EC, 0x1F8
MAY_PROGRAM, MAY_READ = 0x5A5A, 0x5AA5

# How often the controller says that it is busy.
BUSY_LOOKS = 2


class PowerCut(Exception):
    """The board has no power any more."""


class Violation(Exception):
    """Something that must not be done to a controller."""


def code_of(words):
    data = b''.join(word.to_bytes(4, 'little') for word in words)
    code = bytes(reedsolo.RSCodec(12).encode(data))[32:]
    return [int.from_bytes(code[at:at + 4], 'little') for at in (0, 4, 8)]


class Efuses:
    def __init__(self, chip, mac, path):
        self.chip, self.base, self.path = chip, BASES[chip], path
        if not os.path.exists(path):
            low, high = int.from_bytes(mac[2:], 'big'), int.from_bytes(mac[:2], 'big')
            blocks = {str(block): [0] * 11 for block in BLOCKS}
            blocks['1'][:2] = [low, high]
            blocks['1'][8:] = code_of(blocks['1'][:8])
            self._save(blocks)
        self.reset()

    def _save(self, blocks):
        with open(self.path + '.new', 'w') as new:
            json.dump(blocks, new)
        os.replace(self.path + '.new', self.path)

    def _note(self, line):
        with open(self.path + '.log', 'a') as log:
            log.write(line + '\n')

    def reset(self):
        """Power comes back, or somebody connects: the registers are as after a start, and orders are taken up."""
        with open(self.path) as burnt:
            self.cells = json.load(burnt)
        self.orders = {}
        if os.path.exists(self.path + '.orders'):
            with open(self.path + '.orders') as orders:
                self.orders = json.load(orders)
        self.program = [0] * 11
        self.plain = {}
        self.operation = self.busy = self.writes = 0
        self.load()

    def load(self):
        """All blocks are read anew: decoded, and hidden where they are to be."""
        self.read_words, self.errors = {}, 0
        hidden = self.cells['0'][1] & 0x7F
        for block, (_, count) in BLOCKS.items():
            words, wrong = self.cells[str(block)], 0
            if block != 0:
                coded = b''.join(word.to_bytes(4, 'little') for word in words)
                try:
                    data, _, places = reedsolo.RSCodec(12).decode(coded)
                    wrong = min(len(places), 7)
                except reedsolo.ReedSolomonError:
                    data, wrong = coded, 8
                words = [int.from_bytes(data[at:at + 4], 'little') for at in range(0, 32, 4)]
            if block >= 4 and hidden >> (block - 4) & 1:
                words, wrong = [0] * 8, 0
            self.read_words[block] = words[:count]
            if wrong:
                count_at = 4 * (block - 1)
                failed_at = count_at + 3 + (4 if self.chip == 'esp32c3' else 0)
                self.errors |= wrong << count_at if wrong < 8 else 1 << failed_at
        self.errors &= (1 << 64) - 1

    def contains(self, address):
        return self.base <= address < self.base + WINDOW

    def read(self, address):
        offset = address - self.base
        if offset == CMD:
            command = self.command if self.busy else 0
            self.busy = max(0, self.busy - 1)
            return command
        if self.busy:
            raise Violation(f'{offset:#x} was read while the controller was busy')
        if offset < 0x2C:
            return self.program[offset // 4]
        for block, (start, count) in BLOCKS.items():
            if start <= offset < start + 4 * count:
                return self.read_words[block][(offset - start) // 4]
        if offset in CODE_ERRORS:
            return self.errors >> 32 * CODE_ERRORS.index(offset) & 0xFFFFFFFF
        if offset == CONF:
            return self.operation
        return self.plain.get(offset, 0)

    def write(self, address, value, mask):
        offset = address - self.base
        self.writes += 1
        self._note(f'W {offset:#05x} {value:#010x}')
        cut = self.orders.get('cut_at') == self.writes
        if self.busy:
            raise Violation(f'{offset:#x} was written while the controller was busy')
        if mask != 0xFFFFFFFF:
            raise Violation('a write with a mask')
        if offset < 0x2C:
            self.program[offset // 4] = value
        elif offset == CONF:
            if value not in (0, MAY_PROGRAM, MAY_READ):
                raise Violation(f'{value:#x} is the code of no operation')
            self.operation = value
        elif offset == CMD:
            self._begin(value, self.orders.get('bits') if cut else None)
        elif offset == DAC_CONF or TIM_FIRST <= offset <= TIM_LAST:
            self.plain[offset] = value
        else:
            raise Violation(f'{offset:#x} cannot be written')
        if cut:
            os.remove(self.path + '.orders')
            self._note('C power was cut')
            raise PowerCut

    def _begin(self, value, bits):
        if value == 1:
            if self.operation != MAY_READ:
                raise Violation('a reading without its code')
            self.load()
        elif value & 3 == 2 and value >> 2 in BLOCKS:
            self._burn(value >> 2, bits)
        else:
            raise Violation(f'{value:#x} is no command')
        self.command, self.busy = value, BUSY_LOOKS

    def _burn(self, block, bits):
        if self.operation != MAY_PROGRAM:
            raise Violation('a programming without its code')
        last = self.chip == 'esp32s3'
        on, off = self.plain.get(0x1F4 if last else 0x1F0, 0), self.plain.get(0x1F8 if last else 0x1F4, 0)
        if (self.plain.get(DAC_CONF, 0) & 0x1FEFF, on >> 8 & 0xFFFF, off & 0xFFFF) != (0xFF << 9 | 0x28, 0x3000, 0x190):
            raise Violation('a programming with another timing')
        cells, closed = self.cells[str(block)], self.cells['0'][0]
        if not any(self.program[:8]):
            raise Violation('a programming of nothing')
        if block == 0:
            self._check_block0(closed)
            program = self.program[:6] + [0] * 5
        else:
            if closed >> (19 + block) & 1:
                raise Violation(f'block {block} is closed')
            if block in KEYS and self.cells['0'][1] >> (block - 4) & 1:
                raise Violation(f'block {block} is hidden')
            if self.program[8:] != code_of(self.program[:8]):
                raise Violation('wrong check words')
            # What is set cannot be cleared, and the code allows nothing to be added.
            if any(cells) and any(old & ~new for old, new in zip(cells, self.program)):
                raise Violation(f'block {block} holds something else')
            program = self.program
        missed = self.orders.get('missed', {}).pop(str(block), [0] * 11)
        program = [word & ~miss for word, miss in zip(program, missed)]
        if bits is not None:
            program = [word & taken for word, taken in zip(program, bits)]
        self.cells[str(block)] = [old | new for old, new in zip(cells, program)]
        self._save(self.cells)

    def _check_block0(self, closed):
        """Of block 0 nothing is to be programmed but protections, and purposes of keys."""
        _, protection, *words = self.program[:6]
        purposes = words[0] >> 24 | (words[1] & 0xFFFF) << 8
        if self.program[6] or self.program[7] or words[0] & 0xFFFFFF or words[1] >> 16 or words[2] or words[3]:
            raise Violation('bits of block 0 that are nothing to do with keys')
        if protection & ~0x3F:
            raise Violation('bits beside those that hide keys')
        if protection and closed & 1:
            raise Violation('the protection from reading is closed')
        for key in range(6):
            if purposes >> 4 * key & 0xF and closed >> (8 + key) & 1:
                raise Violation(f'the purpose of key {key} is closed')

    def note_violation(self, violation):
        self._note(f'V {violation}')
