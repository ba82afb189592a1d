// Copies of this process's table of descriptors: a clone that does not share the table has one until it has closed what
// it is not given, and what is closed here is open there until then: a port is taken, a mount busy.
#ifndef NSNET_COPIES_H_
#define NSNET_COPIES_H_

#include <stdint.h>

namespace nsnet {

// There is a copy for as long as this lives.
class Copy {
 public:
  Copy();
  ~Copy();
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

 private:
  const uint64_t number_;
};

// Whether there are any.
bool AreThereCopies();
// Waits until those are gone that there are.
void WaitForCopies();

}  // namespace nsnet

#endif  // NSNET_COPIES_H_
