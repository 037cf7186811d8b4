// A descriptor chain resolved to host memory: what the driver lets the device read, then what it lets it write.
// Source: VIRTIO 1.2, 2.7.4 (message framing: devices make no assumption about how bytes are spread over descriptors).
#pragma once

#include "core/memory/dma.h"

namespace mimus::virtio {

using dma::gather;
using dma::note_written;
using dma::Piece;
using dma::Pieces;
using dma::resolve;
using dma::scatter;
using dma::slice;
using dma::total_bytes;

struct Chain {
  u16 head = 0;     // index of its first descriptor, which names it in the used ring
  Pieces readable;  // by the device
  Pieces writable;

  void clear() {
    readable.clear();
    writable.clear();
  }
};

}  // namespace mimus::virtio
