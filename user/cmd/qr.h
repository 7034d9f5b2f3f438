// SPDX-License-Identifier: MIT
/* qr.h - a text as a QR code in the terminal */
#ifndef TG_CMD_QR_H
#define TG_CMD_QR_H

/* Prints to standard output. 0; -ENOSPC: too long for a QR code; -ENOMEM. */
int qr_print(const char *text);

#endif
