"""One board: esp32-mock-bootloader with an address of its own and its flash in a file, so that a test can read it.

Arguments: the chip, the MAC address, the flash file (made blank when it is missing), the file that is told the TCP port.
"""

import mmap
import os
import sys

from esp32_mock_bootloader import protocol, registers, server

chip, mac, flash_file, port_file = sys.argv[1:5]

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
    return plain_client(*values, **named)


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
