// SPDX-License-Identifier: MIT
/* unit.h - what every cmocka file includes, in the order cmocka wants */
#ifndef TG_TESTS_UNIT_H
#define TG_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#endif
