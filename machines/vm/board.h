// Board: what a machine is made of, where it lies and how it is wired.
#pragma once

#include <string_view>

#include "core/base/error.h"
#include "machines/vm/config.h"
#include "machines/vm/vm.h"

namespace mimus {

class Board {
 public:
  virtual ~Board() = default;
  virtual std::string_view name() const = 0;
  // Adds memory, devices and images to `vm`, whose accelerator is set and has config.cpus CPUs. The Vm is of no use
  // after an error.
  virtual Expected<void> build(Vm& vm, const MachineConfig& config) = 0;
};

}  // namespace mimus
