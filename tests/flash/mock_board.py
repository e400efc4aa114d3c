"""One board: esp32-mock-bootloader with an address of its own, its flash in a file and its eFuses in another, so that a test can
read them.

Arguments: the chip, the MAC address, the flash file (made blank when it is missing), the file that is told the TCP port, the file
of the eFuses (see mock_efuses.py).
"""

import mmap
import os
import struct
import sys

# Nothing is to be written beside the sources.
sys.dont_write_bytecode = True

import mock_efuses
from esp32_mock_bootloader import protocol, registers, server

chip, mac, flash_file, port_file, efuse_file = sys.argv[1:6]

# It has 4 MiB for every chip; the boards with an ESP32-S3 have 8.
if chip == 'esp32s3':
    protocol.FLASH_MOCK_SIZE, protocol.MOCK_FLASH_ID = 8 << 20, 0x00174020

address = tuple(int(pair, 16) for pair in mac.split(':'))
registers.mac_bytes_for_chip = lambda _chip: address

# The mock is reset three seconds after a flash has ended, whatever it is in the middle of then. Here the relay resets it, when
# the port is closed.
server._FLASH_END_IDLE_SEC = float('inf')

# It gives an acknowledgement 50 ms to arrive, which is less than a block takes on a line of this speed.
server._CLIENT_RECV_TIMEOUT = 5.0

# It ends its writing mode whether it was in it or not. A real stub answers 0xC6 then (esptool, "Serial Protocol": not in flash
# mode), and it is in it after a FLASH_BEGIN or FLASH_DEFL_BEGIN on the same connection.
STUB_NOT_IN_FLASH_MODE = 0xC6
ENDS = (protocol.CMD_FLASH_END, protocol.CMD_FLASH_DEFL_END)


class FlashImage(server.FlashImage):
    writing = False

    def begin_defl(self, payload):
        self.writing = True
        super().begin_defl(payload)

    def begin_plain(self, payload):
        self.writing = True
        super().begin_plain(payload)


def make_response(cmd, *values, **named):
    if cmd in ENDS:
        if not flash.writing:
            named |= {'status': 1, 'error': STUB_NOT_IN_FLASH_MODE}
        flash.writing = False
    return plain_response(cmd, *values, **named)


def handle_client(*values, **named):
    flash.writing = False
    if efuses:
        efuses.reset()
    try:
        return plain_client(*values, **named)
    except mock_efuses.PowerCut:
        return True


# Its registers keep what was written to them and nothing comes of it. Those of the eFuse controller do something.
efuses = mock_efuses.Efuses(chip, bytes(address), efuse_file) if chip in mock_efuses.BASES else None


def refused(cmd, session, violation):
    efuses.note_violation(violation)
    return make_response(cmd, status=1, error=protocol.ROM_INVALID_MESSAGE, stub=session.stub_active)


def handle_read_reg(data, session):
    where = struct.unpack_from('<I', data)[0]
    if efuses is None or not efuses.contains(where):
        return plain_read_reg(data, session)
    try:
        value = efuses.read(where)
    except mock_efuses.Violation as violation:
        return refused(protocol.CMD_READ_REG, session, violation)
    return make_response(protocol.CMD_READ_REG, value=value, stub=session.stub_active)


def handle_write_reg(data, session):
    where, value, mask, _ = struct.unpack_from('<IIII', data)
    # Behind the first write can be another, with which esptool has a chip wait.
    if efuses is None or not efuses.contains(where):
        return plain_write_reg(data, session)
    try:
        efuses.write(where, value, mask)
    except mock_efuses.Violation as violation:
        return refused(protocol.CMD_WRITE_REG, session, violation)
    return make_response(protocol.CMD_WRITE_REG, stub=session.stub_active)


plain_read_reg, server.handle_read_reg = server.handle_read_reg, handle_read_reg
plain_write_reg, server.handle_write_reg = server.handle_write_reg, handle_write_reg

plain_response, server.make_response = server.make_response, make_response
plain_client, server.handle_client = server.handle_client, handle_client

if not os.path.exists(flash_file):
    with open(flash_file, 'wb') as new:
        new.write(b'\xff' * protocol.FLASH_MOCK_SIZE)
flash = FlashImage()
with open(flash_file, 'r+b') as opened:
    flash.data = mmap.mmap(opened.fileno(), protocol.FLASH_MOCK_SIZE)
server._persistent_flash = flash

server.run_server(0, chip_mode=chip, port_file=port_file)
