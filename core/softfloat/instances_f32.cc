#include "core/softfloat/softfloat.h"

namespace mimus::softfloat {

MIMUS_SOFTFLOAT_FORMAT(template, F32, RiscV)

}  // namespace mimus::softfloat
