// Interrupt wires: a device holds an IrqLine, an interrupt controller (or a CPU) is the sink at its end.
#pragma once

#include "core/base/types.h"

namespace mimus {

class IrqSink {
 public:
  virtual ~IrqSink() = default;
  virtual void set_irq(unsigned input, bool level) = 0;  // any thread
};

struct IrqLine {
  IrqSink* sink = nullptr;
  unsigned input = 0;
  void set(bool level) const {
    if (sink) sink->set_irq(input, level);
  }
};

}  // namespace mimus
