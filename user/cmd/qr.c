// SPDX-License-Identifier: MIT
/* qr.c - a text as a QR code in the terminal
 *
 * Two rows of modules make a line of half blocks. Light modules are drawn and dark ones left
 * out: terminals are mostly dark, and readers want dark on light.
 */
#include "cmd/qr.h"

#include <errno.h>
#include <stdio.h>

#include <qrencode.h>

#include "base/types.h"

#define QUIET 2		/* modules around it; the terminal's margin does the rest */

static bool is_light(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return true;
	return !(code->data[y * code->width + x] & 1);
}

int qr_print(const char *text)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (!code)
		return errno == ERANGE ? -ENOSPC : -ENOMEM;
	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		for (int x = -QUIET; x < code->width + QUIET; x++) {
			bool upper = is_light(code, x, y), lower = is_light(code, x, y + 1);

			fputs(upper && lower ? "\u2588" : upper ? "\u2580" : lower ? "\u2584" : " ", stdout);
		}
		putchar('\n');
	}
	QRcode_free(code);
	return 0;
}
