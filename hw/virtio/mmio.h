// Virtio over MMIO: one register window, one interrupt line. Without a device it is an empty slot (DeviceID 0), which
// drivers skip. Wiring: region 0, 0x200 bytes or more; the line is level-triggered, high while InterruptStatus is not
// 0. Source: VIRTIO 1.2, 4.2.2 (MMIO device register layout, version 2). There is no legacy interface (version 1).
#pragma once

#include <memory>
#include <string>

#include "core/device/device.h"
#include "core/device/irq.h"
#include "hw/virtio/device.h"
#include "hw/virtio/driver_window.h"

namespace mimus::virtio {

class Mmio final : public Device, private Transport {
 public:
  static constexpr u64 kWindowBytes = 0x200;

  Mmio(std::string name, IrqLine irq, std::unique_ptr<VirtioDevice> device = nullptr);

  std::string_view name() const override { return name_; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

  VirtioDevice* device() { return device_.get(); }

 private:
  struct Register;  // one row of the register table
  static const Register* find_register(u64 offset);
  template <GuestPa QueueLayout::* Field, unsigned shift>
  static void set_address(Mmio& mmio, u32 value);

  void used_buffers(unsigned queue) override { raise(1); }
  void config_changed() override { raise(2); }
  void raise(u32 cause);
  void set_ready(u32 value);

  std::string name_;
  IrqLine irq_;
  std::unique_ptr<VirtioDevice> device_;
  DriverWindow window_;
  u32 interrupt_status_ = 0;
};

}  // namespace mimus::virtio
