"""Runs a program at a terminal of its own and answers its questions, passphrases only when the terminal shows nothing of them.

terminal.py ANSWER... -- PROGRAM ARGUMENT...: prints what the terminal showed, and ends as the program does. The terminal
has TERMINAL_COLUMNS columns, if that is set."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios

at = sys.argv.index("--")
answers, program = sys.argv[1:at], sys.argv[at + 1:]
pid, terminal = pty.fork()
if pid == 0:
    if columns := os.environ.get("TERMINAL_COLUMNS"):
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    os.execv(program[0], program)

shown = b""
answered = 0
while True:
    ready, _, _ = select.select([terminal], [], [], 60)
    if not ready:
        sys.exit("nothing happens: " + shown.decode(errors="replace"))
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    hidden = shown.endswith(b": ")
    if (hidden or shown.endswith(b"]? ")) and answered < len(answers):
        # The question is there: from now on somebody may type.
        if hidden and termios.tcgetattr(terminal)[3] & termios.ECHO:
            sys.exit("the question is there, and what is typed would be shown: " + shown.decode(errors="replace"))
        os.write(terminal, answers[answered].encode() + b"\n")
        answered += 1
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(status))
