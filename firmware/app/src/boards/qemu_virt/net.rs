//! virtio-net and virtio-rng over MMIO (Virtual I/O Device version 1.2), with fixed buffers.

use core::{
    cell::{Cell, RefCell},
    ptr::{NonNull, with_exposed_provenance_mut},
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Waker},
};

use critical_section::Mutex;
use embassy_net::driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use rand_core::{CryptoRng, RngCore};
use virtio_drivers::{
    BufferDirection, Hal, PAGE_SIZE, PhysAddr,
    device::{net::VirtIONetRaw, rng::VirtIORng},
    transport::{
        DeviceType,
        mmio::{MmioTransport, VirtIOHeader},
    },
};

const SLOTS: usize = 0x1000_1000;
const SLOT_BYTES: usize = 0x1000;
const SLOT_COUNT: usize = 8;

const PLIC: usize = 0x0c00_0000;
const PLIC_ENABLE: usize = PLIC + 0x2000;
const PLIC_THRESHOLD: usize = PLIC + 0x20_0000;
const PLIC_CLAIM: usize = PLIC + 0x20_0004;

/// A legacy queue takes two pages; there are two of net, one of rng, and one of a card.
const DMA_PAGES: usize = 8;

#[repr(align(4096))]
struct Pages(#[allow(dead_code, reason = "devices use them")] [u8; DMA_PAGES * PAGE_SIZE]);

static mut PAGES: Pages = Pages([0; DMA_PAGES * PAGE_SIZE]);
static PAGES_USED: AtomicUsize = AtomicUsize::new(0);

/// Memory is where it seems to be, and pages for queues are taken once and kept.
pub(super) struct Identical;

// SAFETY: pages are handed out once, zeroed as statics are, aligned, and never again; addresses are physical.
unsafe impl Hal for Identical {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = PAGES_USED.fetch_add(pages, Ordering::Relaxed);
        assert!(first + pages <= DMA_PAGES, "too few pages for the queues of virtio");
        let base = NonNull::new((&raw mut PAGES).cast::<u8>()).unwrap_or(NonNull::dangling());
        // SAFETY: within the static, as just asserted.
        let at = unsafe { base.add(first * PAGE_SIZE) };
        (at.expose_provenance().get() as PhysAddr, at)
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(with_exposed_provenance_mut(address as usize)).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().expose_provenance().get() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

pub(super) type Transport = MmioTransport<'static>;

/// Place in a slot of the number that says what kind of device is in it (section 4.2.2); 0 is none.
const DEVICE_ID: usize = 0x008;

/// The device of this kind, and its slot.
pub(super) fn find(kind: DeviceType) -> Option<(usize, Transport)> {
    // The register is read before a transport is made: one that is dropped resets its device, which may be in use.
    let is_wanted = |slot: &usize| {
        let register = with_exposed_provenance_mut::<u32>(SLOTS + slot * SLOT_BYTES + DEVICE_ID);
        // SAFETY: each of the eight slots is a valid register block, empty or not, for ever.
        unsafe { register.read_volatile() == kind as u32 }
    };
    let slot = (0..SLOT_COUNT).find(is_wanted)?;
    let header = NonNull::new(with_exposed_provenance_mut::<VirtIOHeader>(SLOTS + slot * SLOT_BYTES))?;
    // SAFETY: as above.
    let transport = unsafe { MmioTransport::new(header, SLOT_BYTES) }.ok()?;
    Some((slot, transport))
}

const QUEUE: usize = 8;
/// Two descriptors go with each packet to send.
const SENDING: usize = QUEUE / 2;
/// An Ethernet frame and the header of virtio before it.
const FRAME: usize = 1536;
const MTU: usize = 1514;

type Raw = VirtIONetRaw<Identical, Transport, QUEUE>;

/// The network card.
pub(crate) struct Card {
    raw: Raw,
    received: &'static mut [[u8; FRAME]; QUEUE],
    /// What is being sent, by its token.
    sending: &'static mut [([u8; FRAME], Option<(u16, usize)>); SENDING],
}

static WAKER: Mutex<RefCell<Option<Waker>>> = Mutex::new(RefCell::new(None));
static INTERRUPT: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));

impl Card {
    /// The machine's network card, if it has one.
    pub(super) fn find() -> Option<Self> {
        static RECEIVED: static_cell::ConstStaticCell<[[u8; FRAME]; QUEUE]> =
            static_cell::ConstStaticCell::new([[0; FRAME]; QUEUE]);
        static SENDING_NOW: static_cell::ConstStaticCell<[([u8; FRAME], Option<(u16, usize)>); SENDING]> =
            static_cell::ConstStaticCell::new([([0; FRAME], None); SENDING]);
        let (slot, transport) = find(DeviceType::Network)?;
        let mut raw = Raw::new(transport).ok()?;
        let received = RECEIVED.take();
        for buffer in received.iter_mut() {
            // SAFETY: the buffer is static, and only touched between `receive_complete` and the next `receive_begin`.
            unsafe { raw.receive_begin(buffer) }.ok()?;
        }
        raw.enable_interrupts();
        let interrupt = slot as u32 + 1;
        critical_section::with(|cs| INTERRUPT.borrow(cs).set(interrupt));
        // SAFETY: registers of the PLIC: priority and enabling of this interrupt for machine mode of hart 0.
        unsafe {
            with_exposed_provenance_mut::<u32>(PLIC + 4 * interrupt as usize).write_volatile(1);
            with_exposed_provenance_mut::<u32>(PLIC_ENABLE).write_volatile(1 << interrupt);
            with_exposed_provenance_mut::<u32>(PLIC_THRESHOLD).write_volatile(0);
        }
        Some(Self { raw, received, sending: SENDING_NOW.take() })
    }

    fn wake_by(cx: &Context<'_>) {
        critical_section::with(|cs| {
            let mut waker = WAKER.borrow_ref_mut(cs);
            if waker.as_ref().is_none_or(|one| !one.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        });
    }

    /// Takes back what was sent.
    fn reclaim(&mut self) {
        while let Some(token) = self.raw.poll_transmit() {
            let done = self.sending.iter_mut().find(|(_, sent)| sent.is_some_and(|(one, _)| one == token));
            let Some((buffer, sent)) = done else { return };
            let length = sent.map_or(0, |(_, length)| length);
            *sent = None;
            // SAFETY: the same bytes that were handed over under this token.
            let _ = unsafe { self.raw.transmit_complete(token, &buffer[..length]) };
        }
    }

    fn free(&mut self) -> Option<usize> {
        self.reclaim();
        self.sending.iter().position(|(_, sent)| sent.is_none())
    }
}

/// Called by the executor's loop after an interrupt, or at any time.
pub(super) fn serve() {
    critical_section::with(|cs| {
        // SAFETY: the claim register of the PLIC; an interrupt that was claimed is completed below.
        let claimed = unsafe { with_exposed_provenance_mut::<u32>(PLIC_CLAIM).read_volatile() };
        if claimed == 0 || claimed != INTERRUPT.borrow(cs).get() {
            return;
        }
        let slot = SLOTS + (claimed as usize - 1) * SLOT_BYTES;
        // SAFETY: status and acknowledgement of the interrupt of this slot (section 4.2.2), then its completion.
        unsafe {
            let status = with_exposed_provenance_mut::<u32>(slot + 0x60).read_volatile();
            with_exposed_provenance_mut::<u32>(slot + 0x64).write_volatile(status);
            with_exposed_provenance_mut::<u32>(PLIC_CLAIM).write_volatile(claimed);
        }
        if let Some(waker) = WAKER.borrow_ref_mut(cs).take() {
            waker.wake();
        }
    });
}

/// A frame that came.
pub(crate) struct Received {
    /// The whole is handed back to the card when it was read.
    card: *mut Card,
    token: u16,
    start: usize,
    length: usize,
}

/// Room for a frame to send.
pub(crate) struct Room {
    card: *mut Card,
    place: usize,
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        // SAFETY: tokens live no longer than the borrow of the card that made them, and this one is the only one that
        // touches the receiving side.
        let card = unsafe { &mut *self.card };
        let buffer = &mut card.received[usize::from(self.token) % QUEUE];
        let result = f(&mut buffer[self.start..self.start + self.length]);
        // SAFETY: the buffer is static and is given to the card again.
        let _ = unsafe { card.raw.receive_begin(buffer) };
        result
    }
}

impl TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        // SAFETY: as for what was received; this one touches the sending side only.
        let card = unsafe { &mut *self.card };
        let (buffer, sent) = &mut card.sending[self.place];
        let header = card.raw.fill_buffer_header(buffer).unwrap_or(0);
        let result = f(&mut buffer[header..header + len]);
        // SAFETY: the buffer is static and not touched until `reclaim` has it back.
        if let Ok(token) = unsafe { card.raw.transmit_begin(&buffer[..header + len]) } {
            *sent = Some((token, header + len));
        }
        result
    }
}

impl Driver for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received, Room)> {
        Self::wake_by(cx);
        let place = self.free()?;
        let token = self.raw.poll_receive()?;
        let buffer = self.received.get_mut(usize::from(token))?;
        // SAFETY: descriptors are given out in order and one to a buffer, so a token is the place of its buffer.
        let (start, length) = unsafe { self.raw.receive_complete(token, buffer) }.ok()?;
        let card: *mut Self = self;
        Some((Received { card, token, start, length }, Room { card, place }))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Room> {
        Self::wake_by(cx);
        let place = self.free()?;
        Some(Room { card: self, place })
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(SENDING);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.raw.mac_address())
    }
}

/// The host's randomness.
pub(crate) struct Entropy(VirtIORng<Identical, Transport>);

impl Entropy {
    /// The machine's random source, if it has one.
    pub(super) fn find() -> Option<Self> {
        VirtIORng::new(find(DeviceType::EntropySource)?.1).ok().map(Self)
    }
}

impl RngCore for Entropy {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            let n = self.0.request_entropy(out).unwrap_or(0);
            assert!(n > 0 && n <= out.len(), "the random source gave nothing");
            out = &mut out[n..];
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Entropy {}
