// SPDX-License-Identifier: MIT
/* sending.c - how an end sends, from its settings to the engine's */
#include "run/settings.h"

void run_sending_fill(const struct run_sending *sending, struct tunnel_settings *out)
{
	out->strategy = sending->strategy;
	out->aggregation = sending->aggregation;
	out->congestion = sending->congestion;
	out->no_copies = sending->no_copies;
}
