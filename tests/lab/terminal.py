# SPDX-License-Identifier: MIT
# terminal.py COMMAND... - what a command shows on a terminal, where it folds long lines, without the sequences for colours and clearing
import os
import pty
import re
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # the command has ended
        break
    if not piece:
        break
    shown += piece
sys.stdout.buffer.write(re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", shown).replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
