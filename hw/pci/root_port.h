// A PCI Express root port with one function behind it, as device 0 of the secondary bus: windows, bus numbers, and the
// secondary bus reset ("hot reset") that a flat bus cannot give.
// Source: PCI Express Base Specification 4.0, 7.5.1.3 (type 1 header), 7.5.3 (link), 6.6.1 (hot reset); PCI-to-PCI
// Bridge Architecture Specification 1.2, 3.2.5 (windows).
#pragma once

#include <memory>
#include <string>

#include "hw/pci/function.h"

namespace mimus::pci {

class RootPort final : public Function, private Bus {
 public:
  RootPort(std::string name, std::unique_ptr<Function> behind);
  void after_load() override { behind_->after_load(); }

  // The function as configuration accesses to bus number `bus` find it; null if that is not its bus, or in a reset.
  Function* behind(unsigned bus);
  // The function and what of its BARs the port's windows let through.
  Function& endpoint() { return *behind_; }
  bool forwards(BarKind kind, u64 base, u64 bytes) const;

 private:
  u64 bar_read(unsigned, u64, unsigned) override { return 0; }
  void bar_write(unsigned, u64, unsigned, u64) override {}
  void function_reset() override { behind_->reset(); }
  void visit_function(StateVisitor& visitor) override { behind_->visit_state(visitor); }
  void config_written(u32 offset, unsigned width) override;

  void set_intx(unsigned device, bool level) override;
  void send(u32 requester, u64 address, u32 data) override;
  void decoding_changed() override;

  u64 field(u32 offset, unsigned width) const { return config().read(offset, width); }

  std::unique_ptr<Function> behind_;
};

}  // namespace mimus::pci
