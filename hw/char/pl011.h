// PL011: UART with 32-byte FIFOs, revision r1p5.
//
// Specification: Arm PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G, chapter 3. Registers of up to 16
// bits at multiples of 4:
//   000 DR     004 RSR/ECR  018 FR    020 ILPR   024 IBRD  028 FBRD  02c LCR_H  030 CR  034 IFLS
//   038 IMSC   03c RIS      040 MIS   044 ICR    048 DMACR           fe0..ffc identification
//
// What differs from the cell: characters move at the speed of the endpoint instead of the divisor's (which only sets
// the length of the receive timeout), so the transmit FIFO passes its trigger level with every character that leaves;
// it sends even while CR does not enable it, as if firmware had done so; line errors and breaks do not occur; CTS, DSR
// and DCD are always on outside of loopback; there is no DMA and no IrDA. Input waits until the guest listens
// (hw/char/input_gate.h).
//
// Wiring: one interrupt line (UARTINTR, the combined one); a character endpoint (none: output is dropped); two timers.
#pragma once

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"
#include "core/endpoint/char_endpoint.h"
#include "hw/char/byte_fifo.h"
#include "hw/char/input_gate.h"

namespace mimus {

class Pl011 final : public Device {
 public:
  static constexpr u64 kSize = 0x1000;
  static constexpr u64 kClockHz = 24'000'000;  // UARTCLK

  Pl011(Clock& clock, EventQueue& events, IrqLine irq, CharEndpoint* endpoint);

  std::string_view name() const override { return "uart"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  static constexpr u8 kFifoSize = 32;
  using Fifo = ByteFifo<kFifoSize>;

  bool fifos_on() const;
  bool loopback() const;
  bool receiving() const;
  u8 capacity() const { return fifos_on() ? kFifoSize : 1; }
  u8 trigger(unsigned select_lsb) const;
  u64 receive_timeout_ns() const;

  void raise(u16 interrupts);
  void lower(u16 interrupts);
  void update_irq() { irq_.set(ris_ & imsc_); }

  size_t room() const;
  void receive(u8 byte);
  u16 read_data();
  void write_data(u8 byte);
  void transmit();
  void restart_timeout();
  void check_receive_level();
  void flush();
  void set_modem_lines();
  u16 flags();
  u16 read_register(u64 offset);
  void write_register(u64 offset, u16 value);
  void write_lcr(u8 value);
  void write_cr(u16 value);
  void write_imsc(u16 value);

  Clock& clock_;
  EventQueue& events_;
  IrqLine irq_;
  CharEndpoint* endpoint_;
  InputGate gate_;
  EventQueue::TimerId timeout_;

  Fifo receiver_, transmitter_;
  bool overrun_ = false;  // RSR.OE
  bool lost_ = false;     // DR.OE: characters were lost before the next one that is received
  u8 ilpr_ = 0;
  u16 ibrd_ = 0;
  u8 fbrd_ = 0;
  u8 lcr_ = 0;
  u16 cr_ = 0;
  u8 ifls_ = 0;
  u16 imsc_ = 0;
  u16 ris_ = 0;
  u16 modem_ = 0;  // the modem bits of FR
  u8 dmacr_ = 0;
};

}  // namespace mimus
