// SPDX-License-Identifier: MIT
/* client_path.h - what the client of a world says of its path on a link; apart from world.h, which fuzz targets use without cmocka */
#ifndef TG_UNIT_CLIENT_PATH_H
#define TG_UNIT_CLIENT_PATH_H

#include "unit/unit.h"
#include "unit/world.h"

/* The test fails when there is no such path. */
static inline struct tunnel_path_info world_client_path(const struct world *w, u32 link)
{
	struct tunnel_path_info paths[TG_MAX_PATHS];
	u32 n = tunnel_paths(w->client.tunnel, paths, TG_MAX_PATHS, w->now_us);

	for (u32 i = 0; i < n; i++)
		if (paths[i].link == link)
			return paths[i];
	fail_msg("no path on link %u", link);
	return paths[0];
}

#endif
