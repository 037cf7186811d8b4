#include "hw/char/ns16550a.h"

#include <algorithm>

namespace mimus {
namespace {

enum Ier : u8 { kErbfi = 1, kEtbei = 2, kElsi = 4, kEdssi = 8, kIerMask = 0x0f };
enum Iir : u8 { kModemStatus = 0, kNone = 1, kThre = 2, kDataAvailable = 4, kLineStatus = 6, kTimeout = 0xc };
constexpr u8 kIirFifosOn = 0xc0;
enum Fcr : u8 { kFifoEnable = 1, kClearReceiver = 2, kClearTransmitter = 4, kTriggerShift = 6, kFcrKept = 0xc9 };
enum Lcr : u8 { kWordLength = 3, kTwoStops = 4, kParity = 8, kDlab = 0x80 };
enum Mcr : u8 { kDtr = 1, kRts = 2, kOut1 = 4, kOut2 = 8, kLoop = 0x10, kMcrMask = 0x1f };
enum Lsr : u8 { kDr = 1, kOe = 2, kLsrThre = 0x20, kTemt = 0x40 };
enum Msr : u8 { kTeri = 4, kDeltas = 0x0f, kCts = 0x10, kDsr = 0x20, kRi = 0x40, kDcd = 0x80 };

constexpr u8 kTriggerLevels[4] = {1, 4, 8, 14};

}  // namespace

Ns16550a::Ns16550a(Clock& clock, EventQueue& events, IrqLine irq, CharEndpoint* endpoint)
    : clock_(clock),
      events_(events),
      irq_(irq),
      endpoint_(endpoint),
      gate_(clock, events, endpoint),
      timeout_(events.create_timer([this] {
        timeout_pending_ = receiver_.count > 0;
        update_irq();
      })) {
  if (endpoint_) {
    endpoint_->attach({
        .room = [this] { return room(); },
        .on_input =
            [this](std::span<const u8> data) {
              for (u8 byte : data) receive(byte);
            },
        .on_writable = [this] { transmit(); },
    });
  }
  reset(ResetKind::cold);
}

bool Ns16550a::dlab() const { return lcr_ & kDlab; }
bool Ns16550a::loopback() const { return mcr_ & kLoop; }
bool Ns16550a::fifos_on() const { return fcr_ & kFifoEnable; }
u8 Ns16550a::trigger_level() const { return fifos_on() ? kTriggerLevels[fcr_ >> kTriggerShift] : 1; }

// Four character times (section 8.5: FIFO timeout interrupts).
u64 Ns16550a::receive_timeout_ns() const {
  const u64 character_bits = 1 + 5 + (lcr_ & kWordLength) + ((lcr_ & kParity) != 0) + 1 + ((lcr_ & kTwoStops) != 0);
  return 4 * character_bits * 16 * std::max<u64>(divisor_, 1) * 1'000'000'000 / kClockHz;
}

// -- interrupts --

// The pending interrupt of the highest priority, as in IIR bits 3:0.
u8 Ns16550a::interrupt_id() const {
  if ((ier_ & kElsi) && overrun_) return kLineStatus;
  if (ier_ & kErbfi) {
    if (receiver_.count >= trigger_level()) return kDataAvailable;
    if (timeout_pending_) return kTimeout;
  }
  if ((ier_ & kEtbei) && thre_pending_) return kThre;
  if ((ier_ & kEdssi) && (msr_ & kDeltas)) return kModemStatus;
  return kNone;
}

void Ns16550a::update_irq() { irq_.set(interrupt_id() != kNone); }

// Reading IIR withdraws the transmitter's interrupt if that is what it shows.
u8 Ns16550a::identify_interrupt() {
  const u8 id = interrupt_id();
  if (id == kThre) {
    thre_pending_ = false;
    update_irq();
  }
  return u8(id | (fifos_on() ? kIirFifosOn : 0));
}

u8 Ns16550a::line_status() {
  u8 status = receiver_.count ? kDr : 0;
  if (overrun_) status |= kOe;
  if (!transmitter_.count) status |= kLsrThre | kTemt;
  overrun_ = false;
  update_irq();
  if (!receiver_.count && !transmitter_.count) gate_.polled();
  return status;
}

void Ns16550a::set_modem_lines() {
  u8 lines = kCts | kDsr | kDcd;
  if (loopback()) {
    lines =
        u8((mcr_ & kRts ? kCts : 0) | (mcr_ & kDtr ? kDsr : 0) | (mcr_ & kOut1 ? kRi : 0) | (mcr_ & kOut2 ? kDcd : 0));
  }
  const u8 changed = u8((lines ^ msr_) & 0xf0);
  u8 deltas = u8((changed >> 4) & ~kTeri);
  if ((changed & kRi) && !(lines & kRi)) deltas |= kTeri;  // trailing edge only
  msr_ = u8(lines | (msr_ & kDeltas) | deltas);
  update_irq();
}

// -- receiver --

size_t Ns16550a::room() const {
  if (loopback() || !gate_.open()) return 0;
  return size_t(capacity() - std::min(receiver_.count, capacity()));
}

void Ns16550a::restart_timeout() {
  timeout_pending_ = false;
  if (receiver_.count && fifos_on()) {
    events_.arm(timeout_, clock_.now_ns() + receive_timeout_ns());
  } else {
    events_.disarm(timeout_);
  }
}

void Ns16550a::receive(u8 byte) {
  if (receiver_.count < capacity()) {
    receiver_.push(byte);
  } else {
    overrun_ = true;
    if (!fifos_on()) receiver_.bytes[0] = byte;  // the holding register is overwritten; a full FIFO is not
  }
  restart_timeout();
  update_irq();
}

u8 Ns16550a::read_rbr() {
  const u8 byte = receiver_.bytes[0];
  if (!receiver_.count) return byte;
  receiver_.drop(1);
  restart_timeout();
  update_irq();
  if (!receiver_.count) gate_.resume();
  return byte;
}

void Ns16550a::clear_receiver() {
  gate_.forget_polls();
  receiver_.count = 0;
  restart_timeout();
  gate_.resume();
}

// -- transmitter --

void Ns16550a::transmitter_empty() {
  thre_pending_ = true;
  update_irq();
}

// Hands over what waits in the FIFO, as much as the endpoint takes.
void Ns16550a::transmit() {
  if (!transmitter_.count) return;
  size_t taken = endpoint_ ? endpoint_->write({transmitter_.bytes.data(), transmitter_.count}) : transmitter_.count;
  transmitter_.drop(unsigned(taken));
  if (!transmitter_.count) transmitter_empty();
}

void Ns16550a::write_thr(u8 byte) {
  thre_pending_ = false;
  gate_.sent();
  if (loopback()) {
    receive(byte);
    return transmitter_empty();
  }
  if (transmitter_.count == capacity()) transmitter_.count--;  // the last one is overwritten
  transmitter_.push(byte);
  if (transmitter_.count == 1) transmit();  // else the endpoint was full: on_writable goes on
  update_irq();
}

// -- registers --

void Ns16550a::write_ier(u8 value) {
  const u8 turned_on = u8(value & ~ier_);
  ier_ = value & kIerMask;
  gate_.forget_polls();
  if (turned_on & kErbfi) gate_.interrupt_on(receive_timeout_ns());
  if (!(ier_ & kErbfi)) gate_.interrupt_off();
  if ((turned_on & kEtbei) && !transmitter_.count) thre_pending_ = true;
  update_irq();
}

void Ns16550a::write_fcr(u8 value) {
  const bool toggled = (value ^ fcr_) & kFifoEnable;
  fcr_ = value & kFifoEnable ? value & kFcrKept : 0;
  if (toggled || (value & kClearReceiver)) clear_receiver();
  if (transmitter_.count && (toggled || (value & kClearTransmitter))) {
    transmitter_.count = 0;
    transmitter_empty();
  }
  update_irq();
}

void Ns16550a::write_mcr(u8 value) {
  const bool was_loopback = loopback();
  mcr_ = value & kMcrMask;
  set_modem_lines();
  if (was_loopback && !loopback()) gate_.resume();
}

u64 Ns16550a::read(RegionId, u64 offset, unsigned) {
  switch (offset) {
    case 0: return dlab() ? u8(divisor_) : read_rbr();
    case 1: return dlab() ? u8(divisor_ >> 8) : ier_;
    case 2: return identify_interrupt();
    case 3: return lcr_;
    case 4: return mcr_;
    case 5: return line_status();
    case 6: {
      const u8 status = msr_;
      msr_ &= u8(~kDeltas);
      update_irq();
      return status;
    }
    case 7: return scr_;
    default: return 0;
  }
}

void Ns16550a::write(RegionId, u64 offset, unsigned, u64 value) {
  const u8 byte = u8(value);
  switch (offset) {
    case 0:
      if (!dlab()) return write_thr(byte);
      divisor_ = u16((divisor_ & 0xff00) | byte);
      return;
    case 1:
      if (!dlab()) return write_ier(byte);
      divisor_ = u16((divisor_ & 0xff) | byte << 8);
      return;
    case 2: return write_fcr(byte);
    case 3: lcr_ = byte; return;
    case 4: return write_mcr(byte);
    case 7: scr_ = byte; return;
    default: return;  // LSR and MSR are read-only outside of factory tests
  }
}

void Ns16550a::reset(ResetKind) {
  ier_ = fcr_ = lcr_ = mcr_ = scr_ = 0;
  divisor_ = 2;
  overrun_ = thre_pending_ = false;
  transmitter_.count = 0;
  gate_.interrupt_off();
  clear_receiver();
  set_modem_lines();
  msr_ &= u8(~kDeltas);
  update_irq();
}

// Left out: how much of the receive timeout has passed (it starts anew).
void Ns16550a::visit_state(StateVisitor& visitor) {
  visitor.begin("uart", 1);
  receiver_.visit(visitor, "receiver");
  transmitter_.visit(visitor, "transmitter");
  visitor.field("divisor", divisor_);
  visitor.index("ier", ier_, kIerMask + 1);
  visitor.field("fcr", fcr_);
  visitor.field("lcr", lcr_);
  visitor.index("mcr", mcr_, kMcrMask + 1);
  visitor.field("msr", msr_);
  visitor.field("scr", scr_);
  gate_.visit_state(visitor);
  visitor.field("overrun", overrun_);
  visitor.field("timeout_pending", timeout_pending_);
  visitor.field("thre_pending", thre_pending_);
  visitor.end();
  if (!visitor.loading()) return;
  if (receiver_.count > capacity() || transmitter_.count > capacity()) visitor.reject("count", "more than fits");
  receiver_.count = std::min(receiver_.count, capacity());
  transmitter_.count = std::min(transmitter_.count, capacity());
}

void Ns16550a::after_load() {
  update_irq();
  gate_.after_load(ier_ & kErbfi);
  if (receiver_.count && !timeout_pending_) restart_timeout();
  transmit();
  gate_.resume();
}

}  // namespace mimus
