// One PCI Express function with BARs, INTx and MSI-X: a root-complex integrated endpoint unless it is told otherwise. A
// device kind derives from it; a host bridge owns it. Source: PCI Express Base Specification 4.0, 7.5 (configuration
// space), 6.1 (interrupts), 6.6.2 (function-level reset).
#pragma once

#include <optional>
#include <string>

#include "hw/pci/config_space.h"
#include "hw/pci/msix.h"

namespace mimus::pci {

class Function;

// The bus as a function sees it.
class Bus {
 public:
  virtual ~Bus() = default;
  virtual void set_intx(unsigned slot, bool level) = 0;  // INTA# of the function in that slot
  // A message-signalled interrupt. `requester` is the sender: bus, if it is another one, device and function number.
  virtual void send(u32 requester, u64 address, u32 data) = 0;
  virtual void decoding_changed() = 0;  // some BAR moved, or is decoded (no) more
};

struct Identity {
  u16 vendor = 0;
  u16 device = 0;
  u32 class_code = 0;  // 24 bits: class, subclass, programming interface
  u8 revision = 0;
  u16 subsystem_vendor = 0;
  u16 subsystem = 0;
};

// 7.5.3.2 Device/Port Type.
enum class PortType : u8 { endpoint = 0, root = 4, integrated = 9 };

enum class BarKind : u8 { none, io, memory32, memory64 };

class Function {
 public:
  Function(std::string name, const Identity& identity);
  virtual ~Function() = default;
  Function(const Function&) = delete;

  const std::string& name() const { return name_; }

  void become(PortType type);  // before attach()

  // -- bus side; machine lock held --
  void attach(Bus* bus, unsigned slot);
  u64 read_config(u32 offset, unsigned width);
  void write_config(u32 offset, unsigned width, u64 value);
  // Where a BAR is decoded at present: its first address on the bus.
  std::optional<u64> bar_base(unsigned bar) const;
  BarKind bar_kind(unsigned bar) const { return bars_[bar].kind; }
  u64 bar_bytes(unsigned bar) const { return bars_[bar].bytes; }
  u64 read_bar(unsigned bar, u64 offset, unsigned width);
  void write_bar(unsigned bar, u64 offset, unsigned width, u64 value);
  void reset();
  void visit_state(StateVisitor& visitor);
  virtual void after_load() {}

 protected:
  virtual u64 bar_read(unsigned bar, u64 offset, unsigned width) = 0;
  virtual void bar_write(unsigned bar, u64 offset, unsigned width, u64 value) = 0;
  virtual void function_reset() = 0;
  virtual void visit_function(StateVisitor&) {}
  // Around accesses to the configuration space, for capabilities that do something.
  virtual void config_read(u32 /*offset*/, unsigned /*width*/) {}
  virtual void config_written(u32 /*offset*/, unsigned /*width*/) {}

  // -- in constructors --
  void add_bar(unsigned bar, BarKind kind, u64 bytes);  // a power of two; memory64 also takes the next BAR
  void add_msix(unsigned bar, unsigned vectors);
  ConfigSpace& config() { return config_; }
  const ConfigSpace& config() const { return config_; }
  Bus* bus() const { return bus_; }
  unsigned slot() const { return slot_; }

  bool bus_master() const { return config_.read(kCommand, 2) & kCommandBusMaster; }
  bool msix_enabled() const { return msix_ && msix_->enabled(); }
  unsigned msix_vectors() const { return msix_ ? msix_->count() : 0; }
  void signal_msix(unsigned vector);
  void set_intx(bool level);

 private:
  struct Bar {
    BarKind kind = BarKind::none;
    u64 bytes = 0;
  };
  void add_express();
  void update_intx();

  std::string name_;
  ConfigSpace config_;
  Bar bars_[kBars];
  std::optional<Msix> msix_;
  unsigned msix_bar_ = kBars;
  u32 msix_offset_ = 0;
  u32 express_offset_ = 0;
  Bus* bus_ = nullptr;
  unsigned slot_ = 0;
  bool intx_ = false;      // what the function asks for
  bool intx_out_ = false;  // what the wire carries
};

}  // namespace mimus::pci
