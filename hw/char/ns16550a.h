// NS16550A: UART with 16-byte FIFOs.
//
// Specification: National Semiconductor PC16550D data sheet (June 1995), sections 8.0-8.8. Eight byte-wide registers:
//   0 RBR/THR (DLAB: DLL)   1 IER (DLAB: DLM)   2 IIR/FCR   3 LCR   4 MCR   5 LSR   6 MSR   7 SCR
//
// What differs from the chip: characters move at the speed of the endpoint instead of the divisor's (which only sets
// the length of the receive timeout); line errors and breaks do not occur; the modem inputs CTS, DSR and DCD are always
// on outside of loopback. Input waits in the endpoint until the guest listens (hw/char/input_gate.h).
//
// Wiring: one interrupt line; a character endpoint (none: output is dropped); two timers of the event queue.
#pragma once

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"
#include "core/endpoint/char_endpoint.h"
#include "hw/char/byte_fifo.h"
#include "hw/char/input_gate.h"

namespace mimus {

class Ns16550a final : public Device {
 public:
  static constexpr u64 kSize = 0x100;
  static constexpr u64 kClockHz = 3'686'400;  // input of the baud-rate divisor

  Ns16550a(Clock& clock, EventQueue& events, IrqLine irq, CharEndpoint* endpoint);

  std::string_view name() const override { return "uart"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  static constexpr u8 kFifoSize = 16;
  using Fifo = ByteFifo<kFifoSize>;

  bool dlab() const;
  bool loopback() const;
  bool fifos_on() const;
  u8 capacity() const { return fifos_on() ? kFifoSize : 1; }
  u8 trigger_level() const;
  u64 receive_timeout_ns() const;

  u8 line_status();
  u8 interrupt_id() const;
  u8 identify_interrupt();
  void update_irq();
  void set_modem_lines();

  u8 read_rbr();
  size_t room() const;
  void receive(u8 byte);
  void restart_timeout();
  void write_thr(u8 byte);
  void transmit();
  void transmitter_empty();
  void write_ier(u8 value);
  void write_fcr(u8 value);
  void write_mcr(u8 value);
  void clear_receiver();

  Clock& clock_;
  EventQueue& events_;
  IrqLine irq_;
  CharEndpoint* endpoint_;
  InputGate gate_;
  EventQueue::TimerId timeout_;

  Fifo receiver_, transmitter_;
  u16 divisor_ = 2;
  u8 ier_ = 0;
  u8 fcr_ = 0;
  u8 lcr_ = 0;
  u8 mcr_ = 0;
  u8 msr_ = 0;
  u8 scr_ = 0;
  bool overrun_ = false;
  bool timeout_pending_ = false;  // character timeout indication
  bool thre_pending_ = false;     // the transmitter became empty and nobody has seen it yet
};

}  // namespace mimus
