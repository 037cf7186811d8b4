// Virtio over PCI: a modern (non-transitional) function. BAR 4 holds the four register structures, BAR 1 the MSI-X
// table with one vector per queue and one for configuration changes.
// Source: VIRTIO 1.2, 4.1 (virtio over PCI bus).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hw/pci/function.h"
#include "hw/virtio/device.h"
#include "hw/virtio/driver_window.h"

namespace mimus::virtio {

class Pci final : public pci::Function, private Transport {
 public:
  Pci(const std::string& name, std::unique_ptr<VirtioDevice> device);
  VirtioDevice& device() { return *device_; }
  void after_load() override { device_->after_load(); }

 private:
  struct Register;  // one row of the common configuration structure
  static constexpr u16 kNoVector = 0xffff;

  u64 bar_read(unsigned bar, u64 offset, unsigned width) override;
  void bar_write(unsigned bar, u64 offset, unsigned width, u64 value) override;
  void function_reset() override;
  void visit_function(StateVisitor& visitor) override;
  void config_read(u32 offset, unsigned width) override;
  void config_written(u32 offset, unsigned width) override;

  void used_buffers(unsigned queue) override { raise(queue_vectors_[queue], 1); }
  void config_changed() override { raise(config_vector_, 2); }
  void raise(u16 vector, u8 cause);

  void add_structures();
  u32 add_structure(u8 type, u32 offset, u32 bytes, u32 capability_bytes);
  static const Register* find_register(u64 offset);
  template <GuestPa QueueLayout::* Field, unsigned shift>
  static u64 get_address(Pci& pci);
  template <GuestPa QueueLayout::* Field, unsigned shift>
  static void set_address(Pci& pci, u64 value);
  void set_status(u8 value);
  u16 usable_vector(u16 vector) const { return vector < msix_vectors() ? vector : kNoVector; }
  u8 take_isr();
  struct Window {
    u32 bar, offset, length;
  };
  Window access_window();

  std::unique_ptr<VirtioDevice> device_;
  std::vector<u16> queue_vectors_;
  u16 config_vector_ = kNoVector;
  DriverWindow window_;
  u8 isr_ = 0;
  u32 access_capability_ = 0;  // offset of the PCI configuration access capability
};

}  // namespace mimus::virtio
