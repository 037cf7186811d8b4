#include "hw/char/pl011.h"

#include <algorithm>

namespace mimus {
namespace {

enum Register : u64 {
  kDr = 0x00,
  kRsr = 0x04,
  kFr = 0x18,
  kIlpr = 0x20,
  kIbrd = 0x24,
  kFbrd = 0x28,
  kLcrH = 0x2c,
  kCr = 0x30,
  kIfls = 0x34,
  kImsc = 0x38,
  kRis = 0x3c,
  kMis = 0x40,
  kIcr = 0x44,
  kDmacr = 0x48,
  kIdentification = 0xfe0,
};
enum Data : u16 { kDrOe = 0x800 };
enum Flags : u16 {
  kCts = 1,
  kDsr = 2,
  kDcd = 4,
  kBusy = 8,
  kRxfe = 0x10,
  kTxff = 0x20,
  kRxff = 0x40,
  kTxfe = 0x80,
  kRi = 0x100,
};
enum Lcr : u8 { kFen = 0x10 };
enum Control : u16 {
  kUarten = 1,
  kLbe = 0x80,
  kTxe = 0x100,
  kRxe = 0x200,
  kDtr = 0x400,
  kRts = 0x800,
  kOut1 = 0x1000,
  kOut2 = 0x2000,
  kCrMask = 0xff87,
};
enum Interrupt : u16 {
  kRim = 1,
  kCtsm = 2,
  kDcdm = 4,
  kDsrm = 8,
  kRx = 0x10,
  kTx = 0x20,
  kRt = 0x40,
  kOe = 0x400,
  kInterruptMask = 0x7ff
};
constexpr unsigned kTxSelect = 0, kRxSelect = 3;  // fields of IFLS
constexpr u8 kIflsReset = 0x12, kIflsMask = 0x3f;

// UARTPeriphID0-3 (part 0x011, designer Arm, revision 3), UARTPCellID0-3.
constexpr u8 kIds[8] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

}  // namespace

Pl011::Pl011(Clock& clock, EventQueue& events, IrqLine irq, CharEndpoint* endpoint)
    : clock_(clock),
      events_(events),
      irq_(irq),
      endpoint_(endpoint),
      gate_(clock, events, endpoint),
      timeout_(events.create_timer([this] {
        if (receiver_.count) raise(kRt);
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

bool Pl011::fifos_on() const { return lcr_ & kFen; }
bool Pl011::loopback() const { return cr_ & kLbe; }
bool Pl011::receiving() const { return (cr_ & (kUarten | kRxe)) == (kUarten | kRxe); }

// IFLS: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO; the other values are reserved.
u8 Pl011::trigger(unsigned select_lsb) const {
  static constexpr u8 kLevels[8] = {4, 8, 16, 24, 28, 16, 16, 16};
  return kLevels[bits(ifls_, select_lsb, 3)];
}

// 32 bit times (section 2.8.4); the divisor is in sixty-fourths.
u64 Pl011::receive_timeout_ns() const {
  const u64 divisor = std::max<u64>(u64{ibrd_} * 64 + fbrd_, 64);
  return 32 * 16 * divisor * 1'000'000'000 / 64 / kClockHz;
}

void Pl011::raise(u16 interrupts) {
  ris_ |= interrupts;
  update_irq();
}

void Pl011::lower(u16 interrupts) {
  ris_ &= u16(~interrupts);
  update_irq();
}

// Outside of loopback the other side is always there; CR.RI and its like are what the pins carry.
void Pl011::set_modem_lines() {
  struct Wire {
    u16 control, flag, interrupt;
  };
  static constexpr Wire kWires[] = {{kRts, kCts, kCtsm}, {kDtr, kDsr, kDsrm}, {kOut1, kDcd, kDcdm}, {kOut2, kRi, kRim}};
  u16 lines = kCts | kDsr | kDcd;
  if (loopback()) {
    lines = 0;
    for (const Wire& wire : kWires) lines |= cr_ & wire.control ? wire.flag : 0;
  }
  for (const Wire& wire : kWires)
    if ((lines ^ modem_) & wire.flag) ris_ |= wire.interrupt;
  modem_ = lines;
  update_irq();
}

// -- receiver --

size_t Pl011::room() const {
  if (loopback() || !receiving() || !gate_.open()) return 0;
  return size_t(capacity() - std::min(receiver_.count, capacity()));
}

void Pl011::restart_timeout() {
  if (receiver_.count) {
    events_.arm(timeout_, clock_.now_ns() + receive_timeout_ns());
  } else {
    events_.disarm(timeout_);
  }
}

void Pl011::check_receive_level() {
  const u8 level = fifos_on() ? trigger(kRxSelect) : 1;
  if (receiver_.count >= level) {
    raise(kRx);
  } else {
    lower(kRx);
  }
}

void Pl011::receive(u8 byte) {
  if (receiver_.count >= capacity()) {
    overrun_ = lost_ = true;
    return raise(kOe);
  }
  receiver_.push(byte);
  restart_timeout();
  check_receive_level();
}

u16 Pl011::read_data() {
  u16 data = receiver_.bytes[0];
  if (!receiver_.count) return data;
  if (lost_) data |= kDrOe;
  lost_ = false;
  receiver_.drop(1);
  check_receive_level();
  if (!receiver_.count) {
    lower(kRt);
    gate_.resume();
  }
  restart_timeout();
  return data;
}

// -- transmitter --

// Hands over what waits in the FIFO, as much as the endpoint takes.
void Pl011::transmit() {
  if (!transmitter_.count) return;
  const size_t taken =
      endpoint_ ? endpoint_->write({transmitter_.bytes.data(), transmitter_.count}) : transmitter_.count;
  transmitter_.drop(unsigned(taken));
  if (taken && transmitter_.count <= (fifos_on() ? trigger(kTxSelect) : 0)) raise(kTx);
}

void Pl011::write_data(u8 byte) {
  gate_.sent();
  if (loopback()) {
    receive(byte);
    return raise(kTx);
  }
  if (transmitter_.count >= capacity()) return;  // TXFF said so
  transmitter_.push(byte);
  if (transmitter_.count > (fifos_on() ? trigger(kTxSelect) : 0)) lower(kTx);
  if (transmitter_.count == 1) transmit();  // else the endpoint was full: on_writable goes on
}

// -- registers --

u16 Pl011::flags() {
  u16 value = modem_;
  if (!receiver_.count) value |= kRxfe;
  if (receiver_.count >= capacity()) value |= kRxff;
  if (!transmitter_.count) value |= kTxfe;
  if (transmitter_.count) value |= kBusy;
  if (transmitter_.count >= capacity()) value |= kTxff;
  if (!receiver_.count && !transmitter_.count) gate_.polled();
  return value;
}

void Pl011::flush() {
  gate_.forget_polls();
  receiver_.count = transmitter_.count = 0;
  restart_timeout();
  lower(kRx | kRt);
  gate_.resume();
}

// Turning the FIFOs off or on empties them (section 3.3.7, FEN).
void Pl011::write_lcr(u8 value) {
  const bool toggled = (value ^ lcr_) & kFen;
  lcr_ = value;
  if (toggled) flush();
}

void Pl011::write_cr(u16 value) {
  cr_ = value & kCrMask;
  set_modem_lines();
  gate_.resume();
}

void Pl011::write_imsc(u16 value) {
  constexpr u16 kReceive = kRx | kRt;
  const bool was_on = imsc_ & kReceive;
  imsc_ = value & kInterruptMask;
  gate_.forget_polls();
  if (!(imsc_ & kReceive)) {
    gate_.interrupt_off();
  } else if (!was_on) {
    gate_.interrupt_on(receive_timeout_ns());
  }
  update_irq();
}

u16 Pl011::read_register(u64 offset) {
  switch (offset) {
    case kDr: return read_data();
    case kRsr: return overrun_ ? 8 : 0;
    case kFr: return flags();
    case kIlpr: return ilpr_;
    case kIbrd: return ibrd_;
    case kFbrd: return fbrd_;
    case kLcrH: return lcr_;
    case kCr: return cr_;
    case kIfls: return ifls_;
    case kImsc: return imsc_;
    case kRis: return ris_;
    case kMis: return ris_ & imsc_;
    case kDmacr: return dmacr_;
    default: return offset >= kIdentification && offset < kSize ? kIds[(offset - kIdentification) / 4] : 0;
  }
}

void Pl011::write_register(u64 offset, u16 value) {
  switch (offset) {
    case kDr: return write_data(u8(value));
    case kRsr: overrun_ = false; return;
    case kIlpr: ilpr_ = u8(value); return;
    case kIbrd: ibrd_ = value; return;
    case kFbrd: fbrd_ = value & 0x3f; return;
    case kLcrH: return write_lcr(u8(value));
    case kCr: return write_cr(value);
    case kIfls: ifls_ = value & kIflsMask; return check_receive_level();
    case kImsc: return write_imsc(value);
    case kIcr: return lower(value);
    case kDmacr: dmacr_ = value & 7; return;
    default: return;  // read-only and reserved
  }
}

u64 Pl011::read(RegionId, u64 offset, unsigned) { return offset % 4 ? 0 : read_register(offset); }

void Pl011::write(RegionId, u64 offset, unsigned, u64 value) {
  if (offset % 4 == 0) write_register(offset, u16(value));
}

void Pl011::reset(ResetKind) {
  ilpr_ = fbrd_ = lcr_ = dmacr_ = 0;
  ibrd_ = imsc_ = 0;
  cr_ = kTxe | kRxe;
  ifls_ = kIflsReset;
  overrun_ = lost_ = false;
  gate_.interrupt_off();
  flush();
  set_modem_lines();
  lower(kInterruptMask);
}

// Left out: how much of the receive timeout has passed (it starts anew).
void Pl011::visit_state(StateVisitor& visitor) {
  visitor.begin("uart", 1);
  receiver_.visit(visitor, "receiver");
  transmitter_.visit(visitor, "transmitter");
  visitor.field("overrun", overrun_);
  visitor.field("lost", lost_);
  visitor.field("ilpr", ilpr_);
  visitor.field("ibrd", ibrd_);
  visitor.index("fbrd", fbrd_, 0x40);
  visitor.field("lcr_h", lcr_);
  visitor.field("cr", cr_);
  visitor.index("ifls", ifls_, kIflsMask + 1);
  visitor.index("imsc", imsc_, kInterruptMask + 1);
  visitor.index("ris", ris_, kInterruptMask + 1);
  visitor.field("modem", modem_);
  visitor.index("dmacr", dmacr_, 8);
  gate_.visit_state(visitor);
  if (visitor.loading() && (receiver_.count > capacity() || transmitter_.count > capacity()))
    visitor.reject("count", "more than fits");
  visitor.end();
}

void Pl011::after_load() {
  update_irq();
  gate_.after_load(imsc_ & (kRx | kRt));
  restart_timeout();
  transmit();
  gate_.resume();
}

}  // namespace mimus
