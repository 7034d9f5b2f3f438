// SPDX-License-Identifier: MIT
/* kind.h - wireless, cellular, USB tethering or ethernet: by what sysfs says of an interface */
#ifndef TG_HOST_KIND_H
#define TG_HOST_KIND_H

#include "base/types.h"
#include "triglav/wire.h"

/* `root` is /sys/class/net, or a made-up one in tests. `ethernet`: the kernel calls its hardware type so. */
enum tg_link_kind kind_from_sysfs(const char *root, const char *name, bool ethernet);

#endif
